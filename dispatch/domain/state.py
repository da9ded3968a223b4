"""The open state of a service area, and how each event changes it.

`apply` is the only place that changes a `State`; live service, recovery and simulation all use it.
"""

from collections.abc import MutableMapping
from dataclasses import dataclass, field, replace
from datetime import date

from dispatch.domain import events as ev
from dispatch.domain import life_state
from dispatch.domain.closures import CLOSURE_TRANSITIONS, Closure, ClosureStatus
from dispatch.domain.illegal import IllegalTransitionError
from dispatch.domain.life import Series, SeriesDay, SeriesStatus, Waiting, WaitingStatus
from dispatch.domain.mishaps import changed_by
from dispatch.domain.model import (
    BOOKING_TRANSITIONS,
    SHIFT_TRANSITIONS,
    Acknowledgement,
    Booking,
    BookingStatus,
    Fix,
    Offer,
    OutOfService,
    RequestStatus,
    RideRequest,
    Shift,
    ShiftStatus,
    Visit,
)
from dispatch.domain.rules import DAY_S

__all__ = ["IllegalTransitionError", "State", "apply", "forget_closed"]


@dataclass(slots=True)
class State:
    """Everything open in one service area, by id.

    `closures` is never changed in place: as long as it is the same object, nothing was closed.
    """

    requests: MutableMapping[str, RideRequest] = field(default_factory=dict)
    bookings: dict[str, Booking] = field(default_factory=dict)
    shifts: dict[str, Shift] = field(default_factory=dict)
    fixes: dict[str, Fix] = field(default_factory=dict)
    offers: MutableMapping[str, Offer] = field(default_factory=dict)
    out: dict[str, OutOfService] = field(default_factory=dict)
    closures: dict[str, Closure] = field(default_factory=dict)
    acknowledged: dict[str, Acknowledgement] = field(default_factory=dict)
    series: dict[str, Series] = field(default_factory=dict)
    series_days: dict[tuple[str, date], SeriesDay] = field(default_factory=dict)
    waiting: dict[str, Waiting] = field(default_factory=dict)

    def add_request(self, request: RideRequest) -> None:
        """Put a request and its offers in."""
        self.requests[request.id] = request
        for offer in request.offers:
            self.offers[offer.id] = offer


def apply(state: State, event: ev.Event) -> None:
    """Change `state` by one event.

    Raises:
        IllegalTransitionError: the event cannot follow the state.
    """
    match event:
        case ev.RideOffered(request) | ev.RideRefused(request):
            state.add_request(request)
        case ev.RequestLapsed(request_id, _):
            _request_status(state, request_id, RequestStatus.LAPSED)
        case ev.BookingMade(booking):
            if booking.id in state.bookings:
                raise IllegalTransitionError(f"booking {booking.id} made twice")
            state.bookings[booking.id] = booking
            _request_status(state, booking.request_id, RequestStatus.BOOKED)
        case ev.BookingCancelled() | ev.RiderBoarded() | ev.RiderAlighted() | ev.RiderMissed():
            _apply_to_booking(state, event)
        case ev.BookingMoved() | ev.BookingStopsMoved():
            _move_elsewhere(state, event)
        case ev.ClosureRecorded() | ev.ClosureBegan() | ev.ClosureEnded() | ev.ClosuresAffected():
            _apply_to_closures(state, event)
        case _ if life_state.apply_to_life(state, event) or _apply_on_the_day(state, event):
            pass
        case _:
            _apply_to_shift(state, event)


def _request_status(state: State, request_id: str, status: RequestStatus) -> None:
    request = state.requests[request_id]
    if request.status is not RequestStatus.OFFERED:
        raise IllegalTransitionError(f"request {request_id}: {request.status} -> {status}")
    state.requests[request_id] = replace(request, status=status)


def _move_booking(booking: Booking, status: BookingStatus) -> Booking:
    if status not in BOOKING_TRANSITIONS[booking.status]:
        raise IllegalTransitionError(f"booking {booking.id}: {booking.status} -> {status}")
    return replace(booking, status=status)


