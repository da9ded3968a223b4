"""Exact best insertion of riders taken out, in some order or by regret.

What is known of a rider's best place in a route is kept for as long as the route is the same.
"""

from routing.plans.compiled import compiled, merged
from routing.plans.in_full import R_COST, R_DROPOFF_POSITION, R_PAIR, R_PICKUP_POSITION
from routing.plans.kernel import (
    FOREVER,
    LIMITED,
    LOCKED,
    OK,
    PARTNER,
    Arrays,
    Routes,
    Work,
    gather,
    overloaded,
    price,
    settle,
)
from routing.plans.memory import ANY, NOWHERE, Cache, Jobs, State, fraction
from routing.plans.moves import changed, put_in
from routing.plans.search import best_positions


@compiled
def best_single(a: Arrays, r: Routes, v: int, w: Work, node: int) -> tuple[int, int]:
    """(additional cost, position) of the best place of a single action; FOREVER if none."""
    best, best_at, length = FOREVER, 0, r.length[v]
    if length + 1 > r.nodes.shape[1]:
        return best, best_at
    first, partner = a.vehicles[v, LOCKED], a.nodes[node, PARTNER]
    for k in range(length):
        if r.nodes[v, k] == partner:
            first = max(first, k + 1)
    base = r.cost[v]
    put_in(r, v, node, first, NOWHERE)
    for k in range(first, length + 1):
        if k > first:
            r.nodes[v, k - 1], r.nodes[v, k] = r.nodes[v, k], r.nodes[v, k - 1]
        gather(a, v, w, r.nodes[v], length + 1)
        if overloaded(a, v, w, length + 1) >= 0:
            continue
        reason, _ = settle(a, v, w, length + 1, LIMITED)
        if reason == OK:
            cost, _ = price(a, w, length + 1)
            if cost < best:
                best, best_at = cost, k
    r.length[v] = length
    return (best - base if best < FOREVER else best), best_at


@merged
def look_up(  # noqa: C901 - a kernel reads better whole
    a: Arrays, r: Routes, w: Work, jobs: Jobs, c: Cache, s: State, job: int
) -> None:
    """Bring what is known of a job's best places up to date."""
    tied = jobs.tied[job]
    if tied != ANY:
        if c.version[job, tied] != s.version[tied]:
            c.version[job, tied] = s.version[tied]
            cost, at = FOREVER, 0
            if r.cost[tied] < FOREVER:
                cost, at = best_single(a, r, tied, w, jobs.node[jobs.begin[job]])
            c.cost[job, tied], c.first[job, tied] = cost, at
        return
    stale, room = 0, r.nodes.shape[1]
    for v in range(len(r.length)):
        if c.version[job, v] != s.version[v]:
            c.version[job, v] = s.version[v]
            c.cost[job, v] = FOREVER
            if r.length[v] + 2 <= room:
                s.order[stale] = v
                s.best[stale, 0] = FOREVER
                stale += 1
    if stale == 0:
        return
    which, best, out = s.order[:stale], s.best[:stale], s.out[:stale]
    for alternative in range(jobs.begin[job], jobs.begin[job + 1]):
        pair = jobs.node[alternative] // 2
        best_positions(a, r, w, a.nodes, pair, which, FOREVER, best, out)
    for m in range(stale):
        if s.best[m, 0] < FOREVER:
            v = which[m]
            c.cost[job, v] = s.out[m, 0, R_COST]
            c.first[job, v] = s.out[m, 0, R_PICKUP_POSITION]
            c.second[job, v] = s.out[m, 0, R_DROPOFF_POSITION]
            c.choice[job, v] = 2 * s.out[m, 0, R_PAIR]


@merged
def settle_in(
    a: Arrays, r: Routes, w: Work, jobs: Jobs, c: Cache, s: State, job: int, v: int
) -> None:
    """Insert a job at its best place in a route."""
    if jobs.tied[job] == ANY:
        put_in(r, v, c.choice[job, v], c.first[job, v], c.second[job, v])
    else:
        put_in(r, v, jobs.node[jobs.begin[job]], c.first[job, v], NOWHERE)
    s.where[job] = v
    changed(a, r, v, w, s)


@compiled
def routes_cost(r: Routes) -> float:
    """Cost of all routes; more than any limit if one breaks one."""
    total = 0.0
    for v in range(len(r.length)):
        total += r.cost[v]
    return total


@compiled
def insert_in_order(  # noqa: PLR0913, PLR0917 - a kernel's arguments
    a: Arrays,
    r: Routes,
    w: Work,
    jobs: Jobs,
    c: Cache,
    s: State,
    count: int,
    blink: float,
    limit: float,
) -> bool:
    """Insert the absent jobs one after the other at their cheapest places.

    Returns False as soon as one that has to be served cannot be, or the routes cost more than the
    limit.
    """
    total = routes_cost(r)
    for k in range(count):
        job = s.absent[k]
        look_up(a, r, w, jobs, c, s, job)
        best, at, tied = jobs.penalty[job], NOWHERE, jobs.tied[job]
        for v in range(len(r.length)):
            if tied not in (ANY, v) or c.cost[job, v] >= best:
                continue
            if tied == ANY and fraction(s.random) < blink:
                continue
            best, at = c.cost[job, v], v
        if at == NOWHERE and best == FOREVER:
            return False
        total += best
        if total > limit:
            return False
        if at != NOWHERE:
            settle_in(a, r, w, jobs, c, s, job, at)
    return True


@compiled
def insert_by_regret(  # noqa: C901, PLR0913, PLR0917 - a kernel's arguments
    a: Arrays,
    r: Routes,
    w: Work,
    jobs: Jobs,
    c: Cache,
    s: State,
    count: int,
    noise: float,
    limit: float,
) -> bool:
    """Insert first whom a second choice would cost most (regret-2); returns as above."""
    total = routes_cost(r)
    while count > 0:
        pick, pick_at, most = 0, NOWHERE, -float(FOREVER)
        for k in range(count):
            job = s.absent[k]
            look_up(a, r, w, jobs, c, s, job)
            first, second, at = jobs.penalty[job], jobs.penalty[job], NOWHERE
            tied = jobs.tied[job]
            for v in range(len(r.length)):
                if tied not in (ANY, v):
                    continue
                cost = c.cost[job, v]
                if cost < first:
                    first, second, at = cost, first, v
                elif cost < second:
                    second = cost
            if at == NOWHERE and jobs.penalty[job] == FOREVER:
                return False
            regret = float(second - first) + noise * fraction(s.random)
            if at != NOWHERE and (pick_at == NOWHERE or regret > most):
                pick, pick_at, most = k, at, regret
        if pick_at == NOWHERE:
            return True  # nobody left is worth a place
        total += c.cost[s.absent[pick], pick_at]
        if total > limit:
            return False
        settle_in(a, r, w, jobs, c, s, s.absent[pick], pick_at)
        count -= 1
        s.absent[pick] = s.absent[count]
    return True
