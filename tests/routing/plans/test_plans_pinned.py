"""Who is pinned to a vehicle stays on it, in order, whatever a search could save."""

import random
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing.plans import Problem, improve, relaxed_all, replace_vehicle
from routing.plans.records import Action


def pinned_at_random(problem: Problem, rng: random.Random) -> Problem:
    for v, vehicle in enumerate(problem.vehicles):
        boarding = [a.booking for a in vehicle.route if a.kind == "pickup"]
        pins = frozenset(b for b in boarding if rng.random() < 0.5)
        problem = replace_vehicle(problem, v, replace(vehicle, pinned=pins))
    return problem


def pinned_actions(problem: Problem) -> list[list[Action]]:
    return [[a for a in v.route if a.booking in v.pinned] for v in problem.vehicles]


@pytest.mark.parametrize("partition", [False, True])
def test_pins_hold(plans: SimpleNamespace, *, partition: bool) -> None:
    @given(st.integers(0, 2**32 - 1))
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def hold(seed: int) -> None:
        rng = random.Random(seed)
        problem = relaxed_all(plans.draw_case(rng, riders=8).problem)
        pinned = pinned_at_random(problem, rng)
        found = improve(pinned, iterations=150, seed=seed, partition=partition)
        assert pinned_actions(found.problem) == pinned_actions(pinned)
        assert found.cost <= found.cost_before

    hold()


def test_without_pins_riders_do_change_vehicles(plans: SimpleNamespace) -> None:
    """Else the test above would hold nothing."""
    moved = 0
    for seed in range(12):
        problem = relaxed_all(plans.draw_case(random.Random(seed), riders=8).problem)
        found = improve(problem, iterations=150, seed=seed)
        before = [{a.booking for a in v.route} for v in problem.vehicles]
        moved += before != [{a.booking for a in v.route} for v in found.problem.vehicles]
    assert moved > 0
