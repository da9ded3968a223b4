// One's own ride: where it stands in words, what was promised, the shuttle on the map; and giving
// it up. The address is the key: whoever has it sees the ride.

import { api } from "./api.js";
import { page, t, tn } from "./config.js";
import { announce, busy, byId, el, show } from "./dom.js";
import { createMap } from "./map.js";
import { showNews } from "./ride-news.js";
import { forgetRide } from "./rides.js";
import { follow } from "./stream.js";
import { clock, clockWindow, dayName, minutesUntil, price, syncClock } from "./time.js";

const REFRESH_MS = 15000;
const SHIFTED_S = 60;
const OVER = new Set(["completed", "cancelled", "no_show"]);

let map = null;
let booking = null;
let stop = () => {};
let framed = "";

const inMinutes = (time) => {
  const minutes = minutesUntil(time);
  return minutes < 1 ? t("ride.any_moment") : tn("ride.in_minutes", minutes);
};

/** Title, the large line, and a sentence for where the ride stands. */
function words({ status, live, promise, instead, estimated, boarded_at: boarded, alighted_at: alighted }) {
  const { pickup_window: pickupWindow } = promise;
  const { pickup, dropoff } = instead ?? promise;
  if (status === "completed") return [t("ride.completed"), clock(alighted), t("ride.thanks")];
  if (status === "cancelled") return [t("ride.cancelled"), "", t("ride.cancelled_detail")];
  if (status === "no_show") return [t("ride.no_show"), "", t("ride.no_show_detail")];
  if (status === "displaced") return [t("ride.displaced"), "", t("ride.displaced_detail", { stop: pickup.name })];
  if (live.phase === "riding") {
    const arrival = estimated.arrival ?? promise.arrival_latest;
    return [
      t("ride.riding"),
      t("ride.arrival_at", { time: clock(arrival) }),
      boarded ? t("ride.riding_detail", { stop: dropoff.name, minutes: inMinutes(arrival) }) : "",
    ];
  }
  if (live.phase === "at_stop") {
    return [t("ride.at_stop"), pickup.name, t("ride.at_stop_detail")];
  }
  const due = estimated.pickup ?? pickupWindow[0];
  if (live.phase === "approaching") {
    const before = live.stops_before;
    const detail = before ? tn("ride.stops_before", before) : t("ride.next_is_you");
    return [t("ride.approaching"), inMinutes(due), detail];
  }
  return [
    t("ride.scheduled"),
    clockWindow(pickupWindow),
    t("ride.scheduled_detail", { day: dayName(pickupWindow[0]), stop: pickup.name }),
  ];
}

function drawStatus() {
  const [title, big, detail] = words(booking);
  const lines = { "status-title": title, "status-time": big, "status-detail": detail };
  for (const [id, text] of Object.entries(lines)) {
    // Only what changes is written, so that it is only then read out.
    if (byId(id).textContent !== text) byId(id).textContent = text;
    show(byId(id), Boolean(text));
  }
  byId("status").classList.toggle("over", OVER.has(booking.status));
}

const leg = (stopName, text) =>
  el("li", {}, el("div", { class: "stop-name" }, stopName), el("div", { class: "soft small" }, text));

