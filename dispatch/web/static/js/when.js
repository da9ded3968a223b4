// When a ride is wished: now, departing or arriving at a time of a day. Shared by the pages that ask.

import { service } from "./config.js";
import { byId, el, show } from "./dom.js";
import { clockValue, dateOf, daysAhead, instant, now, rfc3339 } from "./time.js";

const STEP_MS = 30 * 60000;
const radios = () => document.querySelectorAll('input[name="when"]');

/** `now`, `depart` or `arrive`. */
export const whenOf = () => [...radios()].find((radio) => radio.checked).value;

/** Choose what the time means and, if given, which it is (ms since the epoch). */
export function setWhen(value, time) {
  for (const radio of radios()) radio.checked = radio.value === value;
  show(byId("when-fields"), value !== "now");
  if (time) {
    byId("day").value = dateOf(time);
    byId("clock").value = clockValue(time);
  }
}

/** Offer the days from today on; a page that stays open for days has to do it again. */
export function drawDays() {
  const chosen = byId("day").value;
  const days = daysAhead(service.bookableAheadDays);
  byId("day").replaceChildren(...days.map(({ date, name }) => el("option", { value: date }, name)));
  if (days.some(({ date }) => date === chosen)) byId("day").value = chosen;
}

/** Set the fields up; `changed()` is told whenever the wish has become another. */
export function prepareWhen(changed) {
  drawDays();
  for (const radio of radios()) {
    radio.addEventListener("change", () => {
      const start = Math.ceil((now() + STEP_MS) / STEP_MS) * STEP_MS;
      setWhen(radio.value, byId("clock").value ? null : start);
      changed();
    });
  }
  for (const id of ["day", "clock"]) byId(id).addEventListener("change", changed);
}

/** What a ride request says about the time; null with the field at fault shown. */
export function wishedTime() {
  const when = whenOf();
  if (when === "now") return {};
  if (!byId("clock").value) {
    byId("clock").reportValidity();
    return null;
  }
  const at = rfc3339(instant(byId("day").value, byId("clock").value));
  return when === "depart" ? { depart_at: at } : { arrive_by: at };
}
