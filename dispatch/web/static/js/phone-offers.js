// What can be offered, as sentences to read out; or why nothing can, and what else there is.

import { t, tn } from "./config.js";
import { byId, el, show } from "./dom.js";
import { listen, present } from "./phone-outcome.js";
import { alternativeSentence, offerSentences } from "./phone-words.js";
import { countdown, realMs } from "./time.js";

const TICK_MS = 1000;
const NO_ROOM = "no_capacity";

function choice(index, sentences, extra = null) {
  return el(
    "button",
    { class: "choice", type: "button" },
    el("kbd", { "aria-hidden": "true" }, String(index + 1)),
    el("span", {}, el("span", { class: "said" }, sentences.join(" ")), extra),
  );
}

/**
 * Offers, to be read out.
 *
 * @param {object[]} offers
 * @param {object} on
 * @param {function(object, HTMLButtonElement)} on.take
 * @param {function()} on.again   ask again, when all have expired
 * @param {function()} on.back    to the wish
 */
export function presentOffers(offers, { take, again, back }) {
  const lines = offers.map((offer, index) => {
    const left = el("span", { class: "soft small", "data-offer": offer.id });
    const button = choice(index, offerSentences(offer), left);
    button.addEventListener("click", () => take(offer, button));
    return { offer, left, button };
  });
  const anew = el("button", { class: "button primary wide", type: "button", hidden: true }, t("offer.again"));
  anew.addEventListener("click", again);
  const list = el("ol", { class: "choices-list" }, lines.map(({ button }) => el("li", {}, button)));

  function tick() {
    for (const { offer, left, button } of lines) {
      const rest = countdown(offer.expires_at);
      left.textContent = rest ? t("offer.valid", { left: rest }) : t("offer.expired");
      button.disabled = !rest || button.getAttribute("aria-busy") === "true";
    }
    const over = lines.every(({ offer }) => !countdown(offer.expires_at));
    if (!over || !anew.hidden) return;
    show(anew);
    // Whoever was among the offers would else be nowhere.
    if (byId("outcome").contains(document.activeElement) || document.activeElement === document.body) anew.focus();
  }

  const timer = setInterval(tick, Math.max(100, Math.min(TICK_MS, realMs(TICK_MS))));
  const keys = el("p", { class: "soft small keys" }, t("phone.offers_keys"));
  present(tn("phone.offers", offers.length), [list, anew, keys], { end: () => clearInterval(timer) });
  tick();
  listen({ Escape: back }, lines.map(({ button }) => button));
}

/**
 * A refusal, with other times, and the waiting list where only room is wanting.
 *
 * @param {object} refusal   `code`, `message`, `alternatives`
 * @param {object} on
 * @param {function(string)} on.later   ask again for another departure
 * @param {function(HTMLButtonElement)} on.wait   put the caller on the list; null where that is no choice
 * @param {function()} on.back
 */
export function presentRefusal(refusal, { later, wait, back }) {
  const buttons = refusal.alternatives.map((alternative, index) => {
    const button = choice(index, [alternativeSentence(alternative)]);
    button.addEventListener("click", () => later(alternative.depart_at));
    return button;
  });
  const nodes = [el("p", { class: "notice warn said" }, refusal.message)];
  const more = { Escape: back };
  if (buttons.length) {
    nodes.push(el("h3", {}, t("phone.possible")));
    nodes.push(el("ol", { class: "choices-list" }, buttons.map((button) => el("li", {}, button))));
  }
  if (wait && refusal.code === NO_ROOM) {
    const button = el(
      "button",
      { class: "button wide", type: "button", id: "join-waiting" },
      t("phone.wait"),
      el("kbd", { "aria-hidden": "true" }, "W"),
    );
    button.addEventListener("click", () => wait(button));
    more.w = () => button.click();
    nodes.push(el("p", { class: "soft" }, t("phone.wait_text")), button);
  } else if (!buttons.length) {
    nodes.push(el("p", { class: "soft" }, t("phone.try_other")));
  }
  present(t("refusal.title"), nodes);
  listen(more, buttons);
}
