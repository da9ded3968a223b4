"""Shortest-path kernels in Numba: Dijkstra on integer milliseconds, and repairs after closures.

All of them release the GIL and work on a compressed graph: the neighbours of vertex v are
`target[offset[v]:offset[v + 1]]` at costs `weight[...]` >= 0.
"""

import heapq
from typing import Any, Final

import numpy as np
from numba import njit

UNREACHABLE: Final = 1_000_000_000
"""Stands for "no way": larger than any driving time, and twice it still fits an int32."""


@njit(cache=True, nogil=True)
def _push(heap: Any, size: int, key: int, vertex: int) -> int:
    """Puts (key, vertex) on a 4-ary heap of packed int64 entries and returns its new size."""
    entry = (np.int64(key) << 32) | np.int64(vertex)
    hole = size
    while hole > 0:
        parent = (hole - 1) >> 2
        if heap[parent] <= entry:
            break
        heap[hole] = heap[parent]
        hole = parent
    heap[hole] = entry
    return size + 1


@njit(cache=True, nogil=True)
def _pop(heap: Any, size: int) -> int:
    """Moves the last entry into the emptied root and returns the heap's new size."""
    size -= 1
    entry = heap[size]
    hole = 0
    while True:
        child = (hole << 2) + 1
        if child >= size:
            break
        best = child
        for other in range(child + 1, min(child + 4, size)):
            if heap[other] < heap[best]:
                best = other
        if heap[best] >= entry:
            break
        heap[hole] = heap[best]
        hole = best
    heap[hole] = entry
    return size


@njit(cache=True, nogil=True)
def _settle(offset: Any, target: Any, weight: Any, distance: Any, heap: Any, size: int) -> None:
    while size > 0:
        entry = heap[0]
        size = _pop(heap, size)
        vertex = entry & 0xFFFFFFFF
        key = entry >> 32
        if key > distance[vertex]:
            continue
        for link in range(offset[vertex], offset[vertex + 1]):
            onto = target[link]
            reached = key + weight[link]
            if reached < distance[onto]:
                distance[onto] = reached
                size = _push(heap, size, reached, onto)


@njit(cache=True, nogil=True)
def many_dijkstra(
    offset: Any,
    target: Any,
    weight: Any,
    seed_offset: Any,
    seed_vertex: Any,
    seed_cost: Any,
    rows: Any,
    distance: Any,
) -> None:
    """Fills `distance[r]` for the given rows: least cost from any of the row's seeds.

    Args:
        offset: int32[V + 1], see the module's docstring.
        target: int32[L].
        weight: int32[L]; `UNREACHABLE` closes a link.
        seed_offset: int32[rows + 1]; row r starts at seeds `seed_offset[r]:seed_offset[r + 1]`.
        seed_vertex: int32[seeds].
        seed_cost: int32[seeds].
        rows: int64[R], the rows to compute.
        distance: int32[rows, V], overwritten; `UNREACHABLE` where there is no way.
    """
    heap = np.empty(len(target) + len(seed_vertex) + 1, np.int64)
    for r in rows:
        row = distance[r]
        row[:] = UNREACHABLE
        size = 0
        for seed in range(seed_offset[r], seed_offset[r + 1]):
            vertex = seed_vertex[seed]
            if seed_cost[seed] < row[vertex]:
                row[vertex] = seed_cost[seed]
                size = _push(heap, size, seed_cost[seed], vertex)
        _settle(offset, target, weight, row, heap, size)


