"""Main roads of the schematic: country and town speeds, motorway with its exit, bridges."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import shapely
from shapely import LineString, Polygon
from shapely import Point as Spot

from routing.roads.schematic_geometry import (
    Point,
    Road,
    Town,
    degrees_of,
    distance,
    insert_vertices,
    rounded,
    smoothed,
    to_plane,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNTRY_SPEED = {"primary": "100", "secondary": "70", "tertiary": "70"}
CARRIAGEWAY_OFFSET_M = 11.0
RAMP_ALONG_M = 420.0
RAMP_ASIDE_M = 95.0
ROUNDABOUT_RADIUS_M = 17.0
BRIDGE_HALF_M = {"motorway": 32.0, "rail": 14.0}
CLASSIFIED = frozenset({"primary", "secondary", "tertiary"})


def plane_line(points: Sequence[Sequence[float]]) -> list[Point]:
    """Degrees to a polyline in metres."""
    return [to_plane(lon, lat) for lon, lat in points]


def main_roads(table: dict[str, Any], built_up: Polygon) -> list[Road]:
    """The hand-made roads, cut where the town begins because the speed changes there."""
    roads = []
    for entry in table["roads"]:
        base = {key: entry[key] for key in ("name", "highway", "ref") if key in entry}
        line = LineString(smoothed(plane_line(entry["points"])))
        parts = [(part, True) for part in _lines(line.intersection(built_up))]
        parts += [(part, False) for part in _lines(line.difference(built_up))]
        for part, inside in sorted(parts, key=lambda pair: _position(line, pair[0])):
            speed = str(entry.get("urban", 50)) if inside else COUNTRY_SPEED.get(base["highway"])
            tags = base | ({"maxspeed": speed} if speed else {})
            roads.append(Road([rounded(*c) for c in part.coords], tags))
    return roads


def _position(line: LineString, part: LineString) -> float:
    return float(line.project(part.interpolate(0.5, normalized=True)))


def _lines(geometry: shapely.Geometry) -> list[LineString]:
    parts = shapely.get_parts(shapely.line_merge(geometry))
    return [part for part in parts if isinstance(part, LineString) and part.length > 1]


def motorway(table: dict[str, Any], town: Town) -> list[Road]:
    """Two one-way carriageways and the four ramps of the exit, met on the exit road.

    Right-hand traffic: the carriageway drawn along the axis lies to its right.
    """
    entry = table["motorway"]
    axis = LineString(smoothed(plane_line(entry["axis"])))
    base = {"highway": "motorway", "ref": entry["ref"], "oneway": "yes", "lanes": "3"}
    right = [rounded(*c) for c in axis.offset_curve(-CARRIAGEWAY_OFFSET_M).coords]
    left = [rounded(*c) for c in axis.offset_curve(CARRIAGEWAY_OFFSET_M).coords][::-1]
    carriageways = [Road(right, dict(base), apart=True), Road(left, dict(base), apart=True)]
    exit_road = next(
        road
        for road in town.roads
        if road.tags.get("name") == entry["exit_road"] and road.line.crosses(axis)
    )
    crossing = exit_road.line.intersection(axis)
    along = exit_road.line.project(crossing)
    ramps = []
    for carriageway in carriageways:
        side = carriageway.line
        near = min(
            (exit_road.line.interpolate(along + step) for step in (-RAMP_ASIDE_M, RAMP_ASIDE_M)),
            key=side.distance,
        )
        foot = rounded(near.x, near.y)
        middle = side.project(crossing)
        leave = side.interpolate(middle - RAMP_ALONG_M)
        enter = side.interpolate(middle + RAMP_ALONG_M)
        out, back = rounded(leave.x, leave.y), rounded(enter.x, enter.y)
        carriageway.points = insert_vertices(carriageway.points, [out, back])
        exit_road.points = insert_vertices(exit_road.points, [foot])
        town.fixed[foot] = town.fixed.get(foot, 0)
        link = {"highway": "motorway_link", "oneway": "yes", "maxspeed": "60"}
        off = _bowed(out, foot, side)
        on = _bowed(foot, back, side)
        sign = {"destination": entry["exit_name"], "junction:ref": entry["exit_ref"]}
        ramps += [Road(off, link | sign, apart=True), Road(on, dict(link), apart=True)]
    return carriageways + ramps


def _bowed(start: Point, end: Point, side: LineString) -> list[Point]:
    """A ramp that first runs beside the carriageway."""
    far, near = sorted((start, end), key=lambda p: -side.distance(Spot(p)))
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    foot = side.interpolate(side.project(Spot(middle)))
    depth = side.distance(Spot(far)) * 0.3
    away = side.distance(Spot(middle)) or 1.0
    bowed = rounded(
        foot.x + (middle[0] - foot.x) / away * depth, foot.y + (middle[1] - foot.y) / away * depth
    )
    return [start, bowed, end] if near != far else [start, end]


def lay_bridges(town: Town, axes: dict[str, LineString]) -> None:
    """Cut roads that pass the motorway or the railway, and mark the middle part a bridge."""
    for kind, axis in axes.items():
        half = BRIDGE_HALF_M[kind]
        result: list[Road] = []
        for road in town.roads:
            pending: Road | None = road
            if not road.apart:
                for crossing in _crossings_along(road.line, axis):
                    if pending is None:
                        break
                    before, bridge, pending = _cut_out(pending, crossing, half)
                    result += [piece for piece in (before, bridge) if piece]
            if pending is not None:
                result.append(pending)
        town.roads = result


def _crossings_along(line: LineString, axis: LineString) -> list[Spot]:
    parts = shapely.get_parts(line.intersection(axis))
    spots = [Spot(part.coords[0]) for part in parts if not part.is_empty]
    return sorted(spots, key=line.project)


def _cut_out(road: Road, crossing: Spot, half_m: float) -> tuple[Road | None, Road, Road | None]:
    line = road.line
    at = line.project(crossing)
    low, high = max(0.0, at - half_m), min(line.length, at + half_m)
    cuts = [line.interpolate(low), line.interpolate(high)]
    first, last = (rounded(cut.x, cut.y) for cut in cuts)
    first = road.points[0] if low <= 0 else first
    last = road.points[-1] if high >= line.length else last
    points = insert_vertices(road.points, [first, last])
    i, j = points.index(first), len(points) - 1 - points[::-1].index(last)
    bridge = road.piece(points[i : j + 1], bridge="yes", layer="1")
    before = road.piece(points[: i + 1]) if i > 0 else None
    after = road.piece(points[j:]) if j < len(points) - 1 else None
    return before, bridge, after


def lay_roundabout(town: Town, center: Point) -> None:
    """Replace the junction at a vertex by a circle driven anti-clockwise."""
    gates: list[Point] = []
    result: list[Road] = []
    for road in town.roads:
        if road.apart or center not in road.points:
            result.append(road)
            continue
        index = road.points.index(center)
        for toward, points in (
            (True, road.points[: index + 1]),
            (False, road.points[index:][::-1]),
        ):
            outside = [p for p in points if distance(p, center) > ROUNDABOUT_RADIUS_M + 3]
            if not outside:
                continue
            share = ROUNDABOUT_RADIUS_M / distance(outside[-1], center)
            gate = rounded(
                center[0] + (outside[-1][0] - center[0]) * share,
                center[1] + (outside[-1][1] - center[1]) * share,
            )
            gates.append(gate)
            arm = [*outside, gate]
            result.append(road.piece(arm if toward else arm[::-1]))
    tags = {"highway": "secondary", "junction": "roundabout", "oneway": "yes", "maxspeed": "30"}
    town.roads = [*result, Road(_circle(gates, center), tags)]


def _circle(gates: list[Point], center: Point) -> list[Point]:
    """The closed ring through all gates, one more vertex between neighbours."""

    def bearing(point: Point) -> float:
        return math.atan2(point[1] - center[1], point[0] - center[0])

    ring = sorted(set(gates), key=bearing)
    ring.append(ring[0])
    result = [ring[0]]
    for first, second in itertools.pairwise(ring):
        start, end = bearing(first), bearing(second)
        angle = (start + end + (2 * math.pi if end <= start else 0.0)) / 2
        result.append(
            rounded(
                center[0] + ROUNDABOUT_RADIUS_M * math.cos(angle),
                center[1] + ROUNDABOUT_RADIUS_M * math.sin(angle),
            )
        )
        result.append(second)
    return result


def signalled_junctions(town: Town, built_up: Polygon) -> list[Point]:
    """Crossings of classified roads in town: at least three arms, two of them main roads."""
    ground = [road for road in town.roads if not road.apart]
    main = degrees_of(r for r in ground if r.tags["highway"] in {"primary", "secondary"})
    classified = degrees_of(r for r in ground if r.tags["highway"] in CLASSIFIED)
    round_points = {p for r in ground if "junction" in r.tags for p in r.points}
    busy = [
        point
        for point, arms in classified.items()
        if arms >= 3  # noqa: PLR2004 - a junction
        and main.get(point, 0) >= 3  # noqa: PLR2004
        and point not in round_points
        and built_up.contains(Spot(point))
    ]
    return sorted(busy)
