// The service's clock and the town's time zone, whatever the visitor's device thinks.

import { language, service, t } from "./config.js";

const DAY_MS = 86400000;
const locale = language === "de" ? "de-DE" : "en-GB";
const zone = { timeZone: service.timezone };
const clockFormat = new Intl.DateTimeFormat(locale, { ...zone, hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(locale, {
  ...zone,
  weekday: "short",
  day: "numeric",
  month: "long",
});
const partsFormat = new Intl.DateTimeFormat("en-GB", {
  ...zone,
  hourCycle: "h23",
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

let base = { service: Date.now(), local: performance.now(), rate: 1 };

/** Set the service's clock from an answer: `at` as RFC 3339, `rate` service seconds per second. */
export function syncClock(at, rate = base.rate) {
  base = { service: Date.parse(at), local: performance.now(), rate };
}

/** The service's time in ms since the epoch. */
export function now() {
  return base.service + (performance.now() - base.local) * base.rate;
}

/** How many real milliseconds a span of service time takes. */
export const realMs = (serviceMs) => serviceMs / base.rate;

const ms = (time) => (typeof time === "number" ? time : Date.parse(time));

/** `14:05` in the town. */
export const clock = (time) => clockFormat.format(ms(time));

/** `14:05–14:15` in the town. */
export const clockWindow = ([from, to]) => `${clock(from)}–${clock(to)}`;

function parts(time) {
  const all = Object.fromEntries(partsFormat.formatToParts(ms(time)).map((p) => [p.type, p.value]));
  return { ...all, date: `${all.year}-${all.month}-${all.day}` };
}

/** The calendar day in the town, `2026-03-29`. */
export const dateOf = (time) => parts(time).date;

/** The clock time in the town as an input wants it, `14:05`. */
export function clockValue(time) {
  const { hour, minute } = parts(time);
  return `${hour}:${minute}`;
}

/** `Heute`, `Morgen`, or the weekday and date. */
export function dayName(time) {
  const date = dateOf(time);
  if (date === dateOf(now())) return t("day.today");
  if (date === dateOf(now() + DAY_MS)) return t("day.tomorrow");
  return dayFormat.format(ms(time));
}

/** The days from today to so many ahead, as `{date, name}`. */
export function daysAhead(count) {
  const noon = instant(dateOf(now()), "12:00");
  return Array.from({ length: count + 1 }, (_, index) => {
    const time = noon + index * DAY_MS;
    return { date: dateOf(time), name: dayName(time) };
  });
}

function offsetMs(time) {
  const p = parts(time);
  const wall = Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second);
  return wall - Math.floor(time / 1000) * 1000;
}

/** The instant (ms) of a wall-clock time in the town; where the clocks go forward, the later one. */
export function instant(date, clockText) {
  const wall = Date.parse(`${date}T${clockText}:00Z`);
  const guess = wall - offsetMs(wall);
  return wall - offsetMs(guess);
}

/** An instant as RFC 3339 with an offset, for the API. */
export const rfc3339 = (time) => new Date(time).toISOString();

/** Minutes from now until an instant, at least 0. */
export const minutesUntil = (time) => Math.max(0, Math.round((ms(time) - now()) / 60000));

/** `1:42` until an instant; empty when over. */
export function countdown(time) {
  const seconds = Math.ceil((ms(time) - now()) / 1000);
  if (seconds <= 0) return "";
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

const money = new Intl.NumberFormat(locale, { style: "currency", currency: "EUR" });

export const price = (cents) => money.format(cents / 100);