def _apply_to_booking(
    state: State,
    event: ev.BookingCancelled | ev.RiderBoarded | ev.RiderAlighted | ev.RiderMissed,
) -> None:
    booking = state.bookings[event.booking_id]
    at_s = event.at_s
    match event:
        case ev.BookingCancelled():
            moved = _move_booking(booking, BookingStatus.CANCELLED)
            booking = replace(
                moved,
                ended_at_s=at_s,
                cancelled_by=event.by,
                cancel_reason=event.reason,
                cancelled_late=event.late,
            )
        case ev.RiderBoarded():
            moved = _move_booking(booking, BookingStatus.BOARDED)
            booking = replace(moved, boarded_at_s=at_s)
        case ev.RiderAlighted():
            moved = _move_booking(booking, BookingStatus.COMPLETED)
            booking = replace(moved, alighted_at_s=at_s, ended_at_s=at_s)
        case ev.RiderMissed():
            moved = _move_booking(booking, BookingStatus.NO_SHOW)
            booking = replace(moved, ended_at_s=at_s)
    state.bookings[booking.id] = booking
    if isinstance(event, ev.RiderBoarded | ev.RiderAlighted):
        _tick_off(state, event)


def _move_elsewhere(state: State, event: ev.BookingMoved | ev.BookingStopsMoved) -> None:
    match event:
        case ev.BookingMoved():
            _hand_over(state, event)
        case ev.BookingStopsMoved():
            _move_stops(state, event)


def _apply_on_the_day(state: State, event: ev.Event) -> bool:
    """Change the state by what nobody had planned; False if the event is no such thing."""
    match event:
        case (
            ev.BookingDisplaced()
            | ev.BookingReplanned()
            | ev.RiderSetDown()
            | ev.DropoffReplaced()
            | ev.PartyCounted()
        ):
            _apply_mishap(state, event)
        case ev.VehicleTakenOut(out):
            state.out[out.vehicle_id] = out
        case ev.VehicleReturned(vehicle_id, _):
            del state.out[vehicle_id]
        case ev.AlertAcknowledged(acknowledgement):
            state.acknowledged[acknowledgement.alert_id] = acknowledgement
        case ev.VehicleSwapped():
            pass  # told for those who read the log; what it does to the shifts is said by itself
        case _:
            return False
    return True


def _apply_mishap(
    state: State,
    event: ev.BookingDisplaced
    | ev.BookingReplanned
    | ev.RiderSetDown
    | ev.DropoffReplaced
    | ev.PartyCounted,
) -> None:
    booking = state.bookings[event.booking_id]
    after = changed_by(booking, event)
    if after is None:
        raise IllegalTransitionError(f"booking {booking.id}: {type(event).__name__}")
    if after.status is not booking.status:
        _move_booking(booking, after.status)
    state.bookings[booking.id] = after


def _hand_over(state: State, event: ev.BookingMoved) -> None:
    """Give a booking to another shift; nobody changes vehicles once on board."""
    booking = state.bookings[event.booking_id]
    waits = booking.status is BookingStatus.CONFIRMED
    if not waits or booking.shift_id != event.from_shift_id:
        raise IllegalTransitionError(f"booking {booking.id} cannot leave {event.from_shift_id}")
    if state.shifts[event.shift_id].status is ShiftStatus.ENDED:
        raise IllegalTransitionError(f"booking {booking.id}: {event.shift_id} has ended")
    state.bookings[booking.id] = replace(booking, shift_id=event.shift_id)


def _move_stops(state: State, event: ev.BookingStopsMoved) -> None:
    """Put other stops in force; who is on board can no longer be picked up elsewhere."""
    booking = state.bookings[event.booking_id]
    promise = booking.in_force
    boards = booking.status is BookingStatus.BOARDED
    if not booking.status.is_open or (boards and event.pickup_stop_id != promise.pickup_stop_id):
        raise IllegalTransitionError(f"booking {booking.id} cannot change its stops")
    promise = replace(
        promise, pickup_stop_id=event.pickup_stop_id, dropoff_stop_id=event.dropoff_stop_id
    )
    if booking.instead is not None:
        state.bookings[booking.id] = replace(booking, instead=promise, walk_s=event.walk_s)
        return
    state.bookings[booking.id] = replace(booking, promise=promise, walk_s=event.walk_s)


