"""Exchange of the rests of two routes where both vehicles are empty (2-opt*)."""

from routing.plans.compiled import compiled, inlined
from routing.plans.kernel import (
    AT_START,
    B_AT,
    B_END,
    B_LATEST_END,
    B_SEATS,
    B_WHEELCHAIRS,
    EARLIEST,
    END_STOP,
    FOREVER,
    KIN,
    LATEST,
    LOCKED,
    PERMILLE,
    SERVICE,
    STOP,
    Arrays,
    Routes,
    Work,
)
from routing.plans.memory import ANY, NOWHERE, Jobs, State, below, fraction
from routing.plans.moves import changed


@compiled
def swappable(a: Arrays, r: Routes, v: int, jobs: Jobs, k: int) -> bool:
    """Whether everything from action k on could go to another vehicle."""
    if k < a.vehicles[v, LOCKED]:
        return False
    if r.bounds[v, B_SEATS, k] != 0 or r.bounds[v, B_WHEELCHAIRS, k] != 0:
        return False
    for other in range(k, r.length[v]):
        job = jobs.of_node[r.nodes[v, other]]
        if job == NOWHERE or jobs.tied[job] != ANY:
            return False
    return True


@compiled
def exchange_tails(  # noqa: C901, PLR0912 - a kernel reads better whole
    a: Arrays, r: Routes, w: Work, jobs: Jobs, s: State
) -> bool:
    """Exchange the rests of two routes where both vehicles are empty, the best such exchange.

    Judged by the driving between the four ends; returns whether there was one.
    """
    v = below(s.random, len(r.length))
    best, best_u, best_k, best_l = float(FOREVER), NOWHERE, 0, 0
    for k in range(r.length[v] + 1):
        if not swappable(a, r, v, jobs, k):
            continue
        at, goes, tail = ends_at(a, r, v, k)
        for u in range(len(r.length)):
            if u == v or (k == 0 and a.vehicles[u, KIN] == a.vehicles[v, KIN]):
                continue
            for m in range(r.length[u] + 1):
                if (k == r.length[v] and m == r.length[u]) or not swappable(a, r, u, jobs, m):
                    continue
                if r.length[v] - k + m > r.nodes.shape[1]:
                    continue
                if r.length[u] - m + k > r.nodes.shape[1]:
                    continue
                there, comes, other = ends_at(a, r, u, m)
                across, back = leg_between(a, v, at, comes), leg_between(a, u, there, goes)
                if not in_time(a, r, v, k, u, m, across) or not in_time(a, r, u, m, v, k, back):
                    continue
                value = float(across + back - tail - other)
                value += (tail + other) * 0.02 * fraction(s.random)
                if value < best:
                    best, best_u, best_k, best_l = value, u, k, m
    if best_u == NOWHERE:
        return False
    swap(r, v, best_k, best_u, best_l, s)
    for x in (v, best_u):
        for k in range(r.length[x]):
            job = jobs.of_node[r.nodes[x, k]]
            if job != NOWHERE:
                s.where[job] = x
        changed(a, r, x, w, s)
    return True


@compiled
def ends_at(a: Arrays, r: Routes, v: int, k: int) -> tuple[int, int, int]:
    """The stops before (or AT_START) and behind a cut before action k, and the leg between them."""
    at = r.bounds[v, B_AT, k] if k > 0 else AT_START
    goes = a.vehicles[v, END_STOP]
    if k < r.length[v]:
        goes = a.nodes[r.nodes[v, k], STOP]
    return at, goes, leg_between(a, v, at, goes)


@inlined
def leg_between(a: Arrays, v: int, at: int, stop: int) -> int:
    """Free-flow seconds from a stop, or from where the vehicle starts."""
    return int(a.start_legs_s[v, stop]) if at == AT_START else int(a.matrix_s[at, stop])


@compiled
def in_time(a: Arrays, r: Routes, v: int, k: int, u: int, m: int, leg: int) -> bool:
    """Whether the rest of route u from action m on may be in time behind action k - 1 of v."""
    if m >= r.length[u] or k == 0:
        return True
    node = r.nodes[u, m]
    start = max(r.bounds[v, B_END, k - 1] + leg * PERMILLE // a.fastest, a.nodes[node, EARLIEST])
    if start > a.nodes[node, LATEST]:
        return False
    return bool(start + a.nodes[node, SERVICE] <= r.bounds[u, B_LATEST_END, m])


@compiled
def swap(r: Routes, v: int, k: int, u: int, m: int, s: State) -> None:
    """Exchange the tails of two routes from actions k and m on."""
    count, other = r.length[v] - k, r.length[u] - m
    for x in range(count):
        s.order[x] = r.nodes[v, k + x]
    for x in range(other):
        r.nodes[v, k + x] = r.nodes[u, m + x]
    for x in range(count):
        r.nodes[u, m + x] = s.order[x]
    r.length[v], r.length[u] = k + other, m + count
