"""What tests of the planner's desk share: scenarios for the stand-in command, and patience."""

import sys
import time
from pathlib import Path

import stand_in_rufbus

from dispatch.planner.desk import Desk
from dispatch.planner.jobs import ENDED, JobView
from dispatch.planner.scenarios import ScenarioId

STAND_IN = (sys.executable, stand_in_rufbus.__file__)
PATIENCE_S = 60.0
ORDINARY = """# An ordinary day.
name = "Ordinary day"
date = 2026-03-10
seed = 4

[fleet]
vehicles = 5
"""


def write_shipped(folder: Path) -> Path:
    """Scenarios as they ship: one for each thing that can happen."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ordinary.toml").write_text(ORDINARY, encoding="utf-8")
    for name in ("slow", "deaf", "broken"):
        (folder / f"{name}.toml").write_text(f'name = "{name}"\n', encoding="utf-8")
    return folder


def shipped_id(name: str) -> ScenarioId:
    """One of them."""
    return ScenarioId("shipped", name)


def until(desk: Desk, job_id: str, *statuses: str) -> JobView:
    """Let the desk work until a job stands as wanted; by default, until it has ended."""
    wanted = set(statuses or ENDED)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        desk.step()
        view = desk.job(job_id)
        if view.status in wanted:
            return view
        assert time.monotonic() < deadline, f"still {view}"
        time.sleep(0.05)
