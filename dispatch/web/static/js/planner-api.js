// What the planner's page asks the server. Nothing is asked twice by itself: a run is a run.

import { once } from "./api.js";
import { language } from "./config.js";

const TIMEOUT_MS = 150000; // checking a scenario takes a while beside a simulation
const ROOT = "/planner";

function ask(method, path, body) {
  const headers = { Accept: "application/json", "Accept-Language": language };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return once(method, `${ROOT}${path}`, headers, body, TIMEOUT_MS);
}

const part = encodeURIComponent;

export const planner = {
  state: () => ask("GET", "/state"),
  create: (scenario) => ask("POST", "/scenarios", scenario),
  change: (id, scenario) => ask("PUT", `/scenarios/${part(id)}`, scenario),
  forget: (id) => ask("DELETE", `/scenarios/${part(id)}`),
  run: (scenario, seed, days) => ask("POST", "/runs", { scenario, seed, days }),
  compare: (runs) => ask("POST", "/comparisons", { runs }),
  cancel: (job) => ask("POST", `/jobs/${part(job)}/cancel`),
  pin: (job, pinned) => ask("PUT", `/jobs/${part(job)}/pin`, { pinned }),
  remove: (job) => ask("DELETE", `/jobs/${part(job)}`),
};

export const reportAddress = (job) => `${ROOT}/reports/${part(job)}`;
export const fileAddress = (job, name) => `${ROOT}/files/${part(job)}/${part(name)}`;
export const editAddress = (id, copy) => `${ROOT}/edit/${part(id)}${copy ? "?copy=1" : ""}`;
