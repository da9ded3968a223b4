"""Who gets a busy processor: the dispatcher before the web, the optimiser when nobody wants it."""

import subprocess
import sys
from pathlib import Path

import pytest

_AUTOGROUP = Path("/proc/self/autogroup")


def told(code: str) -> list[str]:
    """What a process in its own session says after some code."""
    command = [sys.executable, "-c", f"import os\nfrom dispatch.priority import *\n{code}"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60, start_new_session=True
    )
    return done.stdout.split()


def test_the_optimiser_runs_when_nobody_else_wants_to() -> None:
    shown = "print(os.nice(0), os.sched_getscheduler(0) == os.SCHED_IDLE)"
    assert told(f"stand_last()\n{shown}") == ["19", "True"]


def test_the_web_goes_behind_the_dispatcher() -> None:
    assert told("stand_behind(5)\nprint(os.nice(0))") == ["5"]
    assert told("stand_behind(5)\nstand_behind(15)\nprint(os.nice(0))") == ["15"]


@pytest.mark.skipif(not _AUTOGROUP.exists(), reason="this kernel has no groups of sessions")
def test_a_session_that_is_a_group_of_its_own_goes_behind_others() -> None:
    shown = 'print(open("/proc/self/autogroup").read().split("nice")[1])'
    assert told(f"stand_behind(5)\n{shown}") == ["5"]
