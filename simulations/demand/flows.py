"""Demand by flows: shares of all trips between zones and named places."""

from collections.abc import Mapping, Sequence
from math import hypot
from random import Random

from dispatch.domain.model import Party, Spot
from dispatch.engine.network import Network
from routing.roads.graph import metres_per_degree
from simulations.demand.homes import Homes
from simulations.demand.sections import DemandFile
from simulations.demand.trips import HOUR_S, LocalDay, Trip, draw_party, draw_trip, in_order

Places = Mapping[str, Sequence[float]]

_ATTEMPTS = 50
_TOO_NEAR_M = 800


class FlowDemand:
    """Draws trips of a scenario's flows on a network."""

    def __init__(self, wanted: DemandFile, places: Places, network: Network) -> None:
        """Prepares where people live.

        Args:
            wanted: flows, hours, parties.
            places: points `[lon, lat]` that flows may name besides zones.
            network: the town.
        """
        self._wanted = wanted
        self._places = places
        self._timezone = network.hours.timezone
        self._homes = Homes(network)

    def day(self, midnight_s: int, rng: Random) -> list[Trip]:
        """A day's requests in order of being asked; the same seed gives the same list."""
        day = LocalDay(midnight_s, self._timezone)
        trips = [self._trip(day, rng) for _ in range(self._wanted.requests)]
        return in_order(trips, self._wanted.phone_share, rng)

    def past_day(self, midnight_s: int, rng: Random) -> list[Trip]:
        """Another day of the same flows."""
        return self.day(midnight_s, rng)

    def ride(self, rng: Random) -> tuple[Spot, Spot, Party]:
        """One trip's ends and party."""
        flows = self._wanted.flows
        for _ in range(_ATTEMPTS):
            flow = rng.choices(flows, [f.share for f in flows])[0]
            origin = self._spot(flow.origin, rng)
            destination = self._spot(flow.destination, rng)
            if _metres_between(origin, destination) >= _TOO_NEAR_M:
                break
        return origin, destination, draw_party(self._wanted, rng)

    def _trip(self, day: LocalDay, rng: Random) -> Trip:
        hour = rng.choices(range(24), self._wanted.hours)[0]
        wish_s = day.at(hour * HOUR_S + rng.randrange(HOUR_S))
        return draw_trip(wish_s, self.ride(rng), self._wanted, rng)

    def _spot(self, where: str, rng: Random) -> Spot:
        if where in self._places:
            lon, lat = self._places[where]
            return Spot(lon, lat)
        return self._homes.draw(where, rng)


def _metres_between(one: Spot, other: Spot) -> float:
    east_m, north_m = metres_per_degree(one.lat)
    return hypot((one.lon - other.lon) * east_m, (one.lat - other.lat) * north_m)
