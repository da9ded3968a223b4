"""Large neighbourhood search on routes, compiled: take some riders out, put them back better.

Removal of related riders, strings of routes, single expensive riders or whole routes (Shaw 1998,
Ropke and Pisinger 2006, Christiaens and Vanden Berghe 2020), exact best insertion in random order
or by regret, exchange of tails where vehicles are empty (2-opt*), simulated annealing. What is
known of a rider's best place in a route is kept until that route changes.
"""

from typing import NamedTuple

import numpy as np

from routing.plans.compiled import compiled, inlined
from routing.plans.kernel import (
    AT_START,
    B_AT,
    B_END,
    B_LATEST_END,
    B_SEATS,
    B_WHEELCHAIRS,
    BOUND_ROWS,
    EARLIEST,
    END_STOP,
    FOREVER,
    KIN,
    LATEST,
    LIMITED,
    LOCKED,
    OK,
    PERMILLE,
    PARTNER,
    SERVICE,
    STOP,
    Arrays,
    Ints,
    Routes,
    ShortInts,
    Work,
    gather,
    overloaded,
    price,
    rebuild,
    settle,
)
from routing.plans.search import (
    R_COST,
    R_DROPOFF_POSITION,
    R_PAIR,
    R_PICKUP_POSITION,
    best_positions,
)

NOWHERE = -1
ANY = -1  # `Jobs.tied` of what may be served by any vehicle

# Entries of `State.totals`, int64[8].
T_COST, T_BEST, T_VERSIONS, T_POOLED, T_ACCEPTED, T_ABSENT = range(6)

_BLINK = 0.02  # share of vehicles overlooked, so that the same hole is not filled the same way
_TAILS = 0.08  # share of iterations that exchange tails
_REGRET = 0.35  # share of repairs by regret
_REGRET_MAX = 40  # with more to insert than this, order decides
_REGRET_FIRST = 150  # and at the very beginning
_ABSENT_MAX = 60  # of those served by nobody, so many are tried at a time
_POOL_TRIES = 8


class Jobs(NamedTuple):
    """What can be moved: a pair of pick-up and drop-off, or a single action of one vehicle.

    Single actions are drop-offs of riders who are on board (or will surely be) and breaks.
    """

    begin: Ints  # int64[J + 1]: span of each job's alternatives
    node: Ints  # int64[A]: the pick-up of each alternative (the drop-off follows), or the action
    penalty: Ints  # int64[J]: cost of leaving it out; FOREVER: it has to be served
    tied: Ints  # int64[J]: the vehicle of a single action, else ANY
    of_node: Ints  # int64[N]: the job of each node, NOWHERE for fixed ones
    near: ShortInts  # int32[J, K]: other jobs, the most related first
    keys: Ints  # int64[J]: random, for telling sets of jobs apart


class Cache(NamedTuple):
    """The best place of each job in each route as of a version of that route; all int64[J, V]."""

    version: Ints
    cost: Ints
    first: Ints
    second: Ints
    choice: Ints


class Pool(NamedTuple):
    """Routes seen, by the set of jobs they serve and the kind of vehicle; an open hash table."""

    key: Ints  # int64[P], 0 = free
    cost: Ints  # int64[P]
    vehicle: Ints  # int64[P]
    length: Ints  # int64[P]
    nodes: ShortInts  # int32[P, room]


class State(NamedTuple):
    """The search's memory; the routes at hand are in `Routes` tables beside it."""

    where: Ints  # int64[J]: the vehicle of each job, NOWHERE if it is served by none
    kept_where: Ints  # the same in the accepted solution
    version: Ints  # int64[V]: grows with each change of a route
    kept_version: Ints
    best_nodes: ShortInts  # int32[V, room]: the best solution so far
    best_length: Ints
    best_where: Ints
    totals: Ints  # int64[8], entries T_*
    random: Ints  # int64[1]: state of the random numbers
    touched: Ints  # int64[V]: scratch, 1 for routes changed in this iteration
    marked: Ints  # int64[J]: scratch
    absent: Ints  # int64[J]: scratch, the jobs to insert
    order: Ints  # int64[max(J, V)]: scratch
    best: Ints  # int64[V, 1]: scratch of the insertion
    out: Ints  # int64[V, 1, 8]: scratch of the insertion


@inlined
def draw(random: Ints) -> int:
    """The next of 2^62 random numbers (xorshift*, Vigna 2016)."""
    x = np.uint64(random[0])
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    random[0] = np.int64(x)
    return np.int64((x * np.uint64(2685821657736338717)) >> np.uint64(2))


