// The control room's lists. They say everything that the map shows, for those who cannot see it.

import { t, tn } from "./config.js";
import { byId, el } from "./dom.js";
import { clock, clockWindow, dayName, now } from "./time.js";

const LATE_FROM_S = 1;
const SOON_MS = 12 * 3600 * 1000;
const open = new Set();

const lateText = (seconds) => tn("control.late", Math.max(1, Math.round(seconds / 60)));
const isLate = (seconds) => seconds >= LATE_FROM_S;
const people = ({ seats, wheelchairs }) =>
  [seats && tn("party.seats", seats), wheelchairs && tn("party.wheelchairs", wheelchairs)]
    .filter(Boolean)
    .join(", ");

/** `3/8`: people on board and places of the vehicle's largest arrangement. */
export function loadOf({ load, configurations }) {
  const places = Math.max(...configurations.map((each) => each.seats + each.wheelchairs));
  return `${load.seats + load.wheelchairs}/${places}`;
}

export function drawCounts(fleet, plan) {
  const onDuty = fleet.vehicles.filter((vehicle) => vehicle.shift);
  const aboard = onDuty.reduce((sum, { load }) => sum + load.seats + load.wheelchairs, 0);
  const late = onDuty.filter((vehicle) => isLate(vehicle.late_s)).length;
  const counts = [
    ["on_duty", onDuty.length],
    ["aboard", aboard],
    ["open", plan.bookings.length],
    ["delayed", late],
  ];
  byId("counts").replaceChildren(
    ...counts.map(([key, value]) =>
      el(
        "div",
        { class: key === "delayed" && value ? "alarm" : "" },
        el("dt", {}, t(`control.count.${key}`)),
        el("dd", {}, String(value)),
      ),
    ),
  );
}

function riders(visit) {
  if (visit.kind === "waiting") return t("control.waits_there");
  const parts = [];
  const names = (list) => list.map((rider) => rider.code ?? "?").join(", ");
  if (visit.boarding.length) parts.push(`${t("control.boarding")} ${names(visit.boarding)}`);
  if (visit.alighting.length) parts.push(`${t("control.alighting")} ${names(visit.alighting)}`);
  return parts.join(" · ");
}

const isBreak = (visit) => visit.kind === "break";

function breakLine(visit) {
  const since = visit.arrived_at ?? visit.arrive;
  const until = t("control.until", { time: clock(visit.depart) });
  return el(
    "li",
    { class: "break" },
    el("time", { datetime: since }, clock(since)),
    el("div", {}, `${t("control.break")} · ${until}`, el("div", { class: "soft" }, visit.stop.name)),
  );
}

const stopLine = (visit) =>
  el(
    "li",
    {},
    el("time", { datetime: visit.arrive }, clock(visit.arrived_at ?? visit.arrive)),
    el("div", {}, visit.stop.name, el("div", { class: "soft" }, riders(visit))),
    isLate(visit.late_s) ? el("span", { class: "late" }, lateText(visit.late_s)) : el("span"),
  );

const visitLine = (visit) => (isBreak(visit) ? breakLine(visit) : stopLine(visit));

function nextText(vehicle) {
  const visit = vehicle.next_visit;
  if (!visit) return vehicle.shift ? t("control.no_visits") : "";
  if (isBreak(visit)) {
    return vehicle.state === "on_break"
      ? t("control.break_until", { time: clock(visit.depart) })
      : t("control.break_from", { time: clock(visit.arrive) });
  }
  const key = vehicle.state === "at_stop" ? "control.at" : "control.next";
  return t(key, { stop: visit.stop.name, time: clock(visit.arrived_at ?? visit.arrive) });
}

/** What is amiss with what a vehicle says about where it is. */
function placeText({ position }) {
  if (position?.doubted) return t("control.doubted");
  return position?.stale ? t("control.stale", { time: clock(position.at) }) : "";
}

