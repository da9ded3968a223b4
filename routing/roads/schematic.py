"""The schematic Beckum: a stand-in town for machines without an extract and without a network.

Extent, settlements, main roads and landmarks follow published figures, the streets of Neubeckum
are facts from OpenStreetMap, everything else is invented. Same code, same bytes.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import shapely
from shapely import LineString, Polygon
from shapely import Point as Spot

from routing.roads import schematic_roads as layout
from routing.roads.schematic_facts import bridge_gaps, load_facts
from routing.roads.schematic_geometry import (
    Dice,
    Point,
    Road,
    Town,
    components,
    distance,
    length_of,
    node_roads,
    rounded,
    smoothed,
    to_plane,
)
from routing.roads.schematic_streets import Quarter, blob, fill_quarter, rural_roads
from routing.roads.schematic_xml import OsmXml

TABLE = Path(__file__).with_name("schematic_beckum.toml")
SEED = 59269
"""The town's postal code."""
LINK_M = 400.0
STRAY_M = 160.0
"""Invented streets cut off from the rest are dropped when shorter than this."""


def area_polygon() -> list[tuple[float, float]]:
    """Rounded outline of the municipality, (lon, lat) in degrees, closed, about 111 km2."""
    ring = [(float(lon), float(lat)) for lon, lat in _table()["area"]["outline"]]
    return [*ring, ring[0]]


def write_schematic_beckum(path: Path, *, facts: Path | None = None) -> None:
    """Write the schematic town as OSM XML, the same bytes every time.

    Args:
        path: the file to write (.osm).
        facts: another table of real streets, laid out like ``schematic_neubeckum.json``.
    """
    table = _table()
    town, quarters, built_up = _lay_out(table, facts)
    document = OsmXml(town.fixed)
    for road in town.roads:
        tags = dict(road.tags)
        if road.way_id <= 0:
            tags["note"] = "schematic"
        document.way(road.points, tags, road.way_id)
    for point in layout.signalled_junctions(town, built_up):
        document.node(point, {"highway": "traffic_signals"})
    _write_places(document, table, quarters)
    _write_nature(document, table)
    path.write_text(document.text(), encoding="utf-8")


def _table() -> dict[str, Any]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def _quarters(table: dict[str, Any]) -> list[Quarter]:
    quarters = []
    for entry in table["estates"]:
        outline = Polygon(layout.plane_line(entry["ring"]))
        center = rounded(outline.centroid.x, outline.centroid.y)
        block = (float(entry["block_m2"][0]), float(entry["block_m2"][1]))
        quarters.append(Quarter(entry["name"], outline, center, 600.0, block, industrial=True))
    for entry in table["settlements"]:
        center = to_plane(*entry["center"])
        outline = blob(center, entry["radii"])
        for estate in quarters:
            outline = outline.difference(estate.outline) if estate.industrial else outline
        outline = max(shapely.get_parts(outline), key=lambda part: part.area)
        radius = max(map(float, entry["radii"]))
        block = (float(entry["block_m2"][0]), float(entry["block_m2"][1]))
        quarters.append(Quarter(entry["name"], outline, center, radius, block, industrial=False))
    return quarters


def _lay_out(table: dict[str, Any], facts: Path | None) -> tuple[Town, list[Quarter], Polygon]:
    dice = Dice(SEED)
    quarters = _quarters(table)
    built_up = shapely.unary_union([quarter.outline for quarter in quarters])
    axes = {
        "motorway": LineString(smoothed(layout.plane_line(table["motorway"]["axis"]))),
        "rail": LineString(layout.plane_line(table["railway"]["line"])),
    }
    greens = [outline for _, outline in _greens(table)]
    town = Town(barriers=list(axes.values()), greens=shapely.unary_union(greens))
    real, town.fixed = load_facts(facts)
    town.roads = real + layout.main_roads(table, built_up)
    town.roads += layout.motorway(table, town)
    bridge_gaps(town, real)
    node_roads(town)
    area = Polygon([to_plane(lon, lat) for lon, lat in area_polygon()])
    countryside = rural_roads(town, area, built_up, dice)
    lanes = [road for road in countryside if road.tags["highway"] == "unclassified"]
    town.roads += lanes
    node_roads(town)
    for quarter in quarters:
        town.roads += fill_quarter(town, quarter, dice)
    town.roads += [road for road in countryside if road.tags["highway"] != "unclassified"]
    node_roads(town)
    _join_strays(town)
    layout.lay_bridges(town, axes)
    for lon, lat in table["roundabouts"]["points"]:
        layout.lay_roundabout(town, _nearest_vertex(town, to_plane(lon, lat)))
    _join_strays(town)
    return town, quarters, built_up


