"""Best insertion of a request into every vehicle's route, exact, on the arrays of `kernel.py`.

Positions are discarded by necessary conditions only (named where they are used), most insertions
are then scheduled incrementally, and those that need a ride cap's push by the full fixed point.
"""

from typing import NamedTuple

import numpy as np

from routing.plans.compiled import compiled
from routing.plans.kernel import (
    ACTION_ROWS,
    BOARD,
    CONFIG_BEGIN,
    CONFIG_END,
    DROPOFF,
    DWELLING,
    EARLIEST,
    END,
    END_STOP,
    END_TIME,
    FIXED,
    FOREVER,
    KIND,
    LATEST,
    LIMITED,
    LOAD_SEATS,
    LOAD_WHEELCHAIRS,
    LOCKED,
    MAX_RIDE,
    NEVER,
    NO_PARTNER,
    OK,
    PARTNER,
    PERMILLE,
    PICKUP,
    RATE,
    ROUTE_BEGIN,
    ROUTE_END,
    SEATS,
    SINCE,
    START,
    START_STOP,
    START_TIME,
    STOP,
    W_DRIVE,
    W_RIDE,
    W_WAIT,
    W_WALK,
    WHEELCHAIRS,
    Arrays,
    Ints,
    arrive,
    fits,
    latest_departure,
    overloaded,
    price,
    settle,
)

# Columns of a request, int64[P, 12]: one row per stop pair, the party repeated in each.
ASK_PICKUP, ASK_DROPOFF, ASK_EARLIEST, ASK_LATEST, ASK_ARRIVAL, ASK_MAX_RIDE, ASK_WALK = range(7)
ASK_SEATS, ASK_WHEELCHAIRS, ASK_PERSONS, ASK_BOARD, ASK_WISH = range(7, 12)

# Columns of the result, int64[found, 8].
R_VEHICLE, R_PAIR, R_PICKUP_POSITION, R_DROPOFF_POSITION = range(4)
R_COST, R_PICKUP_START, R_PICKUP_END, R_DROPOFF_START = range(4, 8)
RESULT_COLUMNS = 8

# Rows of the bounds of one route, int64[6, n + 1]. "The projection" is its schedule without upper
# bounds and ride caps: whatever is inserted behind an action, it happens no earlier than there.
B_END = 0  # end of service of action k in the projection
B_LATEST_END = 1  # no feasible schedule, whatever is inserted, ends the service of action k later
B_SEATS, B_WHEELCHAIRS = 2, 3  # load before action k
B_PUSHES = 4  # 1 if the projection breaks a ride cap among the actions before k
B_COST = 5  # cost of the actions before k in the projection
BOUND_ROWS = 6


class Work(NamedTuple):
    """Scratch for one route of up to n actions."""

    route: Ints  # int64[12, n]: the present route
    bounds: Ints  # int64[6, n + 1]
    ends: Ints  # int64[n + 1]: ends of service of the present actions with the insertion tried
    whole: Ints  # int64[12, n + 2]: a route with the insertion
    times: Ints  # int64[3, n + 2]


@compiled
def compose(w: Work, count: int, ask: Ints, weights: Ints, i: int, j: int) -> None:
    """Write the route with the request inserted at positions (i, j) to `w.whole`."""
    for k in range(count):
        to = k + (k >= i) + (k >= j)
        for row in range(ACTION_ROWS):
            w.whole[row, to] = w.route[row, k]
        p = w.route[PARTNER, k]
        if p >= 0:
            w.whole[PARTNER, to] = p + (p >= i) + (p >= j)
    for to, kind, sign in ((i, PICKUP, 1), (j + 1, DROPOFF, -1)):
        w.whole[KIND, to] = kind
        w.whole[BOARD, to] = ask[ASK_BOARD]
        w.whole[SEATS, to] = sign * ask[ASK_SEATS]
        w.whole[WHEELCHAIRS, to] = sign * ask[ASK_WHEELCHAIRS]
        w.whole[MAX_RIDE, to] = ask[ASK_MAX_RIDE]
    w.whole[STOP, i] = ask[ASK_PICKUP]
    w.whole[EARLIEST, i] = ask[ASK_EARLIEST]
    w.whole[LATEST, i] = ask[ASK_LATEST]
    w.whole[PARTNER, i] = NO_PARTNER
    w.whole[RATE, i] = ask[ASK_PERSONS] * weights[W_WAIT]
    w.whole[SINCE, i] = ask[ASK_WISH]
    w.whole[FIXED, i] = ask[ASK_PERSONS] * weights[W_WALK] * ask[ASK_WALK]
    w.whole[STOP, j + 1] = ask[ASK_DROPOFF]
    w.whole[EARLIEST, j + 1] = NEVER
    w.whole[LATEST, j + 1] = ask[ASK_ARRIVAL]
    w.whole[PARTNER, j + 1] = i
    w.whole[RATE, j + 1] = ask[ASK_PERSONS] * weights[W_RIDE]
    w.whole[FIXED, j + 1] = 0


