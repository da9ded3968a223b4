"""Shortest-path kernels in Numba: Dijkstra on integer costs, the way downhill, walks in metres.

All of them release the GIL and work on a compressed graph: the neighbours of vertex v are
`target[offset[v]:offset[v + 1]]` at costs `weight[...]` >= 0.
"""

import heapq
from typing import Any, Final

import numpy as np
from numba import njit

UNREACHABLE: Final = 1_000_000_000
"""Stands for "no way": larger than any driving time, and twice it still fits an int32."""


BUCKET_BITS: Final = 11
"""Buckets are 2^11 cost units wide: 2 s or 20 m. Between 2^10 and 2^13 it makes no difference."""


@njit(cache=True, nogil=True)
def _fill_row(  # noqa: PLR0913, PLR0917 - Numba takes arrays flat
    offset: Any,
    target: Any,
    weight: Any,
    seed_vertex: Any,
    seed_cost: Any,
    row: Any,
    first: Any,
    following: Any,
    vertex_of: Any,
    scanned_at: Any,
) -> bool:
    """One row of `many_dijkstra`; False if there are more entries than room for them."""
    ring = len(first) - 1
    row[:] = UNREACHABLE
    scanned_at[:] = UNREACHABLE
    free, used, waiting = -1, 0, 0
    bucket = UNREACHABLE
    for seed in range(len(seed_vertex)):
        vertex, cost = seed_vertex[seed], seed_cost[seed]
        if cost < row[vertex]:
            row[vertex] = cost
            slot = (cost >> BUCKET_BITS) & ring
            vertex_of[used] = vertex
            following[used] = first[slot]
            first[slot] = used
            used += 1
            waiting += 1
            bucket = min(bucket, cost >> BUCKET_BITS)
    while waiting > 0:
        entry = first[bucket & ring]
        if entry < 0:
            bucket += 1
            continue
        first[bucket & ring] = following[entry]
        following[entry] = free
        free = entry
        waiting -= 1
        vertex = vertex_of[entry]
        key = row[vertex]
        if scanned_at[vertex] == key:
            continue  # an entry from before the vertex was improved
        scanned_at[vertex] = key
        if used + offset[vertex + 1] - offset[vertex] > len(vertex_of):
            return False
        for link in range(offset[vertex], offset[vertex + 1]):
            onto = target[link]
            reached = key + weight[link]
            if reached < row[onto]:
                row[onto] = reached
                if free >= 0:
                    entry = free
                    free = following[entry]
                else:
                    entry = used
                    used += 1
                slot = (reached >> BUCKET_BITS) & ring
                vertex_of[entry] = onto
                following[entry] = first[slot]
                first[slot] = entry
                waiting += 1
    return True


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

    Dijkstra with a ring of buckets instead of a heap (Dial 1969; Denardo and Fox 1979). Buckets
    are wider than the shortest link, so a vertex may be improved after it was scanned in the
    same bucket; then it is scanned again, and the result is exact nevertheless.

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
    longest = 0
    for cost in weight:
        if longest < cost < UNREACHABLE:
            longest = cost
    for cost in seed_cost:
        longest = max(longest, cost)
    buckets = 1
    while buckets < (longest >> BUCKET_BITS) + 2:
        buckets *= 2
    first = np.full(buckets, -1, np.int32)
    room = len(target) + len(seed_vertex) + 1
    following = np.empty(room, np.int32)
    vertex_of = np.empty(room, np.int32)
    scanned_at = np.empty(distance.shape[1], np.int32)
    for r in rows:
        seeds = slice(seed_offset[r], seed_offset[r + 1])
        while not _fill_row(
            offset,
            target,
            weight,
            seed_vertex[seeds],
            seed_cost[seeds],
            distance[r],
            first,
            following,
            vertex_of,
            scanned_at,
        ):
            first[:] = -1
            following = np.empty(2 * len(following), np.int32)
            vertex_of = np.empty(2 * len(vertex_of), np.int32)


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
def repair_rows(  # noqa: C901, PLR0912, PLR0913, PLR0917 - a kernel, and Numba takes arrays flat
    turn_offset: Any,
    turn_to: Any,
    turn_time: Any,
    arc_time: Any,
    back_offset: Any,
    back_from: Any,
    back_time: Any,
    closed: Any,
    entries: Any,
    stop_arc: Any,
    stop_offset: Any,
    rows: Any,
    distance: Any,
) -> None:
    """Brings rows of distances up to date after arcs were closed, touching only what changes.

    First the arcs that have lost all their fastest ways are found, from the stop outwards; then
    these alone are searched anew (Ramalingam and Reps 1996, for deletions only).

    Args:
        turn_offset: int32[A + 1], turns from the end of each arc.
        turn_to: int32[T].
        turn_time: int32[T], ms.
        arc_time: int32[A], ms, >= 1.
        back_offset: int32[A + 1], turns onto each arc.
        back_from: int32[T].
        back_time: int32[T], ms.
        closed: bool[A]; a closed arc is entered from closed ones only.
        entries: int32[k], open arcs with a turn onto a closed one.
        stop_arc: int32[S].
        stop_offset: int32[S], ms from the start of the stop's arc to the stop.
        rows: int64[R], the rows to bring up to date.
        distance: int32[S, A], ms from the end of each arc to each stop while all arcs were open;
            overwritten.
    """
    lost = np.full(len(arc_time), -1, np.int64)
    for r in rows:
        row = distance[r]
        goal, goal_cost = stop_arc[r], stop_offset[r]
        heap = [(np.int64(0), np.int64(0)) for _ in range(0)]
        found = [np.int64(0) for _ in range(0)]
        for arc in entries:
            heapq.heappush(heap, (np.int64(row[arc]), np.int64(arc)))
        while heap:
            key, arc = heapq.heappop(heap)
            if lost[arc] == r:
                continue
            holds = False
            for link in range(turn_offset[arc], turn_offset[arc + 1]):
                onto = turn_to[link]
                if closed[onto] and not closed[arc]:
                    continue
                at_goal = onto == goal and turn_time[link] + goal_cost == key
                whole = turn_time[link] + arc_time[onto] + row[onto]
                holds = holds or at_goal or (lost[onto] != r and whole == key)
            if holds:
                continue
            lost[arc] = r
            found.append(arc)
            for link in range(back_offset[arc], back_offset[arc + 1]):
                before = back_from[link]
                if row[before] == back_time[link] + arc_time[arc] + key:
                    heapq.heappush(heap, (np.int64(row[before]), np.int64(before)))
        for arc in found:
            best = np.int64(UNREACHABLE)
            for link in range(turn_offset[arc], turn_offset[arc + 1]):
                onto = turn_to[link]
                if closed[onto] and not closed[arc]:
                    continue
                if onto == goal:
                    best = min(best, np.int64(turn_time[link] + goal_cost))
                if lost[onto] != r:
                    best = min(best, np.int64(turn_time[link] + arc_time[onto] + row[onto]))
            row[arc] = best
            if best < UNREACHABLE:
                heapq.heappush(heap, (best, arc))
        while heap:
            key, arc = heapq.heappop(heap)
            if key > row[arc]:
                continue
            for link in range(back_offset[arc], back_offset[arc + 1]):
                before = back_from[link]
                if lost[before] != r or (closed[arc] and not closed[before]):
                    continue
                reached = np.int64(back_time[link] + arc_time[arc] + key)
                if reached < row[before]:
                    row[before] = reached
                    heapq.heappush(heap, (reached, np.int64(before)))


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
