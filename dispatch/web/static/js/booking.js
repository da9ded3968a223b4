// The booking page: where from and to, when, who; then offers; then whom to reach; then it is booked.

import { api } from "./api.js";
import { service, t } from "./config.js";
import { announce, busy, byId, el, fieldError, show } from "./dom.js";
import { createMap } from "./map.js";
import { OfferList } from "./offers.js";
import { PlaceField, pointPlace, StopIndex, stopPlace } from "./places.js";
import { dueRide, remember } from "./rides.js";
import { clock, now, syncClock } from "./time.js";
import { prepareWhen, setWhen, wishedTime } from "./when.js";

const NOTABLE_WALK_M = 10;
const PHONE = /^\+?[0-9 ()/.-]{5,25}$/;
const EMAIL = /^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$/;

let index = new StopIndex([]);
let map = null;
let active = null;
let chosen = null;
const counts = { seats: 1, wheelchairs: 0 };

const ends = Object.fromEntries(
  ["origin", "destination"].map((id) => [
    id,
    new PlaceField(id, index, { changed: placeChanged, focused: activate }),
  ]),
);
const offers = new OfferList({ choose, look: lookAt, again: () => find() });

function activate(field) {
  active = field;
  for (const each of Object.values(ends)) each.active = each === field;
  const key = field.id === "origin" ? "booking.tap_from" : "booking.tap_to";
  byId("map-hint").textContent = map ? t(key) : "";
}

function placeChanged(field) {
  forget();
  const to = field.id === "destination";
  map?.setPin(field.id, field.place, { to, text: t(to ? "map.pin_to" : "map.pin_from") });
  if (!field.place) return;
  const other = to ? ends.origin : ends.destination;
  if (other.place) map?.fit([field.place, other.place]);
  else activate(other);
}

/** Offers belong to the wish they were asked for: once that changes, they go. */
function forget() {
  chosen = null;
  offers.clear();
  show(byId("contact"), false);
  announce(byId("message"), "");
  map?.setWays([]);
  for (const key of ["pickup", "dropoff"]) map?.setPin(key, null);
}

function lookAt(offer) {
  if (!map) return;
  const { origin, destination } = ends;
  const elsewhere = (stop) => (stop.walk_m >= NOTABLE_WALK_M ? stop : null);
  map.setPin("pickup", elsewhere(offer.pickup), { small: true });
  map.setPin("dropoff", elsewhere(offer.dropoff), { small: true, to: true });
  const walk = (a, b) => ({ walk: true, coordinates: [[a.lon, a.lat], [b.lon, b.lat]] });
  map.setWays([walk(origin.place, offer.pickup), walk(offer.dropoff, destination.place)]);
  map.fit([origin.place, destination.place, offer.pickup, offer.dropoff]);
}

// -- when and who

function prepareSteppers() {
  for (const stepper of document.querySelectorAll("[data-stepper]")) {
    const name = stepper.dataset.stepper;
    const [fewer, more] = stepper.querySelectorAll("button");
    const update = (step) => {
      counts[name] += step;
      stepper.querySelector("output").textContent = counts[name];
      fewer.disabled = counts[name] <= 0;
      more.disabled = counts[name] >= service.partyMax[name];
      if (step) forget();
    };
    fewer.addEventListener("click", () => update(-1));
    more.addEventListener("click", () => update(1));
    update(0);
  }
}

/** The body of a ride request, or null with the fields at fault marked. */
function wish() {
  let missing = null;
  for (const field of Object.values(ends)) {
    field.error(field.place ? "" : t("booking.choose_place"));
    if (!field.place) missing ??= field;
  }
  if (missing) {
    missing.focus();
    return null;
  }
  const time = wishedTime();
  if (!time) return null;
  const body = {
    origin: ends.origin.place.body,
    destination: ends.destination.place.body,
    party: { ...counts },
    ...time,
  };
  if (byId("short-walk").checked) body.max_walk_m = service.shortWalkM;
  return body;
}

async function find(event) {
  event?.preventDefault();
  forget();
  const body = wish();
  if (!body) return;
  busy(byId("find"), true);
  try {
    const answer = await api.requestRide(body);
    syncClock(answer.received_at);
    offers.draw(answer, (departAt) => {
      setWhen("depart", Date.parse(departAt));
      find();
    });
  } catch (error) {
    announce(byId("message"), error.message);
    byId("message").scrollIntoView({ block: "center" });
  } finally {
    busy(byId("find"), false);
  }
}

// -- taking an offer

function choose(offer) {
  chosen = offer;
  show(byId("contact"));
  byId("contact-title").textContent = t("contact.title_for", { time: clock(offer.pickup_window[0]) });
  byId("contact").scrollIntoView({ block: "nearest", behavior: "smooth" });
  byId("name").focus({ preventScroll: true });
}

function contact() {
  const value = (id) => byId(id).value.trim();
  const [name, phone, email] = ["name", "phone", "email"].map(value);
  fieldError("name", name ? "" : t("contact.name_missing"));
  const unreachable = !phone && !email;
  const badPhone = unreachable || (phone && !PHONE.test(phone));
  fieldError("phone", badPhone ? t(unreachable ? "contact.reach_missing" : "contact.phone_wrong") : "");
  const badEmail = email && !EMAIL.test(email);
  fieldError("email", badEmail ? t("contact.email_wrong") : "");
  const wrong = document.querySelector('#contact [aria-invalid="true"]');
  wrong?.focus();
  if (wrong) return null;
  return { name, ...(phone && { phone }), ...(email && { email }) };
}

async function book(event) {
  event.preventDefault();
  const who = contact();
  if (!who || !chosen) return;
  announce(byId("message"), "");
  busy(byId("book"), true);
  try {
    const booking = await api.book(chosen.id, who);
    remember(booking);
    location.assign(`/b/${booking.id}`);
  } catch (error) {
    busy(byId("book"), false);
    if (error.status === 404 || error.status === 409 || error.status === 410) forget();
    announce(byId("message"), error.message);
    byId("message").scrollIntoView({ block: "center" });
  }
}

// -- start

function showDueRide() {
  const ride = dueRide(now());
  if (!ride) return;
  const link = el("a", { href: `/b/${ride.id}` }, t("booking.my_ride", { time: clock(ride.pickup) }));
  byId("my-ride").replaceChildren(link);
  show(byId("my-ride"));
}

async function start() {
  byId("search").addEventListener("submit", find);
  byId("contact").addEventListener("submit", book);
  byId("back").addEventListener("click", () => {
    show(byId("contact"), false);
    byId("results-title").focus();
  });
  byId("swap").addEventListener("click", () => {
    const { origin, destination } = ends;
    const [from, to] = [destination.place, origin.place];
    origin.choose(from);
    destination.choose(to);
  });
  prepareSteppers();
  const mapReady = createMap();
  try {
    const [facts, { stops }] = await Promise.all([api.service(), api.stops()]);
    syncClock(facts.now, facts.clock_rate);
    index = new StopIndex(stops);
    for (const field of Object.values(ends)) field.setIndex(index);
    map = await mapReady;
    map?.setStops(stops);
    map?.setArea(facts.area);
  } catch (error) {
    announce(byId("message"), error.message);
    map = await mapReady;
  }
  prepareWhen(forget);
  byId("short-walk").addEventListener("change", forget);
  showDueRide();
  activate(ends.origin);
  map?.onTap((place, stopId) => {
    const stop = stopId && index.byId.get(stopId);
    active.choose(stop ? stopPlace(stop) : pointPlace(place, index));
  });
  document.documentElement.dataset.ready = "true";
}

start();
