// The form of a scenario. It sends what was changed, and the text; the server puts both together.

import { page, t } from "./config.js";
import { announce, busy, byId, fieldError } from "./dom.js";
import { planner } from "./planner-api.js";

const form = byId("scenario");
const inputs = [...form.querySelectorAll("input[name]")];
const before = new Map(inputs.map((input) => [input.name, input.value]));
let sent = false;

/** Why a field's value cannot be taken; empty if it can. */
function complaint(input) {
  const { validity, min, max } = input;
  if (validity.badInput || validity.typeMismatch) {
    return input.type === "date" ? t("planner.wrong_date") : t("planner.wrong_number");
  }
  if (validity.rangeUnderflow || validity.rangeOverflow) return t("planner.wrong_range", { min, max });
  return validity.stepMismatch ? t("planner.wrong_whole") : "";
}

function check() {
  const wrong = inputs.filter((input) => {
    const text = complaint(input);
    fieldError(input.id, text);
    return text;
  });
  fieldError("toml", "");
  wrong[0]?.focus();
  return wrong.length === 0;
}

const changes = () =>
  Object.fromEntries(
    inputs
      .filter((input) => input.value !== before.get(input.name))
      .map((input) => [input.name, input.value]),
  );

const isDirty = () => Object.keys(changes()).length > 0 || byId("toml").value !== byId("toml").defaultValue;

/** Say what is wrong where it is wrong. */
function refused(error) {
  const { key, reason } = error.problem?.params ?? {};
  announce(byId("message"), reason ? `${error.message} (${reason})` : error.message);
  const input = inputs.find((each) => each.name === key);
  if (input) {
    fieldError(input.id, reason?.replace(`${key}: `, "") || t("planner.wrong_number"));
    input.focus();
  } else if (error.code === "scenario_invalid") {
    byId("advanced").open = true;
    fieldError("toml", reason);
    byId("toml").focus();
  }
}

async function save() {
  const scenario = { toml: byId("toml").value, changes: changes(), version: page.version };
  if (page.mode === "copy") return planner.create({ ...scenario, version: "" });
  return planner.change(page.scenario, scenario);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  announce(byId("message"), "");
  if (!check()) return;
  const button = event.submitter ?? byId("save-run");
  busy(button, true);
  try {
    const { id } = await save();
    if (button.value === "run") await planner.run(id, null, 1);
    sent = true;
    location.assign(button.value === "run" ? "/planner#runs-title" : "/planner");
  } catch (error) {
    busy(button, false);
    refused(error);
  }
});

addEventListener("beforeunload", (event) => {
  if (!sent && isDirty()) event.preventDefault();
});
document.documentElement.dataset.ready = "true";
