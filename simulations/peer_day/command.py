"""`rufbus bench peer-day`: a published day in other simulators' rules, beside their figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from simulations.benchmarks.table import Column, Row
from simulations.peer_day.at_once import answer_at_once, decision_times_us
from simulations.peer_day.check import violations
from simulations.peer_day.figures import figures
from simulations.peer_day.files import demand_files, read_demand, read_roads
from simulations.peer_day.peers import PEERS
from simulations.peer_day.setting import Setting, setting_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from simulations.peer_day.outcome import DrivenDay

COLUMNS: Final = (
    Column("problem", -7),
    Column("mode", -22),
    Column("requests_per_s", 14),
    Column("served", 6),
    Column("vehicle_km", 10),
    Column("empty_share", 11, 3),
    Column("occupancy", 9, 3),
    Column("direct_share", 12, 3),
    Column("shared_share", 12, 2),
    Column("wait_mean_s", 11),
    Column("decision_mean_us", 16),
    Column("decision_p99_us", 15),
    Column("verified", 8),
)
"""What the table shows."""

AT_ONCE: Final = "insertion at once"
_REPEATS: Final = 3
_P99: Final = 99


def peer_day(folder: Path, seed: int = 0) -> Iterator[Row]:
    """One row after the other: the peers' published figures, then ours, problem by problem.

    Args:
        folder: with `peer_edges.csv` and `peer_<number>.csv`.
        seed: of the places where the vehicles start.

    Raises:
        BenchmarkError: a file is missing or cannot be used.
    """
    roads = read_roads(folder)
    demands = [read_demand(path, roads) for path in demand_files(folder)]
    for demand in demands:
        yield from ({"problem": demand.problem, **row} for row in PEERS.get(demand.problem, []))
        yield at_once_row(setting_of(roads, demand, seed))


def at_once_row(setting: Setting) -> Row:
    """The day without any second thought; speed is the best of three runs after a first one."""
    timed = [answer_at_once(setting) for _ in range(_REPEATS + 1)][1:]
    best = min(timed, key=lambda run: run.wall_s)
    taken = decision_times_us(setting, _REPEATS)
    speed: Row = {
        "requests_per_s": len(setting.demand) / best.wall_s,
        "wall_s": best.wall_s,
        "cpu_s": best.cpu_s,
        "roads_s": best.roads_s,
        "decision_mean_us": float(taken.mean()),
        "decision_p99_us": float(np.percentile(taken, _P99)),
    }
    return {
        "problem": setting.demand.problem,
        "mode": AT_ONCE,
        **speed,
        **report(setting, best.day),
    }


def report(setting: Setting, day: DrivenDay) -> Row:
    """Key figures of a day, and whether the independent check finds nothing wrong with it."""
    wrong = violations(
        day, setting.demand, setting.edges, setting.direct, setting.starts, setting.rules
    )
    kpis = figures(day, setting.demand, setting.edges, setting.direct)
    return {
        **kpis._asdict(),
        "verified": not wrong,
        "violations": len(wrong),
        "first_violation": wrong[0] if wrong else None,
    }
