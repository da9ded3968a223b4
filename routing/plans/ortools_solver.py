"""OR-Tools' routing solver for a whole plan: a second opinion, to compare ours with.

It plans anew whatever is not under way, with the settings that served it best on dial-a-ride
instances: parallel insertion, guided local search, ride limits told to the dimension beside the
constraints, and an alternative for leaving out every visit. What it cannot express is refused.
Set-up time counts at every action here, even where the vehicle stands at the stop already; what it
finds is priced and checked by our own rules in any case.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from routing.plans.errors import UnsupportedProblemError
from routing.plans.problem import Problem, build_problem
from routing.plans.records import UNREACHABLE_S, Action, Booking, Request
from routing.plans.schedules import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

_FOREVER = 1 << 45  # ticks or seconds later than any plan, small enough to add up
_MANDATORY = 1 << 50  # millicost of breaking a promise: more than any plan costs
_PERMILLE = 1000


@dataclass(frozen=True, eq=False)
class Solution:
    """What the solver made of a problem; the names mean what they mean in `Improvement`."""

    problem: Problem
    served: dict[str, int]
    cost: int
    cost_before: int


@dataclass(frozen=True)
class _Visit:
    """A node: a pick-up or a drop-off of one way to serve a party."""

    stop: int
    service_s: int
    seats: int
    wheelchairs: int
    earliest_s: int
    latest_s: int
    entry_cost: int  # millicost, whenever it is served
    second_cost: int  # millicost for every second after `earliest_s`


@dataclass(frozen=True)
class _Party:
    """All ways to serve a booking or a request; way k is visits 2k and 2k + 1."""

    id: str
    request: Request | None
    visits: tuple[_Visit, ...]
    max_ride_s: tuple[int, ...]


def solve(problem: Problem, requests: Sequence[Request], seconds: float, seed: int) -> Solution:
    """Plan all bookings on routes and as many requests as pay, by OR-Tools' routing solver.

    Args:
        problem: stays as it is; its routes say what must be served, not how.
        requests: each may be left out at the weights' `unserved_s`.
        seconds: wall time for everything; one thread.
        seed: of the solver's random numbers.

    Returns:
        The best plan found, or the routes as they were if it found none as good.

    Raises:
        UnsupportedProblemError: traffic that changes, riders on board, locks, breaks, several
            capacity configurations, or riding dearer than waiting.
        InvalidProblemError: a request is out of range.
    """
    begin = time.perf_counter()
    _refuse_unsupported(problem)
    parties = [_of_booking(problem, b) for b in _planned(problem)]
    parties += [_of_request(problem, request) for request in requests]
    unserved = problem.weights.drive * problem.weights.unserved_s
    before = _cost(problem) + unserved * len(requests)
    as_it_was = Solution(problem, {}, before, before)
    if not parties or not problem.vehicles:
        return as_it_was
    model = _Model(problem, parties, unserved)
    routes = model.search(seconds - (time.perf_counter() - begin), seed)
    if routes is None:
        return as_it_was
    found, served = _with_routes(problem, parties, routes)
    cost = _cost(found) + unserved * (len(requests) - len(served))
    schedules = [evaluate(found, v) for v in range(len(found.vehicles))]
    complete = sum(len(route) for route in routes) == 2 * (len(_planned(problem)) + len(served))
    if not complete or not all(s.feasible for s in schedules) or cost > before:
        return as_it_was
    return Solution(found, served, cost, before)


class _Model:
    """The problem as OR-Tools sees it; nodes are visits, then distinct starts and ends."""

    def __init__(self, problem: Problem, parties: Sequence[_Party], unserved: int) -> None:
        self._problem, self._parties = problem, parties
        self._visits = [visit for party in parties for visit in party.visits]
        starts, ends, legs = _nodes(problem, self._visits)
        self._manager = pywrapcp.RoutingIndexManager(len(legs), len(starts), starts, ends)
        self._routing = pywrapcp.RoutingModel(self._manager)
        self._add_costs(legs)
        self._time = self._time_dimension(legs)
        self._add_loads(len(legs))
        self._add_vehicles([int(legs[a, b]) for a, b in zip(starts, ends, strict=True)])
        self._add_parties(unserved)

    def search(self, seconds: float, seed: int) -> list[list[int]] | None:
        """Visits in order for each vehicle; None if there is no solution in time."""
        if seconds <= 0:
            return None
        parameters = pywrapcp.DefaultRoutingSearchParameters()
        first, better = routing_enums_pb2.FirstSolutionStrategy, routing_enums_pb2
        parameters.first_solution_strategy = first.PARALLEL_CHEAPEST_INSERTION
        parameters.local_search_metaheuristic = better.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
        parameters.time_limit.FromMilliseconds(max(int(1000 * seconds), 1))
        self._routing.solver().ReSeed(seed)
        solution = self._routing.SolveWithParameters(parameters)
        if solution is None:
            return None
        return [self._route(solution, v) for v in range(len(self._problem.vehicles))]

    def _route(self, solution: Any, vehicle: int) -> list[int]:
        route = []
        index = solution.Value(self._routing.NextVar(self._routing.Start(vehicle)))
        while not self._routing.IsEnd(index):
            route.append(self._manager.IndexToNode(index))
            index = solution.Value(self._routing.NextVar(index))
        return route

    def _add_costs(self, legs: npt.NDArray[np.int64]) -> None:
        entry = np.zeros(len(legs), dtype=np.int64)
        entry[: len(self._visits)] = [visit.entry_cost for visit in self._visits]
        costs = np.where(legs >= _FOREVER, _MANDATORY, legs * self._problem.weights.drive)
        costs = costs + entry[None, :]
        self._routing.SetArcCostEvaluatorOfAllVehicles(
            self._routing.RegisterTransitMatrix(costs.tolist())
        )

    def _time_dimension(self, legs: npt.NDArray[np.int64]) -> Any:
        service = np.zeros(len(legs), dtype=np.int64)
        service[: len(self._visits)] = [visit.service_s for visit in self._visits]
        transits = np.minimum(legs + service[:, None], _FOREVER).tolist()
        transit = self._routing.RegisterTransitMatrix(transits)
        end = max(vehicle.end_time_s for vehicle in self._problem.vehicles)
        self._routing.AddDimension(transit, end, end, False, "time")  # noqa: FBT003 - their API
        return self._routing.GetDimensionOrDie("time")

    def _add_loads(self, nodes: int) -> None:
        for name, column in (("seats", 0), ("wheelchairs", 1)):
            loads = [(v.seats, v.wheelchairs)[column] for v in self._visits]
            loads += [0] * (nodes - len(loads))
            places = [v.configurations[0][column] for v in self._problem.vehicles]
            demand = self._routing.RegisterUnaryTransitVector(loads)
            self._routing.AddDimensionWithVehicleCapacity(demand, 0, places, True, name)  # noqa: FBT003

    def _add_vehicles(self, ways_home_s: Sequence[int]) -> None:
        for v, vehicle in enumerate(self._problem.vehicles):
            span = (vehicle.start_time_s, vehicle.end_time_s)
            for index in (self._routing.Start(v), self._routing.End(v)):
                self._time.CumulVar(index).SetRange(*span)
            if ways_home_s[v] > 0:
                self._routing.SetVehicleUsedWhenEmpty(True, v)  # noqa: FBT003 - it drives home anyway
            if vehicle.max_route_s is not None:
                self._time.SetSpanUpperBoundForVehicle(vehicle.max_route_s, v)

    def _add_parties(self, unserved: int) -> None:
        solver, first, pair = self._routing.solver(), 0, 0
        for party in self._parties:
            indices = [self._manager.NodeToIndex(first + k) for k in range(len(party.visits))]
            first += len(party.visits)
            penalty = _MANDATORY if party.request is None else unserved
            # Every visit may be left out: with mandatory ones it often finds no first solution.
            self._routing.AddDisjunction(indices[0::2], penalty - penalty // 2, 1)
            self._routing.AddDisjunction(indices[1::2], penalty // 2, 1)
            for index, visit in zip(indices, party.visits, strict=True):
                time_var = self._time.CumulVar(index)
                time_var.SetRange(visit.earliest_s, visit.latest_s)
                if visit.second_cost > 0:
                    self._time.SetCumulVarSoftUpperBound(index, visit.earliest_s, visit.second_cost)
            for k, max_ride_s in enumerate(party.max_ride_s):
                pickup, dropoff = indices[2 * k], indices[2 * k + 1]
                self._routing.AddPickupAndDelivery(pickup, dropoff)
                same = self._routing.VehicleVar(pickup) == self._routing.VehicleVar(dropoff)
                solver.Add(same)
                at_p, at_d = self._time.CumulVar(pickup), self._time.CumulVar(dropoff)
                longest = party.visits[2 * k].service_s + max_ride_s
                solver.Add(at_p <= at_d)
                solver.Add(at_d - at_p <= longest)
                self._time.SetPickupToDeliveryLimitFunctionForPair(_always(longest), pair)
                pair += 1


def _always(limit: int) -> Callable[[int, int], int]:
    return lambda _pickup, _dropoff: limit


def _refuse_unsupported(problem: Problem) -> None:
    weights, vehicles = problem.weights, problem.vehicles
    reasons = {
        "traffic that changes by hour": len(set(problem.speed_permille.tolist())) > 1,
        "riders on board": any(b.boarded_at_s is not None for b in _planned(problem)),
        "locked actions": any(vehicle.locked > 0 for vehicle in vehicles),
        "breaks": any(vehicle.breaks for vehicle in vehicles),
        "several capacity configurations": any(len(v.configurations) > 1 for v in vehicles),
        "riding dearer than waiting": weights.ride > weights.wait,
    }
    for feature, present in reasons.items():
        if present:
            raise UnsupportedProblemError(f"OR-Tools' routing solver is not told about {feature}")


def _planned(problem: Problem) -> list[Booking]:
    """The bookings on routes, in order of their pick-ups."""
    on_routes = dict.fromkeys(a.booking for v in problem.vehicles for a in v.route)
    return [problem.bookings[b] for b in on_routes if b in problem.bookings]


def _of_booking(problem: Problem, booking: Booking) -> _Party:
    return _Party(booking.id, None, _visits(problem, booking), (booking.max_ride_s,))


def _of_request(problem: Problem, request: Request) -> _Party:
    ways = [request.booking(pair) for pair in range(len(request.pairs))]
    visits = tuple(visit for way in ways for visit in _visits(problem, way))
    return _Party(request.id, request, visits, tuple(way.max_ride_s for way in ways))


def _visits(problem: Problem, b: Booking) -> tuple[_Visit, _Visit]:
    """Pick-up and drop-off; what waiting and riding cost, as costs of being there later."""
    w, service = problem.weights, b.board_s + problem.setup_s
    leg = _wall(problem, int(problem.matrix_s[b.pickup_stop, b.dropoff_stop]))
    alight = b.pickup_earliest_s + service + leg
    if b.dropoff_earliest_s is not None:
        alight = max(alight, b.dropoff_earliest_s)
    least = w.wait * (b.pickup_earliest_s - b.wish_earliest_s) + w.walk * b.walk_s
    least += w.ride * (alight - b.pickup_earliest_s - service)
    at_pickup = _Visit(
        stop=b.pickup_stop,
        service_s=service,
        seats=b.seats,
        wheelchairs=b.wheelchairs,
        earliest_s=b.pickup_earliest_s,
        latest_s=b.pickup_latest_s,
        entry_cost=max(b.persons * least, 0),
        second_cost=b.persons * (w.wait - w.ride),
    )
    at_dropoff = _Visit(
        stop=b.dropoff_stop,
        service_s=service,
        seats=-b.seats,
        wheelchairs=-b.wheelchairs,
        earliest_s=min(alight, b.arrival_latest_s),
        latest_s=b.arrival_latest_s,
        entry_cost=0,
        second_cost=b.persons * w.ride,
    )
    return at_pickup, at_dropoff


def _nodes(
    problem: Problem, visits: Sequence[_Visit]
) -> tuple[list[int], list[int], npt.NDArray[np.int64]]:
    """(start nodes, end nodes, wall seconds between all nodes); equal places share a node."""
    stops = [visit.stop for visit in visits]
    matrix = problem.matrix_s.astype(np.int64)
    rows = [matrix[stop] for stop in stops]
    places: dict[object, int] = {}
    starts: list[int] = []
    ends: list[int] = []
    for v, vehicle in enumerate(problem.vehicles):
        here = ("stop", vehicle.start_stop) if vehicle.start_leg_s is None else ("vehicle", v)
        for key, chosen in ((here, starts), (("stop", vehicle.end_stop), ends)):
            if key not in places:
                places[key] = len(rows)
                own = key[0] == "vehicle"
                rows.append(problem.start_legs_s[v].astype(np.int64) if own else matrix[key[1]])
                stops.append(vehicle.end_stop if own else key[1])
            chosen.append(places[key])
    legs = np.array([row[stops] for row in rows], dtype=np.int64).reshape(len(rows), len(rows))
    speed = int(problem.speed_permille[0])
    return starts, ends, np.where(legs >= UNREACHABLE_S, _FOREVER, -(-legs * _PERMILLE // speed))


def _wall(problem: Problem, leg_s: int) -> int:
    return -(-leg_s * _PERMILLE // int(problem.speed_permille[0]))


def _with_routes(
    problem: Problem, parties: Sequence[_Party], routes: Sequence[Sequence[int]]
) -> tuple[Problem, dict[str, int]]:
    """The problem with these visits in place, and which pair serves which request."""
    actions, pairs = [], []
    for party in parties:
        for k in range(len(party.visits)):
            actions.append(Action("dropoff" if k % 2 else "pickup", party.id))
            pairs.append((party, k // 2))
    used = {node for route in routes for node in route}
    served = {p.id: pair for node, (p, pair) in enumerate(pairs) if node in used and p.request}
    bookings = dict(problem.bookings)
    bookings |= {
        party.id: party.request.booking(served[party.id])
        for party in parties
        if party.request is not None and party.id in served
    }
    vehicles = [
        replace(vehicle, route=tuple(actions[node] for node in route))
        for vehicle, route in zip(problem.vehicles, routes, strict=True)
    ]
    profile = SimpleNamespace(base_s=problem.base_s, speed_permille=problem.speed_permille)
    changed = build_problem(
        matrix_s=problem.matrix_s,
        profile=profile,
        vehicles=vehicles,
        bookings=bookings.values(),
        weights=problem.weights,
        setup_s=problem.setup_s,
    )
    return changed, served


def _cost(problem: Problem) -> int:
    return sum(evaluate(problem, v).cost for v in range(len(problem.vehicles)))
