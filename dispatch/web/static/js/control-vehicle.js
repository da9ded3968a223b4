// One vehicle in the control room: its shift and break, and what is done when it cannot go on.

import { t, tn } from "./config.js";
import { backInService, breakLater, breakNow, endShift, outOfService, startShift, swap } from "./desk-api.js";
import { announce, busy, byId, el, show } from "./dom.js";
import { clock, clockValue, dateOf, instant, now, rfc3339 } from "./time.js";

const DAY_MS = 86_400_000;

let fleet = null;
let plan = null;
let vehicle = null;

const complain = (text, tone = "bad") => announce(byId("vehicle-message"), text, tone);
const shiftNow = () => plan.shifts.find((shift) => shift.id === vehicle.shift?.id);
const nextBreak = () => shiftNow()?.visits.find((visit) => visit.kind === "break");
const aboard = ({ load }) => load.seats + load.wheelchairs;

/** The shift that can be begun: the soonest of the vehicle's that has not. */
const shiftAhead = () =>
  plan.shifts
    .filter((shift) => shift.vehicle.id === vehicle.id && shift.status === "planned" && Date.parse(shift.end) > now())
    .sort((a, b) => Date.parse(a.start) - Date.parse(b.start))[0];

const outage = () => fleet.out_of_service.find((each) => each.vehicle.id === vehicle.id);

/** Those who could drive what is left of the day: the spare ones first. */
const replacements = () =>
  fleet.vehicles
    .filter((each) => each.id !== vehicle.id && each.state === "off_duty")
    .sort((a, b) => b.spare - a.spare || a.name.localeCompare(b.name));

const bookingsAhead = () =>
  new Set((shiftNow()?.visits ?? []).flatMap((visit) => [...visit.boarding, ...visit.alighting].map((r) => r.booking_id)));

function drawFacts() {
  const shift = vehicle.shift;
  const rest = nextBreak();
  const rows = [
    [t("control.fact.state"), t(`control.state.${vehicle.state}`)],
    [t("control.fact.shift"), shift ? `${clock(shift.start)}–${clock(shift.end)}` : "–"],
    [t("control.fact.aboard"), String(aboard(vehicle))],
    [t("control.fact.ahead"), String(bookingsAhead().size)],
    rest && [t("control.break"), `${clock(rest.arrived_at ?? rest.arrive)}–${clock(rest.depart)}`],
  ];
  byId("vehicle-facts").replaceChildren(
    ...rows.filter(Boolean).map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value))),
  );
}

function drawDuty() {
  const active = vehicle.shift?.status === "active";
  const ahead = shiftAhead();
  show(byId("duty-start"), !active && Boolean(ahead) && !outage());
  show(byId("duty-end"), active);
  if (ahead) byId("duty-start").textContent = t("control.vehicle.start", { time: clock(ahead.start) });
  show(byId("duty-part"), active || Boolean(ahead));
  show(byId("break-part"), active && Boolean(nextBreak()) && vehicle.state !== "on_break" && !outage());
}

function drawOutage() {
  const out = outage();
  show(byId("back-part"), Boolean(out));
  show(byId("out-form"), !out);
  if (!out) return;
  const reason = t(`control.out.${out.reason}`);
  byId("back-state").textContent = t("control.vehicle.out_since", { time: clock(out.since), reason });
}

/** Say what is going to happen, for what has been chosen. */
function drawEffect() {
  const spare = fleet.vehicles.find((each) => each.id === byId("out-spare").value);
  const parts = [];
  const riders = aboard(vehicle);
  if (riders) parts.push(tn("control.vehicle.effect_aboard", riders));
  const ahead = bookingsAhead().size;
  if (spare && ahead) parts.push(tn("control.vehicle.effect_swap", ahead, { name: spare.name }));
  else if (ahead) parts.push(tn("control.vehicle.effect_ahead", ahead));
  byId("out-effect").textContent = parts.join(" ") || t("control.vehicle.effect_none");
  byId("out-do").textContent = spare ? t("control.vehicle.swap", { name: spare.name }) : t("control.vehicle.out");
  byId("out-do").disabled = !byId("out-reason").value;
}

