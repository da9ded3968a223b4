// What is wrong, the most severe first: in words, with what can be done about it.

import { api } from "./api.js";
import { language, t } from "./config.js";
import { openBooking } from "./control-booking.js";
import { busy, byId, el, show } from "./dom.js";
import { clock } from "./time.js";

/** What can be done from here; everything else is said only. */
const DO = {
  move_booking: (choice) => openBooking(choice.booking_id, choice.shift_id),
  cancel_booking: (choice) =>
    confirm(t("control.alert.cancel_ask")) ? api.cancel(choice.booking_id) : null,
};

let told = new Set();
let drawn = "";

async function run(button, action, failed) {
  busy(button, true);
  try {
    await action();
  } catch (error) {
    failed(error);
  }
  busy(button, false);
}

function choiceItem(choice, failed) {
  const label = choice.label[language];
  const action = DO[choice.action];
  if (!action) return el("li", {}, label);
  const button = el("button", { class: "button small", type: "button", "data-action": choice.action }, label);
  button.addEventListener("click", () => run(button, () => action(choice), failed));
  return el("li", {}, button);
}

function seenButton(alert, failed) {
  const button = el(
    "button",
    { class: "button small", type: "button", "aria-describedby": `text-${alert.id}` },
    t("control.alert.seen"),
  );
  button.addEventListener("click", () => run(button, () => api.acknowledge(alert.id), failed));
  return button;
}

const seenLine = ({ at, by }) =>
  el("p", { class: "soft small" }, t("control.alert.seen_by", { time: clock(at), by }));

function item(alert, failed) {
  const severity = t(`control.alert.severity.${alert.severity}`);
  return el(
    "li",
    { class: `card alert ${alert.severity}${alert.acknowledged ? " seen" : ""}`, "data-alert": alert.id },
    el(
      "div",
      { class: "row between wrap" },
      el("span", { class: "name" }, alert.vehicle.name),
      el(
        "span",
        { class: "row" },
        el("time", { class: "soft small", datetime: alert.since }, t("control.alert.since", { time: clock(alert.since) })),
        el("span", { class: "pill level" }, severity),
      ),
    ),
    el("p", { id: `text-${alert.id}` }, alert.message[language]),
    alert.choices.length
      ? el("ul", { class: "choices", "aria-label": t("control.alert.choices") }, alert.choices.map((each) => choiceItem(each, failed)))
      : null,
    alert.acknowledged ? seenLine(alert.acknowledged) : seenButton(alert, failed),
  );
}

/** Say aloud what has come, not what has merely changed. */
function announceNew(alerts) {
  const open = alerts.filter((alert) => !alert.acknowledged);
  const fresh = open.filter((alert) => !told.has(alert.id) && alert.severity !== "info");
  told = new Set(open.map((alert) => alert.id));
  if (fresh.length) byId("alerts-news").textContent = fresh.map((alert) => alert.message[language]).join(" ");
}

/**
 * Draw the list anew if anything in it has changed; the focus stays on the alert where it was.
 *
 * @param {object[]} alerts   as the API gives them, in order
 * @param {function} failed   told what went wrong when somebody does something about one
 */
export function drawAlerts(alerts, failed) {
  announceNew(alerts);
  const key = JSON.stringify(alerts.map(({ since, late_s, ...rest }) => rest));
  if (key === drawn) return;
  drawn = key;
  const list = byId("alerts");
  const focused = document.activeElement;
  const before = list.contains(focused) ? focused : null;
  list.replaceChildren(...alerts.map((alert) => item(alert, failed)));
  show(byId("no-alerts"), !alerts.length);
  if (before) refocus(list, before);
}

/** Give the focus back to the same button of the same alert; if it is gone, to the next one there. */
function refocus(list, before) {
  const id = before.closest("[data-alert]").dataset.alert;
  const heir = [...list.children].find((node) => node.dataset.alert === id);
  const { action } = before.dataset;
  const selector = action ? `[data-action="${action}"]` : "button:not([data-action])";
  const next = heir?.querySelector(selector) ?? list.querySelector("button");
  next?.focus({ preventScroll: true });
}
