"""The open state of a service area, and how each event changes it.

`apply` is the only place that changes a `State`; live service, recovery and simulation all use it.
"""

from dataclasses import dataclass, field, replace

from dispatch.domain import events as ev
from dispatch.domain.mishaps import changed_by
from dispatch.domain.model import (
    BOOKING_TRANSITIONS,
    SHIFT_TRANSITIONS,
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


class IllegalTransitionError(Exception):
    """An event that cannot follow the state: a bug, or a log that was tampered with."""


@dataclass(slots=True)
class State:
    """Everything open in one service area, by id."""

    requests: dict[str, RideRequest] = field(default_factory=dict)
    bookings: dict[str, Booking] = field(default_factory=dict)
    shifts: dict[str, Shift] = field(default_factory=dict)
    fixes: dict[str, Fix] = field(default_factory=dict)
    offers: dict[str, Offer] = field(default_factory=dict)
    out: dict[str, OutOfService] = field(default_factory=dict)

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
        case ev.BookingMoved():
            _hand_over(state, event)
        case _ if not _apply_on_the_day(state, event):
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
            booking = replace(moved, ended_at_s=at_s, cancelled_by=event.by)
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
    for request in [r for r in state.requests.values() if r.status is not RequestStatus.OFFERED]:
        if request.received_at_s < before_s:
            del state.requests[request.id]
            for offer in request.offers:
                state.offers.pop(offer.id, None)
    for shift in [s for s in state.shifts.values() if s.status is ShiftStatus.ENDED]:
        if shift.end_s < before_s:
            del state.shifts[shift.id]
