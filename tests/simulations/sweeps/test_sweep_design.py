"""Sweep files: what they lay out, and what is wrong with them."""

from pathlib import Path
from typing import Any

import pytest

from dispatch.options import DATA
from simulations.sweeps.design import Sweep, load_sweep, shown
from simulations.sweeps.errors import SweepError
from simulations.sweeps.runs import jobs_of

EXAMPLE = DATA.parent / "simulations" / "scenarios" / "sweeps" / "fleet-and-promise.toml"
PARAMETERS = """
[parameters]
"fleet.vehicles" = [3, 4]
"rules.immediate_wait_max_s" = [900, 1800]
"""
LATIN = """
method = "latin_hypercube"
points = 20
[parameters]
"fleet.vehicles" = { min = 3, max = 6, integer = true }
"demand.wheelchair_share" = { min = 0.0, max = 0.1 }
"dispatch.repositioning" = ["stay", "depot"]
"""


def sweep_of(tmp_path: Path, text: str, scenario: Path | None = None) -> Sweep:
    path = tmp_path / "sweep.toml"
    path.write_text(f'scenario = "{scenario or "day.toml"}"\n{text}', encoding="utf-8")
    return load_sweep(path)


def test_the_example_is_four_fleets_three_promises_and_five_seeds(var: Path) -> None:
    sweep = load_sweep(EXAMPLE)
    assert len(sweep.points) == 12
    assert sweep.seeds == (1, 2, 3, 4, 5)
    jobs = jobs_of(sweep, var)
    assert len({job.key for point in jobs for job in point}) == 60
    assert jobs[0][0].scenario["fleet"]["vehicles"] == 3
    assert jobs[-1][0].scenario["rules"]["immediate_wait_max_s"] == 1800


def test_a_grid_combines_everything_in_the_order_of_the_file(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "seeds = [7, 3]" + PARAMETERS)
    assert sweep.seeds == (7, 3)
    assert sweep.scenario == tmp_path / "day.toml"
    assert [tuple(point.values()) for point in sweep.points] == [
        (3, 900),
        (3, 1800),
        (4, 900),
        (4, 1800),
    ]


def test_equal_points_are_one(tmp_path: Path) -> None:
    assert len(sweep_of(tmp_path, "[parameters]\n'fleet.vehicles' = [3, 3, 4]").points) == 2


def test_without_parameters_only_the_seeds_differ(tmp_path: Path) -> None:
    assert sweep_of(tmp_path, "seeds = 4").points == ({},)


def test_a_latin_hypercube_covers_each_range_evenly(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, LATIN)
    assert len(sweep.points) == 20
    shares = sorted(point["demand.wheelchair_share"] for point in sweep.points)
    assert all(i / 200 <= share <= (i + 1) / 200 for i, share in enumerate(shares))
    vehicles = [point["fleet.vehicles"] for point in sweep.points]
    assert {vehicles.count(n) for n in (3, 4, 5, 6)} == {5}
    assert all(type(n) is int for n in vehicles)
    places = [point["dispatch.repositioning"] for point in sweep.points]
    assert places.count("stay") == places.count("depot") == 10


