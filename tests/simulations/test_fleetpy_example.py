"""FleetPy's own example: its data fit the shared roads, our key figures are near FleetPy's."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from dispatch.cli import main
from simulations.benchmarks.errors import BenchmarkError
from simulations.peer_day.fleetpy_example import FLEETPY, RULES, STOPS, at_once, example, settings
from simulations.peer_day.setting import Setting

SHARED = Path(__file__).resolve().parents[3] / "shared" / "peer"
DATA = Path(__file__).resolve().parents[2] / "simulations" / "peer_day" / "fleetpy"
pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the shared peer day is not at ../shared/peer"
)

DAYS = 20
NEAR = {  # how far FleetPy's figure may be from the median of ours, see docs/peer-day.md
    "served": 3,
    "vehicle_km": 16,
    "empty_share": 0.02,
    "occupancy": 0.02,
    "shared_share": 0.1,
    "wait_mean_s": 20,
    "wait_p90_s": 30,
}


@pytest.fixture(scope="module")
def days() -> list[Setting]:
    return settings(SHARED, DAYS)


def edges(path: Path) -> dict[tuple[int, int], tuple[float, float]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {
            (int(row["from_node"]), int(row["to_node"])): (
                float(row["distance"]),
                float(row["travel_time"]),
            )
            for row in csv.DictReader(file)
        }


def test_the_stops_lie_on_the_shared_roads() -> None:
    shared, ours = edges(SHARED / "peer_edges.csv"), edges(DATA / "edges.csv")
    assert not shared.keys() & ours.keys()
    split = 0
    for stop in STOPS:
        into = [(a, ours[a, b]) for a, b in ours if b == stop]
        out = [(b, ours[a, b]) for a, b in ours if a == stop]
        assert into
        assert len(out) == 1
        for before, (first_m, first_s) in into:
            whole = shared.get((before, out[0][0]))
            if whole is not None:
                split += 1
                assert first_m + out[0][1][0] == pytest.approx(whole[0])
                assert first_s + out[0][1][1] == pytest.approx(whole[1])
    assert split == 3  # of the other stops only the parts are there


def test_every_request_is_between_two_stops_that_reach_each_other(days: list[Setting]) -> None:
    demand, names = days[0].demand, days[0].roads.names
    assert len(demand) == 100
    assert {*names[demand.origin], *names[demand.destination]} <= set(STOPS)
    assert (demand.origin != demand.destination).all()
    assert np.isfinite([way.time_s for way in days[0].direct]).all()
    assert (demand.time_s % 60 == 0).all()
    assert {int(names[place]) for day in days for place in day.starts} <= set(STOPS)


def test_key_figures_are_near_fleetpys(days: list[Setting]) -> None:
    rows = [at_once(day) for day in days]
    assert [row["first_violation"] for row in rows] == [None] * DAYS
    for key, near in NEAR.items():
        median = float(np.median([float(row[key] or 0) for row in rows]))
        assert abs(median - float(FLEETPY[key] or 0)) <= near, (key, median)


def test_the_halt_counts_for_the_longest_ride(days: list[Setting]) -> None:
    assert RULES.detour_s == round((RULES.detour - 1) * RULES.halt_s)
    longest = days[0].max_ride_s(days[0].network())
    direct = np.array([way.time_s for way in days[0].direct])
    assert (longest <= 1.4 * direct + RULES.detour_s).all()
    assert (longest > 1.4 * direct + RULES.detour_s - 2).all()


def test_the_command_shows_fleetpy_first_and_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["bench", "fleetpy-example", str(SHARED), "--days", "2", "--json"], standalone_mode=False)
    rows = json.loads(capsys.readouterr().out)
    assert [(row["mode"], row["of_the_days"]) for row in rows] == [
        ("FleetPy", "its only one"),
        *(("insertion, at once", each) for each in ("least", "median", "most")),
        *(("improved, at once", each) for each in ("least", "median", "most")),
    ]
    assert all(row["verified"] for row in rows[1:])
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "fleetpy-example", str(tmp_path)])
    assert stopped.value.code == 1
    assert capsys.readouterr().err.startswith("error: [benchmark_input] ")


def test_other_roads_are_refused(tmp_path: Path) -> None:
    (tmp_path / "peer_edges.csv").write_text(
        "from_node,to_node,distance,travel_time\n10,20,1000,100\n20,10,1000,100\n"
    )
    with pytest.raises(BenchmarkError, match="cannot be reached"):
        list(example(tmp_path, days=1))
