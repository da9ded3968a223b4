"""`rufbus sweep`: finished runs are kept, Ctrl-C leaves a partial result, the real thing works."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from running_service import rufbus
from sweep_tasks import calls, formula, rehearse

from simulations.sweeps.command import SweepRun, Work, check_figures, sweep
from simulations.sweeps.design import load_sweep
from simulations.sweeps.errors import InputsDifferError, SweepError
from simulations.sweeps.runs import Job

FORMULA = Work(formula, rehearse)
RUN = "import sys, sweep_tasks; sweep_tasks.main(*sys.argv[1:])"


def options(sweep_file: Path, var: Path) -> SweepRun:
    return SweepRun(sweep_file, var, sweep_file.parent / "out", 2, None, "en")


def runs_in(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "results.csv").read_text(encoding="utf-8").splitlines()))


def test_finished_runs_are_not_run_again(sweep_file: Path, var: Path) -> None:
    said: list[str] = []
    assert sweep(options(sweep_file, var), said.append, FORMULA) == 0
    assert len(calls(sweep_file.parent)) == len(set(calls(sweep_file.parent))) == 12
    assert any("Acceptance ≥ 70 %" in line for line in said)
    out = sweep_file.parent / "out"
    before = {path.name: path.read_bytes() for path in out.glob("re*")}
    assert sorted(before) == ["report.html", "results.csv", "results.parquet"]
    assert sweep(options(sweep_file, var), said.append, FORMULA) == 0
    assert len(calls(sweep_file.parent)) == 12
    assert {path.name: path.read_bytes() for path in out.glob("re*")} == before
    sweep_file.write_text(sweep_file.read_text("utf-8").replace("[3, 4]", "[3, 4, 5]"), "utf-8")
    assert sweep(options(sweep_file, var), said.append, FORMULA) == 0
    assert len(calls(sweep_file.parent)) == 18
    assert len(runs_in(out)) == 18


def test_ctrl_c_leaves_a_partial_result_and_the_same_command_goes_on(
    sweep_file: Path, var: Path, environment: dict[str, str]
) -> None:
    out = sweep_file.parent / "out"
    command = [sys.executable, "-c", RUN, str(sweep_file), str(var), str(out)]
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until = time.monotonic() + 60
    while len(list(out.glob("runs/*/kpis.json"))) < 4 and time.monotonic() < until:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # a terminal's Ctrl-C goes to the workers, too
    begun = time.monotonic()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert time.monotonic() - begun < 20
    assert "Traceback" not in said
    done = len(list(out.glob("runs/*/kpis.json")))
    assert 4 <= done < 12
    assert f"{done} of 12 runs are finished; the same command goes on from there" in said
    assert len(runs_in(out)) == done
    assert "Partial result" in (out / "report.html").read_text(encoding="utf-8")
    finished = {path.parent.name for path in out.glob("runs/*/kpis.json")}
    begun_before = calls(sweep_file.parent)
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
    again = calls(sweep_file.parent)[len(begun_before) :]
    assert len(again) == len(set(again)) == 12 - done
    assert not finished & set(again)
    assert len(runs_in(out)) == 12
    assert "Partial result" not in (out / "report.html").read_text(encoding="utf-8")


def failing(job: Job) -> dict[str, Any]:
    if job.seed == 2:
        raise ValueError("no good")
    return formula(job)


def test_failed_runs_are_reported_and_tried_again_next_time(sweep_file: Path, var: Path) -> None:
    said: list[str] = []
    assert sweep(options(sweep_file, var), said.append, Work(failing, rehearse)) == 1
    assert "failed: variant 1, seed 2: [ValueError] no good" in said
    page = (sweep_file.parent / "out" / "report.html").read_text(encoding="utf-8")
    assert "Variant 4, seed 2: [ValueError] no good" in page
    assert sweep(options(sweep_file, var), said.append, FORMULA) == 0
    assert len(calls(sweep_file.parent)) == 12


def differing(_job: Job) -> dict[str, Any]:
    raise InputsDifferError("other roads")


def test_other_inputs_stop_everything(sweep_file: Path, var: Path) -> None:
    with pytest.raises(InputsDifferError, match="other roads"):
        sweep(options(sweep_file, var), lambda _line: None, Work(differing, rehearse))


def interrupted(_job: Job, _progress: object) -> set[str]:
    raise KeyboardInterrupt


def test_ctrl_c_before_the_first_run_is_no_error_either(sweep_file: Path, var: Path) -> None:
    said: list[str] = []
    assert sweep(options(sweep_file, var), said.append, Work(formula, interrupted)) == 130
    assert said[-1].startswith("0 of 12 runs are finished")
    assert not (sweep_file.parent / "out" / "report.html").exists()


def test_figures_that_no_run_has_are_named(sweep_file: Path) -> None:
    text = sweep_file.read_text(encoding="utf-8").replace('"acceptance"', '"acceptanze"')
    sweep_file.write_text(text, encoding="utf-8")
    with pytest.raises(SweepError, match=r"goal\.figure: .* did you mean 'acceptance'\?"):
        check_figures(load_sweep(sweep_file), {"acceptance", "cost_eur"})


def test_errors_of_the_command_line_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text("scenario = 'nowhere.toml'", encoding="utf-8")
    failed = rufbus("sweep", str(path), env={"RUFBUS_VAR": str(tmp_path)})
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: [scenario_invalid] ")
    both = rufbus("sweep", str(path), "--processes", "2", "--scheduler", "tcp://x", env={})
    assert both.returncode == 2


@pytest.mark.slow
def test_a_real_sweep(sweep_file: Path, var: Path) -> None:
    path = sweep_file
    text = path.read_text(encoding="utf-8").replace("seeds = 3", "seeds = 2")
    text = text.replace("[goal]", '"demand.requests" = [25]\n[goal]')
    path.write_text(text, encoding="utf-8")
    out = path.parent / "out"
    arguments = ("sweep", str(path), "--var", str(var), "--out", str(out))
    done = rufbus(*arguments, env={})
    assert done.returncode == 0, done.stderr
    assert "8/8 runs, 100%, took " in done.stderr
    rows = runs_in(out)
    assert [int(row["fleet.vehicles"]) for row in rows] == [3, 3, 3, 3, 4, 4, 4, 4]
    assert {row["requests"] for row in rows} == {"25"}
    day = path.parent / "day.toml"
    settings = ["fleet.vehicles=4", "rules.immediate_wait_max_s=1800", "demand.requests=25"]
    alone = rufbus(
        *("simulate", str(day), "--json", "--var", str(var), "--seed", "2"),
        *(word for setting in settings for word in ("--set", setting)),
        env={},
    )
    assert json.loads(alone.stdout)["events_sha256"] == rows[-1]["events_sha256"]
    folders = map(str, sorted((out / "runs").iterdir()))
    compared = rufbus("compare", *folders, env={})
    assert compared.returncode == 0, compared.stderr
    again = rufbus(*arguments, env={})
    assert "8 runs, 8 of them finished earlier" in again.stderr
