"""A trip, what every source of trips can do, and what they have in common: parties, lead times."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from dispatch.domain.commands import RequestRide
from dispatch.domain.model import Party, Spot
from simulations.demand.sections import Traits

HOUR_S: Final = 3600
MINUTE_S: Final = 60
_ROUND_S: Final = 300
"""People name whole five minutes."""


class DemandError(Exception):
    """The demand cannot be made; the message says where and why."""

    code = "demand_invalid"


@dataclass(frozen=True, slots=True)
class Trip:
    """A ride request and the instant at which it is made."""

    asked_at_s: int
    ask: RequestRide


class Demand(Protocol):
    """A source of trips."""

    def day(self, midnight_s: int, rng: Random) -> list[Trip]:
        """A day's requests in order of being asked; the same seed gives the same list.

        Args:
            midnight_s: epoch second of the local midnight at which the day begins.
            rng: the only source of chance.

        Raises:
            DemandError: there are no requests for such a day.
        """

    def past_day(self, midnight_s: int, rng: Random) -> list[Trip]:
        """A day like those a service knows before it: for forecasts, never the day itself."""

    def ride(self, rng: Random) -> tuple[Spot, Spot, Party]:
        """One trip's ends and party."""


@dataclass(frozen=True, slots=True)
class LocalDay:
    """Clock times of a day in the town."""

    midnight_s: int
    timezone: ZoneInfo

    def at(self, clock_s: float) -> int:
        """Epoch second at which the clock shows so many seconds after midnight.

        When clocks change, a time that comes twice is the first one, and one that is left out is
        an hour later.
        """
        midnight = datetime.fromtimestamp(self.midnight_s, self.timezone)
        return int((midnight + timedelta(seconds=clock_s)).timestamp())


def draw_party(traits: Traits, rng: Random) -> Party:
    """Who travels together."""
    sizes = traits.party_sizes
    size = rng.choices(range(1, len(sizes) + 1), sizes)[0]
    if rng.random() < traits.wheelchair_share:
        return Party(seats=size - 1, wheelchairs=1)
    return Party(seats=size)


def draw_lead_s(traits: Traits, rng: Random) -> int:
    """How long before the time wished for those ask who ask ahead."""
    return round(rng.uniform(*traits.prebooked_lead_h) * HOUR_S)


def draw_trip(wish_s: int, ride: tuple[Spot, Spot, Party], traits: Traits, rng: Random) -> Trip:
    """A request for a ride at about `wish_s`: asked for then, or ahead for whole five minutes."""
    if rng.random() >= traits.prebooked_share:
        return Trip(wish_s, RequestRide(*ride))
    lead_s = draw_lead_s(traits, rng)
    rounded_s = wish_s // _ROUND_S * _ROUND_S
    by_arrival = rng.random() < traits.arrive_by_share
    ask = RequestRide(
        *ride,
        depart_at_s=None if by_arrival else rounded_s,
        arrive_by_s=rounded_s if by_arrival else None,
    )
    return Trip(rounded_s - lead_s, ask)


def in_order(trips: Sequence[Trip], phone_share: float, rng: Random) -> list[Trip]:
    """The trips in order of being asked; a share of them by phone, the others on the web.

    Who phones is drawn last, so that everything else does not depend on the share.
    """
    ordered = sorted(trips, key=lambda trip: trip.asked_at_s)
    channels = ["phone" if rng.random() < phone_share else "web" for _ in ordered]
    return [
        replace(trip, ask=replace(trip.ask, channel=channel))
        for trip, channel in zip(ordered, channels, strict=True)
    ]
