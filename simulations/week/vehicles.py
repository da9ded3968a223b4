"""A vehicle on the real roads: where it is, how long drives really take, whom it has on board."""

from asyncio import Lock
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dispatch.domain.closures import Closure, Direction
from dispatch.engine.network import Network
from routing.roads.errors import UnreachableError
from routing.roads.graph import Place, position_of
from simulations.week.ledger import Json
from simulations.week.riders import instant

TRAIL_MAX: Final = 20


@dataclass(slots=True)
class Wheel:
    """One vehicle as its driver knows it.

    Attributes:
        vehicle_id: which.
        shift_id: that is being driven, "" = none.
        place: on the roads, at `at_s`.
        at_s: when it was there.
        bound_for: the visit it drives to.
        factor: how much longer this drive takes than expected.
        drives: so many drives of the shift have begun.
        stuck_until_s: it cannot move before.
        aboard: parties on board by booking id.
        due: when riders at this stop get on or are given up, by booking id; plans may move on, but
            people do not come later for that.
        trail: positions not reported yet, (epoch second, lon, lat).
        told_real_s: when it last reported one, monotonic real seconds.
        turn: number of the driver's next look at the manifest.
        busy: held by whoever acts with it.
    """

    vehicle_id: str
    shift_id: str = ""
    place: Place | None = None
    at_s: int = 0
    bound_for: str = ""
    factor: float = 1.0
    drives: int = 0
    stuck_until_s: int = 0
    aboard: dict[str, Json] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    trail: list[tuple[int, float, float]] = field(default_factory=list)
    told_real_s: float = 0.0
    turn: int = 0
    busy: Lock = field(default_factory=Lock)


class Roads:
    """The town's roads as drivers find them.

    Args:
        network: with all of them open.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._closures: dict[str, Closure] = {}

    def learn(self, closures: Mapping[str, Json]) -> None:
        """What is closed now, as the API tells it, by id."""
        self._closures = {key: _closure(view) for key, view in closures.items()}

    def of_shift(self, shift: Json) -> Network:
        """The roads on which a shift drives."""
        span = instant(shift["start"]), instant(shift["end"])
        return self.network.under(self._closures, *span)

    def take_up(self, wheel: Wheel, shift: Json) -> None:
        """Begin where the plan knows the vehicle last."""
        position = shift["position"]
        lonlat = position["lon"], position["lat"]
        places = (s.place for s in self.network.stops if (s.lon, s.lat) == lonlat)
        wheel.place = next(places, None) or self.network.snapper.snap_side(*lonlat)[0].place
        wheel.shift_id = shift["id"]
        wheel.at_s = instant(position["at"])
        wheel.bound_for = ""

    def drive(self, wheel: Wheel, shift: Json, visit: Json, now_s: int) -> int | None:
        """Move a vehicle up to now towards a visit; None once it is there, else when it will be."""
        network = self.of_shift(shift)
        stop = network.stop_index[visit["stop"]["stop_id"]]
        assert wheel.place is not None  # noqa: S101 - taken up before
        departed_s = max(wheel.at_s, wheel.stuck_until_s)
        if wheel.at_s <= instant(visit["leave"]):
            departed_s = max(departed_s, instant(visit["leave"]))
        if now_s > departed_s:
            until_s = departed_s + int((now_s - departed_s) / wheel.factor)
            wheel.place = _advanced(network, wheel.place, stop, departed_s, until_s, now_s)
            wheel.at_s = now_s
            lon, lat = position_of(network.graph, wheel.place)
            wheel.trail = [*wheel.trail[1 - TRAIL_MAX :], (now_s, round(lon, 6), round(lat, 6))]
        if wheel.place == network.stops[stop].place:
            return None
        left_s = network.drive(now_s, max(now_s, departed_s), self._leg_s(wheel, network, stop))
        start_s = max(now_s, departed_s)
        return start_s + int((left_s - start_s) * wheel.factor) + 1

    def home_s(self, wheel: Wheel, shift: Json) -> int:
        """When a vehicle without work is back at its depot, if it leaves at once."""
        network = self.of_shift(shift)
        stop = network.stop_index.get(shift["depot"]["stop_id"])
        if wheel.place is None or stop is None:
            return wheel.at_s
        return network.drive(wheel.at_s, wheel.at_s, self._leg_s(wheel, network, stop))

    def _leg_s(self, wheel: Wheel, network: Network, stop: int) -> int:
        assert wheel.place is not None  # noqa: S101 - taken up before
        return int(network.travel.times_from(wheel.place)[stop])


def _advanced(
    network: Network, place: Place, stop: int, from_s: int, to_s: int, now_s: int
) -> Place:
    target = network.stops[stop].id
    try:
        return network.advance(place, target, from_s, to_s, now_s)
    except UnreachableError:  # it stands on the road that has just been closed
        return (network.base or network).advance(place, target, from_s, to_s, now_s)


def _closure(view: Json) -> Closure:
    until = view["until"]
    geometry = view["geometry"] or {"coordinates": []}
    return Closure(
        id=view["id"],
        from_s=instant(view["from"]),
        until_s=None if until is None else instant(until),
        reason=view["reason"],
        stop_id=None if view["stop"] is None else view["stop"]["stop_id"],
        lines=tuple(tuple((p[0], p[1]) for p in line) for line in geometry["coordinates"]),
        direction=Direction(view["direction"]),
    )
