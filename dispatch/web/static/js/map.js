// The map: our style over our own tiles, the stops, ways, pins and shuttles. Everything a page can
// do must also work without it: `createMap` answers null where a device cannot draw one.

import { byId, el, icon, show } from "./dom.js";
import { service, t, vendor } from "./config.js";
import { FONT, mapStyle } from "./style.js";

const BUS =
  "M4 16V6a3 3 0 0 1 3-3h10a3 3 0 0 1 3 3v10a2 2 0 0 1-1 1.700V20h-3v-2H8v2H5v-2.300A2 2 0 0 1 4 16zM6 6v5h12V6zm1.500 10a1.300 1.300 0 1 0 0-2.600 1.300 1.300 0 0 0 0 2.600zm9 0a1.300 1.300 0 1 0 0-2.600 1.300 1.300 0 0 0 0 2.600z";
const GLIDE_MS = 1800;
const JUMP_DEGREES = 0.02; // farther than a shuttle gets between two reports: do not glide
const TAP_PX = 12;
const ZOOM_FOR_PX = 900; // the configured zoom suits a map of this size
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

const collection = (features) => ({ type: "FeatureCollection", features });
const point = ({ lon, lat }, properties = {}) => ({
  type: "Feature",
  geometry: { type: "Point", coordinates: [lon, lat] },
  properties,
});
const path = (coordinates, properties = {}) => ({
  type: "Feature",
  geometry: { type: "LineString", coordinates },
  properties,
});

function loadScript(src) {
  return new Promise((resolve, reject) => {
    const script = el("script", { src, onload: resolve, onerror: reject });
    document.head.append(script);
  });
}

async function library() {
  const [maplibre] = await Promise.all([
    import(`${vendor["maplibre-gl"]}/maplibre-gl.mjs`),
    globalThis.pmtiles ? null : loadScript(`${vendor.pmtiles}/pmtiles.js`),
  ]);
  if (!library.protocol) {
    library.protocol = new globalThis.pmtiles.Protocol();
    maplibre.addProtocol("pmtiles", library.protocol.tile);
  }
  return maplibre;
}

const words = () => ({
  "NavigationControl.ZoomIn": t("map.zoom_in"),
  "NavigationControl.ZoomOut": t("map.zoom_out"),
  "Map.Title": t("map.label"),
});

const zoomLess = ({ clientWidth, clientHeight }) =>
  Math.max(0, Math.log2(ZOOM_FOR_PX / Math.max(1, clientWidth, clientHeight)));

/** Build the page's map, or null (with a note in its place). */
export async function createMap() {
  try {
    const maplibre = await library();
    const map = new maplibre.Map({
      container: byId("map"),
      style: mapStyle(service.tiles && new URL(service.tiles, location.href).href),
      center: service.center,
      zoom: service.zoom - zoomLess(byId("map")),
      minZoom: 8,
      maxZoom: 19,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      locale: words(),
    });
    map.touchZoomRotate.disableRotation();
    map.addControl(new maplibre.NavigationControl({ showCompass: false }), "top-right");
    await new Promise((resolve, reject) => {
      map.once("load", resolve);
      map.once("error", (event) => reject(event.error));
    });
    map.on("error", () => {}); // a missing tile leaves a gap in the map, not in the page
    show(byId("map-note"), false);
    return new TownMap(maplibre, map);
  } catch (error) {
    console.info("no map:", error?.message);
    show(byId("map"), false);
    byId("map-note").textContent = t("map.missing");
    return null;
  }
}

class TownMap {
  #maplibre;
  #map;
  #pins = new Map();
  #shuttles = new Map();

  constructor(maplibre, map) {
    this.#maplibre = maplibre;
    this.#map = map;
    for (const id of ["area", "ways", "stops", "closures"]) {
      map.addSource(id, { type: "geojson", data: collection([]) });
    }
    this.#addLayers();
    new ResizeObserver(() => map.resize()).observe(map.getContainer());
  }

