"""Why people travel, when they set out and how long they stay: assumptions, to be replaced.

None of these figures was observed in Beckum, and none is copied from a table. Their order of
magnitude follows what household surveys like "Mobilität in Deutschland" are known for (work and
school in the morning, shopping and the doctor's before noon, leisure in the afternoon), with less
commuting than by car, as small-town services report: the young, the old, and those without a car.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from simulations.demand.sections import Purpose
from simulations.demand.trips import DemandError


@dataclass(frozen=True, slots=True)
class Profile:
    """A purpose, complete.

    Attributes:
        share: weight among the purposes.
        hours: weights of the local hours 0..23 at which people set out from home.
        stay_h: how long they stay, at least and at most (uniform).
    """

    share: float
    hours: tuple[float, ...]
    stay_h: tuple[float, float]


def _hours(first: int, *weights: float) -> tuple[float, ...]:
    """24 weights that begin at an hour; the others are 0."""
    before = (0.0,) * first
    return before + weights + (0.0,) * (24 - first - len(weights))


HOME: Final = "home"
"""Visits: people draw people, so its attractors are homes."""
STATION: Final = "station"
PURPOSES: Final[Mapping[str, Profile]] = {
    "work": Profile(0.16, _hours(4, 2, 10, 22, 26, 14, 6, 2, 1, 3, 6, 3, 1), (6.0, 9.0)),
    "school": Profile(0.10, _hours(6, 10, 80, 8, 1, 1), (5.0, 8.0)),
    "shopping": Profile(
        0.24, _hours(7, 2, 8, 14, 16, 13, 8, 8, 9, 10, 9, 7, 5, 2), stay_h=(0.5, 2.0)
    ),
    "health": Profile(0.14, _hours(7, 10, 18, 20, 16, 10, 4, 6, 8, 7, 4), (0.75, 2.0)),
    "leisure": Profile(
        0.20, _hours(8, 1, 3, 5, 5, 4, 6, 10, 13, 12, 12, 12, 10, 6, 3), stay_h=(1.5, 4.0)
    ),
    STATION: Profile(0.10, _hours(5, 6, 16, 18, 11, 6, 5, 4, 5, 5, 4, 3, 2, 1), (3.0, 9.0)),
    HOME: Profile(0.06, _hours(9, 4, 6, 5, 5, 7, 12, 14, 12, 11, 10, 9, 4), (1.5, 4.0)),
}


def profiles(wanted: Mapping[str, Purpose], *, trains: bool) -> dict[str, Profile]:
    """The purposes as a scenario changes them, those of no weight left out.

    Args:
        wanted: by purpose, what is to be different; a purpose of its own has to be complete.
        trains: whether trains are given: they take the place of the purpose `station`, unless
            that has been given a share.

    Raises:
        DemandError: a purpose of its own is not complete, or nothing is left.
    """
    found = {name: profile_of(name, wanted) for name in [*PURPOSES, *wanted]}
    if trains and (STATION not in wanted or wanted[STATION].share is None):
        del found[STATION]
    found = {name: profile for name, profile in found.items() if profile.share > 0}
    if not found:
        raise DemandError("purposes: all shares are 0")
    return found


def profile_of(name: str, wanted: Mapping[str, Purpose]) -> Profile:
    """A purpose as a scenario changes it.

    Raises:
        DemandError: a purpose of its own is not complete.
    """
    base, purpose = PURPOSES.get(name), wanted.get(name, Purpose())
    share, hours, stay_h = purpose.share, purpose.hours, purpose.stay_h
    if base is None and (share is None or hours is None or stay_h is None):
        known = ", ".join(PURPOSES)
        raise DemandError(
            f"purposes: {name} is none of {known}; a purpose of its own needs share, hours "
            "and stay_h"
        )
    base = base or Profile(0.0, (), (0.0, 0.0))
    return Profile(
        share=base.share if share is None else share,
        hours=base.hours if hours is None else tuple(hours),
        stay_h=base.stay_h if stay_h is None else (stay_h[0], stay_h[1]),
    )