function drawSpares() {
  const select = byId("out-spare");
  const before = select.value;
  const options = vehicle.shift
    ? replacements().map((each) => el("option", { value: each.id }, each.name))
    : [];
  select.replaceChildren(el("option", { value: "" }, t("control.vehicle.no_spare")), ...options);
  select.value = [...select.options].some(({ value }) => value === before) ? before : "";
}

function draw() {
  byId("vehicle-title").textContent = vehicle.name;
  drawFacts();
  drawDuty();
  drawOutage();
  drawSpares();
  drawEffect();
}

/** What became of the riders, in one sentence. */
function outcome({ bookings }) {
  if (!bookings.length) return t("control.vehicle.done");
  const lost = bookings.filter((booking) => booking.status === "displaced").length;
  const done = tn("control.vehicle.concerned", bookings.length);
  return lost ? `${done} ${tn("control.vehicle.displaced", lost)}` : done;
}

async function carryOut(button, command, said = () => t("control.vehicle.done")) {
  complain("");
  busy(button, true);
  const mine = vehicle.id;
  try {
    const answer = await command();
    if (vehicle.id === mine) complain(said(answer), "good");
  } catch (error) {
    if (vehicle.id === mine) complain(error.message);
  } finally {
    busy(button, false);
    byId("vehicle-close").focus();
  }
}

function failVehicle(event) {
  event.preventDefault();
  const [reason, spare] = [byId("out-reason").value, byId("out-spare").value];
  if (!reason || byId("out-do").disabled) return;
  const command = () => (spare ? swap(vehicle.id, spare, reason) : outOfService(vehicle.id, reason));
  carryOut(byId("out-do"), command, (answer) => {
    byId("out-reason").value = "";
    return outcome(answer);
  });
}

function putBreakOff(event) {
  event.preventDefault();
  const chosen = byId("break-until").value;
  if (!chosen) {
    complain(t("control.vehicle.break_until_missing"));
    byId("break-until").focus();
    return;
  }
  const today = instant(dateOf(now()), chosen);
  const until = rfc3339(today < now() ? instant(dateOf(now() + DAY_MS), chosen) : today);
  carryOut(byId("break-later"), () => breakLater(vehicle.id, until));
}

function open(id) {
  vehicle = fleet?.vehicles.find((each) => each.id === id) ?? null;
  if (!vehicle || !plan) return;
  complain("");
  byId("out-reason").value = "";
  byId("out-spare").replaceChildren();
  const rest = nextBreak();
  byId("break-until").value = rest ? clockValue(rest.arrive) : "";
  draw();
  byId("vehicle-dialog").showModal();
}

/** What the dialog knows; what is chosen in it stays. */
export function setTown(newFleet, newPlan) {
  [fleet, plan] = [newFleet, newPlan];
  if (!byId("vehicle-dialog").open) return;
  vehicle = fleet.vehicles.find((each) => each.id === vehicle.id) ?? vehicle;
  draw();
}

/** Let the vehicles of a list be opened: whatever in it says which vehicle it is about. */
export function openVehiclesFrom(list) {
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-open-vehicle]");
    if (button) open(button.dataset.openVehicle);
  });
  byId("out-form").addEventListener("submit", failVehicle);
  byId("out-form").addEventListener("change", drawEffect);
  byId("break-form").addEventListener("submit", putBreakOff);
  byId("break-now").addEventListener("click", () => carryOut(byId("break-now"), () => breakNow(vehicle.id)));
  byId("back-do").addEventListener("click", () => carryOut(byId("back-do"), () => backInService(vehicle.id), outcome));
  byId("duty-start").addEventListener("click", () =>
    carryOut(byId("duty-start"), () => startShift(vehicle.id, shiftAhead().id)),
  );
  byId("duty-end").addEventListener("click", () =>
    carryOut(byId("duty-end"), () => endShift(vehicle.id, vehicle.shift.id)),
  );
  byId("vehicle-close").addEventListener("click", () => byId("vehicle-dialog").close());
}
