"""Compiled core on flat arrays: the earliest schedule of one route, its limits and its cost.

Nothing here allocates more than scratch or holds Python objects. The tables' columns are numbered
here; `problem.py` fills the tables, `search.py` builds the insertion on top.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from routing.plans.compiled import compiled
from routing.plans.records import UNREACHABLE_S
from routing.roads.traffic import drive

Ints = npt.NDArray[np.int64]
ShortInts = npt.NDArray[np.int32]

# Columns of the vehicle table, int64[V, 12].
START_TIME, START_STOP, DWELLING, END_STOP, END_TIME, LOCKED = 0, 1, 2, 3, 4, 5
ROUTE_BEGIN, ROUTE_END, CONFIG_BEGIN, CONFIG_END, LOAD_SEATS, LOAD_WHEELCHAIRS = 6, 7, 8, 9, 10, 11
VEHICLE_COLUMNS = 12

# Rows of the action table, int64[12, A]: the routes of all vehicles one after the other.
STOP = 0
EARLIEST = 1  # of the start of service
LATEST = 2  # of the start of service; of riders on board the ride cap included
BOARD = 3  # seconds the party needs
SEATS = 4  # change of the load, negative for drop-offs
WHEELCHAIRS = 5
PARTNER = 6  # of a drop-off: the pick-up's position in the route; else NO_PARTNER
MAX_RIDE = 7
PERSONS = 8
REFERENCE = 9  # of a pick-up: wish_earliest_s; of a drop-off without partner: boarded_at_s
WALK = 10
KIND = 11  # DROPOFF or PICKUP
ACTION_ROWS = 12
DROPOFF, PICKUP = 0, 1
NO_PARTNER = -1

# Entries of the weights, int64[4].
W_DRIVE, W_WAIT, W_RIDE, W_WALK = 0, 1, 2, 3

# Rows of a schedule, int64[3, n].
ARRIVAL, START, END = 0, 1, 2

# Whether `settle` obeys upper bounds and ride caps, or only looks what will happen.
PROJECTED, LIMITED = 0, 1

NEVER = -(1 << 62)  # earlier than any time
FOREVER = 1 << 62  # later than any time
HOUR_S = 3600
PERMILLE = 1000

# Why a route is infeasible.
OK, CAPACITY, UNREACHABLE, PICKUP_LATE, ARRIVAL_LATE, RIDE_TOO_LONG, SHIFT_END = 0, 1, 2, 3, 4, 5, 6


class Arrays(NamedTuple):
    """A problem as the kernels see it; shapes and meaning as in `problem.Problem`."""

    matrix_s: ShortInts
    base_s: int
    speed: ShortInts
    setup_s: int
    weights: Ints
    vehicles: Ints
    start_legs_s: ShortInts
    configurations: Ints
    actions: Ints


@compiled
def arrive(a: Arrays, depart_s: int, leg_s: int) -> int:
    """Arrival second; FOREVER where there is no way."""
    if leg_s >= UNREACHABLE_S:
        return FOREVER
    if leg_s == 0:
        return depart_s
    return drive(depart_s, leg_s, a.base_s, a.speed)


@compiled
def latest_departure(a: Arrays, arrive_by_s: int, leg_s: int) -> int:
    """The last second to depart at and still arrive by `arrive_by_s`: the inverse of `drive`."""
    if leg_s >= UNREACHABLE_S:
        return NEVER
    todo = int(leg_s) * PERMILLE
    now = arrive_by_s
    last = len(a.speed) - 1
    while todo > 0:
        hour = (now - 1 - a.base_s) // HOUR_S
        if hour <= 0:
            return now + -todo // int(a.speed[0])
        begin = a.base_s + min(hour, last) * HOUR_S
        pace = int(a.speed[min(hour, last)])
        done = (now - begin) * pace
        if done >= todo:
            return now + -todo // pace
        todo -= done
        now = begin
    return now


@compiled
def fits(a: Arrays, v: int, seats: int, wheelchairs: int) -> bool:
    """Whether one of the vehicle's configurations holds the load."""
    for c in range(a.vehicles[v, CONFIG_BEGIN], a.vehicles[v, CONFIG_END]):
        if seats <= a.configurations[c, 0] and wheelchairs <= a.configurations[c, 1]:
            return True
    return False