def _apply_to_closures(
    state: State,
    event: ev.ClosureRecorded | ev.ClosureBegan | ev.ClosureEnded | ev.ClosuresAffected,
) -> None:
    match event:
        case ev.ClosureRecorded(closure):
            known = state.closures.get(closure.id)
            if known is not None and known.status is ClosureStatus.ENDED:
                raise IllegalTransitionError(f"closure {closure.id} is over")
            state.closures = {**state.closures, closure.id: closure}
        case ev.ClosureBegan(closure_id):
            moved = _move_closure(state.closures[closure_id], ClosureStatus.ACTIVE)
            state.closures = {**state.closures, closure_id: moved}
        case ev.ClosureEnded(closure_id, at_s):
            moved = _move_closure(state.closures[closure_id], ClosureStatus.ENDED)
            state.closures = {**state.closures, closure_id: replace(moved, ended_at_s=at_s)}
        case _:
            pass


def _move_closure(closure: Closure, status: ClosureStatus) -> Closure:
    if status not in CLOSURE_TRANSITIONS[closure.status]:
        raise IllegalTransitionError(f"closure {closure.id}: {closure.status} -> {status}")
    return replace(closure, status=status)


def _tick_off(state: State, event: ev.RiderBoarded | ev.RiderAlighted) -> None:
    """Take a done action off the visit at which the vehicle stands."""
    shift = state.shifts[event.shift_id]
    visit = shift.current_visit
    if visit is None or visit.id != event.visit_id:
        raise IllegalTransitionError(f"shift {shift.id} is not at visit {event.visit_id}")
    left = tuple(a for a in visit.actions if a.booking_id != event.booking_id)
    shift = replace(shift, anchor=replace(shift.anchor, at_s=event.at_s))
    _replace_first(state, shift, replace(visit, actions=left))


def _replace_first(state: State, shift: Shift, visit: Visit) -> None:
    state.shifts[shift.id] = replace(shift, visits=(visit, *shift.visits[1:]))


def _apply_to_shift(state: State, event: ev.Event) -> None:
    match event:
        case ev.ShiftPlanned(shift):
            if shift.id in state.shifts:
                raise IllegalTransitionError(f"shift {shift.id} planned twice")
            state.shifts[shift.id] = shift
        case ev.ShiftStarted(shift_id, at_s):
            shift = _move_shift(state.shifts[shift_id], ShiftStatus.ACTIVE)
            state.shifts[shift_id] = replace(shift, anchor=replace(shift.anchor, at_s=at_s))
        case ev.ShiftEnded(shift_id, _):
            state.shifts[shift_id] = _move_shift(state.shifts[shift_id], ShiftStatus.ENDED)
            state.fixes.pop(shift_id, None)
        case ev.VehicleMoved(shift_id, _, fix):
            state.fixes[shift_id] = fix
        case _:
            _apply_to_plan(state, event)


