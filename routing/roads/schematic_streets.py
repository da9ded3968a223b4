"""Invented local streets of the schematic town.

Inside settlements the space between the main roads is cut into ever smaller blocks, each cut a
street that ends on older ones (Parish & Müller, "Procedural Modeling of Cities", 2001, section
4); outside, farms and hamlets hang on a relative neighbourhood graph of scattered places
(Toussaint 1980). No name is invented for any of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import shapely
import shapely.ops
from shapely import LineString, Polygon, STRtree

from routing.roads.schematic_geometry import Dice, Point, Road, Town, distance, rounded, smoothed

if TYPE_CHECKING:
    from collections.abc import Sequence

SNAP_M = 20.0
BEND_FROM_M = 170.0
BARRIER_MARGIN_M = 28.0
SPUR_FROM_M2 = 5_200.0
FARM_EVERY_M = 270.0
RURAL_GRID_M = 760.0
TOWN_SPEED = 50
LANE_BRIDGE_EVERY_M = 1_900.0
RURAL_EDGE_MAX_M = 1_750.0


@dataclass(frozen=True)
class Quarter:
    """A built-up area to be filled with streets."""

    name: str
    outline: Polygon
    center: Point
    radius_m: float
    block_m2: tuple[float, float]
    industrial: bool

    def wanted_block_m2(self, at: Point) -> float:
        """Block size aimed at, growing from the centre to the edge."""
        share = min(1.0, distance(at, self.center) / self.radius_m)
        return self.block_m2[0] + (self.block_m2[1] - self.block_m2[0]) * share


def blob(center: Point, radii: Sequence[float], corners: int = 48) -> Polygon:
    """A rounded outline through radii (metres) given counter-clockwise from east."""
    ring = []
    for corner in range(corners):
        where = corner / corners * len(radii)
        low, share = int(where), where - int(where)
        ease = (1 - math.cos(math.pi * share)) / 2
        radius = radii[low] * (1 - ease) + radii[(low + 1) % len(radii)] * ease
        angle = 2 * math.pi * corner / corners
        ring.append(
            rounded(center[0] + radius * math.cos(angle), center[1] + radius * math.sin(angle))
        )
    return Polygon(ring)


def fill_quarter(town: Town, quarter: Quarter, dice: Dice) -> list[Road]:
    """Local streets for one quarter, given the roads already there."""
    ground = quarter.outline.difference(town.greens)
    for barrier in town.barriers:
        ground = ground.difference(barrier.buffer(BARRIER_MARGIN_M))
    lines = [
        road.line.intersection(ground)
        for road in town.roads
        if not road.apart and road.line.intersects(ground)
    ]
    merged = shapely.unary_union([*lines, ground.boundary])
    blocks = _faces(merged)
    streets: list[Road] = []
    for block in sorted(blocks, key=lambda block: rounded(*block.centroid.coords[0])):
        if ground.contains(block.representative_point()):
            _cut_block(block, quarter, dice, 0, streets)
    edge = ground.boundary
    return [road for street in streets for road in _frayed(street, edge, dice)]


def _street_tags(quarter: Quarter, depth: int, length_m: float, dice: Dice) -> dict[str, str]:
    if quarter.industrial:
        return {"highway": "unclassified", "maxspeed": "50"}
    if depth <= 1 and length_m > 420:  # noqa: PLR2004 - the long first cuts carry the traffic
        return {"highway": "residential", "maxspeed": "50"}
    if length_m < 120 and dice.unit() < 0.22:  # noqa: PLR2004 - some short streets are shared
        return {"highway": "living_street"}
    return {"highway": "residential", "maxspeed": "30"}


def _cut_block(block: Polygon, quarter: Quarter, dice: Dice, depth: int, out: list[Road]) -> None:
    wanted = quarter.wanted_block_m2(block.representative_point().coords[0])
    wanted *= dice.between(0.75, 1.35)
    if block.area > wanted:
        for _ in range(5):
            cuts = _cut_lines(block, dice, straight=quarter.industrial)
            pieces = _pieces(block, cuts)
            if len(pieces) > 1 and min(piece.area for piece in pieces) > 0.22 * wanted:
                for cut in cuts:
                    tags = _street_tags(quarter, depth, LineString(cut).length, dice)
                    out.append(Road(cut, tags, generated=True))
                for piece in pieces:
                    _cut_block(piece, quarter, dice, depth + 1, out)
                return
    out.extend(_spurs(block, quarter, dice))


def _axes(block: Polygon) -> tuple[Point, Point, Point]:
    """Centre, long half axis and short direction of the block's bounding rectangle."""
    rectangle = shapely.get_coordinates(block.minimum_rotated_rectangle)
    (x0, y0), (x1, y1), (x2, y2) = (map(float, corner) for corner in rectangle[:3])
    first, second = (x1 - x0, y1 - y0), (x2 - x1, y2 - y1)
    if math.hypot(*first) < math.hypot(*second):
        first, second = second, first
    length = math.hypot(*second) or 1.0
    middle = ((x0 + x2) / 2, (y0 + y2) / 2)
    return middle, (first[0] / 2, first[1] / 2), (second[0] / length, second[1] / length)