function drawPromise() {
  const { promise, estimated, party, price_cents: cents, vehicle, code } = booking;
  const late = (Date.parse(estimated.pickup) - Date.parse(promise.pickup_window[1])) / 1000;
  const pickup = [t("ride.pickup", { window: clockWindow(promise.pickup_window) })];
  if (booking.boarded_at) pickup.push(t("ride.boarded", { time: clock(booking.boarded_at) }));
  else if (estimated.pickup) pickup.push(t("ride.expected", { time: clock(estimated.pickup) }));
  const arrival = [t("ride.latest", { time: clock(promise.arrival_latest) })];
  if (booking.alighted_at) arrival.push(t("ride.alighted", { time: clock(booking.alighted_at) }));
  else if (estimated.arrival) arrival.push(t("ride.expected", { time: clock(estimated.arrival) }));
  byId("legs").replaceChildren(
    leg((booking.instead ?? promise).pickup.name, pickup.join(" · ")),
    leg((booking.instead ?? promise).dropoff.name, arrival.join(" · ")),
  );
  const people = [party.seats && tn("party.seats", party.seats)];
  people.push(party.wheelchairs && tn("party.wheelchairs", party.wheelchairs));
  const facts = [
    [t("ride.party"), people.filter(Boolean).join(", ")],
    [t("ride.price"), price(cents)],
    [t("ride.max_ride"), tn("minutes", Math.ceil(promise.max_ride_s / 60))],
  ];
  byId("facts").replaceChildren(
    ...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
  );
  byId("ride-day").textContent = dayName(promise.pickup_window[0]);
  byId("code").textContent = code;
  byId("vehicle-name").textContent = vehicle ? t("ride.vehicle", { name: vehicle.name }) : "";
  const open = !OVER.has(booking.status);
  show(byId("promise"));
  show(byId("code-card"), open);
  show(byId("keep"), open);
  if (!open) show(byId("news"), false);
  show(byId("cancel"), booking.status === "confirmed" || booking.status === "displaced");
  const late_s = booking.status === "confirmed" ? late : 0;
  announce(byId("message"), late_s > SHIFTED_S ? t("ride.late") : "", "warn");
}

function drawMap() {
  if (!map) return;
  const { promise, instead, live, route } = booking;
  const { pickup, dropoff } = instead ?? promise;
  map.setPin("pickup", pickup, { text: t("map.pin_from") });
  map.setPin("dropoff", dropoff, { to: true, text: t("map.pin_to") });
  map.setWays(route?.length > 1 ? [{ coordinates: route }] : []);
  const place = live.vehicle_position;
  map.setShuttles(place ? [{ id: "mine", name: booking.vehicle.name, ...place }] : []);
  const key = `${live.phase}${place ? 1 : 0}`;
  if (key === framed) return;
  framed = key;
  const toPickup = live.phase === "approaching" || live.phase === "at_stop";
  map.fit(toPickup ? [pickup, place] : [pickup, dropoff, place]);
}

function draw(answer) {
  booking = answer;
  syncClock(answer.live.at);
  drawStatus();
  drawPromise();
  drawMap();
  if (OVER.has(answer.status)) {
    forgetRide(answer.id);
    stop();
  }
}

function liveState(state) {
  const line = byId("live-state");
  const over = booking && OVER.has(booking.status);
  line.dataset.state = over ? "off" : state;
  line.textContent = over ? t("live.over") : t(`live.${state}`);
}

async function cancel() {
  const dialog = byId("cancel-dialog");
  dialog.returnValue = "no";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue !== "yes") return;
  busy(byId("cancel"), true);
  try {
    await api.cancel(booking.id);
    draw(await api.booking(booking.id));
  } catch (error) {
    announce(byId("message"), error.message);
  } finally {
    busy(byId("cancel"), false);
  }
}

async function start() {
  const id = page.booking_id;
  byId("cancel").addEventListener("click", cancel);
  const mapReady = createMap();
  try {
    syncClock((await api.service()).now);
    draw(await api.booking(id));
  } catch (error) {
    byId("status-title").textContent = error.status === 404 ? t("ride.unknown") : t("ride.failed");
    byId("status").classList.add("over");
    announce(byId("message"), error.message);
    if (error.status === 404) return;
  }
  if (!booking || !OVER.has(booking.status)) {
    stop = follow({
      url: `/api/v1/bookings/${encodeURIComponent(id)}/events`,
      on: { booking: draw },
      poll: async () => draw(await api.booking(id)),
      state: liveState,
    });
    setInterval(() => booking && drawStatus(), REFRESH_MS);
    showNews(id);
  } else {
    liveState("off");
  }
  map = await mapReady;
  if (booking) drawMap();
}

start();