@compiled
def bound_forward(a: Arrays, v: int, w: Work, count: int) -> tuple[bool, int]:
    """Fill all rows of the bounds but B_LATEST_END.

    Returns whether the route is feasible as it stands, and what it costs.
    """
    route, bounds, ends = w.route, w.bounds, w.bounds[B_END]
    matrix, start_leg, vehicle, w_drive = (
        a.matrix_s,
        a.start_legs_s[v],
        a.vehicles[v],
        a.weights[W_DRIVE],
    )
    base_s, speed, setup_s = a.base_s, a.speed, a.setup_s
    leave = vehicle[START_TIME]
    at = vehicle[START_STOP] if vehicle[DWELLING] else -1
    seats, wheelchairs = vehicle[LOAD_SEATS], vehicle[LOAD_WHEELCHAIRS]
    pushes, cost = 0, 0
    for k in range(count):
        bounds[B_SEATS, k], bounds[B_WHEELCHAIRS, k] = seats, wheelchairs
        bounds[B_PUSHES, k], bounds[B_COST, k] = pushes, cost
        stop = route[STOP, k]
        leg = start_leg[stop] if k == 0 else matrix[route[STOP, k - 1], stop]
        arrival = arrive(leave, leg, base_s, speed)
        start = max(arrival, route[EARLIEST, k])
        if start > route[LATEST, k]:
            return False, 0
        ends[k] = start + route[BOARD, k] + (setup_s if stop != at else 0)
        p = route[PARTNER, k]
        since = ends[p] if p >= 0 else route[SINCE, k]
        if p >= 0 and start - since > route[MAX_RIDE, k]:
            pushes = 1
        cost += route[RATE, k] * (start - since) + route[FIXED, k] + w_drive * (arrival - leave)
        leave, at = ends[k], stop
        seats += route[SEATS, k]
        wheelchairs += route[WHEELCHAIRS, k]
    bounds[B_SEATS, count], bounds[B_WHEELCHAIRS, count] = seats, wheelchairs
    bounds[B_PUSHES, count], bounds[B_COST, count] = pushes, cost
    home = vehicle[END_STOP]
    leg = matrix[at, home] if count > 0 else start_leg[home]
    depot_s = arrive(leave, leg, base_s, speed)
    if depot_s > vehicle[END_TIME] or overloaded(a, v, route, count) >= 0:
        return False, 0
    if pushes == 0:
        return True, cost + w_drive * (depot_s - leave)
    w.whole[:, :count] = route[:, :count]
    reason, _, depot_s = settle(a, v, w.whole, count, LIMITED, w.times)
    if reason != OK:
        return False, 0
    cost, _ = price(a, v, w.whole, count, w.times, depot_s)
    return True, cost


@compiled
def bound_backward(a: Arrays, v: int, w: Work, count: int) -> None:
    """Fill B_LATEST_END.

    An insertion can spare action k its set-up only by doing that set-up itself at the same stop
    just before, so arriving at k's stop later than allowed here is too late with it as well. It
    can also add a set-up to a pick-up, hence the set-up in the bound that a ride cap gives.
    """
    route, bounds, vehicle, matrix = w.route, w.bounds, a.vehicles[v], a.matrix_s
    base_s, speed, setup_s = a.base_s, a.speed, a.setup_s
    following, due = vehicle[END_STOP], vehicle[END_TIME]
    for k in range(count - 1, -1, -1):
        stop = route[STOP, k]
        bounds[B_LATEST_END, k] = latest_departure(due, matrix[stop, following], base_s, speed)
        before = vehicle[START_STOP] if vehicle[DWELLING] else -1
        at = route[STOP, k - 1] if k > 0 else before
        due = bounds[B_LATEST_END, k] - route[BOARD, k] - (setup_s if stop != at else 0)
        due = min(due, route[LATEST, k])
        p = route[PARTNER, k]
        if p >= 0:
            due = min(due, route[LATEST, p] + setup_s + route[BOARD, p] + route[MAX_RIDE, k])
        following = stop


