// A booking as it is told to a caller: the promise read back with its code, where the ride stands,
// changed or given up.

import { t } from "./config.js";
import { bookingNow, cancelBooking, readBack, whose } from "./desk-api.js";
import { busy, byId, el, show } from "./dom.js";
import { complain, listen, present } from "./phone-outcome.js";
import { newsSentences, people, rideTitle, spokenDay } from "./phone-words.js";
import { clock, clockWindow } from "./time.js";

const REFRESH_MS = 15000;

const key = (letter) => el("kbd", { "aria-hidden": "true" }, letter);

function action(text, letter, run, tone = "") {
  const button = el("button", { class: `button ${tone}`, type: "button" }, text, " ", key(letter));
  button.addEventListener("click", () => run(button));
  return { letter: letter.toLowerCase(), button, click: () => button.click() };
}

const keysOf = (actions) => Object.fromEntries(actions.map(({ letter, click }) => [letter, click]));

const codeLine = (code) =>
  el("p", { class: "read-code" }, el("span", { class: "soft small" }, t("ride.code")), el("strong", { class: "code" }, code));

/** The text from the service; if it does not come, what the page knows itself. */
function fallback(booking) {
  const [from, to] = booking.promise.pickup_window;
  return t("phone.read_fallback", {
    day: spokenDay(from),
    from: clock(from),
    to: clock(to),
    pickup: booking.promise.pickup.name,
    there: clock(booking.promise.arrival_latest),
    dropoff: booking.promise.dropoff.name,
  });
}

async function textOf(booking) {
  try {
    return (await readBack(booking.id)).text;
  } catch {
    return `${fallback(booking)} ${t("phone.read_code", { code: [...booking.code].join(" ") })}`;
  }
}

/**
 * What is read back once it is booked, changed, or asked for again.
 *
 * @param {object} booking
 * @param {string} title
 * @param {object} on   `back(booking)` books the return, `open(id)` tells where it stands
 */
export async function presentReadBack(booking, title, { back, open }) {
  const text = el("p", { class: "said read" }, t("phone.reading"));
  const actions = [
    action(t("phone.book_return"), "R", () => back(booking)),
    action(t("phone.show_booking"), "S", () => open(booking.id)),
  ];
  const row = el("div", { class: "row wrap" }, actions.map(({ button }) => button));
  present(title, [el("div", { "aria-live": "polite" }, text), codeLine(booking.code), row]);
  listen(keysOf(actions));
  text.textContent = await textOf(booking);
}

/** That somebody waits, until when. */
export function presentWaiting(entry) {
  const until = { day: spokenDay(entry.until), time: clock(entry.until) };
  present(t("phone.waits"), [el("p", { class: "notice good said" }, t("phone.waits_text", until))]);
}

function facts(booking, owner) {
  const { promise, party, vehicle, code } = booking;
  const name = [owner?.name, owner?.phone ?? owner?.email].filter(Boolean).join(" · ");
  const rows = [
    [t("ride.code"), code],
    [t("phone.fact.who"), name || t("phone.fact.erased")],
    [t("phone.fact.ride"), rideTitle(booking)],
    [t("phone.fact.promise"), `${spokenDay(promise.pickup_window[0])} ${clockWindow(promise.pickup_window)}`],
    [t("phone.fact.arrival"), t("phone.fact.by", { time: clock(promise.arrival_latest) })],
    [t("ride.party"), people(party)],
    [t("phone.fact.vehicle"), vehicle?.name ?? "–"],
  ];
  return el("dl", { class: "facts" }, rows.flatMap(([term, value]) => [el("dt", {}, term), el("dd", {}, value)]));
}

/** Ask whether, and why; null if not. */
async function confirmCancel(booking) {
  const dialog = byId("cancel-dialog");
  const [from] = booking.promise.pickup_window;
  byId("cancel-what").textContent = `${rideTitle(booking)}, ${spokenDay(from)} ${clock(from)} (${booking.code})`;
  byId("cancel-reason").value = "plans_changed";
  dialog.returnValue = "no";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  return dialog.returnValue === "yes" ? byId("cancel-reason").value : null;
}

async function cancel(booking, button, on) {
  const reason = await confirmCancel(booking);
  if (!reason) {
    button.focus();
    return;
  }
  busy(button, true);
  try {
    const gone = await cancelBooking(booking.id, reason);
    const text = [t("phone.cancelled_text", { code: gone.code }), gone.cancelled_late && t("phone.cancelled_late")];
    present(t("ride.cancelled"), [el("p", { class: "notice good said" }, text.filter(Boolean).join(" "))]);
    on.cancelled(gone);
  } catch (error) {
    complain(error);
    busy(button, false);
    button.focus();
  }
}

/**
 * Where a booking stands, and what can be done about it. Keeps itself up to date.
 *
 * @param {string} id
 * @param {object} on   `change(trip)`, `back(booking)`, `open(id)`, `cancelled(booking)`
 */
export async function presentBooking(id, on) {
  const [first, owner] = await Promise.all([bookingNow(id), whose(id).catch(() => null)]);
  let booking = first;
  const news = el("p", { class: "said news", "aria-live": "polite" });
  const box = el("div");
  const trip = () => ({ booking, request: owner?.request ?? null });
  const actions = [];
  if (booking.status === "confirmed") {
    actions.push(
      action(t("phone.read_out"), "V", () => presentReadBack(booking, t("phone.read_title"), on)),
      action(t("phone.change"), "A", () => on.change(trip())),
    );
  }
  if (booking.status === "confirmed" || booking.status === "displaced") {
    actions.push(action(t("ride.cancel"), "C", (button) => cancel(booking, button, on), "danger"));
  }
  actions.push(action(t("phone.book_return"), "R", () => on.back(booking, owner?.request ?? null)));

  function draw() {
    const text = newsSentences(booking).join(" ");
    if (news.textContent !== text) news.textContent = text;
    box.replaceChildren(facts(booking, owner));
  }

  async function refresh() {
    try {
      booking = await bookingNow(id);
      draw();
      show(stale, false);
    } catch {
      show(stale);
    }
  }

  const stale = el("p", { class: "small late-news", hidden: true }, t("phone.stale"));
  const timer = setInterval(refresh, REFRESH_MS);
  const row = el("div", { class: "row wrap" }, actions.map(({ button }) => button));
  draw();
  present(t("phone.booking_title", { code: booking.code }), [news, stale, row, box], {
    end: () => clearInterval(timer),
  });
  listen(keysOf(actions));
}

/** Several bookings had this code once: which is meant? */
export function presentChoice(bookings, open) {
  const buttons = bookings.map((booking, index) => {
    const [from] = booking.promise.pickup_window;
    const text = `${rideTitle(booking)}, ${spokenDay(from)} ${clock(from)}`;
    return el("button", { class: "choice", type: "button", onclick: () => open(booking.id) }, key(String(index + 1)), el("span", {}, text));
  });
  present(t("phone.which"), [el("ol", { class: "choices-list" }, buttons.map((button) => el("li", {}, button)))]);
  listen({}, buttons);
}
