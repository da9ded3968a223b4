// What the service answered to a ride wish: offers as cards, or the reason why not.

import { byId, el, show } from "./dom.js";
import { has, t, tn } from "./config.js";
import { clock, clockWindow, countdown, dateOf, dayName, now, price, realMs } from "./time.js";

const metres = (value) => (value < 10 ? t("offer.no_walk") : t("offer.walk", { metres: value }));

function leg(stop, text) {
  return el(
    "li",
    {},
    el("div", { class: "stop-name" }, stop.name),
    el("div", { class: "soft small" }, `${text} · ${metres(stop.walk_m)}`),
  );
}

function card(offer, choose) {
  const [from] = offer.pickup_window;
  const today = dateOf(from) === dateOf(now());
  const kind = `offer.kind.${offer.kind}`;
  const left = el("span", { class: "soft small", "data-expiry": offer.expires_at });
  const button = el("button", { class: "button primary", type: "button" }, t("offer.take"));
  const node = el(
    "article",
    { class: "card offer", "data-offer": offer.id, "aria-label": clockWindow(offer.pickup_window) },
    el(
      "div",
      { class: "row between" },
      has(kind) ? el("span", { class: "pill" }, t(kind)) : null,
      today ? null : el("span", { class: "soft small" }, dayName(from)),
      el("span", { class: "price" }, price(offer.price_cents)),
    ),
    el(
      "div",
      {},
      el("p", { class: "soft small" }, t("offer.pickup")),
      el("p", { class: "times" }, clockWindow(offer.pickup_window)),
    ),
    el(
      "ol",
      { class: "legs" },
      leg(offer.pickup, t("offer.board")),
      leg(offer.dropoff, t("offer.alight", { time: clock(offer.arrival_latest) })),
    ),
    el("div", { class: "row between wrap" }, left, button),
  );
  button.addEventListener("click", () => choose(offer));
  return node;
}

/** The list of offers; `choose(offer)` and `look(offer)` are told what the rider takes or regards. */
export class OfferList {
  #timer = null;
  #nodes = [];

  constructor({ choose, look, again }) {
    this.choose = choose;
    this.look = look;
    this.again = again;
  }

  clear() {
    clearInterval(this.#timer);
    this.#nodes = [];
    show(byId("results"), false);
    byId("offers").replaceChildren();
  }

  /** Show an answer to a ride request; `later(departAt)` asks for an alternative. */
  draw(answer, later) {
    this.clear();
    show(byId("results"));
    const title = byId("results-title");
    if (answer.offers.length) {
      title.textContent = tn("offer.title", answer.offers.length);
      this.#nodes = answer.offers.map((offer) => this.#cardOf(offer));
      byId("offers").replaceChildren(...this.#nodes);
      this.#tick();
      this.#timer = setInterval(() => this.#tick(), Math.max(100, Math.min(1000, realMs(1000))));
      this.look(answer.offers[0]);
    } else {
      title.textContent = t("refusal.title");
      byId("offers").replaceChildren(...this.#refusal(answer.refusal, later));
    }
    title.focus();
    title.scrollIntoView({ block: "start", behavior: "smooth" });
  }

  #cardOf(offer) {
    const node = card(offer, (chosen) => {
      for (const each of this.#nodes) each.classList.toggle("chosen", each === node);
      this.choose(chosen);
    });
    const look = () => this.look(offer);
    node.addEventListener("mouseenter", look);
    node.addEventListener("focusin", look);
    return node;
  }

  #tick() {
    let alive = 0;
    for (const node of this.#nodes) {
      const line = node.querySelector("[data-expiry]");
      const left = countdown(line.dataset.expiry);
      line.textContent = left ? t("offer.valid", { left }) : t("offer.expired");
      node.classList.toggle("expired", !left);
      node.querySelector("button").disabled = !left;
      if (left) alive += 1;
    }
    if (alive || !this.#nodes.length) return;
    clearInterval(this.#timer);
    const again = el("button", { class: "button wide", type: "button" }, t("offer.again"));
    again.addEventListener("click", this.again);
    byId("offers").append(again);
  }

  #refusal(refusal, later) {
    const parts = [el("p", { class: "notice warn" }, refusal.message)];
    if (!refusal.alternatives.length) return parts;
    parts.push(el("h3", {}, t("refusal.alternatives")));
    const buttons = refusal.alternatives.map((alternative) => {
      const [from] = alternative.pickup_window;
      const button = el(
        "button",
        { class: "button wide", type: "button" },
        el("span", {}, `${dayName(from)}, ${clockWindow(alternative.pickup_window)}`),
        el("span", { class: "soft small" }, t("refusal.arrival", { time: clock(alternative.arrival_latest) })),
      );
      button.addEventListener("click", () => later(alternative.depart_at));
      return button;
    });
    parts.push(el("div", { class: "alternatives" }, buttons));
    return parts;
  }
}