@compiled
def fixed_point(
    a: Arrays, v: int, w: Work, count: int, ask: Ints, i: int, j: int
) -> tuple[int, int, int, int]:
    """(cost, pick-up start, pick-up end, drop-off start) by full evaluation; FOREVER if none."""
    compose(w, count, ask, a.weights, i, j)
    reason, _, depot_s = settle(a, v, w.whole, count + 2, LIMITED, w.times)
    if reason != OK:
        return FOREVER, 0, 0, 0
    cost, _ = price(a, v, w.whole, count + 2, w.times, depot_s)
    return cost, w.times[START, i], w.times[END, i], w.times[START, j + 1]


@compiled
def best_position(  # noqa: C901, PLR0912, PLR0915 - a kernel reads better whole
    a: Arrays, v: int, w: Work, count: int, ask: Ints, fastest: int, out: Ints
) -> bool:
    """Cheapest feasible position of one stop pair in one route; ties by (pickup, dropoff) position.

    Writes `out` and returns True if there is one. The cuts assume that `drive` is FIFO and that
    matrix and start legs obey the triangle inequality: then a detour never arrives earlier.
    """
    route, bounds, ends, configurations = w.route, w.bounds, w.ends, a.configurations
    matrix, start_leg, vehicle, weights = a.matrix_s, a.start_legs_s[v], a.vehicles[v], a.weights
    base_s, speed, setup_s = a.base_s, a.speed, a.setup_s
    pickup, dropoff, board = ask[ASK_PICKUP], ask[ASK_DROPOFF], ask[ASK_BOARD]
    pickup_latest, arrival_latest, max_ride = ask[ASK_LATEST], ask[ASK_ARRIVAL], ask[ASK_MAX_RIDE]
    w_wait, w_ride = ask[ASK_PERSONS] * weights[W_WAIT], ask[ASK_PERSONS] * weights[W_RIDE]
    walking = ask[ASK_PERSONS] * weights[W_WALK] * ask[ASK_WALK]
    w_drive, first, last = weights[W_DRIVE], vehicle[CONFIG_BEGIN], vehicle[CONFIG_END]
    best = FOREVER
    ends[:count] = bounds[B_END, :count]  # of which those before i stay
    for i in range(vehicle[LOCKED], count + 1):
        if i > 0:
            ends[i - 1] = leave = bounds[B_END, i - 1]
            at = route[STOP, i - 1]
            arrival = arrive(leave, matrix[at, pickup], base_s, speed)
        else:
            leave = vehicle[START_TIME]
            at = vehicle[START_STOP] if vehicle[DWELLING] else -1
            arrival = arrive(leave, start_leg[pickup], base_s, speed)
        if arrival > pickup_latest:
            break  # FIFO and triangle: behind further actions it arrives no earlier
        seats = bounds[B_SEATS, i] + ask[ASK_SEATS]
        wheelchairs = bounds[B_WHEELCHAIRS, i] + ask[ASK_WHEELCHAIRS]
        if not fits(seats, wheelchairs, configurations, first, last):
            continue
        start_p = max(arrival, ask[ASK_EARLIEST])
        end_p = start_p + board + (setup_s if pickup != at else 0)
        so_far = bounds[B_COST, i] + w_drive * (arrival - leave) + walking
        so_far += w_wait * (start_p - ask[ASK_WISH])
        pushes = bounds[B_PUSHES, i] != 0
        stop, leave, shortest = pickup, end_p, 0
        for j in range(i, count + 1):
            if j > i:
                k = j - 1
                to = route[STOP, k]
                leg = int(matrix[stop, to])
                arrival = arrive(leave, leg, base_s, speed)
                start = max(arrival, route[EARLIEST, k])
                if start > route[LATEST, k]:
                    break  # the pick-up alone delays action k too much
                end = start + route[BOARD, k] + (setup_s if to != stop else 0)
                if end > bounds[B_LATEST_END, k]:
                    break  # or one behind it
                seats = bounds[B_SEATS, j] + ask[ASK_SEATS]
                wheelchairs = bounds[B_WHEELCHAIRS, j] + ask[ASK_WHEELCHAIRS]
                if not fits(seats, wheelchairs, configurations, first, last):
                    break  # the party is on board on all further legs too
                ends[k] = end
                p = route[PARTNER, k]
                since = ends[p] if p >= 0 else route[SINCE, k]
                if p >= 0 and start - since > route[MAX_RIDE, k]:
                    pushes = True
                so_far += route[RATE, k] * (start - since) + route[FIXED, k]
                so_far += w_drive * (arrival - leave)
                shortest += end - start - -leg * PERMILLE // fastest
                stop, leave = to, end
            leg = int(matrix[stop, dropoff])
            start_d = arrive(leave, leg, base_s, speed)
            if start_d > arrival_latest:
                break  # FIFO and triangle, as above
            if shortest - -leg * PERMILLE // fastest > max_ride:
                break  # triangle: even at the highest speed and without waiting it rides too long
            # The rest of the route and the way home, as long as all upper bounds hold.
            at, free = dropoff, start_d + board + (setup_s if dropoff != stop else 0)
            cost = so_far + w_drive * (start_d - leave) + w_ride * (start_d - end_p)
            pushed, late = pushes or start_d - end_p > max_ride, False
            for k in range(j, count):
                to = route[STOP, k]
                arrival = arrive(free, matrix[at, to], base_s, speed)
                start = max(arrival, route[EARLIEST, k])
                end = start + route[BOARD, k] + (setup_s if to != at else 0)
                if start > route[LATEST, k] or end > bounds[B_LATEST_END, k]:
                    late = True
                    break
                ends[k] = end
                p = route[PARTNER, k]
                since = ends[p] if p >= 0 else route[SINCE, k]
                if p >= 0 and start - since > route[MAX_RIDE, k]:
                    pushed = True
                cost += route[RATE, k] * (start - since) + route[FIXED, k]
                cost += w_drive * (arrival - free)
                at, free = to, end
            if late:
                continue
            arrival = arrive(free, matrix[at, vehicle[END_STOP]], base_s, speed)
            if arrival > vehicle[END_TIME]:
                continue
            cost += w_drive * (arrival - free)
            times = start_p, end_p, start_d
            if pushed:
                cost, at_p, done_p, at_d = fixed_point(a, v, w, count, ask, i, j)
                times = at_p, done_p, at_d
            if cost < best:
                best = cost
                out[R_PICKUP_POSITION], out[R_DROPOFF_POSITION], out[R_COST] = i, j, cost
                out[R_PICKUP_START], out[R_PICKUP_END], out[R_DROPOFF_START] = times
    return best < FOREVER


