// The right-hand part of the telephone's page: one thing at a time, told to a caller.

import { t } from "./config.js";
import { byId, el, show } from "./dom.js";
import { numbered } from "./keys.js";

const beside = matchMedia("(min-width: 48rem)");
let ended = () => {};
let keys = null;

/**
 * Put something else there.
 *
 * @param {string} title   said first; it gets the focus, so that digits choose at once
 * @param {Node[]} nodes
 * @param {object} options
 * @param {boolean} options.focus   whether the focus moves there
 * @param {function} options.end    called when it goes
 */
export function present(title, nodes, { focus = true, end = () => {} } = {}) {
  ended();
  ended = end;
  keys?.abort();
  complain(null);
  byId("outcome-title").textContent = title;
  byId("outcome-body").replaceChildren(...nodes);
  show(byId("keys-help"), false);
  if (!focus) return;
  byId("outcome-title").focus({ preventScroll: true });
  byId("outcome").scrollTo({ top: 0 });
  // Below the form, all of it is wanted in sight; beside it, it is there already.
  if (!beside.matches) byId("outcome").scrollIntoView({ block: "start" });
}

/** Keys for what is there now, while the focus is in it: further ones, and digits for its choices. */
export function listen(more, choices = []) {
  keys?.abort();
  keys = new AbortController();
  numbered(byId("outcome"), choices, more, keys.signal);
}

/** Back to the beginning. */
export function clearOutcome() {
  present(t("phone.ready"), [], { focus: false });
  show(byId("keys-help"));
}

/** Say what went wrong, without taking away what is there; null says nothing any more. */
export function complain(error) {
  if (!error) {
    byId("message").replaceChildren();
    return;
  }
  const gone = error.status === 401 || error.status === 403;
  const text = error.code === "network" ? t("phone.no_network") : error.message;
  const again = el("a", { href: "/control/phone", target: "_blank" }, t("phone.sign_in_again"));
  const parts = gone ? [t("phone.signed_out"), " ", again] : [text];
  byId("message").replaceChildren(el("p", { class: "notice bad" }, ...parts));
  byId("message").scrollIntoView({ block: "nearest" });
}
