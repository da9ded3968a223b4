// The control room: shuttles on the map, the shifts' next visits, what is late, what is booked.

import { api } from "./api.js";
import { refreshClosures, showClosuresOn } from "./closures.js";
import { t } from "./config.js";
import { drawAlerts } from "./control-alerts.js";
import { openFrom, setPlan } from "./control-booking.js";
import { drawBookings, drawCounts, drawFleet, drawShifts, loadOf } from "./control-lists.js";
import { openVehiclesFrom, setTown } from "./control-vehicle.js";
import { announce, byId } from "./dom.js";
import { createMap } from "./map.js";
import { follow } from "./stream.js";
import { syncClock } from "./time.js";

const WAY_COLOURS = ["#0b6157", "#3b5ba9", "#8a3f8f", "#b0541b", "#55702b", "#2f7d95"];

let map = null;
let fleet = null;
let plan = null;

function drawShuttles() {
  if (!map || !fleet) return;
  const seen = fleet.vehicles.filter((vehicle) => vehicle.shift && vehicle.position);
  map.setShuttles(
    seen.map((vehicle) => ({
      id: vehicle.id,
      name: vehicle.name,
      lon: vehicle.position.lon,
      lat: vehicle.position.lat,
      load: loadOf(vehicle),
      tone: [vehicle.late_s > 0 && "late", vehicle.position.stale && "stale"].filter(Boolean).join(" "),
    })),
  );
}

function drawWays() {
  if (!map || !plan) return;
  const ways = plan.shifts
    .map((shift, index) => ({
      coordinates: shift.route ?? [],
      colour: WAY_COLOURS[index % WAY_COLOURS.length],
    }))
    .filter(({ coordinates }) => coordinates.length > 1);
  map.setWays(ways);
}

function draw() {
  if (!fleet || !plan) return;
  drawCounts(fleet, plan);
  drawFleet(fleet, plan);
  drawShifts(plan);
  drawBookings(plan);
  setTown(fleet, plan);
}

function onFleet(answer) {
  syncClock(answer.at);
  fleet = answer;
  draw();
  drawShuttles();
}

function onPlan(answer) {
  plan = answer;
  setPlan(plan);
  draw();
  drawWays();
  refreshClosures();
}

const onAlerts = ({ alerts }) => drawAlerts(alerts, failed);

function failed(error) {
  if (error.status === 401 || error.status === 403) location.reload();
  announce(byId("message"), error.message);
}

async function poll() {
  try {
    const [nextFleet, nextPlan, nextAlerts] = await Promise.all([api.fleet(), api.plan(), api.alerts()]);
    onPlan(nextPlan);
    onFleet(nextFleet);
    onAlerts(nextAlerts);
    announce(byId("message"), "");
  } catch (error) {
    failed(error);
    throw error;
  }
}

function liveState(state) {
  byId("live-state").dataset.state = state;
  byId("live-state").textContent = t(`live.${state}`);
}

async function start() {
  byId("sign-out").addEventListener("click", async () => {
    await api.signOut().catch(() => {});
    location.reload();
  });
  openFrom(byId("bookings"));
  openVehiclesFrom(byId("fleet"));
  const mapReady = createMap();
  follow({
    url: "/api/v1/events",
    on: { fleet: onFleet, plan: onPlan, alerts: onAlerts },
    poll,
    state: liveState,
  });
  const known = Promise.all([api.service(), api.stops()]);
  known.catch(failed);
  map = await mapReady;
  showClosuresOn(map);
  drawShuttles();
  drawWays();
  const [facts, { stops }] = await known;
  map?.setStops(stops);
  map?.setArea(facts.area);
}

start();
