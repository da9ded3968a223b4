"""From a ride request to planning requests: stops within a walk, and the windows of each pair."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from dispatch.domain.closures import Closure, stops_closed
from dispatch.domain.commands import RequestRide
from dispatch.domain.errors import DomainError, ErrorCode, RefusalCode
from dispatch.domain.model import Direction, Party, Spot
from dispatch.domain.rules import DAY_S, Rules, ServiceConfig
from dispatch.engine.network import Network
from routing import plans
from routing.roads.graph import segment_lengths_m

_CLOCK_TOLERANCE_S = 60
_WINDOW_S = 900
"""How much later than planned a promised window may end."""
_RIDE_S = 3600
"""How long after boarding a ride may still be under way."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Stops in reach at one end: (stop index, walk in metres), nearest first."""

    origin: tuple[tuple[int, float], ...]
    destination: tuple[tuple[int, float], ...]


class Unservable(Exception):  # noqa: N818 - an answer, not an error
    """The request can be refused before any planning."""

    def __init__(self, code: RefusalCode) -> None:
        super().__init__(code)
        self.code = code


def check_command(config: ServiceConfig, network: Network, ask: RequestRide, now_s: int) -> None:
    """Reject what no plan could answer.

    Raises:
        DomainError: empty or oversized party, times in the past or too far ahead, unknown stops.
    """
    party, rules = ask.party, config.rules
    if party.persons < 1 or party.seats < 0 or party.wheelchairs < 0:
        raise DomainError(ErrorCode.EMPTY_PARTY, "nobody travels")
    if party.seats > rules.party_seats_max or party.wheelchairs > rules.party_wheelchairs_max:
        raise DomainError(
            ErrorCode.PARTY_TOO_LARGE,
            "more people than one vehicle may be asked for",
            seats=rules.party_seats_max,
            wheelchairs=rules.party_wheelchairs_max,
        )
    if ask.depart_at_s is not None and ask.depart_at_s < now_s - _CLOCK_TOLERANCE_S:
        raise DomainError(ErrorCode.DEPARTURE_IN_PAST, "the departure is in the past")
    if ask.arrive_by_s is not None and ask.arrive_by_s <= now_s:
        raise DomainError(ErrorCode.ARRIVAL_IN_PAST, "the arrival is in the past")
    wish_s = ask.depart_at_s or ask.arrive_by_s or now_s
    if wish_s > now_s + rules.bookable_ahead_days * DAY_S:
        days = rules.bookable_ahead_days
        raise DomainError(ErrorCode.TOO_FAR_AHEAD, f"more than {days} days ahead", days=days)
    for spot in (ask.origin, ask.destination):
        if spot.stop_id is None:
            continue
        stop = network.stop(spot.stop_id)
        if stop is None:
            raise DomainError(ErrorCode.UNKNOWN_STOP, f"no stop {spot.stop_id}")
        if not stop.bookable:
            raise DomainError(ErrorCode.STOP_NOT_BOOKABLE, f"nobody boards at {spot.stop_id}")


@dataclass(frozen=True, slots=True)
class Closed:
    """Ids of the stops that are closed, for whoever would board and alight there."""

    boarding: frozenset[str] = frozenset()
    alighting: frozenset[str] = frozenset()


def closed_during(
    network: Network, closures: Mapping[str, Closure], from_s: int, board_by_s: int
) -> Closed:
    """The stops that a ride cannot use: closed while it may be there, or without a road.

    Args:
        network: the roads of that time.
        closures: all that is known.
        from_s: when the rider could be at the first stop.
        board_by_s: when the ride begins at the latest.
    """
    if not closures:
        return Closed()
    boarding = stops_closed(closures, from_s, board_by_s + _WINDOW_S)
    alighting = stops_closed(closures, from_s, board_by_s + _RIDE_S)
    return Closed(boarding | network.cut_off, alighting | network.cut_off)


def find_ends(
    config: ServiceConfig,
    network: Network,
    ask: RequestRide,
    max_walk_m: float,
    closed: Closed | None = None,
) -> Ends:
    """Stops in reach of both ends; for wheelchairs the nearest ones only.

    Raises:
        Unservable: outside the area, too far from any stop that is open, or not worth a ride.
    """
    closed = closed or Closed()
    origin, destination = ask.origin, ask.destination
    if not network.covers(origin):
        raise Unservable(RefusalCode.ORIGIN_OUTSIDE_AREA)
    if not network.covers(destination):
        raise Unservable(RefusalCode.DESTINATION_OUTSIDE_AREA)
    direct_m = _crow_flies_m(origin, destination)
    if direct_m < config.rules.direct_min_m:
        raise Unservable(RefusalCode.TOO_SHORT)
    near = _near(network, origin, max_walk_m, closed.boarding, RefusalCode.NO_STOP_NEAR_ORIGIN)
    from_stops = _reachable(config.rules, near, ask.party)
    code = RefusalCode.NO_STOP_NEAR_DESTINATION
    near = _near(network, destination, max_walk_m, closed.alighting, code)
    to_stops = _reachable(config.rules, near, ask.party)
    if {i for i, _ in from_stops} == {i for i, _ in to_stops}:
        raise Unservable(RefusalCode.TOO_SHORT)
    return Ends(tuple(from_stops), tuple(to_stops))


def _near(
    network: Network, spot: Spot, max_walk_m: float, closed: frozenset[str], none: RefusalCode
) -> list[tuple[int, float]]:
    """The open stops within a walk, nearest first; which are bookable on the open roads.

    Raises:
        Unservable: there are none: `stop_closed` if only for closures, else `none`.
    """
    near = (network.base or network).stops_near(spot, max_walk_m)
    usable = [stop for stop in near if network.stops[stop[0]].id not in closed]
    if not usable:
        raise Unservable(RefusalCode.STOP_CLOSED if near else none)
    return usable


