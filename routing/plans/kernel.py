"""Compiled core on flat arrays: the earliest schedule of one route, its limits and its cost.

Nothing here allocates more than scratch or holds Python objects. The tables' columns are numbered
here; `problem.py` fills the tables, `search.py` builds the insertion on top.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from routing.plans.compiled import compiled, inlined
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
RATE = 8  # what a second costs that the party waits (pick-ups) or rides (drop-offs)
SINCE = 9  # and from when on: wish_earliest_s, or boarded_at_s; drop-offs with PARTNER: its end
FIXED = 10  # what its way on foot costs, at pick-ups
KIND = 11  # DROPOFF or PICKUP
ACTION_ROWS = 12
DROPOFF, PICKUP = 0, 1
NO_PARTNER = -1

# Entries of the weights, int64[4].
W_DRIVE, W_WAIT, W_RIDE, W_WALK = range(4)

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


@inlined
def arrive(depart_s: int, leg_s: int, base_s: int, speed: ShortInts) -> int:
    """Arrival second; FOREVER where there is no way."""
    if leg_s >= UNREACHABLE_S:
        return FOREVER
    if leg_s == 0:
        return depart_s
    return drive(depart_s, leg_s, base_s, speed)


@inlined
def latest_departure(arrive_by_s: int, leg_s: int, base_s: int, speed: ShortInts) -> int:
    """The last second to depart at and still arrive by `arrive_by_s`: the inverse of `drive`."""
    if leg_s >= UNREACHABLE_S:
        return NEVER
    todo = int(leg_s) * PERMILLE
    now = arrive_by_s
    last = len(speed) - 1
    while todo > 0:
        hour = (now - 1 - base_s) // HOUR_S
        if hour <= 0:
            return now + -todo // int(speed[0])
        begin = base_s + min(hour, last) * HOUR_S
        pace = int(speed[min(hour, last)])
        done = (now - begin) * pace
        if done >= todo:
            return now + -todo // pace
        todo -= done
        now = begin
    return now


@inlined
def fits(seats: int, wheelchairs: int, configurations: Ints, first: int, last: int) -> bool:
    """Whether one of the configurations `first`..`last` - 1 holds the load."""
    for c in range(first, last):
        if seats <= configurations[c, 0] and wheelchairs <= configurations[c, 1]:
            return True
    return False


@compiled
def overloaded(a: Arrays, v: int, route: Ints, count: int) -> int:
    """Position of the first action after which the load fits no configuration.

    Returns -1 if all legs fit; a load too large from the start counts as position 0.
    """
    seats, wheelchairs = a.vehicles[v, LOAD_SEATS], a.vehicles[v, LOAD_WHEELCHAIRS]
    first, last = a.vehicles[v, CONFIG_BEGIN], a.vehicles[v, CONFIG_END]
    configurations = a.configurations
    if not fits(seats, wheelchairs, configurations, first, last):
        return 0
    for k in range(count):
        seats += route[SEATS, k]
        wheelchairs += route[WHEELCHAIRS, k]
        if not fits(seats, wheelchairs, configurations, first, last):
            return k
    return -1


@inlined
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
    vehicle, start_leg, matrix = a.vehicles[v], a.start_legs_s[v], a.matrix_s
    base_s, speed, setup_s = a.base_s, a.speed, a.setup_s
    k, pushed = 0, -1
    while k < count:
        stop = route[STOP, k]
        if k > 0:
            at, leave = route[STOP, k - 1], times[END, k - 1]
            leg = matrix[at, stop]
        else:
            at = vehicle[START_STOP] if vehicle[DWELLING] else -1
            leave, leg = vehicle[START_TIME], start_leg[stop]
        if leg >= UNREACHABLE_S:
            return UNREACHABLE, k, FOREVER
        arrival = arrive(leave, leg, base_s, speed)
        start = max(arrival, route[EARLIEST, k])
        times[ARRIVAL, k], times[START, k] = arrival, start
        times[END, k] = start + route[BOARD, k] + (setup_s if stop != at else 0)
        p = route[PARTNER, k]
        if limits == LIMITED and start > route[LATEST, k]:
            late = PICKUP_LATE if route[KIND, k] == PICKUP else ARRIVAL_LATE
            return (late, k, FOREVER) if pushed < 0 else (RIDE_TOO_LONG, pushed, FOREVER)
        if limits == LIMITED and p >= 0 and start - times[END, p] > route[MAX_RIDE, k]:
            route[EARLIEST, p] = push(a, route, p, k, times)
            if route[EARLIEST, p] > route[LATEST, p]:
                return RIDE_TOO_LONG, k, FOREVER
            pushed, k = k, p
        else:
            k += 1
    home = vehicle[END_STOP]
    if count > 0:
        leave, leg = times[END, count - 1], matrix[route[STOP, count - 1], home]
    else:
        leave, leg = vehicle[START_TIME], start_leg[home]
    if leg >= UNREACHABLE_S:
        return UNREACHABLE, count, FOREVER
    depot_s = arrive(leave, leg, base_s, speed)
    if limits == PROJECTED or depot_s <= vehicle[END_TIME]:
        return OK, -1, depot_s
    return (RIDE_TOO_LONG, pushed, depot_s) if pushed >= 0 else (SHIFT_END, count, depot_s)


@compiled
def price(a: Arrays, v: int, route: Ints, count: int, times: Ints, depot_s: int) -> tuple[int, int]:
    """(cost in millicost, driving seconds) of a complete schedule."""
    driving, cost, leave = 0, 0, a.vehicles[v, START_TIME]
    for k in range(count):
        driving += times[ARRIVAL, k] - leave
        leave = times[END, k]
        p = route[PARTNER, k]
        since = times[END, p] if p >= 0 else route[SINCE, k]
        cost += route[RATE, k] * (times[START, k] - since) + route[FIXED, k]
    driving += depot_s - leave
    return cost + a.weights[W_DRIVE] * driving, driving


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
