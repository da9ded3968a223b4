"""A small day that most tests of the report look at: two vans, an hour's chance, a few refusals."""

from pathlib import Path
from typing import Any

import pytest
from grid_network import grid_network
from grid_scenario import grid_scenario
from tiny_town import grid_config

from dispatch.engine import Network
from simulations.runner import Result, run_in
from simulations.scenario import Scenario, changed


@pytest.fixture(scope="session")
def report_network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder: Path = tmp_path_factory.mktemp("report")
    return grid_network(folder)


def small_scenario(requests: int, **more: Any) -> Scenario:
    return changed(grid_scenario(requests), {"name": "Tag <b>im</b> Gitter", **more})


@pytest.fixture(scope="session")
def small_day(report_network: Network) -> Result:
    world = {"no_show_share": 0.1, "cancel_share": 0.1, "breakdowns_per_vehicle_day": 2}
    return run_in(small_scenario(150, world=world), grid_config(), report_network, seed=3)


@pytest.fixture(scope="session")
def empty_day(report_network: Network) -> Result:
    return run_in(small_scenario(0), grid_config(), report_network, seed=3)
