// What is closed: lines and marks on the control room's map, and the same in words.

import { api } from "./api.js";
import { t } from "./config.js";
import { byId, el, show } from "./dom.js";
import { clock, dayName } from "./time.js";

const LOOK_MS = 5000;

let map = null;
let known = [];
let lookedAt = 0;

const stopSpot = ({ stop }) => ({ lon: stop.lon, lat: stop.lat });
const when = (time) => `${dayName(time)} ${clock(time)}`;

function line(closure) {
  const name = closure.stop?.name ?? closure.external_id ?? t("control.closure.road");
  const until = closure.until ? t("control.until", { time: when(closure.until) }) : "";
  const from = closure.status === "planned" ? t("control.closure.from", { time: when(closure.from) }) : "";
  const facts = [closure.reason, from, until].filter(Boolean).join(" · ");
  return el("li", {}, el("strong", {}, name), facts ? ` ${facts}` : "");
}

function draw() {
  const active = known.filter((closure) => closure.status === "active");
  map?.setClosures(
    active.flatMap((closure) => closure.geometry?.coordinates ?? []),
    active.filter((closure) => closure.stop?.lon).map(stopSpot),
  );
  show(byId("closures-section"), known.length > 0);
  byId("closures").replaceChildren(...known.map(line));
}

/** Look again, unless that was done a moment ago. */
export async function refreshClosures() {
  if (Date.now() - lookedAt < LOOK_MS) return;
  lookedAt = Date.now();
  try {
    known = (await api.closures()).closures;
  } catch {
    return; // the plan goes on, and so does the next look
  }
  draw();
}

export function showClosuresOn(townMap) {
  map = townMap;
  draw();
}
