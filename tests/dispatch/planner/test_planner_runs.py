"""Runs in real processes: done, cancelled, killed, left alone, and in a row."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from planner_desk import shipped_id, until

from dispatch.planner.command import environment
from dispatch.planner.desk import Desk
from dispatch.planner.errors import PlannerFullError, RunStateError, UnknownError
from dispatch.planner.jobs import Job, JobFolder

MakeDesk = Callable[..., Desk]


def processes_of(folder: Path) -> list[int]:
    """Everything that runs with a path of this folder on its command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def test_a_run_is_done_in_the_background(desk: Desk) -> None:
    job = desk.run(shipped_id("ordinary"), None, "en")[0]
    assert desk.job(job.id).status == "queued"
    view = until(desk, job.id)
    assert (view.status, view.reason) == ("done", "")
    assert view.job.seed == 4
    assert view.figures["acceptance"] == pytest.approx(0.94)
    assert "refused_by_reason" not in view.figures, "only single figures"
    assert "<html lang=en>" in desk.report(job.id).read_text(encoding="utf-8")
    assert view.files == ("kpis.json", "requests.csv")
    assert desk.file(job.id, "requests.csv").is_file()
    with pytest.raises(UnknownError):
        desk.file(job.id, "report.html")
    assert desk.step() is False


def test_a_run_is_of_the_scenario_as_it_was_then(desk: Desk) -> None:
    text = desk.copy_of(shipped_id("ordinary"), "First name")
    scenario = desk.save(text, {})
    job = desk.run(scenario, 7, "de")[0]
    desk.scenarios.delete(scenario)
    view = until(desk, job.id)
    assert (view.status, view.figures["seed"]) == ("done", 7)
    assert "First name" in desk.report(job.id).read_text(encoding="utf-8")


def test_one_runs_at_a_time_in_the_order_of_asking(desk: Desk) -> None:
    jobs = [desk.run(shipped_id(name), None, "de")[0] for name in ("slow", "ordinary", "ordinary")]
    until(desk, jobs[0].id, "running")
    for _ in range(3):
        desk.step()
        assert [view.status for view in reversed(desk.jobs())] == ["running", "queued", "queued"]
    desk.cancel(jobs[0].id)
    until(desk, jobs[1].id)
    until(desk, jobs[2].id)
    begun = [desk.job(job.id).job.started_s for job in jobs]
    assert begun == sorted(begun, key=lambda at: at or 0)


def test_progress_is_seen(desk: Desk) -> None:
    job = desk.run(shipped_id("slow"), None, "de")[0]
    until(desk, job.id, "running")
    while not desk.job(job.id).progress.done:
        assert desk.job(job.id).status == "running"
        time.sleep(0.05)
    progress = desk.job(job.id).progress
    assert 0 < progress.done < 1
    assert progress.stage == "simulation"
    assert progress.left_s is not None


def test_a_cancelled_run_leaves_what_it_has(desk: Desk) -> None:
    job = desk.run(shipped_id("slow"), None, "de")[0]
    until(desk, job.id, "running")
    while not desk.job(job.id).progress.done:
        time.sleep(0.05)
    desk.cancel(job.id)
    view = until(desk, job.id)
    assert view.status == "cancelled"
    assert 0 < view.figures["vehicle_km"] < 1184
    with pytest.raises(RunStateError):
        desk.cancel(job.id)


def test_a_waiting_run_that_is_cancelled_never_starts(desk: Desk) -> None:
    first, second = (desk.run(shipped_id(name), None, "de")[0] for name in ("slow", "ordinary"))
    until(desk, first.id, "running")
    desk.cancel(second.id)
    assert desk.job(second.id).status == "cancelled"
    assert desk.job(second.id).job.started_s is None


def test_a_failed_run_says_why(desk: Desk) -> None:
    job = desk.run(shipped_id("broken"), None, "de")[0]
    view = until(desk, job.id)
    assert (view.status, view.has_report) == ("failed", False)
    assert view.reason == "there are no roads for this town"


