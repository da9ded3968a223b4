"""Cuts drivable OSM ways at junctions into directed arcs with geometry, speed and flags."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from routing.roads.graph import ArcFlag, metres_per_degree, segment_lengths_m
from routing.roads.osm_reader import Extract, OsmWay
from routing.roads.penalties import Mark, mark_direction, mark_kind, penalty_s, reversed_marks
from routing.roads.speeds import SpeedModel, limit_kmh
from routing.roads.tags import (
    HIGHWAY_INDEX,
    Tags,
    VehicleSize,
    barrier_blocks,
    bus_only,
    directions,
    drivable,
    fits,
    has_sidewalk,
)

_BEARING_REACH_M: Final = 10.0
_URBAN_KMH: Final = 50.0


@dataclass(frozen=True)
class Chain:
    """An unbroken run of a way's nodes, as positions in the extract's node arrays."""

    way: OsmWay
    nodes: NDArray[np.int64]


@dataclass
class ArcTable:
    """Arcs while they are being collected; one list entry per arc, times in ms."""

    tail: list[int] = field(default_factory=list)
    head: list[int] = field(default_factory=list)
    twin: list[int] = field(default_factory=list)
    length_m: list[float] = field(default_factory=list)
    time_ms: list[int] = field(default_factory=list)
    highway: list[int] = field(default_factory=list)
    name: list[str] = field(default_factory=list)
    way: list[int] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    nodes: list[NDArray[np.int64]] = field(default_factory=list)
    bearing_in: list[float] = field(default_factory=list)
    bearing_out: list[float] = field(default_factory=list)


def chains(extract: Extract, inside: NDArray[np.bool_] | None) -> list[Chain]:
    """All ways as runs of nodes that the file has and that lie inside the clip.

    Args:
        extract: the file's roads.
        inside: per extract node, whether it is kept; None keeps all.
    """
    result = []
    lengths = [len(way.nodes) for way in extract.ways]
    flat = np.fromiter((n for way in extract.ways for n in way.nodes), np.int64, sum(lengths))
    index = extract.index_of(flat)
    if inside is not None and len(inside):
        index = np.where((index >= 0) & inside[index], index, -1)
    starts = np.concatenate(([0], np.cumsum(lengths))).astype(int)
    for position, way in enumerate(extract.ways):
        run = index[starts[position] : starts[position + 1]]
        for part in np.split(run, np.flatnonzero(run < 0)):
            kept = part[part >= 0]
            kept = kept[np.concatenate(([True], np.diff(kept) != 0))] if len(kept) else kept
            if len(kept) > 1:
                result.append(Chain(way, kept))
    return result


def street_name(tags: Tags) -> str:
    """What people call the road: its name, else its number, else ""."""
    return tags.get("name") or tags.get("ref") or ""


def permitted_directions(tags: Tags, size: VehicleSize) -> tuple[bool, bool]:
    """Whether the minibus may drive a way (along, against) its direction, all rules together."""
    if not fits(tags, size):
        return False, False
    along, against = directions(tags)
    return (
        along and drivable(tags, "forward") != "closed",
        against and drivable(tags, "backward") != "closed",
    )


def blocked_nodes(extract: Extract, size: VehicleSize) -> NDArray[np.bool_]:
    """Per extract node, whether a barrier stops the minibus there."""
    blocked = np.zeros(len(extract.node_ids), bool)
    stopped = [node for node, tags in extract.node_tags.items() if barrier_blocks(tags, size)]
    found = extract.index_of(np.array(stopped, np.int64))
    blocked[found[found >= 0]] = True
    return blocked


def flags_of(tags: Tags) -> int:
    """The `ArcFlag` bits that a way's tags decide."""
    flags = ArcFlag(0)
    if tags.get("bridge", "no") != "no":
        flags |= ArcFlag.BRIDGE
    if tags.get("tunnel", "no") not in {"no", "culvert"}:
        flags |= ArcFlag.TUNNEL
    if tags.get("junction") in {"roundabout", "circular"}:
        flags |= ArcFlag.ROUNDABOUT
    if has_sidewalk(tags):
        flags |= ArcFlag.SIDEWALK
    if bus_only(tags):
        flags |= ArcFlag.BUS_ONLY
    if drivable(tags) == "restricted":
        flags |= ArcFlag.RESTRICTED
    limit = limit_kmh(tags, "forward")
    if limit is not None and limit <= _URBAN_KMH:
        flags |= ArcFlag.URBAN
    return int(flags)


