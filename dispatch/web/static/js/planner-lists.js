// The planner's lists: scenarios, runs, comparisons. What has not changed stays in place, so that
// the focus and the screen stay calm while a run's progress moves.

import { t } from "./config.js";
import { byId, el } from "./dom.js";
import { editAddress, fileAddress, reportAddress } from "./planner-api.js";
import { day, figures, left, share, when } from "./planner-format.js";

const TONES = { done: "good", failed: "bad", interrupted: "bad", running: "", queued: "quiet", cancelled: "quiet" };
const SEED_MAX = 2147483627;
const DAYS_MAX = 20;
const STAGES = new Set(["roads", "demand", "simulation", "report"]);

/** Put items `{id, key, node()}` into a list; where only `update(node)` is needed, do only that. */
function redraw(list, items, empty) {
  const old = new Map([...list.children].map((node) => [node.dataset.id, node]));
  const focused = document.activeElement;
  const holder = [...list.children].find((node) => node.contains(focused));
  const name = focused?.dataset?.action;
  const nodes = items.map((item) => {
    const key = JSON.stringify(item.key);
    let node = old.get(item.id);
    if (!node || node.dataset.key !== key) {
      node = item.node();
      node.dataset.id = item.id;
      node.dataset.key = key;
    }
    item.update?.(node);
    return node;
  });
  if (!nodes.length) nodes.push(old.get("") ?? el("li", { class: "soft", "data-id": "" }, empty));
  if (nodes.length === list.children.length && nodes.every((node, n) => node === list.children[n])) return;
  list.replaceChildren(...nodes);
  if (!holder || list.contains(document.activeElement)) return;
  // What had the focus was drawn anew or is gone: the same button, else the list's title.
  const again = nodes.find((node) => node.dataset.id === holder.dataset.id);
  const target = again?.querySelector(`[data-action="${name}"]`) ?? again?.querySelector("a, button, input");
  (target ?? byId(`${list.id}-title`)).focus({ preventScroll: true });
}

const button = (action, label, about, handler, tone = "") =>
  el(
    "button",
    { class: `button small ${tone}`, type: "button", "data-action": action, "aria-label": `${label}: ${about}`, onclick: handler },
    label,
  );

const link = (action, label, about, href, more = {}) =>
  el("a", { class: "button small", "data-action": action, href, "aria-label": `${label}: ${about}`, ...more }, label);

function numberField(scenario, name, label, more) {
  const id = `${name}-${scenario.id.replace(/\W/g, "-")}`;
  const input = el("input", { id, type: "number", step: 1, inputmode: "numeric", "data-action": name, ...more });
  return el("span", { class: "seed" }, el("label", { for: id, class: "small" }, label), input);
}

function scenarioCard(scenario, on) {
  const { id, name, own, problem } = scenario;
  const facts = [
    own ? t("planner.own") : t("planner.shipped"),
    own && scenario.base && t("planner.copy_of", { name: scenario.base }),
    scenario.date && day(scenario.date),
  ];
  const node = el(
    "li",
    { class: "card stack-s scenario" },
    el("h3", {}, name),
    el("p", { class: "soft small" }, facts.filter(Boolean).join(" · ")),
    scenario.description ? el("p", { class: "small" }, scenario.description) : null,
    problem ? el("p", { class: "notice bad small" }, t("planner.unreadable"), " ", el("span", { lang: "en" }, problem)) : null,
  );
  const seed = numberField(scenario, "seed", t("planner.seed"), { min: 0, max: SEED_MAX, placeholder: scenario.seed ?? "" });
  const days = numberField(scenario, "days", t("planner.days"), { min: 1, max: DAYS_MAX, placeholder: 1 });
  const fields = [seed, days].map((part) => part.querySelector("input"));
  const run = button("run", t("planner.run"), name, () => on.run(scenario, fields, run), "primary");
  node.append(
    problem ? "" : el("div", { class: "row wrap actions" }, run, seed, days),
    el(
      "div",
      { class: "row wrap actions" },
      own ? link("edit", t("planner.edit"), name, editAddress(id)) : null,
      problem ? null : link("copy", own ? t("planner.copy") : t("planner.edit_copy"), name, editAddress(id, true)),
      own ? button("delete", t("planner.delete"), name, () => on.forget(scenario), "danger") : null,
    ),
  );
  return node;
}

export function drawScenarios(scenarios, on) {
  const items = scenarios.map((scenario) => ({
    id: scenario.id,
    key: scenario,
    node: () => scenarioCard(scenario, on),
  }));
  redraw(byId("scenarios"), items, t("planner.no_scenarios"));
}

