"""The real streets of Neubeckum in the schematic, and the bridging of their gaps.

Facts (ids, names, classes, coordinates) from OpenStreetMap, © OpenStreetMap contributors, ODbL
1.0. The source lacks nodes, so ways that touch on the ground may end short of each other here.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from shapely import LineString
from shapely import Point as Spot

from routing.roads.schematic_geometry import Point, Road, Town, distance, rounded, to_plane

FACTS = Path(__file__).with_name("schematic_neubeckum.json")
SAME_STREET_M = 170.0
EXTENSION_M = 130.0
NEAREST_M = 70.0


def load_facts(path: Path | None = None) -> tuple[list[Road], dict[Point, int]]:
    """Ways and their nodes' OSM ids from a facts table.

    Args:
        path: a table laid out like ``schematic_neubeckum.json``; that one if None.

    Returns:
        The roads in metres, and the OSM node id of every vertex.
    """
    table = json.loads((path or FACTS).read_text(encoding="utf-8"))
    roads: list[Road] = []
    nodes: dict[Point, int] = {}
    for way_id, highway, name, ref, maxspeed, oneway, points in table["ways"]:
        tags = {
            "highway": highway,
            "name": name,
            "ref": ref,
            "maxspeed": maxspeed,
            "oneway": oneway,
        }
        vertices = [to_plane(lon, lat) for _, lon, lat in points]
        nodes |= {vertex: node[0] for vertex, node in zip(vertices, points, strict=True)}
        roads.append(Road(vertices, {k: v for k, v in tags.items() if v}, way_id))
    return roads, nodes


def bridge_gaps(town: Town, facts: list[Road]) -> None:
    """Draw the ends of factual streets on to the street they must have met.

    First to the other end of the same street, else straight on to whatever comes, else to the
    nearest road; never across the railway or the motorway.
    """
    for road in sorted(facts, key=lambda road: road.way_id):
        for at_start in (True, False):
            end = road.points[0] if at_start else road.points[-1]
            others = [other for other in town.roads if other is not road and not other.apart]
            if any(other.line.distance(Spot(end)) < 1 for other in others):
                continue
            goal = _goal(road, end, at_start, others, town)
            if goal is None:
                continue
            road.points = [goal, *road.points] if at_start else [*road.points, goal]


def _goal(road: Road, end: Point, at_start: bool, others: list[Road], town: Town) -> Point | None:  # noqa: FBT001
    name = road.tags.get("name")
    twins = [p for o in others if name and o.tags.get("name") == name for p in _ends(o)]
    choices = [p for p in _by_distance(twins, end, SAME_STREET_M) if p not in road.points]
    before = road.points[1] if at_start else road.points[-2]
    hit = _straight_on(before, end, others)
    if hit:
        choices.append(hit)
    nearest = min(others, key=lambda other: (other.line.distance(Spot(end)), other.way_id)).line
    foot = nearest.interpolate(nearest.project(Spot(end)))
    if nearest.distance(Spot(end)) <= NEAREST_M:
        choices.append(rounded(foot.x, foot.y))
    return next((p for p in choices if not town.crosses_barrier([end, p])), None)


def _ends(road: Road) -> tuple[Point, Point]:
    return road.points[0], road.points[-1]


def _by_distance(points: list[Point], origin: Point, limit_m: float) -> list[Point]:
    near = [(distance(point, origin), point) for point in points]
    return [point for gap, point in sorted(near) if 0 < gap <= limit_m]


def _straight_on(before: Point, end: Point, others: list[Road]) -> Point | None:
    length = distance(before, end) or 1.0
    step = ((end[0] - before[0]) / length, (end[1] - before[1]) / length)
    ray = LineString(
        [end, (end[0] + step[0] * EXTENSION_M, end[1] + step[1] * EXTENSION_M)],
    )
    hits: list[tuple[float, Point]] = []
    for other in others:
        crossing = ray.intersection(other.line)
        if not crossing.is_empty:
            foot = ray.interpolate(ray.project(Spot(end)) + Spot(end).distance(crossing))
            hits.append((Spot(end).distance(crossing), rounded(foot.x, foot.y)))
    best = min(hits, default=None)
    return best[1] if best and not math.isclose(best[0], 0) else None
