"""The best combination of routes, against trying everything."""

import random
import time
from itertools import combinations, pairwise

import numpy as np
import pytest

from routing.plans.partition import (
    MANDATORY,
    Ints,
    RoutePool,
    choose_routes,
)


def pool_of(routes: list[tuple[int, list[int], int]]) -> RoutePool:
    """From (cost, requests, vehicle class)."""
    begin = np.cumsum([0, *(len(requests) for _, requests, _ in routes)])
    requests = np.array([q for _, members, _ in routes for q in members], np.int64)
    costs = np.array([cost for cost, _, _ in routes], np.int64)
    return RoutePool(costs, begin, requests, np.array([c for *_, c in routes], np.int64))


def cost_of(
    routes: list[tuple[int, list[int], int]], sizes: list[int], penalties: list[int], chosen: Ints
) -> int | None:
    """What a choice costs, None if it is not allowed."""
    picked = [routes[k] for k in chosen]
    served = [q for _, members, _ in picked for q in members]
    missing = set(range(len(penalties))) - set(served)
    if len(served) != len(set(served)) or any(penalties[q] == MANDATORY for q in missing):
        return None
    if any(sum(c == which for *_, c in picked) > size for which, size in enumerate(sizes)):
        return None
    return sum(cost for cost, *_ in picked) + sum(penalties[q] for q in missing)


def random_case(seed: int) -> tuple[list[tuple[int, list[int], int]], list[int], list[int]]:
    rng = random.Random(seed)
    count = rng.randrange(1, 7)
    sizes = [rng.randrange(0, 3) for _ in range(rng.randrange(1, 4))]
    routes = [
        (
            rng.randrange(-5, 60),
            rng.sample(range(count), rng.randrange(1, min(count, 3) + 1)),
            rng.randrange(len(sizes)),
        )
        for _ in range(rng.randrange(0, 11))
    ]
    penalties = [rng.choice([MANDATORY, rng.randrange(80)]) for _ in range(count)]
    return routes, sizes, penalties


@pytest.mark.parametrize("seed", range(150))
def test_small_pools_are_solved_to_the_optimum(seed: int) -> None:
    routes, sizes, penalties = random_case(seed)
    best: int | None = None
    solutions = []
    for size in range(len(routes) + 1):
        for chosen in combinations(range(len(routes)), size):
            cost = cost_of(routes, sizes, penalties, np.array(chosen, np.int64))
            if cost is not None:
                solutions.append(chosen)
                best = cost if best is None else min(best, cost)
    rng = random.Random(seed)
    incumbent = rng.choice(solutions) if solutions and rng.random() < 0.5 else None
    found = choose_routes(pool_of(routes), sizes, penalties, incumbent)
    assert (found is None) == (best is None)
    if found is not None:
        assert cost_of(routes, sizes, penalties, found) == best


def large_case(seed: int, columns: int) -> tuple[RoutePool, list[int], list[int], list[int]]:
    """Routes along a line of 60 requests for 8 vehicles; the incumbent is one cut of it."""
    rng = random.Random(seed)
    count, vehicles = 60, 8
    bounds = [0, 7, 15, 22, 30, 37, 45, 52, 60]
    routes = [(1000 + rng.randrange(400), list(range(a, b)), 0) for a, b in pairwise(bounds)]
    while len(routes) < columns:
        begin, length = rng.randrange(count), rng.randrange(4, 12)
        members = [q for q in range(begin, min(begin + length, count)) if rng.random() < 0.9]
        if members:
            routes.append((300 + 100 * len(members) + rng.randrange(400), members, 0))
    return pool_of(routes), [vehicles], [400] * count, list(range(8))


def total(pool: RoutePool, penalties: list[int], chosen: Ints) -> int:
    served = [q for k in chosen for q in pool.requests[pool.begin[k] : pool.begin[k + 1]]]
    assert len(served) == len(set(served))
    missing = set(range(len(penalties))) - set(served)
    return int(pool.costs[chosen].sum()) + sum(penalties[q] for q in missing)


def test_thousands_of_routes_are_combined_and_every_time_alike() -> None:
    pool, sizes, penalties, incumbent = large_case(1, 3000)
    found = [choose_routes(pool, sizes, penalties, incumbent) for _ in range(2)]
    alone = choose_routes(pool, sizes, penalties)
    assert found[0] is not None
    assert found[1] is not None
    assert alone is not None
    assert found[0].tolist() == found[1].tolist()
    assert len(found[0]) <= sizes[0]
    best = total(pool, penalties, found[0])
    assert best < total(pool, penalties, np.array(incumbent))
    assert total(pool, penalties, alone) == best


@pytest.mark.parametrize("limit", [{"seconds": 0.02}, {"seconds": 0.0}, {"effort": 1e-6}])
def test_limits_leave_the_incumbent_or_something_better(limit: dict[str, float]) -> None:
    pool, sizes, penalties, incumbent = large_case(2, 4000)
    begin = time.perf_counter()
    found = choose_routes(pool, sizes, penalties, incumbent, **limit)
    assert found is not None
    assert total(pool, penalties, found) <= total(pool, penalties, np.array(incumbent))
    if "seconds" in limit:
        assert time.perf_counter() - begin < 1


def test_out_of_time_without_an_incumbent_there_is_nothing() -> None:
    pool, sizes, penalties, _ = large_case(2, 500)
    assert choose_routes(pool, sizes, [MANDATORY] * len(penalties), seconds=0.0) is None


def test_a_mandatory_request_on_no_route_has_no_solution() -> None:
    assert choose_routes(pool_of([(5, [0], 0)]), [1], [MANDATORY, MANDATORY]) is None


def test_what_no_route_serves_is_left_out() -> None:
    found = choose_routes(pool_of([(5, [0], 0)]), [1], [9, 7])
    assert found is not None
    assert found.tolist() == [0]


def test_nothing_to_choose_from_or_for() -> None:
    empty = pool_of([])
    found = [choose_routes(empty, [2], [5, 7]), choose_routes(empty, [], [])]
    assert [f.tolist() for f in found if f is not None] == [[], []]
    assert choose_routes(empty, [2], [MANDATORY]) is None


def test_costs_as_large_as_a_plans() -> None:
    unit = 10**12
    routes = [(3 * unit, [0, 1], 0), (unit, [0], 0), (2 * unit - 1, [1], 0), (unit, [1], 1)]
    found = choose_routes(pool_of(routes), [2, 0], [MANDATORY, 10 * unit], [0])
    assert found is not None
    assert found.tolist() == [1, 2]
