"""OR-Tools' routing solver on small plans: as good as trying everything, or it says why not."""

import random
from dataclasses import replace
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest

from routing.plans import (
    Action,
    Booking,
    Problem,
    Request,
    StopPair,
    Vehicle,
    Weights,
    build_problem,
    evaluate,
    replace_vehicle,
)
from routing.plans.claims import verify
from routing.plans.errors import UnsupportedProblemError
from routing.plans.insertion import route_with
from routing.plans.ortools_solver import solve
from routing.plans.records import Break

STOPS = 9
SHIFT_S = 4 * 3600


class Speed:
    def __init__(self, *speed_permille: int) -> None:
        self.base_s = 0
        self.speed_permille = np.array(speed_permille, dtype=np.int32)


def town(rng: random.Random, **changes: Any) -> Problem:
    """Two vehicles with different depots and ends, nobody on a route yet."""
    points = [(rng.randrange(2000), rng.randrange(2000)) for _ in range(STOPS)]
    legs = [[abs(a - c) + abs(b - d) for c, d in points] for a, b in points]
    vehicles = [
        Vehicle("a", 600, 0, 1, SHIFT_S, ((2, 1),), max_route_s=SHIFT_S),
        Vehicle("b", 0, 2, 2, SHIFT_S, ((3, 0),)),
    ]
    parts: dict[str, Any] = {
        "matrix_s": np.array(legs) // 2,
        "profile": Speed(900),
        "vehicles": vehicles,
        "bookings": [],
        "weights": Weights(1000, 300, 300, 600, unserved_s=7200),
        "setup_s": 0,
    }
    legs_s = parts["matrix_s"]
    for k in range(STOPS):
        legs_s = np.minimum(legs_s, legs_s[:, k, None] + legs_s[None, k])
    return build_problem(**parts | {"matrix_s": legs_s} | changes)


def request(rng: random.Random, problem: Problem, name: str, pairs: int) -> Request:
    earliest = rng.randrange(3600)
    found = []
    for _ in range(pairs):
        pickup, dropoff = rng.sample(range(STOPS), 2)
        direct = int(problem.matrix_s[pickup, dropoff])
        found.append(
            StopPair(
                pickup,
                dropoff,
                earliest,
                earliest + 1200,
                earliest + 3600 + 2 * direct,
                direct * 3 // 2 + 300,
                walk_s=rng.randrange(200),
                dropoff_earliest_s=earliest + rng.choice([0, 600]),
            )
        )
    return Request(name, tuple(found), earliest, seats=rng.choice([1, 2]), board_s=20)


def cheapest(problem: Problem, requests: list[Request]) -> int:
    """The least cost of all ways to serve these requests or leave them out, orders included."""
    unserved = problem.weights.drive * problem.weights.unserved_s
    best = unserved * len(requests)
    ways = [[None, *product(range(2), range(len(r.pairs)))] for r in requests]
    known: dict[Any, int | None] = {}
    for choice in product(*ways):
        total = unserved * sum(way is None for way in choice)
        for vehicle in range(2):
            mine = tuple(
                (k, way[1]) for k, way in enumerate(choice) if way is not None and way[0] == vehicle
            )
            if (vehicle, mine) not in known:
                known[vehicle, mine] = best_order(problem, vehicle, requests, mine)
            cost = known[vehicle, mine]
            total = 1 << 62 if cost is None else total + cost
        best = min(best, total)
    return best


def best_order(
    problem: Problem, vehicle: int, requests: list[Request], mine: tuple[tuple[int, int], ...]
) -> int | None:
    bookings = [requests[k].booking(pair) for k, pair in mine]
    actions = [Action(kind, b.id) for b in bookings for kind in ("pickup", "dropoff")]
    best: int | None = None
    for order in permutations(actions):
        if any(
            order.index(Action("pickup", b.id)) > order.index(Action("dropoff", b.id))
            for b in bookings
        ):
            continue
        trial = replace(problem.vehicles[vehicle], route=order)
        found = evaluate(replace_vehicle(problem, vehicle, trial, bookings), vehicle)
        if found.feasible and (best is None or found.cost < best):
            best = found.cost
    return best


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """The first call compiles kernels, which is not to use up the time of a solver."""
    evaluate(town(random.Random(0)), 0)