def build_arcs(
    extract: Extract,
    drivable_chains: Sequence[Chain],
    blocked: NDArray[np.bool_],
    model: SpeedModel,
    size: VehicleSize,
) -> ArcTable:
    """Cuts chains where they meet, end or are barred, and makes one or two arcs of each piece.

    Args:
        extract: the file's roads.
        drivable_chains: chains of which at least one direction is permitted.
        blocked: per extract node, whether a barrier stands there.
        model: speeds and penalties.
        size: the largest vehicle.

    Returns:
        arcs whose `tail` and `head` are positions in the extract's node arrays.
    """
    uses = np.zeros(len(extract.node_ids), np.int64)
    for chain in drivable_chains:
        np.add.at(uses, chain.nodes, 1)
        uses[chain.nodes[[0, -1]]] += 1
    junction = (uses > 1) | blocked
    marks = _collect_marks(extract)
    table = ArcTable()
    for chain in drivable_chains:
        _cut(extract, chain, junction, marks, table, (model, size))
    return table


def _collect_marks(extract: Extract) -> dict[int, Mark]:
    kinds = {node: mark_kind(tags) for node, tags in extract.node_tags.items()}
    ids = np.array([node for node, kind in kinds.items() if kind], np.int64)
    marks = {}
    for node, index in zip(ids.tolist(), extract.index_of(ids).tolist(), strict=True):
        kind = kinds[node]
        if index >= 0 and kind is not None:
            marks[index] = Mark(0.0, kind, mark_direction(extract.node_tags[node]))
    return marks


def _cut(
    extract: Extract,
    chain: Chain,
    junction: NDArray[np.bool_],
    marks: dict[int, Mark],
    table: ArcTable,
    settings: tuple[SpeedModel, VehicleSize],
) -> None:
    model, size = settings
    tags = chain.way.tags
    along, against = permitted_directions(tags, size)
    speed_along, speed_against = model.speed_kmh(tags, "forward"), model.speed_kmh(tags, "backward")
    flags = flags_of(tags)
    cuts = np.flatnonzero(junction[chain.nodes])
    for first, last in pairwise(cuts.tolist()):
        nodes = chain.nodes[first : last + 1]
        steps = segment_lengths_m(extract.node_lon[nodes], extract.node_lat[nodes])
        at_m = np.concatenate(([0.0], np.cumsum(steps)))
        length = float(at_m[-1])
        met = [
            marks[node]._replace(at_m=float(at), junction=bool(at in {0.0, length}))
            for node, at in zip(nodes.tolist(), at_m, strict=True)
            if node in marks
        ]
        here = len(table.tail)
        if along:
            _append(table, chain.way, extract, nodes, length, flags)
            wait = penalty_s(met, length, model)
            table.time_ms.append(model.drive_ms(length, speed_along) + round(1000 * wait))
        if against:
            _append(table, chain.way, extract, nodes[::-1], length, flags)
            wait = penalty_s(reversed_marks(met, length), length, model)
            table.time_ms.append(model.drive_ms(length, speed_against) + round(1000 * wait))
        table.twin.extend([here + 1, here] if along and against else [-1])
        if any(mark.kind == "signal" for mark in met):
            for arc in range(here, len(table.tail)):
                table.flags[arc] |= int(ArcFlag.SIGNAL)


def _append(
    table: ArcTable,
    way: OsmWay,
    extract: Extract,
    nodes: NDArray[np.int64],
    length_m: float,
    flags: int,
) -> None:
    lon, lat = extract.node_lon[nodes], extract.node_lat[nodes]
    table.tail.append(int(nodes[0]))
    table.head.append(int(nodes[-1]))
    table.length_m.append(length_m)
    table.highway.append(HIGHWAY_INDEX[way.tags["highway"]])
    table.name.append(street_name(way.tags))
    table.way.append(way.id)
    table.flags.append(flags)
    table.nodes.append(nodes)
    table.bearing_out.append(_heading_after(lon, lat))
    table.bearing_in.append((_heading_after(lon[::-1], lat[::-1]) + 180.0) % 360.0)


def _heading_after(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> float:
    """Compass heading from the first point to the first vertex at least 10 m away."""
    per_lon, per_lat = metres_per_degree(float(lat[0]))
    east, north = (lon - lon[0]) * per_lon, (lat - lat[0]) * per_lat
    far = np.flatnonzero(np.hypot(east, north) >= _BEARING_REACH_M)
    to = far[0] if len(far) else len(lon) - 1
    return float(np.degrees(np.arctan2(east[to], north[to])) % 360.0)
