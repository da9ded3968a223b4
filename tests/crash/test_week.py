"""Two days of real service within a minute and a half, with everything failing: nothing is lost."""

import json
import os
import signal
import subprocess
import sys
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


def test_ctrl_c_leaves_nothing_behind(grid: RunningService, tmp_path: Path) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    running = subprocess.Popen(
        [sys.executable, "-m", "dispatch.cli", "bench", "week", "--requests", "20"],
        env=os.environ | grid.environment() | {"TMPDIR": str(place)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    said = ""
    while "requests and" not in said:  # it has begun
        line = running.stderr.readline()
        assert line, said
        said += line
    assert len(mentioning(place)) >= 5, "the service's processes"
    running.send_signal(signal.SIGINT)
    _, rest = running.communicate(timeout=60)
    assert running.returncode == 1
    assert rest.strip() == "Aborted!"
    assert list(place.iterdir()) == []
    assert mentioning(place) == []


def mentioning(folder: Path) -> list[str]:
    """Processes whose environment names a folder, ours and the one that was started excepted."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if f"RUFBUS_VAR={folder}".encode() in (process / "environ").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found
