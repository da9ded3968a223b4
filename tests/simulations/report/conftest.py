"""A small day that most tests of the report look at: two vans, an hour's chance, a few refusals."""

from pathlib import Path
from typing import Any

import pytest
from grid_network import grid_network
from tiny_town import grid_config

from dispatch.engine import Network
from simulations.runner import Result, run_in
from simulations.scenario import Scenario


@pytest.fixture(scope="session")
def report_network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder: Path = tmp_path_factory.mktemp("report")
    return grid_network(folder)


def small_scenario(requests: int, **more: Any) -> Scenario:
    demand = {
        "requests": requests,
        "flows": [{"origin": "*", "destination": "*", "share": 1}],
        "hours": [0] * 7 + [1] * 13 + [0] * 4,
        "party_sizes": [82, 13, 3, 2],
        "wheelchair_share": 0.03,
    }
    raw = {"name": "Tag <b>im</b> Gitter", "town": "grid", "date": "2026-03-10", "demand": demand}
    return Scenario.model_validate(raw | more)


@pytest.fixture(scope="session")
def small_day(report_network: Network) -> Result:
    world = {"no_show_share": 0.1, "cancel_share": 0.1, "breakdowns_per_vehicle_day": 2}
    return run_in(small_scenario(150, world=world), grid_config(), report_network, seed=3)


@pytest.fixture(scope="session")
def empty_day(report_network: Network) -> Result:
    return run_in(small_scenario(0), grid_config(), report_network, seed=3)
