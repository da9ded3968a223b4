"""The day with every request answered at once: cheapest insertion or refusal, compiled as a whole.

No plan is rebuilt from records here; the tables of the insertion kernel are kept up to date as the
vehicles drive, and the roads' times are looked up where a vehicle is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from routing.plans import Vehicle, build_problem
from routing.plans.in_full import (
    R_DROPOFF_POSITION,
    R_PICKUP_POSITION,
    R_VEHICLE,
    RESULT_COLUMNS,
)
from routing.plans.kernel import (
    DROPOFF,
    DWELLING,
    EARLIEST,
    END_STOP,
    FIXED,
    FOREVER,
    KIN,
    KIND,
    LATEST,
    LOAD_SEATS,
    MAX_RIDE,
    NEVER,
    NO_PARTNER,
    NODE_COLUMNS,
    PARTNER,
    PICKUP,
    RATE_END,
    RATE_START,
    SEATS,
    START_STOP,
    START_TIME,
    STOP,
    Arrays,
    Routes,
    Work,
    rebuild,
)
from routing.plans.scratch import empty_routes, make_work
from routing.plans.search import best_positions
from routing.roads.many_to_many import LANES
from simulations.peer_day.compiled import compiled
from simulations.peer_day.driving import (
    CLOSED,
    TICK_UP,
    City,
    Fleet,
    Record,
    blank_record,
    city_of,
    drive_until,
    fleet_at,
)
from simulations.peer_day.network import TICK_BITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from routing.plans import Problem
    from simulations.peer_day.network import Network
    from simulations.peer_day.setting import Setting

_ROOM: Final = 64  # actions on a route; four seats and ten minutes of waiting leave it far below


class FlatProfile(NamedTuple):
    """Roads without traffic."""

    base_s: int
    speed_permille: NDArray[np.int32]


FREE: Final = FlatProfile(0, np.array([1000], np.int32))


class Desk(NamedTuple):
    """Everything a decision works on."""

    city: City
    fleet: Fleet
    record: Record
    plan: Arrays
    routes: Routes
    work: Work
    stale: NDArray[np.bool_]  # bool[V]: whose route has changed since its bounds were computed
    done: NDArray[np.int32]  # int32[2R], scratch
    reach: NDArray[np.int64]  # int64[V], scratch
    cost: NDArray[np.int64]  # int64[1, 1], scratch
    found: NDArray[np.int64]  # int64[1, 1, 8], scratch


def open_desk(setting: Setting, network: Network) -> Desk:
    """The tables before the first request; booking b is the request with this index."""
    ranks = network.times.hierarchy.rank[setting.starts]
    alone = _alone(setting)
    vehicles = np.repeat(alone.vehicle_table, len(ranks), axis=0)
    vehicles[:, START_STOP], vehicles[:, END_STOP] = CLOSED, network.nowhere
    vehicles[:, KIN] = np.arange(len(ranks))
    nodes = _nodes(setting, network)
    plan = alone.arrays._replace(
        matrix_s=network.matrix_s,
        vehicles=vehicles,
        start_legs_s=np.zeros((len(ranks), len(network.matrix_s)), np.int32),
        nodes=nodes,
    )
    routes = empty_routes(len(ranks), _ROOM)
    return Desk(
        city_of(network, setting.rules.halt_s),
        fleet_at(ranks, routes.nodes, routes.length),
        blank_record(nodes[:, STOP].astype(np.int32), len(ranks) * setting.rules.end_s),
        plan,
        routes,
        make_work(_ROOM, len(nodes)),
        np.ones(len(ranks), np.bool_),
        np.empty(len(nodes), np.int32),
        np.empty(len(ranks), np.int64),
        np.empty((1, 1), np.int64),
        np.zeros((1, 1, RESULT_COLUMNS), np.int64),
    )


def _alone(setting: Setting) -> Problem:
    """One vehicle in a place of its own: what does not depend on places and requests."""
    rules = setting.rules
    return build_problem(
        matrix_s=[[0]],
        profile=FREE,
        vehicles=[Vehicle("0", 0, 0, 0, rules.end_s, ((rules.seats, 0),))],
        bookings=[],
        weights=setting.weights,
        setup_s=rules.halt_s,
    )


def _nodes(setting: Setting, network: Network) -> NDArray[np.int64]:
    """int64[2R, 12]: what each passenger's pick-up and drop-off ask of a schedule."""
    demand, rules, weights = setting.demand, setting.rules, setting.weights
    max_ride_s = setting.max_ride_s(network)
    nodes = np.zeros((2 * len(demand), NODE_COLUMNS), np.int64)
    on, off = nodes[::2], nodes[1::2]
    on[:, STOP], off[:, STOP] = network.place[demand.origin], network.place[demand.destination]
    on[:, EARLIEST], off[:, EARLIEST] = demand.time_s, NEVER
    on[:, LATEST] = demand.time_s + rules.wait_s
    off[:, LATEST] = on[:, LATEST] + rules.halt_s + max_ride_s
    on[:, SEATS], off[:, SEATS] = 1, -1
    on[:, PARTNER], off[:, PARTNER] = NO_PARTNER, np.arange(0, 2 * len(demand), 2)
    on[:, MAX_RIDE], off[:, MAX_RIDE] = FOREVER, max_ride_s
    on[:, RATE_START], on[:, RATE_END] = weights.wait, -weights.ride
    off[:, RATE_START] = weights.ride
    on[:, FIXED] = -weights.wait * demand.time_s
    on[:, KIND], off[:, KIND] = PICKUP, DROPOFF
    return nodes


