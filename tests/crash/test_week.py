"""Two days of real service within a minute and a half, with everything failing: nothing is lost."""

import json
import subprocess
from pathlib import Path

import pytest
from running_service import RunningService, rufbus, write_grid_town

pytestmark = [pytest.mark.crash, pytest.mark.slow]

KILLS = 9  # each kind of crash once


@pytest.fixture
def grid(tmp_path: Path) -> RunningService:
    town = RunningService(tmp_path / "var", write_grid_town(tmp_path / "grid", vehicles=2))
    town.import_grid()
    return town


def bench(grid: RunningService, *arguments: str) -> subprocess.CompletedProcess[str]:
    return rufbus("bench", "week", "--json", *arguments, env=grid.environment())


def test_a_day_with_everything_failing_leaves_nothing_wrong(grid: RunningService) -> None:
    options = ("--days", "1", "--requests", "45", "--kills", str(KILLS), "--seed", "3")
    done = bench(grid, *options)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    found = json.loads(done.stdout)
    assert found["clean"]
    assert found["violations"] == []
    assert len(found["kills"]) == KILLS
    assert set(found["back_s"]) == set(found["kills"]), "all was well again each time"
    rides = found["rides"]
    assert rides["bookings"] == found["audit"]["bookings"], "no booking that nobody knows of"
    ended = rides["served"] + rides["no_shows"] + rides["cancelled"]
    assert ended == rides["bookings"] > 20
    assert min(rides["served"], rides["displaced"], rides["refused"], rides["cancelled"]) > 0
    assert found["operation"]["outages"] > 0
    assert found["operation"]["breaks"] > 0
    assert found["clients"]["repeated_after_no_answer"] > 0
    assert found["messages"]["sent"] >= rides["served"]
