"""Traffic by hour: how long a free-flow leg takes at a given time, in integers and FIFO.

Speeds are constant within an hour and legs may cross hours, so leaving later never means arriving
earlier (Ichoua, Gendreau and Potvin 2003, "Vehicle dispatching with time-dependent travel times").
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from numba import njit

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

_HOUR_S = 3600
_FREE_FLOW = 1000
_SATURDAY = 5


@njit(cache=True, nogil=True)
def drive(
    depart_s: int, free_flow_s: int, base_s: int, speed_permille: npt.NDArray[np.int32]
) -> int:
    """Arrival second of a leg: the first at which the progress since departure covers it.

    Args:
        depart_s: epoch second of departure.
        free_flow_s: length of the leg in free-flow driving seconds, >= 0.
        base_s: epoch second at which the first hour of the profile begins.
        speed_permille: int32[H], progress per wall second in each hour, >= 1; the first and the
            last value hold beyond the ends.
    """
    todo = int(free_flow_s) * _FREE_FLOW
    now = depart_s
    last = len(speed_permille) - 1
    while todo > 0:
        hour = max((now - base_s) // _HOUR_S, 0)
        if hour >= last:
            return now - -todo // int(speed_permille[last])
        pace = int(speed_permille[hour])
        end = base_s + (hour + 1) * _HOUR_S
        possible = (end - now) * pace
        if possible >= todo:
            return now - -todo // pace
        todo -= possible
        now = end
    return now


@dataclass(frozen=True, eq=False)
class TrafficProfile:
    """Driving progress by hour.

    Attributes:
        base_s: epoch second of the first hour, a whole hour.
        speed_permille: int32[H], progress per wall second, 1000 = free flow; the last and the
            first value hold beyond the ends.
    """

    base_s: int
    speed_permille: npt.NDArray[np.int32]

    def drive(self, depart_s: int, free_flow_s: int) -> int:
        """Arrival second of a leg of `free_flow_s` driving seconds begun at `depart_s`."""
        return int(drive(depart_s, free_flow_s, self.base_s, self.speed_permille))

    def progress_ms(self, from_s: int, to_s: int) -> int:
        """Free-flow driving milliseconds covered between two instants: the inverse of `drive`."""
        covered, now_s, last = 0, from_s, len(self.speed_permille) - 1
        while now_s < to_s:
            hour = max((now_s - self.base_s) // _HOUR_S, 0)
            end_s = to_s if hour >= last else min(to_s, self.base_s + (hour + 1) * _HOUR_S)
            covered += (end_s - now_s) * int(self.speed_permille[min(hour, last)])
            now_s = end_s
        return covered


def profile_for(
    factors: Mapping[str, Sequence[float]],
    timezone: str,
    start_s: int,
    hours: int,
    holidays: Container[date] = (),
) -> TrafficProfile:
    """Lay the week's time factors out over the hours from `start_s` on.

    Args:
        factors: "weekday", "saturday", "sunday", each 24 time factors by local hour (1.0 is free
            flow, 1.25 takes 25 % longer).
        timezone: IANA name by whose clock the factors are meant.
        start_s: epoch second the profile has to cover first; it begins at that UTC hour.
        hours: how many hours.
        holidays: days with a Sunday's traffic.
    """
    base_s = start_s - start_s % _HOUR_S
    zone = ZoneInfo(timezone)
    speeds = []
    for hour in range(hours):
        local = datetime.fromtimestamp(base_s + hour * _HOUR_S, zone)
        day = local.weekday() - _SATURDAY
        kind = "weekday" if day < 0 else ("saturday", "sunday")[day]
        if local.date() in holidays:
            kind = "sunday"
        speeds.append(max(1, round(_FREE_FLOW / factors[kind][local.hour])))
    return TrafficProfile(base_s, np.array(speeds, dtype=np.int32))
