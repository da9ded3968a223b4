// The telephone: who calls, what is wished, what can be offered; booked by keyboard in half a minute.
// The parts know their fields; this knows the order of a call.

import { api } from "./api.js";
import { t } from "./config.js";
import { byCode, joinWaiting, requestRide, takeOffer } from "./desk-api.js";
import { busy, byId, fieldError, show } from "./dom.js";
import { presentBooking, presentChoice, presentReadBack, presentWaiting } from "./phone-booking.js";
import { CallerPart } from "./phone-caller.js";
import { CallClock, forgetCall, keepCall, keptCall } from "./phone-call.js";
import { presentOffers, presentRefusal } from "./phone-offers.js";
import { clearOutcome, complain, present } from "./phone-outcome.js";
import { WishForm } from "./phone-wish.js";
import { OPEN } from "./phone-words.js";
import { syncClock } from "./time.js";

const STOPS_AGE_MS = 5 * 60000;
const RETRY_MS = 5000;

let changing = null; // the booking that is to have other terms
let offering = false; // whether offers or a refusal for the wish are shown
let taking = false; // one offer at a time
let searches = 0;
let stopsAt = 0;
let restoring = true;

const clock = new CallClock(byId("elapsed"), byId("call-clock"));
const caller = new CallerPart({ repeat: fillFrom, open: openBooking, next: () => next() });
const wish = new WishForm({ changed: wishChanged });
const about = { back: bookReturn, open: openBooking, change: beginChange, cancelled: () => clock.stop() };

/** To whatever comes next: offers that wait for a name, else the wish. */
function next() {
  if (offering) byId("outcome-title").focus();
  else wish.focus();
}

/** Offers belong to the wish they were asked for. */
function wishChanged() {
  if (restoring) return;
  searches += 1;
  clock.run();
  if (offering) clearOutcome();
  offering = false;
}

function setChanging(booking) {
  changing = booking;
  show(byId("changing"), Boolean(booking));
  byId("wish-title").textContent = t(booking ? "phone.change_title" : "phone.wish");
  byId("changing-text").textContent = booking ? t("phone.changing", { code: booking.code }) : "";
}

function fillFrom(trip, back) {
  setChanging(null);
  clearOutcome();
  wish.fill(trip, { back });
  keep();
}

function bookReturn(booking, request = null) {
  fillFrom({ booking, request }, true);
}

function beginChange(trip) {
  clearOutcome();
  wish.fill(trip, { time: true });
  setChanging(trip.booking);
}

// -- asking

async function find(event) {
  event?.preventDefault();
  const body = wish.body();
  if (!body) return;
  complain(null);
  clock.run();
  searches += 1;
  const mine = searches;
  busy(byId("find"), true);
  try {
    const answer = await requestRide(changing ? { ...body, replaces: changing.id } : body);
    if (mine === searches) draw(answer);
  } catch (error) {
    if (mine === searches) complain(error);
  } finally {
    busy(byId("find"), false);
  }
}

function draw(answer) {
  syncClock(answer.received_at);
  const back = () => wish.focus();
  if (answer.offers.length) {
    const take = (offer, button) => book(answer, offer, button);
    presentOffers(answer.offers, { take, again: () => find(), back });
  } else {
    const later = (departAt) => {
      wish.departAt(departAt);
      find();
    };
    const wait = changing ? null : (button) => joinList(answer, button);
    presentRefusal(answer.refusal, { later, wait, back });
  }
  offering = true;
}

// -- booking

async function book(request, offer, button) {
  const who = changing ? {} : caller.who();
  if (!who || taking) return;
  complain(null);
  taking = true;
  busy(button, true);
  const before = searches;
  try {
    const booking = await takeOffer(offer.id, who);
    if (before === searches) await booked(booking);
  } catch (error) {
    busy(button, false);
    if (before !== searches) return;
    if (error.code === "already_booked" && (await recover(request))) return;
    if (error.status === 404 || error.status === 409 || error.status === 410) {
      present(t("phone.offer_gone"), [], { focus: false });
      offering = false;
      byId("find").focus();
    }
    complain(error);
  } finally {
    taking = false;
  }
}

