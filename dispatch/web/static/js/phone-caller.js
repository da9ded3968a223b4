// Who is calling: a number that is known brings names and trips; else there is a name to type.

import { t } from "./config.js";
import { byId, busy, el, fieldError, show } from "./dom.js";
import { caller } from "./desk-api.js";
import { numbered } from "./keys.js";
import { complain } from "./phone-outcome.js";
import { OPEN, people, rideTitle, spokenDay } from "./phone-words.js";
import { clockWindow, clock } from "./time.js";

const AHEAD_MAX = 4;
const TRIPS_MAX = 5;
const PHONE = /^\+?[0-9 ()/.-]{5,25}$/;
const NEW = "";

let known = [];
let asked = 0;

const isOpen = ({ booking }) => OPEN.has(booking.status);
const placeKey = ({ lon, lat, stop_id: stop }) => stop ?? `${lon},${lat}`;

function tripKey({ booking, request }) {
  if (!request) return `${booking.promise.pickup.stop_id} ${booking.promise.dropoff.stop_id}`;
  return `${placeKey(request.origin)} ${placeKey(request.destination)}`;
}

/** What lies ahead, the next first; then earlier trips, each way once. */
export function tripsToShow(trips) {
  const ahead = trips.filter(isOpen).reverse();
  const seen = new Set();
  const earlier = trips.filter((trip) => {
    const key = tripKey(trip);
    if (isOpen(trip) || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
  return [...ahead.slice(0, AHEAD_MAX), ...earlier].slice(0, TRIPS_MAX);
}

/** The caller's part of the page: `repeat(trip, back)`, `open(bookingId)`, and `next()` to the wish. */
export class CallerPart {
  constructor({ repeat, open, next }) {
    this.repeat = repeat;
    this.open = open;
    this.next = next;
    byId("find-caller").addEventListener("submit", (event) => {
      event.preventDefault();
      this.lookUp();
    });
    byId("new-person").addEventListener("submit", (event) => {
      event.preventDefault();
      fieldError("name", "");
      this.next();
    });
    byId("number").addEventListener("input", () => {
      // What was found belongs to the number that was asked for.
      if (known.length || !byId("trips-part").hidden) this.#forget();
      fieldError("number", "");
    });
  }

  #forget() {
    asked += 1;
    known = [];
    byId("caller-news").textContent = "";
    byId("people-list").replaceChildren();
    byId("trips").replaceChildren();
    show(byId("people"), false);
    show(byId("trips-part"), false);
    show(byId("new-person"));
  }

  clear() {
    this.#forget();
    for (const id of ["number", "name"]) {
      byId(id).value = "";
      fieldError(id, "");
    }
  }

  async lookUp() {
    const number = byId("number").value.trim();
    if (!number) {
      byId("name").focus();
      return;
    }
    if (!PHONE.test(number)) {
      fieldError("number", t("contact.phone_wrong"));
      return;
    }
    fieldError("number", "");
    this.#forget();
    const mine = asked;
    busy(byId("look-up"), true);
    try {
      const found = await caller(number);
      if (mine === asked) this.#draw(found);
    } catch (error) {
      if (mine !== asked) return;
      if (error.status === 422) fieldError("number", t("phone.number_wrong"));
      else complain(error);
    } finally {
      busy(byId("look-up"), false);
    }
  }

  #draw({ riders, trips }) {
    known = riders;
    show(byId("people"), riders.length > 0);
    show(byId("new-person"), !riders.length);
    byId("people-list").replaceChildren(
      ...riders.map((rider, index) => this.#person(rider.rider_id, rider.name, index === 0)),
      this.#person(NEW, t("phone.somebody_else"), false),
    );
    const shown = tripsToShow(trips);
    const rows = shown.map((trip, index) => this.#row(trip, index));
    const list = byId("trips").cloneNode(false); // without the keys of the trips before
    list.append(...rows.map(({ row }) => row));
    byId("trips").replaceWith(list);
    numbered(list, rows.map(({ main }) => main), { r: (index) => rows[Math.max(0, index)].back.click() });
    list.addEventListener("keydown", (event) => event.key === "Escape" && this.next());
    show(byId("trips-part"), rows.length > 0);
    byId("caller-news").textContent = riders.length ? "" : t("phone.unknown_number");
    if (rows.length) rows[0].main.focus();
    else if (riders.length) this.next();
    else byId("name").focus();
  }

  #person(id, name, checked) {
    const radio = el("input", { type: "radio", name: "person", value: id, checked });
    radio.addEventListener("change", () => {
      show(byId("new-person"), this.rider === NEW);
      if (this.rider === NEW) byId("name").focus();
    });
    return el("label", { class: "check" }, radio, el("span", {}, name));
  }

  #row(trip, index) {
    const { booking } = trip;
    const [from] = booking.promise.pickup_window;
    const ahead = isOpen(trip);
    const when = ahead
      ? `${spokenDay(from)} ${clockWindow(booking.promise.pickup_window)}`
      : `${spokenDay(from)}, ${clock(from)}`;
    const gone = booking.status === "cancelled" && t("phone.trip_cancelled");
    const facts = [when, people(booking.party), ahead && booking.code, gone].filter(Boolean).join(" · ");
    const main = el(
      "button",
      { class: `trip${ahead ? " ahead" : ""}`, type: "button", "data-booking": booking.id },
      el("kbd", { "aria-hidden": "true" }, String(index + 1)),
      el(
        "span",
        {},
        el("span", { class: "way" }, booking.promise.pickup.name),
        el("span", { class: "way" }, `→ ${booking.promise.dropoff.name}`),
        el("span", { class: "soft small" }, facts),
        el("span", { class: "what small" }, t(ahead ? "phone.trip_open" : "phone.trip_again")),
      ),
    );
    const back = el(
      "button",
      { class: "trip-back", type: "button", "aria-label": t("phone.trip_back_of", { trip: rideTitle(booking) }) },
      t("phone.trip_back"),
      el("kbd", { "aria-hidden": "true" }, "R"),
    );
    main.addEventListener("click", () => (ahead ? this.open(booking.id) : this.repeat(trip, false)));
    back.addEventListener("click", () => this.repeat(trip, true));
    return { row: el("li", {}, main, back), main, back };
  }

  /** The id of the known person who is chosen; empty for somebody new. */
  get rider() {
    return document.querySelector('input[name="person"]:checked')?.value ?? NEW;
  }

  /** For whom to book, as the API wants it; null with the field at fault marked and in focus. */
  who() {
    if (this.rider !== NEW) return { rider_id: this.rider };
    const name = byId("name").value.trim();
    const phone = byId("number").value.trim();
    const phoneError = PHONE.test(phone) ? "" : t(phone ? "contact.phone_wrong" : "phone.number_missing");
    fieldError("name", name ? "" : t("contact.name_missing"));
    fieldError("number", phoneError);
    if (!name) byId("name").focus();
    else if (phoneError) byId("number").focus();
    return name && !phoneError ? { contact: { name, phone } } : null;
  }

  /** The trips of this number anew: to find what a lost answer has booked. */
  async bookingOf(requestId) {
    const number = byId("number").value.trim();
    if (!number) return null;
    const { trips } = await caller(number);
    return trips.find(({ request }) => request?.id === requestId)?.booking ?? null;
  }

  snapshot() {
    return { number: byId("number").value, name: byId("name").value };
  }

  restore({ number, name }) {
    byId("number").value = number;
    byId("name").value = name;
  }
}
