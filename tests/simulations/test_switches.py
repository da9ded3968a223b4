"""What a scenario can switch on: improvement, batching, repositioning. Lawful and reproducible."""

from pathlib import Path
from typing import Any

import pytest
from grid_network import grid_network
from grid_scenario import grid_scenario
from tiny_town import grid_config

from dispatch.domain import events as ev
from dispatch.domain.state import State
from dispatch.engine import Network
from dispatch.engine.invariants import broken_promises, broken_rules
from simulations.forecast import past_demand
from simulations.runner import event_log, prepare, run_in
from simulations.scenario import Scenario, changed
from simulations.world import Day, Watchers

EVERYTHING = {
    "improve_every_s": 300,
    "improve_iterations": 60,
    "joint_iterations": 60,
    "batch_window_s": 60,
    "repositioning": "demand",
}
ROUNDING_S = 2
"""Where a vehicle between two stops is diverted, its times are rounded up anew."""


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder: Path = tmp_path_factory.mktemp("grid")
    return grid_network(folder)


def scenario(requests: int, **switches: Any) -> Scenario:
    return changed(grid_scenario(requests), {f"dispatch.{k}": v for k, v in switches.items()})


def test_everything_is_off_unless_switched_on() -> None:
    plain = scenario(1).dispatch
    assert plain.improve_every_s == plain.joint_iterations == plain.batch_window_s == 0
    assert plain.repositioning is None


def test_with_everything_on_the_same_seed_gives_the_same_bytes(grid: Network) -> None:
    days = [run_in(scenario(60, **EVERYTHING), grid_config(), grid, seed=4) for _ in "ab"]
    assert event_log(days[0].day) == event_log(days[1].day)


@pytest.mark.parametrize(
    "switches",
    [
        {"improve_every_s": 120, "improve_iterations": 100},
        {"joint_iterations": 100},
        {"joint_iterations": 60, "batch_window_s": 60},
        {"repositioning": "depot"},
        EVERYTHING,
    ],
    ids=["improvement", "joint", "window", "depot", "everything"],
)
def test_rules_promises_and_physics_hold_after_every_decision(
    grid: Network, switches: dict[str, Any]
) -> None:
    config = grid_config()
    broken: list[str] = []

    def check(state: State, now_s: int) -> None:
        broken.extend(broken_rules(config, grid, state, now_s))
        late = broken_promises(state).items()
        broken.extend(f"{what}: {late_s} s" for what, late_s in late if late_s > ROUNDING_S)

    outcome = run_in(
        scenario(220, **switches), config, grid, seed=5, watchers=Watchers(on_settled=check)
    )
    assert broken == []
    figures = outcome.figures
    assert figures["pickup_kept"] == figures["arrival_kept"] == 1.0
    assert figures["served"] > 0
    nobody_drives_less_than_the_way(outcome.day, grid)


def nobody_drives_less_than_the_way(day: Day, grid: Network) -> None:
    """Between two halts a vehicle has driven at least the shortest way between them."""
    at: dict[str, tuple[int, str]] = {}
    for now_s, event in day.events:
        if isinstance(event, ev.ShiftPlanned):
            at[event.shift.id] = (event.shift.start_s - 3600, event.shift.depot_stop_id)
        if not isinstance(event, ev.VisitArrived) or event.anchor.stop_id is None:
            continue
        since_s, stop_id = at[event.shift_id]
        here = event.anchor.stop_id
        driven_m = sum(
            leg.length_m
            for leg in day.legs
            if leg.shift_id == event.shift_id and since_s < leg.to_s <= now_s
        )
        shortest_m = grid.travel.shortest_m[grid.stop_index[stop_id], grid.stop_index[here]]
        assert driven_m >= shortest_m - 1, f"{event.shift_id} from {stop_id} to {here}"
        at[event.shift_id] = (now_s, here)


def test_riders_in_a_window_wait_for_their_answer_and_that_counts(grid: Network) -> None:
    outcome = run_in(scenario(60, batch_window_s=60), grid_config(), grid, seed=2)
    asked = outcome.day.asked_s
    answered = {
        event.request.id: event.request.received_at_s
        for _, event in outcome.day.events
        if isinstance(event, ev.RideOffered | ev.RideRefused)
    }
    assert asked.keys() == answered.keys()
    assert {answered[key] - asked[key] for key in asked} <= set(range(61))
    assert max(answered[key] - asked[key] for key in asked) == 60


def test_better_plans_are_found_on_a_full_day(grid: Network) -> None:
    """Improvement and joint decisions lower the objective, summed over a few days."""
    total = dict.fromkeys(("plain", "improved"), 0.0)
    on = {"improve_every_s": 120, "improve_iterations": 150, "joint_iterations": 100}
    for seed in range(3):
        for name, switches in (("plain", {}), ("improved", on)):
            day = run_in(scenario(200, **switches), grid_config(), grid, seed=seed)
            total[name] += day.figures["objective_s"]
    assert total["improved"] < total["plain"]


def test_the_forecast_knows_past_days_and_not_the_day_itself(grid: Network) -> None:
    file = scenario(80, repositioning="demand")
    ready = prepare(file, grid_config(), grid, seed=1)
    demand = file.demand
    from simulations.demand import make_demand  # noqa: PLC0415 - only here

    maker = make_demand(demand, {}, grid, Path())
    one = past_demand(file, maker, grid_config(), grid, seed=1)
    other = past_demand(file, maker, grid_config(), grid, seed=2)
    expected = one.per_hour["weekday"]
    spontaneous = sum(
        trip.ask.arrive_by_s is None and trip.ask.depart_at_s is None for trip in ready.trips
    )
    assert expected.sum() == pytest.approx(spontaneous, rel=0.3)
    assert expected[:7].sum() == 0
    assert (expected != other.per_hour["weekday"]).any()