const isOpen = (job) => job.status === "queued" || job.status === "running";

function figureList(values) {
  const found = figures(values);
  if (!found.length) return null;
  return el(
    "dl",
    { class: "figures" },
    found.map(([key, text]) => el("div", {}, el("dt", {}, t(`planner.figure.${key}`)), el("dd", {}, text))),
  );
}

function progressLine(job) {
  return el(
    "div",
    { class: "stack-s progress" },
    el("progress", { max: 1, "aria-label": t("planner.progress", { name: job.name }) }),
    el("p", { class: "soft small" }),
  );
}

function updateProgress(node, job) {
  const bar = node.querySelector("progress");
  if (!bar) return;
  const known = job.done > 0;
  if (known) bar.value = job.done;
  else bar.removeAttribute("value");
  const stage = t(`planner.stage.${STAGES.has(job.stage) ? job.stage : "start"}`);
  const text = [stage, known && `${share(job.done)} %`, known && left(job.left_s)].filter(Boolean).join(" · ");
  const line = node.querySelector(".progress p");
  if (line.textContent !== text) line.textContent = text;
}

function choice(job, on) {
  if (!job.comparable) return el("h3", {}, job.name);
  const box = el("input", {
    type: "checkbox",
    "data-action": "choose",
    checked: on.chosen(job.id),
    onchange: (event) => on.choose(job.id, event.target.checked),
  });
  return el("h3", {}, el("label", { class: "check" }, box, el("span", {}, job.name, el("span", { class: "visually-hidden" }, ` – ${t("planner.choose")}`))));
}

function why(job) {
  if (job.status === "interrupted") return el("p", { class: "small" }, t("planner.interrupted"));
  if (job.status !== "failed") return null;
  return el("p", { class: "notice bad small" }, t("planner.failed"), " ", el("span", { lang: "en" }, job.reason));
}

function jobActions(job, on) {
  const about = `${job.name}, ${when(job.created_s)}`;
  const csv = job.files.filter((name) => name.endsWith(".csv"));
  return el(
    "div",
    { class: "row wrap actions" },
    job.report ? link("report", t("planner.report"), about, reportAddress(job.id), { target: "_blank", rel: "noopener" }) : null,
    isOpen(job) && !job.stopping ? button("cancel", t("planner.cancel"), about, (event) => on.cancel(job, event.target), "danger") : null,
    isOpen(job) || job.kind !== "run"
      ? null
      : button("pin", job.pinned ? t("planner.unpin") : t("planner.pin"), about, () => on.pin(job)),
    isOpen(job) ? null : button("delete", t("planner.delete"), about, () => on.remove(job), "danger"),
    csv.length
      ? el(
          "details",
          { class: "files" },
          el("summary", { "data-action": "files" }, t("planner.files")),
          el("ul", {}, csv.map((name) => el("li", {}, el("a", { href: fileAddress(job.id, name), download: "" }, name)))),
        )
      : null,
  );
}

function jobCard(job, on) {
  const facts = [
    job.seed !== null && t("planner.seed_is", { n: job.seed }),
    job.started_s ? t("planner.started", { time: when(job.started_s) }) : t("planner.asked", { time: when(job.created_s) }),
    job.pinned && t("planner.pinned"),
  ];
  const partial = job.comparable && job.status !== "done";
  return el(
    "li",
    { class: "card stack-s job" },
    el("div", { class: "row between top" }, choice(job, on), el("span", { class: `pill ${TONES[job.status]}` }, t(`planner.status.${job.stopping ? "stopping" : job.status}`))),
    el("p", { class: "soft small" }, facts.filter(Boolean).join(" · ")),
    job.status === "running" ? progressLine(job) : null,
    why(job),
    partial ? el("p", { class: "small" }, t("planner.partial")) : null,
    figureList(job.figures),
    jobActions(job, on),
  );
}

function drawJobs(list, jobs, on, empty) {
  const items = jobs.map((job) => {
    const { done, left_s: leftS, stage, ...rest } = job;
    return {
      id: job.id,
      key: rest,
      node: () => jobCard(job, on),
      update: (node) => updateProgress(node, job),
    };
  });
  redraw(list, items, empty);
}

export const drawRuns = (runs, on) => drawJobs(byId("runs"), runs, on, t("planner.no_runs"));
export const drawComparisons = (found, on) => drawJobs(byId("comparisons"), found, on, "");
