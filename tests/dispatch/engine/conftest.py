"""The tiny town, imported once for all engine tests."""

from pathlib import Path

import pytest
from grid_network import grid_network

from dispatch.engine import Network


@pytest.fixture(scope="session")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder: Path = tmp_path_factory.mktemp("grid")
    return grid_network(folder)