@compiled
def in_reach(a: Arrays, v: int, asks: Ints) -> bool:
    """Whether the vehicle, going there at once, is in time for any of the pick-ups."""
    start_leg, leave, base_s, speed = (
        a.start_legs_s[v],
        a.vehicles[v, START_TIME],
        a.base_s,
        a.speed,
    )
    for p in range(len(asks)):
        leg = start_leg[asks[p, ASK_PICKUP]]
        if arrive(leave, leg, base_s, speed) <= asks[p, ASK_LATEST]:
            return True
    return False


@compiled
def search(a: Arrays, asks: Ints) -> Ints:
    """The best insertion of every (vehicle, pair) that has one, by vehicle and pair.

    Vehicles whose route is infeasible as it stands get none.

    Args:
        a: the problem.
        asks: int64[P, 12], columns ASK_*.

    Returns:
        int64[found, 8], columns R_*; R_COST is the additional cost.
    """
    longest = 0
    for v in range(len(a.vehicles)):
        longest = max(longest, a.vehicles[v, ROUTE_END] - a.vehicles[v, ROUTE_BEGIN])
    w = Work(
        np.empty((ACTION_ROWS, longest), np.int64),
        np.empty((BOUND_ROWS, longest + 1), np.int64),
        np.empty(longest + 1, np.int64),
        np.empty((ACTION_ROWS, longest + 2), np.int64),
        np.empty((3, longest + 2), np.int64),
    )
    out = np.empty((len(a.vehicles) * len(asks), RESULT_COLUMNS), np.int64)
    fastest = int(a.speed.max())
    first_wish = asks[:, ASK_EARLIEST].min()
    seats, wheelchairs = asks[0, ASK_SEATS], asks[0, ASK_WHEELCHAIRS]
    found = 0
    for v in range(len(a.vehicles)):
        if a.vehicles[v, END_TIME] < first_wish or not in_reach(a, v, asks):
            continue
        first, last = a.vehicles[v, CONFIG_BEGIN], a.vehicles[v, CONFIG_END]
        if not fits(seats, wheelchairs, a.configurations, first, last):
            continue
        begin, stop = a.vehicles[v, ROUTE_BEGIN], a.vehicles[v, ROUTE_END]
        count = stop - begin
        w.route[:, :count] = a.actions[:, begin:stop]
        feasible, before = bound_forward(a, v, w, count)
        if not feasible:
            continue
        bound_backward(a, v, w, count)
        for p in range(len(asks)):
            if best_position(a, v, w, count, asks[p], fastest, out[found]):
                out[found, R_VEHICLE], out[found, R_PAIR] = v, p
                out[found, R_COST] -= before
                found += 1
    return out[:found]
