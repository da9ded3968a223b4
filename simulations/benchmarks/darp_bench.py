"""`rufbus bench darp`: how far a solver stays from the best known costs, every solution checked."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from routing.plans import Problem, Request, improve, warm_up
from routing.plans.claims import verify
from simulations.benchmarks.darp import (
    Instance,
    as_problem,
    cost_of,
    read_best_known,
    read_folder,
    routes_of,
    violations,
)
from simulations.benchmarks.table import Column, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

SolverName = Literal["ours", "ortools"]
COLUMNS = (
    Column("instance", -10),
    Column("solver", -7),
    Column("seconds", 7, 1),
    Column("seed", 4),
    Column("cost", 10, 3),
    Column("best_known", 10, 2),
    Column("gap_percent", 11, 4),
    Column("unserved", 8),
    Column("wall_s", 7, 2),
    Column("verified", 8),
)
_AT_BEST_PERCENT = 0.01
_FIRST_CALL_S = 1.0


class Outcome(Protocol):
    """What a solver returns, as far as it matters here."""

    @property
    def problem(self) -> Problem:
        """With the routes found."""


class Solver(Protocol):
    """Serves as many requests as it can at the least cost, within the time."""

    def __call__(
        self, problem: Problem, requests: Sequence[Request], seconds: float, seed: int
    ) -> Outcome:
        """Single-threaded; the problem stays as it is."""


@dataclass(frozen=True)
class DarpRuns:
    """What to run: every instance with every time limit and every seed."""

    folder: Path
    names: tuple[str, ...]
    seconds: tuple[float, ...]
    seeds: int
    solver: SolverName


def run(runs: DarpRuns) -> Iterator[Row]:
    """One row per run: `cost` is the exact Euclidean one, None unless all requests are served.

    `verified` needs both the check by the problem's definition and the plans' own verifier; a
    solution that leaves requests unserved is no solution and not verified.

    Raises:
        BenchmarkError: the folder holds no readable instances.
    """
    instances = read_folder(runs.folder, runs.names)
    best_known = read_best_known(runs.folder)
    solve = solver(runs.solver)
    problem, requests = as_problem(instances[0])
    warm_up()
    solve(problem, requests, _FIRST_CALL_S, 0)  # compiles and imports whatever is left
    for seconds in runs.seconds:
        for instance in instances:
            problem, requests = as_problem(instance)
            for seed in range(runs.seeds):
                begin = time.perf_counter()
                outcome = solve(problem, requests, seconds, seed)
                wall_s = time.perf_counter() - begin
                yield {
                    "instance": instance.name,
                    "solver": runs.solver,
                    "seconds": seconds,
                    "seed": seed,
                    **judged(instance, outcome.problem, best_known),
                    "wall_s": round(wall_s, 3),
                }


def judged(instance: Instance, problem: Problem, best_known: Mapping[str, float]) -> Row:
    """Cost, gap and whether the solution holds, by the numbers of the file."""
    routes = routes_of(instance, problem)
    unserved = instance.requests - sum(len(route) for route in routes) // 2
    best = best_known.get(instance.name)
    cost = cost_of(instance, routes) if unserved == 0 else None
    gap = 100 * (cost / best - 1) if cost is not None and best else None
    return {
        "cost": cost,
        "best_known": best,
        "gap_percent": gap,
        "unserved": unserved,
        "verified": not violations(instance, routes) and not verify(problem),
    }


def summary(rows: Sequence[Row]) -> list[str]:
    """Per time limit: mean gap, and how many instances are at the best known cost."""
    lines = []
    for seconds in dict.fromkeys(row["seconds"] for row in rows):
        runs = [row for row in rows if row["seconds"] == seconds]
        found = [(str(row["instance"]), row["gap_percent"]) for row in runs]
        gaps = [(name, gap) for name, gap in found if isinstance(gap, float)]
        names = dict.fromkeys(str(row["instance"]) for row in runs)
        text = f"{seconds:g} s: {len(runs)} runs, {sum(row['verified'] is True for row in runs)} ok"
        if gaps:
            values = [gap for _, gap in gaps]
            reached = {name for name, gap in gaps if gap < _AT_BEST_PERCENT}
            means = {n: [g for name, g in gaps if name == n] for n in names}
            always = [n for n, g in means.items() if g and sum(g) / len(g) < _AT_BEST_PERCENT]
            text += f", mean gap {sum(values) / len(values):.4f} %, worst {max(values):.4f} %"
            text += f", at best known: {len(reached)} of {len(names)} (mean over seeds: "
            text += (
                f"{len(always)}), {sum(g < _AT_BEST_PERCENT for g in values)} of {len(values)} runs"
            )
        lines.append(text)
    return lines


def solver(name: SolverName) -> Solver:
    """The solver of that name, one thread each."""
    if name == "ours":
        return _ours
    from routing.plans.ortools_solver import solve  # noqa: PLC0415 - takes half a second to import

    return solve


def _ours(problem: Problem, requests: Sequence[Request], seconds: float, seed: int) -> Outcome:
    return improve(problem, requests, seconds=seconds, seed=seed, partition=True)