def _reachable(
    rules: Rules, near: list[tuple[int, float]], party: Party
) -> list[tuple[int, float]]:
    """A few of the stops within a walk; wheelchairs are not sent past a nearer stop."""
    near = near[: rules.candidate_stops]
    if party.wheelchairs:
        return [stop for stop in near if stop[1] <= rules.max_walk_reduced_m] or near[:1]
    return near


def _crow_flies_m(origin: Spot, destination: Spot) -> float:
    lon = np.array([origin.lon, destination.lon])
    return float(segment_lengths_m(lon, np.array([origin.lat, destination.lat]))[0])


@dataclass(frozen=True, slots=True)
class Window:
    """When a ride may take place: set off on foot from `from_s`, board by `board_by_s`.

    `arrive_by_s` is when the rider must be at the destination itself, off the vehicle and after
    the last walk.
    """

    from_s: int
    board_by_s: int
    arrive_by_s: int | None = None

    @property
    def leaves_no_time(self) -> bool:
        """Whether not even the direct ride would be over in time."""
        return self.arrive_by_s is not None and self.board_by_s >= self.arrive_by_s


def departing(config: ServiceConfig, wish_s: int, board_by_s: int | None = None) -> Window:
    """The window of a rider who wants to leave at `wish_s`, and perhaps not after `board_by_s`."""
    latest_s = wish_s + config.rules.immediate_wait_max_s
    return Window(wish_s, latest_s if board_by_s is None else min(latest_s, board_by_s))


def connecting(ask: RequestRide) -> RequestRide:
    """The request with time and place of its connection, if it names one.

    A train to be reached is an arrival with time to change before it; one that is left is a
    departure with time to change after it. In both cases that end of the ride is its stop.
    """
    link = ask.connection
    if link is None:
        return ask
    station = Spot(0.0, 0.0, link.stop_id)
    if link.direction is Direction.TO_DEPARTURE:
        due_s = link.at_s - link.transfer_s
        return replace(ask, destination=station, arrive_by_s=due_s, depart_at_s=None)
    ready_s = link.at_s + link.transfer_s
    return replace(ask, origin=station, depart_at_s=ready_s, arrive_by_s=None)


def arriving(
    config: ServiceConfig, arrive_by_s: int, ride_s: int, walk_s: int, now_s: int
) -> list[Window]:
    """Windows of a rider who must be there by `arrive_by_s`, the shortest stay first."""
    step_s = config.rules.prebooked_window_s
    latest_s = arrive_by_s - ride_s - walk_s
    windows = []
    for early_s in range(step_s, config.rules.early_arrival_max_s + 1, step_s):
        from_s = max(now_s, latest_s - early_s)
        if from_s < latest_s:
            windows.append(Window(from_s, latest_s, arrive_by_s))
    return windows


def plan_request(
    config: ServiceConfig,
    network: Network,
    ask: RequestRide,
    ends: Ends,
    window: Window,
    now_s: int,
    closed: Closed | None = None,
) -> plans.Request | None:
    """The planning request for one window; None if no stop pair fits into it and is open."""
    rules, closed = config.rules, closed or Closed()
    board_s = rules.board_s(ask.party)
    pairs = []
    for pickup, walk_to_m in ends.origin:
        if network.stops[pickup].id in closed.boarding:
            continue
        for dropoff, walk_from_m in ends.destination:
            if network.stops[dropoff].id in closed.alighting:
                continue
            walk_s = (rules.walk_s(walk_to_m), rules.walk_s(walk_from_m))
            if pickup == dropoff or window.from_s + walk_s[0] > window.board_by_s:
                continue
            earliest_s = window.from_s + walk_s[0]
            direct_s = direct_ride_s(network, pickup, dropoff, earliest_s, now_s)
            pairs.append(_pair(rules, (pickup, dropoff), walk_s, window, direct_s, board_s))
    if not pairs:
        return None
    return plans.Request(
        id="request",
        pairs=tuple(pairs),
        wish_earliest_s=window.from_s,
        seats=ask.party.seats,
        wheelchairs=ask.party.wheelchairs,
        persons=ask.party.persons,
        board_s=board_s,
    )


def _pair(
    rules: Rules,
    stops: tuple[int, int],
    walk_s: tuple[int, int],
    window: Window,
    direct_s: int,
    board_s: int,
) -> plans.StopPair:
    max_ride_s = rules.max_ride_s(direct_s)
    if window.arrive_by_s is None:
        arrival_latest_s = window.board_by_s + rules.boarding_stop_s + board_s + max_ride_s
    else:
        arrival_latest_s = window.arrive_by_s - walk_s[1] - rules.boarding_stop_s - board_s
    return plans.StopPair(
        pickup_stop=stops[0],
        dropoff_stop=stops[1],
        pickup_earliest_s=window.from_s + walk_s[0],
        pickup_latest_s=window.board_by_s,
        arrival_latest_s=arrival_latest_s,
        max_ride_s=max_ride_s,
        walk_s=sum(walk_s),
    )


def direct_ride_s(network: Network, pickup: int, dropoff: int, at_s: int, now_s: int) -> int:
    """Driving time from stop to stop without any detour, in the traffic of that hour."""
    leg_s = int(network.travel.matrix_s[pickup, dropoff])
    return network.drive(now_s, at_s, leg_s) - at_s
