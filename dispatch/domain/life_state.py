"""How events around the life of bookings change the state; called by `state.apply` only."""

from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from dispatch.domain import booking_events as be
from dispatch.domain.illegal import IllegalTransitionError
from dispatch.domain.life import (
    DayStatus,
    Series,
    SeriesDay,
    SeriesStatus,
    Waiting,
    WaitingStatus,
)
from dispatch.domain.model import Booking, BookingStatus, RequestStatus, Shift, ShiftStatus

if TYPE_CHECKING:
    from dispatch.domain.state import State

_DAY_AFTER: Mapping[DayStatus | None, frozenset[DayStatus]] = {
    None: frozenset(DayStatus),
    DayStatus.UNPLANNED: frozenset(DayStatus),
    DayStatus.BOOKED: frozenset({DayStatus.SKIPPED}),
    DayStatus.SKIPPED: frozenset(),
}


def apply_to_life(state: "State", event: object) -> bool:
    """Change the state by one event, if it is one of these; says whether it is."""
    match event:
        case be.BookingChanged(booking_id):
            booking = _changed(state.bookings[booking_id], state.shifts, event)
            state.bookings[booking_id] = booking
            _mark_booked(state, booking.request_id)
        case be.BookingPinned(booking_id) | be.BookingUnpinned(booking_id):
            state.bookings[booking_id] = _pinned(state.bookings[booking_id], event)
        case be.MovePreviewed():
            pass
        case (
            be.SeriesCreated()
            | be.SeriesEnded()
            | be.SeriesDayBooked()
            | be.SeriesDayUnplanned()
            | be.SeriesDaySkipped()
        ):
            _apply_to_series(state.series, state.series_days, event)
        case be.WaitingJoined() | be.WaitingServed() | be.WaitingLeft() | be.WaitingLapsed():
            _apply_to_waiting(state.waiting, event)
        case _:
            return False
    return True


def _mark_booked(state: "State", request_id: str) -> None:
    request = state.requests[request_id]
    if request.status is not RequestStatus.OFFERED:
        raise IllegalTransitionError(f"request {request_id} is {request.status}")
    state.requests[request_id] = replace(request, status=RequestStatus.BOOKED)


def _changed(booking: Booking, shifts: Mapping[str, Shift], event: be.BookingChanged) -> Booking:
    """The booking under its new terms; nobody on board can change."""
    if booking.status is not BookingStatus.CONFIRMED or booking.terms != event.old:
        raise IllegalTransitionError(f"booking {booking.id} cannot be changed from these terms")
    if booking.shift_id != event.from_shift_id:
        raise IllegalTransitionError(f"booking {booking.id} is not on {event.from_shift_id}")
    if shifts[event.shift_id].status is ShiftStatus.ENDED:
        raise IllegalTransitionError(f"booking {booking.id}: {event.shift_id} has ended")
    new = event.new
    return replace(
        booking,
        request_id=new.request_id,
        offer_id=new.offer_id,
        promise=new.promise,
        party=new.party,
        wish_earliest_s=new.wish_earliest_s,
        walk_s=new.walk_s,
        direct_s=new.direct_s,
        price_cents=new.price_cents,
        shift_id=event.shift_id,
        changed_at_s=event.at_s,
        pinned=False,
        instead=None,
    )


def _pinned(booking: Booking, event: be.BookingPinned | be.BookingUnpinned) -> Booking:
    """The booking with or without its pin."""
    pins = isinstance(event, be.BookingPinned)
    if booking.pinned is pins or not booking.status.is_open:
        raise IllegalTransitionError(f"booking {booking.id} is {booking.status}, pinned or not")
    if isinstance(event, be.BookingPinned) and booking.shift_id != event.shift_id:
        raise IllegalTransitionError(f"booking {booking.id} is not on {event.shift_id}")
    return replace(booking, pinned=pins)


def _apply_to_series(
    series: MutableMapping[str, Series],
    days: MutableMapping[tuple[str, date], SeriesDay],
    event: be.SeriesEvent,
) -> None:
    """Change standing orders and their days."""
    match event:
        case be.SeriesCreated(created):
            if created.id in series:
                raise IllegalTransitionError(f"series {created.id} created twice")
            series[created.id] = created
        case be.SeriesEnded(series_id, at_s, by):
            known = series[series_id]
            if known.status is not SeriesStatus.ACTIVE:
                raise IllegalTransitionError(f"series {series_id} has ended already")
            ended = replace(known, status=SeriesStatus.ENDED, ended_at_s=at_s, ended_by=by)
            series[series_id] = ended
        case be.SeriesDayBooked(day) | be.SeriesDayUnplanned(day) | be.SeriesDaySkipped(day):
            before = days.get(day.key)
            if day.status not in _DAY_AFTER[before.status if before else None]:
                raise IllegalTransitionError(f"series {day.series_id}, {day.day}: {day.status}")
            if day.series_id not in series:
                raise IllegalTransitionError(f"no series {day.series_id}")
            days[day.key] = day


def _apply_to_waiting(waiting: MutableMapping[str, Waiting], event: be.WaitingEvent) -> None:
    """Change the waiting list."""
    if isinstance(event, be.WaitingJoined):
        entry = event.entry
        known = waiting.get(entry.request_id)
        if known is not None and known.status is not WaitingStatus.LEFT:
            raise IllegalTransitionError(f"request {entry.request_id} waits twice")
        waiting[entry.request_id] = entry
        return
    entry = waiting[event.request_id]
    if entry.status is not WaitingStatus.WAITING:
        raise IllegalTransitionError(f"request {entry.request_id} does not wait any more")
    match event:
        case be.WaitingServed(_, booking_id, at_s):
            entry = replace(
                entry, status=WaitingStatus.SERVED, booking_id=booking_id, ended_at_s=at_s
            )
        case be.WaitingLeft(_, at_s):
            entry = replace(entry, status=WaitingStatus.LEFT, ended_at_s=at_s)
        case be.WaitingLapsed(_, at_s):
            entry = replace(entry, status=WaitingStatus.LAPSED, ended_at_s=at_s)
    waiting[entry.request_id] = entry