  #addLayers() {
    const map = this.#map;
    const below = map.getLayer("place") ? "place" : undefined;
    const add = (layer) => map.addLayer(layer, below);
    add({
      id: "area-line",
      type: "line",
      source: "area",
      paint: { "line-color": "#0b6157", "line-width": 2, "line-dasharray": [3, 2], "line-opacity": 0.6 },
    });
    add({
      id: "ways-casing",
      type: "line",
      source: "ways",
      filter: ["!=", ["get", "walk"], true],
      layout: { "line-cap": "round", "line-join": "round" },
      paint: { "line-color": "#ffffff", "line-width": 7, "line-opacity": 0.9 },
    });
    add({
      id: "ways",
      type: "line",
      source: "ways",
      filter: ["!=", ["get", "walk"], true],
      layout: { "line-cap": "round", "line-join": "round" },
      paint: { "line-color": ["coalesce", ["get", "colour"], "#0b6157"], "line-width": 4 },
    });
    add({
      id: "walks",
      type: "line",
      source: "ways",
      filter: ["==", ["get", "walk"], true],
      layout: { "line-cap": "round" },
      paint: { "line-color": "#16232a", "line-width": 3, "line-dasharray": [0.1, 2] },
    });
    add({
      id: "stops",
      type: "circle",
      source: "stops",
      minzoom: 11.5,
      paint: {
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 11.5, 1.6, 14, 4, 17, 7],
        "circle-color": "#ffffff",
        "circle-stroke-color": "#0b6157",
        "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], 11.5, 0.8, 15, 2.2],
      },
    });
    add({
      id: "closed-roads",
      type: "line",
      source: "closures",
      filter: ["==", ["geometry-type"], "LineString"],
      paint: { "line-color": "#b3261e", "line-width": 5, "line-dasharray": [1, 1] },
    });
    add({
      id: "closed-stops",
      type: "circle",
      source: "closures",
      filter: ["==", ["geometry-type"], "Point"],
      paint: { "circle-radius": 7, "circle-color": "#b3261e", "circle-stroke-color": "#ffffff", "circle-stroke-width": 2 },
    });
    map.addLayer({
      id: "stop-names",
      type: "symbol",
      source: "stops",
      minzoom: 15,
      layout: {
        "text-field": ["get", "name"],
        "text-font": FONT,
        "text-size": 12,
        "text-anchor": "top",
        "text-offset": [0, 0.8],
        "text-max-width": 9,
        "text-optional": true,
      },
      paint: { "text-color": "#074a42", "text-halo-color": "#ffffff", "text-halo-width": 1.8 },
    });
  }

  setArea(geometry) {
    const features = geometry ? [{ type: "Feature", geometry, properties: {} }] : [];
    this.#map.getSource("area").setData(collection(features));
  }

  setStops(stops) {
    const features = stops.map((stop) => point(stop, { id: stop.id, name: stop.name }));
    this.#map.getSource("stops").setData(collection(features));
  }

  /** What is closed: lines of coordinates, and places. */
  setClosures(lines, places) {
    const features = [...lines.map((line) => path(line)), ...places.map((place) => point(place))];
    this.#map.getSource("closures").setData(collection(features));
  }

  /** Lines: `[{coordinates, walk, colour}]`. */
  setWays(ways) {
    const features = ways.map(({ coordinates, ...rest }) => path(coordinates, rest));
    this.#map.getSource("ways").setData(collection(features));
  }

  /** Tell where the map is tapped: `{lon, lat}` and the id of the stop under the finger, if any. */
  onTap(handler) {
    this.#map.on("click", (event) => {
      const { x, y } = event.point;
      const box = [[x - TAP_PX, y - TAP_PX], [x + TAP_PX, y + TAP_PX]];
      const [hit] = this.#map.queryRenderedFeatures(box, { layers: ["stops"] });
      const { lng, lat } = event.lngLat;
      handler({ lon: lng, lat }, hit?.properties.id ?? null);
    });
    this.#map.on("mouseenter", "stops", () => (this.#map.getCanvas().style.cursor = "pointer"));
    this.#map.on("mouseleave", "stops", () => (this.#map.getCanvas().style.cursor = ""));
  }

  /** A pin by key; without a place, none. */
  setPin(key, place, { to = false, small = false, text = "" } = {}) {
    this.#pins.get(key)?.remove();
    this.#pins.delete(key);
    if (!place || place.lon === null) return;
    const element = el(
      "div",
      { class: `pin ${to ? "to" : "from"} ${small ? "small" : ""}`, "aria-hidden": "true" },
      el("span", { class: "head" }, text),
    );
    const marker = new this.#maplibre.Marker({ element, anchor: "bottom" });
    marker.setLngLat([place.lon, place.lat]).addTo(this.#map);
    this.#pins.set(key, marker);
  }

  /** Shuttles by id: `{id, lon, lat, name, load, tone}`; those not named disappear. */
  setShuttles(shuttles) {
    const present = new Set(shuttles.map((shuttle) => shuttle.id));
    for (const [id, shown] of this.#shuttles) {
      if (present.has(id)) continue;
      shown.marker.remove();
      this.#shuttles.delete(id);
    }
    for (const shuttle of shuttles) this.#setShuttle(shuttle);
  }

  #setShuttle({ id, lon, lat, name, load = "", tone = "" }) {
    let shown = this.#shuttles.get(id);
    if (!shown) {
      const label = el("span", { class: "name" });
      const count = el("span", { class: "load" });
      const element = el("div", { class: "shuttle" }, icon(BUS, true), label, count);
      element.dataset.shuttle = id;
      const marker = new this.#maplibre.Marker({ element }).setLngLat([lon, lat]);
      shown = { marker, element, label, count, frame: 0 };
      marker.addTo(this.#map);
      this.#shuttles.set(id, shown);
    }
    shown.label.textContent = name;
    shown.count.textContent = load;
    show(shown.count, load !== "");
    for (const each of ["late", "stale"]) {
      shown.element.classList.toggle(each, tone.split(" ").includes(each));
    }
    shown.element.dataset.lon = lon;
    shown.element.dataset.lat = lat;
    this.#glide(shown, lon, lat);
  }

  #glide(shown, lon, lat) {
    cancelAnimationFrame(shown.frame);
    const from = shown.marker.getLngLat();
    const far = Math.abs(from.lng - lon) + Math.abs(from.lat - lat) > JUMP_DEGREES;
    if (far || STILL.matches || document.hidden) {
      shown.marker.setLngLat([lon, lat]);
      return;
    }
    const start = performance.now();
    const step = (time) => {
      const done = Math.min(1, Math.max(0, (time - start) / GLIDE_MS));
      shown.marker.setLngLat([from.lng + (lon - from.lng) * done, from.lat + (lat - from.lat) * done]);
      if (done < 1) shown.frame = requestAnimationFrame(step);
    };
    shown.frame = requestAnimationFrame(step);
  }

  /** Show all of some places. */
  fit(places) {
    const known = places.filter((place) => place && place.lon !== null && place.lon !== undefined);
    if (!known.length) return;
    const bounds = new this.#maplibre.LngLatBounds();
    for (const { lon, lat } of known) bounds.extend([lon, lat]);
    const padding = { top: 100, bottom: 48, left: 48, right: 64 }; // the badge and the pins need room
    this.#map.fitBounds(bounds, { padding, maxZoom: 16, animate: !STILL.matches });
  }
}