def _cut_lines(block: Polygon, dice: Dice, *, straight: bool) -> list[list[Point]]:
    """One street across the block, or two that lead up to a park inside it."""
    middle, half, across = _axes(block)
    shift, skew = dice.between(-0.26, 0.26), dice.between(-0.2, 0.2)
    bend = dice.between(-0.09, 0.09)
    if straight:
        skew, bend = skew / 3, bend / 3
    x, y = middle[0] + shift * half[0], middle[1] + shift * half[1]
    if block.interiors:
        x, y = block.interiors[0].centroid.coords[0]
    direction = (
        across[0] * math.cos(skew) - across[1] * math.sin(skew),
        across[0] * math.sin(skew) + across[1] * math.cos(skew),
    )
    reach = 4_000.0
    ray = LineString(
        [
            (x - direction[0] * reach, y - direction[1] * reach),
            (x + direction[0] * reach, y + direction[1] * reach),
        ]
    )
    parts = [part for part in shapely.get_parts(block.intersection(ray)) if part.length > 1]
    if not parts:
        return []
    if not block.interiors:
        parts = [max(parts, key=lambda part: part.length)]
    chords = [_chord(part, block, bend) for part in parts]
    return [chord for chord in chords if distance(chord[0], chord[-1]) > 2 * SNAP_M]


def _chord(part: LineString, block: Polygon, bend: float) -> list[Point]:
    """A street from edge to edge of the block, bowed a little if it is long."""
    start, end = _snapped(part.coords[0], block), _snapped(part.coords[-1], block)
    if part.length < BEND_FROM_M:
        return [start, end]
    bowed = rounded(
        (start[0] + end[0]) / 2 - (end[1] - start[1]) * bend,
        (start[1] + end[1]) / 2 + (end[0] - start[0]) * bend,
    )
    line = [start, bowed, end]
    return line if block.buffer(0.5).contains(LineString(line)) else [start, end]


def _snapped(point: tuple[float, ...], block: Polygon) -> Point:
    here = rounded(point[0], point[1])
    corner = min((distance(here, rounded(*c)), rounded(*c)) for c in block.exterior.coords)
    return corner[1] if corner[0] < SNAP_M else here


def _pieces(block: Polygon, cuts: list[list[Point]]) -> list[Polygon]:
    """The block's parts on either side of the cuts, which are drawn out a little to be sure."""
    drawn = [
        LineString([_beyond(cut[1], cut[0]), *cut[1:-1], _beyond(cut[-2], cut[-1])]) for cut in cuts
    ]
    net = shapely.unary_union([block.boundary, *drawn])
    inside = [part for part in _faces(net) if block.contains(part.representative_point())]
    return sorted(inside, key=lambda part: rounded(*part.centroid.coords[0]))


def _faces(net: shapely.Geometry) -> list[Polygon]:
    """The areas enclosed by a set of lines."""
    return list(shapely.get_parts(shapely.get_parts(shapely.polygonize([net]))))


