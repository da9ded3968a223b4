"""The town's roads and stops as the engine uses them: distances, places, traffic of the hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from shapely import Point, Polygon, prepare

from dispatch.domain.closures import Closure
from dispatch.domain.model import Anchor, Fix, Shift, Spot
from dispatch.domain.rules import DAY_S, SHIFTS_AHEAD_MAX_DAYS, Hours
from dispatch.engine.closed_roads import ClosedRoads
from routing.roads.graph import Place, RoadGraph, position_of
from routing.roads.snapping import Snapper
from routing.roads.stops import Stop
from routing.roads.traffic import TrafficProfile, profile_for
from routing.roads.travel_times import TravelTimes
from routing.roads.walking import WalkNetwork

_PROFILE_DAYS = 2 + SHIFTS_AHEAD_MAX_DAYS + 2
"""From the day before yesterday to the end of the last day on which there can be shifts."""


@dataclass(frozen=True, eq=False)
class Network:
    """Immutable while it lasts; a closure makes a new one, see `for_shift`.

    Attributes:
        graph: the road graph.
        stops: all stops, depots included; the order gives the stop indices of `travel`.
        travel: driving times between stops and from anywhere to them.
        walk: walking distances to the bookable stops (its indices are stop indices).
        snapper: points to places on the roads.
        area: the service area in lon/lat; None = everywhere on the graph.
        traffic: travel-time factors by kind of day and hour.
        hours: for the kind of day and the time zone.
        base: the network with all roads open, if some are closed here.
        cut_off: ids of the stops that vehicles cannot reach; who is bound for one is driven to the
            nearest stop that can be used, so that every time is finite.
    """

    graph: RoadGraph
    stops: Sequence[Stop]
    travel: TravelTimes
    walk: WalkNetwork
    snapper: Snapper
    area: Polygon | None
    traffic: Mapping[str, Sequence[float]]
    hours: Hours
    base: "Network | None" = field(default=None, repr=False)
    cut_off: frozenset[str] = frozenset()
    _profiles: dict[int, TrafficProfile] = field(default_factory=dict, init=False, repr=False)

    def warm_up(self) -> None:
        """Compile the kernels of the roads, or load them from the cache: nobody waits for it."""
        stop = self.stops[0]
        self.drive(0, 0, 1)
        self.walk.to_stops(stop.lon, stop.lat, 100.0)
        self.travel.path(stop.place, len(self.stops) - 1)
        self.travel.avoiding(frozenset({stop.place.arc}), {})

    @cached_property
    def closed_roads(self) -> ClosedRoads:
        """What derives networks from this one."""
        return ClosedRoads(self)

    def under(self, closures: Mapping[str, Closure], from_s: int, to_s: int) -> "Network":
        """The network for plans within a span of time; itself where nothing is closed."""
        base = self.base or self
        return base.closed_roads.network(closures, from_s, to_s) if closures else base

    def for_shift(self, shift: Shift, closures: Mapping[str, Closure]) -> "Network":
        """The network on which a shift drives."""
        return self.under(closures, shift.start_s, shift.end_s)

    @cached_property
    def stop_index(self) -> dict[str, int]:
        """Index of each stop by its id."""
        return {stop.id: index for index, stop in enumerate(self.stops)}

    def stop(self, stop_id: str) -> Stop | None:
        """The stop of that id."""
        index = self.stop_index.get(stop_id)
        return None if index is None else self.stops[index]

    def covers(self, spot: Spot) -> bool:
        """Whether a point lies in the service area; our own stops always do."""
        if self.area is None or spot.stop_id is not None:
            return True
        prepare(self.area)
        return bool(self.area.covers(Point(spot.lon, spot.lat)))

    def stops_near(self, spot: Spot, limit_m: float) -> list[tuple[int, float]]:
        """Bookable stops within walking distance: (index, metres), nearest first."""
        if spot.stop_id is not None:
            return [(self.stop_index[spot.stop_id], 0.0)]
        reached = self.walk.to_stops(spot.lon, spot.lat, limit_m)
        return [(index, metres) for index, metres in reached if self.stops[index].bookable]

    def anchor_at_stop(self, stop_id: str, at_s: int) -> Anchor:
        """The anchor of a vehicle that stands at a stop."""
        stop = self.stops[self.stop_index[stop_id]]
        place = stop.place
        return Anchor(at_s, stop.lon, stop.lat, place.arc, place.offset_ms, stop_id)

    def anchor_on_road(self, place: Place, at_s: int) -> Anchor:
        """The anchor of a vehicle under way."""
        lon, lat = position_of(self.graph, place)
        return Anchor(at_s, lon, lat, place.arc, place.offset_ms, None)

    def fix_for(self, lon: float, lat: float, at_s: int, bound_for: int | None) -> Fix:
        """Match a reported position to the roads.

        Of the two directions of a road the one that is nearer to where the vehicle is bound wins.

        Raises:
            OutsideNetworkError: no road nearby.
        """
        candidates = self.snapper.snap_side(lon, lat)
        if bound_for is not None and len(candidates) > 1:
            candidates = sorted(
                candidates, key=lambda c: int(self.travel.times_from(c.place)[bound_for])
            )
        best = candidates[0]
        return Fix(at_s, lon, lat, best.place.arc, best.place.offset_ms)

    def profile(self, now_s: int) -> TrafficProfile:
        """Traffic of the days around `now_s`."""
        day = now_s // DAY_S
        if day not in self._profiles:
            self._profiles.clear()
            zone = self.hours.timezone.key
            start_s = (day - 2) * DAY_S
            self._profiles[day] = profile_for(
                self.traffic, zone, start_s, _PROFILE_DAYS * 24, self.hours.holidays
            )
        return self._profiles[day]

    def drive(self, now_s: int, depart_s: int, free_flow_s: int) -> int:
        """When a drive that starts at `depart_s` ends."""
        return self.profile(now_s).drive(depart_s, free_flow_s)

    def advance(self, place: Place, stop_id: str, from_s: int, to_s: int, now_s: int) -> Place:
        """Where a vehicle bound for a stop is after driving from `from_s` to `to_s`."""
        if to_s <= from_s:
            return place
        driven_ms = self.profile(now_s).progress_ms(from_s, to_s)
        return self.travel.advance(place, self.stop_index[stop_id], driven_ms)
