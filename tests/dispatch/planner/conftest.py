"""Desks over the stand-in for the `rufbus` command."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from planner_desk import PATIENCE_S, STAND_IN, write_shipped

from dispatch.planner.desk import Desk, Limits


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    return write_shipped(tmp_path / "shipped")


@pytest.fixture
def make_desk(tmp_path: Path, shipped: Path) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def make(**limits: Any) -> Desk:
        desk = Desk(tmp_path / "var", shipped, STAND_IN, Limits(**limits))
        made.append(desk)
        return desk

    yield make
    deadline = time.monotonic() + PATIENCE_S
    for desk in made:
        desk.stop()
        while any(view.status == "running" for view in desk.jobs()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for keeper in desk._keepers:
            keeper.wait(PATIENCE_S)


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()
