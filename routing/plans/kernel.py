"""Compiled core on flat arrays: the earliest schedule of a route, its limits, its cost, its bounds.

Nothing here allocates or holds Python objects. The columns of all tables are numbered here;
`problem.py` fills the tables, `search.py` inserts into routes, `lns.py` improves them.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from routing.plans.compiled import compiled, inlined, merged
from routing.plans.records import UNREACHABLE_S
from routing.roads.traffic import drive

Ints = npt.NDArray[np.int64]
ShortInts = npt.NDArray[np.int32]

# Columns of the vehicle table, int64[V, 12].
START_TIME, START_STOP, DWELLING, END_STOP, END_TIME, LOCKED = 0, 1, 2, 3, 4, 5
CONFIG_BEGIN, CONFIG_END, LOAD_SEATS, LOAD_WHEELCHAIRS = 6, 7, 8, 9
MAX_ROUTE = 10  # longest time between departure and depot, FOREVER if there is no such limit
KIN = 11  # vehicles with the same number are alike in everything but their routes
VEHICLE_COLUMNS = 12

# Columns of the node table, int64[N, 12]: what can be done at a stop. Booking b boards at node 2b
# and alights at node 2b + 1; the drivers' breaks come after all bookings.
STOP = 0  # IN_PLACE for breaks
EARLIEST = 1  # of the start of service
LATEST = 2  # of the start of service; of riders on board the ride cap included
SERVICE = 3  # seconds it takes, without the set-up
SEATS = 4  # change of the load, negative for drop-offs
WHEELCHAIRS = 5
PARTNER = 6  # of a drop-off: the node of the pick-up; else NO_PARTNER
MAX_RIDE = 7  # of a drop-off with a partner
RATE_START = 8  # what a second costs by which the service starts later
RATE_END = 9  # and ends later: riding counts from the end of boarding, so pick-ups have less than 0
FIXED = 10  # constant part of the cost
KIND = 11
NODE_COLUMNS = 12
DROPOFF, PICKUP, BREAK, DEPOT = 0, 1, 2, 3
NO_PARTNER = -1
IN_PLACE = -1  # a break takes place where the vehicle stands
AT_START = -1  # the place of a vehicle that has not yet left its start

# Rows of a schedule, int64[3, n + 2]: the departure, the actions in order, the depot.
ARRIVAL, START, END = 0, 1, 2

# Whether `settle` obeys upper bounds and ride caps, or only looks what will happen.
PROJECTED, LIMITED = 0, 1

NEVER = -(1 << 62)  # earlier than any time
FOREVER = 1 << 62  # later than any time
HOUR_S = 3600
PERMILLE = 1000

# Why a route is infeasible.
OK, CAPACITY, UNREACHABLE, PICKUP_LATE, ARRIVAL_LATE, RIDE_TOO_LONG, SHIFT_END = 0, 1, 2, 3, 4, 5, 6
BREAK_LATE, ROUTE_TOO_LONG = 7, 8

# Rows of the bounds of one route, int64[9, n + 1]. Whatever is inserted, an action happens no
# earlier than in the route's own earliest schedule, but for the set-ups that may be spared or
# parted, and for routes with a break whose whole time is capped (see `search.best_positions`).
B_END = 0  # end of service of action k in the earliest schedule
B_LATEST_END = 1  # no feasible schedule, whatever is inserted, ends the service of action k later
B_SEATS, B_WHEELCHAIRS = 2, 3  # load before action k
B_EARLIEST = 4  # of the start of service of action k, raised by the ride caps' pushes
B_COST = 5  # cost of the actions before k, driving included
B_SAVING = (
    6  # what driving into the actions from k on and home would cost less at the best of times
)
B_PARTNER = 7  # position of the pick-up of the drop-off k, NO_PARTNER if there is none
B_AT = 8  # the stop at which the vehicle is before action k, or AT_START
BOUND_ROWS = 9


class Arrays(NamedTuple):
    """A problem as the kernels see it; shapes and meaning as in `problem.Problem`.

    `flat` says that there is no traffic: a leg takes what the matrix says at any time. `fastest` is
    the highest speed, in permille. `monotone`
    says that no delay lowers the riders' part of the cost, which most cuts need.
    """

    matrix_s: ShortInts
    base_s: int
    speed: ShortInts
    flat: bool
    fastest: int
    setup_s: int
    w_drive: int
    monotone: bool
    vehicles: Ints
    start_legs_s: ShortInts
    configurations: Ints
    nodes: Ints


class Routes(NamedTuple):
    """Routes of all vehicles with their bounds; the only tables that change."""

    nodes: ShortInts  # int32[V, room]: the nodes in order
    length: Ints  # int64[V]: how many
    bounds: Ints  # int64[V, 9, room + 1]
    cost: Ints  # int64[V]: of the earliest feasible schedule, FOREVER if there is none
    departure: Ints  # int64[V]: the latest departure that changes nothing else
    depot: Ints  # int64[V]: arrival at the depot
    shared: Ints  # int64[V]: 1 if two actions in a row share a set-up
    pushed: Ints  # int64[V]: 1 if caps on time have raised B_EARLIEST, 2 where a set-up is shared


class Work(NamedTuple):
    """Scratch for one route of up to n actions."""

    rows: Ints  # int64[n + 4, 12]: departure, actions, depot as nodes
    partner: Ints  # int64[n + 4]: positions among `rows`
    at: Ints  # int64[n + 4]: where the vehicle is after each of them
    times: Ints  # int64[3, n + 4]
    ends: Ints  # int64[n + 2]: ends of service of the present actions with the insertion tried
    place: Ints  # int64[N]: position of each node of the route looked at


@inlined
def arrive(depart_s: int, leg_s: int, base_s: int, speed: ShortInts, flat: bool) -> int:  # noqa: FBT001 - a kernel's flag
    """Arrival second; FOREVER where there is no way."""
    if leg_s >= UNREACHABLE_S:
        return FOREVER
    if flat:
        return depart_s + leg_s
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


@merged
def gather(a: Arrays, v: int, w: Work, nodes: ShortInts, count: int) -> None:
    """Write a route's nodes to rows 1..count of the scratch, departure and depot around them."""
    table, vehicle = a.nodes, a.vehicles[v]
    for k in range(count):
        node = nodes[k]
        w.place[node] = k
        for column in range(NODE_COLUMNS):
            w.rows[k + 1, column] = table[node, column]
        p = table[node, PARTNER]
        w.partner[k + 1] = w.place[p] + 1 if p >= 0 else NO_PARTNER
    frame(vehicle, w, count)


