"""The online benchmark: honest intervals, and one small day from the command line."""

import json
from pathlib import Path

import pytest
from running_service import rufbus

from simulations.benchmarks.online import BASE, differences, interval


def test_an_interval_is_students() -> None:
    mean, low, high = interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert mean == 3.0
    assert high - mean == pytest.approx(2.776 * 2.5**0.5 / 5**0.5, rel=1e-3)
    assert mean - low == pytest.approx(high - mean)


def test_one_day_has_no_interval() -> None:
    assert interval([7.0]) == (7.0, 7.0, 7.0)


def test_differences_are_shown_for_all_but_the_base() -> None:
    numbers = {
        f"diff_{key}{end}": 1.5
        for key in ("served", "vehicle_km", "wait_mean_s", "objective_h")
        for end in ("", "_low", "_high")
    }
    rows = [{"variant": name, "requests": 300, **numbers} for name in (BASE, "+ improvement")]
    lines = [line for line in differences(rows) if "300" in line]
    assert len(lines) == 1
    assert lines[0].startswith("+ improvement")
    assert "served +1.5 [+1.5, +1.5]" in lines[0]


@pytest.mark.slow
def test_a_small_day_from_the_command_line(tmp_path: Path) -> None:
    env = {"RUFBUS_VAR": str(tmp_path / "var"), "RUFBUS_OFFLINE": "1"}
    args = ["--seeds", "1", "--requests", "40", "--processes", "1", "--json"]
    done = rufbus("bench", "online", *args, env=env)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["variant"] for row in rows] == [
        "insertion",
        "+ improvement",
        "+ batching",
        "+ repositioning",
        "clairvoyant",
    ]
    assert all(row["verified"] for row in rows)
    assert rows[0]["diff_served"] == 0
    assert rows[-1]["objective_h"] <= rows[0]["objective_h"]
