"""What has happened to bookings beyond being made, carried out or cancelled."""

from dataclasses import dataclass
from typing import ClassVar

from dispatch.domain.life import MovePreview, Series, SeriesDay, Waiting
from dispatch.domain.model import Terms


@dataclass(frozen=True, slots=True)
class BookingChanged:
    """A booking has other terms; `shift_id` carries it now. A pin does not outlive the terms."""

    booking_id: str
    at_s: int
    by: str
    old: Terms
    new: Terms
    from_shift_id: str
    shift_id: str


@dataclass(frozen=True, slots=True)
class BookingPinned:
    """A booking stays on its shift."""

    booking_id: str
    shift_id: str
    at_s: int


@dataclass(frozen=True, slots=True)
class BookingUnpinned:
    """A booking may change vehicles again."""

    booking_id: str
    at_s: int


@dataclass(frozen=True, slots=True)
class MovePreviewed:
    """A move was weighed. Not durable: nothing has changed."""

    durable: ClassVar[bool] = False

    preview: MovePreview


@dataclass(frozen=True, slots=True)
class SeriesCreated:
    """A standing order was placed."""

    series: Series


@dataclass(frozen=True, slots=True)
class SeriesEnded:
    """A standing order was ended."""

    series_id: str
    at_s: int
    by: str


@dataclass(frozen=True, slots=True)
class SeriesDayBooked:
    """A day of a standing order has become a booking."""

    day: SeriesDay


@dataclass(frozen=True, slots=True)
class SeriesDayUnplanned:
    """A day of a standing order could not be planned, yet or any more."""

    day: SeriesDay


@dataclass(frozen=True, slots=True)
class SeriesDaySkipped:
    """A day of a standing order will be without the ride."""

    day: SeriesDay


@dataclass(frozen=True, slots=True)
class WaitingJoined:
    """Somebody waits for room."""

    entry: Waiting


@dataclass(frozen=True, slots=True)
class WaitingServed:
    """There was room for somebody who waited: the booking is made."""

    request_id: str
    booking_id: str
    at_s: int


@dataclass(frozen=True, slots=True)
class WaitingLeft:
    """Somebody does not wait any more."""

    request_id: str
    at_s: int


@dataclass(frozen=True, slots=True)
class WaitingLapsed:
    """There was no room in time for somebody who waited."""

    request_id: str
    at_s: int


SeriesEvent = SeriesCreated | SeriesEnded | SeriesDayBooked | SeriesDayUnplanned | SeriesDaySkipped
WaitingEvent = WaitingJoined | WaitingServed | WaitingLeft | WaitingLapsed
BookingEvent = (
    BookingChanged | BookingPinned | BookingUnpinned | MovePreviewed | SeriesEvent | WaitingEvent
)
