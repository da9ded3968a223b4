"""Runs: what names them, where their results lie, and what becomes of dying processes."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweep_tasks import calls, deadly_at_three, job, slow_square, square, wrong_at_two

from simulations.sweeps.design import load_sweep
from simulations.sweeps.local import run_local
from simulations.sweeps.runs import Failure, Finished, Job, flat, jobs_of, paths_in, plain
from simulations.sweeps.store import Store
from simulations.sweeps.versions import imported_sources


def jobs(folder: Path, count: int) -> list[Job]:
    return [job(n, folder) for n in range(1, count + 1)]


def by_number(finished: Finished) -> Iterator[tuple[int, Any]]:
    return ((one.seed, answer) for one, answer in finished)


def test_every_run_is_done_once_by_few_processes(tmp_path: Path) -> None:
    done = dict(by_number(run_local(jobs(tmp_path, 6), square, 2)))
    assert {n: answer["square"] for n, answer in done.items()} == {n: n * n for n in range(1, 7)}
    assert len({answer["process"] for answer in done.values()}) <= 2
    assert sorted(calls(tmp_path)) == [f"job{n}" for n in range(1, 7)]


@pytest.mark.crash
def test_a_run_that_kills_its_process_is_given_up_and_disturbs_nobody(tmp_path: Path) -> None:
    done = dict(by_number(run_local(jobs(tmp_path, 6), deadly_at_three, 2)))
    assert done.pop(3) == Failure("process_died", "3 times, last by SIGKILL")
    assert done == {n: {"square": n * n} for n in (1, 2, 4, 5, 6)}
    begun = calls(tmp_path)
    assert begun.count("job3") == 3
    assert begun.count("job4") == 2  # died once by chance, then done
    assert {begun.count(f"job{n}") for n in (1, 2, 5, 6)} == {1}


def test_an_error_is_an_answer(tmp_path: Path) -> None:
    done = dict(by_number(run_local(jobs(tmp_path, 3), wrong_at_two, 1)))
    assert done[2] == Failure("ValueError", "two is no good")
    assert done[3] == {"square": 9}


def test_closing_kills_what_is_under_way(tmp_path: Path) -> None:
    outcomes = run_local(jobs(tmp_path, 8), slow_square, 2)
    next(outcomes)
    begun = time.monotonic()
    outcomes.close()
    assert time.monotonic() - begun < 2
    at_closing = len(calls(tmp_path))
    time.sleep(0.7)
    assert len(calls(tmp_path)) == at_closing < 8


def test_a_store_has_whole_results_or_none(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs")
    assert store.figures("job1") is None
    store.write(job(1, tmp_path), {"acceptance": 0.9, "wait_mean_s": None})
    assert store.figures("job1") == {"acceptance": 0.9, "wait_mean_s": None}
    path = tmp_path / "runs" / "job1" / "kpis.json"
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["scenario"] == {"x": 1}
    for content in ("", "[]", '{"format": 1}', json.dumps({**record, "key": "job2"}), "\xff"):
        path.write_text(content, encoding="latin-1")
        assert store.figures("job1") is None


def test_a_run_is_named_by_all_that_its_result_depends_on(sweep_file: Path, var: Path) -> None:
    sweep = load_sweep(sweep_file)
    keys = {one.key for point in jobs_of(sweep, var) for one in point}
    assert len(keys) == 12
    assert {one.key for point in jobs_of(sweep, var) for one in point} == keys
    day = sweep_file.parent / "day.toml"
    original = day.read_text(encoding="utf-8")
    for change in ('name = "X"', 'description = "X"', "seed = 9"):
        day.write_text(f"{original}{change}\n", encoding="utf-8")
        assert {one.key for point in jobs_of(sweep, var) for one in point} == keys
    day.write_text(f"{original}[costs]\ndriver_hour_eur = 30\n", encoding="utf-8")
    assert not keys & {one.key for point in jobs_of(sweep, var) for one in point}


def test_points_that_mean_the_same_share_their_runs(sweep_file: Path, var: Path) -> None:
    text = sweep_file.read_text(encoding="utf-8").replace("[3, 4]", "[3, 3.0]")
    sweep_file.write_text(text, encoding="utf-8")
    sweep = load_sweep(sweep_file)
    points = jobs_of(sweep, var)
    assert len(points) == 4
    assert len({one.key for point in points for one in point}) == 6


def test_the_content_of_files_that_a_scenario_names_counts(sweep_file: Path, var: Path) -> None:
    folder = sweep_file.parent
    demand = {"source": "file", "path": "trips.csv"}
    lines = [f"{key} = {json.dumps(value)}" for key, value in demand.items()]
    (folder / "day.toml").write_text(
        'name = "x"\ntown = "beckum"\ndate = 2026-03-10\n[demand]\n' + "\n".join(lines),
        encoding="utf-8",
    )
    sweep = load_sweep(sweep_file)
    keys = []
    for content in ("a", "b"):
        (folder / "trips.csv").write_text(content, encoding="utf-8")
        keys.append(jobs_of(sweep, var)[0][0].key)
    assert keys[0] != keys[1]


def test_the_code_that_counts_is_what_a_simulation_imports() -> None:
    names = {"/".join(path.parts[-2:]) for path in imported_sources("simulations.runner")}
    assert {"simulations/world.py", "engine/offers.py", "plans/kernel.py"} <= names
    assert not {"sweeps/local.py", "dispatch/cli.py", "web/pages.py"} & names


def test_figures_become_plain_and_flat() -> None:
    import numpy as np  # noqa: PLC0415 - only here

    figures = plain({"a": np.float64(1.5), "b": float("nan"), "c": {"d": np.int64(2)}, "e": (1,)})
    assert figures == {"a": 1.5, "b": None, "c": {"d": 2}, "e": [1]}
    assert flat(figures) == {"a": 1.5, "b": None, "c.d": 2, "e": "[1]"}


def test_all_paths_of_a_scenario_are_found() -> None:
    from pydantic import BaseModel, Field  # noqa: PLC0415 - only here

    class Part(BaseModel):
        path: Path = Path("a.csv")
        none: Path | None = None

    class Whole(BaseModel):
        part: Part = Part()
        folder: Path = Field(default=Path("x"), exclude=True)

    assert paths_in(Whole()) == {"a.csv"}