function vehicleCard(vehicle, shift) {
  const late = isLate(vehicle.late_s);
  const pill = late
    ? el("span", { class: "pill bad" }, lateText(vehicle.late_s))
    : el("span", { class: `pill ${vehicle.shift ? "" : "quiet"}` }, t(`control.state.${vehicle.state}`));
  const node = el(
    "details",
    { class: "card vehicle", open: open.has(vehicle.id), "data-vehicle": vehicle.id },
    el(
      "summary",
      {},
      el(
        "div",
        { class: "row between" },
        el("span", { class: "name" }, vehicle.name),
        el("span", { class: "row" }, vehicle.shift ? el("span", { class: "soft small" }, t("control.load", { load: loadOf(vehicle) })) : null, pill),
      ),
      el("div", { class: "soft small" }, nextText(vehicle)),
      placeText(vehicle) ? el("div", { class: "small stale" }, placeText(vehicle)) : null,
    ),
    el("ol", { class: "visits" }, (shift?.visits ?? []).map(visitLine)),
    el(
      "div",
      { class: "act" },
      el("button", { class: "button small", type: "button", "data-open-vehicle": vehicle.id, "aria-haspopup": "dialog" }, t("control.vehicle.act")),
    ),
  );
  node.addEventListener("toggle", () => {
    if (node.open) open.add(vehicle.id);
    else open.delete(vehicle.id);
  });
  return node;
}

/** Replace a list only where something changed, so that the focus and the screen stay calm. */
function redraw(parent, items) {
  const key = JSON.stringify(items.map((item) => item.key));
  if (parent.dataset.key === key) return;
  const index = [...parent.children].findIndex((child) => child.contains(document.activeElement));
  parent.dataset.key = key;
  parent.replaceChildren(...items.map((item) => item.node()));
  parent.children[index]?.querySelector("summary, button")?.focus({ preventScroll: true });
}

export function drawFleet(fleet, plan) {
  const shifts = new Map(plan.shifts.map((shift) => [shift.id, shift]));
  const order = (vehicle) => (vehicle.shift ? 0 : 1);
  const vehicles = [...fleet.vehicles].sort((a, b) => order(a) - order(b));
  redraw(
    byId("fleet"),
    vehicles.map((vehicle) => {
      const shift = vehicle.shift && shifts.get(vehicle.shift.id);
      const { position, ...rest } = vehicle;
      return { key: [rest, placeText(vehicle), shift?.visits], node: () => vehicleCard(vehicle, shift) };
    }),
  );
}

const empty = (text) => ({ key: text, node: () => el("li", { class: "soft" }, text) });

export function drawShifts(plan) {
  const soon = plan.shifts.filter((shift) => Date.parse(shift.start) - now() < SOON_MS);
  const items = soon.map((shift) => ({
    key: [shift.id, shift.status],
    node: () =>
      el(
        "li",
        {},
        el("time", { datetime: shift.start }, clock(shift.start)),
        el("span", {}, `${shift.vehicle.name} · ${t("control.until", { time: clock(shift.end) })}`),
        el("span", { class: `pill ${shift.status === "active" ? "good" : "quiet"}` }, t(`control.shift.${shift.status}`)),
      ),
  }));
  redraw(byId("shifts"), items.length ? items : [empty(t("control.no_shifts"))]);
}

export function drawBookings(plan) {
  const items = plan.bookings.map((booking) => ({
    key: booking,
    node: () => {
      const { id, promise, party, code, vehicle, status, pinned } = booking;
      const [from] = promise.pickup_window;
      return el(
        "li",
        {},
        el("div", {}, el("time", { datetime: from }, clock(from)), el("div", { class: "soft" }, dayName(from))),
        el(
          "div",
          {},
          `${promise.pickup.name} → ${promise.dropoff.name}`,
          el(
            "div",
            {},
            el("button", { class: "plain-button", type: "button", "data-booking": id, "aria-haspopup": "dialog" }, code),
          ),
          el("div", { class: "soft" }, [people(party), vehicle?.name, clockWindow(promise.pickup_window), pinned && t("control.pinned_mark")].filter(Boolean).join(" · ")),
        ),
        el("span", { class: `pill ${status === "boarded" ? "good" : "quiet"}` }, t(`control.booking.${status}`)),
      );
    },
  }));
  redraw(byId("bookings"), items.length ? items : [empty(t("control.no_bookings"))]);
}