@merged
def frame(vehicle: Ints, w: Work, count: int) -> None:
    """Write the departure and the depot around the actions in rows 1..count."""
    w.rows[0, EARLIEST], w.rows[0, LATEST] = vehicle[START_TIME], FOREVER - 1
    depot = w.rows[count + 1]
    depot[STOP], depot[EARLIEST], depot[LATEST] = vehicle[END_STOP], NEVER, vehicle[END_TIME]
    depot[SERVICE], depot[MAX_RIDE], depot[KIND] = 0, vehicle[MAX_ROUTE], DEPOT
    w.partner[count + 1] = 0 if vehicle[MAX_ROUTE] < FOREVER else NO_PARTNER


@merged
def overloaded(a: Arrays, v: int, w: Work, count: int) -> int:
    """Position of the first action after which the load fits no configuration.

    A break with anybody on board counts as one. Returns -1 if all legs fit; a load too large from
    the start counts as position 0.
    """
    seats, wheelchairs = a.vehicles[v, LOAD_SEATS], a.vehicles[v, LOAD_WHEELCHAIRS]
    first, last = a.vehicles[v, CONFIG_BEGIN], a.vehicles[v, CONFIG_END]
    configurations = a.configurations
    if not fits(seats, wheelchairs, configurations, first, last):
        return 0
    for k in range(count):
        if w.rows[k + 1, KIND] == BREAK and (seats > 0 or wheelchairs > 0):
            return k
        seats += w.rows[k + 1, SEATS]
        wheelchairs += w.rows[k + 1, WHEELCHAIRS]
        if not fits(seats, wheelchairs, configurations, first, last):
            return k
    return -1


