"""Seeded demand: who wants to go when, from where to where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from math import hypot
from random import Random
from zoneinfo import ZoneInfo

from dispatch.domain.commands import RequestRide
from dispatch.domain.model import Party, Spot
from dispatch.engine.network import Network
from routing.roads.graph import metres_per_degree
from routing.roads.stops import Stop
from simulations.scenario import Demand, Scenario

Places = Mapping[str, Sequence[float]]

_HOUR_S = 3600
_ATTEMPTS = 50
_TOO_NEAR_M = 800


@dataclass(frozen=True, slots=True)
class Trip:
    """A ride request and the instant at which it is made."""

    asked_at_s: int
    ask: RequestRide


def generate(scenario: Scenario, network: Network, timezone: ZoneInfo, rng: Random) -> list[Trip]:
    """The day's requests in order of being asked; the same seed gives the same list."""
    midnight = datetime.combine(scenario.date, time(), timezone).astimezone(UTC)
    midnight_s = int(midnight.timestamp())
    trips = [_trip(scenario, network, midnight_s, rng) for _ in range(scenario.demand.requests)]
    return sorted(trips, key=lambda trip: trip.asked_at_s)


def random_ride(
    demand: Demand, places: Places, network: Network, rng: Random
) -> tuple[Spot, Spot, Party]:
    """One trip's ends and party, drawn from the flows; `places` are points that flows may name."""
    for _ in range(_ATTEMPTS):
        flow = rng.choices(demand.flows, [f.share for f in demand.flows])[0]
        origin = _spot(demand, places, network, flow.origin, rng)
        destination = _spot(demand, places, network, flow.destination, rng)
        if _metres_between(origin, destination) >= _TOO_NEAR_M:
            break
    return origin, destination, _party(demand, rng)


def _trip(scenario: Scenario, network: Network, midnight_s: int, rng: Random) -> Trip:
    demand = scenario.demand
    hour = rng.choices(range(24), demand.hours)[0]
    wish_s = midnight_s + hour * _HOUR_S + rng.randrange(_HOUR_S)
    origin, destination, party = random_ride(demand, scenario.places, network, rng)
    if rng.random() >= demand.prebooked_share:
        return Trip(wish_s, RequestRide(origin, destination, party, channel="simulation"))
    lead_s = round(rng.uniform(*demand.prebooked_lead_h) * _HOUR_S)
    rounded_s = wish_s // 300 * 300
    by_arrival = rng.random() < demand.arrive_by_share
    ask = RequestRide(
        origin,
        destination,
        party,
        depart_at_s=None if by_arrival else rounded_s,
        arrive_by_s=rounded_s if by_arrival else None,
        channel="simulation",
    )
    return Trip(rounded_s - lead_s, ask)


def _party(demand: Demand, rng: Random) -> Party:
    size = rng.choices(range(1, len(demand.party_sizes) + 1), demand.party_sizes)[0]
    if rng.random() < demand.wheelchair_share:
        return Party(seats=size - 1, wheelchairs=1)
    return Party(seats=size)


def _spot(demand: Demand, places: Places, network: Network, where: str, rng: Random) -> Spot:
    """A point near a random stop of a zone, or a named place."""
    if where in places:
        lon, lat = places[where]
        return Spot(lon, lat)
    stop = rng.choice(_stops_of(network.stops, where))
    east_m, north_m = metres_per_degree(stop.lat)
    for _ in range(_ATTEMPTS):
        lon = stop.lon + rng.gauss(0, demand.spread_m) / east_m
        lat = stop.lat + rng.gauss(0, demand.spread_m) / north_m
        spot = Spot(round(lon, 6), round(lat, 6))
        if network.covers(spot):
            return spot
    return Spot(stop.lon, stop.lat)


def _stops_of(stops: Sequence[Stop], zone: str) -> list[Stop]:
    bookable = [stop for stop in stops if stop.bookable]
    return [stop for stop in bookable if stop.zone == zone] or bookable


def _metres_between(one: Spot, other: Spot) -> float:
    east_m, north_m = metres_per_degree(one.lat)
    return hypot((one.lon - other.lon) * east_m, (one.lat - other.lat) * north_m)
