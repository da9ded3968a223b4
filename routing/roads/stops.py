"""Where shuttles halt: curated stops, depots, and virtual stops generated to cover the town.

Virtual stops are chosen so that nearly all streets people live on are within a short walk of one
(`StopOptions`), each on the kerb of exactly one arc, with a name and an id that stay.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

import numpy as np
import shapely

from routing.roads.errors import OutsideNetworkError, RoadsError
from routing.roads.graph import Place, RoadGraph
from routing.roads.landmarks import Landmarks
from routing.roads.snapping import Snapper
from routing.roads.stop_candidates import (
    ArcLines,
    Candidate,
    demand_points,
    find_candidates,
    halting_arcs,
    opposite,
    place_at,
)
from routing.roads.stop_cover import choose_cover
from routing.roads.stop_names import Namer, unique_names
from routing.roads.stop_walks import WalkIndex

StopKind = Literal["curated", "virtual", "depot", "retired"]
Outline: TypeAlias = Sequence[tuple[float, float]] | shapely.Geometry
"""A ring of (lon, lat), or a polygon of any kind, in degrees."""
FORMAT: Final = 1
_RETIRED_SNAP_M: Final = 1000.0
_BASE36: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class InvalidStopsError(RoadsError):
    """The file of curated stops cannot be used."""

    code = "roads_invalid_stops"


@dataclass(frozen=True)
class Stop:
    """A spot at the kerb where a shuttle halts; depots are stops nobody can book."""

    id: str
    name: str
    lon: float
    lat: float
    place: Place
    kind: StopKind
    bookable: bool
    zone: str


class DepotSpec(NamedTuple):
    """A depot as configured: degrees."""

    id: str
    name: str
    lon: float
    lat: float


@dataclass(frozen=True)
class StopOptions:
    """How dense the stops are: the longest walk, and the share of streets within it."""

    max_walk_m: float = 300.0
    coverage: float = 0.985
    """A little more than the 98 % promised, so that rounding never breaks the promise."""
    near_walk_m: float = 150.0
    near_coverage: float = 0.5
    """Before that, this share gets a stop even nearer: where most people live, walks are short."""
    snap_m: float = 150.0
    """How far a curated stop or a depot may be from the road."""


@dataclass(frozen=True, eq=False)
class _Base:
    """The graph with everything that is looked up in it."""

    graph: RoadGraph
    index: WalkIndex
    lines: ArcLines
    namer: Namer
    area: shapely.Geometry | None


def load_or_generate_stops(
    graph: RoadGraph,
    *,
    cache: Path | None = None,
    curated: Path | None = None,
    depots: Sequence[DepotSpec] = (),
    area: Outline | None = None,
    landmarks: Landmarks | None = None,
    options: StopOptions | None = None,
) -> tuple[Stop, ...]:
    """The stops of a town: from the cache if nothing has changed, else generated and stored.

    Args:
        graph: the road graph.
        cache: GeoJSON file to keep the result in (`<name>.stops.geojson`).
        curated: GeoJSON points with `id`, `name` and optionally `side`, `kind`; snapped to the
            nearest kerb.
        depots: depots, in the order of the result.
        area: the service area, a ring of (lon, lat) or a polygon; by default the graph's, else all.
        landmarks: settlements and landmarks for names and zones.
        options: how dense.

    Returns:
        curated stops in file order, then virtual ones by id, then depots, then those that only
        the cache still knew from an earlier network; these cannot be booked any more.

    Raises:
        InvalidStopsError: the curated file cannot be used.
        OutsideNetworkError: a curated stop or depot is too far from any road.
    """
    options = options or StopOptions()
    landmarks = landmarks or Landmarks()
    points = _read_curated(curated) if curated else []
    outline = _area_of(graph, area)
    key = _cache_key(graph, points, depots, outline, landmarks, options)
    if cache is not None:
        known = load_stops(cache, key)
        if known is not None:
            return known
    stops = generate_stops(graph, points, depots, outline, landmarks, options)
    if cache is not None:
        stops += _retired(graph, load_stops(cache) or (), stops)
        save_stops(cache, stops, key)
    return stops


def _retired(
    graph: RoadGraph, earlier: Sequence[Stop], present: Sequence[Stop]
) -> tuple[Stop, ...]:
    """Stops of an earlier network, matched to this one: rides promised there are still driven."""
    snapper = Snapper(graph, arcs=halting_arcs(graph, curated=True))
    kept = {stop.id for stop in present}
    found = []
    for stop in earlier:
        if stop.id in kept:
            continue
        try:
            place = snapper.snap(stop.lon, stop.lat, max_m=_RETIRED_SNAP_M).place
        except OutsideNetworkError:
            continue
        found.append(replace(stop, place=place, kind="retired", bookable=False))
    return tuple(found)


def generate_stops(
    graph: RoadGraph,
    curated: Sequence[dict[str, Any]],
    depots: Sequence[DepotSpec],
    area: shapely.Geometry | None,
    landmarks: Landmarks,
    options: StopOptions,
) -> tuple[Stop, ...]:
    """The stops of a town, worked out anew; see `load_or_generate_stops`."""
    index = WalkIndex(graph)
    lines = ArcLines(graph, index)
    base = _Base(graph, index, lines, Namer(graph, lines, index, landmarks), area)
    snapper = Snapper(graph, arcs=halting_arcs(graph, curated=True))
    fixed = [_curated_stop(base, snapper, feature, options) for feature in curated]
    garages = [_depot_stop(base, snapper, depot, options) for depot in depots]
    virtual = _virtual_stops(base, fixed, options)
    stops = (*fixed, *virtual, *garages)
    counts = Counter(stop.id for stop in stops)
    repeated = [stop_id for stop_id, count in counts.items() if count > 1]
    if repeated:
        raise InvalidStopsError(f"stop ids are used twice: {', '.join(sorted(repeated))}")
    return stops


def coverage(
    graph: RoadGraph,
    stops: Sequence[Stop],
    max_walk_m: float = 300.0,
    *,
    area: Outline | None = None,
) -> float:
    """Share of the streets people live on from which a bookable stop is within a walk.

    Measured by one shortest-path search from all stops at once, apart from the search that chose
    them; street metres count, in the area only.
    """
    index = WalkIndex(graph)
    lines = ArcLines(graph, index)
    demand = demand_points(graph, lines, _area_of(graph, area), index)
    lon = np.array([s.lon for s in stops if s.bookable])
    lat = np.array([s.lat for s in stops if s.bookable])
    walk = index.nearest_mm(index.attach(*index.flat(lon, lat)), index.attach(demand.x, demand.y))
    total = float(demand.weight_m.sum())
    return float(demand.weight_m[walk <= max_walk_m * 1000].sum()) / total if total else 1.0


def _virtual_stops(base: _Base, fixed: Sequence[Stop], options: StopOptions) -> list[Stop]:
    graph, index, lines = base.graph, base.index, base.lines
    demand = demand_points(graph, lines, base.area, index)
    goals = index.attach(demand.x, demand.y)
    candidates = find_candidates(graph, lines, base.area, index)
    x, y = (np.array([getattr(c, axis) for c in candidates]) for axis in "xy")
    kerbs = index.attach(x, y)
    factor = np.array([c.quality for c in candidates])
    given = index.flat(np.array([s.lon for s in fixed]), np.array([s.lat for s in fixed]))
    named_after = base.namer.landmark_stops(x, y, given)
    chosen = sorted(named_after)
    for walk_m, share in (
        (options.near_walk_m, options.near_coverage),
        (options.max_walk_m, options.coverage),
    ):
        offset, member = index.reach(kerbs, goals, walk_m)
        served = np.zeros(len(demand.x), bool)
        served[index.reach(index.attach(*given), goals, walk_m)[1]] = True
        for candidate in chosen:
            served[member[offset[candidate] : offset[candidate + 1]]] = True
        chosen += choose_cover(offset, member, demand.weight_m, factor, served, share)
    picked = [(candidates[i], named_after.get(i, "")) for i in chosen]
    across = [(opposite(graph, lines, candidate), name) for candidate, name in picked]
    picked += [(candidate, name) for candidate, name in across if candidate is not None]
    return _named_stops(base, picked, {stop.name for stop in fixed})


def _named_stops(
    base: _Base, named: Sequence[tuple[Candidate, str]], taken: set[str]
) -> list[Stop]:
    """Stops in the order of their ids; the text is the landmark a stop is named after, or ""."""
    picked = [candidate for candidate, _ in named]
    kerbs = base.index.degrees(np.array([c.x for c in picked]), np.array([c.y for c in picked]))
    spots = [(round(float(a), 6), round(float(b), 6)) for a, b in zip(*kerbs, strict=True)]
    ids = [_stop_id(base.graph, c, at) for c, at in zip(picked, spots, strict=True)]
    order = sorted(range(len(picked)), key=lambda i: ids[i])
    namings = [base.namer.describe(*named[i]) for i in order]
    names = unique_names(namings, taken)
    return [
        Stop(ids[i], name, *spots[i], picked[i].place, "virtual", bookable=True, zone=naming.zone)
        for i, name, naming in zip(order, names, namings, strict=True)
    ]


def _stop_id(graph: RoadGraph, candidate: Candidate, at: tuple[float, float]) -> str:
    """Way id in base 36 ("x" marks invented ways) and a digest of the kerb to about 1 m."""
    way = int(graph.arc_way[candidate.place.arc])
    digits, rest = "", abs(way)
    while rest:
        rest, digit = divmod(rest, 36)
        digits = _BASE36[digit] + digits
    text = f"{at[0]:.5f},{at[1]:.5f}"
    mark = hashlib.blake2s(text.encode(), digest_size=3).hexdigest()
    return f"{'x' if way < 0 else 'v'}{digits or '0'}-{mark}"


def _curated_stop(
    base: _Base, snapper: Snapper, feature: dict[str, Any], options: StopOptions
) -> Stop:
    properties = feature["properties"]
    lon, lat = feature["geometry"]["coordinates"][:2]
    place, at = _at_kerb(base, snapper, lon, lat, options)
    side = str(properties.get("side", ""))
    name = f"{properties['name']}, {side}" if side else str(properties["name"])
    zone = base.namer.zone(*_flat(base.index, *at))
    return Stop(str(properties["id"]), name, *at, place, "curated", bookable=True, zone=zone)


def _depot_stop(base: _Base, snapper: Snapper, depot: DepotSpec, options: StopOptions) -> Stop:
    place, at = _at_kerb(base, snapper, depot.lon, depot.lat, options)
    zone = base.namer.zone(*_flat(base.index, *at))
    return Stop(depot.id, depot.name, *at, place, "depot", bookable=False, zone=zone)


def _at_kerb(
    base: _Base, snapper: Snapper, lon: float, lat: float, options: StopOptions
) -> tuple[Place, tuple[float, float]]:
    """The place on the kerb side, kept clear of the junctions at both ends of the arc."""
    snapped = snapper.snap(lon, lat, max_m=options.snap_m).place
    length = float(base.lines.length_m[snapped.arc])
    share = snapped.offset_ms / int(base.graph.arc_time_ms[snapped.arc])
    margin = min(10.0, length / 2)
    along = min(length - margin, max(margin, share * length))
    x, y, _ = base.lines.kerb(snapped.arc, along)
    at_lon, at_lat = base.index.degrees(np.array([x]), np.array([y]))
    place = place_at(base.graph, snapped.arc, along, length)
    return place, (round(float(at_lon[0]), 6), round(float(at_lat[0]), 6))


def _flat(index: WalkIndex, lon: float, lat: float) -> tuple[float, float]:
    x, y = index.flat(np.array([lon]), np.array([lat]))
    return float(x[0]), float(y[0])


def _area_of(graph: RoadGraph, area: Outline | None) -> shapely.Geometry | None:
    if area is not None:
        geometry = area if isinstance(area, shapely.Geometry) else shapely.Polygon(area)
        return shapely.make_valid(geometry)
    if graph.area is not None:
        parts = [shapely.Polygon(rings[0], rings[1:]) for rings in graph.area]
        return shapely.make_valid(shapely.MultiPolygon(parts))
    return None


def _read_curated(path: Path) -> list[dict[str, Any]]:
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        bad = [feature["properties"] for feature in features if not _is_stop(feature)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidStopsError(f"{path} is not a GeoJSON file of stops: {error}") from error
    if bad:
        raise InvalidStopsError(f"{path}: stops without id, name or position: {bad}")
    return cast("list[dict[str, Any]]", features)


def _is_stop(feature: dict[str, Any]) -> bool:
    lon, lat = map(float, feature["geometry"]["coordinates"][:2])
    properties = feature["properties"]
    named = bool(str(properties["id"]).strip() and str(properties["name"]).strip())
    return named and abs(lon) <= 180 and abs(lat) <= 90  # noqa: PLR2004 - degrees


def _cache_key(
    graph: RoadGraph,
    curated: Sequence[dict[str, Any]],
    depots: Sequence[DepotSpec],
    area: shapely.Geometry | None,
    landmarks: Landmarks,
    options: StopOptions,
) -> str:
    parts = (
        FORMAT,
        graph.digest,
        graph.names,
        curated,
        depots,
        "" if area is None else area.wkt,
        landmarks.settlements,
        landmarks.pois,
        asdict(options),
    )
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def save_stops(path: Path, stops: Sequence[Stop], key: str) -> None:
    """Writes stops as GeoJSON with the key of what they were made from, atomically."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [stop.lon, stop.lat]},
            "properties": {
                "id": stop.id,
                "name": stop.name,
                "kind": stop.kind,
                "bookable": stop.bookable,
                "zone": stop.zone,
                "arc": stop.place.arc,
                "offset_ms": stop.place.offset_ms,
            },
        }
        for stop in stops
    ]
    document = {"type": "FeatureCollection", "rufbus": {"key": key}, "features": features}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(json.dumps(document, ensure_ascii=False, indent=0), encoding="utf-8")
    temporary.replace(path)


def load_stops(path: Path, key: str | None = None) -> tuple[Stop, ...] | None:
    """Stops of a file; None if there is none, it is damaged, or was made from something else."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if key is not None and document["rufbus"]["key"] != key:
            return None
        return tuple(_stop_from(feature) for feature in document["features"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _stop_from(feature: dict[str, Any]) -> Stop:
    properties = feature["properties"]
    lon, lat = feature["geometry"]["coordinates"]
    place = Place(int(properties["arc"]), int(properties["offset_ms"]))
    return Stop(
        properties["id"],
        properties["name"],
        float(lon),
        float(lat),
        place,
        properties["kind"],
        bookable=bool(properties["bookable"]),
        zone=properties["zone"],
    )
