"""A simulated day from the drivers' side: who worked how long, and when they rested."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from grid_network import grid_network
from tiny_town import grid_config
from working_hours import worked_shifts

from dispatch.domain.driver_hours import breaks_for
from dispatch.domain.events import Event
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State
from dispatch.engine import Engine, Network
from dispatch.engine.invariants import broken_promises, broken_rules
from simulations.demand import make_demand
from simulations.runner import run_in
from simulations.scenario import Scenario
from simulations.world import Watchers, World

SPANS = (("06:00", "14:30"), ("07:00", "17:00"), ("09:00", "14:00"), ("10:30", "20:00"))


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder: Path = tmp_path_factory.mktemp("grid")
    return grid_network(folder)


def roster() -> ServiceConfig:
    """Four vans with one shift each: of 8 h 30, 10 h, 5 h and 9 h 30."""
    config = grid_config(vehicles=len(SPANS))
    shifts = (p for p in config.shifts if p.start_min < 12 * 60)
    minutes = [tuple(int(c[:2]) * 60 + int(c[3:]) for c in span) for span in SPANS]
    pairs = zip(shifts, minutes, strict=True)
    return replace(config, shifts=tuple(replace(p, start_min=a, end_min=b) for p, (a, b) in pairs))


def day(requests: int) -> Scenario:
    demand = {
        "requests": requests,
        "flows": [{"origin": "*", "destination": "*", "share": 1}],
        "hours": [0] * 6 + [1] * 14 + [0] * 4,
        "party_sizes": [82, 13, 3, 2],
    }
    return Scenario.model_validate(
        {"name": "grid", "town": "grid", "date": "2026-03-10", "demand": demand}
    )


@pytest.mark.parametrize("seed", range(3))
def test_every_driver_has_the_breaks_that_the_law_asks_for(grid: Network, seed: int) -> None:
    config, file = roster(), day(requests=350)
    seen: list[str] = []

    def watch(state: State, event: Event, now_s: int) -> None:
        if type(event).__name__ in {"PlanChanged", "VisitArrived", "VisitCompleted"}:
            seen.extend(broken_rules(config, grid, state, now_s))
            seen.extend(map(str, broken_promises(state)))

    midnight_s = config.hours.instant(file.date, 0)
    trips = make_demand(file.demand, {}, grid, Path()).day(midnight_s, Random(seed))
    world = World(Engine(config, grid), trips, seed, watchers=Watchers(on_event=watch))
    log = world.run(midnight_s - 86_400, midnight_s + 86_400)
    assert seen == []
    worked = worked_shifts(event for _, event in log.events)
    assert len(worked) >= len(SPANS)
    for shift_id, shift in worked.items():
        assert shift.breaches() == [], shift_id
        needed = breaks_for(shift.started_s, shift.ended_s)
        lengths = [end - begin for begin, end in shift.breaks]
        assert lengths == [b.duration_s for b in needed], shift_id
    rides = sum(type(event).__name__ == "RiderAlighted" for _, event in log.events)
    assert rides > 200


def test_breaks_are_no_staffed_time(grid: Network) -> None:
    figures = run_in(day(requests=120), roster(), grid, seed=3).figures
    assert figures["break_hours"] == pytest.approx(0.5 + 0.75 + 0.5)
    assert figures["staffed_hours"] == pytest.approx(8.5 + 10 + 5 + 9.5 - 1.75)
    assert 0 < figures["utilisation"] < 1
