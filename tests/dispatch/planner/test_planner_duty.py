"""Several web processes on one planner's folder: one starts the jobs, the last one ends them."""

import subprocess
import sys
from pathlib import Path

from planner_desk import write_shipped
from running_service import write_grid_town

from dispatch.config import load_town
from dispatch.own_folder import own_folder
from dispatch.planner.duty import Duty

TAKES = """
import sys
from pathlib import Path
from dispatch.planner.duty import Duty
duty = Duty(Path(sys.argv[1]))
print(duty.take(), flush=True)
sys.stdin.readline()
"""


def other(folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", TAKES, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_one_is_on_duty_and_another_takes_over_when_it_is_killed(tmp_path: Path) -> None:
    with other(tmp_path) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "True\n"
        duty = Duty(tmp_path)
        assert not duty.take()
        first.kill()
        first.wait(10)
        assert duty.take()
        assert duty.take(), "once taken it is kept"
    assert duty.leave()


def test_only_the_last_one_ends_the_jobs(tmp_path: Path) -> None:
    one, two = Duty(tmp_path), Duty(tmp_path)
    assert one.take()
    assert not two.take()
    assert not one.leave()
    assert two.take()
    assert two.leave()


def test_towns_do_not_see_each_others_things(tmp_path: Path) -> None:
    write_shipped(tmp_path / "shipped")
    here, there = (
        load_town(write_grid_town(tmp_path / name, vehicles=1)) for name in ("here", "there")
    )
    var = tmp_path / "var"
    assert own_folder(var, "planner", here) == var / "planner"
    assert own_folder(var, "planner", there) == var / "planner-there"
    assert own_folder(var, "planner", here.for_demo()) == var / "planner"
    assert own_folder(var, "messages", there) == var / "messages"
