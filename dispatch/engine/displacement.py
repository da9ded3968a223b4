"""Taking riders off a vehicle that cannot carry them: who waits where, who has arrived."""

from dataclasses import dataclass, replace

import numpy as np

from dispatch.domain import events as ev
from dispatch.domain.closures import stops_closed
from dispatch.domain.model import (
    ActionKind,
    Booking,
    BookingStatus,
    Promise,
    Shift,
    ShiftStatus,
    Spot,
)
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.problem import planning
from dispatch.engine.visits import PlanWriter, scheduled
from dispatch.engine.whereabouts import Whereabouts
from dispatch.engine.wishes import direct_ride_s
from routing import plans
from routing.roads.graph import position_of, segment_lengths_m

_SOON_S = 3600
_WALK_MAX_M = 2000
"""As far as the nearest stop on foot is looked for; beyond it the one that is reached by road."""


@dataclass(frozen=True, slots=True)
class NearStop:
    """A stop and the way to it on foot."""

    stop_id: str
    walk_m: int


class Displacer:
    """Empties plans, so that each rider is told where to wait."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._writer = PlanWriter(config, network)

    def empty(self, draft: Draft, shift: Shift, where: Whereabouts, reason: str) -> None:
        """Take all riders off a shift's plan; only the driver's breaks stay in it.

        Riders on board get off: at their stop if the vehicle is there or within a short walk, else
        at the nearest stop, where they wait for another vehicle.

        Args:
            draft: where it happens.
            shift: as it is now.
            where: its vehicle, at this moment.
            reason: why, an `OutReason`.
        """
        for booking_id in dict.fromkeys(a.booking_id for v in shift.visits for a in v.actions):
            booking = draft.state.bookings[booking_id]
            if booking.status is BookingStatus.BOARDED:
                self._let_off(draft, shift, booking, where, reason)
            else:
                self.displace(draft, booking, reason)
        had_more = any(visit.break_id is None for visit in shift.visits)
        if had_more or shift.status is ShiftStatus.ACTIVE:
            self.strip(draft, draft.state.shifts[shift.id], where)

    def displace(
        self,
        draft: Draft,
        booking: Booking,
        reason: str,
        *,
        walk_m: int = 0,
        instead: Promise | None = None,
    ) -> None:
        """Let a booking lose its vehicle; its plan is for the caller to change.

        Args:
            draft: where it happens.
            booking: confirmed or on board.
            reason: an `OutReason` or a `NotServedReason`.
            walk_m: how far its riders have to go to where they wait now.
            instead: what is planned with from now on, if not what was until now.
        """
        shift = draft.state.shifts[booking.shift_id]
        draft.emit(
            ev.BookingDisplaced(
                booking_id=booking.id,
                shift_id=shift.id,
                vehicle_id=shift.vehicle_id,
                at_s=draft.now_s,
                reason=reason,
                aboard=booking.status is BookingStatus.BOARDED,
                stop_id=(instead or booking.in_force).pickup_stop_id,
                walk_m=walk_m,
                instead=instead,
            )
        )

    def strip(self, draft: Draft, shift: Shift, where: Whereabouts) -> None:
        """Put the plan in force that has the driver's breaks only, from where the vehicle is."""
        breaks = tuple(visit for visit in shift.visits if visit.break_id is not None)
        thinned = replace(shift, visits=breaks)
        located = {shift.id: where}
        now = planning(self._config, self._network, draft.state, [thinned], draft.now_s, located)
        actions = scheduled(now.network, now.problem, 0, plans.evaluate(now.problem, 0))
        self._writer.adopt(draft, thinned, now.where[0], actions)

    def nearest(self, draft: Draft, spot: Spot, besides: frozenset[str]) -> NearStop | None:
        """The nearest open stop at which riders may board, on foot; None if there is no other."""
        besides |= self._closed(draft)
        for index, metres in self._network.stops_near(spot, _WALK_MAX_M):
            if self._network.stops[index].id not in besides:
                return NearStop(self._network.stops[index].id, round(metres))
        others = [s for s in self._network.stops if s.bookable and s.id not in besides]
        away = [(_crow_flies_m(spot, Spot(s.lon, s.lat)), s.id) for s in others]
        return NearStop(min(away)[1], round(min(away)[0])) if away else None

    def _closed(self, draft: Draft) -> frozenset[str]:
        return closed_stops(self._network, draft, draft.now_s, draft.now_s + _SOON_S)

    def from_here(self, booking: Booking, stop: NearStop, now_s: int) -> Promise:
        """What to plan with for riders who wait at another stop for their way on."""
        terms = booking.in_force
        there_s = now_s + self._config.rules.walk_s(stop.walk_m)
        max_ride_s = self._max_ride_s(booking, stop.stop_id, terms.dropoff_stop_id, now_s)
        return replace(
            terms,
            pickup_stop_id=stop.stop_id,
            pickup_from_s=there_s,
            pickup_to_s=there_s,
            max_ride_s=max_ride_s,
        )

    def boarding_at(self, booking: Booking, stop: NearStop, now_s: int) -> Promise:
        """What to plan with for riders who are picked up at another stop than promised."""
        terms = booking.in_force
        there_s = now_s + self._config.rules.walk_s(stop.walk_m)
        from_s = max(terms.pickup_from_s, there_s)
        return replace(
            terms,
            pickup_stop_id=stop.stop_id,
            pickup_from_s=from_s,
            pickup_to_s=max(terms.pickup_to_s, from_s),
            max_ride_s=self._max_ride_s(booking, stop.stop_id, terms.dropoff_stop_id, now_s),
        )

    def alighting_at(self, booking: Booking, stop: NearStop, now_s: int) -> Promise:
        """What to plan with for riders on board who are set down at another stop."""
        terms = booking.in_force
        ride_s = self._max_ride_s(booking, terms.pickup_stop_id, stop.stop_id, now_s)
        return replace(terms, dropoff_stop_id=stop.stop_id, max_ride_s=ride_s)

    def _let_off(
        self, draft: Draft, shift: Shift, booking: Booking, where: Whereabouts, reason: str
    ) -> None:
        current, now_s = shift.current_visit, draft.now_s
        if current is not None and booking.id in current.booking_ids(ActionKind.DROPOFF):
            draft.emit(ev.RiderAlighted(booking.id, shift.id, current.id, now_s))
            return
        spot, own = self._spot(where), booking.in_force.dropoff_stop_id
        here = self._network.stop(where.stop_id) if where.stop_id else None
        home_m = dict(self._network.walk.to_stops(spot.lon, spot.lat, _WALK_MAX_M)).get(
            self._network.stop_index[own]
        )
        if where.stop_id == own:
            home_m = 0.0
        if home_m is not None and home_m <= self._config.rules.max_walk_reduced_m:
            draft.emit(ev.RiderSetDown(booking.id, shift.id, own, now_s, round(home_m)))
            return
        stop = self.nearest(draft, spot, frozenset({own}))
        if here is not None and here.bookable and here.id not in self._closed(draft):
            stop = NearStop(here.id, 0)
        if stop is None:
            raise ValueError("a town with a ride has more than one stop")
        instead = self.from_here(booking, stop, now_s)
        self.displace(draft, booking, reason, walk_m=stop.walk_m, instead=instead)

    def _spot(self, where: Whereabouts) -> Spot:
        lon, lat = position_of(self._network.graph, where.place)
        return Spot(lon, lat)

    def _max_ride_s(self, booking: Booking, pickup: str, dropoff: str, now_s: int) -> int:
        """The longest ride that was promised, or that may be promised between other stops."""
        index = self._network.stop_index
        direct_s = direct_ride_s(self._network, index[pickup], index[dropoff], now_s, now_s)
        return max(booking.in_force.max_ride_s, self._config.rules.max_ride_s(direct_s))


def closed_stops(network: Network, draft: Draft, from_s: int, to_s: int) -> frozenset[str]:
    """Stops at which no vehicle can halt some time between two instants."""
    closures, to_s = draft.state.closures, max(from_s, to_s)
    cut_off = network.under(closures, from_s, to_s).cut_off
    return frozenset(stops_closed(closures, from_s, to_s)) | cut_off


def _crow_flies_m(one: Spot, other: Spot) -> float:
    lon = np.array([one.lon, other.lon])
    return float(segment_lengths_m(lon, np.array([one.lat, other.lat]))[0])