def _beyond(start: Point, end: Point, by_m: float = 0.5) -> Point:
    length = distance(start, end) or 1.0
    return (
        end[0] + (end[0] - start[0]) / length * by_m,
        end[1] + (end[1] - start[1]) / length * by_m,
    )


def _spurs(block: Polygon, quarter: Quarter, dice: Dice) -> list[Road]:
    """Dead ends into a finished block: closes with a turning place, driveways, works yards."""
    if block.area < SPUR_FROM_M2 or dice.unit() < 0.12:  # noqa: PLR2004 - a few stay closed
        return []
    middle, half, across = _axes(block)
    count = 2 if block.area > 2.2 * SPUR_FROM_M2 and dice.unit() < 0.75 else 1  # noqa: PLR2004
    spurs = []
    for index in range(count):
        side = 1 if (index == 0) == (dice.unit() < 0.5) else -1  # noqa: PLR2004
        shift = dice.between(-0.45, 0.45)
        inner = (middle[0] + shift * half[0], middle[1] + shift * half[1])
        ray = LineString(
            [inner, (inner[0] + side * across[0] * 900, inner[1] + side * across[1] * 900)]
        )
        hits = shapely.get_coordinates(ray.intersection(block.boundary))
        if not len(hits) or not block.contains(shapely.Point(inner)):
            continue
        start = min((rounded(*hit) for hit in hits), key=lambda hit: distance(hit, inner))
        depth = distance(start, inner) * dice.between(0.75, 1.15)
        if quarter.outline.exterior.distance(shapely.Point(start)) < 3 or depth < 22:  # noqa: PLR2004
            continue
        end = rounded(start[0] - side * across[0] * depth, start[1] - side * across[1] * depth)
        spurs.append(Road([start, end], _spur_tags(quarter, depth, dice), generated=True))
    return spurs


def _spur_tags(quarter: Quarter, depth_m: float, dice: Dice) -> dict[str, str]:
    if quarter.industrial:
        return {"highway": "service"}
    if depth_m > 38 and dice.unit() < 0.7:  # noqa: PLR2004 - long ones are closes
        return {"highway": "residential", "maxspeed": "30"}
    return {"highway": "service", "service": "driveway" if dice.unit() < 0.5 else "parking_aisle"}  # noqa: PLR2004


def _frayed(street: Road, edge: LineString, dice: Dice) -> list[Road]:
    """A street without the very end that touches the town's edge, which would draw a circle."""
    line = street.line
    starts, ends = (edge.distance(shapely.Point(p)) < 1 for p in (line.coords[0], line.coords[-1]))
    low = dice.between(0.05, 0.4) if starts else 0.0
    high = 1 - dice.between(0.05, 0.4) if ends else 1.0
    if (starts or ends) and line.length * (high - low) < 35:  # noqa: PLR2004 - a stump
        return []
    if starts or ends:
        kept = shapely.ops.substring(line, low, high, normalized=True)
        street.points = [rounded(*c) for c in kept.coords]
    return [street]


def rural_roads(town: Town, area: Polygon, built_up: Polygon, dice: Dice) -> list[Road]:
    """Lanes between scattered places, and farm tracks off lanes and country roads."""
    main = [road for road in town.roads if not road.apart]
    places = _rural_places(main, area, built_up.union(town.greens), dice)
    lanes: list[Road] = []
    beside_main = shapely.union_all([road.line.buffer(60) for road in main])
    bridges = {id(line): [r.line.intersection(line) for r in main] for line in town.barriers}
    for first, second in _relative_neighbours(places):
        middle = rounded(
            (first[0] + second[0]) / 2 + dice.between(-60, 60),
            (first[1] + second[1]) / 2 + dice.between(-60, 60),
        )
        points = smoothed([first, middle, second], 350)
        line = LineString(points)
        along_main = line.intersection(beside_main).length > 200  # noqa: PLR2004
        if along_main or line.intersection(built_up).length > 350:  # noqa: PLR2004
            continue
        crossed = [barrier for barrier in town.barriers if barrier.intersects(line)]
        if any(not _may_bridge(line, barrier, bridges[id(barrier)]) for barrier in crossed):
            continue
        for barrier in crossed:
            bridges[id(barrier)].append(line.intersection(barrier))
        lanes.append(Road(points, {"highway": "unclassified"}, generated=True))
    country = [road for road in main if int(road.tags.get("maxspeed", "100")) > TOWN_SPEED]
    return lanes + _farms(town, [*lanes, *country], area, built_up, dice)


