// How the planner's page writes numbers and times.

import { language, service, t, tn } from "./config.js";

const locale = language === "de" ? "de-DE" : "en-GB";
const whenFormat = new Intl.DateTimeFormat(locale, {
  timeZone: service.timezone,
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const dayFormat = new Intl.DateTimeFormat(locale, {
  timeZone: "UTC",
  weekday: "short",
  day: "numeric",
  month: "long",
  year: "numeric",
});
const percent = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(locale, {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const money = new Intl.NumberFormat(locale, { style: "currency", currency: "EUR" });

/** A real instant (s), on the town's clock. */
export const when = (seconds) => whenFormat.format(seconds * 1000);

/** The day that a scenario is about. */
export function day(iso) {
  const time = Date.parse(`${iso}T00:00:00Z`);
  return Number.isNaN(time) ? iso : dayFormat.format(time);
}

const FORMATS = {
  acceptance: (value) => percent.format(value),
  wait_mean_s: (value) => t("planner.minutes", { n: tenths.format(value / 60) }),
  vehicle_km: (value) => t("planner.km", { n: whole.format(value) }),
  cost_per_passenger_eur: (value) => money.format(value),
};

/** A run's key figures that are known, as `[key, text]`. */
export const figures = (values) =>
  Object.entries(FORMATS)
    .filter(([key]) => Number.isFinite(values[key]))
    .map(([key, text]) => [key, text(values[key])]);

export const share = (value) => whole.format(Math.floor(value * 100));

/** `noch etwa 3 Minuten`; empty while nobody knows. */
export function left(seconds) {
  if (seconds === null) return "";
  if (seconds < 60) return t("planner.left_soon");
  return tn("planner.left", Math.round(seconds / 60));
}
