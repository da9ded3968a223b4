"""What closures do to bookings: other stops, other vehicles, or a report that somebody must act."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from dispatch.domain import events as ev
from dispatch.domain.closures import AffectedBooking, stops_closed
from dispatch.domain.model import ActionKind, Booking, BookingStatus, ShiftStatus, Spot
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.problem import suitable_shifts
from dispatch.engine.rides import Rides, remove_from_plan
from dispatch.engine.visits import PlanWriter, is_waiting_place

_NOTICE_S = 300
"""Riders who are to walk elsewhere have to know it so long before they set off."""
_NEARBY = 3
_WORTH_TELLING_S = 60
_REPLACED_MAX = 40
"""Late bookings for which another place is looked for; the optimiser goes on from there."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a booking stands in the plans: its stops, its arrival, and how late that is."""

    pickup_stop_id: str
    dropoff_stop_id: str
    arrive_s: int
    late_s: int


def standing_of(state: State) -> dict[str, Standing]:
    """How all open bookings stand, by id."""
    found: dict[str, Standing] = {}
    for shift in state.shifts.values():
        boarded_s: dict[str, int] = {}
        late_s: dict[str, int] = {}
        for action in (action for visit in shift.visits for action in visit.actions):
            booking = state.bookings[action.booking_id]
            promise = booking.in_force
            if action.kind is ActionKind.PICKUP:
                boarded_s[booking.id] = action.end_s
                if booking.first_boarded_at_s is None:
                    late_s[booking.id] = action.start_s - promise.pickup_to_s
                continue
            since_s = booking.boarded_at_s or boarded_s.get(booking.id, action.start_s)
            since_s = booking.first_boarded_at_s or since_s
            late = max(
                late_s.get(booking.id, 0),
                action.start_s - promise.arrival_latest_s,
                action.start_s - since_s - promise.max_ride_s,
                0,
            )
            stops = (promise.pickup_stop_id, promise.dropoff_stop_id)
            found[booking.id] = Standing(*stops, action.start_s, late)
    return found


