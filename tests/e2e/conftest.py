"""A real demo service on the schematic Beckum: everything that `make run` starts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from running_service import RunningService

from dispatch.options import DATA


@pytest.fixture(scope="session")
def demo_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """`rufbus serve --demo` at twenty times real time, from an empty var folder, offline."""
    folder: Path = tmp_path_factory.mktemp("demo")
    folder.joinpath("var").mkdir()
    service = RunningService(
        folder / "var", DATA / "beckum", arguments=("--demo", "--speed", "20"), speed=20.0
    )
    with service:
        yield service
