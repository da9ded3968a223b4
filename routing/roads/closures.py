"""Closed roads: from lines on a map to arcs, and what of the network can still be used.

A closure is kept as it was drawn and matched to whatever graph is in use, so that new roads do not
break it. What no vehicle can both reach and leave any more counts as closed, too: then there is a
way from everywhere to everything that is left.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

from routing.roads.graph import Place, RoadGraph, metres_per_degree

Line: TypeAlias = Sequence[tuple[float, float]]
"""Points (lon, lat) in degrees; a single one is a spot on a road."""
Direction = Literal["both", "forward", "backward"]

_STEP_M: Final = 5.0
_REACH_M: Final = 25.0
_TIE_M: Final = 0.5
_PARALLEL_COS: Final = float(np.cos(np.radians(35.0)))
_COVERED_M: Final = 10.0
"""So much of a road along a line is no crossing and no slip of the hand."""
_COVERED_SHARE: Final = 0.5
_TANGENT_M: Final = 1.0


class Matched(NamedTuple):
    """The arcs that lines close, and how much of the lines lies on roads (0 to 1)."""

    arcs: frozenset[int]
    share: float


class RoadMatcher:
    """Finds the arcs that belong to lines, streets and OSM ways.

    Works in metres in a local equirectangular projection around the graph's centre.
    """

    def __init__(self, graph: RoadGraph) -> None:
        west, south, east, north = graph.bounds
        self._graph = graph
        self._origin = np.array([(west + east) / 2, (south + north) / 2])
        self._scale = np.array(metres_per_degree(float(self._origin[1])))
        twin = graph.arc_twin
        self._arc_of = np.flatnonzero((twin < 0) | (np.arange(graph.arcs) < twin))
        lines = [np.column_stack(graph.arc_geometry(int(arc))) for arc in self._arc_of]
        self._lines = np.array([shapely.LineString(self._flat(line)) for line in lines], object)
        self._length = shapely.length(self._lines)
        self._tree = shapely.STRtree(self._lines)

    def along(self, lines: Sequence[Line], direction: Direction = "both") -> Matched:
        """The arcs that run along lines.

        Of parallel roads the nearest counts, crossing ones do not. A spot closes the nearest road.

        Args:
            lines: drawn on the map; roads within 25 m are meant.
            direction: of travel that is closed, by the order of each line's points.
        """
        arcs: set[int] = set()
        samples = hits = 0
        for line in lines:
            edges, forward, matched = self._matched(self._flat(np.array(line, np.float64)))
            samples += len(matched)
            hits += int(matched.sum())
            arcs |= self._directed(edges, forward, direction)
        return Matched(frozenset(arcs), hits / samples if samples else 0.0)

    def of_way(self, way_id: int) -> tuple[Line, ...]:
        """The lines of an OSM way; none if the graph does not have it."""
        return self._lines_of(self._graph.arc_way == way_id)

    def of_street(self, name: str) -> tuple[Line, ...]:
        """The lines of all roads of that name, case aside; none if there are none."""
        wanted = name.strip().casefold()
        known = [i for i, n in enumerate(self._graph.names) if n and n.casefold() == wanted]
        return self._lines_of(np.isin(self._graph.arc_name, known))

    def _lines_of(self, wanted: NDArray[np.bool_]) -> tuple[Line, ...]:
        chosen = self._arc_of[wanted[self._arc_of]]
        shapes = (self._graph.arc_geometry(int(arc)) for arc in chosen)
        return tuple(
            tuple((float(x), float(y)) for x, y in zip(lon, lat, strict=True))
            for lon, lat in shapes
        )

    def _flat(self, lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        flat: NDArray[np.float64] = (lonlat - self._origin) * self._scale
        return flat

    def _matched(
        self, line: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
        """The roads along a line, whether it follows them, and which samples of it lie on one."""
        points, heading = _sampled(line)
        which, edge = self._tree.query(
            shapely.points(points), predicate="dwithin", distance=_REACH_M
        )
        spots = shapely.points(points[which])
        off = shapely.distance(spots, self._lines[edge])
        along = shapely.line_locate_point(self._lines[edge], spots)
        cosine = (_headings(self._lines[edge], along, self._length[edge]) * heading[which]).sum(1)
        if len(points) == 1:
            cosine = np.ones(len(which))
        parallel = np.abs(cosine) >= _PARALLEL_COS
        which, edge, off, cosine = (a[parallel] for a in (which, edge, off, cosine))
        nearest = np.full(len(points), np.inf)
        np.minimum.at(nearest, which, off)
        meant = off <= nearest[which] + (_TIE_M if len(points) > 1 else 0.0)
        edge, cosine = edge[meant], cosine[meant]
        covered = np.bincount(edge, minlength=len(self._lines)) * _STEP_M
        enough = np.minimum(_COVERED_M, _COVERED_SHARE * self._length)
        if len(points) == 1:
            enough = np.full(len(self._lines), _STEP_M)
        onward = np.bincount(edge, np.sign(cosine), minlength=len(self._lines)) >= 0
        found = np.flatnonzero((covered > 0) & (covered >= enough))
        return found, onward[found], np.isfinite(nearest)

    def _directed(
        self, edges: NDArray[np.int64], forward: NDArray[np.bool_], direction: Direction
    ) -> set[int]:
        arcs = self._arc_of[edges]
        twins = self._graph.arc_twin[arcs]
        onward = np.where(forward, arcs, twins)
        against = np.where(forward, twins, arcs)
        chosen = {
            "both": np.concatenate((onward, against)),
            "forward": onward,
            "backward": against,
        }[direction]
        return {int(arc) for arc in chosen if arc >= 0}


def _sampled(line: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points along a line, in the middle of steps of about 5 m, and unit vectors of its heading."""
    if len(line) == 1 or not np.any(line != line[0]):
        return line[:1], np.zeros((1, 2))
    shape = shapely.LineString(line)
    length = float(shapely.length(shape))
    count = max(1, round(length / _STEP_M))
    at = (np.arange(count) + 0.5) * length / count
    shapes = np.full(count, shape, object)
    points = shapely.get_coordinates(shapely.line_interpolate_point(shapes, at))
    if count == 1:
        points = np.vstack((points, points))
        at, shapes = np.array([at[0], at[0]]), np.full(2, shape, object)
    return points, _headings(shapes, at, np.full(len(at), length))