def _may_bridge(line: LineString, barrier: LineString, bridges: list[shapely.Geometry]) -> bool:
    """Whether a lane may cross here: only far from every other crossing of the barrier."""
    crossing = line.intersection(barrier)
    if crossing.geom_type != "Point":
        return False
    return all(b.is_empty or b.distance(crossing) > LANE_BRIDGE_EVERY_M for b in bridges)


def _rural_places(
    main: Sequence[Road], area: Polygon, built_up: Polygon, dice: Dice
) -> list[Point]:
    west, south, east, north = area.bounds
    keep_off = built_up.buffer(140)
    inner = area.buffer(-250)
    places: list[Point] = []
    for column in range(int((east - west) / RURAL_GRID_M) + 1):
        for row in range(int((north - south) / RURAL_GRID_M) + 1):
            here = rounded(
                west + (column + dice.between(0.1, 0.9)) * RURAL_GRID_M,
                south + (row + dice.between(0.1, 0.9)) * RURAL_GRID_M,
            )
            spot = shapely.Point(here)
            if not inner.contains(spot) or keep_off.contains(spot):
                continue
            nearest = min(main, key=lambda road: road.line.distance(spot)).line
            if nearest.distance(spot) < 230:  # noqa: PLR2004 - lanes start at country roads
                snapped = nearest.interpolate(nearest.project(spot))
                here = rounded(snapped.x, snapped.y)
            if all(distance(here, other) > 260 for other in places):  # noqa: PLR2004
                places.append(here)
    return places


def _relative_neighbours(places: Sequence[Point]) -> list[tuple[Point, Point]]:
    """Pairs with no third place nearer to both than they are to each other."""
    pairs = []
    for i, a in enumerate(places):
        for b in places[i + 1 :]:
            gap = distance(a, b)
            if gap > RURAL_EDGE_MAX_M:
                continue
            if not any(max(distance(a, c), distance(b, c)) < 0.9 * gap for c in places):
                pairs.append((a, b))
    return pairs


def _farms(
    town: Town, roads: Sequence[Road], area: Polygon, built_up: Polygon, dice: Dice
) -> list[Road]:
    farms: list[Road] = []
    existing = [road.line for road in (*town.roads, *roads)]
    tree = STRtree(existing)
    for road in roads:
        line = road.line
        where = dice.between(60, FARM_EVERY_M)
        while where < line.length - 60:
            start, ahead = line.interpolate(where), line.interpolate(where + 1)
            where += FARM_EVERY_M * dice.between(0.6, 1.4)
            side, depth = (1 if dice.unit() < 0.5 else -1), dice.between(70, 260)  # noqa: PLR2004
            normal = (-(ahead.y - start.y) * side, (ahead.x - start.x) * side)
            lean = dice.between(-0.35, 0.35)
            reach = (normal[0] + lean * normal[1], normal[1] - lean * normal[0])
            first = rounded(start.x + reach[0] * 12, start.y + reach[1] * 12)
            end = rounded(start.x + reach[0] * depth, start.y + reach[1] * depth)
            spur = LineString([first, end])
            blocked = len(tree.query(spur.buffer(45), predicate="intersects")) > 1
            inside = area.contains(spur) and not built_up.intersects(spur)
            if blocked or not inside or any(spur.distance(f.line) < 45 for f in farms[-60:]):  # noqa: PLR2004
                continue
            tags = (
                {"highway": "track", "tracktype": "grade1"}
                if dice.unit() < 0.45  # noqa: PLR2004
                else {"highway": "service", "service": "driveway"}
            )
            farms.append(Road([rounded(start.x, start.y), end], tags, generated=True))
    return farms
