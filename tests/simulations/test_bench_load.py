"""The load benchmark: its sums, and a short run on a small town."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from running_service import RunningService, rufbus, write_grid_town

from simulations.benchmarks.load import Seen, kind_of
from simulations.benchmarks.memory import Memory, slope_per_h


def test_growth_is_that_of_a_straight_line() -> None:
    assert slope_per_h([(100.0 + t, 50.0 + t / 36) for t in range(10)]) == pytest.approx(100)
    assert slope_per_h([(0.0, 50.0), (1.0, 50.0), (2.0, 50.0)]) == pytest.approx(0, abs=1e-6)
    assert slope_per_h([(0.0, 50.0), (1.0, 51.0)]) is None


def test_memory_is_that_of_living_processes() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    memory = Memory(lambda: {"me": os.getpid(), "gone": gone.pid})
    for _ in range(3):
        memory.sample()
    row = memory.row(0.0)
    assert 5 < float(row["rss_mb_me"] or 0) == row["rss_mb"]
    assert "rss_mb_gone" not in row


def test_errors_are_counted_by_kind() -> None:
    seen = Seen(latency_s=[0.01, 0.03], offered=1)
    for answer in (
        httpx.Response(503, json={"code": "overloaded"}),
        httpx.Response(503, json={"code": "service_unavailable"}),
        httpx.Response(502, text="bad gateway"),
    ):
        seen.kinds[kind_of(answer)] += 1
    row = seen.row()
    assert (row["requests"], row["overloaded"], row["errors"]) == (5, 1, 2)
    assert row["error_status_502"] == 1
    assert row["p50_ms"] == pytest.approx(20)


@pytest.mark.slow
def test_a_short_load_on_a_real_service(tmp_path: Path) -> None:
    grid = RunningService(tmp_path / "var", write_grid_town(tmp_path / "grid", vehicles=1))
    grid.import_grid()
    done = rufbus(
        *("bench", "load", "--json", "--seconds", "6", "--factor", "2", "--cores", "0"),
        *("--rate", "2", "--vehicles", "3", "--listeners", "4", "--fill", "3"),
        env=grid.environment(),
    )
    assert done.returncode == 0, done.stderr
    one, two = json.loads(done.stdout)
    assert (one["rate_per_s"], two["rate_per_s"]) == (2.0, 4.0)
    for row, requests in ((one, 12), (two, 24)):
        assert row["requests"] == requests
        assert row["errors"] + row["overloaded"] <= requests // 4, done.stdout
        assert row["offered"] > 0
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"] <= row["max_ms"]
        assert row["positions"] + row["lost_positions"] == 18
        assert row["listeners"] == 4
        assert row["events"] >= 4
        assert row["dropped"] == 0
        for name in ("dispatcher", "web", "web-2", "postgres", "redis", "optimiser"):
            assert row[f"rss_mb_{name}"] > 1
