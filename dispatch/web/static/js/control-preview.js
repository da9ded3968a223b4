// What a move would bring about, in words: driving, everybody's times, promises that would break.

import { t, tn } from "./config.js";
import { el } from "./dom.js";
import { clock } from "./time.js";

const NOTABLE_S = 30;
const MINUTE_S = 60;

const minutes = (seconds) => Math.max(1, Math.round(Math.abs(seconds) / MINUTE_S));
const clockMinute = (time) => Math.floor(Date.parse(time) / 1000 / MINUTE_S);
/** By how much the shown time changes, in minutes. */
const shift = (before, after) => (before && after ? clockMinute(after) - clockMinute(before) : 0);

function verdict({ feasible, forcible, message }) {
  if (feasible) return el("p", { class: "notice good" }, t("control.move.fits"));
  if (forcible) return el("p", { class: "notice warn" }, message);
  return el("p", { class: "notice bad" }, message);
}

function driving({ vehicle, added_drive_s: added }) {
  const name = vehicle.name;
  if (Math.abs(added) < NOTABLE_S) return t("control.move.same_drive", { name });
  if (added > 0) return tn("control.move.more_drive", minutes(added), { name });
  return tn("control.move.less_drive", minutes(added), { name });
}

function change(by) {
  if (!by) return t("control.move.same_time");
  if (by > 0) return tn("control.move.later", by);
  return tn("control.move.earlier", -by);
}

function time(label, before, after) {
  if (!after) return null;
  const by = shift(before, after);
  const from = before ? `${clock(before)} → ` : "";
  return el(
    "div",
    { class: "small" },
    `${label} ${from}${clock(after)} `,
    el("span", { class: by > 0 ? "later" : "soft" }, `(${change(by)})`),
  );
}

const moved = (rider) =>
  shift(rider.pickup_before, rider.pickup_after) !== 0 || shift(rider.arrival_before, rider.arrival_after) !== 0;

function riderItem(rider, code, own) {
  return el(
    "li",
    {},
    el("strong", {}, code, own ? ` · ${t("control.move.this")}` : ""),
    time(t("control.fact.pickup"), rider.pickup_before, rider.pickup_after),
    time(t("control.fact.dropoff"), rider.arrival_before, rider.arrival_after),
  );
}

function brokenText({ id, limit, by_s: by }, codes) {
  const what = t(`control.move.limit.${limit}`);
  return tn("control.move.broken", minutes(by), { code: codes.get(id) ?? t("control.move.vehicle"), what });
}

/** Whose planned times change, the moved booking first; or that nobody's do. */
function times({ riders, booking_id: id }, codes) {
  const own = (rider) => rider.booking_id === id;
  const shown = riders.filter((rider) => own(rider) || moved(rider)).sort((a, b) => own(b) - own(a));
  const items = shown.map((rider) => riderItem(rider, codes.get(rider.booking_id) ?? "?", own(rider)));
  const others = riders.length - shown.length;
  return [
    items.length ? el("ul", { class: "effects" }, items) : el("p", { class: "small" }, t("control.move.no_times")),
    ...(items.length && others ? [el("p", { class: "soft small" }, tn("control.move.unchanged", others))] : []),
  ];
}

/** The nodes that show a preview; `plan` knows the codes of the bookings. */
export function drawPreview(preview, plan) {
  const codes = new Map(plan.bookings.map((booking) => [booking.id, booking.code]));
  const nodes = [verdict(preview)];
  if (preview.broken.length) {
    nodes.push(el("ul", { class: "broken" }, preview.broken.map((each) => el("li", {}, brokenText(each, codes)))));
  }
  if (preview.vehicles.length) {
    nodes.push(el("h3", {}, t("control.move.driving")));
    nodes.push(el("ul", {}, preview.vehicles.map((each) => el("li", { class: "small" }, driving(each)))));
  }
  if (!preview.feasible && !preview.forcible) return nodes;
  return [...nodes, el("h3", {}, t("control.move.times")), ...times(preview, codes)];
}
