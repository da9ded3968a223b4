"""Large neighbourhood search on routes, compiled: take some riders out, put them back better.

Removal of related riders, strings of routes, single expensive riders or whole routes (Shaw 1998,
Ropke and Pisinger 2006, Christiaens and Vanden Berghe 2020), exact best insertion in random order
or by regret, exchange of tails where vehicles are empty (2-opt*), simulated annealing. What is
known of a rider's best place in a route is kept until that route changes.
"""

import numpy as np

from routing.plans.compiled import compiled
from routing.plans.kernel import FOREVER, KIN, Arrays, Ints, Routes, ShortInts, Work
from routing.plans.memory import (
    ANY,
    NOWHERE,
    T_ABSENT,
    T_BEST,
    T_COST,
    Cache,
    Jobs,
    Pool,
    State,
    below,
    fraction,
)
from routing.plans.moves import changed, copy_route, take_out
from routing.plans.repair import insert_by_regret, insert_in_order
from routing.plans.ruin import arrange, ruin
from routing.plans.tails import exchange_tails

_BLINK = 0.02  # share of vehicles overlooked, so that the same hole is not filled the same way
_TAILS = 0.08  # share of iterations that exchange tails
_REGRET = 0.35  # share of repairs by regret
_REGRET_MAX = 40  # with more to insert than this, order decides
_REGRET_FIRST = 150  # and at the very beginning
_POOL_TRIES = 8
_WORTH_KNOWING = 1.01  # plans up to so much dearer than the best have routes worth keeping
_NO_LIMIT = float(FOREVER) * FOREVER


@compiled
def remember(a: Arrays, r: Routes, v: int, jobs: Jobs, pool: Pool) -> None:
    """Put a route into the pool unless a cheaper one with the same riders is there."""
    key, mask = (a.vehicles[v, KIN] + 1) * 0x9E3779B97F4A7C1, len(pool.key) - 1
    for k in range(r.length[v]):
        job = jobs.of_node[r.nodes[v, k]]
        if job != NOWHERE and r.nodes[v, k] % 2 == 0:
            key += jobs.keys[job]
    if key == 0:
        key = 1
    slot = key & mask
    for _ in range(_POOL_TRIES):
        if pool.key[slot] == key or pool.key[slot] == 0:
            if pool.key[slot] == 0 or r.cost[v] < pool.cost[slot]:
                length = r.length[v]
                pool.key[slot], pool.cost[slot] = key, r.cost[v]
                pool.vehicle[slot], pool.length[slot] = v, length
                for k in range(length):
                    pool.nodes[slot, k] = r.nodes[v, k]
            return
        slot = (slot + 1) & mask


@compiled
def total_cost(r: Routes, jobs: Jobs, where: Ints) -> int:
    """Cost of all routes and of everybody left out; FOREVER if that is not allowed."""
    total = 0
    for v in range(len(r.length)):
        if r.cost[v] == FOREVER:
            return FOREVER
        total += r.cost[v]
    for job in range(len(where)):
        if where[job] == NOWHERE:
            if jobs.penalty[job] == FOREVER:
                return FOREVER
            total += jobs.penalty[job]
    return total


@compiled
def keep(a: Arrays, kept: Routes, r: Routes, jobs: Jobs, s: State, pool: Pool) -> None:
    """Accept the solution at hand."""
    for v in range(len(r.length)):
        if s.touched[v] != 0:
            copy_route(r, kept, v)
            s.kept_version[v] = s.version[v]
            if len(pool.key) > 1:
                remember(a, r, v, jobs, pool)
    s.totals[T_ABSENT] = 0
    for job in range(len(s.where)):
        s.kept_where[job] = s.where[job]
        s.totals[T_ABSENT] += s.where[job] == NOWHERE


@compiled
def give_up(kept: Routes, r: Routes, s: State) -> None:
    """Go back to the accepted solution."""
    for v in range(len(r.length)):
        if s.touched[v] != 0:
            copy_route(kept, r, v)
            s.version[v] = s.kept_version[v]
    for job in range(len(s.where)):
        s.where[job] = s.kept_where[job]


@compiled
def store_best(r: Routes, s: State) -> None:
    """Remember the accepted solution as the best one."""
    for v in range(len(r.length)):
        s.best_length[v] = r.length[v]
        for k in range(r.length[v]):
            s.best_nodes[v, k] = r.nodes[v, k]
    for job in range(len(s.where)):
        s.best_where[job] = s.where[job]


