"""Runs of a sweep that simulate nothing, for tests: importable in worker processes.

Each call leaves a line in the file `calls` of the job's folder, so that tests can count them.
"""

import os
import signal
import time
from pathlib import Path
from typing import Any

from simulations.sweeps.runs import Job

SLOW_S = 0.3


def job(number: int, folder: Path) -> Job:
    """A job that is nobody's scenario."""
    return Job(f"job{number}", {"x": number}, str(folder), number, str(folder), "")


def calls(folder: Path) -> list[str]:
    """The keys of all jobs that were begun, in order."""
    path = folder / "calls"
    return path.read_text(encoding="utf-8").split() if path.is_file() else []


def square(job: Job) -> dict[str, Any]:
    """The quickest of runs."""
    _called(job)
    return {"square": job.scenario["x"] ** 2, "process": os.getpid()}


def slow_square(job: Job) -> dict[str, Any]:
    """Long enough to be killed meanwhile."""
    _called(job)
    time.sleep(SLOW_S)
    return {"square": job.scenario["x"] ** 2, "process": os.getpid()}


def deadly_at_three(job: Job) -> dict[str, Any]:
    """Job 3 kills its process whenever it is tried; job 4 only the first time."""
    _called(job)
    if job.scenario["x"] == 3 or (job.scenario["x"] == 4 and calls_of(job) == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    return {"square": job.scenario["x"] ** 2}


def wrong_at_two(job: Job) -> dict[str, Any]:
    """Job 2 has an error."""
    _called(job)
    if job.scenario["x"] == 2:
        raise ValueError("two is no good")
    return {"square": job.scenario["x"] ** 2}


def formula(job: Job) -> dict[str, Any]:
    """Figures that follow from the scenario: more vehicles serve more and cost more."""
    _called(job)
    time.sleep(SLOW_S)
    vehicles = job.scenario["fleet"]["vehicles"]
    wait_s = job.scenario["rules"]["immediate_wait_max_s"]
    return {
        "acceptance": 0.1 * vehicles + 0.0002 * wait_s - 0.001 * job.seed,
        "cost_eur": 350.0 * vehicles + job.seed,
        "refused_by_reason": {"no_vehicle": job.seed},
    }


def rehearse(_job: Job, _progress: object) -> set[str]:
    """The figures of `formula`."""
    return {"acceptance", "cost_eur", "refused_by_reason.no_vehicle"}


def calls_of(job: Job) -> int:
    """How often a job was begun."""
    return calls(Path(job.folder)).count(job.key)


def main(path: str, var: str, out: str, scheduler: str = "") -> None:
    """`rufbus sweep` with `formula` instead of simulations."""
    import click  # noqa: PLC0415 - workers start sooner without

    from simulations.sweeps.command import SweepRun, Work, sweep  # noqa: PLC0415

    work = Work(formula, rehearse)
    options = SweepRun(Path(path), Path(var), Path(out), 2, scheduler or None, "en")
    raise SystemExit(sweep(options, lambda line: click.echo(line, err=True), work))


def _called(job: Job) -> None:
    with (Path(job.folder) / "calls").open("a", encoding="utf-8") as file:
        file.write(f"{job.key}\n")
