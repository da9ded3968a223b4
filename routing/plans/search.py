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
    DROPOFF,
    DWELLING,
    EARLIEST,
    END,
    END_STOP,
    END_TIME,
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
    PERSONS,
    PICKUP,
    REFERENCE,
    ROUTE_BEGIN,
    ROUTE_END,
    SEATS,
    START,
    START_STOP,
    START_TIME,
    STOP,
    W_DRIVE,
    W_RIDE,
    W_WAIT,
    W_WALK,
    WALK,
    WHEELCHAIRS,
    Arrays,
    Ints,
    arrive,
    contribution,
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
def compose(w: Work, count: int, ask: Ints, i: int, j: int) -> None:
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
        w.whole[PERSONS, to] = ask[ASK_PERSONS]
        w.whole[REFERENCE, to] = ask[ASK_WISH]
        w.whole[WALK, to] = ask[ASK_WALK]
        w.whole[MAX_RIDE, to] = ask[ASK_MAX_RIDE]
    w.whole[STOP, i] = ask[ASK_PICKUP]
    w.whole[EARLIEST, i] = ask[ASK_EARLIEST]
    w.whole[LATEST, i] = ask[ASK_LATEST]
    w.whole[PARTNER, i] = NO_PARTNER
    w.whole[STOP, j + 1] = ask[ASK_DROPOFF]
    w.whole[EARLIEST, j + 1] = NEVER
    w.whole[LATEST, j + 1] = ask[ASK_ARRIVAL]
    w.whole[PARTNER, j + 1] = i


@compiled
def bound_forward(a: Arrays, v: int, w: Work, count: int) -> None:
    """Fill all rows of the bounds but B_LATEST_END."""
    route, bounds = w.route, w.bounds
    free = a.vehicles[v, START_TIME]
    at = a.vehicles[v, START_STOP] if a.vehicles[v, DWELLING] else -1
    seats, wheelchairs = a.vehicles[v, LOAD_SEATS], a.vehicles[v, LOAD_WHEELCHAIRS]
    pushes, cost = 0, 0
    for k in range(count):
        bounds[B_SEATS, k], bounds[B_WHEELCHAIRS, k] = seats, wheelchairs
        bounds[B_PUSHES, k], bounds[B_COST, k] = pushes, cost
        stop = route[STOP, k]
        leg = a.start_legs_s[v, stop] if k == 0 else a.matrix_s[route[STOP, k - 1], stop]
        arrival = arrive(a, free, leg)
        start = max(arrival, route[EARLIEST, k])
        bounds[B_END, k] = start + route[BOARD, k] + (a.setup_s if stop != at else 0)
        cost += contribution(a, route, k, free, arrival, start, bounds[B_END])
        p = route[PARTNER, k]
        if p >= 0 and start - bounds[B_END, p] > route[MAX_RIDE, k]:
            pushes = 1
        free, at = bounds[B_END, k], stop
        seats += route[SEATS, k]
        wheelchairs += route[WHEELCHAIRS, k]
    bounds[B_SEATS, count], bounds[B_WHEELCHAIRS, count] = seats, wheelchairs
    bounds[B_PUSHES, count], bounds[B_COST, count] = pushes, cost


@compiled
def bound_backward(a: Arrays, v: int, w: Work, count: int) -> None:
    """Fill B_LATEST_END.

    An insertion can spare action k its set-up only by doing that set-up itself at the same stop
    just before, so arriving at k's stop later than allowed here is too late with it as well. It
    can also add a set-up to a pick-up, hence the set-up in the bound that a ride cap gives.
    """
    route = w.route
    following, due = a.vehicles[v, END_STOP], a.vehicles[v, END_TIME]
    for k in range(count - 1, -1, -1):
        stop = route[STOP, k]
        w.bounds[B_LATEST_END, k] = latest_departure(a, due, a.matrix_s[stop, following])
        if k > 0:
            dwelling = stop == route[STOP, k - 1]
        else:
            dwelling = a.vehicles[v, DWELLING] != 0 and stop == a.vehicles[v, START_STOP]
        due = w.bounds[B_LATEST_END, k] - route[BOARD, k] - (0 if dwelling else a.setup_s)
        due = min(due, route[LATEST, k])
        p = route[PARTNER, k]
        if p >= 0:
            due = min(due, route[LATEST, p] + a.setup_s + route[BOARD, p] + route[MAX_RIDE, k])
        following = stop


@compiled
def follow(
    a: Arrays, v: int, w: Work, count: int, first: int, stop: int, free_s: int
) -> tuple[int, bool]:
    """Drive actions `first`.. and home after an insertion ended at `stop` at second `free_s`.

    Writes w.ends[first:]. Returns (cost, whether a ride cap is broken and needs a push); the cost
    is FOREVER as soon as an upper bound is broken.
    """
    cost = 0
    pushes = False
    route = w.route
    for k in range(first, count):
        to = route[STOP, k]
        arrival = arrive(a, free_s, a.matrix_s[stop, to])
        start = max(arrival, route[EARLIEST, k])
        if start > route[LATEST, k]:
            return FOREVER, False
        w.ends[k] = start + route[BOARD, k] + (a.setup_s if to != stop else 0)
        if w.ends[k] > w.bounds[B_LATEST_END, k]:
            return FOREVER, False
        p = route[PARTNER, k]
        if p >= 0 and start - w.ends[p] > route[MAX_RIDE, k]:
            pushes = True
        cost += contribution(a, route, k, free_s, arrival, start, w.ends)
        stop, free_s = to, w.ends[k]
    home = arrive(a, free_s, a.matrix_s[stop, a.vehicles[v, END_STOP]])
    if home > a.vehicles[v, END_TIME]:
        return FOREVER, False
    return cost + a.weights[W_DRIVE] * (home - free_s), pushes