@compiled
def advance(desk: Desk, now_s: int) -> None:
    """Let the vehicles drive until now, and tell the plan where they are and who is on board."""
    nodes, vehicles, fleet = desk.plan.nodes, desk.plan.vehicles, desk.fleet
    end_s, stale, done = desk.record.end_s, desk.stale, desk.done
    for at in range(drive_until(desk.city, fleet, desk.record, now_s, done)):
        node = done[at]
        v = desk.record.vehicle[node]
        stale[v] = True
        vehicles[v, LOAD_SEATS] += nodes[node, SEATS]
        if node % 2 == 0:
            off = nodes[node + 1]
            off[PARTNER] = NO_PARTNER
            off[LATEST] = min(off[LATEST], end_s[node] + off[MAX_RIDE])
            off[FIXED] = nodes[node, RATE_END] * end_s[node]
    for v in range(len(vehicles)):
        start_s = (fleet.tick[v] + TICK_UP) >> TICK_BITS
        if start_s > vehicles[v, START_TIME] and desk.routes.length[v] > 0:
            stale[v] = True
        vehicles[v, START_TIME] = start_s
        vehicles[v, START_STOP] = fleet.door[v]
        vehicles[v, DWELLING] = fleet.door[v] != CLOSED


@compiled
def start_leg(desk: Desk, v: int, place: int) -> int:
    """Seconds from when vehicle `v` is free to its arrival at a place, both rounded up."""
    tick = desk.fleet.tick[v]
    ticks = desk.city.ticks_to[place // LANES, desk.fleet.rank[v], place % LANES]
    return int(((tick + ticks + TICK_UP) >> TICK_BITS) - ((tick + TICK_UP) >> TICK_BITS))


@compiled
def decide(desk: Desk, request: int, now_s: int) -> bool:
    """Insert a request where it costs least; False if it fits nowhere.

    Only vehicles that could come in time are brought up to date, and of the ways from where they
    are only those that the search looks at: to the pick-up and to their next halt.
    """
    advance(desk, now_s)
    plan, routes, stale = desk.plan, desk.routes, desk.stale
    asks = plan.nodes[2 * request : 2 * request + 2]
    pickup, latest, reached = asks[0, STOP], asks[0, LATEST], 0
    for v in range(len(plan.vehicles)):
        leg = start_leg(desk, v, pickup)
        if plan.vehicles[v, START_TIME] + leg > latest:
            continue
        plan.start_legs_s[v, pickup] = leg
        desk.reach[reached] = v
        reached += 1
        if stale[v]:
            if routes.length[v] > 0:
                first = plan.nodes[routes.nodes[v, 0], STOP]
                plan.start_legs_s[v, first] = start_leg(desk, v, first)
            rebuild(plan, routes, v, desk.work)
            stale[v] = False
    desk.cost[:] = FOREVER
    which = desk.reach[:reached]
    best_positions(plan, routes, desk.work, asks, 0, which, FOREVER, desk.cost, desk.found)
    if desk.cost[0, 0] == FOREVER:
        return False
    where = desk.found[0, 0]
    v, i, j = where[R_VEHICLE], where[R_PICKUP_POSITION], where[R_DROPOFF_POSITION]
    route, count = routes.nodes[v], routes.length[v]
    if count + 2 > len(route):
        return False
    for k in range(count - 1, -1, -1):
        route[k + (k >= i) + (k >= j)] = route[k]
    route[i], route[j + 1] = 2 * request, 2 * request + 1
    routes.length[v] = count + 2
    stale[v] = True
    return True


@compiled
def answer_all(desk: Desk, time_s: NDArray[np.int64], accepted: NDArray[np.bool_]) -> None:
    """Answer all requests as they come.

    Args:
        desk: as `open_desk` leaves it.
        time_s: int64[R], when they are made.
        accepted: bool[R], result.
    """
    for request in range(len(time_s)):
        accepted[request] = decide(desk, request, time_s[request])
