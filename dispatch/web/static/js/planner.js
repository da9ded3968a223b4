// The planner's page: scenarios to run, runs and how far they are, reports, comparisons.

import { api } from "./api.js";
import { t, tn } from "./config.js";
import { announce, busy, byId, show } from "./dom.js";
import { planner, reportAddress } from "./planner-api.js";
import { drawComparisons, drawRuns, drawScenarios } from "./planner-lists.js";

const BUSY_MS = 1000;
const IDLE_MS = 10000;

const chosen = new Set();
let state = null;
let timer = null;
let asking = false;
let again = false;

const isOpen = (job) => job.status === "queued" || job.status === "running";

function failed(error) {
  if (error.status === 401 || error.status === 403) location.reload();
  const { reason } = error.problem?.params ?? {};
  announce(byId("message"), reason ? `${error.message} (${reason})` : error.message);
  byId("message").scrollIntoView({ block: "nearest" });
}

/** Tell those who do not see the page that a run has ended. */
function tellEnds(before, after) {
  const open = new Set((before?.runs ?? []).filter(isOpen).map((job) => job.id));
  const ended = after.runs.filter((job) => open.has(job.id) && !isOpen(job));
  if (!ended.length) return;
  byId("news").textContent = ended
    .map((job) => `${job.name}: ${t(`planner.status.${job.status}`)}`)
    .join(". ");
}

function drawCompare() {
  byId("compare").textContent = chosen.size
    ? tn("planner.compare_n", chosen.size)
    : t("planner.compare");
}

function draw() {
  const known = new Set(state.runs.filter((job) => job.comparable).map((job) => job.id));
  for (const id of chosen) if (!known.has(id)) chosen.delete(id);
  drawScenarios(state.scenarios, on);
  drawRuns(state.runs, on);
  show(byId("comparisons-part"), state.comparisons.length > 0);
  drawComparisons(state.comparisons, on);
  drawCompare();
}

/** The lists have been drawn for the first time: only now there is something to scroll to. */
function arrive() {
  document.documentElement.dataset.ready = "true";
  const target = location.hash && byId(location.hash.slice(1));
  target?.scrollIntoView?.();
  target?.focus?.({ preventScroll: true });
}

async function refresh() {
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  clearTimeout(timer);
  try {
    const next = await planner.state();
    tellEnds(state, next);
    state = next;
    draw();
    if (!document.documentElement.dataset.ready) arrive();
    if (byId("message").dataset.lost) {
      announce(byId("message"), "");
      delete byId("message").dataset.lost;
    }
  } catch (error) {
    if (error.status === 0) byId("message").dataset.lost = "true";
    failed(error);
  }
  asking = false;
  const open = state && [...state.runs, ...state.comparisons].some(isOpen);
  timer = setTimeout(refresh, again ? 0 : open ? BUSY_MS : IDLE_MS);
  again = false;
}

/** Do what a button says, then show what has become of it. */
async function act(button, work) {
  announce(byId("message"), "");
  if (button) busy(button, true);
  try {
    return await work();
  } catch (error) {
    failed(error);
    return null;
  } finally {
    if (button?.isConnected) busy(button, false);
    await refresh();
  }
}

function confirmed(title) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = title;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/** Mark which of the fields has a value that it does not take; whether all is well. */
function areRight(inputs) {
  for (const input of inputs) {
    if (input.validity.valid) {
      input.removeAttribute("aria-invalid");
      continue;
    }
    input.setAttribute("aria-invalid", "true");
    const { min, max } = input;
    announce(byId("message"), `${input.labels[0].textContent}: ${t("planner.wrong_range", { min, max })}`);
    input.focus();
    return false;
  }
  return true;
}

const on = {
  chosen: (id) => chosen.has(id),
  choose(id, wanted) {
    if (wanted) chosen.add(id);
    else chosen.delete(id);
    drawCompare();
  },
  async run(scenario, inputs, button) {
    if (!areRight(inputs)) return;
    const [seed, days] = inputs.map((input) => (input.value ? Number(input.value) : null));
    const run = await act(button, () => planner.run(scenario.id, seed, days ?? 1));
    if (!run) return;
    byId("news").textContent = t("planner.queued_now", { name: scenario.name });
    document.querySelector(`#runs [data-id="${run.id}"]`)?.scrollIntoView({ block: "nearest" });
  },
  cancel: (job, button) => act(button, () => planner.cancel(job.id)),
  pin: (job) => act(null, () => planner.pin(job.id, !job.pinned)),
  async remove(job) {
    if (await confirmed(t("planner.delete_title", { name: job.name }))) {
      await act(null, () => planner.remove(job.id));
    }
  },
  async forget(scenario) {
    if (await confirmed(t("planner.delete_title", { name: scenario.name }))) {
      await act(null, () => planner.forget(scenario.id));
    }
  },
};

async function compare() {
  if (chosen.size < 2) {
    announce(byId("message"), t("planner.compare_two"), "warn");
    byId("message").scrollIntoView({ block: "nearest" });
    return;
  }
  // In the order of the list, the oldest first: later ones are compared with it.
  const runs = state.runs.filter((job) => chosen.has(job.id)).map((job) => job.id);
  const comparison = await act(byId("compare"), () => planner.compare(runs.reverse()));
  if (!comparison) return;
  chosen.clear();
  for (const box of document.querySelectorAll("#runs input[type=checkbox]")) box.checked = false;
  drawCompare();
  // A browser that lets no page open leaves it to the link in the list.
  window.open(reportAddress(comparison.id), "_blank", "noopener");
}

byId("sign-out").addEventListener("click", async () => {
  await api.signOut().catch(() => {});
  location.reload();
});
byId("compare").addEventListener("click", compare);
document.addEventListener("visibilitychange", () => !document.hidden && refresh());
refresh();