@pytest.mark.parametrize("seed", range(8))
def test_small_plans_are_as_good_as_any(seed: int) -> None:
    rng = random.Random(seed)
    problem = town(rng)
    requests = [request(rng, problem, f"r{k}", 1 + k % 2) for k in range(3)]
    found = solve(problem, requests, 1.0, seed)
    assert verify(found.problem) == []
    cost = sum(evaluate(found.problem, v).cost for v in range(2))
    assert found.cost == cost + 7_200_000 * (3 - len(found.served))
    assert found.cost == cheapest(problem, requests)
    assert set(found.served) == set(found.problem.bookings)
    for name, pair in found.served.items():
        assert found.problem.bookings[name] == requests[int(name[1:])].booking(pair)


def planned(rng: random.Random) -> Problem:
    """Two bookings on the same vehicle, one after the other."""
    problem = town(rng)
    for k in range(2):
        asked = request(rng, problem, f"r{k}", 1)
        far = replace(asked.pairs[0], pickup_latest_s=9000, arrival_latest_s=12_000)
        asked = replace(asked, pairs=(far,))
        end = len(problem.vehicles[0].route)
        at_end = replace_insertion(end)
        problem = route_with(problem, 0, asked, at_end).problem
    return problem


def replace_insertion(position: int) -> Any:
    from routing.plans import Insertion  # noqa: PLC0415 - only here

    return Insertion(0, 0, position, position, 0, 0, 0, 0)


def test_bookings_on_routes_stay_served_and_never_cost_more() -> None:
    improved = 0
    for seed in range(10):
        problem = planned(random.Random(seed))
        if not evaluate(problem, 0).feasible:
            continue
        found = solve(problem, [], 0.3, seed)
        assert verify(found.problem) == []
        assert found.cost <= found.cost_before
        improved += found.cost < found.cost_before
    assert improved > 0


def test_nothing_to_do_and_no_time_leave_the_plan_as_it_is() -> None:
    rng = random.Random(1)
    problem = town(rng)
    asked = [request(rng, problem, "r0", 1)]
    assert solve(problem, [], 1, 0).problem is problem
    late = solve(problem, asked, 0, 0)
    assert (late.problem, late.served) == (problem, {})
    home = evaluate(problem, 0).cost  # its shift ends elsewhere
    assert late.cost == late.cost_before == home + 7_200_000
    nobody = town(rng, vehicles=[])
    assert solve(nobody, asked, 1, 0).served == {}


def with_vehicle(**changes: Any) -> Problem:
    problem = town(random.Random(1))
    return replace_vehicle(problem, 0, replace(problem.vehicles[0], **changes))


def with_rider() -> Problem:
    problem = town(random.Random(1))
    aboard = Booking("x", 3, 4, 0, 900, 9000, 9000, 0, boarded_at_s=100)
    vehicle = replace(problem.vehicles[0], route=(Action("dropoff", "x"),))
    return replace_vehicle(problem, 0, vehicle, [aboard])


def with_lock() -> Problem:
    problem = planned(random.Random(1))
    return replace_vehicle(problem, 0, replace(problem.vehicles[0], locked=1))


@pytest.mark.parametrize(
    ("problem", "feature"),
    [
        (lambda: town(random.Random(1), profile=Speed(900, 800)), "traffic that changes"),
        (with_rider, "riders on board"),
        (with_lock, "locked actions"),
        (
            lambda: with_vehicle(breaks=(Break("p", 0, 9000, 900),), route=(Action("break", "p"),)),
            "breaks",
        ),
        (lambda: with_vehicle(configurations=((2, 0), (1, 1))), "several capacity configurations"),
        (
            lambda: town(random.Random(1), weights=Weights(1000, 1, 2, 3)),
            "riding dearer than waiting",
        ),
    ],
)
def test_what_it_cannot_express_is_refused(problem: Any, feature: str) -> None:
    with pytest.raises(UnsupportedProblemError, match=feature) as refused:
        solve(problem(), [], 1, 0)
    assert refused.value.code == "plans_unsupported"