@inlined
def below(random: Ints, n: int) -> int:
    """A random whole number from 0 to n - 1."""
    return draw(random) % n


@inlined
def fraction(random: Ints) -> float:
    """A random number in [0, 1)."""
    return draw(random) / 4611686018427387904.0


@compiled
def take_out(r: Routes, v: int, jobs: Jobs, marked: Ints) -> None:
    """Remove all marked jobs from a route; its bounds are stale afterwards."""
    kept = 0
    for k in range(r.length[v]):
        node = r.nodes[v, k]
        job = jobs.of_node[node]
        if job == NOWHERE or marked[job] == 0:
            r.nodes[v, kept] = node
            kept += 1
    r.length[v] = kept


@compiled
def put_in(r: Routes, v: int, node: int, i: int, j: int) -> None:
    """Insert a pick-up and its drop-off at positions (i, j), or a single action if j < 0."""
    length, nodes = r.length[v], r.nodes
    for k in range(length - 1, -1, -1):
        shift = (k >= i) + (j >= 0 and k >= j)
        if shift > 0:
            nodes[v, k + shift] = nodes[v, k]
    nodes[v, i] = node
    if j >= 0:
        nodes[v, j + 1] = node + 1
    r.length[v] = length + 1 + (j >= 0)


@compiled
def copy_route(source: Routes, target: Routes, v: int) -> None:
    """Make a route the same in both tables."""
    length = source.length[v]
    target.length[v], target.cost[v] = length, source.cost[v]
    target.projected[v], target.departure[v] = source.projected[v], source.departure[v]
    target.depot[v], target.shared[v] = source.depot[v], source.shared[v]
    for k in range(length):
        target.nodes[v, k] = source.nodes[v, k]
    for row in range(BOUND_ROWS):
        for k in range(length + 1):
            target.bounds[v, row, k] = source.bounds[v, row, k]


@compiled
def changed(a: Arrays, r: Routes, v: int, w: Work, s: State) -> None:
    """Note that a route is new."""
    rebuild(a, r, v, w)
    s.totals[T_VERSIONS] += 1
    s.version[v] = s.totals[T_VERSIONS]
    s.touched[v] = 1


@compiled
def best_single(a: Arrays, r: Routes, v: int, w: Work, node: int) -> tuple[int, int]:
    """(additional cost, position) of the best place of a single action; FOREVER if none."""
    best, best_at, length = FOREVER, 0, r.length[v]
    if length + 1 > r.nodes.shape[1]:
        return best, best_at
    first, partner = r_locked(a, v), a.nodes[node, PARTNER]
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


@inlined
def r_locked(a: Arrays, v: int) -> int:
    """How many leading actions stay."""
    return a.vehicles[v, LOCKED]


@compiled
def look_up(a: Arrays, r: Routes, w: Work, jobs: Jobs, c: Cache, s: State, job: int) -> None:
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


@compiled
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
def insert_in_order(
    a: Arrays, r: Routes, w: Work, jobs: Jobs, c: Cache, s: State, count: int, blink: float
) -> bool:
    """Insert the absent jobs one after the other at their cheapest places.

    Returns False as soon as one that has to be served cannot be.
    """
    for k in range(count):
        job = s.absent[k]
        look_up(a, r, w, jobs, c, s, job)
        best, at, tied = jobs.penalty[job], NOWHERE, jobs.tied[job]
        for v in range(len(r.length)):
            if (tied != ANY and v != tied) or c.cost[job, v] >= best:
                continue
            if tied == ANY and fraction(s.random) < blink:
                continue
            best, at = c.cost[job, v], v
        if at != NOWHERE:
            settle_in(a, r, w, jobs, c, s, job, at)
        elif jobs.penalty[job] == FOREVER:
            return False
    return True


@compiled
def insert_by_regret(
    a: Arrays, r: Routes, w: Work, jobs: Jobs, c: Cache, s: State, count: int, noise: float
) -> bool:
    """Insert first whom a second choice would cost most (regret-2); returns as above."""
    while count > 0:
        pick, pick_at, most = 0, NOWHERE, -float(FOREVER)
        for k in range(count):
            job = s.absent[k]
            look_up(a, r, w, jobs, c, s, job)
            first, second, at = jobs.penalty[job], jobs.penalty[job], NOWHERE
            tied = jobs.tied[job]
            for v in range(len(r.length)):
                if tied != ANY and v != tied:
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
        settle_in(a, r, w, jobs, c, s, s.absent[pick], pick_at)
        count -= 1
        s.absent[pick] = s.absent[count]
    return True


