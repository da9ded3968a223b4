// The caller's wish: from, to, when, how many. Filled by hand, or from an earlier trip.

import { service, t } from "./config.js";
import { byId, show } from "./dom.js";
import { PlaceField, pointPlace, StopIndex, stopPlace } from "./places.js";
import { drawDays, prepareWhen, setWhen, whenOf, wishedTime } from "./when.js";

const PARTY = ["seats", "wheelchairs"];
const focusWhen = () => document.querySelector('input[name="when"]:checked').focus();

export class WishForm {
  #index = new StopIndex([]);
  #changed;

  constructor({ changed }) {
    this.#changed = changed;
    const options = {
      changed: (field) => this.#placed(field),
      none: t("phone.place_none"),
    };
    this.origin = new PlaceField("origin", this.#index, options);
    this.destination = new PlaceField("destination", this.#index, options);
    for (const id of [...PARTY, "short-walk"]) byId(id).addEventListener("change", changed);
  }

  /** Begin, once the service's clock is known. */
  ready() {
    prepareWhen(this.#changed);
  }

  setStops(stops) {
    this.#index = new StopIndex(stops);
    for (const field of [this.origin, this.destination]) field.setIndex(this.#index);
  }

  /** A chosen place leads on to what is still to be said. */
  #placed(field) {
    this.#changed();
    if (!field.place || !field.focused) return;
    if (field === this.origin && !this.destination.place) this.destination.focus();
    else focusWhen();
  }

  focus() {
    if (!this.origin.place) this.origin.focus();
    else if (!this.destination.place) this.destination.focus();
    else focusWhen();
  }

  clear() {
    this.origin.choose(null);
    this.destination.choose(null);
    byId("seats").value = "1";
    byId("wheelchairs").value = "0";
    byId("short-walk").checked = false;
    byId("clock").value = "";
    drawDays();
    setWhen("now");
    this.#partyError("");
  }

  /** A place as a request had it, by the name of the stop that served it. */
  #place(spot, served) {
    const stop = this.#index.byId.get(spot?.stop_id ?? (spot ? "" : served.stop_id));
    if (stop) return stopPlace(stop);
    const point = spot ?? served;
    return point.lon === null ? null : pointPlace(point, this.#index);
  }

  /**
   * Take over the ways of an earlier trip.
   *
   * @param {object} trip   `booking` and, as long as it is known, its `request`
   * @param {object} options
   * @param {boolean} options.back   the other way round
   * @param {boolean} options.time   its time, too (to change it)
   */
  fill({ booking, request }, { back = false, time = false } = {}) {
    const start = this.#place(request?.origin, booking.promise.pickup);
    const end = this.#place(request?.destination, booking.promise.dropoff);
    this.origin.choose(back ? end : start);
    this.destination.choose(back ? start : end);
    for (const name of PARTY) byId(name).value = String(booking.party[name]);
    drawDays();
    if (!time) setWhen("now");
    else if (request?.arrive_by) setWhen("arrive", Date.parse(request.arrive_by));
    else setWhen("depart", Date.parse(request?.depart_at ?? booking.promise.pickup_window[0]));
    this.focus();
  }

  #partyError(text) {
    byId("party-error").textContent = text;
    show(byId("party-error"), Boolean(text));
    for (const name of PARTY) {
      if (text) byId(name).setAttribute("aria-invalid", "true");
      else byId(name).removeAttribute("aria-invalid");
    }
  }

  #party() {
    const party = Object.fromEntries(PARTY.map((name) => [name, Number(byId(name).value || "0")]));
    const bad = PARTY.find((name) => !Number.isInteger(party[name]) || party[name] < 0);
    const over = PARTY.find((name) => party[name] > service.partyMax[name]);
    const nobody = PARTY.every((name) => party[name] === 0);
    if (!bad && !over && !nobody) {
      this.#partyError("");
      return party;
    }
    this.#partyError(over ? t("phone.party_max", service.partyMax) : t("phone.party_wrong"));
    byId(bad ?? over ?? "seats").focus();
    return null;
  }

  /** The body of a ride request; null with what is missing marked and in focus. */
  body() {
    let missing = null;
    for (const field of [this.origin, this.destination]) {
      field.error(field.place ? "" : t("phone.choose_place"));
      if (!field.place) missing ??= field;
    }
    if (missing) {
      missing.focus();
      return null;
    }
    const time = wishedTime();
    const party = time && this.#party();
    if (!party) return null;
    return {
      origin: this.origin.place.body,
      destination: this.destination.place.body,
      party,
      ...time,
      ...(byId("short-walk").checked && { max_walk_m: service.shortWalkM }),
    };
  }

  departAt(time) {
    setWhen("depart", Date.parse(time));
  }

  snapshot() {
    const values = Object.fromEntries([...PARTY, "day", "clock"].map((id) => [id, byId(id).value]));
    return { origin: this.origin.place, destination: this.destination.place, when: whenOf(), values };
  }

  restore({ origin, destination, when, values }) {
    this.origin.choose(origin);
    this.destination.choose(destination);
    setWhen(when);
    for (const [id, value] of Object.entries(values)) if (value) byId(id).value = value;
  }
}
