"""Shortest times from everywhere to many places at once: node elimination, then sweeps over ranks.

The graph is contracted once in minimum-degree order, keeping every shortcut (customizable
contraction hierarchies: Dibbelt, Strasser and Wagner 2014). After that one pass over the ranks
gives the times from all nodes to a place (PHAST: Delling, Goldberg, Nowatzyk and Werneck 2011), and
a block of places is swept side by side, so that the inner loop is a vector operation.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from routing.roads.errors import UnreachableError
from routing.roads.kernels import UNREACHABLE

Ints = NDArray[np.int32]

LANES: Final = 64
"""Targets swept side by side; with 16 or 32, LLVM unrolls the inner loop and uses no vectors."""

_FIRST_ROOM: Final = 64


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """A graph with its nodes eliminated one by one; arrays are by rank, the last node is highest.

    Attributes:
        rank: int32[N], the rank of each node.
        offset: int32[N + 1]; rank v has the links `offset[v]:offset[v + 1]` to higher ranks.
        higher: int32[L], the rank at the upper end.
        up: int32[L], cost from v up to it, `UNREACHABLE` if there is none.
        down: int32[L], cost from it down to v.
        road_offset: int32[N + 1], the graph itself, by rank and without shortcuts.
        road_to: int32[M].
        road_cost: int32[M].
    """

    rank: Ints
    offset: Ints
    higher: Ints
    up: Ints
    down: Ints
    road_offset: Ints
    road_to: Ints
    road_cost: Ints

    @property
    def nodes(self) -> int:
        """How many nodes the graph has."""
        return len(self.rank)

    @property
    def node(self) -> Ints:
        """int32[N], the node of each rank."""
        return np.argsort(self.rank).astype(np.int32)


def eliminate(nodes: int, tail: Ints, head: Ints, cost: Ints) -> Hierarchy:
    """Contract a directed graph.

    Args:
        nodes: N; nodes are 0..N-1.
        tail: int32[M], where each arc begins; loops are ignored, of parallel arcs the least counts.
        head: int32[M], where it ends.
        cost: int32[M], > 0. The longest shortest way must stay below `UNREACHABLE`.

    Raises:
        ValueError: an arc is out of range.
    """
    tail, head, cost = (np.ascontiguousarray(x, np.int32) for x in (tail, head, cost))
    if len(tail) != len(head) or len(tail) != len(cost):
        raise ValueError("tail, head and cost differ in length")
    if len(tail) and (min(tail.min(), head.min()) < 0 or max(tail.max(), head.max()) >= nodes):
        raise ValueError("an arc leads to a node that the graph does not have")
    if len(cost) and (cost.min() <= 0 or cost.max() >= UNREACHABLE):
        raise ValueError("an arc's cost is not positive, or as good as no way")
    room = _FIRST_ROOM
    while True:
        rank = np.empty(nodes, np.int32)
        near = np.empty((nodes, room), np.int32)
        costs = np.empty((nodes, room, 2), np.int32)
        degree = np.zeros(nodes, np.int32)
        if _neighbours(tail, head, cost, near, costs, degree) and _contract(
            near, costs, degree, rank
        ):
            break
        room *= 2
    rank = _in_families(near, degree, rank)
    offset, higher, up, down = _by_rank(near, costs, degree, rank)
    roads = _roads(rank, tail, head, cost)
    return Hierarchy(rank, offset, higher, up, down, *roads)


@njit(cache=True, nogil=True)
def _link(near: Any, costs: Any, degree: Any, v: int, w: int, way: int, cost: int) -> bool:
    """Make w a neighbour of v at most at this cost; way 0 is from v to w, 1 from w to v."""
    at = 0
    while at < degree[v] and near[v, at] != w:
        at += 1
    if at == near.shape[1]:
        return False
    if at == degree[v]:
        near[v, at] = w
        costs[v, at, 0] = UNREACHABLE
        costs[v, at, 1] = UNREACHABLE
        degree[v] += 1
    costs[v, at, way] = min(costs[v, at, way], cost)
    return True


@njit(cache=True, nogil=True)
def _neighbours(tail: Any, head: Any, cost: Any, near: Any, costs: Any, degree: Any) -> bool:
    """Fill the lists of neighbours in either direction; False if a list is too short."""
    for m in range(len(tail)):
        if tail[m] != head[m] and not (
            _link(near, costs, degree, tail[m], head[m], 0, cost[m])
            and _link(near, costs, degree, head[m], tail[m], 1, cost[m])
        ):
            return False
    return True


@njit(cache=True, nogil=True)
def _unlist(first: Any, following: Any, before: Any, degree: int, v: int) -> None:
    if before[v] >= 0:
        following[before[v]] = following[v]
    else:
        first[degree] = following[v]
    if following[v] >= 0:
        before[following[v]] = before[v]


@njit(cache=True, nogil=True)
def _enlist(first: Any, following: Any, before: Any, degree: int, v: int) -> None:
    following[v] = first[degree]
    before[v] = -1
    if first[degree] >= 0:
        before[first[degree]] = v
    first[degree] = v


@njit(cache=True, nogil=True)
def _contract(near: Any, costs: Any, degree: Any, rank: Any) -> bool:  # noqa: C901 - a kernel reads better whole
    """Eliminate all nodes, least degree first; False if a list of neighbours is too short.

    Afterwards the list of each node holds its neighbours of higher rank, shortcuts included.

    Args:
        near: int32[N, room], neighbours in either direction, `degree[v]` of them.
        costs: int32[N, room, 2], cost to the neighbour and from it.
        degree: int32[N].
        rank: int32[N], result.
    """
    nodes = len(degree)
    first = np.full(near.shape[1] + 1, -1, np.int32)
    following = np.empty(nodes, np.int32)
    before = np.empty(nodes, np.int32)
    where = np.full(nodes, -1, np.int32)
    for v in range(nodes - 1, -1, -1):
        _enlist(first, following, before, degree[v], v)
    least = 0
    for turn in range(nodes):
        while first[least] < 0:
            least += 1
        v = first[least]
        _unlist(first, following, before, least, v)
        rank[v] = turn
        count = degree[v]
        for i in range(count):
            a = near[v, i]
            _unlist(first, following, before, degree[a], a)
            for at in range(degree[a]):
                where[near[a, at]] = at
            at, last = where[v], degree[a] - 1
            where[v] = -1
            if at != last:
                near[a, at], costs[a, at, 0], costs[a, at, 1] = (
                    near[a, last],
                    costs[a, last, 0],
                    costs[a, last, 1],
                )
                where[near[a, at]] = at
            degree[a] = last
            for j in range(count):
                if j == i:
                    continue
                b = near[v, j]
                to = costs[v, i, 1] + costs[v, j, 0]
                back = costs[v, j, 1] + costs[v, i, 0]
                at = where[b]
                if at < 0:
                    at = degree[a]
                    if at == near.shape[1]:
                        return False
                    where[b] = at
                    near[a, at] = b
                    costs[a, at, 0] = UNREACHABLE
                    costs[a, at, 1] = UNREACHABLE
                    degree[a] += 1
                costs[a, at, 0] = min(costs[a, at, 0], to)
                costs[a, at, 1] = min(costs[a, at, 1], back)
            for at in range(degree[a]):
                where[near[a, at]] = -1
            _enlist(first, following, before, degree[a], a)
            least = min(least, degree[a])
    return True


@njit(cache=True, nogil=True)
def _in_families(near: Any, degree: Any, rank: Any) -> Any:
    """Ranks in which each node directly follows all that hang below it in the elimination tree.

    As good an order of elimination, with the same shortcuts; but now the ranks a sweep looks at
    again and again lie close together, in the cache.
    """
    nodes = len(rank)
    node = np.empty(nodes, np.int32)
    for v in range(nodes):
        node[rank[v]] = v
    parent = np.full(nodes, nodes, np.int32)
    size = np.ones(nodes + 1, np.int32)
    for r in range(nodes):
        v = node[r]
        for i in range(degree[v]):
            parent[r] = min(parent[r], rank[near[v, i]])
        size[parent[r]] += size[r]
    end = np.empty(nodes + 1, np.int32)
    end[nodes] = nodes
    better = np.empty(nodes, np.int32)
    for r in range(nodes - 1, -1, -1):
        end[r] = end[parent[r]] - 1
        end[parent[r]] -= size[r]
        better[node[r]] = end[r]
    return better


@njit(cache=True, nogil=True)
def _by_rank(near: Any, costs: Any, degree: Any, rank: Any) -> tuple[Any, Any, Any, Any]:
    nodes = len(rank)
    node = np.empty(nodes, np.int32)
    for v in range(nodes):
        node[rank[v]] = v
    offset = np.zeros(nodes + 1, np.int32)
    for r in range(nodes):
        offset[r + 1] = offset[r] + degree[node[r]]
    higher = np.empty(offset[nodes], np.int32)
    up = np.empty(offset[nodes], np.int32)
    down = np.empty(offset[nodes], np.int32)
    for r in range(nodes):
        v = node[r]
        for i in range(degree[v]):
            higher[offset[r] + i] = rank[near[v, i]]
            up[offset[r] + i] = costs[v, i, 0]
            down[offset[r] + i] = costs[v, i, 1]
    return offset, higher, up, down


def _roads(rank: Ints, tail: Ints, head: Ints, cost: Ints) -> tuple[Ints, Ints, Ints]:
    """The graph itself in compressed rows by rank."""
    order = np.argsort(rank[tail], kind="stable")
    count = np.bincount(rank[tail], minlength=len(rank))
    offset = np.concatenate(([0], np.cumsum(count))).astype(np.int32)
    return offset, rank[head[order]], cost[order]


@dataclass(frozen=True, eq=False)
class TimesTo:
    """Costs of the shortest ways from every node to each of T targets.

    Attributes:
        hierarchy: of the graph.
        targets: int32[T], the targets' ranks.
        table: int32[ceil(T / LANES), N, LANES]; target t's cost
            from rank v is at [t // LANES, v, t % LANES].
    """

    hierarchy: Hierarchy
    targets: Ints
    table: Ints

    def matrix(self, bits: int = 0, out: Ints | None = None) -> Ints:
        """int32[T, T]: costs from target to target in units of 2^bits, rounded up once.

        Args:
            bits: how many of the costs' lowest bits are less than a unit.
            out: where to put them, if not in an array of its own.
        """
        if out is None:
            out = np.empty((len(self.targets), len(self.targets)), np.int32)
        _matrix(self.table, self.targets, np.int32(bits), out)
        return out

    def costs(self, ranks: Ints, targets: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[R, K]: the costs from some ranks to some targets (given by their index)."""
        block, lane = np.divmod(targets, LANES)
        return self.table[block, ranks[:, None], lane].astype(np.int64)

    def to_target(self, target: int) -> Ints:
        """int32[N]: the cost from every node to a target, by node."""
        block, lane = divmod(target, LANES)
        row: Ints = self.table[block, self.hierarchy.rank, lane]
        return row

    def way(self, start: int, target: int) -> Ints:
        """The ranks passed from a node (given by its rank) to a target, both included.

        Raises:
            UnreachableError: there is no way.
        """
        h = self.hierarchy
        roads = (h.road_offset, h.road_to, h.road_cost, self.table)
        left = int(self.table[target // LANES, start, target % LANES])
        if left >= UNREACHABLE:
            raise UnreachableError(f"no way leads to target {target}")
        ranks = [start]
        while left > 0:
            link = next_link(*roads, ranks[-1], target, left)
            left -= int(h.road_cost[link])
            ranks.append(int(h.road_to[link]))
        return np.array(ranks, np.int32)


def times_to(hierarchy: Hierarchy, targets: Ints) -> TimesTo:
    """Costs from every node to the targets (given as nodes): T * N * 4 bytes.

    Raises:
        ValueError: a target is not a node of the graph.
    """
    targets = np.asarray(targets)
    if len(targets) and not (targets.min() >= 0 and targets.max() < hierarchy.nodes):
        raise ValueError("a target is not a node of the graph")
    ranks = hierarchy.rank[targets]
    table = np.empty((-(-len(ranks) // LANES), hierarchy.nodes, LANES), np.int32)
    _sweep(hierarchy.offset, hierarchy.higher, hierarchy.up, hierarchy.down, ranks, table)
    return TimesTo(hierarchy, ranks, table)


@njit(cache=True, nogil=True)
def _sweep(  # noqa: C901 - a kernel reads better whole
    offset: Any, higher: Any, up: Any, down: Any, targets: Any, table: Any
) -> None:
    """Fill `table`, block after block; see `TimesTo`.

    Going up from a target only its ancestors in the elimination tree are met. They are marked,
    so that the first pass skips all others.
    """
    nodes = len(offset) - 1
    met = np.full(nodes, -1, np.int32)
    for b in range(len(table)):
        block = table[b]
        block[:] = UNREACHABLE
        lowest = nodes
        for lane in range(min(LANES, len(targets) - b * LANES)):
            v = targets[b * LANES + lane]
            block[v, lane] = 0
            lowest = min(lowest, v)
            while met[v] != b:
                met[v] = b
                parent = nodes
                for link in range(offset[v], offset[v + 1]):
                    parent = min(parent, higher[link])
                if parent == nodes:
                    break
                v = parent
        for v in range(lowest, nodes):
            if met[v] == b:
                for link in range(offset[v], offset[v + 1]):
                    w, cost = higher[link], down[link]
                    for lane in range(LANES):
                        block[w, lane] = min(block[w, lane], np.int32(block[v, lane] + cost))
        for v in range(nodes - 1, -1, -1):
            for link in range(offset[v], offset[v + 1]):
                w, cost = higher[link], up[link]
                for lane in range(LANES):
                    block[v, lane] = min(block[v, lane], np.int32(block[w, lane] + cost))


@njit(cache=True, nogil=True)
def _matrix(table: Any, targets: Any, bits: Any, out: Any) -> None:
    rest = np.int32((1 << bits) - 1)
    for b in range(len(targets) // LANES):
        for i in range(len(targets)):
            line = table[b, targets[i]]
            part = out[i, b * LANES : (b + 1) * LANES]
            for lane in range(LANES):
                cost = np.int32(np.int32(line[lane] + rest) >> bits)
                part[lane] = UNREACHABLE if line[lane] >= UNREACHABLE else cost
    b = len(targets) // LANES
    for i in range(len(targets)):
        for t in range(b * LANES, len(targets)):
            cost = table[b, targets[i], t - b * LANES]
            out[i, t] = UNREACHABLE if cost >= UNREACHABLE else (cost + rest) >> bits


@njit(cache=True, nogil=True)
def next_link(offset: Any, to: Any, cost: Any, table: Any, v: int, target: int, left: int) -> int:
    """The link by which a shortest way from rank v to a target goes on.

    Costs are integers, so that is where they add up exactly. The last link is taken unseen if no
    other fits: every look into the table is likely to wait for the memory.

    Args:
        offset: int32[N + 1], `Hierarchy.road_offset`.
        to: int32[M].
        cost: int32[M].
        table: `TimesTo.table`.
        v: a rank other than the target's.
        target: index of the target.
        left: what the table says for v, less than `UNREACHABLE`.
    """
    block, lane = target // LANES, target % LANES
    last = offset[v + 1] - 1
    for link in range(offset[v], last):
        if cost[link] + table[block, to[link], lane] == left:
            return int(link)
    return int(last)
