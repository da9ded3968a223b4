"""The days on which the machine runs: an ordinary one, a leap day, and both changes of clocks."""

import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
from desk import Desk
from grid_network import grid_network
from tiny_town import ZONE, grid_config

from dispatch.domain.model import Configuration, Vehicle
from dispatch.domain.rules import Hours, Repositioning, Rules, ServiceConfig, ShiftPattern
from dispatch.engine import Network
from dispatch.engine.repositioning import Forecast

EVERY_DAY = frozenset({"weekday", "saturday", "sunday"})
VANS = ("van-1", "van-2", "spare")
"""Who drives; van-2 and the spare have a wheelchair place, and only the spare has no shifts."""


def local(text: str) -> int:
    """The epoch second of a local time in the town, the first one if it comes twice."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC).timestamp())


@dataclass(frozen=True)
class Day:
    """One day, or night, of service.

    `shifts` are (start, end) in minutes after local midnight, every day; the service is open for as
    long as they last. `begins` are the instants at which the machine may begin.
    """

    begins: tuple[int, ...]
    shifts: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Style:
    """How the engine is set up."""

    joint_iterations: int = 0
    idle: str = "stay"


STYLES = (Style(), Style(), Style(20), Style(20, "depot"), Style(20, "demand"))

_ROUND_THE_CLOCK = ((4 * 60, 12 * 60), (12 * 60, 20 * 60), (20 * 60, 28 * 60))

ORDINARY = Day(
    tuple(map(local, ("2026-03-10 09:00", "2026-03-10 13:25", "2026-03-10 06:00"))),
    ((6 * 60, 14 * 60), (14 * 60, 22 * 60)),
)
SPRING = Day(
    tuple(map(local, ("2026-03-28 22:30", "2026-03-29 00:50", "2026-03-29 01:45"))),
    _ROUND_THE_CLOCK,
)
AUTUMN = Day(
    tuple(map(local, ("2026-10-24 23:00", "2026-10-25 01:10", "2026-10-25 02:20"))),
    _ROUND_THE_CLOCK,
)
LEAP = Day(
    tuple(map(local, ("2028-02-28 22:45", "2028-02-29 09:00", "2028-02-29 22:40"))),
    _ROUND_THE_CLOCK,
)


@cache
def grid() -> Network:
    """The tiny town's roads, imported once; machines cannot take fixtures."""
    with tempfile.TemporaryDirectory() as folder:
        return grid_network(Path(folder))


def config_of(day: Day, style: Style) -> ServiceConfig:
    """The service of a day: two vans on shifts, and a spare."""
    rules = Rules(
        shifts_ahead_days=1,
        replan_gain_min_s=0,
        joint_iterations=style.joint_iterations,
        rescue_iterations=40,
        series_retry_s=600,
    )
    config = grid_config(vehicles=2, rules=rules)
    places = (Configuration(4, 0), Configuration(2, 1))
    spare = Vehicle("spare", "Reserve", config.vehicles[0].depot_id, places, spare=True)
    patterns = [
        ShiftPattern(vehicle.id, EVERY_DAY, start, end)
        for vehicle in config.vehicles
        for start, end in day.shifts
    ]
    first, last = day.shifts[0][0], day.shifts[-1][1]
    span = (0, 24 * 60) if last > 24 * 60 else (first, last)
    return replace(
        config,
        rules=rules,
        hours=Hours(ZONE, span, span, span),
        vehicles=(*config.vehicles, spare),
        shifts=tuple(patterns),
        repositioning=Repositioning(idle=style.idle, min_gain_s=0),
    )


def before(day: Day, begin: int) -> int:
    """When the shift begins that is under way at one of the day's instants."""
    begins_s = day.begins[begin % len(day.begins)]
    midnight = on_the_clock(begins_s).replace(hour=0, minute=0) - timedelta(days=1)
    starts = [
        local((midnight + timedelta(days=d, minutes=start)).isoformat(" "))
        for d in (0, 1)
        for start, _ in day.shifts
    ]
    return max(start_s for start_s in starts if start_s <= begins_s)


def opened(day: Day, style: Style, begin: int) -> Desk:
    """A desk at the beginning of the shift in which one of the day's instants is."""
    config = config_of(day, style)
    desk = Desk(grid(), config, now_s=before(day, begin), opened_s=before(day, begin) - 8 * 3600)
    if style.idle == "demand":
        rates = np.zeros((24, len(grid().stops)))
        rates[:, ::7] = 2.0
        desk.engine.expect(Forecast(dict.fromkeys(EVERY_DAY, rates)))
    return desk


def on_the_clock(at_s: int) -> datetime:
    """What the town's clocks show, as a naive time."""
    return datetime.fromtimestamp(at_s, ZONE).replace(tzinfo=None)


def shows(at_s: int, wanted: datetime) -> bool:
    """Whether the clocks show this at an instant; of an hour that they skip, the next one."""
    shown = on_the_clock(at_s)
    if shown == wanted:
        return True
    skipped = on_the_clock(local(wanted.isoformat(" "))) != wanted
    return skipped and shown == wanted + timedelta(hours=1)
