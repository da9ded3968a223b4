"""What chance does to a day: traffic, time at halts, riders who are late, absent or change plans.

Every draw comes from a stream of its own, named by the seed, the process and whom it concerns. So
a process that is switched off changes no other one, and two scenarios with the same seed meet the
same riders and the same traffic, whatever their fleets (common random numbers).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from random import Random

from simulations.scenario import WorldSection

_HOUR_S = 3600
_DAY_H = 24
_FASTEST = 0.75
"""No drive takes less than this share of what is expected: the roads have limits of speed."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What a rider is going to do.

    Attributes:
        comes: whether at all.
        late_s: how long after the vehicle is ready for boarding.
        cancels_ahead_s: how long before the promised pick-up the booking is cancelled, None: never.
        pace: factor on the time that getting on and off takes.
        whim: uniform in [0, 1), decides between offers.
        persists: uniform in [0, 1), decides whether a refused rider asks again.
    """

    comes: bool = True
    late_s: int = 0
    cancels_ahead_s: int | None = None
    pace: float = 1.0
    whim: float = 0.0
    persists: float = 1.0


class Processes:
    """Draws all of it, reproducibly.

    Args:
        wanted: which processes run, and how strongly.
        seed: of the day.
    """

    def __init__(self, wanted: WorldSection, seed: int) -> None:
        self._wanted = wanted
        self._seed = seed
        self._hours = [self._hour_factor(hour) for hour in range(_DAY_H)]

    @property
    def disturbs_driving(self) -> bool:
        """Whether drives take other than planned."""
        wanted = self._wanted
        spread = wanted.traffic_sigma + wanted.traffic_hour_sigma
        return spread > 0 or wanted.breakdowns_per_vehicle_day > 0

    @property
    def disturb(self) -> bool:
        """Whether anything happens that no plan knows of."""
        wanted = self._wanted
        halts = wanted.boarding_sigma + wanted.late_share + wanted.no_show_share
        return self.disturbs_driving or halts > 0

    def fate(self, rider: int) -> Fate:
        """What the n-th rider of the day will do."""
        wanted = self._wanted
        late = self._stream("late", rider)
        leaves = self._stream("cancel", rider)
        late_s = round(late.expovariate(1 / wanted.late_mean_s)) if wanted.late_mean_s else 0
        ahead_s = round(leaves.expovariate(1 / (wanted.cancel_lead_mean_h * _HOUR_S)))
        return Fate(
            comes=self._stream("no-show", rider).random() >= wanted.no_show_share,
            late_s=late_s if late.random() < wanted.late_share else 0,
            cancels_ahead_s=ahead_s if leaves.random() < wanted.cancel_share else None,
            pace=_log_normal(self._stream("boarding", rider), wanted.boarding_sigma),
            whim=self._stream("choice", rider).random(),
            persists=self._stream("persistence", rider).random(),
        )

    def drive_factor(self, shift_id: str, drive: int, hour: int) -> float:
        """How much longer than expected the n-th drive of a shift takes, begun in a local hour."""
        own = self._stream(f"drive {shift_id}", drive)
        return max(_FASTEST, self._hours[hour] * _log_normal(own, self._wanted.traffic_sigma))

    def standstills(self, shift_id: str, start_s: int, end_s: int) -> Sequence[tuple[int, int]]:
        """When the vehicle of a shift cannot move: (from, to) in order, a Poisson process."""
        per_day = self._wanted.breakdowns_per_vehicle_day
        if per_day == 0:
            return ()
        dice = self._stream(f"breakdown {shift_id}", 0)
        mean_s = _DAY_H * _HOUR_S / per_day
        at_s, found = float(start_s), list[tuple[int, int]]()
        while (at_s := at_s + dice.expovariate(1 / mean_s)) < end_s:
            until_s = at_s + dice.uniform(*self._wanted.breakdown_s)
            found.append((round(at_s), round(until_s)))
            at_s = until_s
        return found

    def _hour_factor(self, hour: int) -> float:
        return _log_normal(self._stream("traffic", hour), self._wanted.traffic_hour_sigma)

    def _stream(self, process: str, number: int) -> Random:
        return Random(f"{self._seed} {process} {number}")  # noqa: S311 - reproducible, no secret


def _log_normal(dice: Random, sigma: float) -> float:
    """A factor with mean 1; without spread, 1 exactly."""
    return exp(dice.gauss(-sigma * sigma / 2, sigma)) if sigma > 0 else 1.0