def test_a_killed_run_is_interrupted_and_nothing_is_left(desk: Desk, tmp_path: Path) -> None:
    job = desk.run(shipped_id("slow"), None, "de")[0]
    until(desk, job.id, "running")
    while not desk.job(job.id).progress.done:
        time.sleep(0.05)
    pid = desk.job(job.id).job.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert until(desk, job.id).status == "interrupted"
    deadline = time.monotonic() + 10
    while processes_of(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert until(desk, desk.run(shipped_id("ordinary"), None, "de")[0].id).status == "done"


def test_a_run_outlives_the_process_that_has_started_it(make_desk: MakeDesk) -> None:
    first = make_desk()
    job = first.run(shipped_id("slow"), None, "de")[0]
    waiting = first.run(shipped_id("ordinary"), None, "de")[0]
    until(first, job.id, "running")
    second = make_desk()
    assert second.job(job.id).status == "running"
    second.step()
    assert second.job(waiting.id).status == "queued", "the lane is taken"
    second.cancel(job.id)
    assert until(second, job.id).status == "cancelled"
    assert until(second, waiting.id).status == "done"


def test_a_run_that_was_started_and_is_gone_was_interrupted(tmp_path: Path) -> None:
    jobs = JobFolder(tmp_path)
    job = Job("20260310-120000-abcdef", "run", "Lost", 1.0, started_s=2.0, pid=os.getpid())
    jobs.keep(job)
    assert jobs.view(job.id).status == "interrupted"


def test_when_the_service_stops_its_runs_do(desk: Desk) -> None:
    job = desk.run(shipped_id("slow"), None, "de")[0]
    until(desk, job.id, "running")
    while not desk.job(job.id).progress.done:
        time.sleep(0.05)
    desk.stop()
    view = until(desk, job.id)
    assert view.status == "interrupted"
    assert view.figures, "what it had is kept"


def test_what_does_not_end_is_ended(make_desk: MakeDesk) -> None:
    desk = make_desk(run_s=1.0)
    job = desk.run(shipped_id("deaf"), None, "de")[0]
    view = until(desk, job.id)
    assert (view.status, view.reason) == ("failed", "it took longer than 1 s")


def test_the_oldest_go_and_the_pinned_stay(make_desk: MakeDesk) -> None:
    desk = make_desk(kept=1, pinned=1)
    jobs = [desk.run(shipped_id("broken"), None, "de")[0].id for _ in range(2)]
    until(desk, jobs[0])
    desk.pin(jobs[0], pinned=True)
    until(desk, jobs[1])
    with pytest.raises(PlannerFullError):
        desk.pin(jobs[1], pinned=True)
    last = desk.run(shipped_id("broken"), None, "de")[0].id
    until(desk, last)
    desk.step()
    assert [view.job.id for view in desk.jobs()] == [last, jobs[0]]


def test_the_queue_is_bounded(make_desk: MakeDesk) -> None:
    desk = make_desk(queued=1)
    desk.run(shipped_id("ordinary"), None, "de")[0]
    with pytest.raises(PlannerFullError):
        desk.run(shipped_id("ordinary"), None, "de")[0]


def test_several_days_are_queued_together_or_not_at_all(make_desk: MakeDesk) -> None:
    desk = make_desk(queued=4)
    jobs = desk.run(shipped_id("ordinary"), None, "de", 3)
    assert [job.seed for job in jobs] == [4, 5, 6]
    with pytest.raises(PlannerFullError):
        desk.run(shipped_id("ordinary"), 1, "de", 2)
    assert [view.job for view in reversed(desk.jobs())] == jobs


def test_ended_runs_are_compared(desk: Desk) -> None:
    jobs = [desk.run(shipped_id("ordinary"), seed, "de")[0].id for seed in (1, 2)]
    broken = desk.run(shipped_id("broken"), None, "de")[0].id
    with pytest.raises(RunStateError):
        desk.compare(jobs, "de")
    for job in (*jobs, broken):
        until(desk, job)
    for wrong in (jobs[:1], [jobs[0], jobs[0]], [jobs[0], broken]):
        with pytest.raises(RunStateError):
            desk.compare(wrong, "de")
    with pytest.raises(UnknownError):
        desk.compare([jobs[0], "../../etc"], "de")
    comparison = desk.compare(jobs, "en")
    assert comparison.name == "Ordinary day (1, 2)"
    assert until(desk, comparison.id).status == "done"
    assert "2 runs" in desk.report(comparison.id).read_text(encoding="utf-8")


def test_an_ended_run_can_be_deleted(desk: Desk) -> None:
    job = desk.run(shipped_id("ordinary"), None, "de")[0].id
    with pytest.raises(RunStateError):
        desk.delete(job)
    until(desk, job)
    desk.delete(job)
    with pytest.raises(UnknownError):
        desk.job(job)


@pytest.mark.parametrize("job_id", ["", "..", "../x", "20260310-120000-abcdef", "a/b", "x\n"])
def test_an_unknown_run_is_unknown(desk: Desk, job_id: str) -> None:
    for ask in (desk.job, desk.report, desk.delete, desk.cancel):
        with pytest.raises(UnknownError):
            ask(job_id)


def test_half_a_job_is_none(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "var" / "planner" / "jobs"
    (folder / "20260310-120000-abcdef").mkdir(parents=True)
    (folder / "something else").mkdir()
    assert desk.jobs() == []


def test_a_simulation_gets_no_way_into_the_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "secret")
    monkeypatch.setenv("REDIS_URL", "secret")
    found = environment(tmp_path)
    assert "secret" not in json.dumps(found)
    assert found["RUFBUS_VAR"] == str(tmp_path)


def test_a_shipped_scenario_runs_where_it_stands(desk: Desk, shipped: Path) -> None:
    (shipped / "child.toml").write_text('extends = "ordinary.toml"\nname = "Child"\n')
    view = until(desk, desk.run(shipped_id("child"), None, "de")[0].id)
    assert (view.status, view.job.seed) == ("done", 4)
