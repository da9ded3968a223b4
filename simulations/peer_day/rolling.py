"""The day with second thoughts: plans are improved at regular intervals, promises kept.

Between the intervals requests are either answered at once, as in `at_once`, and only what has been
promised is planned anew; or they wait for the end of their interval and are decided together.
Nobody's answer is ever taken back, and whoever is on board stays on board.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from routing.plans import (
    Action,
    Booking,
    Problem,
    Request,
    StopPair,
    Vehicle,
    build_problem,
    improve,
)
from simulations.peer_day.at_once import Timed
from simulations.peer_day.day import FREE, Desk, advance, decide, open_desk
from simulations.peer_day.driving import CLOSED, NOBODY, TICK_UP
from simulations.peer_day.network import TICK_BITS, Network
from simulations.peer_day.outcome import driven_day

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from simulations.peer_day.setting import Setting


class Plan(NamedTuple):
    """How plans are improved.

    Attributes:
        every_s: how often.
        iterations: of the search, each time.
        together: whether requests wait for the end of their interval and are decided together;
            they are known no earlier than they are made, and their waiting counts from then.
        seed: of the search.
    """

    every_s: int
    iterations: int
    together: bool
    seed: int = 0


def answer_with_improvement(setting: Setting, plan: Plan) -> Timed:
    """Drive the day."""
    begin, busy = time.perf_counter(), time.process_time()
    network = setting.network()
    ready = time.perf_counter()
    desk = open_desk(setting, network)
    view = View(setting, network, desk, setting.max_ride_s(network))
    asked = setting.demand.time_s
    accepted = np.zeros(len(asked), np.bool_)
    first = 0
    for now_s in range(plan.every_s, setting.rules.end_s + 1, plan.every_s):
        last = int(np.searchsorted(asked, now_s, side="right"))
        arrived = list(range(first, last))
        first = last
        if not plan.together:
            for request in arrived:
                accepted[request] = decide(desk, request, int(asked[request]))
            arrived = []
        advance(desk, now_s)
        if arrived or desk.routes.length.any():
            accepted[view.improved(now_s, arrived, plan)] = True
    advance(desk, setting.rules.end_s)
    end, busy = time.perf_counter(), time.process_time() - busy
    day = driven_day(network, setting.starts, accepted.tolist(), desk.record)
    return Timed(day, end - begin, ready - begin, busy)


class View(NamedTuple):
    """The day as the planning interface sees it: records, and the places that matter now."""

    setting: Setting
    network: Network
    desk: Desk
    limits_s: NDArray[np.int64]

    def improved(self, now_s: int, asking: Sequence[int], plan: Plan) -> list[int]:
        """Put better routes in place; returns which of the asking requests are on them."""
        problem, places = self.problem(asking)
        found = improve(
            problem,
            [self.request(b, places) for b in asking],
            iterations=plan.iterations,
            seed=plan.seed + now_s,
        )
        routes = self.desk.routes
        for v, vehicle in enumerate(found.problem.vehicles):
            nodes = [2 * int(a.booking) + (a.kind == "dropoff") for a in vehicle.route]
            if nodes != routes.nodes[v, : routes.length[v]].tolist():
                routes.length[v] = len(nodes)
                routes.nodes[v, : len(nodes)] = nodes
                self.desk.stale[v] = True
        return [int(name) for name in found.served]

    def problem(self, asking: Sequence[int]) -> tuple[Problem, dict[int, int]]:
        """All routes as records, and the stop of each place that they or the asking need."""
        desk, network = self.desk, self.network
        rows = zip(desk.routes.nodes.tolist(), desk.routes.length.tolist(), strict=True)
        routes = [row[:length] for row, length in rows]
        planned = sorted({node // 2 for route in routes for node in route})
        nodes = [node for b in (*planned, *asking) for node in (2 * b, 2 * b + 1)]
        doors = desk.fleet.door[desk.fleet.door != CLOSED]
        used = np.unique(np.concatenate((desk.record.place[nodes], doors))).astype(np.int64)
        stop_of = {place: stop for stop, place in enumerate(used.tolist())}
        every = np.append(used, network.nowhere)
        ticks = network.times.costs(desk.fleet.rank, used)
        free = desk.fleet.tick[:, None]
        legs = ((free + ticks + TICK_UP) >> TICK_BITS) - ((free + TICK_UP) >> TICK_BITS)
        vehicles = [self.vehicle(v, route, stop_of, legs[v]) for v, route in enumerate(routes)]
        problem = build_problem(
            matrix_s=network.matrix_s[np.ix_(every, every)],
            profile=FREE,
            vehicles=vehicles,
            bookings=[self.booking(b, stop_of) for b in planned],
            weights=self.setting.weights,
            setup_s=self.setting.rules.halt_s,
        )
        return problem, stop_of

    def vehicle(
        self, v: int, route: list[int], stop_of: dict[int, int], legs_s: NDArray[np.int64]
    ) -> Vehicle:
        """Where a vehicle is free, and what it has to do."""
        door = int(self.desk.fleet.door[v])
        return Vehicle(
            id=f"{v:06}",
            start_time_s=(int(self.desk.fleet.tick[v]) + TICK_UP) >> TICK_BITS,
            start_stop=CLOSED if door == CLOSED else stop_of[door],
            end_stop=len(stop_of),
            end_time_s=self.setting.rules.end_s,
            configurations=((self.setting.rules.seats, 0),),
            route=tuple(Action("dropoff" if n % 2 else "pickup", str(n // 2)) for n in route),
            start_dwelling=door != CLOSED,
            start_leg_s=np.append(legs_s, 0).astype(np.int32),
        )

    def pair(self, b: int, stop_of: dict[int, int]) -> StopPair:
        """The limits of request `b`."""
        places, rules = self.desk.record.place, self.setting.rules
        asked, ride_s = int(self.setting.demand.time_s[b]), int(self.limits_s[b])
        return StopPair(
            pickup_stop=stop_of[int(places[2 * b])],
            dropoff_stop=stop_of[int(places[2 * b + 1])],
            pickup_earliest_s=asked,
            pickup_latest_s=asked + rules.wait_s,
            arrival_latest_s=asked + rules.wait_s + rules.halt_s + ride_s,
            max_ride_s=ride_s,
        )

    def booking(self, b: int, stop_of: dict[int, int]) -> Booking:
        """Request `b`, promised a ride or already on board."""
        booking = self.request(b, stop_of).booking(0)
        record = self.desk.record
        if record.vehicle[2 * b] == NOBODY:
            return booking
        return replace(booking, boarded_at_s=int(record.end_s[2 * b]))

    def request(self, b: int, stop_of: dict[int, int]) -> Request:
        """Request `b`, not yet answered."""
        asked = int(self.setting.demand.time_s[b])
        return Request(str(b), (self.pair(b, stop_of),), asked)
