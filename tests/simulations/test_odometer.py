"""The simulated odometer: between two halts a vehicle has driven at least the way between them."""

from pathlib import Path
from random import Random

import pytest
from grid_network import grid_network
from tiny_town import grid_config

from dispatch.domain import events as ev
from dispatch.engine import Engine, Network
from simulations.demand import make_demand
from simulations.scenario import Scenario
from simulations.world import Day, World


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder: Path = tmp_path_factory.mktemp("grid")
    return grid_network(folder)


def busy_day(grid: Network, seed: int) -> Day:
    config = grid_config(vehicles=3)
    demand = {
        "requests": 250,
        "flows": [{"origin": "*", "destination": "*", "share": 1}],
        "hours": [0] * 7 + [1] * 13 + [0] * 4,
        "party_sizes": [1],
    }
    scenario = Scenario.model_validate(
        {"name": "grid", "town": "grid", "date": "2026-03-10", "demand": demand}
    )
    midnight_s = config.hours.instant(scenario.date, 0)
    trips = make_demand(scenario.demand, {}, grid, Path()).day(midnight_s, Random(seed))
    return World(Engine(config, grid), trips, seed).run(midnight_s - 86_400, midnight_s + 172_800)


@pytest.mark.parametrize("seed", range(4))
def test_nobody_gets_anywhere_without_driving(grid: Network, seed: int) -> None:
    day = busy_day(grid, seed)
    at: dict[str, tuple[int, str]] = {}
    halts = 0
    for now_s, event in day.events:
        if isinstance(event, ev.ShiftPlanned):
            at[event.shift.id] = (event.shift.start_s - 3600, event.shift.depot_stop_id)
        if not isinstance(event, ev.VisitArrived):
            continue
        since_s, stop_id = at[event.shift_id]
        here = event.anchor.stop_id
        assert here is not None
        driven_m = sum(
            leg.length_m
            for leg in day.legs
            if leg.shift_id == event.shift_id and since_s < leg.to_s <= now_s
        )
        shortest_m = grid.travel.shortest_m[grid.stop_index[stop_id], grid.stop_index[here]]
        assert driven_m >= shortest_m - 1, f"{event.shift_id} from {stop_id} to {here}"
        at[event.shift_id] = (now_s, here)
        halts += 1
    assert halts > 100