@compiled
def fixed_point(
    a: Arrays, v: int, w: Work, count: int, ask: Ints, i: int, j: int
) -> tuple[int, int, int, int]:
    """(cost, pick-up start, pick-up end, drop-off start) by full evaluation; FOREVER if none."""
    compose(w, count, ask, i, j)
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
    route, bounds, ends = w.route, w.bounds, w.ends
    pickup, dropoff = ask[ASK_PICKUP], ask[ASK_DROPOFF]
    board, persons = ask[ASK_BOARD], ask[ASK_PERSONS]
    best = FOREVER
    ends[:count] = bounds[B_END, :count]  # of which those before i stay
    for i in range(a.vehicles[v, LOCKED], count + 1):
        if i > 0:
            ends[i - 1] = free = bounds[B_END, i - 1]
            at = route[STOP, i - 1]
            arrival = arrive(a, free, a.matrix_s[at, pickup])
        else:
            free = a.vehicles[v, START_TIME]
            at = a.vehicles[v, START_STOP] if a.vehicles[v, DWELLING] else -1
            arrival = arrive(a, free, a.start_legs_s[v, pickup])
        if arrival > ask[ASK_LATEST]:
            break  # FIFO and triangle: behind further actions it arrives no earlier
        if not fits(
            a,
            v,
            bounds[B_SEATS, i] + ask[ASK_SEATS],
            bounds[B_WHEELCHAIRS, i] + ask[ASK_WHEELCHAIRS],
        ):
            continue
        start_p = max(arrival, ask[ASK_EARLIEST])
        end_p = start_p + board + (a.setup_s if pickup != at else 0)
        so_far = bounds[B_COST, i] + a.weights[W_DRIVE] * (arrival - free)
        so_far += persons * a.weights[W_WAIT] * (start_p - ask[ASK_WISH])
        so_far += persons * a.weights[W_WALK] * ask[ASK_WALK]
        pushes = bounds[B_PUSHES, i] != 0
        stop, free, shortest = pickup, end_p, 0
        for j in range(i, count + 1):
            if j > i:
                k = j - 1
                to = route[STOP, k]
                leg = int(a.matrix_s[stop, to])
                shortest -= -leg * PERMILLE // fastest
                arrival = arrive(a, free, leg)
                start = max(arrival, route[EARLIEST, k])
                if start > route[LATEST, k]:
                    break  # the pick-up alone delays action k too much
                ends[k] = start + route[BOARD, k] + (a.setup_s if to != stop else 0)
                if ends[k] > bounds[B_LATEST_END, k]:
                    break  # or one behind it
                shortest += ends[k] - start
                if not fits(
                    a,
                    v,
                    bounds[B_SEATS, j] + ask[ASK_SEATS],
                    bounds[B_WHEELCHAIRS, j] + ask[ASK_WHEELCHAIRS],
                ):
                    break  # the party is on board on all further legs too
                p = route[PARTNER, k]
                if p >= 0 and start - ends[p] > route[MAX_RIDE, k]:
                    pushes = True
                so_far += contribution(a, route, k, free, arrival, start, ends)
                stop, free = to, ends[k]
            leg = int(a.matrix_s[stop, dropoff])
            start_d = arrive(a, free, leg)
            if start_d > ask[ASK_ARRIVAL]:
                break  # FIFO and triangle, as above
            if shortest - -leg * PERMILLE // fastest > ask[ASK_MAX_RIDE]:
                break  # triangle: even at the highest speed and without waiting it rides too long
            end_d = start_d + board + (a.setup_s if dropoff != stop else 0)
            rest, pushes_behind = follow(a, v, w, count, j, dropoff, end_d)
            if rest == FOREVER:
                continue
            if pushes or pushes_behind or start_d - end_p > ask[ASK_MAX_RIDE]:
                cost, at_p, done_p, at_d = fixed_point(a, v, w, count, ask, i, j)
            else:
                ride = persons * a.weights[W_RIDE] * (start_d - end_p)
                cost = so_far + a.weights[W_DRIVE] * (start_d - free) + ride + rest
                at_p, done_p, at_d = start_p, end_p, start_d
            if cost < best:
                best = cost
                out[R_PICKUP_POSITION], out[R_DROPOFF_POSITION], out[R_COST] = i, j, cost
                out[R_PICKUP_START], out[R_PICKUP_END], out[R_DROPOFF_START] = at_p, done_p, at_d
    return best < FOREVER


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
    first_wish, last_wish = asks[:, ASK_EARLIEST].min(), asks[:, ASK_LATEST].max()
    found = 0
    for v in range(len(a.vehicles)):
        if a.vehicles[v, START_TIME] > last_wish or a.vehicles[v, END_TIME] < first_wish:
            continue  # another shift: it cannot be there, or not be back, in time
        if not fits(a, v, asks[0, ASK_SEATS], asks[0, ASK_WHEELCHAIRS]):
            continue
        begin, stop = a.vehicles[v, ROUTE_BEGIN], a.vehicles[v, ROUTE_END]
        count = stop - begin
        w.route[:, :count] = a.actions[:, begin:stop]
        w.whole[:, :count] = a.actions[:, begin:stop]
        reason, _, depot_s = settle(a, v, w.whole, count, LIMITED, w.times)
        if reason != OK or overloaded(a, v, w.route, count) >= 0:
            continue
        before, _ = price(a, v, w.whole, count, w.times, depot_s)
        bound_forward(a, v, w, count)
        bound_backward(a, v, w, count)
        for p in range(len(asks)):
            if best_position(a, v, w, count, asks[p], fastest, out[found]):
                out[found, R_VEHICLE], out[found, R_PAIR] = v, p
                out[found, R_COST] -= before
                found += 1
    return out[:found]
