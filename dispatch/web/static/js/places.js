// The two ends of a ride: a combobox over stops, a point from the map or from the device.
// Follows the ARIA combobox pattern (list autocomplete, manual selection).

import { byId, el, fieldError, show } from "./dom.js";
import { t } from "./config.js";

const MAX_HITS = 8;
const NEAR_M = 400;
const METRES_PER_DEGREE = 111320;

/** Lower case, without accents, and "straße" in all its spellings the same. */
export function fold(text) {
  return text
    .toLowerCase()
    .replaceAll("ß", "ss")
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .replace(/str(asse|\.)/g, "str")
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
}

/** Metres between two points, good enough across a town. */
export function distanceM(a, b) {
  const x = (a.lon - b.lon) * Math.cos((a.lat * Math.PI) / 180);
  return Math.hypot(x, a.lat - b.lat) * METRES_PER_DEGREE;
}

function rank(folded, wanted) {
  const words = wanted.split(" ");
  if (!words.every((word) => folded.includes(word))) return -1;
  if (folded.startsWith(wanted)) return 0;
  return folded.includes(` ${wanted}`) ? 1 : 2;
}

/** All stops, searchable by name. */
export class StopIndex {
  #entries;

  constructor(stops) {
    this.#entries = stops.map((stop) => ({ stop, folded: fold(`${stop.name} ${stop.zone}`) }));
    this.byId = new Map(stops.map((stop) => [stop.id, stop]));
  }

  search(text) {
    const wanted = fold(text);
    if (!wanted) return [];
    return this.#entries
      .map(({ stop, folded }) => ({ stop, order: rank(folded, wanted) }))
      .filter(({ order }) => order >= 0)
      .sort((a, b) => a.order - b.order || a.stop.name.localeCompare(b.stop.name, "de"))
      .slice(0, MAX_HITS)
      .map(({ stop }) => stop);
  }

  nearest(place) {
    let best = null;
    for (const stop of this.byId.values()) {
      const metres = distanceM(place, stop);
      if (!best || metres < best.metres) best = { stop, metres };
    }
    return best && best.metres <= NEAR_M ? best.stop : null;
  }
}

export const stopPlace = (stop) => ({
  label: stop.name,
  lon: stop.lon,
  lat: stop.lat,
  body: { stop_id: stop.id },
});

export function pointPlace({ lon, lat }, index, label = "") {
  const near = index.nearest({ lon, lat });
  const words = near ? t("place.near", { name: near.name }) : t("place.point");
  const round = (value) => Math.round(value * 1e6) / 1e6;
  return { label: label || words, lon, lat, body: { lon: round(lon), lat: round(lat) } };
}

/** One end of the ride. `place` is what is chosen, or null. */
export class PlaceField {
  place = null;
  #index;
  #input;
  #list;
  #root;
  #hits = [];
  #selected = -1;
  #changed;
  #none;

  constructor(id, index, { changed, focused = () => {}, none = t("place.none") }) {
    this.id = id;
    this.#index = index;
    this.#changed = changed;
    this.#none = none;
    this.#input = byId(id);
    this.#list = byId(`${id}-list`);
    this.#root = this.#input.closest(".combo");
    this.#input.addEventListener("input", () => this.#typed());
    this.#input.addEventListener("keydown", (event) => this.#key(event));
    this.#input.addEventListener("focus", () => {
      focused(this);
      this.#input.select();
    });
    this.#input.addEventListener("blur", () => this.#left());
    this.#list.addEventListener("mousedown", (event) => event.preventDefault());
    this.#root.querySelector("[data-locate]")?.addEventListener("click", () => this.#locate());
  }

  setIndex(index) {
    this.#index = index;
  }

  set active(on) {
    this.#root.classList.toggle("active", on);
  }

  choose(place) {
    this.place = place;
    this.#input.value = place ? place.label : "";
    this.#close();
    this.error("");
    this.#changed(this);
  }

  error(text) {
    fieldError(this.id, text);
  }

  focus() {
    this.#input.focus();
  }

  get focused() {
    return document.activeElement === this.#input;
  }

  #typed() {
    this.place = null;
    this.#changed(this);
    this.#hits = this.#index.search(this.#input.value);
    this.#selected = -1;
    this.#draw();
  }

  #draw() {
    const empty = !this.#input.value.trim();
    const options = this.#hits.map((stop, position) =>
      el(
        "li",
        {
          role: "option",
          id: `${this.id}-option-${position}`,
          "aria-selected": position === this.#selected ? "true" : "false",
          onclick: () => this.choose(stopPlace(stop)),
        },
        el("span", {}, stop.name),
        el("span", {}, stop.closed ? t("place.closed") : stop.zone),
      ),
    );
    const none = el("li", { class: "none", role: "option", "aria-disabled": "true" }, this.#none);
    this.#list.replaceChildren(...(options.length ? options : [none]));
    show(this.#list, !empty);
    this.#input.setAttribute("aria-expanded", empty ? "false" : "true");
    if (this.#selected >= 0) {
      this.#input.setAttribute("aria-activedescendant", options[this.#selected].id);
      options[this.#selected].scrollIntoView({ block: "nearest" });
    } else {
      this.#input.removeAttribute("aria-activedescendant");
    }
  }

  #key(event) {
    const count = this.#hits.length;
    const open = !this.#list.hidden;
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count) {
      const step = event.key === "ArrowDown" ? 1 : -1;
      const first = step > 0 ? 0 : count - 1;
      this.#selected = this.#selected < 0 ? first : (this.#selected + step + count) % count;
      this.#draw();
      event.preventDefault();
    } else if (event.key === "Enter" && open && count) {
      this.choose(stopPlace(this.#hits[Math.max(0, this.#selected)]));
      event.preventDefault();
    } else if (event.key === "Escape" && open) {
      this.#close();
      event.preventDefault();
    }
  }

  #left() {
    // Somebody who has typed a name in full means that stop.
    const [first] = this.#hits;
    if (!this.place && first && fold(first.name) === fold(this.#input.value)) {
      this.choose(stopPlace(first));
    }
    this.#close();
  }

  #close() {
    this.#hits = [];
    this.#selected = -1;
    show(this.#list, false);
    this.#input.setAttribute("aria-expanded", "false");
    this.#input.removeAttribute("aria-activedescendant");
  }

  #locate() {
    if (!navigator.geolocation || !isSecureContext) {
      this.error(t("place.no_position"));
      return;
    }
    this.#input.value = t("place.locating");
    navigator.geolocation.getCurrentPosition(
      ({ coords }) =>
        this.choose(
          pointPlace({ lon: coords.longitude, lat: coords.latitude }, this.#index, t("place.here")),
        ),
      () => {
        this.choose(null);
        this.error(t("place.no_position"));
      },
      { enableHighAccuracy: true, timeout: 10000, maximumAge: 30000 },
    );
  }
}
