"""Small random dispatch problems, and a second, naive implementation of their rules."""

import random
from bisect import bisect_left
from dataclasses import replace
from itertools import accumulate, pairwise
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from routing.plans import warm_up
from routing.plans.problem import Problem, build_problem
from routing.plans.records import Action, Booking, Request, StopPair, Vehicle, Weights

EPOCH = 1_700_000_000 - 1_700_000_000 % 3600
HORIZON_S = 3 * 3600
CONFIGURATIONS = (((4, 0),), ((4, 0), (2, 1)), ((3, 0), (1, 2)), ((8, 2),), ((8, 2),))


Actions = tuple[Action, ...]
Bookings = dict[str, Booking]


class Case(NamedTuple):
    problem: Problem
    request: Request


class Solution(NamedTuple):
    starts: list[int]
    ends: list[int]
    depot: int
    driving: int
    cost: int


class Rules:
    """The semantics once more, from the records alone: cumulated progress, naive iteration."""

    def __init__(self, problem: Problem) -> None:
        self.p = problem
        self.begin = problem.base_s - HORIZON_S
        first, *between, last = [problem.speed_permille[0], *problem.speed_permille.tolist()]
        hours = [int(first)] * (HORIZON_S // 3600) + between + [last] * 6
        self.progress = [0, *accumulate(pace for pace in hours for _ in range(3600))]

    def drive(self, depart_s: int, leg_s: int) -> int:
        goal = self.progress[depart_s - self.begin] + 1000 * leg_s
        return self.begin + bisect_left(self.progress, goal)

    def stop(self, action: Action, bookings: Bookings) -> int:
        booking = bookings[action.booking]
        return booking.pickup_stop if action.kind == "pickup" else booking.dropoff_stop

    def lay_out(
        self, vehicle: Vehicle, actions: Actions, bookings: Bookings
    ) -> tuple[list[int], list[int]]:
        """Legs (the last to the depot) and dwell times of a route."""
        stops = [self.stop(a, bookings) for a in actions]
        first = vehicle.start_leg_s
        first = self.p.matrix_s[vehicle.start_stop] if first is None else first
        goals = [*stops, vehicle.end_stop]
        legs = [int(first[goals[0]])]
        legs += [int(self.p.matrix_s[a, b]) for a, b in pairwise(goals)]
        at = [vehicle.start_stop if vehicle.start_dwelling else None, *stops]
        dwell = [
            bookings[a.booking].board_s + (0 if stops[k] == at[k] else self.p.setup_s)
            for k, a in enumerate(actions)
        ]
        return legs, dwell

    def fits(self, vehicle: Vehicle, actions: Actions, bookings: Bookings) -> bool:
        aboard = [bookings[a.booking] for a in actions if a.kind == "dropoff"]
        aboard = {b.id: b for b in aboard if b.boarded_at_s is not None}
        loads = [list(aboard.values())]
        for kind, booking in actions:
            if kind == "pickup":
                aboard[booking] = bookings[booking]
            else:
                del aboard[booking]
            loads.append(list(aboard.values()))
        return all(
            any(
                sum(b.seats for b in load) <= s and sum(b.wheelchairs for b in load) <= w
                for s, w in vehicle.configurations
            )
            for load in loads
        )

    def solve(
        self, vehicle: Vehicle, actions: Actions, bookings: Bookings, *, limited: bool = True
    ) -> Solution | None:
        """The earliest schedule, or None; not limited: whatever will happen."""
        if limited and not self.fits(vehicle, actions, bookings):
            return None
        low = [
            bookings[a.booking].pickup_earliest_s if a.kind == "pickup" else vehicle.start_time_s
            for a in actions
        ]
        while True:
            seen = self._run(vehicle, actions, bookings, low)
            if not limited:
                return seen
            if self._too_late(vehicle, actions, bookings, seen):
                return None
            raised = self._pushed(actions, bookings, seen)
            if all(r <= s for r, s in zip(raised, seen.starts, strict=True)):
                return seen
            low = [max(pair) for pair in zip(low, raised, strict=True)]

    def _run(
        self, vehicle: Vehicle, actions: Actions, bookings: Bookings, low: list[int]
    ) -> Solution:
        legs, dwell = self.lay_out(vehicle, actions, bookings)
        now, starts, ends, driving = vehicle.start_time_s, [], [], 0
        for k in range(len(actions)):
            arrival = self.drive(now, legs[k])
            driving += arrival - now
            starts.append(max(arrival, low[k]))
            now = starts[k] + dwell[k]
            ends.append(now)
        depot = self.drive(now, legs[-1])
        driving += depot - now
        cost = self._cost(actions, bookings, starts, ends) + self.p.weights.drive * driving
        return Solution(starts, ends, depot, driving, cost)

    def _too_late(
        self, vehicle: Vehicle, actions: Actions, bookings: Bookings, seen: Solution
    ) -> bool:
        for k, (kind, booking) in enumerate(actions):
            b = bookings[booking]
            latest = b.pickup_latest_s if kind == "pickup" else b.arrival_latest_s
            if kind == "dropoff" and b.boarded_at_s is not None:
                latest = min(latest, b.boarded_at_s + b.max_ride_s)
            if seen.starts[k] > latest:
                return True
        return seen.depot > vehicle.end_time_s

    def _pushed(self, actions: Actions, bookings: Bookings, seen: Solution) -> list[int]:
        """How late each service has to start so that no ride is longer than it may be."""
        low = list(seen.starts)
        for p, (kind, booking) in enumerate(actions):
            if kind == "pickup":
                d = actions.index(Action("dropoff", booking))
                excess = seen.starts[d] - seen.ends[p] - bookings[booking].max_ride_s
                low[p] += max(0, excess)
        return low

    def _cost(
        self, actions: Actions, bookings: Bookings, starts: list[int], ends: list[int]
    ) -> int:
        w, cost = self.p.weights, 0
        boarded = {b.id: b.boarded_at_s for b in bookings.values()}
        for k, (kind, booking) in enumerate(actions):
            b = bookings[booking]
            if kind == "pickup":
                boarded[booking] = ends[k]
                wait = starts[k] - b.wish_earliest_s
                cost += b.persons * (w.wait * wait + w.walk * b.walk_s)
            else:
                cost += b.persons * w.ride * (starts[k] - boarded[booking])
        return cost

    def best_insertions(self, request: Request) -> list[tuple[int, ...]]:
        """All positions tried: (cost, vehicle, pair, i, j, times of the party) in order."""
        found = []
        for v, vehicle in enumerate(self.p.vehicles):
            before = self.solve(vehicle, vehicle.route, self.p.bookings)
            for pair in range(len(request.pairs)):
                options = self._options(vehicle, request, pair) if before else []
                if options:
                    cost, *rest = min(options)
                    found.append((cost - before.cost, v, pair, *rest))
        return sorted(found)

    def _options(self, vehicle: Vehicle, request: Request, pair: int) -> list[tuple[int, ...]]:
        bookings = {**self.p.bookings, request.id: request.booking(pair)}
        on, off = Action("pickup", request.id), Action("dropoff", request.id)
        options, r = [], vehicle.route
        for i in range(vehicle.locked, len(r) + 1):
            for j in range(i, len(r) + 1):
                after = self.solve(vehicle, (*r[:i], on, *r[i:j], off, *r[j:]), bookings)
                if after:
                    times = after.starts[i], after.ends[i], after.starts[j + 1]
                    options.append((after.cost, i, j, *times))
        return options


def _closed_matrix(rng: random.Random, stops: int) -> np.ndarray:
    unit = rng.choice([1, 10])
    matrix = [[unit * rng.randint(0, 90 // unit) for _ in range(stops)] for _ in range(stops)]
    for k in range(stops):
        matrix[k][k] = 0
    for k in range(stops):
        for i in range(stops):
            for j in range(stops):
                matrix[i][j] = min(matrix[i][j], matrix[i][k] + matrix[k][j])
    return np.array(matrix)


def _random_route(rng: random.Random, riders: list[tuple[str, bool]]) -> list[Action]:
    """Any order in which everybody boards before alighting."""
    waiting = [r for r, aboard in riders if not aboard]
    aboard = [r for r, on in riders if on]
    route = []
    while waiting or aboard:
        k = rng.randrange(len(waiting) + len(aboard))
        if k < len(waiting):
            route.append(Action("pickup", waiting[k]))
            aboard.append(waiting.pop(k))
        else:
            route.append(Action("dropoff", aboard.pop(k - len(waiting))))
    return route


def draw_case(rng: random.Random, *, riders: int = 4) -> Case:
    """A problem whose limits lie close around what the vehicles can just do."""
    stops = rng.randint(2, 5)
    matrix = _closed_matrix(rng, stops)
    profile = SimpleNamespace(
        base_s=EPOCH - rng.randint(0, 2) * 3600,
        speed_permille=[rng.choice([250, 500, 800, 1000, 1500]) for _ in range(rng.randint(1, 4))],
    )
    weights = Weights(*[rng.choice([0, 300, 1000, 2500]) for _ in range(4)])
    setup_s = rng.choice([0, 5, 30])
    bare = build_problem(
        matrix_s=matrix,
        profile=profile,
        vehicles=[],
        bookings=[],
        weights=weights,
        setup_s=setup_s,
    )
    rules = Rules(bare)
    now = EPOCH + rng.choice([0, -60, -200, 1800, 3500])
    vehicles, bookings = [], {}
    for name in ("a", "b"):
        ids = [(f"{name}{n}", rng.random() < 0.3) for n in range(rng.randint(0, riders))]
        vehicle = _draw_vehicle(rng, name, matrix, now)
        vehicle, own = _draw_limits(rng, rules, vehicle, _random_route(rng, ids), dict(ids))
        vehicles.append(vehicle)
        bookings.update(own)
    problem = build_problem(
        matrix_s=matrix,
        profile=profile,
        vehicles=vehicles,
        bookings=bookings.values(),
        weights=weights,
        setup_s=setup_s,
    )
    return Case(problem, _draw_request(rng, rules, now, stops))


def _draw_vehicle(rng: random.Random, name: str, matrix: np.ndarray, now: int) -> Vehicle:
    stops = len(matrix)
    standing = rng.random() < 0.6
    near = rng.randrange(stops)
    return Vehicle(
        id=name,
        start_time_s=now + rng.randint(0, 60),
        start_stop=near if standing else -1,
        end_stop=rng.randrange(stops),
        end_time_s=0,
        configurations=rng.choice(CONFIGURATIONS),
        start_dwelling=standing and rng.random() < 0.5,
        start_leg_s=None if standing else matrix[near] + rng.randint(0, 20),
    )


def _draw_party(
    rng: random.Random,
    rules: Rules,
    vehicle: Vehicle,
    name: str,
    aboard: bool,  # noqa: FBT001 - a drawn value
) -> Booking:
    stops = len(rules.p.matrix_s)
    wheelchair = int(rng.random() < 0.2)
    return Booking(
        id=name,
        pickup_stop=rng.randrange(stops),
        dropoff_stop=rng.randrange(stops),
        pickup_earliest_s=0,
        pickup_latest_s=0,
        arrival_latest_s=0,
        max_ride_s=0,
        wish_earliest_s=0,
        seats=1 - wheelchair if rng.random() < 0.8 else 2,
        wheelchairs=wheelchair,
        persons=rng.randint(1, 3),
        board_s=rng.choice([0, 5, 20]),
        walk_s=rng.randint(0, 50),
        boarded_at_s=vehicle.start_time_s - rng.randint(0, 50) if aboard else None,
    )


def _draw_limits(
    rng: random.Random,
    rules: Rules,
    vehicle: Vehicle,
    route: list[Action],
    aboard: dict[str, bool],
) -> tuple[Vehicle, Bookings]:
    """Bookings for a route whose windows lie around the times at which it would run."""
    bookings = {b: _draw_party(rng, rules, vehicle, b, on) for b, on in aboard.items()}
    legs, dwell = rules.lay_out(vehicle, route, bookings)
    now, since = vehicle.start_time_s, {b: bookings[b].boarded_at_s for b in aboard}
    waited = dict.fromkeys(aboard, 0)
    for k, (kind, name) in enumerate(route):
        b = bookings[name]
        now = rules.drive(now, legs[k])
        if kind == "pickup":
            earliest = now + rng.randint(-30, 60)
            waited = {other: s + max(0, earliest - now) for other, s in waited.items()}
            now, waited[name] = max(now, earliest), 0
            bookings[name] = replace(
                b,
                pickup_earliest_s=earliest,
                pickup_latest_s=now + rng.choice([0, 10, 60, 200, 400]),
                wish_earliest_s=earliest - rng.randint(0, 60),
            )
            since[name] = now + dwell[k]
        else:
            slack = rng.choice([0, 10, 60, 60, 200])
            if b.boarded_at_s is None and rng.random() < 0.5:
                slack = -rng.randint(0, waited[name])  # waiting before the pick-up can save that
            if rng.random() < 0.05:
                slack = -rng.randint(1, 20)
            bookings[name] = replace(
                b,
                arrival_latest_s=now + rng.choice([0, 20, 100, 300, 600]),
                max_ride_s=max(0, now - since[name] + slack),
            )
        now += dwell[k]
    end = rules.drive(now, legs[-1]) + rng.choice([0, 50, 300, 900])
    locked = rng.choice([0, 0, 0, 1, 2])
    return replace(
        vehicle, route=tuple(route), end_time_s=end, locked=min(locked, len(route))
    ), bookings


def _draw_request(rng: random.Random, rules: Rules, now: int, stops: int) -> Request:
    pairs = []
    for _ in range(rng.randint(1, 3)):
        on, off = rng.randrange(stops), rng.randrange(stops)
        earliest = now + rng.randint(0, 200)
        latest = earliest + rng.choice([0, 30, 200, 400])
        ride = rules.drive(earliest, int(rules.p.matrix_s[on, off])) - earliest
        ride = max(0, ride + rng.choice([-10, 0, 30, 100, 300]))
        arrival = latest + ride + rng.choice([-50, 0, 100])
        pairs.append(StopPair(on, off, earliest, latest, arrival, ride, rng.randint(0, 60)))
    wheelchair = int(rng.random() < 0.2)
    return Request(
        id="new",
        pairs=tuple(pairs),
        wish_earliest_s=now,
        seats=rng.randint(1 - wheelchair, 2),
        wheelchairs=wheelchair,
        persons=rng.randint(1, 2),
        board_s=rng.choice([0, 5, 20]),
    )


@pytest.fixture(scope="session")
def plans() -> SimpleNamespace:
    """Random cases and the naive rules, with the kernels compiled before any clock runs."""
    warm_up()
    return SimpleNamespace(draw_case=draw_case, Rules=Rules)
