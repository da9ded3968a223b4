"""From an OSM extract to the road graph: clip, cut, link, keep the largest connected part."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from routing.roads.errors import EmptyExtractError
from routing.roads.graph import Rings, RoadGraph, metres_per_degree, segment_lengths_m
from routing.roads.manifest import Manifest
from routing.roads.osm_reader import Extract, Progress
from routing.roads.segments import (
    ArcTable,
    Chain,
    blocked_nodes,
    build_arcs,
    chains,
    permitted_directions,
    street_name,
)
from routing.roads.speeds import SpeedModel, settings
from routing.roads.tags import HIGHWAY_INDEX, VehicleSize, barrier_blocks_walkers, walkable
from routing.roads.turns import Turns, build_turns, strongest_component, turn_rules

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_MIN_ARCS: Final = 2


@dataclass(frozen=True)
class BuildOptions:
    """How a graph is made: vehicle, speeds, clip.

    `area` is what the extract is cut to (a polygon in degrees); roads up to `margin_m` outside it
    stay, so that a way along the border is not lost.
    """

    model: SpeedModel = field(default_factory=SpeedModel)
    size: VehicleSize = field(default_factory=VehicleSize)
    area: "BaseGeometry | None" = None
    margin_m: float = 0.0
    schematic: bool = False


def build_graph(
    extract: Extract,
    *,
    name: str,
    options: BuildOptions | None = None,
    progress: Progress = lambda _: None,
) -> RoadGraph:
    """Builds the road graph of an extract.

    Args:
        extract: what was read from the file.
        name: the graph's name, for its manifest.
        options: vehicle, speeds, clip.
        progress: told what is being done.

    Returns:
        a graph in which every arc can be reached from every other; what was left out is counted
        in `manifest.dropped`.

    Raises:
        EmptyExtractError: nothing drivable is left.
    """
    options = options or BuildOptions()
    inside = None if options.area is None else _inside(extract, options)
    everything = chains(extract, inside)
    roads = [c for c in everything if any(permitted_directions(c.way.tags, options.size))]
    if not roads:
        raise EmptyExtractError(f"{extract.source} holds no road a minibus may use")
    progress(f"cutting {len(roads)} roads at their junctions")
    blocked = blocked_nodes(extract, options.size)
    table = build_arcs(extract, roads, blocked, options.model, options.size)
    progress(f"linking {len(table.tail)} arcs")
    rules = turn_rules(extract, table)
    turns = build_turns(table, rules, blocked, options.model)
    kept = strongest_component(turns, table.length_m)
    if np.count_nonzero(kept) < _MIN_ARCS:
        raise EmptyExtractError(f"the roads of {extract.source} are not connected")
    dropped = _dropped(everything, roads, extract, table, kept)
    dropped |= {f"restrictions_{key}": float(n) for key, n in sorted(rules.counts.items())}
    progress("laying out the ways people walk")
    names: dict[str, int] = {"": 0}
    walk, dropped["walk_km"] = _walk_arrays(extract, everything, names)
    roads_arrays = _road_arrays(extract, table, turns, kept, names)
    manifest = Manifest(
        name=name,
        source=extract.source,
        sha256=extract.sha256,
        extract_date=extract.date,
        schematic=options.schematic,
        dropped=dropped,
        speeds=settings(options.model),
    )
    graph = RoadGraph(
        manifest=manifest,
        names=tuple(names),
        area=_rings(options.area),
        **roads_arrays,
        **walk,
    )
    return replace(graph, manifest=_counted(graph))


def _inside(extract: Extract, options: BuildOptions) -> NDArray[np.bool_]:
    import shapely  # noqa: PLC0415 - keeps `import routing.roads` quick

    area = options.area
    if options.margin_m and area is not None:
        area = widened(area, options.margin_m)
    shapely.prepare(area)
    inside: NDArray[np.bool_] = shapely.contains_xy(area, extract.node_lon, extract.node_lat)
    return inside


def widened(area: "BaseGeometry", margin_m: float) -> "BaseGeometry":
    """A polygon in degrees, widened by so many metres on all sides."""
    from shapely import affinity  # noqa: PLC0415

    per_lon, per_lat = metres_per_degree(area.centroid.y)
    flat = affinity.scale(area, per_lon, per_lat, origin=(0, 0))
    return affinity.scale(flat.buffer(margin_m), 1 / per_lon, 1 / per_lat, origin=(0, 0))


def _rings(area: "BaseGeometry | None") -> Rings | None:
    if area is None:
        return None
    polygons = getattr(area, "geoms", [area])
    return tuple(
        tuple(
            tuple((float(x), float(y)) for x, y in ring.coords)
            for ring in (polygon.exterior, *polygon.interiors)
        )
        for polygon in polygons
    )


def _dropped(
    everything: Sequence[Chain],
    roads: Sequence[Chain],
    extract: Extract,
    table: ArcTable,
    kept: NDArray[np.bool_],
) -> dict[str, float]:
    of_a_class = {c.way.id for c in everything if c.way.tags.get("highway") in HIGHWAY_INDEX}
    usable = {c.way.id for c in roads}
    ways = np.array(table.way, np.int64)
    lengths = np.array(table.length_m)
    single = np.array([twin < 0 or arc < twin for arc, twin in enumerate(table.twin)])
    lost = ~kept
    lost_roads = lost & (single | _twin_kept(table, kept))
    return {
        "ways_closed": float(len(of_a_class - usable)),
        "ways_disconnected": float(len(set(ways[lost].tolist()) - set(ways[kept].tolist()))),
        "arcs_disconnected": float(np.count_nonzero(lost)),
        "km_disconnected": round(float(lengths[lost_roads].sum()) / 1000.0, 3),
        "nodes_missing": float(extract.missing_nodes),
    }


def _twin_kept(table: ArcTable, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    twins = np.array(table.twin, np.int64)
    return (twins >= 0) & kept[twins]


def _renumber(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    unique, inverse = np.unique(values, return_inverse=True)
    return unique, inverse.astype(np.int32)


def _road_arrays(
    extract: Extract,
    table: ArcTable,
    turns: Turns,
    kept: NDArray[np.bool_],
    names: dict[str, int],
) -> dict[str, Any]:
    arcs = np.flatnonzero(kept)
    new_arc = np.full(len(kept) + 1, -1, np.int32)
    new_arc[arcs] = np.arange(len(arcs), dtype=np.int32)
    ends = np.array([table.tail, table.head], np.int64)[:, arcs]
    nodes, ends_new = _renumber(ends.ravel())
    ends_new = ends_new.reshape(2, -1)
    shapes = [table.nodes[arc] for arc in arcs]
    points = np.concatenate(shapes)
    origin = np.repeat(np.arange(len(kept)), np.diff(turns.offset))
    legal = kept[origin] & kept[turns.to]
    turn_count = np.bincount(new_arc[origin[legal]], minlength=len(arcs))

    def column(values: Sequence[float], dtype: type[np.generic]) -> NDArray[Any]:
        return np.asarray(values)[arcs].astype(dtype)

    return {
        "node_lon": extract.node_lon[nodes],
        "node_lat": extract.node_lat[nodes],
        "node_osm_id": extract.node_ids[nodes],
        "arc_from": ends_new[0],
        "arc_to": ends_new[1],
        "arc_twin": new_arc[column(table.twin, np.int64)],
        "arc_length_m": column(table.length_m, np.float32),
        "arc_time_ms": column(table.time_ms, np.int32),
        "arc_highway": column(table.highway, np.uint8),
        "arc_name": np.array(
            [names.setdefault(table.name[arc], len(names)) for arc in arcs], np.int32
        ),
        "arc_way": column(table.way, np.int64),
        "arc_flags": column(table.flags, np.uint8),
        "geometry_offset": _offsets([len(shape) for shape in shapes]),
        "geometry_lon": extract.node_lon[points],
        "geometry_lat": extract.node_lat[points],
        "turn_offset": _offsets(turn_count),
        "turn_to": new_arc[turns.to[legal]],
        "turn_time_ms": turns.time_ms[legal].astype(np.int32),
    }


def _offsets(counts: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int32]:
    return np.concatenate(([0], np.cumsum(np.asarray(counts, np.int64)))).astype(np.int32)


def _walk_arrays(
    extract: Extract, everything: Sequence[Chain], names: dict[str, int]
) -> tuple[dict[str, Any], float]:
    barred = {node for node, tags in extract.node_tags.items() if barrier_blocks_walkers(tags)}
    barred_at = set(extract.index_of(np.array(sorted(barred), np.int64)).tolist())
    tails, heads, lengths, labels = [], [], [], []
    for chain in everything:
        if not walkable(chain.way.tags):
            continue
        step = segment_lengths_m(extract.node_lon[chain.nodes], extract.node_lat[chain.nodes])
        label = names.setdefault(street_name(chain.way.tags), len(names))
        tails.append(chain.nodes[:-1])
        heads.append(chain.nodes[1:])
        lengths.append(step)
        labels.append(np.full(len(step), label, np.int32))
    if not tails:
        none = np.empty(0, np.int64)
        return _walk_columns(extract, none, none, np.empty(0), np.empty(0, np.int32)), 0.0
    tail, head = np.concatenate(tails), np.concatenate(heads)
    length, label_of = np.concatenate(lengths), np.concatenate(labels)
    barred_nodes = np.array(sorted(barred_at), np.int64)
    passable = ~(np.isin(tail, barred_nodes) | np.isin(head, barred_nodes))
    kept = np.flatnonzero(passable)
    kept = kept[_largest_undirected(tail[kept], head[kept], length[kept])]
    lost_km = round(float(length.sum() - length[kept].sum()) / 1000.0, 3)
    return _walk_columns(extract, tail[kept], head[kept], length[kept], label_of[kept]), lost_km


def _largest_undirected(
    tail: NDArray[np.int64], head: NDArray[np.int64], length: NDArray[np.float64]
) -> NDArray[np.bool_]:
    from scipy.sparse import csr_matrix  # noqa: PLC0415
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    nodes, ends = _renumber(np.concatenate((tail, head)))
    start, end = ends[: len(tail)], ends[len(tail) :]
    links = csr_matrix((np.ones(len(tail), np.int8), (start, end)), (len(nodes), len(nodes)))
    _, label = connected_components(links, directed=False)
    of_edge = label[start]
    best = int(np.argmax(np.bincount(of_edge, weights=length))) if len(length) else 0
    kept: NDArray[np.bool_] = of_edge == best
    return kept


def _walk_columns(
    extract: Extract,
    tail: NDArray[np.int64],
    head: NDArray[np.int64],
    length: NDArray[np.float64],
    label: NDArray[np.int32],
) -> dict[str, Any]:
    nodes, ends = _renumber(np.concatenate((tail, head)))
    return {
        "walk_lon": extract.node_lon[nodes],
        "walk_lat": extract.node_lat[nodes],
        "walk_from": ends[: len(tail)],
        "walk_to": ends[len(tail) :],
        "walk_length_m": length.astype(np.float32),
        "walk_name": label,
    }


def _counted(graph: RoadGraph) -> Manifest:
    once = (graph.arc_twin < 0) | (np.arange(graph.arcs) < graph.arc_twin)
    return replace(
        graph.manifest,
        nodes=graph.nodes,
        edges=graph.arcs,
        length_km=round(float(graph.arc_length_m[once].sum(dtype=np.float64)) / 1000.0, 3),
        walk_nodes=len(graph.walk_lon),
        walk_edges=len(graph.walk_from),
        walk_length_km=round(float(graph.walk_length_m.sum(dtype=np.float64)) / 1000.0, 3),
    )
