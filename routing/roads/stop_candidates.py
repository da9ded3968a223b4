"""Where a stop could be: kerb points a few metres after junctions and along longer streets.

Right-hand traffic throughout: the kerb of an arc is on its right.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from routing.roads.graph import ArcFlag, Place, RoadGraph
from routing.roads.stop_walks import WalkIndex
from routing.roads.tags import FAST_ROADS, HIGHWAYS

CORNER_M: Final = 15.0
"""Distance from a junction: beyond the 5 m in which halting is forbidden (StVO § 12), and a bus
length more."""
KERB_M: Final = 3.0
MID_BLOCK_FROM_M: Final = 120.0
MID_BLOCK_EVERY_M: Final = 110.0
SPACING_M: Final = 30.0
SAMPLE_EVERY_M: Final = 50.0

_LIVED_IN: Final = frozenset({"residential", "living_street", "pedestrian", "unclassified"})
_LIVED_IN_TOWN: Final = frozenset({"primary", "secondary", "tertiary"})
_HALT: Final = _LIVED_IN | _LIVED_IN_TOWN
_BOTH_SIDES: Final = frozenset({"primary", "secondary"})
_PREFERENCE: Final = {"primary": 0.6, "secondary": 0.85, "tertiary": 1.0, "pedestrian": 0.7}


class Candidate(NamedTuple):
    """A possible stop: the kerb in metres, its place, and how well it suits."""

    place: Place
    x: float
    y: float
    normal: tuple[float, float]
    junction: int
    """Node whose corner this is, -1 in mid-block."""
    quality: float


@dataclass(frozen=True, eq=False)
class Demand:
    """Points along the streets people live on: metres east and north, metres of street each."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    weight_m: NDArray[np.float64]


def classes_of(graph: RoadGraph) -> NDArray[np.str_]:
    """The highway class of every arc."""
    return np.array(HIGHWAYS)[graph.arc_highway]


def halting_arcs(graph: RoadGraph, *, curated: bool = False) -> NDArray[np.bool_]:
    """Arcs at whose kerb a shuttle may halt, bool[A].

    Never in tunnels, on bridges, in roundabouts; on motorways and trunks only with a sidewalk.
    Curated stops may lie on service roads and busways as well: somebody has looked at them.
    """
    classes = classes_of(graph)
    flags = graph.arc_flags
    barred = ArcFlag.TUNNEL | ArcFlag.BRIDGE | ArcFlag.ROUNDABOUT
    fast = np.isin(classes, sorted(FAST_ROADS)) & ((flags & ArcFlag.SIDEWALK) == 0)
    allowed = sorted(_HALT | ({"service", "busway", "road", "track"} if curated else set()))
    ok: NDArray[np.bool_] = np.isin(classes, allowed) & ~fast & ((flags & int(barred)) == 0)
    return ok


def once_per_road(graph: RoadGraph) -> NDArray[np.bool_]:
    """One arc of every road, bool[A]."""
    one: NDArray[np.bool_] = (graph.arc_twin < 0) | (np.arange(graph.arcs) < graph.arc_twin)
    return one


class ArcLines:
    """Polylines of the arcs in metres."""

    def __init__(self, graph: RoadGraph, index: WalkIndex) -> None:
        """Builds all of them at once."""
        x, y = index.flat(graph.geometry_lon, graph.geometry_lat)
        of_arc = np.repeat(np.arange(graph.arcs), np.diff(graph.geometry_offset))
        self.lines = shapely.linestrings(x, y, indices=of_arc)
        self.length_m = shapely.length(self.lines)

    def kerb(self, arc: int, along_m: float) -> tuple[float, float, tuple[float, float]]:
        """A point on the right-hand kerb, and the unit vector from the road to it."""
        line, length = self.lines[arc], float(self.length_m[arc])
        at = shapely.line_interpolate_point(line, along_m)
        before = shapely.line_interpolate_point(line, max(0.0, along_m - 1.0))
        after = shapely.line_interpolate_point(line, min(length, along_m + 1.0))
        dx, dy = after.x - before.x, after.y - before.y
        norm = float(np.hypot(dx, dy)) or 1.0
        right = (dy / norm, -dx / norm)
        return at.x + right[0] * KERB_M, at.y + right[1] * KERB_M, right


def place_at(graph: RoadGraph, arc: int, along_m: float, length_m: float) -> Place:
    """The place some metres along an arc; time is taken as evenly spread."""
    time = int(graph.arc_time_ms[arc])
    return Place(arc, min(time, max(0, round(along_m / max(length_m, 1e-6) * time))))


