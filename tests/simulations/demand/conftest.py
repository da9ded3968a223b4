"""The grid town, as it is and with two settlements."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from grid_network import grid_network
from pydantic import TypeAdapter
from tiny_town import grid_config

from dispatch.engine import Network
from simulations.demand import Demand, DemandSection, make_demand

TUESDAY = date(2026, 3, 10)
MIDDLE = 8.016
"""The grid's middle street, degrees of longitude: west of it is West, the rest is Ost."""
Make = Callable[..., Demand]


@pytest.fixture(scope="package")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return grid_network(tmp_path_factory.mktemp("grid"))


@pytest.fixture(scope="package")
def two_towns(grid: Network) -> Network:
    stops = [replace(s, zone="West" if s.lon < MIDDLE else "Ost") for s in grid.stops]
    return replace(grid, stops=stops)


@pytest.fixture
def midnight_s() -> int:
    return grid_config().hours.instant(TUESDAY, 0)


def section(**keys: Any) -> DemandSection:
    return TypeAdapter(DemandSection).validate_python(keys)


@pytest.fixture
def make(grid: Network, tmp_path: Path) -> Make:
    """Makes a demand of the grid town; files are in the test's folder."""

    def made(network: Network = grid, places: Any = None, **keys: Any) -> Demand:
        return make_demand(section(**keys), places or {}, network, tmp_path)

    return made