def _headings(
    lines: NDArray[np.object_], along: NDArray[np.float64], length: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Unit vectors of lines' headings at some metres along them: float64[n, 2]."""
    behind = shapely.line_interpolate_point(lines, np.maximum(0.0, along - _TANGENT_M))
    ahead = shapely.line_interpolate_point(lines, np.minimum(length, along + _TANGENT_M))
    vector = shapely.get_coordinates(ahead) - shapely.get_coordinates(behind)
    size = np.hypot(vector[:, 0], vector[:, 1])
    unit: NDArray[np.float64] = vector / np.maximum(size, 1e-9)[:, None]
    return unit


def unusable_arcs(graph: RoadGraph, closed: Iterable[int]) -> frozenset[int]:
    """Closed arcs, and those that cannot be both reached and left without them.

    What is left is strongly connected; of several parts, that with the most metres of road.
    """
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - keeps `import routing.roads` quick
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    shut = np.zeros(graph.arcs, bool)
    shut[list(closed)] = True
    if not shut.any():
        return frozenset()
    origin = np.repeat(np.arange(graph.arcs), np.diff(graph.turn_offset))
    open_turn = ~shut[origin] & ~shut[graph.turn_to]
    links = csr_matrix(
        (np.ones(int(open_turn.sum()), np.int8), (origin[open_turn], graph.turn_to[open_turn])),
        (graph.arcs, graph.arcs),
    )
    _, label = connected_components(links, directed=True, connection="strong")
    weight = np.where(shut, 0.0, graph.arc_length_m.astype(np.float64))
    main = int(np.argmax(np.bincount(label, weights=weight)))
    return frozenset(np.flatnonzero((label != main) | shut).tolist())


def stand_ins(
    stops: Sequence[tuple[Place, float, float]], unusable: frozenset[int]
) -> dict[int, int] | None:
    """For each stop on an unusable arc, the nearest one (as the crow flies) that can be used.

    Args:
        stops: place, lon and lat of each.
        unusable: see `unusable_arcs`.

    Returns:
        by index; None if no stop can be used.
    """
    usable = [i for i, (place, _, _) in enumerate(stops) if place.arc not in unusable]
    if not usable:
        return None
    squeeze = metres_per_degree(stops[usable[0]][2])
    spots = np.array([(lon * squeeze[0], lat * squeeze[1]) for _, lon, lat in stops])
    return {
        i: usable[int(np.argmin(((spots[usable] - spots[i]) ** 2).sum(axis=1)))]
        for i, (place, _, _) in enumerate(stops)
        if place.arc in unusable
    }
