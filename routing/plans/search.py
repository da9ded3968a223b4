"""Best insertion of a request into routes, exact, on the arrays of `kernel.py`.

Positions are discarded by necessary conditions only (named where they are used), most insertions
are then scheduled incrementally, and those that need a ride cap's push by the full fixed point.
"""

import numpy as np

from routing.plans.compiled import allocating, compiled
from routing.plans.in_full import (
    R_COST,
    R_DROPOFF_POSITION,
    R_DROPOFF_START,
    R_PAIR,
    R_PICKUP_END,
    R_PICKUP_POSITION,
    R_PICKUP_START,
    R_VEHICLE,
    RESULT_COLUMNS,
    SETTLED,
    fixed_point,
    frees,
    rests,
    try_frail,
)
from routing.plans.kernel import (
    AT_START,
    B_AT,
    B_COST,
    B_EARLIEST,
    B_END,
    B_LATEST_END,
    B_PARTNER,
    B_SAVING,
    B_SEATS,
    B_WHEELCHAIRS,
    BREAK,
    CONFIG_BEGIN,
    CONFIG_END,
    DWELLING,
    EARLIEST,
    END,
    END_STOP,
    END_TIME,
    FIXED,
    FOREVER,
    KIND,
    LATEST,
    LOCKED,
    MAX_RIDE,
    MAX_ROUTE,
    NEVER,
    PERMILLE,
    RATE_END,
    RATE_START,
    SEATS,
    SERVICE,
    START,
    START_STOP,
    START_TIME,
    STOP,
    WHEELCHAIRS,
    Arrays,
    Ints,
    Routes,
    Work,
    arrive,
    fits,
    within_route,
)
from routing.plans.scratch import make_work


