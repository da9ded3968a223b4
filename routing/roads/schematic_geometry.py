"""Plane geometry of the schematic town: metres, polylines, shared junctions.

Roads are polylines in a local plane (metres east and north of the market place). Two roads
meet where they share a vertex: ``node_roads`` makes that true wherever they cross or touch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import shapely
from shapely import LineString, Polygon, STRtree

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Point = tuple[float, float]
"""Metres east, metres north of ``ORIGIN``."""

ORIGIN = (8.0403, 51.7550)
METRES_PER_LON = 111_320.0 * math.cos(math.radians(51.766))
METRES_PER_LAT = 111_200.0
TOUCH_M = 0.6
"""Roads this close to each other are taken to touch."""
MERGE_M = 9.0
"""Junctions this close to each other become one."""


def to_plane(lon: float, lat: float) -> Point:
    """Degrees to metres in the plane of the schematic, rounded to a centimetre."""
    east = (lon - ORIGIN[0]) * METRES_PER_LON
    north = (lat - ORIGIN[1]) * METRES_PER_LAT
    return (round(east, 2), round(north, 2))


def to_degrees(point: Point) -> tuple[float, float]:
    """Metres in the plane to (lon, lat), rounded to the seven decimals of OSM."""
    lon = ORIGIN[0] + point[0] / METRES_PER_LON
    lat = ORIGIN[1] + point[1] / METRES_PER_LAT
    return (round(lon, 7), round(lat, 7))


def rounded(x: float, y: float) -> Point:
    """A point on the centimetre grid, so that equal places are equal keys."""
    return (round(float(x), 2) + 0.0, round(float(y), 2) + 0.0)


class Dice:
    """Reproducible pseudo-random numbers (SplitMix64), the same on every machine and version."""

    def __init__(self, seed: int) -> None:
        self._state = seed & 0xFFFFFFFFFFFFFFFF

    def unit(self) -> float:
        """Next number in [0, 1)."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        return ((z ^ (z >> 31)) >> 11) / float(1 << 53)

    def between(self, low: float, high: float) -> float:
        """Next number in [low, high)."""
        return low + (high - low) * self.unit()


@dataclass
class Road:
    """One way: vertices in metres, OSM tags, its OSM id (0 = invented)."""

    points: list[Point]
    tags: dict[str, str]
    way_id: int = 0
    apart: bool = False
    """True for roads that meet others only at vertices put there on purpose (motorway)."""
    generated: bool = False
    _drawn: tuple[list[Point], LineString] | None = field(default=None, repr=False, compare=False)

    @property
    def line(self) -> LineString:
        """The road as a shapely line; vertex lists are replaced, never changed in place."""
        if self._drawn is None or self._drawn[0] is not self.points:
            self._drawn = (self.points, LineString(self.points))
        return self._drawn[1]

    def piece(self, points: Sequence[Point], **tags: str) -> Road:
        """A part of this road with further tags."""
        return Road(list(points), self.tags | tags, self.way_id, self.apart, self.generated)


@dataclass
class Town:
    """Everything the generator has laid out so far."""

    roads: list[Road] = field(default_factory=list)
    fixed: dict[Point, int] = field(default_factory=dict)
    """Vertices that must not move, with their OSM node id (0 = invented)."""
    barriers: list[LineString] = field(default_factory=list)
    """Lines that local streets do not cross: the motorway's axis and the railway."""

    greens: shapely.Geometry = field(default_factory=Polygon)
    """Parks, woods and water: no streets are invented there."""

    def crosses_barrier(self, points: Sequence[Point]) -> bool:
        """Whether a polyline crosses the motorway or the railway."""
        line = LineString(points)
        return any(line.intersects(barrier) for barrier in self.barriers)


def distance(a: Point, b: Point) -> float:
    """Metres between two points."""
    return math.hypot(a[0] - b[0], a[1] - b[1])


def _crossings(a: LineString, b: LineString) -> list[Point]:
    shared = shapely.get_parts(a.intersection(b))
    found = [rounded(x, y) for part in shared for x, y in shapely.get_coordinates(part)]
    for one, other in ((a, b), (b, a)):
        ends = (one.coords[0], one.coords[-1])
        found += [rounded(*e) for e in ends if other.distance(shapely.Point(e)) <= TOUCH_M]
    return sorted(set(found))


def _meeting_point(point: Point, a: Road, b: Road, fixed: dict[Point, int]) -> Point:
    """The vertex at which two roads meet: an existing one close by, else the crossing itself."""
    near = [
        (vertex not in fixed, distance(vertex, point), vertex)
        for vertex in (*a.points, *b.points)
        if distance(vertex, point) <= MERGE_M
    ]
    return min(near)[2] if near else point


