"""FleetPy's own example under our dispatch, beside what FleetPy makes of it.

Where FleetPy puts the five vehicles first depends on its random numbers, and a hundred requests are
few: the day is driven from many first places, and the least, the median and the most are told.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from routing.plans import Weights
from simulations.benchmarks.table import Column, Row
from simulations.peer_day.at_once import answer_at_once
from simulations.peer_day.check import Rules
from simulations.peer_day.command import report
from simulations.peer_day.files import read_demand, read_roads
from simulations.peer_day.rolling import Plan, answer_with_improvement
from simulations.peer_day.setting import Setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulations.peer_day.files import Demand

COLUMNS: Final = (
    Column("mode", -20),
    Column("of_the_days", -11),
    Column("served", 6, 1),
    Column("vehicle_km", 10, 1),
    Column("empty_share", 11, 3),
    Column("occupancy", 9, 3),
    Column("shared_share", 12, 3),
    Column("wait_mean_s", 11),
    Column("wait_p90_s", 10),
    Column("verified", 8),
)
"""What the table shows."""

STOPS: Final = range(2966, 2994)
"""The nodes at which the requests begin and end, and the vehicles start."""

RULES: Final = Rules(wait_s=300, detour=1.4, detour_s=12, end_s=9000)
"""FleetPy allows 1.4 times the direct time *and* its 30 s halt from the start of boarding on: 12 s
more than 1.4 times the direct time from its end on. Requests end after two hours; whoever has been
promised a ride is then still driven."""

RIDER_WEIGHT: Final = 1.7
"""Of a second that somebody waits or rides, against a second driven. FleetPy counts 0.45 ct for the
one and 25 ct a kilometre: 0.26 ct a second at the 38 km/h of the fastest ways between the stops."""

FLEETPY: Final[Row] = {
    "mode": "FleetPy",
    "of_the_days": "its only one",
    "served": 93,
    "vehicle_km": 227.063,
    "empty_share": 0.34433,
    "occupancy": 0.724,
    "shared_share": 0.32258,
    "wait_mean_s": 151.996,
    "wait_p90_s": 274.545,
}
"""As a run of FleetPy's main branch of 2026-06-13 reported it, see `docs/peer-day.md`."""

_FILES: Final = Path(__file__).parent / "fleetpy"
_VEHICLES: Final = 5
_MINUTE_S: Final = 60
_DRIVE: Final = 1000
_IMPROVED: Final = Plan(every_s=_MINUTE_S, iterations=200, together=False)
_FIGURES: Final = tuple(key for key, value in FLEETPY.items() if not isinstance(value, str))


def example(
    folder: Path, *, days: int, rider_weight: float | None = None, seed: int = 0
) -> Iterator[Row]:
    """FleetPy's figures, then the least, median and most of ours: by insertion, and improved.

    Args:
        folder: with `peer_edges.csv`.
        days: how often the day is driven, each from other first places.
        rider_weight: of a rider's second, against a second driven; RIDER_WEIGHT without.
        seed: of the first places.

    Raises:
        BenchmarkError: a file is missing or cannot be used, or has other roads.
    """
    given = settings(folder, days, rider_weight=rider_weight, seed=seed)
    yield FLEETPY
    yield from _spread("insertion, at once", [at_once(setting) for setting in given])
    yield from _spread("improved, at once", [improved(setting) for setting in given])


def settings(
    folder: Path, days: int, *, rider_weight: float | None = None, seed: int = 0
) -> list[Setting]:
    """The example with so many choices of first places, drawn as FleetPy does among the stops.

    Args:
        folder: with `peer_edges.csv`.
        days: how many.
        rider_weight: of a rider's second, against a second driven; RIDER_WEIGHT without.
        seed: of the first places.

    Raises:
        BenchmarkError: a file is missing or cannot be used, or has other roads.
    """
    roads = read_roads(folder, _FILES / "edges.csv")
    demand = _by_the_minute(read_demand(_FILES / "requests.csv", roads, _VEHICLES))
    stops = np.searchsorted(roads.names, STOPS).astype(np.int32)
    rider = round(_DRIVE * (RIDER_WEIGHT if rider_weight is None else rider_weight))
    weights = Weights(drive=_DRIVE, wait=rider, ride=rider, walk=0)
    rng = np.random.default_rng(seed)
    starts = [rng.choice(stops, _VEHICLES) for _ in range(days)]
    return [Setting(roads, demand, places, RULES, weights) for places in starts]


def at_once(setting: Setting) -> Row:
    """Key figures of the day with every request answered at once and for ever."""
    return report(setting, answer_at_once(setting).day)


def improved(setting: Setting) -> Row:
    """The same with the open plan improved every minute."""
    return report(setting, answer_with_improvement(setting, _IMPROVED).day)


def _by_the_minute(demand: Demand) -> Demand:
    """FleetPy's clock advances by a minute, and a request counts from the last full one."""
    return replace(demand, time_s=demand.time_s // _MINUTE_S * _MINUTE_S)


def _spread(mode: str, days: Sequence[Row]) -> Iterator[Row]:
    """Three rows: of each figure the least, the median and the most."""
    verified = all(day["verified"] for day in days)
    for name, of_all in (("least", np.min), ("median", np.median), ("most", np.max)):
        figures = {key: float(of_all([day[key] for day in days])) for key in _FIGURES}
        yield {"mode": mode, "of_the_days": name, **figures, "verified": verified}
