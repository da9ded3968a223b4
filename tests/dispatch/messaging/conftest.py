"""The tiny town, with a dispatcher that tells riders what happens."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from grid_network import grid_network
from told_town import ToldTown

from dispatch.engine import Network
from dispatch.store.migrate import migrate


@pytest.fixture(scope="session")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder: Path = tmp_path_factory.mktemp("grid")
    return grid_network(folder)


MakeTown = Callable[..., ToldTown]


@pytest.fixture
def make_town(database_url: str, redis_url: str, grid: Network) -> Iterator[MakeTown]:
    migrate(database_url)
    made: list[ToldTown] = []

    def make(**options: Any) -> ToldTown:
        town = ToldTown(database_url, redis_url, grid, **options)
        made.append(town)
        return town

    yield make
    for town in made:
        town.close()


@pytest.fixture
def town(make_town: MakeTown) -> ToldTown:
    return make_town()
