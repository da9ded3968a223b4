"""Who can walk to which place: points attached to the walking network, and bounded walks there.

Distances are whole millimetres inside, so that sums do not depend on their order.
"""

import heapq
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

from routing.roads.graph import RoadGraph, metres_per_degree

MAX_ATTACH_M: Final = 500.0
_FAR: Final = np.int64(1) << 60


@dataclass(frozen=True, eq=False)
class Attached:
    """P points on the walking network: edge (-1 = none), mm to it, mm along it to the foot."""

    edge: NDArray[np.int64]
    off_mm: NDArray[np.int64]
    along_mm: NDArray[np.int64]


class WalkIndex:
    """The walking network as undirected adjacency, with nearest-edge search."""

    def __init__(self, graph: RoadGraph) -> None:
        """Indexes the edges; metres are those of a plane around the graph's centre."""
        west, south, east, north = graph.bounds
        self.origin = ((west + east) / 2, (south + north) / 2)
        self.scale = metres_per_degree(self.origin[1])
        self.tail, self.head = graph.walk_from, graph.walk_to
        x, y = self.flat(graph.walk_lon, graph.walk_lat)
        ends = np.stack((self.tail, self.head), axis=1).ravel()
        self._lines = shapely.linestrings(
            x[ends], y[ends], indices=np.repeat(np.arange(len(self.tail)), 2)
        )
        self._tree = shapely.STRtree(self._lines)
        self.length_mm = np.rint(shapely.length(self._lines) * 1000).astype(np.int64)
        start = np.concatenate((self.tail, self.head))
        order = np.argsort(start, kind="stable")
        counts = np.bincount(start, minlength=len(x))
        self.nodes = len(x)
        self.offset = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        self.target = np.concatenate((self.head, self.tail))[order].astype(np.int64)
        self.link_edge = np.tile(np.arange(len(self.tail)), 2)[order]
        self.weight_mm = self.length_mm[self.link_edge]

    def flat(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Degrees to metres east and north of the graph's centre."""
        return (lon - self.origin[0]) * self.scale[0], (lat - self.origin[1]) * self.scale[1]

    def degrees(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The reverse of `flat`."""
        return self.origin[0] + x / self.scale[0], self.origin[1] + y / self.scale[1]

    def attach(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> Attached:
        """Each point's nearest walk edge; of several equally near ones the lowest."""
        points = shapely.points(x, y)
        edge = np.full(len(points), np.iinfo(np.int64).max, np.int64)
        if len(self._lines) and len(points):
            which, line = self._tree.query_nearest(points, max_distance=MAX_ATTACH_M)
            np.minimum.at(edge, which, line)
        edge[edge == np.iinfo(np.int64).max] = -1
        off, along = np.zeros(len(points)), np.zeros(len(points))
        hit = np.flatnonzero(edge >= 0)
        off[hit] = shapely.distance(points[hit], self._lines[edge[hit]])
        along[hit] = shapely.line_locate_point(self._lines[edge[hit]], points[hit])
        along_mm = np.minimum(np.rint(along * 1000).astype(np.int64), self.length_mm[edge])
        return Attached(edge, np.rint(off * 1000).astype(np.int64), along_mm)

    def reach(
        self, sources: Attached, goals: Attached, limit_m: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The goals within a walk of each source.

        Args:
            sources: S attached points.
            goals: P attached points.
            limit_m: the longest walk, straight stubs at both ends included, metres.

        Returns:
            CSR: goals of source s are `index[offset[s]:offset[s + 1]]`, ascending.
        """
        order = np.argsort(goals.edge, kind="stable")
        order = order[goals.edge[order] >= 0]
        counts = np.bincount(goals.edge[order], minlength=len(self.tail))
        on_edge = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        offset, index = _reach(
            self.offset,
            self.target,
            self.weight_mm,
            self.link_edge,
            (self.tail.astype(np.int64), self.head.astype(np.int64), self.length_mm),
            (sources.edge, sources.off_mm, sources.along_mm),
            (on_edge, order, goals.off_mm, goals.along_mm),
            int(limit_m * 1000),
        )
        return offset, index

    def nearest_mm(self, sources: Attached, goals: Attached) -> NDArray[np.int64]:
        """Millimetres from each goal to the nearest source; huge where there is no way."""
        from scipy.sparse import csr_matrix  # noqa: PLC0415 - keeps the import of stops quick
        from scipy.sparse.csgraph import dijkstra  # noqa: PLC0415

        used = np.flatnonzero(sources.edge >= 0)
        best = np.full(len(goals.edge), _FAR, np.int64)
        if not len(used):
            return best
        base = self.nodes + np.arange(len(used))
        edge, along, off = sources.edge[used], sources.along_mm[used], sources.off_mm[used]
        rest = self.length_mm[edge] - along
        rows = np.concatenate((np.repeat(np.arange(self.nodes), np.diff(self.offset)), base, base))
        columns = np.concatenate((self.target, self.tail[edge], self.head[edge]))
        costs = np.concatenate((self.weight_mm, along + off, rest + off))
        size = self.nodes + len(used)
        # An explicit zero would be "no edge" to scipy; one micrometre is nothing to a walker.
        shape = (size, size)
        links = csr_matrix((np.maximum(costs, 1e-3), (rows, columns)), shape)
        distance = dijkstra(links, indices=base, min_only=True)[: self.nodes]
        hit = np.flatnonzero(goals.edge >= 0)
        to_tail = distance[self.tail[goals.edge[hit]]] + goals.along_mm[hit]
        to_head = distance[self.head[goals.edge[hit]]] + (
            self.length_mm[goals.edge[hit]] - goals.along_mm[hit]
        )
        total = np.minimum(np.minimum(to_tail, to_head) + goals.off_mm[hit], float(_FAR))
        best[hit] = np.rint(total).astype(np.int64)
        on_edge: dict[int, list[int]] = {}
        for position in used.tolist():
            on_edge.setdefault(int(sources.edge[position]), []).append(position)
        for goal in hit.tolist():
            for position in on_edge.get(int(goals.edge[goal]), ()):
                straight = abs(int(sources.along_mm[position]) - int(goals.along_mm[goal]))
                straight += int(sources.off_mm[position]) + int(goals.off_mm[goal])
                best[goal] = min(int(best[goal]), straight)
        return best


@njit(cache=True, nogil=True)
def _reach(  # noqa: C901, PLR0912 - a kernel reads better whole
    offset: Any,
    target: Any,
    weight: Any,
    link_edge: Any,
    edges: Any,
    sources: Any,
    goals: Any,
    limit: int,
) -> Any:
    """Bounded Dijkstra from every source; collects the goals on the edges it touches."""
    tail, head, length = edges
    source_edge, source_off, source_along = sources
    on_edge, goal_of, goal_off, goal_along = goals
    distance = np.full(len(offset) - 1, _FAR, np.int64)
    stamp = np.full(len(goal_off), -1, np.int64)
    starts = np.zeros(len(source_edge) + 1, np.int64)
    found = np.empty(1024, np.int32)
    count = 0
    for source in range(len(source_edge)):
        first = count
        edge = source_edge[source]
        if edge >= 0:
            heap = [(np.int64(0), np.int64(0))]
            heap.clear()
            here = source_off[source]
            heapq.heappush(heap, (here + source_along[source], tail[edge]))
            heapq.heappush(heap, (here + length[edge] - source_along[source], head[edge]))
            touched = [np.int64(0)]
            touched.clear()
            for slot in range(on_edge[edge], on_edge[edge + 1]):
                goal = goal_of[slot]
                walk = here + abs(goal_along[goal] - source_along[source]) + goal_off[goal]
                if walk <= limit and stamp[goal] != source:
                    stamp[goal] = source
                    if count == len(found):
                        found = np.concatenate((found, np.empty(count, np.int32)))
                    found[count] = goal
                    count += 1
            while len(heap) > 0:
                walked, node = heapq.heappop(heap)
                if walked > limit or walked >= distance[node]:
                    continue
                distance[node] = walked
                touched.append(node)
                for link in range(offset[node], offset[node + 1]):
                    by = link_edge[link]
                    for slot in range(on_edge[by], on_edge[by + 1]):
                        goal = goal_of[slot]
                        along = goal_along[goal]
                        rest = along if tail[by] == node else length[by] - along
                        if walked + rest + goal_off[goal] <= limit and stamp[goal] != source:
                            stamp[goal] = source
                            if count == len(found):
                                found = np.concatenate((found, np.empty(count, np.int32)))
                            found[count] = goal
                            count += 1
                    onward = walked + weight[link]
                    if onward <= limit and onward < distance[target[link]]:
                        heapq.heappush(heap, (onward, target[link]))
            for node in touched:
                distance[node] = _FAR
        found[first:count].sort()
        starts[source + 1] = count
    return starts, found[:count].copy()