@compiled
def best_positions(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917 - a kernel reads better whole
    a: Arrays,
    r: Routes,
    w: Work,
    asks: Ints,
    pair: int,
    which: Ints,
    apart_s: int,
    best: Ints,
    out: Ints,
) -> None:
    """Cheapest feasible positions of one stop pair in some routes, one for each slot of time.

    The slot of an insertion is given by how many times `apart_s` its pick-up lies behind the
    earliest one, before the new rider's own ride cap pushes it. What is cheaper than `best`
    (additional cost by slot) replaces it there and in `out`; ties stay with what came first. Routes
    that break a limit as they stand are passed over. The cuts assume that `drive` is FIFO and that
    matrix and start legs obey the triangle inequality: then a detour never arrives earlier.

    One call looks at many vehicles, since calls count references of every array they pass.

    Args:
        a: the problem.
        r: routes with bounds up to date.
        w: scratch.
        asks: int64[2 P, 12], the node of the pick-up and that of the drop-off, pair by pair.
        pair: which of the pairs.
        which: int64[M], the vehicles.
        apart_s: width of a slot.
        best: int64[1, K], or int64[M, K] to keep the vehicles apart.
        out: int64[.., K, 8], columns R_*.
    """
    nodes, routes, bounds = a.nodes, r.nodes, r.bounds
    ends, configurations, vehicles = w.ends, a.configurations, a.vehicles
    matrix, start_legs, w_drive = a.matrix_s, a.start_legs_s, a.w_drive
    base_s, speed, flat, setup_s = a.base_s, a.speed, a.flat, a.setup_s
    pickup, dropoff = asks[2 * pair, STOP], asks[2 * pair + 1, STOP]
    board, alight = asks[2 * pair, SERVICE], asks[2 * pair + 1, SERVICE]
    pickup_earliest, pickup_latest = asks[2 * pair, EARLIEST], asks[2 * pair, LATEST]
    dropoff_earliest, dropoff_latest = asks[2 * pair + 1, EARLIEST], asks[2 * pair + 1, LATEST]
    max_ride, off_start = asks[2 * pair + 1, MAX_RIDE], asks[2 * pair + 1, RATE_START]
    on_start, on_end = asks[2 * pair, RATE_START], asks[2 * pair, RATE_END]
    fixed = asks[2 * pair, FIXED] + asks[2 * pair + 1, FIXED]
    more_seats, more_wheelchairs = asks[2 * pair, SEATS], asks[2 * pair, WHEELCHAIRS]
    fastest = a.fastest
    least_direct = -(-int(matrix[pickup, dropoff]) * PERMILLE // fastest)
    slots = best.shape[1]
    for m in range(len(which)):
        v = which[m]
        to_best = m if len(best) > 1 else 0
        base, home = r.cost[v], vehicles[v, END_STOP]
        start_time = vehicles[v, START_TIME]
        first, last = vehicles[v, CONFIG_BEGIN], vehicles[v, CONFIG_END]
        if base == FOREVER or vehicles[v, END_TIME] < pickup_earliest:
            continue
        if not fits(more_seats, more_wheelchairs, configurations, first, last):
            continue
        if arrive(start_time, start_legs[v, pickup], base_s, speed, flat) > pickup_latest:
            continue  # triangle: not even going there at once it is in time
        count = r.length[v]
        door = vehicles[v, START_STOP] if vehicles[v, DWELLING] else AT_START
        locked = vehicles[v, LOCKED]
        # An insertion may spare others at the same stop a set-up, or part two who share one.
        shares, meets = False, False
        if setup_s > 0:
            for k in range(1, count + 1):
                if bounds[v, B_AT, k] in (pickup, dropoff):
                    meets = True
            shares = meets or r.shared[v] != 0 or door in (pickup, dropoff)
        apart = setup_s > 0 and r.pushed[v] == 2  # noqa: PLR2004 - who is pushed shares a set-up
        frail = apart or (meets and r.pushed[v] != 0)
        # Where the time of a whole route is capped, an insertion before a break can spare driving
        # home, hence waiting at the start: nothing is known of such a route beforehand.
        capped = vehicles[v, MAX_ROUTE] < FOREVER
        if capped and r.pushed[v] != 0 and rests(a, r, v):
            try_frail(a, r, v, w, asks, pair, apart_s, best[to_best], out[to_best], True)  # noqa: FBT003
            continue
        cut = a.monotone and not shares
        for k in range(locked):
            ends[k] = bounds[v, B_END, k]
        block = 0  # no push reaches back beyond it: nobody is on board there
        for i in range(locked, count + 1):
            if i > locked:
                ends[i - 1] = bounds[v, B_END, i - 1]
            if not capped and bounds[v, B_SEATS, i] == 0 and bounds[v, B_WHEELCHAIRS, i] == 0:
                block = i
            if i < count and pickup_earliest + board > bounds[v, B_LATEST_END, i]:
                continue  # action i would come too late behind it
            if frail and frees(a, r, v, i, pickup, door):
                continue  # left to `try_frail`
            leave = bounds[v, B_END, i - 1] if i > 0 else start_time
            at = bounds[v, B_AT, i] if i > 0 else AT_START
            leg = int(start_legs[v, pickup]) if at == AT_START else int(matrix[at, pickup])
            here = door if at == AT_START else at
            arrival = arrive(leave, leg, base_s, speed, flat)
            if arrival > pickup_latest:
                break  # FIFO and triangle: behind further actions it arrives no earlier
            seats = bounds[v, B_SEATS, i] + more_seats
            wheelchairs = bounds[v, B_WHEELCHAIRS, i] + more_wheelchairs
            if not fits(seats, wheelchairs, configurations, first, last):
                continue
            start_p = max(arrival, pickup_earliest)
            end_p = start_p + board + (setup_s if pickup != here else 0)
            slot = min((start_p - pickup_earliest) // apart_s, slots - 1)
            limit = best[to_best, slot] + base if best[to_best, slot] < FOREVER else FOREVER
            own = on_start * start_p + on_end * end_p + fixed
            if cut:
                ride = off_start * max(end_p + least_direct, dropoff_earliest)
                least = base - bounds[v, B_SAVING, 0] + own + ride
                if least >= limit:
                    continue  # triangle: a detour costs no less than nothing
                goal = home
                if i < count:
                    goal = nodes[routes[v, i], STOP]  # of a break that is nowhere
                if goal >= 0 and limit < FOREVER:
                    usual = int(start_legs[v, goal]) if at == AT_START else int(matrix[at, goal])
                    detour = leg + int(matrix[pickup, goal]) - usual
                    if least + w_drive * (detour * PERMILLE // fastest) >= limit:
                        continue  # nor less than by the pick-up alone
            so_far = bounds[v, B_COST, i] + w_drive * (arrival - leave) + own
            # What a push could save by driving at the best of times instead, up to here.
            earlier = bounds[v, B_SAVING, block] - bounds[v, B_SAVING, i]
            driving, least_driving = arrival - leave, leg
            pushes, spared = False, False
            latest_end = pickup_latest + board + setup_s
            if i < count:
                latest_end = min(latest_end, bounds[v, B_LATEST_END, i])
            departure = start_p - (arrival - leave) if i == 0 else r.departure[v]
            stop, leave, shortest = pickup, end_p, 0
            for j in range(i, count + 1):
                if j > i:
                    k = j - 1
                    node = routes[v, k]
                    if nodes[node, KIND] == BREAK:
                        break  # nobody is on board during a break
                    to = nodes[node, STOP]
                    leg = int(matrix[stop, to])
                    arrival = arrive(leave, leg, base_s, speed, flat)
                    start = max(arrival, bounds[v, B_EARLIEST, k])
                    if start > nodes[node, LATEST]:
                        break  # the pick-up alone delays action k too much
                    end = start + nodes[node, SERVICE] + (setup_s if to != stop else 0)
                    if end > bounds[v, B_LATEST_END, k]:
                        break  # or one behind it
                    seats = bounds[v, B_SEATS, j] + more_seats
                    wheelchairs = bounds[v, B_WHEELCHAIRS, j] + more_wheelchairs
                    if not fits(seats, wheelchairs, configurations, first, last):
                        break  # the party is on board on all further legs too
                    ends[k] = end
                    spared = spared or end < bounds[v, B_END, k]
                    p = bounds[v, B_PARTNER, k]
                    if p >= 0 and start - ends[p] > nodes[node, MAX_RIDE]:
                        if start - nodes[node, MAX_RIDE] > bounds[v, B_LATEST_END, p]:
                            break  # not even the latest pick-up makes that ride short enough
                        pushes = True
                    so_far += nodes[node, RATE_START] * start + nodes[node, RATE_END] * end
                    so_far += nodes[node, FIXED] + w_drive * (arrival - leave)
                    shortest += end - start - -leg * PERMILLE // fastest
                    driving, least_driving = driving + arrival - leave, least_driving + leg
                    stop, leave = to, end
                leg = int(matrix[stop, dropoff])
                arrival = arrive(leave, leg, base_s, speed, flat)
                start_d = max(arrival, dropoff_earliest)
                if start_d > dropoff_latest or start_d - max_ride > latest_end:
                    break  # FIFO and triangle, as above
                if shortest - -leg * PERMILLE // fastest > max_ride:
                    break  # triangle: even at full speed, without waiting, it rides too long
                if frail and frees(a, r, v, j, dropoff, door):
                    continue  # left to `try_frail`
                # The rest of the route and the way home, as long as all upper bounds hold.
                at, free = dropoff, start_d + alight + (setup_s if dropoff != stop else 0)
                cost = so_far + w_drive * (arrival - leave) + off_start * start_d
                driven, least_driven = driving + arrival - leave, least_driving + leg
                pushed = pushes or start_d - end_p > max_ride
                depot, hopeless, k, longer, later = NEVER, False, j, spared, 0
                while k < count:
                    node = routes[v, k]
                    kind = nodes[node, KIND]
                    arrival, setup = free, 0
                    if kind != BREAK:
                        to = nodes[node, STOP]
                        leg = int(matrix[at, to])
                        arrival = arrive(free, leg, base_s, speed, flat)
                        setup = setup_s if to != at else 0
                        driven, least_driven = driven + arrival - free, least_driven + leg
                        at = to
                    start = max(arrival, bounds[v, B_EARLIEST, k])
                    end = start + nodes[node, SERVICE] + setup
                    if start > nodes[node, LATEST] or end > bounds[v, B_LATEST_END, k]:
                        hopeless = True
                        break
                    ends[k] = end
                    p = bounds[v, B_PARTNER, k]
                    if p >= 0 and start - ends[p] > nodes[node, MAX_RIDE]:
                        if start - nodes[node, MAX_RIDE] > bounds[v, B_LATEST_END, p]:
                            hopeless = True
                            break
                        pushed = True
                    cost += nodes[node, RATE_START] * start + nodes[node, RATE_END] * end
                    cost += nodes[node, FIXED] + w_drive * (arrival - free)
                    free = end
                    k += 1
                    if kind == BREAK:
                        continue
                    before = bounds[v, B_END, k - 1]
                    longer = longer or end < before
                    if end == before and not longer:
                        # From here on everything is as it was, and nobody boarded any sooner.
                        cost += base - bounds[v, B_COST, k]
                        depot, later = r.depot[v], bounds[v, B_SAVING, k]
                        break
                    if a.monotone and end > before and limit < FOREVER:
                        saving, load = bounds[v, B_SAVING, k], bounds[v, B_SEATS, k]
                        if pushed or capped or load + bounds[v, B_WHEELCHAIRS, k] > 0:
                            saved = driven - least_driven * PERMILLE // fastest
                            saving += earlier + w_drive * saved
                        if cost + base - bounds[v, B_COST, k] - saving >= limit:
                            hopeless = True  # what comes later costs no less
                            break
                if hopeless:
                    continue
                if depot == NEVER:
                    leg = int(matrix[at, home])
                    depot = arrive(free, leg, base_s, speed, flat)
                    if depot > vehicles[v, END_TIME]:
                        continue
                    driven, least_driven = driven + depot - free, least_driven + leg
                    cost += w_drive * (depot - free)
                if capped and not within_route(a, v, depot, departure):
                    pushed = True
                at_p, done_p, at_d = start_p, end_p, start_d
                if pushed:
                    saved = driven - least_driven * PERMILLE // fastest
                    if a.monotone and cost - earlier - later - w_drive * saved >= limit:
                        continue
                    cost = fixed_point(a, r, v, w, asks, pair, i, j, SETTLED)
                    at_p, done_p, at_d = (
                        w.times[START, i + 1],
                        w.times[END, i + 1],
                        w.times[START, j + 2],
                    )
                if cost < limit:
                    limit = cost
                    best[to_best, slot] = cost - base
                    row = out[to_best, slot]
                    row[R_VEHICLE], row[R_PAIR] = v, pair
                    row[R_PICKUP_POSITION], row[R_DROPOFF_POSITION], row[R_COST] = i, j, cost - base
                    row[R_PICKUP_START], row[R_PICKUP_END], row[R_DROPOFF_START] = (
                        at_p,
                        done_p,
                        at_d,
                    )
        if frail:
            try_frail(a, r, v, w, asks, pair, apart_s, best[to_best], out[to_best], False)  # noqa: FBT003


@allocating
def search(a: Arrays, r: Routes, asks: Ints, apart_s: int, slots: int) -> Ints:
    """Best insertions of a request into all routes that are feasible as they stand.

    Args:
        a: the problem.
        r: its routes.
        asks: int64[2 P, 12], as in `best_positions`.
        apart_s: width of a slot of time.
        slots: K, how many there are; 0: the best of every vehicle and pair instead.

    Returns:
        int64[found, 8], columns R_*; R_COST is the additional cost. By pair, and within it by
        vehicle or by slot.
    """
    vehicles, pairs, each = len(a.vehicles), len(asks) // 2, max(slots, 1)
    which, w = np.arange(vehicles), make_work(r.nodes.shape[1], 1)
    rows = vehicles if slots == 0 else 1
    best = np.empty((rows, each), np.int64)
    out = np.zeros((rows, each, RESULT_COLUMNS), np.int64)
    found, result = 0, np.empty((pairs * rows * each, RESULT_COLUMNS), np.int64)
    for p in range(pairs):
        best[:] = FOREVER
        best_positions(a, r, w, asks, p, which, apart_s, best, out)
        for row in range(rows):
            for slot in range(each):
                if best[row, slot] < FOREVER:
                    result[found] = out[row, slot]
                    found += 1
    return result[:found]
