// What the telephone and the control room's dialogs ask of API v1.
// A command whose answer never came keeps its key: sending it again cannot do it twice.

import { call, newKey, ROOT } from "./api.js";

const at = (...parts) => [ROOT, ...parts.map(encodeURIComponent)].join("/");
const unanswered = new Map();
const running = new Map();

/** Whether the service has decided: then the next such command is another one. */
const isAnswer = (error) => error.status >= 400 && error.status < 500;

/** Send a command; while the same is on its way, that one's answer is waited for instead. */
function command(method, path, body) {
  const what = JSON.stringify([method, path, body]);
  const before = running.get(what);
  if (before) return before;
  const key = unanswered.get(what) ?? newKey();
  unanswered.set(what, key);
  const answer = call(method, path, body, key)
    .then((found) => {
      unanswered.delete(what);
      return found;
    })
    .catch((error) => {
      if (isAnswer(error)) unanswered.delete(what);
      throw error;
    })
    .finally(() => running.delete(what));
  running.set(what, answer);
  return answer;
}

export const caller = (phone) => call("GET", `${at("riders")}?phone=${encodeURIComponent(phone)}`);
export const byCode = (code) => call("GET", at("bookings", "by-code", code));
export const whose = (id) => call("GET", at("bookings", id, "rider"));
export const bookingNow = (id) => call("GET", at("bookings", id));
export const readBack = (id) => call("GET", at("bookings", id, "read-back"));

export const requestRide = (wish) => command("POST", at("ride-requests"), wish);
export const takeOffer = (offerId, who) =>
  command("POST", at("bookings"), { offer_id: offerId, ...who });
export const joinWaiting = (requestId, who) =>
  command("POST", at("ride-requests", requestId, "waiting"), who);
export const cancelBooking = (id, reason) =>
  command("DELETE", `${at("bookings", id)}?reason=${encodeURIComponent(reason)}`);
export const cancelByCode = (code, proof) =>
  command("POST", at("bookings", "by-code", code, "cancel"), proof);

export const pin = (id) => command("POST", at("bookings", id, "pin"));
export const unpin = (id) => command("DELETE", at("bookings", id, "pin"));
export const previewMove = (id, shiftId) =>
  command("POST", at("bookings", id, "move-preview"), { shift_id: shiftId });
export const move = (id, wish) => command("POST", at("bookings", id, "move"), wish);

const ofVehicle = (id, ...what) => at("vehicles", id, ...what);
export const outOfService = (id, reason) => command("POST", ofVehicle(id, "out-of-service"), { reason });
export const backInService = (id) => command("POST", ofVehicle(id, "back-in-service"));
export const swap = (id, spareId, reason) =>
  command("POST", ofVehicle(id, "swap"), { spare_vehicle_id: spareId, reason });
export const breakNow = (id) => command("POST", ofVehicle(id, "breaks", "now"));
export const breakLater = (id, until) => command("POST", ofVehicle(id, "breaks", "postpone"), { until });
export const startShift = (id, shiftId) => command("POST", ofVehicle(id, "shifts", shiftId, "start"));
export const endShift = (id, shiftId) => command("POST", ofVehicle(id, "shifts", shiftId, "end"));
