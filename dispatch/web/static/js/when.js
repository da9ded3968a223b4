// When a ride is wished: now, departing or arriving at a time of a day. Shared by the pages that ask.

import { service, t } from "./config.js";
import { byId, el, fieldError, show } from "./dom.js";
import { clockValue, dateOf, daysAhead, instant, now, rfc3339 } from "./time.js";

const STEP_MS = 30 * 60000;
// As people type a time: 9, 915, 09:15, 9.15, 9 Uhr 15.
const TYPED = /^(\d{1,2})\s*(?:[:.,h]|uhr)?\s*(\d{2})?\s*(?:uhr)?$/i;
const radios = () => document.querySelectorAll('input[name="when"]');

/** `now`, `depart` or `arrive`. */
export const whenOf = () => [...radios()].find((radio) => radio.checked).value;

/** What was typed as `09:15`; empty if it is no time of day. */
export function clockOf(text) {
  const [, hour, minute = "00"] = TYPED.exec(text.trim()) ?? [];
  if (!hour || Number(hour) > 23 || Number(minute) > 59) return "";
  return `${hour.padStart(2, "0")}:${minute}`;
}

/** Choose what the time means and, if given, which it is (ms since the epoch). */
export function setWhen(value, time) {
  for (const radio of radios()) radio.checked = radio.value === value;
  show(byId("when-fields"), value !== "now");
  fieldError("clock", "");
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
  byId("day").addEventListener("change", changed);
  byId("clock").addEventListener("change", () => {
    const clock = clockOf(byId("clock").value);
    if (clock) byId("clock").value = clock;
    fieldError("clock", "");
    changed();
  });
}

/** What a ride request says about the time; null with the field at fault shown. */
export function wishedTime() {
  const when = whenOf();
  if (when === "now") return {};
  const clock = clockOf(byId("clock").value);
  fieldError("clock", clock ? "" : t("booking.clock_wrong"));
  if (!clock) {
    byId("clock").focus();
    return null;
  }
  const at = rfc3339(instant(byId("day").value, clock));
  return when === "depart" ? { depart_at: at } : { arrive_by: at };
}