@compiled
def pick_string(r: Routes, jobs: Jobs, s: State, job: int, longest: int, count: int) -> int:
    """Mark a string of consecutive jobs of the job's route, the job among them."""
    v, size, at = s.where[job], 0, 0
    for k in range(r.length[v]):
        node = r.nodes[v, k]
        other = jobs.of_node[node]
        if other == NOWHERE or jobs.tied[other] != ANY or node % 2 == 1:
            continue
        if other == job:
            at = size
        s.order[size] = other
        size += 1
    length = 1 + below(s.random, min(longest, size))
    lowest, highest = max(0, at - length + 1), min(at, size - length)
    begin = lowest + below(s.random, highest - lowest + 1)
    for k in range(begin, begin + length):
        other = s.order[k]
        if s.marked[other] == 0:
            s.marked[other] = 1
            s.absent[count] = other
            count += 1
    return count


@compiled
def pick_related(r: Routes, jobs: Jobs, s: State, goal: int, strings: bool) -> int:  # noqa: FBT001 - a kernel's flag
    """Mark about `goal` jobs that are alike, or strings of routes around them."""
    seed = below(s.random, len(s.where))
    count = 0
    s.touched[:] = 0
    for step in range(-1, jobs.near.shape[1]):
        job = seed if step < 0 else jobs.near[seed, step]
        if count >= goal:
            break
        if s.where[job] == NOWHERE or s.marked[job] != 0:
            continue
        if strings and jobs.tied[job] == ANY:
            if s.touched[s.where[job]] == 0:
                s.touched[s.where[job]] = 1
                longest = max(1, min(goal - count, goal // 2 + 1))
                count = pick_string(r, jobs, s, job, longest, count)
        elif strings or fraction(s.random) < 0.8:  # noqa: PLR2004 - a rate
            s.marked[job] = 1
            s.absent[count] = job
            count += 1
    s.touched[:] = 0
    return count


@compiled
def pick_random(jobs: Jobs, s: State, goal: int) -> int:
    """Mark some jobs."""
    count = 0
    for _ in range(goal):
        job = below(s.random, len(s.where))
        if s.where[job] != NOWHERE and s.marked[job] == 0:
            s.marked[job] = 1
            s.absent[count] = job
            count += 1
    return count


@compiled
def pick_route(r: Routes, jobs: Jobs, s: State) -> int:
    """Mark everybody on a route."""
    count, v = 0, below(s.random, len(r.length))
    for k in range(r.length[v]):
        job = jobs.of_node[r.nodes[v, k]]
        if job != NOWHERE and jobs.tied[job] == ANY and s.marked[job] == 0:
            s.marked[job] = 1
            s.absent[count] = job
            count += 1
    return count


@compiled
def pick_costly(a: Arrays, r: Routes, jobs: Jobs, s: State, goal: int) -> int:
    """Mark jobs whose stops lie far off the way, some by chance."""
    count, matrix = 0, a.matrix_s
    for _ in range(goal):
        worst, pick = -1.0, NOWHERE
        for _ in range(8):
            job = below(s.random, len(s.where))
            v = s.where[job]
            if v == NOWHERE or s.marked[job] != 0 or jobs.tied[job] != ANY:
                continue
            detour = 0
            for k in range(r.length[v]):
                if jobs.of_node[r.nodes[v, k]] != job:
                    continue
                at, stop = r.bounds[v, B_AT, k], a.nodes[r.nodes[v, k], STOP]
                goes = a.vehicles[v, END_STOP]
                if k + 1 < r.length[v]:
                    goes = a.nodes[r.nodes[v, k + 1], STOP]
                if at >= 0 and goes >= 0:
                    detour += matrix[at, stop] + matrix[stop, goes] - matrix[at, goes]
            value = detour * (0.5 + fraction(s.random))
            if value > worst:
                worst, pick = value, job
        if pick != NOWHERE:
            s.marked[pick] = 1
            s.absent[count] = pick
            count += 1
    return count


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
def exchange_tails(a: Arrays, r: Routes, w: Work, jobs: Jobs, s: State) -> bool:
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


@compiled
def remember(a: Arrays, r: Routes, v: int, jobs: Jobs, pool: Pool) -> int:
    """Put a route into the pool unless a cheaper one with the same riders is there; 1 if new."""
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
            new = 1 if pool.key[slot] == 0 else 0
            if new == 1 or r.cost[v] < pool.cost[slot]:
                length = r.length[v]
                pool.key[slot], pool.cost[slot] = key, r.cost[v]
                pool.vehicle[slot], pool.length[slot] = v, length
                for k in range(length):
                    pool.nodes[slot, k] = r.nodes[v, k]
            return new
        slot = (slot + 1) & mask
    return 0


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
def ruin(a: Arrays, r: Routes, w: Work, jobs: Jobs, s: State, goal: int) -> int:
    """Take about `goal` jobs out of their routes; returns how many are to be inserted now."""
    s.marked[:] = 0
    choice = fraction(s.random)
    if choice < 0.45:  # noqa: PLR2004 - rates
        count = pick_related(r, jobs, s, goal, True)  # noqa: FBT003 - numba takes no keywords here
    elif choice < 0.70:  # noqa: PLR2004
        count = pick_related(r, jobs, s, goal, False)  # noqa: FBT003
    elif choice < 0.85:  # noqa: PLR2004
        count = pick_costly(a, r, jobs, s, goal)
    elif choice < 0.98:  # noqa: PLR2004
        count = pick_random(jobs, s, goal)
    else:
        count = pick_route(r, jobs, s)
    for k in range(count):
        s.touched[s.where[s.absent[k]]] = 1
        s.where[s.absent[k]] = NOWHERE
    for v in range(len(r.length)):
        if s.touched[v] != 0:
            take_out(r, v, jobs, s.marked)
            changed(a, r, v, w, s)
    if s.totals[T_ABSENT] > 0:
        skip = below(s.random, len(s.where))
        extra = 0
        for k in range(len(s.where)):
            job = (k + skip) % len(s.where)
            if s.where[job] == NOWHERE and s.marked[job] == 0 and extra < _ABSENT_MAX:
                s.absent[count] = job
                count += 1
                extra += 1
    return count


@compiled
def arrange(a: Arrays, jobs: Jobs, s: State, count: int) -> None:
    """Bring the absent jobs into a random order, or by time."""
    by_time = fraction(s.random) < 0.3  # noqa: PLR2004 - a rate
    for k in range(count - 1, 0, -1):
        m = below(s.random, k + 1)
        s.absent[k], s.absent[m] = s.absent[m], s.absent[k]
    if not by_time:
        return
    for k in range(1, count):
        job, m = s.absent[k], k - 1
        due = a.nodes[jobs.node[jobs.begin[job]], LATEST]
        while m >= 0 and a.nodes[jobs.node[jobs.begin[s.absent[m]]], LATEST] > due:
            s.absent[m + 1] = s.absent[m]
            m -= 1
        s.absent[m + 1] = job


@compiled
def keep(a: Arrays, kept: Routes, r: Routes, jobs: Jobs, s: State, pool: Pool) -> None:
    """Accept the solution at hand."""
    for v in range(len(r.length)):
        if s.touched[v] != 0:
            copy_route(r, kept, v)
            s.kept_version[v] = s.version[v]
            if len(pool.key) > 1:
                s.totals[T_POOLED] += remember(a, r, v, jobs, pool)
    s.totals[T_ABSENT] = 0
    for job in range(len(s.where)):
        s.kept_where[job] = s.where[job]
        s.totals[T_ABSENT] += s.where[job] == NOWHERE
    s.totals[T_ACCEPTED] += 1


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
        insert_by_regret(a, r, w, jobs, c, s, count, 0.0)
    else:
        insert_in_order(a, r, w, jobs, c, s, count, 0.0)
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
    c: Cache,
    s: State,
    pool: Pool,
    vehicle: Ints,
    length: Ints,
    nodes: ShortInts,
) -> None:
    """Go on with these routes if they are better than all so far.

    Args:
        a, kept, r, w, jobs, c, s, pool: as in `improve_routes`.
        vehicle: int64[M]; all others carry nobody but those tied to them.
        length: int64[M].
        nodes: int32[M, room].
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
def improve_routes(  # noqa: PLR0913, PLR0917 - the search's whole memory
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
    if len(s.where) == 0:
        return
    for step in range(iterations):
        heat = hot * (cold / hot) ** (step / iterations) if hot > 0 else 0.0
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
                possible = insert_by_regret(a, r, w, jobs, c, s, count, noise)
            else:
                arrange(a, jobs, s, count)
                possible = insert_in_order(a, r, w, jobs, c, s, count, _BLINK)
        cost = total_cost(r, jobs, s.where) if possible else FOREVER
        limit = s.totals[T_COST] - heat * np.log(1.0 - fraction(s.random))
        if cost < FOREVER and cost <= limit:
            s.totals[T_COST] = cost
            keep(a, kept, r, jobs, s, pool)
            if cost < s.totals[T_BEST]:
                s.totals[T_BEST] = cost
                store_best(r, s)
        else:
            give_up(kept, r, s)