@inlined
def unmoved(a: Arrays, depart_s: int, arrive_s: int) -> int:
    """By how many seconds a drive may begin later and still take exactly as long.

    A sufficient bound: it stays within its hour (or beyond the end of the profile).
    """
    hour = max((depart_s - a.base_s) // HOUR_S, 0)
    if a.flat or hour >= len(a.speed) - 1:
        return FOREVER
    return max(a.base_s + (hour + 1) * HOUR_S - arrive_s, 0)


@merged
def push(a: Arrays, w: Work, p: int, d: int) -> int:
    """A new lower bound for the start of row `p`, from which row `d` is too far in time.

    At least the excess; where nothing between the two waits and all drives would take just as
    long a little later, so would the ride, and the bound jumps past that little while.
    Returns FOREVER if no later start can help.
    """
    times = w.times
    excess = times[START, d] - times[END, p] - w.rows[d, MAX_RIDE]
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
def settle(  # noqa: C901, PLR0911, PLR0912 - a kernel reads better whole
    a: Arrays, v: int, w: Work, count: int, limits: int
) -> tuple[int, int]:
    """The least fixed point of driving, windows and ride caps: the earliest feasible schedule.

    Everything is monotone (later stays later), so bounds may be raised in any order, and the first
    upper bound that is passed proves that no schedule exists. The time from departure to depot is
    capped like a ride.

    Args:
        a: the problem.
        v: the vehicle.
        w: rows 0..count + 1 as `gather` leaves them; column EARLIEST is raised in place by the
            pushes. Fills `times` and `at`.
        count: how many actions the route has.
        limits: LIMITED or PROJECTED.

    Returns:
        (reason, position); the schedule is complete only if the reason is OK.
    """
    rows, partner, at, times = w.rows, w.partner, w.at, w.times
    vehicle, start_leg, matrix = a.vehicles[v], a.start_legs_s[v], a.matrix_s
    base_s, speed, flat, setup_s = a.base_s, a.speed, a.flat, a.setup_s
    door = vehicle[START_STOP] if vehicle[DWELLING] else AT_START
    k, pushed = 0, -1
    while k <= count + 1:
        if k == 0:
            times[ARRIVAL, 0] = times[START, 0] = times[END, 0] = rows[0, EARLIEST]
            at[0] = AT_START
            k = 1
            continue
        stop, kind, before, arrival = rows[k, STOP], rows[k, KIND], at[k - 1], times[END, k - 1]
        setup = 0
        if kind == BREAK:
            at[k] = before
        else:
            at[k] = stop
            leg = start_leg[stop] if before == AT_START else matrix[before, stop]
            if leg >= UNREACHABLE_S:
                return UNREACHABLE, k - 1
            arrival = arrive(arrival, leg, base_s, speed, flat)
            here = door if before == AT_START else before
            setup = setup_s if stop != here and kind != DEPOT else 0
        start = max(arrival, rows[k, EARLIEST])
        times[ARRIVAL, k], times[START, k] = arrival, start
        times[END, k] = start + rows[k, SERVICE] + setup
        if limits == LIMITED and start > rows[k, LATEST]:
            if pushed >= 0:
                return RIDE_TOO_LONG, pushed
            if kind == PICKUP:
                return PICKUP_LATE, k - 1
            if kind == DROPOFF:
                return ARRIVAL_LATE, k - 1
            return (SHIFT_END, count) if kind == DEPOT else (BREAK_LATE, k - 1)
        p = partner[k]
        if limits == LIMITED and p >= 0 and start - times[END, p] > rows[k, MAX_RIDE]:
            rows[p, EARLIEST] = push(a, w, p, k)
            if rows[p, EARLIEST] > rows[p, LATEST]:
                return (ROUTE_TOO_LONG, count) if kind == DEPOT else (RIDE_TOO_LONG, k - 1)
            if kind != DEPOT:
                pushed = k - 1
            k = p
        else:
            k += 1
    return OK, -1


@merged
def price(a: Arrays, w: Work, count: int) -> tuple[int, int]:
    """(cost in millicost, driving seconds) of a complete schedule in the scratch."""
    rows, times = w.rows, w.times
    driving, cost = times[ARRIVAL, count + 1] - times[END, count], 0
    for k in range(1, count + 1):
        driving += times[ARRIVAL, k] - times[END, k - 1]
        cost += rows[k, RATE_START] * times[START, k] + rows[k, RATE_END] * times[END, k]
        cost += rows[k, FIXED]
    return cost + a.w_drive * driving, driving


@compiled
def schedule(a: Arrays, r: Routes, v: int, w: Work, limits: int) -> tuple[int, int, int, int]:
    """(reason, position, driving_s, cost) of vehicle `v`, its times in the scratch."""
    count = r.length[v]
    gather(a, v, w, r.nodes[v], count)
    reason, position = settle(a, v, w, count, limits)
    if reason != OK:
        return reason, position, 0, 0
    cost, driving = price(a, w, count)
    if limits == LIMITED:
        position = overloaded(a, v, w, count)
        if position >= 0:
            return CAPACITY, position, driving, cost
    return OK, -1, driving, cost


@compiled
def rebuild(a: Arrays, r: Routes, v: int, w: Work) -> None:
    """Bring cost and bounds of vehicle `v` up to date with its nodes."""
    count, bounds = r.length[v], r.bounds[v]
    gather(a, v, w, r.nodes[v], count)
    r.cost[v] = FOREVER
    reason, _ = settle(a, v, w, count, LIMITED)
    if reason != OK or overloaded(a, v, w, count) >= 0:
        return
    r.cost[v], _ = price(a, w, count)
    bound_forward(a, r, v, w)
    bound_backward(a, v, w, count, bounds)


@inlined
def within_route(a: Arrays, v: int, depot_s: int, departure_s: int) -> bool:
    """Whether the longest route time is kept without changing anything but the departure.

    With traffic a later departure changes the drive, so only what holds without it counts.
    """
    limit = a.vehicles[v, MAX_ROUTE]
    if a.flat:
        return bool(depot_s - departure_s <= limit)
    return bool(depot_s - a.vehicles[v, START_TIME] <= limit)


@merged
def bound_forward(a: Arrays, r: Routes, v: int, w: Work) -> None:
    """Fill all rows of the bounds but B_LATEST_END from the schedule in the scratch."""
    rows, times, bounds, count = w.rows, w.times, r.bounds[v], r.length[v]
    seats, wheelchairs = a.vehicles[v, LOAD_SEATS], a.vehicles[v, LOAD_WHEELCHAIRS]
    cost, fastest, matrix = 0, a.fastest, a.matrix_s
    here = a.vehicles[v, START_STOP] if a.vehicles[v, DWELLING] else AT_START
    r.shared[v] = 0
    r.pushed[v] = 1 if rows[0, EARLIEST] > a.vehicles[v, START_TIME] else 0
    for k in range(count):
        bounds[B_SEATS, k], bounds[B_WHEELCHAIRS, k] = seats, wheelchairs
        bounds[B_EARLIEST, k], bounds[B_COST, k] = rows[k + 1, EARLIEST], cost
        pushed = rows[k + 1, EARLIEST] > a.nodes[r.nodes[v, k], EARLIEST]
        if pushed:
            r.pushed[v] = max(r.pushed[v], 1)
        bounds[B_AT, k] = w.at[k]
        bounds[B_END, k] = times[END, k + 1]
        if rows[k + 1, KIND] != BREAK:
            if rows[k + 1, STOP] == here:
                r.shared[v] = 1
                if pushed:
                    r.pushed[v] = 2
            here = rows[k + 1, STOP]
        p = w.partner[k + 1]
        bounds[B_PARTNER, k] = p - 1 if p >= 0 else NO_PARTNER
        start = times[START, k + 1]
        cost += rows[k + 1, RATE_START] * start + rows[k + 1, RATE_END] * times[END, k + 1]
        cost += rows[k + 1, FIXED] + a.w_drive * (times[ARRIVAL, k + 1] - times[END, k])
        seats += rows[k + 1, SEATS]
        wheelchairs += rows[k + 1, WHEELCHAIRS]
    bounds[B_SEATS, count], bounds[B_WHEELCHAIRS, count] = seats, wheelchairs
    bounds[B_COST, count] = cost
    bounds[B_AT, count] = w.at[count]
    saving = 0
    for k in range(count, -1, -1):
        drive_s = times[ARRIVAL, k + 1] - times[END, k]
        if not a.flat and drive_s > 0:
            stop, before = rows[k + 1, STOP], w.at[k]
            leg = a.start_legs_s[v, stop] if before == AT_START else matrix[before, stop]
            saving += drive_s - -(-int(leg) * PERMILLE // fastest)
        bounds[B_SAVING, k] = a.w_drive * saving
    r.depot[v] = times[ARRIVAL, count + 1]
    first = times[ARRIVAL, 1] - times[START, 0]
    r.departure[v] = times[START, 1] - first


@merged
def bound_backward(a: Arrays, v: int, w: Work, count: int, bounds: Ints) -> None:
    """Fill B_LATEST_END.

    An insertion can spare action k its set-up only by doing that set-up itself at the same stop
    just before, so arriving at k's stop later than allowed here is too late with it as well. Behind
    a break it may do so before the break, so no set-up counts there. It can also add a set-up to a
    pick-up, hence the set-up in the bound that a ride cap gives.
    """
    rows, vehicle, matrix = w.rows, a.vehicles[v], a.matrix_s
    base_s, speed, setup_s = a.base_s, a.speed, a.setup_s
    door = vehicle[START_STOP] if vehicle[DWELLING] else AT_START
    due = vehicle[END_TIME]
    for k in range(count, 0, -1):
        place, following = w.at[k], rows[k + 1, STOP]
        if rows[k, KIND] == BREAK or rows[k + 1, KIND] == BREAK:
            # An insertion before a break moves the place from which the next drive begins.
            bounds[B_LATEST_END, k - 1] = due
        elif a.flat:
            leg = matrix[place, following]
            bounds[B_LATEST_END, k - 1] = due - leg if leg < UNREACHABLE_S else NEVER
        else:
            leg = matrix[place, following]
            bounds[B_LATEST_END, k - 1] = latest_departure(due, leg, base_s, speed)
        setup = 0
        if rows[k, KIND] != BREAK and (k == 1 or rows[k - 1, KIND] != BREAK):
            here = door if w.at[k - 1] == AT_START else w.at[k - 1]
            setup = setup_s if rows[k, STOP] != here else 0
        due = min(bounds[B_LATEST_END, k - 1] - rows[k, SERVICE] - setup, rows[k, LATEST])
        p = w.partner[k]
        if p >= 1:
            ride = rows[p, LATEST] + setup_s + rows[p, SERVICE] + rows[k, MAX_RIDE]
            due = min(due, ride)
