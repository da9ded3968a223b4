"""Walking distances from anywhere to the stops nearby, along streets and footpaths."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from routing.roads.graph import RoadGraph, metres_per_degree
from routing.roads.kernels import reach_within

_MAX_SNAP_M: Final = 500.0


class WalkNetwork:
    """The walking network with the stops on it.

    A point reaches the network in a straight line to the nearest walk edge (500 m at most), walks
    along the edges, and leaves it in a straight line to the stop.
    """

    def __init__(self, graph: RoadGraph, stop_points: Sequence[tuple[float, float]]) -> None:
        """Prepares searches.

        Args:
            graph: the road graph.
            stop_points: (lon, lat) of the stops, in the order of all stop indices. One further
                than 500 m from any way to walk is never reached.
        """
        west, south, east, north = graph.bounds
        self._origin = ((west + east) / 2, (south + north) / 2)
        self._scale = metres_per_degree(self._origin[1])
        self._tail, self._head = graph.walk_from, graph.walk_to
        x, y = self._flat(graph.walk_lon, graph.walk_lat)
        ends = np.stack((self._tail, self._head), axis=1).ravel()
        line = np.repeat(np.arange(len(self._tail)), 2)
        self._lines = shapely.linestrings(x[ends], y[ends], indices=line)
        self._tree = shapely.STRtree(self._lines)
        # Lengths as the edges are drawn, so that no walk is shorter than the straight line.
        self._length = shapely.length(self._lines)
        self._offset, self._target, self._weight = self._adjacency(len(x))
        self._distance = np.full(len(x), np.inf)
        self._attach(stop_points)

    def _flat(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return (lon - self._origin[0]) * self._scale[0], (lat - self._origin[1]) * self._scale[1]

    def _adjacency(
        self, nodes: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
        start = np.concatenate((self._tail, self._head))
        order = np.argsort(start, kind="stable")
        counts = np.bincount(start, minlength=nodes)
        offset = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
        target = np.concatenate((self._head, self._tail))[order].astype(np.int32)
        return offset, target, np.concatenate((self._length, self._length))[order]

    def _attach(self, stop_points: Sequence[tuple[float, float]]) -> None:
        """Puts every stop on its nearest edge."""
        where = np.array(stop_points, np.float64).reshape(-1, 2)
        x, y = self._flat(where[:, 0], where[:, 1])
        edge, off, along = self._nearest(x, y)
        found = np.flatnonzero(edge >= 0)
        self._stop = found[np.argsort(edge[found], kind="stable")]
        self._stop_edge = edge[self._stop]
        self._stop_off = off[self._stop]
        self._stop_along = along[self._stop]

    def _nearest(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Per point: nearest edge (-1 if none), metres to it, metres along it to the foot."""
        points = shapely.points(x, y)
        edge = np.full(len(x), -1, np.int64)
        if len(self._lines):
            (which, line), _ = self._tree.query_nearest(
                points, max_distance=_MAX_SNAP_M, return_distance=True
            )
            # Several edges may be equally near (a shared node): the lowest one, always.
            for point, candidate in zip(which[::-1].tolist(), line[::-1].tolist(), strict=True):
                edge[point] = candidate if edge[point] < 0 else min(edge[point], candidate)
        off, along = np.full(len(x), np.inf), np.zeros(len(x))
        hit = np.flatnonzero(edge >= 0)
        off[hit] = shapely.distance(points[hit], self._lines[edge[hit]])
        along[hit] = shapely.line_locate_point(self._lines[edge[hit]], points[hit])
        return edge, off, along

    def to_stops(self, lon: float, lat: float, limit_m: float) -> list[tuple[int, float]]:
        """Stops within walking distance.

        Args:
            lon: degrees.
            lat: degrees.
            limit_m: the longest walk, metres.

        Returns:
            (stop index, metres) pairs, nearest first, ties by index.
        """
        x, y = self._flat(np.array([lon]), np.array([lat]))
        edges, offs, alongs = self._nearest(x, y)
        edge, off, along = int(edges[0]), float(offs[0]), float(alongs[0])
        if edge < 0 or off > limit_m:
            return []
        distance = self._distance.copy()
        reach_within(
            self._offset,
            self._target,
            self._weight,
            np.array([self._tail[edge], self._head[edge]], np.int64),
            np.array([off + along, off + float(self._length[edge]) - along]),
            float(limit_m),
            distance,
        )
        by_tail = distance[self._tail[self._stop_edge]] + self._stop_along
        by_head = distance[self._head[self._stop_edge]] + (
            self._length[self._stop_edge] - self._stop_along
        )
        total = np.minimum(by_tail, by_head)
        same = self._stop_edge == edge
        total[same] = np.minimum(total[same], off + np.abs(self._stop_along[same] - along))
        total += self._stop_off
        near = np.flatnonzero(total <= limit_m)
        found = [(int(self._stop[i]), float(total[i])) for i in near]
        return sorted(found, key=lambda item: (item[1], item[0]))
