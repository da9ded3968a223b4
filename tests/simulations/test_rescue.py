"""Days with delays and breakdowns: saving promises pays, and is paid by nobody."""

from pathlib import Path

import pytest
from grid_network import grid_network
from grid_scenario import grid_scenario
from tiny_town import grid_config

from dispatch.domain.rules import Rules
from dispatch.engine import Network
from simulations.runner import event_log, run_in

DELAYS = {
    "traffic_sigma": 0.25,
    "late_share": 0.2,
    "late_mean_s": 60,
    "breakdowns_per_vehicle_day": 4.0,
    "breakdown_s": (900, 2700),
}
SEEDS = range(3, 6)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder: Path = tmp_path_factory.mktemp("grid")
    return grid_network(folder)


def broken(grid: Network, seed: int, iterations: int) -> int:
    """Pick-ups and arrivals later than promised, riders nobody came for among them."""
    config = grid_config(vehicles=3, rules=Rules(rescue_iterations=iterations))
    figures = run_in(grid_scenario(70, **DELAYS), config, grid, seed=seed).figures
    kept = figures["pickup_kept"] + figures["arrival_kept"]
    return round(figures["served"] * (2 - kept)) + 2 * round(figures["abandoned"])


def test_fewer_promises_break_than_without(grid: Network) -> None:
    without = sum(broken(grid, seed, 0) for seed in SEEDS)
    saved = sum(broken(grid, seed, 100) for seed in SEEDS)
    assert without >= 10, "nothing to save"
    assert saved < without


def test_the_same_seed_gives_the_same_bytes(grid: Network) -> None:
    config = grid_config(vehicles=3)
    days = [run_in(grid_scenario(40, **DELAYS), config, grid, seed=2).day for _ in "ab"]
    assert event_log(days[0]) == event_log(days[1])


def test_the_day_is_lawful(grid: Network) -> None:
    config = grid_config(vehicles=3)
    run_in(grid_scenario(40, **DELAYS), config, grid, seed=3, check=True)