def test_a_latin_hypercube_is_the_same_each_time_and_another_by_seed(tmp_path: Path) -> None:
    first = sweep_of(tmp_path, LATIN)
    assert sweep_of(tmp_path, LATIN).points == first.points
    assert sweep_of(tmp_path, "sample_seed = 1\n" + LATIN).points != first.points


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sceds = 3", "sceds: unknown key; did you mean 'seeds'?"),
        ("seeds = 0", "seeds: has to be a number from 1"),
        ("seeds = [1, 1]", "seeds: one is listed twice"),
        ("seeds = [true]", "seeds: has to be"),
        ("method = 'random'", "method: "),
        ("points = 3", "points: only with method"),
        ("method = 'latin_hypercube'\n[parameters]\n'a' = [1]", "points: a Latin hypercube needs"),
        ("method = 'latin_hypercube'\npoints = 3", "parameters: a Latin hypercube needs"),
        ("[parameters]\n'fleet.vehicles' = 3", "parameters.fleet.vehicles: has to be a list"),
        ("[parameters]\n'fleet.vehicles' = []", "parameters.fleet.vehicles: has to be a list"),
        ("[parameters]\n'a' = {min = 1, max = 2}", "parameters.a: a range needs method"),
        ("[parameters]\n'fleet' = [1]\n'fleet.x' = [1]", "parameters.fleet.x: is part of"),
        ("[parameters]\n'fleet..x' = [1]", "parameters.fleet..x: is no key"),
        ("[parameters]\n'seed' = [1]", "parameters.seed: the seeds stand in"),
        ("[goal]\nfigure = 'x'", "goal: needs either at_least or at_most"),
        ("[goal]\nfigure = 'x'\nat_lest = 1", "goal.at_lest: unknown key; did you mean 'at_least'"),
        ("[goal]\nfigure = 'x'\nat_least = nan", "goal.at_least: "),
        (
            "[goal]\nfigure = 'x'\nat_least = 1\nsmallest = 'y'",
            "goal.smallest: 'y' is no parameter",
        ),
        ("[goal]\nfigure = 'acceptance'\nat_most = 1", "axes.better: 'higher' contradicts"),
        ("[axes]\nservic = 'x'", "axes.servic: unknown key; did you mean 'service'?"),
        ("x = ", "sweep.toml: "),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SweepError, match=r"sweep\.toml: ") as error:
        sweep_of(tmp_path, text)
    assert message in str(error.value)
    assert error.value.code == "sweep_invalid"


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ("{min = 2, max = 1}", "parameters.a: min has to be less than max"),
        ("{min = 1, max = 1}", "parameters.a: min has to be less than max"),
        ("{min = 1}", "parameters.a.max: Field required"),
        ("{min = 1, max = 2, whole = true}", "parameters.a.whole: unknown key"),
        ("{min = 1, max = 2.5, integer = true}", "parameters.a: min and max have to be whole"),
        ("{min = 1, max = inf}", "parameters.a.max: "),
    ],
)
def test_what_is_wrong_with_a_range_is_named(tmp_path: Path, axis: str, message: str) -> None:
    text = f"method = 'latin_hypercube'\npoints = 2\n[parameters]\na = {axis}"
    with pytest.raises(SweepError) as error:
        sweep_of(tmp_path, text)
    assert message in str(error.value)


def test_a_missing_file_is_a_sweep_error(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match=r"nowhere\.toml"):
        load_sweep(tmp_path / "nowhere.toml")


def test_too_many_points_are_refused_before_they_are_made(tmp_path: Path) -> None:
    axes = "\n".join(f"'a{n}' = {list(range(100))}" for n in range(6))
    with pytest.raises(SweepError, match="a grid of 1,000,000,000,000 points"):
        sweep_of(tmp_path, f"[parameters]\n{axes}")
    with pytest.raises(SweepError, match="over 100,000 runs"):
        sweep_of(tmp_path, f"seeds = 1000\n[parameters]\na = {list(range(200))}")


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        (
            "fleet.vehicels",
            [3],
            "parameters: fleet.vehicels: unknown key; did you mean 'vehicles'?",
        ),
        ("fleat.vehicles", [3], "parameters: fleat: unknown key; did you mean 'fleet'?"),
        ("fleet.vehicles", [3, 0], "parameters: fleet.vehicles: "),
        ("rules.immediate_wait_mx_s", [900], "did you mean 'immediate_wait_max_s'?"),
        ("rules.immediate_wait_max_s", [-1], "immediate_wait_max_s"),
        ("demand.requests", ["many"], "parameters: demand"),
    ],
)
def test_what_is_wrong_with_a_parameter_is_found_before_the_first_run(
    sweep_file: Path, var: Path, key: str, values: list[Any], message: str
) -> None:
    sweep = sweep_of(sweep_file.parent, f"[parameters]\n'{key}' = {values!r}")
    with pytest.raises(SweepError) as error:
        jobs_of(sweep, var)
    assert message in str(error.value)


def test_dates_and_tables_can_vary_too(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "[parameters]\ndate = [2026-03-10, 2026-03-14]\nx = [[1, 24]]")
    assert [shown(point["date"]) for point in sweep.points] == ["2026-03-10", "2026-03-14"]
    assert shown(sweep.points[0]["x"]) == [1, 24]
