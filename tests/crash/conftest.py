"""One real service on the tiny town for all crash tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from running_service import RunningService, write_grid_town


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    folder: Path = tmp_path_factory.mktemp("crash")
    running = RunningService(folder / "var", write_grid_town(folder / "grid"))
    running.import_grid()
    with running:
        yield running
