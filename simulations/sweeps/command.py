"""`rufbus sweep`: from a sweep file to report and tables, going on where it was left off."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from dispatch.config_errors import nearest
from simulations import progress
from simulations.sweeps.design import Sweep, load_sweep
from simulations.sweeps.errors import ClusterError, InputsDifferError, SweepError
from simulations.sweeps.local import run_local
from simulations.sweeps.progress import shown_progress
from simulations.sweeps.report import Failed, Findings, answers, goal_text, write_outputs
from simulations.sweeps.runs import (
    Failure,
    Figures,
    Finished,
    Job,
    Progress,
    Task,
    drive,
    flat,
    jobs_of,
    rehearse,
)
from simulations.sweeps.store import Store
from simulations.sweeps.words import Lang, estimate_text, figure_label, value_text

INTERRUPTED = 130
"""The exit code of a process that Ctrl-C has ended, as shells have it."""
_MANY_POINTS = 200

Say = Callable[[str], None]


class Work(NamedTuple):
    """What a run is.

    Attributes:
        task: does one.
        rehearse: prepares for them, telling its progress, and names the figures that they have.
    """

    task: Task
    rehearse: Callable[[Job, Progress], set[str]]


SIMULATIONS = Work(drive, rehearse)


class SweepRun(NamedTuple):
    """How to run a sweep.

    Attributes:
        path: the sweep file.
        var: where roads and caches live.
        out: where results go; None = a folder under `var` called like the file.
        processes: how many runs at the same time on this machine.
        scheduler: address of a Dask scheduler, to run there instead.
        lang: of the report.
    """

    path: Path
    var: Path
    out: Path | None
    processes: int
    scheduler: str | None
    lang: Lang

    @property
    def folder(self) -> Path:
        """Where results go."""
        return self.out or self.var / "sweeps" / self.path.stem


def sweep(options: SweepRun, say: Say, work: Work = SIMULATIONS) -> int:
    """Do what is still to be done of a sweep and report on all of it.

    Args:
        options: what to run, how and where.
        say: told how it goes.
        work: what a run is.

    Returns:
        Exit code: 0, 1 if runs failed, 130 after Ctrl-C.

    Raises:
        SweepError, ScenarioError, ConfigError, RoadsError: it cannot be run.
        ClusterError: the cluster was lost; what is finished has been reported on.
        InputsDifferError: workers would simulate something else, or the code has been changed.
    """
    design = load_sweep(options.path)
    jobs = _jobs(design, options.var)
    store = Store(options.folder / "runs")
    # Seed by seed, so that soon there is something to be said of every point.
    unique = {job.key: job for seed in zip(*jobs, strict=True) for job in seed}
    done = {key: found for key in unique if (found := store.figures(key)) is not None}
    missing = [job for key, job in unique.items() if key not in done]
    failed: dict[str, str] = {}
    stopped: BaseException | None = None
    say(f"{design.name}: {len(unique)} runs, {len(done)} of them finished earlier")
    try:
        check_figures(design, _figure_names(missing, done, say, work))
        _collect(missing, done, failed, store, _outcomes(options, missing, work.task, say))
    except (KeyboardInterrupt, ClusterError, InputsDifferError) as reason:
        stopped = reason
        say("Stopped; reporting on what is finished ...")
    findings = _findings(design, jobs, done, failed)
    if done or stopped is None:
        _report(findings, options, say)
    if stopped is not None:
        say(f"{len(done)} of {len(unique)} runs are finished; the same command goes on from there")
        if isinstance(stopped, KeyboardInterrupt):
            return INTERRUPTED
        raise stopped
    for one in findings.failed:
        say(f"failed: variant {one.point}, seed {one.seed}: {one.reason}")
    return 1 if failed else 0


def check_figures(design: Sweep, known: Iterable[str]) -> None:
    """See that the goal and the axes are figures that runs have.

    Raises:
        SweepError: one is not; the message names the nearest.
    """
    known = set(known)
    named = {"axes.service": design.axes.service, "axes.cost": design.axes.cost}
    if design.goal is not None:
        named["goal.figure"] = design.goal.figure
    for key, figure in named.items():
        if figure not in known:
            raise SweepError(f"{key}: unknown key figure {figure!r}{nearest(figure, known)}")


def _jobs(design: Sweep, var: Path) -> list[list[Job]]:
    """All runs; reading many points takes a while."""
    if len(design.points) < _MANY_POINTS:
        return jobs_of(design, var)
    with shown_progress("points read", len(design.points)) as bar:
        return jobs_of(design, var, bar.advance)


def _figure_names(
    missing: Sequence[Job], done: dict[str, Figures], say: Say, work: Work
) -> set[str]:
    """Of all key figures; a short day shows them before the first run, and fills the caches.

    Otherwise all workers would begin by making the same roads and kernels at the same time.
    """
    if not missing:
        return {name for figures in done.values() for name in flat(figures)}
    say("Loading town and roads ...")
    towns = {job.scenario["town"]: job for job in missing}
    with progress.shown("bar") as tell:
        return {name for job in towns.values() for name in work.rehearse(job, tell)}


def _outcomes(options: SweepRun, missing: Sequence[Job], task: Task, say: Say) -> Finished:
    if options.scheduler is None:
        return run_local(missing, task, options.processes)
    from simulations.sweeps.cluster import run_on_cluster  # noqa: PLC0415 - slow to import

    return run_on_cluster(missing, task, options.scheduler, say)


def _collect(
    missing: Sequence[Job],
    done: dict[str, Figures],
    failed: dict[str, str],
    store: Store,
    outcomes: Finished,
) -> None:
    """Keep what comes, run by run, and show how far it is."""
    if not missing:
        return
    with closing(outcomes), shown_progress("runs", len(missing) + len(done), len(done)) as bar:
        for job, answer in outcomes:
            if isinstance(answer, Failure):
                if answer.code == InputsDifferError.code:  # so will all the others
                    raise InputsDifferError(answer.reason)
                failed[job.key] = f"[{answer.code}] {answer.reason}"
            else:
                store.write(job, answer)
                done[job.key] = answer
            bar.advance()


def _findings(
    design: Sweep, jobs: Sequence[Sequence[Job]], done: dict[str, Figures], failed: dict[str, str]
) -> Findings:
    return Findings(
        sweep=design,
        finished=[{j.seed: done[j.key] for j in point if j.key in done} for point in jobs],
        failed=[
            Failed(number, job.seed, failed[job.key])
            for number, point in enumerate(jobs, start=1)
            for job in point
            if job.key in failed
        ],
    )


def _report(findings: Findings, options: SweepRun, say: Say) -> None:
    """Write the files, and say the essential."""
    os.environ.setdefault("MPLCONFIGDIR", str(options.var.resolve() / "cache" / "matplotlib"))
    files = write_outputs(findings, options.folder, options.lang)
    design, results = findings.sweep, findings.results()
    best = findings.best(results)
    axes = design.axes
    say(f"Pareto front, {figure_label(axes.service, 'en')} / {figure_label(axes.cost, 'en')}:")
    for one in sorted((r for r in results if r.number in best), key=lambda r: r.number):
        values = ", ".join(f"{key} = {value_text(v, 'en')}" for key, v in one.values.items())
        service, cost = (
            estimate_text(name, one.figures.get(name), "en") for name in (axes.service, axes.cost)
        )
        say(f"  {service:>14} / {cost:<16} {values} (variant {one.number}, {one.runs} runs)")
    if design.goal is not None:
        say(goal_text(design.goal, "en"))
        for label, answer in answers(design, results, "en"):
            say(f"  {label}: {answer}")
    for path in files:
        say(f"wrote {path}")