class Effects:
    """Lets bookings follow a change of closures, and reports what it does to them."""

    def __init__(self, config: ServiceConfig, network: Network, rides: Rides) -> None:
        self._config = config
        self._network = network
        self._rides = rides
        self._writer = PlanWriter(config, network)

    def follow(self, draft: Draft, before: Mapping[str, Standing]) -> None:
        """Help everybody who can be helped inside the promise, and record who is affected."""
        self._leave_waiting_places(draft)
        for booking in _open_bookings(draft.state):
            self._to_open_stops(draft, booking)
        self._relieve_late(draft, before)
        affected = tuple(self._affected(draft, before))
        if affected:
            draft.emit(ev.ClosuresAffected(affected, draft.now_s))

    def closed_ends(self, state: State, booking: Booking) -> tuple[bool, bool]:
        """Whether the vehicle cannot halt at the promised stops: to board, to alight."""
        promise, closures = booking.in_force, state.closures
        if not closures:
            return False, False
        shift = state.shifts[booking.shift_id]
        cut_off = self._network.for_shift(shift, closures).cut_off
        boarding = stops_closed(closures, promise.pickup_from_s, promise.pickup_to_s) | cut_off
        alighting = stops_closed(closures, promise.pickup_from_s, promise.arrival_latest_s)
        waits = booking.status is BookingStatus.CONFIRMED
        current = shift.current_visit
        if current is not None and booking.id in current.booking_ids(ActionKind.PICKUP):
            waits = False  # the vehicle is there
        if current is not None and booking.id in current.booking_ids(ActionKind.DROPOFF):
            return False, False
        return (
            waits and promise.pickup_stop_id in boarding,
            promise.dropoff_stop_id in alighting | cut_off,
        )

    def _leave_waiting_places(self, draft: Draft) -> None:
        """Nobody goes on waiting for work, or to where to wait for it, at a closed stop."""
        closed = stops_closed(draft.state.closures, draft.now_s, draft.now_s)
        for shift in list(draft.state.shifts.values()):
            first = shift.visits[0] if shift.visits else None
            if first is None or first.arrived_at_s is not None or not is_waiting_place(first):
                continue
            if shift.status is ShiftStatus.ACTIVE and first.stop_id in closed:
                self._writer.move_on(draft, shift)

    def _to_open_stops(self, draft: Draft, booking: Booking) -> None:
        """Promise other stops to a booking whose own are closed, nearest first."""
        pickup_closed, dropoff_closed = self.closed_ends(draft.state, booking)
        if not pickup_closed and not dropoff_closed:
            return
        promise = booking.in_force
        stay = [(promise.pickup_stop_id, 0.0)]
        pickups = (
            list(self._nearby(draft, booking, promise.pickup_stop_id)) if pickup_closed else stay
        )
        stay = [(promise.dropoff_stop_id, 0.0)]
        dropoffs = (
            list(self._nearby(draft, booking, promise.dropoff_stop_id)) if dropoff_closed else stay
        )
        pairs = product(pickups, dropoffs)
        for (pickup_id, to_m), (dropoff_id, from_m) in sorted(
            pairs, key=lambda pair: pair[0][1] + pair[1][1]
        ):
            extra_s = self._config.rules.walk_s(to_m)
            late = draft.now_s + _NOTICE_S + extra_s > promise.pickup_from_s
            if pickup_id == dropoff_id or (pickup_closed and late):
                continue
            walk_s = booking.walk_s + extra_s + self._config.rules.walk_s(from_m)
            moved = ev.BookingStopsMoved(booking.id, pickup_id, dropoff_id, walk_s, draft.now_s)
            if self._place(draft, booking, moved):
                return

    def _nearby(self, draft: Draft, booking: Booking, stop_id: str) -> Iterator[tuple[str, float]]:
        """Open stops within a walk from a closed one: (id, metres)."""
        rules, promise, closures = self._config.rules, booking.in_force, draft.state.closures
        network = self._network.for_shift(draft.state.shifts[booking.shift_id], closures)
        stop = self._network.stop(stop_id)
        if stop is None:
            return
        limit_m = rules.max_walk_reduced_m if booking.party.wheelchairs else rules.max_walk_m
        closed = stops_closed(closures, promise.pickup_from_s, promise.arrival_latest_s)
        near = network.stops_near(Spot(stop.lon, stop.lat), limit_m)
        usable = [
            (network.stops[index].id, metres)
            for index, metres in near
            if network.stops[index].id not in closed | {stop_id}
        ]
        yield from usable[:_NEARBY]

    def _relieve_late(self, draft: Draft, before: Mapping[str, Standing]) -> None:
        """Look for another place in the plans for those whose promise is broken now."""
        late = [
            booking_id
            for booking_id, standing in sorted(standing_of(draft.state).items())
            if standing.late_s > (before[booking_id].late_s if booking_id in before else 0)
        ]
        for booking_id in late[:_REPLACED_MAX]:
            booking = draft.state.bookings[booking_id]
            still_late = standing_of(draft.state)[booking_id].late_s > 0
            if still_late and not any(self.closed_ends(draft.state, booking)):
                self._place(draft, booking, None)

    def _place(self, draft: Draft, booking: Booking, moved: ev.BookingStopsMoved | None) -> bool:
        """Place a booking anew, with other stops if need be; False if its promise would break."""
        trial = draft.branch()
        if moved is not None:
            trial.emit(moved)
        if booking.status is BookingStatus.BOARDED:
            placed = self._set_down_elsewhere(trial, booking.id)
        else:
            placed = self._insert(trial, booking.id)
        if placed:
            draft.take_over(trial)
        return placed

    def _set_down_elsewhere(self, trial: Draft, booking_id: str) -> bool:
        """Keep the order of a plan whose rider on board alights at another stop."""
        shift_id = trial.state.bookings[booking_id].shift_id
        before = standing_of(trial.state)
        self._writer.time_anew(trial, shift_id)
        after = standing_of(trial.state)
        return all(
            standing.late_s <= before[key].late_s
            for key, standing in after.items()
            if key in before and trial.state.bookings[key].shift_id == shift_id
        )

    def _insert(self, trial: Draft, booking_id: str) -> bool:
        """Take a booking off its plan and put it where its promise can be kept."""
        booking = trial.state.bookings[booking_id]
        shift = trial.state.shifts[booking.shift_id]
        current = shift.current_visit
        if current is not None and booking_id in current.booking_ids(ActionKind.PICKUP):
            return False
        remove_from_plan(self._writer, trial, shift.id, booking_id)
        promise = booking.in_force
        span_s = (promise.pickup_from_s, promise.pickup_to_s)
        shifts = suitable_shifts(self._config, trial.state, booking.party, span_s, trial.now_s)
        if booking.pinned:
            shifts = [other for other in shifts if other.id == shift.id]
        place = self._rides.best_place(trial, booking, shifts)
        if place is None:
            return False
        if place.shift.id != shift.id:
            trial.emit(ev.BookingMoved(booking_id, shift.id, place.shift.id, trial.now_s))
        self._writer.adopt(trial, place.shift, place.where, place.actions)
        return True

    def _affected(self, draft: Draft, before: Mapping[str, Standing]) -> Iterator[AffectedBooking]:
        for booking_id, now in sorted(standing_of(draft.state).items()):
            then = before.get(booking_id)
            if then is None:
                continue
            ends = self.closed_ends(draft.state, draft.state.bookings[booking_id])
            pickup_id = now.pickup_stop_id if now.pickup_stop_id != then.pickup_stop_id else None
            dropoff_id = (
                now.dropoff_stop_id if now.dropoff_stop_id != then.dropoff_stop_id else None
            )
            delay_s = now.arrive_s - then.arrive_s
            later = delay_s >= _WORTH_TELLING_S or now.late_s > then.late_s
            if pickup_id or dropoff_id or any(ends) or later:
                yield AffectedBooking(
                    booking_id, pickup_id, dropoff_id, *ends, max(0, delay_s), now.late_s
                )


def _open_bookings(state: State) -> list[Booking]:
    """Those that are on a plan; who has no vehicle is looked after on every tick."""
    planned = (BookingStatus.CONFIRMED, BookingStatus.BOARDED)
    return sorted((b for b in state.bookings.values() if b.status in planned), key=lambda b: b.id)
