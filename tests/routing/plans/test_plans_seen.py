"""Problems built of records seen before are the same problems."""

import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from routing.plans import Seen, Weights, alone, best_insertions, evaluate, route_with
from routing.plans.errors import InvalidProblemError
from routing.plans.problem import Problem, build_problem


def parts_of(problem: Problem) -> dict[str, Any]:
    return {
        "matrix_s": problem.matrix_s,
        "profile": problem,
        "vehicles": problem.vehicles,
        "bookings": list(problem.bookings.values()),
        "weights": problem.weights,
        "setup_s": problem.setup_s,
    }


def assert_same(one: Problem, other: Problem) -> None:
    for name in ("vehicle_table", "start_legs_s", "configurations", "nodes"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert one.numbers == other.numbers
    for mine, theirs in zip(one.routes, other.routes, strict=True):
        assert np.array_equal(mine, theirs)


@pytest.mark.parametrize("seed", range(30))
def test_the_same_whatever_was_seen(plans: SimpleNamespace, seed: int) -> None:
    """One memory for problem after problem, in which bookings and vehicles have changed."""
    rng, seen = random.Random(seed), Seen()
    parts = parts_of(plans.draw_case(rng).problem)
    for _ in range(4):
        assert_same(build_problem(**parts, seen=seen), build_problem(**parts))
        bookings = parts["bookings"]
        if bookings:
            k = rng.randrange(len(bookings))
            later = bookings[k].arrival_latest_s + rng.randrange(600)
            bookings[k] = replace(bookings[k], arrival_latest_s=later)
        parts["vehicles"] = [
            replace(v, start_time_s=v.start_time_s + rng.randrange(60)) for v in parts["vehicles"]
        ]
        rng.shuffle(parts["bookings"])


@pytest.mark.parametrize("seed", range(40))
def test_a_vehicle_alone_is_what_it_is_among_others(plans: SimpleNamespace, seed: int) -> None:
    problem, request = plans.draw_case(random.Random(seed))
    parts = parts_of(problem)
    for v, vehicle in enumerate(problem.vehicles):
        on_route = {a.booking for a in vehicle.route}
        own = [b for b in problem.bookings.values() if b.id in on_route]
        anew = build_problem(**{**parts, "vehicles": [vehicle], "bookings": own})
        single = alone(problem, v)
        assert single.bookings.keys() == anew.bookings.keys()
        one, other = evaluate(single, 0), evaluate(anew, 0)
        assert (one.cost, one.reason) == (other.cost, other.reason)
        assert np.array_equal(one.start_s, other.start_s)
        found = list(best_insertions(single, request))
        assert found == list(best_insertions(anew, request))
        for insertion in found[:1]:
            mine = route_with(single, 0, request, insertion).schedule
            theirs = route_with(anew, 0, request, insertion).schedule
            assert mine.cost == theirs.cost == one.cost + insertion.cost


def test_other_weights_are_other_costs(plans: SimpleNamespace) -> None:
    seen = Seen()
    parts = parts_of(plans.draw_case(random.Random(3)).problem)
    build_problem(**parts, seen=seen)
    parts["weights"] = Weights(1, 2, 3, 4)
    assert_same(build_problem(**parts, seen=seen), build_problem(**parts))


def test_what_was_right_once_is_checked_again_when_it_has_changed(plans: SimpleNamespace) -> None:
    seen = Seen()
    parts = parts_of(plans.draw_case(random.Random(3)).problem)
    build_problem(**parts, seen=seen)
    good, wrong = parts["bookings"][0], replace(parts["bookings"][0], pickup_stop=10_000)
    parts["bookings"][0] = wrong
    with pytest.raises(InvalidProblemError, match="no such stop"):
        build_problem(**parts, seen=seen)
    parts["bookings"][0] = good
    vehicle = next(v for v in parts["vehicles"] if v.route)
    twice = replace(vehicle, route=(*vehicle.route, vehicle.route[-1]))
    parts["vehicles"] = [twice if v is vehicle else v for v in parts["vehicles"]]
    with pytest.raises(InvalidProblemError, match="twice"):
        build_problem(**parts, seen=seen)
