"""`rufbus bench insertion`: how long it takes to find the best place for one request.

A made-up town: stops in a square, driving times between them by the crow flies at town speed, and
vehicles that are full of riders with promises, because the planner itself put them there. What is
timed is the public call, one distinct random request after the other, in CPU time of the thread
(which is time on the clock if the machine has nothing else to do). A sample of the answers is
compared with trying every position, and the whole plan goes through the verifier.
"""

from __future__ import annotations

import gc
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from routing.plans import (
    Insertion,
    Insertions,
    Problem,
    Request,
    StopPair,
    Vehicle,
    Weights,
    best_insertions,
    build_problem,
    evaluate,
    route_with,
    warm_up,
)
from routing.plans.claims import verify
from simulations.benchmarks.errors import BenchmarkError
from simulations.benchmarks.table import Column, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COLUMNS = (
    Column("vehicles", 8),
    Column("visits", 6, 1),
    Column("pairs", 5),
    Column("traffic", -7),
    Column("answer", -7),
    Column("median_us", 9, 1),
    Column("p99_us", 8, 1),
    Column("call_us", 7, 1),
    Column("feasible", 8, 2),
    Column("samples", 7),
    Column("verified", 8),
)
_STOPS, _TOWN_M, _SPEED_MS, _WALK_MS = 800, 12_000, 9.0, 1.2
_HORIZON_S, _SHIFT_S, _WINDOW_S = 7200, 4 * 3600, 600
_SETUP_S, _BOARD_S = 15, 10
_FEWEST, _MOST = 12, 20  # visits of a vehicle
_GROUP = 50  # vehicles filled at once
_WEIGHTS = Weights(drive=1000, wait=300, ride=300, walk=600)
_ALL_DAY_S = 86_400  # as distance in time between answers: only one
_SAMPLES, _SECONDS = 2000, 3.0
_TRIALS = 600  # about as many positions are tried to check the answers of one row
_ANSWERS, _REQUESTS = 2, 500  # so many with an answer, if that many requests find any


@dataclass(frozen=True)
class Traffic:
    """Progress by hour."""

    base_s: int
    speed_permille: npt.NDArray[np.int32]


TRAFFIC = {
    "flat": Traffic(0, np.array([1000], dtype=np.int32)),
    "hourly": Traffic(0, np.array([900, 700, 800, 1000, 850, 950], dtype=np.int32)),
}


class Town(NamedTuple):
    """Stops, and how long it takes between them."""

    points: npt.NDArray[np.float64]  # float64[S, 2], metres
    matrix_s: npt.NDArray[np.int32]  # int32[S, S]
    nearest: npt.NDArray[np.int64]  # int64[S, 3], itself first


class Times(NamedTuple):
    """What single calls took, and how many found an answer."""

    each_us: npt.NDArray[np.float64]
    feasible: float


class Fleet(NamedTuple):
    """Vehicles with routes, and the riders on them."""

    vehicles: tuple[Vehicle, ...]
    bookings: tuple[tuple[str, Request, int], ...]  # (vehicle, request, pair)


