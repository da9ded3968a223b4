"""A weekday as it would go online: what each piece of the dispatcher is worth, on the same days.

Every variant drives the same requests (same seeds), so differences are taken day by day: their mean
and its 95 % confidence interval (Student's t) say what a piece brings, however days differ.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from statistics import fmean
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from dispatch.config import load_town
from dispatch.engine.invariants import broken_promises, broken_rules
from dispatch.networks import ensure_graph, load_network
from dispatch.options import DATA
from routing.plans import warm_up
from simulations.benchmarks.table import Column, Row, Value
from simulations.clairvoyant import in_hindsight
from simulations.intervals import interval
from simulations.runner import prepare, run_in
from simulations.scenario import changed, load_scenario
from simulations.world import Watchers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from dispatch.config import TownConfig
    from dispatch.domain.state import State
    from dispatch.engine import Network
    from simulations.scenario import Scenario

BASE = "insertion"
HINDSIGHT = "clairvoyant"
_ALONE = {
    "dispatch.improve_every_s": 0,
    "dispatch.joint_iterations": 0,
    "dispatch.batch_window_s": 0,
    "dispatch.repositioning": "stay",
}
_IMPROVE = {"dispatch.improve_every_s": 120, "dispatch.improve_iterations": 200}
_BATCH = {"dispatch.joint_iterations": 100, "dispatch.batch_window_s": 10}
_VARIANTS: dict[str, dict[str, int | str]] = {
    BASE: {},
    "+ improvement": {**_IMPROVE},
    "+ batching": {**_IMPROVE, **_BATCH},
    "+ repositioning": {**_IMPROVE, **_BATCH, "dispatch.repositioning": "demand"},
}
_HINDSIGHT_ITERATIONS = 1_500
_COMPARED = ("served", "vehicle_km", "wait_mean_s", "objective_h")
_CHECKED_SEED = 1
"""The day on which all rules and promises are checked after every decision."""
_ROUNDING_S = 2
"""Where a vehicle between two stops is diverted, its times are rounded up anew."""

COLUMNS = (
    Column("variant", -16),
    Column("requests", 8),
    Column("served", 7, 1),
    Column("acceptance", 10, 3),
    Column("vehicle_km", 10, 0),
    Column("empty_share", 11, 3),
    Column("wait_mean_s", 11, 0),
    Column("wait_p95_s", 10, 0),
    Column("pooling_rate", 12, 3),
    Column("objective_h", 11, 1),
    Column("wall_s", 6, 1),
    Column("verified", 8),
)


class OnlineRun(NamedTuple):
    """What to drive: days with these seeds and numbers of requests, in so many processes."""

    scenario: Path
    var: Path
    seeds: int
    requests: tuple[int, ...]
    processes: int = 2


@dataclass(frozen=True)
class _Job:
    variant: str
    requests: int
    seed: int


@dataclass(frozen=True)
class _Bench:
    """What a process keeps between its jobs."""

    scenario: Scenario
    town: TownConfig
    network: Network


def run(options: OnlineRun, say: Callable[[str], None]) -> Iterator[Row]:
    """Drive all days and sum them up, number of requests by number.

    Args:
        options: what to drive.
        say: told what takes time.

    Yields:
        For each variant the means over the seeds, and the paired differences from insertion only:
        `diff_X` with its interval `diff_X_low` to `diff_X_high`.
    """
    _bench(options, say)  # roads, stops and travel times are on disk before the processes start
    variants = (*_VARIANTS, HINDSIGHT)
    seeds = range(1, options.seeds + 1)
    jobs = [_Job(v, n, s) for n in options.requests for s in seeds for v in variants]
    with ProcessPoolExecutor(
        options.processes, get_context("spawn"), initializer=_prepare, initargs=(options,)
    ) as pool:
        done = dict(zip(jobs, pool.map(_drive, jobs), strict=True))
    for requests in options.requests:
        base = [done[_Job(BASE, requests, seed)] for seed in seeds]
        for variant in variants:
            days = [done[_Job(variant, requests, seed)] for seed in seeds]
            yield _summary(variant, requests, days, base)


def differences(rows: Sequence[Row]) -> Iterator[str]:
    """The paired differences as lines of text."""
    yield ""
    yield "difference from insertion only on the same days: mean [95 % confidence interval]"
    for row in rows:
        if row["variant"] == BASE:
            continue
        parts = [
            f"{key} {row[f'diff_{key}']:+.1f} "
            f"[{row[f'diff_{key}_low']:+.1f}, {row[f'diff_{key}_high']:+.1f}]"
            for key in _COMPARED
        ]
        yield f"{row['variant']!s:16} {row['requests']!s:>4}  " + "  ".join(parts)


def _summary(variant: str, requests: int, days: Sequence[Row], base: Sequence[Row]) -> Row:
    row: Row = {"variant": variant, "requests": requests, "seeds": len(days)}
    numbers = [c.key for c in COLUMNS if c.key not in {"variant", "requests", "verified"}]
    row |= {key: fmean(_number(day[key]) for day in days) for key in numbers}
    row["verified"] = all(day["verified"] is True for day in days)
    for key in _COMPARED:
        apart = [_number(d[key]) - _number(b[key]) for d, b in zip(days, base, strict=True)]
        mean, low, high = interval(apart)
        row |= {f"diff_{key}": mean, f"diff_{key}_low": low, f"diff_{key}_high": high}
    return row


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


_kept: dict[str, _Bench] = {}


def _prepare(options: OnlineRun) -> None:
    _kept["bench"] = _bench(options, lambda _line: None)
    warm_up()


def _bench(options: OnlineRun, say: Callable[[str], None]) -> _Bench:
    scenario = load_scenario(options.scenario)
    town = load_town(DATA / scenario.town)
    graph = ensure_graph(town, options.var, say, online=False)
    return _Bench(scenario, town, load_network(town, options.var, graph, say))


def _drive(job: _Job) -> Row:
    bench = _kept["bench"]
    changes = {"demand.requests": job.requests, **_ALONE, **_VARIANTS.get(job.variant, {})}
    scenario = changed(bench.scenario, changes)
    if job.variant == HINDSIGHT:
        return _hindsight(bench, scenario, job.seed)
    broken: list[str] = []

    def check(state: State, now_s: int) -> None:
        broken.extend(broken_rules(bench.town.config, bench.network, state, now_s))
        late = broken_promises(state).items()
        broken.extend(f"{what}: {late_s} s" for what, late_s in late if late_s > _ROUNDING_S)

    watchers = Watchers(on_settled=check if job.seed == _CHECKED_SEED else None)
    figures = run_in(
        scenario, bench.town.config, bench.network, seed=job.seed, watchers=watchers
    ).figures
    late = (figures["pickup_late_max_s"], figures["arrival_late_max_s"])
    kept = all(late_s is not None and late_s <= _ROUNDING_S for late_s in late)
    return {
        **{column.key: figures.get(column.key) for column in COLUMNS},
        "objective_h": figures["objective_s"] / 3600,
        "verified": kept and not broken,
    }


def _hindsight(bench: _Bench, scenario: Scenario, seed: int) -> Row:
    begun = perf_counter()
    ready = prepare(scenario, bench.town.config, bench.network, seed)
    best = in_hindsight(
        ready.engine,
        ready.trips,
        ready.midnight_s,
        iterations=_HINDSIGHT_ITERATIONS,
        seed=seed,
    )
    return {
        "served": best.served,
        "acceptance": best.served / best.requests if best.requests else None,
        "vehicle_km": best.vehicle_km,
        "empty_share": best.empty_share,
        "wait_mean_s": best.wait_mean_s,
        "wait_p95_s": best.wait_p95_s,
        "pooling_rate": best.pooling_rate,
        "objective_h": best.objective_s / 3600,
        "wall_s": perf_counter() - begun,
        "verified": best.verified,
    }
