// Sentences that are said on the telephone, in full, with the day first.

import { has, t, tn } from "./config.js";
import { clock, dateOf, dayName, minutesUntil, now, price } from "./time.js";

/** What is not over yet. */
export const OPEN = new Set(["confirmed", "displaced", "boarded"]);

const DAY_MS = 86400000;
const NOTABLE_WALK_M = 10;
const ROUND_M = 10;
const MINUTE_S = 60;

/** `heute`, `morgen` or `am Mi., 11. März`: within a sentence. */
export function spokenDay(time) {
  const date = dateOf(time);
  if (date === dateOf(now())) return t("phone.today");
  if (date === dateOf(now() + DAY_MS)) return t("phone.tomorrow");
  return t("phone.on_day", { day: dayName(time) });
}

export const people = ({ seats, wheelchairs }) =>
  [seats && tn("party.seats", seats), wheelchairs && tn("party.wheelchairs", wheelchairs)]
    .filter(Boolean)
    .join(", ");

const metres = (value) => Math.round(value / ROUND_M) * ROUND_M;

function walks({ pickup, dropoff }) {
  const parts = [];
  if (pickup.walk_m >= NOTABLE_WALK_M) {
    parts.push(t("phone.offer.walk_to", { metres: metres(pickup.walk_m) }));
  }
  if (dropoff.walk_m >= NOTABLE_WALK_M) {
    parts.push(t("phone.offer.walk_from", { metres: metres(dropoff.walk_m) }));
  }
  return parts;
}

/** An offer as it is read out, in sentences. */
export function offerSentences(offer) {
  const [from, to] = offer.pickup_window;
  const main = t("phone.offer.text", {
    day: spokenDay(from),
    from: clock(from),
    to: clock(to),
    pickup: offer.pickup.name,
    there: clock(offer.arrival_latest),
    dropoff: offer.dropoff.name,
  });
  return [main, ...walks(offer), t("phone.offer.price", { price: price(offer.price_cents) })];
}

/** A possible other time, as it is read out. */
export function alternativeSentence({ pickup_window: [from, to], arrival_latest: there }) {
  const values = { day: spokenDay(from), from: clock(from), to: clock(to), there: clock(there) };
  return t("phone.alternative", values);
}

function waitingNews({ live, promise, estimated }) {
  const [from, to] = promise.pickup_window;
  const due = estimated.pickup ?? from;
  const stop = promise.pickup.name;
  if (live.phase === "at_stop") return [t("phone.news.at_stop", { stop })];
  const coming = { day: spokenDay(due), time: clock(due), stop };
  const lines = [t("phone.news.coming", coming)];
  if (live.phase === "approaching") {
    const minutes = minutesUntil(due);
    lines.push(minutes < 1 ? t("phone.news.any_moment") : tn("phone.news.in_minutes", minutes));
  }
  lines.push(t("phone.news.promised", { from: clock(from), to: clock(to) }));
  const late = Math.ceil((Date.parse(due) - Date.parse(to)) / 1000 / MINUTE_S);
  if (late >= 1) lines.push(tn("phone.news.late", late));
  return lines;
}

/** Where a ride stands, as it is told to a caller: sentences, the most important first. */
export function newsSentences(booking) {
  const { status, live, promise, estimated } = booking;
  if (status === "boarded" || live.phase === "riding") {
    const time = clock(estimated.arrival ?? promise.arrival_latest);
    return [t("phone.news.riding", { time, stop: promise.dropoff.name })];
  }
  if (status === "confirmed") return waitingNews(booking);
  const ended = `phone.news.${status}`;
  const time = booking.ended_at ? clock(booking.ended_at) : "";
  return [has(ended) ? t(ended, { time }) : t("phone.news.unclear")];
}

/** `10:05–10:15, Marktplatz → Bahnhof`: which ride is meant. */
export const rideTitle = ({ promise }) => `${promise.pickup.name} → ${promise.dropoff.name}`;
