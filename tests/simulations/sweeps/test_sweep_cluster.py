"""A sweep on a Dask cluster of real processes, one of which is killed midway."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from sweep_tasks import calls, job, slow_square, square, wrong_at_two

from simulations.sweeps.cluster import run_on_cluster
from simulations.sweeps.errors import ClusterError
from simulations.sweeps.runs import Failure

RUN = "import sys, sweep_tasks; sweep_tasks.main(*sys.argv[1:])"
START_S = 60.0


class Cluster(NamedTuple):
    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture
def cluster(tmp_path: Path, environment: dict[str, str]) -> Iterator[Cluster]:
    """A scheduler and two workers with one thread each, on the loopback interface only."""
    file = tmp_path / "scheduler.json"
    log = (tmp_path / "cluster.log").open("wb")
    common = ["--host", "127.0.0.1", "--no-dashboard"]

    def start(module: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{module}", *common, *arguments]
        return subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=log, stderr=log)

    processes = [start("dask_scheduler", "--port", "0", "--scheduler-file", str(file))]
    try:
        address = _address(file)
        local = ["--local-directory", str(tmp_path), "--memory-limit", "0", "--death-timeout", "60"]
        one_thread = ["--no-nanny", "--nthreads", "1"]
        processes.append(start("dask_worker", address, *one_thread, *local))
        processes.append(start("dask_worker", address, *one_thread, *local))
        yield Cluster(address, processes[0], processes[1:])
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()
        log.close()


def _address(file: Path) -> str:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if file.is_file() and file.stat().st_size:
            return str(json.loads(file.read_text(encoding="utf-8"))["address"])
        time.sleep(0.05)
    raise TimeoutError("the scheduler has not begun")


@pytest.mark.slow
@pytest.mark.crash
def test_a_sweep_outlives_a_killed_worker(
    sweep_file: Path, var: Path, cluster: Cluster, environment: dict[str, str]
) -> None:
    text = sweep_file.read_text(encoding="utf-8").replace("seeds = 3", "seeds = 6")
    sweep_file.write_text(text, encoding="utf-8")
    out = sweep_file.parent / "out"
    command = [sys.executable, "-c", RUN, str(sweep_file), str(var), str(out), cluster.address]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + START_S
    while len(list(out.glob("runs/*/kpis.json"))) < 6 and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(cluster.workers[0].pid, signal.SIGKILL)
    assert len(list(out.glob("runs/*/kpis.json"))) < 24
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    records = [json.loads(path.read_text("utf-8")) for path in out.glob("runs/*/kpis.json")]
    assert len(records) == 24
    assert len({(r["scenario"]["fleet"]["vehicles"], r["seed"], r["key"]) for r in records}) == 24
    rows = (out / "results.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + 24
    # What the killed worker was at, and had not yet handed over, was done again; nothing else.
    begun = calls(sweep_file.parent)
    assert len(set(begun)) == 24
    assert len(begun) <= 24 + 3
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
    assert calls(sweep_file.parent) == begun


@pytest.mark.slow
def test_an_error_on_a_cluster_is_an_answer(tmp_path: Path, cluster: Cluster) -> None:
    said: list[str] = []
    jobs = [job(n, tmp_path) for n in (1, 2, 3)]
    found = run_on_cluster(jobs, wrong_at_two, cluster.address, said.append)
    done = {one.seed: answer for one, answer in found}
    assert done == {1: {"square": 1}, 2: Failure("ValueError", "two is no good"), 3: {"square": 9}}
    assert cluster.address in said[0]


@pytest.mark.slow
@pytest.mark.crash
def test_a_lost_scheduler_is_an_error(tmp_path: Path, cluster: Cluster) -> None:
    jobs = [job(n, tmp_path) for n in range(1, 31)]
    found = run_on_cluster(jobs, slow_square, cluster.address, lambda _line: None)
    next(found)
    cluster.scheduler.kill()
    with pytest.raises(ClusterError, match=r"was lost$"):
        list(found)


def test_a_scheduler_that_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulations.sweeps.cluster._CONNECT_S", 1.0)
    jobs = [job(1, tmp_path)]
    with pytest.raises(ClusterError, match="no Dask scheduler answers at tcp://127"):
        list(run_on_cluster(jobs, square, "tcp://127.0.0.1:9", lambda _line: None))
