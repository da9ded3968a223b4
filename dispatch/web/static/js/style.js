// Our map style: light and quiet, so that stops, ways and shuttles stand out. No fonts are loaded:
// without `glyphs`, MapLibre draws labels with the device's own.

const FONT = ["system-ui", "Segoe UI", "Roboto", "Noto Sans", "DejaVu Sans", "sans-serif"];
const INK = "#3a4a50";
const KIND = ["get", "class"];

const colours = {
  ground: "#f3f3ee",
  built: "#eae8e2",
  industry: "#e6e3e3",
  public: "#f0e8dd",
  paved: "#efeeea",
  farm: "#f1f1e6",
  green: "#dcebd3",
  wood: "#cfe2c6",
  water: "#b9d9e6",
  building: "#dedad2",
  minor: "#ffffff",
  middle: "#fffdf5",
  main: "#fbe9b7",
  motorway: "#f3cf8f",
  casing: "#d3d0c6",
  rail: "#a7a9a8",
  border: "#a99db5",
};

const width = (...stops) => ["interpolate", ["exponential", 1.5], ["zoom"], ...stops];
const isOneOf = (...kinds) => ["match", KIND, kinds, true, false];

const MOTORWAY = isOneOf("motorway");
const MAIN = isOneOf("trunk", "primary", "secondary");
const MIDDLE = isOneOf("tertiary");
const PATH = isOneOf("path", "footway", "cycleway", "steps", "bridleway", "track", "pedestrian");
const MINOR = ["!", ["any", MOTORWAY, MAIN, MIDDLE, PATH]];

const fill = (id, layer, filter, colour, more = {}) => ({
  id,
  type: "fill",
  source: "basemap",
  "source-layer": layer,
  filter,
  paint: { "fill-color": colour },
  ...more,
});

const line = (id, layer, filter, colour, widths, paint = {}, more = {}) => ({
  id,
  type: "line",
  source: "basemap",
  "source-layer": layer,
  filter,
  layout: { "line-cap": "round", "line-join": "round" },
  paint: { "line-color": colour, "line-width": widths, ...paint },
  ...more,
});

const label = (id, layer, filter, field, layout, paint = {}, more = {}) => ({
  id,
  type: "symbol",
  source: "basemap",
  "source-layer": layer,
  filter,
  layout: { "text-field": field, "text-font": FONT, ...layout },
  paint: {
    "text-color": INK,
    "text-halo-color": "rgba(255,255,255,0.9)",
    "text-halo-width": 1.6,
    ...paint,
  },
  ...more,
});

const road = (id, filter, colour, widths, minzoom) => [
  line(`${id}-casing`, "road", filter, colours.casing, width(...widths.map(casing)), {}, { minzoom }),
  line(id, "road", filter, colour, width(...widths), {}, { minzoom }),
];

// Casings are a little wider than the road; `widths` alternates zoom and width.
const casing = (value, index) => (index % 2 ? value + 1.4 : value);

const NAME = ["get", "name"];

const layers = () => [
  fill("built", "landuse", isOneOf("residential", "retail"), colours.built),
  fill("industry", "landuse", isOneOf("industrial", "railway", "quarry"), colours.industry),
  fill("farm", "landuse", isOneOf("farmland"), colours.farm),
  fill("green", "landuse", isOneOf("grass", "park", "sport", "cemetery", "allotments"),
    colours.green),
  fill("wood", "landuse", isOneOf("wood"), colours.wood),
  fill("public", "landuse", isOneOf("hospital", "school"), colours.public),
  fill("paved", "landuse", isOneOf("parking", "pedestrian"), colours.paved),
  fill("water", "water", ["==", ["geometry-type"], "Polygon"], colours.water),
  line("stream", "water", ["==", ["geometry-type"], "LineString"], colours.water,
    width(10, 0.6, 16, 4)),
  fill("building", "building", true, colours.building, { minzoom: 14 }),
  line("rail", "rail", true, colours.rail, width(9, 0.8, 16, 3)),
  line("rail-sleepers", "rail", true, colours.ground, width(9, 0.3, 16, 1.8),
    { "line-dasharray": [3, 3] }, { minzoom: 12 }),
  line("path", "road", PATH, "#cfcabd", width(13, 0.7, 17, 2),
    { "line-dasharray": [2, 1.4] }, { minzoom: 13.5 }),
  ...road("minor", MINOR, colours.minor, [11, 0.4, 14, 2.4, 17, 10], 11),
  ...road("middle", MIDDLE, colours.middle, [9, 0.6, 14, 4, 17, 13], 9),
  ...road("main", MAIN, colours.main, [7, 0.7, 14, 5, 17, 15], 7),
  ...road("motorway", MOTORWAY, colours.motorway, [6, 1, 14, 6.5, 17, 18], 6),
  line("border", "boundary", true, colours.border, width(9, 1, 14, 2),
    { "line-dasharray": [4, 3], "line-opacity": 0.7 }),
  label("road-name", "road", ["all", ["has", "name"], ["!", MOTORWAY]], NAME, {
    "symbol-placement": "line",
    "text-size": width(13, 10.5, 18, 14),
    "symbol-spacing": 320,
  }, { "text-color": "#5b6468" }, { minzoom: 13.5 }),
  label("road-ref", "road", ["all", ["has", "ref"], ["any", MOTORWAY, MAIN]], ["get", "ref"], {
    "symbol-placement": "line",
    "text-size": 11,
    "text-rotation-alignment": "viewport",
    "symbol-spacing": 420,
  }, { "text-color": "#7d5b12", "text-halo-width": 2 }, { minzoom: 9, maxzoom: 14.5 }),
  label("poi", "poi", ["has", "name"], NAME, {
    "text-size": 11,
    "text-max-width": 8,
  }, { "text-color": "#6a6f58" }, { minzoom: 15.5 }),
  label("place", "place", ["has", "name"], NAME, {
    "text-size": [
      "interpolate", ["linear"], ["zoom"],
      9, ["match", KIND, ["city", "town"], 14, ["village"], 11.5, 10],
      14, ["match", KIND, ["city", "town"], 21, ["village"], 17, 13.5],
    ],
    "text-max-width": 7,
    "text-letter-spacing": 0.01,
  }, {}, { maxzoom: 15.5 }),
];

/** A complete style; without tiles, a plain ground. */
export function mapStyle(tilesUrl) {
  return {
    version: 8,
    sources: tilesUrl ? { basemap: { type: "vector", url: `pmtiles://${tilesUrl}` } } : {},
    layers: [
      { id: "ground", type: "background", paint: { "background-color": colours.ground } },
      ...(tilesUrl ? layers() : []),
    ],
  };
}

export { FONT };