@compiled
def insert_all(
    a: Arrays, kept: Routes, r: Routes, w: Work, jobs: Jobs, c: Cache, s: State, pool: Pool
) -> None:
    """Insert everybody who is left out, as far as it pays; arguments as in `improve_routes`."""
    s.touched[:] = 0
    count = 0
    for job in range(len(s.where)):
        if s.where[job] == NOWHERE:
            s.absent[count] = job
            count += 1
    if count <= _REGRET_FIRST:
        insert_by_regret(a, r, w, jobs, c, s, count, 0.0, _NO_LIMIT)
    else:
        insert_in_order(a, r, w, jobs, c, s, count, 0.0, _NO_LIMIT)
    cost = total_cost(r, jobs, s.where)
    if cost <= s.totals[T_COST]:
        s.totals[T_COST] = cost
        keep(a, kept, r, jobs, s, pool)
        s.totals[T_BEST] = cost
        store_best(r, s)
    else:
        give_up(kept, r, s)


@compiled
def take_over(  # noqa: PLR0913, PLR0917 - the search's whole memory
    a: Arrays,
    kept: Routes,
    r: Routes,
    w: Work,
    jobs: Jobs,
    s: State,
    pool: Pool,
    vehicle: Ints,
    length: Ints,
    nodes: ShortInts,
) -> None:
    """Go on with these routes if they are better than all so far; see `improve_routes`.

    The routes: int64[M] vehicles and lengths, int32[M, room] nodes; all other vehicles carry nobody
    but those tied to them.
    """
    for job in range(len(s.where)):
        s.marked[job] = 1 if jobs.tied[job] == ANY else 0
        s.where[job] = NOWHERE
    for v in range(len(r.length)):
        take_out(r, v, jobs, s.marked)
    for m in range(len(vehicle)):
        r.length[vehicle[m]] = length[m]
        for k in range(length[m]):
            r.nodes[vehicle[m], k] = nodes[m, k]
    for v in range(len(r.length)):
        changed(a, r, v, w, s)
        for k in range(r.length[v]):
            job = jobs.of_node[r.nodes[v, k]]
            if job != NOWHERE:
                s.where[job] = v
    cost = total_cost(r, jobs, s.where)
    if cost < s.totals[T_BEST]:
        s.totals[T_COST] = s.totals[T_BEST] = cost
        keep(a, kept, r, jobs, s, pool)
        store_best(r, s)
    else:
        give_up(kept, r, s)


@compiled
def improve_routes(  # noqa: C901, PLR0912, PLR0913, PLR0917 - the search's whole memory
    a: Arrays,
    kept: Routes,
    r: Routes,
    w: Work,
    jobs: Jobs,
    c: Cache,
    s: State,
    pool: Pool,
    iterations: int,
    hot: float,
    cold: float,
    goal_max: int,
) -> None:
    """Some iterations of the search, cooling from `hot` to `cold` (millicost).

    Args:
        a: the problem, its nodes numbered so that all pairs come first.
        kept: the accepted solution; `r` is the same at the beginning and the end.
        r: the solution being worked on.
        w: scratch with room for two more actions than the longest route.
        jobs: what can be moved.
        c: what is known of best places.
        s: the search's memory.
        pool: of routes seen; one entry switches it off.
        iterations: how many.
        hot: temperature of the first one.
        cold: of the last one.
        goal_max: how many jobs to take out at most.
    """
    if len(s.where) == 0 or len(r.length) == 0:
        return
    for step in range(iterations):
        heat = hot * (cold / hot) ** (step / iterations) if hot > 0 else 0.0
        limit = s.totals[T_COST] - heat * np.log(1.0 - fraction(s.random))
        hopeless = max(limit, s.totals[T_BEST] * _WORTH_KNOWING) if len(pool.key) > 1 else limit
        s.touched[:] = 0
        if fraction(s.random) < _TAILS:
            possible = exchange_tails(a, r, w, jobs, s)
        else:
            goal = 1 + below(s.random, goal_max)
            if fraction(s.random) < 0.5:  # noqa: PLR2004 - small ones more often
                goal = 1 + below(s.random, goal)
            count = ruin(a, r, w, jobs, s, goal)
            if count <= _REGRET_MAX and fraction(s.random) < _REGRET:
                noise = heat if fraction(s.random) < 0.5 else 0.0  # noqa: PLR2004 - a rate
                possible = insert_by_regret(a, r, w, jobs, c, s, count, noise, hopeless)
            else:
                arrange(a, jobs, s, count)
                possible = insert_in_order(a, r, w, jobs, c, s, count, _BLINK, hopeless)
        cost = total_cost(r, jobs, s.where) if possible else FOREVER
        if cost < FOREVER and cost <= limit:
            s.totals[T_COST] = cost
            keep(a, kept, r, jobs, s, pool)
            if cost < s.totals[T_BEST]:
                s.totals[T_BEST] = cost
                store_best(r, s)
        else:
            if len(pool.key) > 1 and cost < s.totals[T_BEST] * _WORTH_KNOWING:
                for v in range(len(r.length)):
                    if s.touched[v] != 0:
                        remember(a, r, v, jobs, pool)
            give_up(kept, r, s)