/** An answer that was lost on its way may have booked all the same: find it by the caller's number. */
async function recover(request) {
  const booking = await caller.bookingOf(request.id).catch(() => null);
  if (booking) await booked(booking);
  return Boolean(booking);
}

async function booked(booking) {
  const title = t(changing ? "phone.changed" : "phone.booked");
  offering = false;
  setChanging(null);
  clock.stop();
  forgetCall();
  await presentReadBack(booking, title, about);
}

async function joinList(request, button) {
  const who = caller.who();
  if (!who) return;
  busy(button, true);
  try {
    const entry = await joinWaiting(request.id, who);
    offering = false;
    clock.stop();
    forgetCall();
    if (entry.booking_id) await openBooking(entry.booking_id);
    else presentWaiting(entry);
  } catch (error) {
    complain(error);
    busy(button, false);
  }
}

// -- a booking that is there already

async function openBooking(id) {
  offering = false;
  searches += 1;
  try {
    await presentBooking(id, about);
  } catch (error) {
    complain(error);
  }
}

async function findByCode(event) {
  event.preventDefault();
  const code = byId("booking-code").value.trim();
  fieldError("booking-code", /^[A-Za-z0-9 -]{4,12}$/.test(code) ? "" : t("phone.code_wrong"));
  if (byId("booking-code").hasAttribute("aria-invalid")) return;
  clock.run();
  try {
    const { bookings } = await byCode(code);
    const open = bookings.filter(({ status }) => OPEN.has(status));
    const [first] = open.length ? open : bookings;
    if (open.length > 1 || (!open.length && bookings.length > 1)) {
      presentChoice(open.length ? open : bookings, openBooking);
    } else await openBooking(first.id);
    offering = false;
  } catch (error) {
    if (error.status === 404) fieldError("booking-code", t("phone.code_unknown"));
    else complain(error);
  }
}

// -- the call

function newCall() {
  searches += 1;
  offering = false;
  setChanging(null);
  caller.clear();
  wish.clear();
  byId("booking-code").value = "";
  fieldError("booking-code", "");
  clearOutcome();
  clock.reset();
  forgetCall();
  byId("number").focus();
  scrollTo({ top: 0 });
  loadStops();
}

/** The stops, anew now and then: one may have been closed. */
async function loadStops() {
  if (performance.now() - stopsAt < STOPS_AGE_MS && stopsAt) return;
  try {
    const [facts, { stops }] = await Promise.all([api.service(), api.stops()]);
    stopsAt = performance.now();
    syncClock(facts.now, facts.clock_rate);
    wish.setStops(stops);
  } catch (error) {
    complain(error);
    setTimeout(loadStops, RETRY_MS);
  }
}

/** What was typed stays over a lost connection or a reload; only in this tab, only until it is booked. */
function keep() {
  clock.run();
  if (changing) return; // else it would come back as a second ride
  keepCall({ ...caller.snapshot(), wish: wish.snapshot(), startedAt: clock.startedAt });
}

function restore() {
  const kept = keptCall();
  if (!kept) return;
  caller.restore(kept);
  wish.restore(kept.wish);
  clock.run(kept.startedAt);
}

const FUNCTION_KEYS = { F2: newCall, F4: () => byId("booking-code").focus() };

function listenToKeys() {
  addEventListener("keydown", (event) => {
    const run = FUNCTION_KEYS[event.key];
    if (!run || event.altKey || event.ctrlKey || byId("cancel-dialog").open) return;
    event.preventDefault();
    run();
  });
  byId("cancel-no").addEventListener("click", () => byId("cancel-dialog").close("no"));
  byId("new-call").addEventListener("click", newCall);
  byId("find-code").addEventListener("submit", findByCode);
  byId("wish").addEventListener("submit", find);
  byId("keep-as-is").addEventListener("click", () => {
    setChanging(null);
    clearOutcome();
    wish.focus();
  });
  for (const id of ["caller-part", "wish"]) {
    for (const name of ["input", "change"]) byId(id).addEventListener(name, keep);
  }
}

async function start() {
  listenToKeys();
  await loadStops();
  wish.ready();
  restore();
  restoring = false;
  if (document.activeElement === document.body) byId("number").focus();
  document.documentElement.dataset.ready = "true";
}

start();
