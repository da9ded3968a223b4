// One booking in the control room: kept on its vehicle, or moved after a look at what that brings.

import { t } from "./config.js";
import { move, pin, previewMove, unpin, whose } from "./desk-api.js";
import { announce, busy, byId, el, show } from "./dom.js";
import { drawPreview } from "./control-preview.js";
import { clock, clockWindow, dayName } from "./time.js";

let booking = null;
let plan = null;
let preview = null;
let asked = 0;

const complain = (text, tone = "bad") => announce(byId("booking-message"), text, tone);
const carries = (shift) => shift.visits.some((visit) => visit.boarding.some((rider) => rider.booking_id === booking.id));

/** The shifts that are staffed when the ride is, but for the one that carries it. */
function candidates() {
  const [from] = booking.promise.pickup_window;
  const until = Date.parse(booking.promise.arrival_latest);
  return plan.shifts.filter(
    (shift) => !carries(shift) && Date.parse(shift.end) > Date.parse(from) && Date.parse(shift.start) < until,
  );
}

function drawFacts(owner) {
  const { promise, estimated, vehicle } = booking;
  const contact = owner && [owner.name, owner.phone ?? owner.email].filter(Boolean).join(" · ");
  const [from] = promise.pickup_window;
  const rows = [
    [t("control.fact.rider"), contact || "–"],
    [t("control.fact.pickup"), `${promise.pickup.name}, ${dayName(from)} ${clockWindow(promise.pickup_window)}`],
    [t("control.fact.planned"), estimated.pickup ? clock(estimated.pickup) : "–"],
    [t("control.fact.dropoff"), `${promise.dropoff.name}, ${t("control.until", { time: clock(promise.arrival_latest) })}`],
    [t("control.fact.vehicle"), vehicle?.name ?? "–"],
  ];
  byId("booking-facts").replaceChildren(
    ...rows.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value))),
  );
}

function drawPin() {
  byId("pin-state").textContent = t(booking.pinned ? "control.pinned" : "control.not_pinned");
  byId("pin-toggle").textContent = t(booking.pinned ? "control.unpin" : "control.pin");
}

function whyNot() {
  if (booking.status === "confirmed") return t("control.move.nowhere");
  return booking.status === "displaced" ? t("control.move.displaced") : t("control.move.aboard");
}

function drawChoices() {
  const open = booking.status === "confirmed";
  const shifts = open ? candidates() : [];
  show(byId("pin-part"), open);
  show(byId("move-form"), shifts.length > 0);
  show(byId("move-not"), !shifts.length);
  byId("move-not").textContent = whyNot();
  const option = (shift) =>
    el(
      "option",
      { value: shift.id },
      `${shift.vehicle.name} · ${clock(shift.start)}–${clock(shift.end)} · ${t(`control.shift.${shift.status}`)}`,
    );
  byId("move-shift").replaceChildren(el("option", { value: "" }, t("control.move.choose")), ...shifts.map(option));
  clearPreview();
}

function clearPreview() {
  asked += 1;
  preview = null;
  byId("move-preview").replaceChildren();
  show(byId("move-confirm"), false);
}

/** Weigh the chosen move; only the newest answer counts. */
async function weigh() {
  clearPreview();
  const shiftId = byId("move-shift").value;
  if (!shiftId) return;
  const mine = asked;
  byId("move-preview").replaceChildren(el("p", { class: "soft" }, t("control.move.weighing")));
  try {
    const found = await previewMove(booking.id, shiftId);
    if (mine !== asked) return;
    preview = found;
    byId("move-preview").replaceChildren(...drawPreview(found, plan));
    const button = byId("move-do");
    show(byId("move-confirm"), found.feasible || found.forcible);
    button.textContent = t(found.feasible ? "control.move.do" : "control.move.force");
    button.classList.toggle("primary", found.feasible);
    button.classList.toggle("danger", !found.feasible);
    byId("move-form").scrollIntoView({ block: "start" });
  } catch (error) {
    if (mine !== asked) return;
    clearPreview();
    complain(error.message);
  }
}

async function carryOut(event) {
  event.preventDefault();
  if (!preview || byId("move-do").disabled) return;
  complain("");
  busy(byId("move-do"), true);
  const wish = {
    shift_id: preview.to_shift_id,
    versions: preview.versions,
    force: !preview.feasible,
    pin: byId("move-pin").checked,
  };
  try {
    taken(await move(booking.id, wish));
    complain(t("control.move.done", { vehicle: booking.vehicle?.name ?? "" }), "good");
    byId("booking-close").focus();
  } catch (error) {
    complain(error.message);
    // The plans are others by now: what was read is no longer what would happen.
    if (error.code === "preview_stale" || error.code === "move_not_possible") await weigh();
  } finally {
    busy(byId("move-do"), false);
  }
}

/** The booking as it is after a command; the plan follows by itself. */
function taken(answer) {
  booking = answer;
  drawFacts(owner);
  drawPin();
  clearPreview();
  byId("move-shift").value = "";
}

async function togglePin() {
  complain("");
  busy(byId("pin-toggle"), true);
  try {
    booking = await (booking.pinned ? unpin : pin)(booking.id);
    drawPin();
  } catch (error) {
    complain(error.message);
  } finally {
    busy(byId("pin-toggle"), false);
    byId("pin-toggle").focus();
  }
}

let owner = null;

/** Show a booking; with a shift, weigh at once what its moving there would bring. */
export async function openBooking(id, shiftId = "") {
  booking = plan?.bookings.find((each) => each.id === id) ?? null;
  if (!booking) return;
  owner = null;
  complain("");
  byId("booking-title").textContent = t("control.booking_of", { code: booking.code });
  drawFacts(null);
  drawPin();
  drawChoices();
  byId("booking-dialog").showModal();
  byId("move-shift").value = shiftId;
  if (!byId("move-shift").value) byId("move-shift").value = "";
  else weigh();
  try {
    const found = await whose(id);
    if (booking.id !== id) return;
    owner = found;
    drawFacts(owner);
  } catch (error) {
    complain(error.message);
  }
}

/** What the dialog knows about shifts and bookings; what is open in it stays as it was looked at. */
export function setPlan(answer) {
  plan = answer;
  if (!byId("booking-dialog").open || !booking) return;
  const newer = plan.bookings.find((each) => each.id === booking.id);
  const turned = newer?.status !== booking.status;
  if (newer) booking = newer;
  else booking = { ...booking, status: "ended" };
  drawFacts(owner);
  drawPin();
  if (turned) drawChoices();
}

/** Let the bookings of a list be opened: whatever in it says which booking it is about. */
export function openFrom(list) {
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-booking]");
    if (button) openBooking(button.dataset.booking);
  });
  byId("move-shift").addEventListener("change", () => {
    complain("");
    weigh();
  });
  byId("move-form").addEventListener("submit", carryOut);
  byId("pin-toggle").addEventListener("click", togglePin);
  byId("booking-close").addEventListener("click", () => byId("booking-dialog").close());
}