def _apply_to_plan(state: State, event: ev.Event) -> None:
    match event:
        case ev.PlanChanged(shift_id, version, anchor, visits):
            shift = state.shifts[shift_id]
            if version != shift.version + 1:
                raise IllegalTransitionError(f"plan {shift_id}: {shift.version} -> {version}")
            changed = replace(shift, version=version, anchor=anchor, visits=visits)
            state.shifts[shift_id] = changed
        case ev.VisitArrived(shift_id, visit_id, at_s, anchor):
            shift = state.shifts[shift_id]
            if not shift.visits or shift.visits[0].id != visit_id:
                raise IllegalTransitionError(f"visit {visit_id} is not next on {shift_id}")
            visit = arrived(shift.visits[0], at_s)
            _replace_first(state, replace(shift, anchor=anchor), visit)
            state.fixes.pop(shift_id, None)
        case ev.VisitCompleted(shift_id, visit_id, at_s):
            shift = state.shifts[shift_id]
            visit = shift.visits[0]
            if visit.id != visit_id or visit.actions:
                raise IllegalTransitionError(f"visit {visit_id} on {shift_id} is not done")
            anchor = replace(shift.anchor, at_s=at_s)
            left = tuple(b for b in shift.breaks if b.id != visit.break_id)
            state.shifts[shift_id] = replace(
                shift, visits=shift.visits[1:], breaks=left, anchor=anchor
            )
        case ev.BreaksPlanned(shift_id, breaks):
            state.shifts[shift_id] = replace(state.shifts[shift_id], breaks=breaks)
        case _:
            raise IllegalTransitionError(f"unknown event {type(event).__name__}")


def arrived(visit: Visit, at_s: int) -> Visit:
    """A visit at which the vehicle halts; a break has its full length from then on."""
    if visit.break_id is None:
        return replace(visit, arrived_at_s=at_s)
    return replace(
        visit,
        leave_s=min(visit.leave_s, at_s),
        arrive_s=at_s,
        depart_s=at_s + visit.depart_s - visit.arrive_s,
        arrived_at_s=at_s,
    )


def _move_shift(shift: Shift, status: ShiftStatus) -> Shift:
    if status not in SHIFT_TRANSITIONS[shift.status]:
        raise IllegalTransitionError(f"shift {shift.id}: {shift.status} -> {status}")
    return replace(shift, status=status)


def forget_closed(state: State, before_s: int) -> None:
    """Drop from memory what ended before an instant; the tables keep it."""
    for booking in [b for b in state.bookings.values() if not b.status.is_open]:
        if booking.ended_at_s is not None and booking.ended_at_s < before_s:
            del state.bookings[booking.id]
    _forget_life(state, before_s)
    # what was asked is needed for as long as it may be asked differently, or be served at last
    needed = {b.request_id for b in state.bookings.values() if b.status.is_open}
    needed.update(state.waiting)
    for request in [r for r in state.requests.values() if _is_over(r, before_s)]:
        if request.id not in needed:
            del state.requests[request.id]
            for offer in request.offers:
                state.offers.pop(offer.id, None)
    for shift in [s for s in state.shifts.values() if s.status is ShiftStatus.ENDED]:
        if shift.end_s < before_s:
            del state.shifts[shift.id]
    over = {c.id for c in state.closures.values() if (c.ended_at_s or before_s) < before_s}
    if over:
        state.closures = {i: c for i, c in state.closures.items() if i not in over}
    for seen in [a for a in state.acknowledged.values() if a.at_s < before_s]:
        del state.acknowledged[seen.alert_id]


def _is_over(request: RideRequest, before_s: int) -> bool:
    """Whether nothing can come of a request any more.

    Offers that nobody has taken are over at once, or they would be most of what is remembered. Only
    a group is kept for a while, to be told from one that never was.
    """
    if request.status is RequestStatus.LAPSED and request.group_id is None:
        return True
    return request.status is not RequestStatus.OFFERED and request.received_at_s < before_s


def _forget_life(state: State, before_s: int) -> None:
    """Places on the waiting list, standing orders and their days that are over.

    A day is kept for two more, so that it is known not to be carried out again.
    """
    for entry in [w for w in state.waiting.values() if w.status is not WaitingStatus.WAITING]:
        if entry.ended_at_s is not None and entry.ended_at_s < before_s:
            del state.waiting[entry.request_id]
    for series in [s for s in state.series.values() if s.status is SeriesStatus.ENDED]:
        if series.ended_at_s is not None and series.ended_at_s < before_s:
            del state.series[series.id]
    for day in list(state.series_days.values()):
        if day.series_id not in state.series or day.wish_s < before_s - 2 * DAY_S:
            del state.series_days[day.key]