def _nearest_vertex(town: Town, point: Point) -> Point:
    vertices = {p for road in town.roads if not road.apart for p in road.points}
    return min(vertices, key=lambda p: (Spot(p).distance(Spot(point)), p))


def _join_strays(town: Town) -> None:
    """Connect what is cut off to the town, or drop it if it is invented and short."""
    while True:
        main, *strays = components(road for road in town.roads if not road.apart)
        if not strays:
            return
        goals = sorted({p for road in main for p in road.points})
        tree = shapely.STRtree(shapely.points(goals))
        gone: set[int] = set()
        for stray in strays:
            link = _shortest_link(town, stray, goals, tree)
            keep = any(road.way_id > 0 for road in stray) or length_of(stray) > STRAY_M
            if keep and link is not None:
                tags = {"highway": "residential", "maxspeed": "30"}
                town.roads.append(Road(link, tags, generated=True))
            else:
                gone |= {id(road) for road in stray}
        town.roads = [road for road in town.roads if id(road) not in gone]


def _shortest_link(
    town: Town, stray: list[Road], goals: list[Point], tree: shapely.STRtree
) -> list[Point] | None:
    ends = sorted({p for road in stray for p in road.points})
    which, goal = tree.query(shapely.points(ends), predicate="dwithin", distance=LINK_M)
    pairs = sorted(
        (distance(ends[i], goals[j]), ends[i], goals[j])
        for i, j in zip(which.tolist(), goal.tolist(), strict=True)
    )
    for _, start, end in pairs:
        if not town.crosses_barrier([start, end]):
            return [start, end]
    return None


def _write_places(document: OsmXml, table: dict[str, Any], quarters: list[Quarter]) -> None:
    for entry in table["settlements"]:
        tags = {"place": entry["place"], "name": entry["name"], "note": "schematic"}
        if entry["population"]:
            tags["population"] = str(entry["population"])
        document.node(to_plane(*entry["center"]), tags, layer="place")
    for entry in table["pois"]:
        tags = {"name": entry["name"], "note": "schematic"} | entry["tags"]
        document.node(to_plane(*entry["at"]), tags, layer="poi")
    for quarter in quarters:
        kind = "industrial" if quarter.industrial else "residential"
        tags = {"landuse": kind, "name": quarter.name, "note": "schematic"}
        ring = [rounded(*c) for c in quarter.outline.exterior.coords]
        document.way(ring, tags, layer="landuse")


def _greens(table: dict[str, Any]) -> list[tuple[dict[str, Any], Polygon]]:
    dice = Dice(SEED + 1)
    greens = []
    for entry in table["nature"]:
        radii = [entry["radius_m"] * dice.between(0.65, 1.15) for _ in range(9)]
        greens.append((entry, blob(to_plane(*entry["center"]), radii, corners=24)))
    return greens


def _write_nature(document: OsmXml, table: dict[str, Any]) -> None:
    for entry, outline in _greens(table):
        ring = [rounded(*c) for c in outline.exterior.coords]
        tags = {"name": entry["name"], "note": "schematic"} | entry["tags"]
        document.way(ring, tags, layer="nature")
    stream = table["waterway"]
    tags = {"waterway": "river", "name": stream["name"], "note": "schematic"}
    document.way(layout.plane_line(stream["line"]), tags, layer="nature")
    rail = table["railway"]
    tags = {"railway": "rail", "name": rail["name"], "usage": "main", "note": "schematic"}
    document.way(layout.plane_line(rail["line"]), tags, layer="rail")
    ring = [to_plane(lon, lat) for lon, lat in area_polygon()]
    tags = {"boundary": "administrative", "admin_level": "8", "name": "Beckum"}
    document.way(ring, tags | {"note": "schematic"}, layer="boundary")