def run(fleets: Sequence[int], seed: int = 0) -> Iterator[Row]:
    """One row per fleet, number of stop pairs, traffic and kind of answer.

    `best` is the cheapest insertion for every stop pair, `every` that of every vehicle as well;
    `call_us` is what the call takes with nothing to search: one idle vehicle.

    Raises:
        BenchmarkError: the town could not fill the vehicles.
    """
    warm_up()
    town = make_town(seed)
    for name, traffic in TRAFFIC.items():
        fleet = filled_fleet(town, traffic, max(fleets), seed)
        for vehicles in fleets:
            problem = _problem(town, traffic, fleet, vehicles)
            plan_holds = verify(problem) == []
            for pairs in (1, 9):
                for answer, apart_s in (("best", _ALL_DAY_S), ("every", None)):
                    rng = random.Random(f"{seed} {pairs}")  # noqa: S311 - demand, no secret
                    times = timed(problem, town, rng, pairs, apart_s)
                    idle = _problem(town, traffic, Fleet((_vehicle(0, 0),), ()), 1)
                    call = timed(idle, town, rng, pairs, apart_s, _SAMPLES // 4)
                    yield {
                        "vehicles": vehicles,
                        "visits": _visits(problem),
                        "pairs": pairs,
                        "traffic": name,
                        "answer": answer,
                        "median_us": round(float(np.median(times.each_us)), 2),
                        "p99_us": round(float(np.percentile(times.each_us, 99)), 2),
                        "call_us": round(float(np.median(call.each_us)), 2),
                        "feasible": round(times.feasible, 4),
                        "samples": len(times.each_us),
                        "verified": plan_holds and answers_hold(problem, town, rng, pairs, apart_s),
                    }


def make_town(seed: int, stops: int = _STOPS) -> Town:
    """Random stops; times are rounded up, so the triangle inequality holds."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, _TOWN_M, (stops, 2))
    metres = np.hypot(*(points[:, None, :] - points[None, :, :]).transpose(2, 0, 1))
    nearest = np.argsort(metres, axis=1, kind="stable")[:, :3]
    return Town(points, np.ceil(metres / _SPEED_MS).astype(np.int32), nearest)


def random_request(
    town: Town, rng: random.Random, name: str, pairs: int, from_s: float, until_s: float
) -> Request:
    """Ten minutes to be picked up in, a ride of at most one and a half times direct plus ten.

    With nine pairs, three stops at either end with the walk to them.
    """
    stops = len(town.points)
    origin, goal = rng.sample(range(stops), 2)
    earliest = round(rng.uniform(from_s, until_s))
    count = round(pairs**0.5)
    found = []
    for pickup in town.nearest[origin, :count].tolist():
        for dropoff in town.nearest[goal, :count].tolist():
            walk_m = np.hypot(*(town.points[pickup] - town.points[origin]))
            walk_m += np.hypot(*(town.points[dropoff] - town.points[goal]))
            direct_s = int(town.matrix_s[pickup, dropoff])
            longest_s = direct_s * 3 // 2 + 600
            latest = earliest + _WINDOW_S
            arrival = latest + _SETUP_S + _BOARD_S + longest_s
            walk_s = round(walk_m / _WALK_MS)
            found.append(StopPair(pickup, dropoff, earliest, latest, arrival, longest_s, walk_s))
    seats = rng.choices((1, 2, 3), (80, 15, 5))[0]
    return Request(name, tuple(found), earliest, seats=seats, persons=seats, board_s=_BOARD_S)


def filled_fleet(town: Town, traffic: Traffic, vehicles: int, seed: int) -> Fleet:
    """Vehicles with 12 to 20 visits each, put there one request at a time, each at its best."""
    rng = random.Random(seed)  # noqa: S311 - demand, no secret
    done: list[Vehicle] = []
    riders: list[tuple[str, Request, int]] = []
    while len(done) < vehicles:
        fresh = [_vehicle(len(done) + k, rng.randrange(len(town.points))) for k in range(_GROUP)]
        problem = _problem(town, traffic, Fleet(tuple(fresh), ()), _GROUP)
        problem = _fill(problem, town, rng, riders)
        done += problem.vehicles
    return Fleet(tuple(done), tuple(riders))


def timed(
    problem: Problem,
    town: Town,
    rng: random.Random,
    pairs: int,
    apart_s: int | None,
    samples: int = _SAMPLES,
) -> Times:
    """Distinct random requests, one call each, until there are enough of them or time is up."""
    requests = [random_request(town, rng, "new", pairs, 0, _HORIZON_S) for _ in range(samples)]
    for request in requests[:20]:
        best_insertions(problem, request, apart_s)
    each, feasible, end = [], 0, time.perf_counter() + _SECONDS
    gc.collect()
    gc.disable()
    try:
        for request in requests:
            begin = time.thread_time_ns()
            found = best_insertions(problem, request, apart_s)
            each.append(time.thread_time_ns() - begin)
            feasible += len(found) > 0
            if time.perf_counter() > end:
                break
    finally:
        gc.enable()
    return Times(np.array(each) / 1000, feasible / len(each))


def answers_hold(
    problem: Problem, town: Town, rng: random.Random, pairs: int, apart_s: int | None
) -> bool:
    """Whether a sample of answers is as cheap as any of the positions, and the plan then holds.

    Every position of every pair is tried in the answer's own vehicle and in some others; where the
    answer is that there is none, in some vehicles.
    """
    trials, answers, without = _TRIALS, 0, 0
    for k in range(_REQUESTS):
        request = random_request(town, rng, f"new {k}", pairs, 0, _HORIZON_S)
        found = best_insertions(problem, request, apart_s)
        answers, without = answers + (len(found) > 0), without + (len(found) == 0)
        if len(found) == 0 and without > _ANSWERS:
            continue
        fleet = len(problem.vehicles)
        tried = set(rng.sample(range(fleet), min(1 + max(trials, 0) // (200 * pairs), fleet)))
        tried |= {found[0].vehicle} if len(found) else set()
        if not _each_comes_once(found, apart_s) or not _holds(problem, request, found, tried):
            return False
        trials -= sum(pairs * (len(problem.vehicles[v].route) + 2) ** 2 // 2 for v in tried)
        if trials <= 0 and answers >= _ANSWERS:
            break
    return True


def _holds(problem: Problem, request: Request, found: Insertions, tried: set[int]) -> bool:
    costs = (brute_force(problem, vehicle, request) for vehicle in sorted(tried))
    least = min((cost for cost in costs if cost is not None), default=None)
    if len(found) == 0:
        return least is None
    changed = route_with(problem, found[0].vehicle, request, found[0]).problem
    own = changed.vehicles[found[0].vehicle]
    return found[0].cost == least and verify(_alone(changed, own)) == []


def brute_force(problem: Problem, vehicle: int, request: Request) -> int | None:
    """The least additional cost of all positions of all pairs in one route, each evaluated."""
    before = evaluate(problem, vehicle).cost
    count = len(problem.vehicles[vehicle].route)
    small = _alone(problem, problem.vehicles[vehicle])
    least: int | None = None
    for pair in range(len(request.pairs)):
        for i in range(count + 1):
            for j in range(i, count + 1):
                trial = route_with(small, 0, request, Insertion(0, pair, i, j, 0, 0, 0, 0))
                if trial.schedule.feasible:
                    cost = trial.schedule.cost - before
                    least = cost if least is None else min(cost, least)
    return least


def _fill(
    problem: Problem, town: Town, rng: random.Random, riders: list[tuple[str, Request, int]]
) -> Problem:
    wanted = {v.id: 2 * rng.randint(_FEWEST // 2, _MOST // 2) for v in problem.vehicles}
    for attempt in range(100 * len(wanted)):
        short = [v for v in problem.vehicles if len(v.route) < wanted[v.id]]
        if not short:
            return problem
        request = random_request(town, rng, f"{problem.vehicles[0].id}-{attempt}", 1, 0, _HORIZON_S)
        found = best_insertions(problem, request)
        for way in found:
            vehicle = problem.vehicles[way.vehicle]
            if len(vehicle.route) < wanted[vehicle.id]:
                problem = route_with(problem, way.vehicle, request, way).problem
                riders.append((vehicle.id, request, way.pair))
                break
    if any(len(v.route) < _FEWEST for v in problem.vehicles):
        raise BenchmarkError("there was no way to fill the vehicles with riders")
    return problem


def _vehicle(number: int, stop: int) -> Vehicle:
    return Vehicle(f"{number:05d}", 0, stop, stop, _SHIFT_S, ((8, 0), (5, 1)))


def _problem(town: Town, traffic: Traffic, fleet: Fleet, vehicles: int) -> Problem:
    chosen = fleet.vehicles[:vehicles]
    names = {vehicle.id for vehicle in chosen}
    return build_problem(
        matrix_s=town.matrix_s,
        profile=traffic,
        vehicles=chosen,
        bookings=[r.booking(pair) for vehicle, r, pair in fleet.bookings if vehicle in names],
        weights=_WEIGHTS,
        setup_s=_SETUP_S,
    )


def _alone(problem: Problem, vehicle: Vehicle) -> Problem:
    """The problem of this one vehicle."""
    return build_problem(
        matrix_s=problem.matrix_s,
        profile=Traffic(problem.base_s, problem.speed_permille),
        vehicles=[vehicle],
        bookings=[problem.bookings[b] for b in dict.fromkeys(a.booking for a in vehicle.route)],
        weights=problem.weights,
        setup_s=problem.setup_s,
    )


def _each_comes_once(found: Insertions, apart_s: int | None) -> bool:
    """Cheapest first; a pair once, or once for every vehicle."""
    keys = [(way.pair, way.vehicle if apart_s is None else -1) for way in found]
    return len(set(keys)) == len(keys) and list(found.cost) == sorted(found.cost)


def _visits(problem: Problem) -> float:
    return sum(len(v.route) for v in problem.vehicles) / len(problem.vehicles)
