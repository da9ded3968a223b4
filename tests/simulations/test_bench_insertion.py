"""The insertion benchmark: full vehicles, answers that are checked, and a check that can fail."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from dispatch.cli import main
from routing.plans import Insertions, Problem, Request, best_insertions
from routing.plans.claims import verify
from simulations.benchmarks import insertion
from simulations.benchmarks.insertion import TRAFFIC, Fleet, filled_fleet, make_town

DAY_S = 86_400


@pytest.fixture(scope="module")
def town() -> insertion.Town:
    return make_town(3, stops=120)


@pytest.fixture(scope="module")
def fleet(town: insertion.Town) -> Fleet:
    return filled_fleet(town, TRAFFIC["hourly"], 4, 3)


@pytest.fixture
def problem(town: insertion.Town, fleet: Fleet) -> Problem:
    return insertion._problem(town, TRAFFIC["hourly"], fleet, 4)


def test_driving_times_obey_the_triangle_inequality(town: insertion.Town) -> None:
    legs = town.matrix_s.astype(np.int64)
    for k in range(len(legs)):
        assert (legs <= legs[:, k, None] + legs[None, k]).all()


def test_vehicles_are_full_and_their_plans_hold(problem: Problem) -> None:
    assert all(12 <= len(vehicle.route) <= 20 for vehicle in problem.vehicles)
    assert verify(problem) == []
    together = 0
    for vehicle in problem.vehicles:
        aboard = 0
        for action in vehicle.route:
            aboard += 1 if action.kind == "pickup" else -1
            together += aboard > 1
    assert together > 0  # riders share vehicles, or the routes would be too easy


def test_nine_pairs_join_three_stops_at_either_end(town: insertion.Town) -> None:
    request = insertion.random_request(town, random.Random(1), "r", 9, 0, 1000)
    assert len({(p.pickup_stop, p.dropoff_stop) for p in request.pairs}) == 9
    assert len({p.pickup_stop for p in request.pairs}) == 3
    assert min(p.walk_s for p in request.pairs) == 0


@pytest.mark.parametrize("apart_s", [None, DAY_S])
@pytest.mark.parametrize("pairs", [1, 9])
def test_right_answers_pass(
    problem: Problem, town: insertion.Town, apart_s: int | None, pairs: int
) -> None:
    rng = random.Random(5)
    answers = [insertion.random_request(town, rng, "r", pairs, 0, 7200) for _ in range(300)]
    assert sum(len(best_insertions(problem, request)) > 0 for request in answers) > 5
    assert insertion.answers_hold(problem, town, random.Random(5), pairs, apart_s)


@pytest.mark.parametrize("wrong", ["cost", "second best", "nothing"])
def test_wrong_answers_do_not(
    problem: Problem, town: insertion.Town, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    def answer(problem: Problem, request: Request, apart_s: int | None = None) -> Insertions:
        found = best_insertions(problem, request, apart_s)
        if wrong == "cost":
            return replace(found, cost=found.cost + 1)
        start = 1 if wrong == "second best" else len(found)
        columns = {name: getattr(found, name)[start:] for name in Insertions.__annotations__}
        return Insertions(**columns)

    def first_is_served(seed: int) -> bool:
        rng = random.Random(seed)
        return (
            len(best_insertions(problem, insertion.random_request(town, rng, "r", 1, 0, 7200))) > 0
        )

    seed = next(seed for seed in range(100) if first_is_served(seed))
    monkeypatch.setattr(insertion, "best_insertions", answer)
    monkeypatch.setattr(insertion, "_TRIALS", 1000)  # so that all vehicles are tried
    assert not insertion.answers_hold(problem, town, random.Random(seed), 1, None)


def test_the_command_prints_flat_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insertion, "_SAMPLES", 40)
    monkeypatch.setattr(insertion, "_TRIALS", 1)
    monkeypatch.setattr(insertion, "_ANSWERS", 1)
    monkeypatch.setattr(insertion, "_GROUP", 3)
    monkeypatch.setattr(insertion, "make_town", lambda seed: make_town(seed, stops=120))
    arguments = ["bench", "insertion", "--vehicles", "2", "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    kinds = {(r["vehicles"], r["pairs"], r["traffic"], r["answer"]) for r in rows}
    assert len(kinds) == len(rows) == 8
    assert all(row["verified"] is True for row in rows)
    assert all(12 <= row["visits"] <= 20 for row in rows)
    assert all(0 < row["median_us"] <= row["p99_us"] for row in rows)
