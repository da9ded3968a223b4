"""What mishaps do to a booking: displaced, planned again, set down early, counted anew.

Used by `dispatch.domain.state.apply`, and by whoever has to know a booking after an event without
the state. Why a vehicle is out or a stop not served is one of a few codes, never free text: the log
holds no personal data, and what drivers type in a hurry would.
"""

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum

from dispatch.domain import events as ev
from dispatch.domain.model import Booking, BookingStatus, Displacement

_WITH_VEHICLE = (BookingStatus.CONFIRMED, BookingStatus.BOARDED)


class OutReason(StrEnum):
    """Why a vehicle is out of service."""

    BREAKDOWN = "breakdown"
    ACCIDENT = "accident"
    NO_DRIVER = "no_driver"
    SOILED = "soiled"
    OTHER = "other"


class NotServedReason(StrEnum):
    """Why a stop could not be served."""

    ROAD_BLOCKED = "road_blocked"
    STOP_UNUSABLE = "stop_unusable"
    OTHER = "other"


def changed_by(booking: Booking, event: ev.Event) -> Booking | None:
    """The booking after an event of this kind.

    Args:
        booking: before; the event's own.
        event: what happened to it.

    Returns:
        None if it cannot have happened to a booking in this state, or is no such event. Whether the
        change of status is legal is for the caller to check.
    """
    after: Booking | None = None
    match event:
        case ev.BookingDisplaced():
            after = _displaced(booking, event)
        case ev.BookingReplanned(shift_id=shift_id):
            after = replace(booking, status=BookingStatus.CONFIRMED, shift_id=shift_id)
        case ev.RiderSetDown(at_s=at_s):
            ended = replace(booking, alighted_at_s=at_s, ended_at_s=at_s)
            after = replace(ended, status=BookingStatus.COMPLETED)
        case ev.DropoffReplaced(instead=instead) if booking.status is BookingStatus.BOARDED:
            after = replace(booking, instead=instead)
        case ev.PartyCounted() if booking.status in _WITH_VEHICLE:
            booked = booking.booked_party or booking.party
            after = replace(
                booking,
                party=event.party,
                booked_party=None if event.party == booked else booked,
                price_cents=event.price_cents,
            )
        case _:
            pass
    return after


def after_events(booking: Booking, events: Iterable[ev.Event]) -> Booking:
    """A booking as events leave it, for those without a state; some may be applied again."""
    for event in events:
        match event:
            case ev.BookingCancelled(booking.id, at_s, by, reason, late):
                status = BookingStatus.CANCELLED
                booking = replace(booking, status=status, ended_at_s=at_s, cancelled_by=by)
                booking = replace(booking, cancel_reason=reason, cancelled_late=late)
            case ev.RiderBoarded(booking.id, _, _, at_s):
                booking = replace(booking, status=BookingStatus.BOARDED, boarded_at_s=at_s)
            case ev.RiderAlighted(booking.id, _, _, at_s):
                status = BookingStatus.COMPLETED
                booking = replace(booking, status=status, alighted_at_s=at_s, ended_at_s=at_s)
            case ev.RiderMissed(booking.id, _, _, at_s):
                booking = replace(booking, status=BookingStatus.NO_SHOW, ended_at_s=at_s)
            case ev.BookingMoved(booking.id, _, shift_id):
                booking = replace(booking, shift_id=shift_id)
            case _ if getattr(event, "booking_id", None) == booking.id:
                booking = changed_by(booking, event) or booking
            case _:
                pass
    return booking


def _displaced(booking: Booking, event: ev.BookingDisplaced) -> Booking | None:
    if event.aboard != (booking.status is BookingStatus.BOARDED):
        return None
    lost = Displacement(
        event.at_s, event.reason, event.shift_id, event.aboard, event.walk_m, event.vehicle_id
    )
    after = replace(
        booking,
        status=BookingStatus.DISPLACED,
        displacement=lost,
        pinned=False,
        instead=event.instead or booking.instead,
    )
    if not event.aboard:
        return after
    return replace(
        after,
        boarded_at_s=None,
        first_boarded_at_s=booking.first_boarded_at_s or booking.boarded_at_s,
        rescues=booking.rescues + 1,
    )