def demand_points(
    graph: RoadGraph, lines: ArcLines, area: shapely.Geometry | None, index: WalkIndex
) -> Demand:
    """Points every 50 m or less along streets with houses: local roads, and main roads in town."""
    classes = classes_of(graph)
    urban = (graph.arc_flags & ArcFlag.URBAN) != 0
    homes = np.isin(classes, sorted(_LIVED_IN)) | (np.isin(classes, sorted(_LIVED_IN_TOWN)) & urban)
    homes &= (graph.arc_flags & (ArcFlag.TUNNEL | ArcFlag.BRIDGE | ArcFlag.ROUNDABOUT)) == 0
    arcs = np.flatnonzero(homes & once_per_road(graph))
    parts = np.maximum(1, np.ceil(lines.length_m[arcs] / SAMPLE_EVERY_M)).astype(np.int64)
    arc = np.repeat(arcs, parts)
    step = np.arange(len(arc)) - np.repeat(np.cumsum(parts) - parts, parts)
    share = (step + 0.5) / np.repeat(parts, parts)
    points = shapely.line_interpolate_point(lines.lines[arc], share, normalized=True)
    x, y = shapely.get_x(points), shapely.get_y(points)
    weight = lines.length_m[arc] / np.repeat(parts, parts)
    if area is not None:
        lon, lat = index.degrees(x, y)
        shapely.prepare(area)
        inside = shapely.contains_xy(area, lon, lat)
        x, y, weight = x[inside], y[inside], weight[inside]
    return Demand(x, y, weight)


def find_candidates(
    graph: RoadGraph, lines: ArcLines, area: shapely.Geometry | None, index: WalkIndex
) -> list[Candidate]:
    """All possible stops, thinned to one per 30 m, the better first."""
    classes = classes_of(graph)
    ok = halting_arcs(graph)
    degree = np.bincount(graph.arc_from[once_per_road(graph)], minlength=graph.nodes)
    degree += np.bincount(graph.arc_to[once_per_road(graph)], minlength=graph.nodes)
    once = once_per_road(graph)
    found: list[Candidate] = []
    for arc in np.flatnonzero(ok).tolist():
        length = float(lines.length_m[arc])
        start, end = int(graph.arc_from[arc]), int(graph.arc_to[arc])
        quality = _PREFERENCE.get(str(classes[arc]), 1.0)
        quality *= 1.0 if graph.arc_name[arc] else 0.97
        quality *= 0.85 if degree[end] == 1 or degree[start] == 1 else 1.0
        quality *= 0.9 if graph.arc_flags[arc] & ArcFlag.RESTRICTED else 1.0
        spots: list[tuple[float, int, float]] = []
        if length >= 2 * CORNER_M and degree[start] > 2:  # noqa: PLR2004 - a junction
            spots.append((CORNER_M, start, quality))
        if length >= MID_BLOCK_FROM_M and once[arc]:
            count = int(length / MID_BLOCK_EVERY_M)
            spots += [(length * (i + 1) / (count + 1), -1, quality * 0.97) for i in range(count)]
        for along, junction, worth in spots:
            x, y, normal = lines.kerb(arc, along)
            place = place_at(graph, arc, along, length)
            found.append(Candidate(place, x, y, normal, junction, worth))
    if area is not None:
        lon, lat = index.degrees(np.array([c.x for c in found]), np.array([c.y for c in found]))
        inside = shapely.contains_xy(area, lon, lat)
        found = [c for c, keep in zip(found, inside.tolist(), strict=True) if keep]
    return _thinned(found)


def _thinned(found: list[Candidate]) -> list[Candidate]:
    cells: dict[tuple[int, int], list[Candidate]] = {}
    kept = []
    order = sorted(found, key=lambda c: (-c.quality, round(c.x, 2), round(c.y, 2)))
    for candidate in order:
        column, row = int(candidate.x // SPACING_M), int(candidate.y // SPACING_M)
        near = (
            other
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            for other in cells.get((column + i, row + j), ())
        )
        if all(np.hypot(o.x - candidate.x, o.y - candidate.y) >= SPACING_M for o in near):
            cells.setdefault((column, row), []).append(candidate)
            kept.append(candidate)
    return kept


def opposite(graph: RoadGraph, lines: ArcLines, candidate: Candidate) -> Candidate | None:
    """The stop across the road, where the road is a main road with two directions.

    Riders need not cross it then, and vehicles of both directions can halt.
    """
    arc = candidate.place.arc
    twin = int(graph.arc_twin[arc])
    if twin < 0 or str(classes_of_arc(graph, arc)) not in _BOTH_SIDES:
        return None
    length = float(lines.length_m[arc])
    share = candidate.place.offset_ms / int(graph.arc_time_ms[arc])
    along = length * (1 - share)
    x, y, normal = lines.kerb(twin, along)
    place = place_at(graph, twin, along, length)
    return Candidate(place, x, y, normal, candidate.junction, candidate.quality)


def classes_of_arc(graph: RoadGraph, arc: int) -> str:
    """The highway class of one arc."""
    return HIGHWAYS[int(graph.arc_highway[arc])]
