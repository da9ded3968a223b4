"""A simulated day: physics, key figures, and the same bytes for the same seed."""

import json
from pathlib import Path

import pytest
from grid_network import grid_network
from grid_scenario import grid_scenario
from running_service import rufbus
from tiny_town import grid_config

from dispatch.domain.events import Event
from dispatch.domain.state import State
from dispatch.engine import Engine, Network
from dispatch.engine.invariants import broken_promises, broken_rules
from dispatch.options import DATA
from simulations.demand import make_demand
from simulations.runner import event_log, run_in
from simulations.scenario import ScenarioError, load_scenario
from simulations.world import Watchers, World

SCENARIO = DATA.parent / "simulations" / "scenarios" / "beckum-weekday.toml"


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder: Path = tmp_path_factory.mktemp("grid")
    return grid_network(folder)


def test_the_same_seed_gives_the_same_bytes(grid: Network) -> None:
    config = grid_config()
    first = run_in(grid_scenario(60), config, grid, seed=7)
    again = run_in(grid_scenario(60), config, grid, seed=7)
    other = run_in(grid_scenario(60), config, grid, seed=8)
    assert event_log(first.day) == event_log(again.day)
    assert event_log(first.day) != event_log(other.day)
    timeless = [{k: v for k, v in o.figures.items() if k != "wall_s"} for o in (first, again)]
    assert timeless[0] == timeless[1]


@pytest.mark.parametrize("seed", range(5))
def test_every_rule_and_promise_holds_at_every_event(grid: Network, seed: int) -> None:
    from random import Random  # noqa: PLC0415 - only here

    config = grid_config()
    seen: list[str] = []

    def watch(state: State, event: Event, now_s: int) -> None:
        if type(event).__name__ == "PlanChanged":
            seen.extend(broken_rules(config, grid, state, now_s))
            seen.extend(map(str, broken_promises(state)))

    file = grid_scenario(150)
    midnight_s = config.hours.instant(file.date, 0)
    trips = make_demand(file.demand, {}, grid, Path()).day(midnight_s, Random(seed))
    world = World(Engine(config, grid), trips, seed, watchers=Watchers(on_event=watch))
    day = world.run(midnight_s - 86_400, midnight_s + 2 * 86_400)
    assert day.legs
    assert seen == []


def test_system_efficiency_is_the_product_of_its_parts(grid: Network) -> None:
    figures = run_in(grid_scenario(120), grid_config(), grid, seed=3).figures
    product = (
        figures["occupancy_occupied"] * (1 - figures["empty_share"]) / figures["detour_factor"]
    )
    assert figures["system_efficiency"] == pytest.approx(product, rel=1e-6)
    assert figures["detour_factor"] >= 1
    assert figures["pickup_kept"] == figures["arrival_kept"] == 1.0
    assert figures["requests"] == 120
    assert figures["served"] + sum(figures["refused_by_reason"].values()) == 120


def test_requests_far_ahead_are_asked_of_a_service_that_exists(grid: Network) -> None:
    file = grid_scenario(40)
    early = file.demand.model_copy(update={"prebooked_share": 1, "prebooked_lead_h": [100, 160]})
    ahead = file.model_copy(update={"demand": early})
    figures = run_in(ahead, grid_config(), grid, seed=3).figures
    assert figures["requests"] == 40
    assert figures["served"] > 30


def test_impossible_requests_count_as_refused(grid: Network) -> None:
    file = grid_scenario(40)
    early = file.demand.model_copy(update={"prebooked_share": 1, "prebooked_lead_h": [200, 300]})
    ahead = file.model_copy(update={"demand": early})
    figures = run_in(ahead, grid_config(), grid, seed=3).figures
    assert figures["requests"] == 40
    assert figures["acceptance"] == 0
    assert figures["refused_by_reason"] == {"too_far_ahead": 40}


def test_an_empty_day_has_no_shares(grid: Network) -> None:
    figures = run_in(grid_scenario(0), grid_config(), grid, seed=3).figures
    assert figures["requests"] == figures["served"] == 0
    assert figures["acceptance"] is None
    assert figures["wait_mean_s"] is None
    assert figures["detour_factor"] is None


def test_a_wrong_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    text = SCENARIO.read_text(encoding="utf-8").replace("wheelchair_share", "wheelchair_shar")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match="wheelchair_shar"):
        load_scenario(path)


@pytest.mark.slow
def test_the_weekday_of_beckum_from_the_command_line(tmp_path: Path) -> None:
    env = {"RUFBUS_VAR": str(tmp_path / "var"), "RUFBUS_OFFLINE": "1"}
    done = rufbus("simulate", str(SCENARIO), "--json", env=env)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["roads"] == "schematic"
    assert figures["requests"] == 250
    assert figures["acceptance"] >= 0.85
    assert 2 <= figures["passengers_per_staffed_hour"] <= 6
    assert figures["pickup_kept"] == 1.0
    again = json.loads(rufbus("simulate", str(SCENARIO), "--json", env=env).stdout)
    assert {**again, "wall_s": 0} == {**figures, "wall_s": 0}