@njit(cache=True, nogil=True)
def repair_rows(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917 - one kernel, read as a whole
    turn_offset: Any,
    turn_to: Any,
    turn_time: Any,
    offset: Any,
    origin: Any,
    back_time: Any,
    weight: Any,
    arc_time: Any,
    closed: Any,
    stop_arc: Any,
    stop_offset: Any,
    rows: Any,
    distance: Any,
) -> None:
    """Brings rows of distances up to date after arcs were closed, touching only what changes.

    An arc loses its distance if no tight way on (one that accounts for it exactly) is left; that
    spreads against the traffic. Costs are positive, so tight ways cannot support each other in a
    circle. The arcs that lost theirs are settled again by Dijkstra from their intact neighbours
    (Ramalingam and Reps 1996, "On the computational complexity of dynamic graph problems").

    Args:
        turn_offset: int32[A + 1], turns from the end of each arc.
        turn_to: int32[T].
        turn_time: int32[T], ms.
        offset: int32[A + 1], the same turns by the arc they lead to.
        origin: int32[T].
        back_time: int32[T], ms.
        weight: int32[T], `back_time` plus the arc's own time, `UNREACHABLE` onto closed arcs.
        arc_time: int32[A], ms, also of closed arcs.
        closed: bool[A].
        stop_arc: int32[S].
        stop_offset: int32[S], ms.
        rows: int64[R], the rows to repair.
        distance: int32[S, A], the distances without closures; updated in place.
    """
    arcs = len(arc_time)
    lost = np.zeros(arcs, np.bool_)
    losers = np.empty(arcs, np.int32)
    queue = np.empty(2 * len(turn_to) + 1, np.int32)
    heap = np.empty(len(turn_to) + arcs + 1, np.int64)
    for r in rows:
        row = distance[r]
        goal, ahead = stop_arc[r], stop_offset[r]
        if closed[goal]:
            row[:] = UNREACHABLE
            continue
        queued = 0
        for arc in range(arcs):
            if closed[arc]:
                for link in range(offset[arc], offset[arc + 1]):
                    if row[origin[link]] == back_time[link] + arc_time[arc] + row[arc]:
                        queue[queued] = origin[link]
                        queued += 1
        count, head = 0, 0
        while head < queued:
            arc = queue[head]
            head += 1
            if lost[arc]:
                continue
            supported = False
            for link in range(turn_offset[arc], turn_offset[arc + 1]):
                onto = turn_to[link]
                if closed[onto]:
                    continue
                via = turn_time[link] + arc_time[onto] + row[onto]
                direct = onto == goal and turn_time[link] + ahead == row[arc]
                if direct or (not lost[onto] and via == row[arc]):
                    supported = True
                    break
            if supported:
                continue
            lost[arc] = True
            losers[count] = arc
            count += 1
            for link in range(offset[arc], offset[arc + 1]):
                before = origin[link]
                if not lost[before] and row[before] == back_time[link] + arc_time[arc] + row[arc]:
                    queue[queued] = before
                    queued += 1
        size = 0
        for i in range(count):
            row[losers[i]] = UNREACHABLE
        for i in range(count):
            arc = losers[i]
            best = UNREACHABLE
            for link in range(turn_offset[arc], turn_offset[arc + 1]):
                onto = turn_to[link]
                if closed[onto]:
                    continue
                if onto == goal:
                    best = min(best, turn_time[link] + ahead)
                if not lost[onto]:
                    best = min(best, turn_time[link] + arc_time[onto] + row[onto])
            if best < UNREACHABLE:
                row[arc] = best
                size = _push(heap, size, best, arc)
        for i in range(count):
            lost[losers[i]] = False
        _settle(offset, origin, weight, row, heap, size)


@njit(cache=True, nogil=True)
def descend(  # noqa: PLR0913, PLR0917 - Numba takes arrays flat
    turn_offset: Any,
    turn_to: Any,
    turn_time: Any,
    arc_time: Any,
    to_stop: Any,
    origin_arc: int,
    stop_arc: int,
    stop_offset: int,
    arcs: Any,
    turns: Any,
) -> int:
    """Follows a row of distances downhill from the end of an arc to the stop's arc.

    Args:
        turn_offset: int32[A + 1], turns from the end of each arc.
        turn_to: int32[T].
        turn_time: int32[T], ms.
        arc_time: int32[A], ms; `UNREACHABLE` for closed arcs.
        to_stop: int32[A], ms from the end of each arc to the stop.
        origin_arc: where to start (at its end).
        stop_arc: the stop's arc.
        stop_offset: ms from its start to the stop.
        arcs: int32[n], filled with the arcs driven after the first.
        turns: int32[n], filled with the ms of the turn onto each of them.

    Returns:
        how many arcs were filled in; -1 if the stop cannot be reached.
    """
    count = 0
    arc = origin_arc
    while count < len(arcs):
        left = to_stop[arc]
        if left >= UNREACHABLE:
            return -1
        found = -1
        for link in range(turn_offset[arc], turn_offset[arc + 1]):
            onto = turn_to[link]
            if onto == stop_arc and turn_time[link] + stop_offset == left:
                arcs[count] = onto
                turns[count] = turn_time[link]
                return count + 1
            if found < 0 and turn_time[link] + arc_time[onto] + to_stop[onto] == left:
                found = link
        if found < 0:
            return -1
        arc = turn_to[found]
        arcs[count] = arc
        turns[count] = turn_time[found]
        count += 1
    return -1


@njit(cache=True, nogil=True)
def reach_within(
    offset: Any,
    target: Any,
    weight: Any,
    seeds: Any,
    costs: Any,
    limit: float,
    distance: Any,
) -> None:
    """Dijkstra in metres from a few vertices, no further than a limit.

    Args:
        offset: int32[V + 1], see the module's docstring.
        target: int32[L].
        weight: float64[L].
        seeds: int64[k], vertices to start from.
        costs: float64[k], their distances.
        limit: vertices further away are not visited.
        distance: float64[V], all `inf`; overwritten where reached.
    """
    heap = [(np.float64(0.0), np.int64(0)) for _ in range(0)]
    for i in range(len(seeds)):
        if costs[i] <= limit and costs[i] < distance[seeds[i]]:
            distance[seeds[i]] = costs[i]
            heapq.heappush(heap, (costs[i], seeds[i]))
    while heap:
        key, vertex = heapq.heappop(heap)
        if key > distance[vertex]:
            continue
        for link in range(offset[vertex], offset[vertex + 1]):
            onto = np.int64(target[link])
            reached = key + weight[link]
            if reached <= limit and reached < distance[onto]:
                distance[onto] = reached
                heapq.heappush(heap, (reached, onto))