@compiled
def overloaded(a: Arrays, v: int, route: Ints, count: int) -> int:
    """Position of the first action after which the load fits no configuration.

    Returns -1 if all legs fit; a load too large from the start counts as position 0.
    """
    seats, wheelchairs = a.vehicles[v, LOAD_SEATS], a.vehicles[v, LOAD_WHEELCHAIRS]
    if not fits(a, v, seats, wheelchairs):
        return 0
    for k in range(count):
        seats += route[SEATS, k]
        wheelchairs += route[WHEELCHAIRS, k]
        if not fits(a, v, seats, wheelchairs):
            return k
    return -1


@compiled
def unmoved(a: Arrays, depart_s: int, arrive_s: int) -> int:
    """By how many seconds a drive may begin later and still take exactly as long.

    A sufficient bound: it stays within its hour (or beyond the end of the profile).
    """
    hour = max((depart_s - a.base_s) // HOUR_S, 0)
    if hour >= len(a.speed) - 1:
        return FOREVER
    return max(a.base_s + (hour + 1) * HOUR_S - arrive_s, 0)


@compiled
def push(a: Arrays, route: Ints, p: int, d: int, times: Ints) -> int:
    """A new lower bound for the start of pick-up `p`, whose ride to drop-off `d` is too long.

    At least the excess; where nothing between the two waits and all drives would take just as
    long a little later, so would the ride, and the bound jumps past that little while.
    Returns FOREVER if no later start can help.
    """
    excess = times[START, d] - times[END, p] - route[MAX_RIDE, d]
    same = FOREVER
    for k in range(p + 1, d + 1):
        if times[START, k] > times[ARRIVAL, k]:
            same = 0
            break
        if times[ARRIVAL, k] > times[END, k - 1]:
            same = min(same, unmoved(a, times[END, k - 1], times[ARRIVAL, k]))
    if same == FOREVER:
        return FOREVER
    return int(times[START, p] + max(excess, same + 1))


@compiled
def serve(a: Arrays, v: int, route: Ints, k: int, times: Ints) -> bool:
    """Write arrival, start and end of action `k` as early as its forerunners allow.

    Returns False if its stop cannot be reached.
    """
    stop = route[STOP, k]
    if k > 0:
        at = route[STOP, k - 1]
        free, leg = times[END, k - 1], a.matrix_s[at, stop]
    else:
        at = a.vehicles[v, START_STOP] if a.vehicles[v, DWELLING] else -1
        free, leg = a.vehicles[v, START_TIME], a.start_legs_s[v, stop]
    if leg >= UNREACHABLE_S:
        return False
    times[ARRIVAL, k] = arrive(a, free, leg)
    times[START, k] = max(times[ARRIVAL, k], route[EARLIEST, k])
    times[END, k] = times[START, k] + route[BOARD, k]
    if stop != at:
        times[END, k] += a.setup_s
    return True


@compiled
def return_s(a: Arrays, v: int, route: Ints, count: int, times: Ints) -> int:
    """Arrival at the depot after the whole route; FOREVER where there is no way."""
    if count == 0:
        return arrive(a, a.vehicles[v, START_TIME], a.start_legs_s[v, a.vehicles[v, END_STOP]])
    leg = a.matrix_s[route[STOP, count - 1], a.vehicles[v, END_STOP]]
    return arrive(a, times[END, count - 1], leg)


@compiled
def settle(
    a: Arrays, v: int, route: Ints, count: int, limits: int, times: Ints
) -> tuple[int, int, int]:
    """The least fixed point of driving, windows and ride caps: the earliest feasible schedule.

    Everything is monotone (later stays later), so bounds may be raised in any order, and the first
    upper bound that is passed proves that no schedule exists.

    Args:
        a: the problem.
        v: the vehicle.
        route: int64[12, >= count]; row EARLIEST is raised in place by the ride caps' pushes.
        count: how many actions the route has.
        limits: LIMITED or PROJECTED.
        times: int64[3, >= count], result.

    Returns:
        (reason, position, depot_arrival_s); the schedule is complete only if the reason is OK.
    """
    k = 0
    pushed = -1
    while k < count:
        if not serve(a, v, route, k, times):
            return UNREACHABLE, k, FOREVER
        p = route[PARTNER, k]
        if limits == LIMITED and times[START, k] > route[LATEST, k]:
            late = PICKUP_LATE if route[KIND, k] == PICKUP else ARRIVAL_LATE
            return (late, k, FOREVER) if pushed < 0 else (RIDE_TOO_LONG, pushed, FOREVER)
        if limits == LIMITED and p >= 0 and times[START, k] - times[END, p] > route[MAX_RIDE, k]:
            route[EARLIEST, p] = push(a, route, p, k, times)
            if route[EARLIEST, p] > route[LATEST, p]:
                return RIDE_TOO_LONG, k, FOREVER
            pushed, k = k, p
        else:
            k += 1
    depot_s = return_s(a, v, route, count, times)
    if depot_s == FOREVER:
        return UNREACHABLE, count, FOREVER
    if limits == PROJECTED or depot_s <= a.vehicles[v, END_TIME]:
        return OK, -1, depot_s
    return (RIDE_TOO_LONG, pushed, depot_s) if pushed >= 0 else (SHIFT_END, count, depot_s)


@compiled
def contribution(
    a: Arrays, route: Ints, k: int, leave_s: int, arrival_s: int, start_s: int, ends: Ints
) -> int:
    """What action `k` adds to the cost: the drive to it and its party's wait, walk or ride."""
    if route[KIND, k] == PICKUP:
        own = a.weights[W_WAIT] * (start_s - route[REFERENCE, k])
        own += a.weights[W_WALK] * route[WALK, k]
    else:
        p = route[PARTNER, k]
        boarded = ends[p] if p >= 0 else route[REFERENCE, k]
        own = a.weights[W_RIDE] * (start_s - boarded)
    return int(a.weights[W_DRIVE] * (arrival_s - leave_s) + route[PERSONS, k] * own)


@compiled
def price(a: Arrays, v: int, route: Ints, count: int, times: Ints, depot_s: int) -> tuple[int, int]:
    """(cost in millicost, driving seconds) of a complete schedule."""
    driving, cost = 0, 0
    leave = a.vehicles[v, START_TIME]
    for k in range(count):
        driving += times[ARRIVAL, k] - leave
        cost += contribution(a, route, k, leave, times[ARRIVAL, k], times[START, k], times[END])
        leave = times[END, k]
    cost += a.weights[W_DRIVE] * (depot_s - leave)
    return cost, driving + depot_s - leave


@compiled
def schedule(a: Arrays, v: int, limits: int, times: Ints) -> tuple[int, int, int, int, int]:
    """Schedule and cost of vehicle `v`: (reason, position, depot_arrival_s, driving_s, cost)."""
    begin, stop = a.vehicles[v, ROUTE_BEGIN], a.vehicles[v, ROUTE_END]
    count = stop - begin
    route = a.actions[:, begin:stop].copy()
    reason, position, depot_s = settle(a, v, route, count, limits, times)
    if reason != OK:
        return reason, position, depot_s, 0, 0
    cost, driving = price(a, v, route, count, times, depot_s)
    if limits == LIMITED:
        position = overloaded(a, v, route, count)
        if position >= 0:
            return CAPACITY, position, depot_s, driving, cost
    return OK, -1, depot_s, driving, cost