def insert_vertices(points: Sequence[Point], extra: Iterable[Point]) -> list[Point]:
    """A polyline with further vertices put in where they are nearest to it."""
    line = LineString(points)
    keyed: list[tuple[float, int, Point]] = []
    travelled = 0.0
    for index, point in enumerate(points):
        if index:
            travelled += distance(points[index - 1], point)
        keyed.append((travelled, 0, point))
    before_the_last = travelled - 1e-6
    keyed += [
        (min(line.project(shapely.Point(point)), before_the_last), 1, point)
        for point in extra
        if point not in points
    ]
    keyed.sort()
    return without_repeats([point for _, _, point in keyed])


def smoothed(points: Sequence[Point], from_m: float = 220.0) -> list[Point]:
    """A curve through all points: two more on every stretch longer than `from_m` (Hermite)."""
    last = len(points) - 1
    result = [points[0]]
    for index in range(last):
        start, end = points[index], points[index + 1]
        gap = distance(start, end)
        if gap > from_m:
            out = _tangent(points[max(index - 1, 0)], end, gap)
            into = _tangent(start, points[min(index + 2, last)], gap)
            for t in (1 / 3, 2 / 3):
                a, b = (1 + 2 * t) * (1 - t) ** 2, t * (1 - t) ** 2
                c, d = t * t * (3 - 2 * t), t * t * (t - 1)
                x = a * start[0] + b * out[0] + c * end[0] + d * into[0]
                y = a * start[1] + b * out[1] + c * end[1] + d * into[1]
                result.append(rounded(x, y))
        result.append(end)
    return result


def _tangent(before: Point, after: Point, length: float) -> Point:
    gap = distance(before, after) or 1.0
    return ((after[0] - before[0]) / gap * length, (after[1] - before[1]) / gap * length)


def without_repeats(points: Iterable[Point]) -> list[Point]:
    """The polyline without consecutive equal vertices."""
    result: list[Point] = []
    for point in points:
        if not result or result[-1] != point:
            result.append(point)
    return result


def node_roads(town: Town) -> None:
    """Give roads that cross or touch a shared vertex there, then merge junctions close by."""
    ground = [road for road in town.roads if not road.apart]
    lines = [road.line for road in ground]
    pairs = STRtree(lines).query(lines, predicate="dwithin", distance=TOUCH_M)
    extra: list[set[Point]] = [set() for _ in ground]
    for first, second in sorted((int(i), int(j)) for i, j in pairs.T if i < j):
        for point in _crossings(lines[first], lines[second]):
            meeting = _meeting_point(point, ground[first], ground[second], town.fixed)
            extra[first].add(meeting)
            extra[second].add(meeting)
    for road, points in zip(ground, extra, strict=True):
        road.points = insert_vertices(road.points, sorted(points))
    _merge_close(town, ground)
    town.roads = [road for road in town.roads if len(road.points) > 1]


def _merge_close(town: Town, roads: Sequence[Road]) -> None:
    cells: dict[tuple[int, int], list[Point]] = {}
    target: dict[Point, Point] = {}
    uses: dict[Point, int] = {}
    for road in roads:
        for point in road.points:
            uses[point] = uses.get(point, 0) + 1
    order = sorted(uses, key=lambda point: (point not in town.fixed, -uses[point], point))
    for point in order:
        column, row = int(point[0] // MERGE_M), int(point[1] // MERGE_M)
        if point not in town.fixed:
            near = [
                (distance(point, other), other)
                for i in (-1, 0, 1)
                for j in (-1, 0, 1)
                for other in cells.get((column + i, row + j), ())
                if distance(point, other) < MERGE_M
            ]
            if near:
                target[point] = min(near)[1]
                continue
        cells.setdefault((column, row), []).append(point)
    for road in roads:
        road.points = without_repeats(target.get(point, point) for point in road.points)


def components(roads: Iterable[Road]) -> list[list[Road]]:
    """Roads grouped by being connected through shared vertices; longest group first."""
    parent: dict[Point, Point] = {}

    def root(point: Point) -> Point:
        while parent.setdefault(point, point) != point:
            parent[point] = parent[parent[point]]
            point = parent[point]
        return point

    listed = list(roads)
    for road in listed:
        first = root(road.points[0])
        for point in road.points[1:]:
            parent[root(point)] = first
            first = root(first)
    groups: dict[Point, list[Road]] = {}
    for road in listed:
        groups.setdefault(root(road.points[0]), []).append(road)
    return sorted(groups.values(), key=lambda group: (-length_of(group), group[0].points[0]))


def length_of(roads: Iterable[Road]) -> float:
    """Total length in metres."""
    return float(sum(road.line.length for road in roads))


def degrees_of(roads: Iterable[Road]) -> dict[Point, int]:
    """How many road arms leave each vertex."""
    arms: dict[Point, int] = {}
    for road in roads:
        last = len(road.points) - 1
        for index, point in enumerate(road.points):
            arms[point] = arms.get(point, 0) + (1 if index in {0, last} else 2)
    return arms
