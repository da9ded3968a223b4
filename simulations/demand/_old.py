"""Seeded demand: who wants to go when, from where to where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from random import Random

from dispatch.domain.commands import RequestRide
from dispatch.domain.model import Party, Spot
from dispatch.engine.network import Network
from routing.roads.graph import metres_per_degree
from simulations.homes import Homes
from simulations.scenario import DemandFile

Places = Mapping[str, Sequence[float]]

_HOUR_S = 3600
_ROUND_S = 300
_ATTEMPTS = 50
_CHANNEL = "simulation"
_TOO_NEAR_M = 800


@dataclass(frozen=True, slots=True)
class Trip:
    """A ride request and the instant at which it is made."""

    asked_at_s: int
    ask: RequestRide


class Demand:
    """Draws trips of a scenario's demand on a network."""

    def __init__(self, wanted: DemandFile, places: Places, network: Network) -> None:
        """Prepares where people live.

        Args:
            wanted: flows, hours, parties.
            places: points `[lon, lat]` that flows may name besides zones.
            network: the town.
        """
        self._wanted = wanted
        self._places = places
        self._homes = Homes(network)

    def day(self, midnight_s: int, rng: Random) -> list[Trip]:
        """A day's requests in order of being asked; the same seed gives the same list."""
        trips = [self._trip(midnight_s, rng) for _ in range(self._wanted.requests)]
        return sorted(trips, key=lambda trip: trip.asked_at_s)

    def ride(self, rng: Random) -> tuple[Spot, Spot, Party]:
        """One trip's ends and party."""
        flows = self._wanted.flows
        for _ in range(_ATTEMPTS):
            flow = rng.choices(flows, [f.share for f in flows])[0]
            origin = self._spot(flow.origin, rng)
            destination = self._spot(flow.destination, rng)
            if _metres_between(origin, destination) >= _TOO_NEAR_M:
                break
        return origin, destination, self._party(rng)

    def _trip(self, midnight_s: int, rng: Random) -> Trip:
        wanted = self._wanted
        hour = rng.choices(range(24), wanted.hours)[0]
        wish_s = midnight_s + hour * _HOUR_S + rng.randrange(_HOUR_S)
        origin, destination, party = self.ride(rng)
        if rng.random() >= wanted.prebooked_share:
            return Trip(wish_s, RequestRide(origin, destination, party, channel=_CHANNEL))
        lead_s = round(rng.uniform(*wanted.prebooked_lead_h) * _HOUR_S)
        rounded_s = wish_s // _ROUND_S * _ROUND_S
        by_arrival = rng.random() < wanted.arrive_by_share
        ask = RequestRide(
            origin,
            destination,
            party,
            depart_at_s=None if by_arrival else rounded_s,
            arrive_by_s=rounded_s if by_arrival else None,
            channel=_CHANNEL,
        )
        return Trip(rounded_s - lead_s, ask)

    def _party(self, rng: Random) -> Party:
        sizes = self._wanted.party_sizes
        size = rng.choices(range(1, len(sizes) + 1), sizes)[0]
        if rng.random() < self._wanted.wheelchair_share:
            return Party(seats=size - 1, wheelchairs=1)
        return Party(seats=size)

    def _spot(self, where: str, rng: Random) -> Spot:
        if where in self._places:
            lon, lat = self._places[where]
            return Spot(lon, lat)
        return self._homes.draw(where, rng)


def _metres_between(one: Spot, other: Spot) -> float:
    east_m, north_m = metres_per_degree(one.lat)
    return hypot((one.lon - other.lon) * east_m, (one.lat - other.lat) * north_m)
