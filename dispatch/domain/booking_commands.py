"""What riders and the control room ask about bookings beyond making and cancelling one."""

from dataclasses import dataclass
from datetime import date

from dispatch.domain.life import PlanVersion, SeriesCalendar, SeriesWish
from dispatch.domain.model import Party, Spot


@dataclass(frozen=True, slots=True)
class ChangeBooking:
    """Other terms for a booking in one step; what is None stays, a time replaces either time."""

    booking_id: str
    by: str
    origin: Spot | None = None
    destination: Spot | None = None
    party: Party | None = None
    depart_at_s: int | None = None
    arrive_by_s: int | None = None
    channel: str = "phone"


@dataclass(frozen=True, slots=True)
class PinBooking:
    """A booking stays on the shift that it is on."""

    booking_id: str


@dataclass(frozen=True, slots=True)
class UnpinBooking:
    """A booking may change vehicles again."""

    booking_id: str


@dataclass(frozen=True, slots=True)
class PreviewMove:
    """What would happen if a shift took a booking over? Changes nothing."""

    booking_id: str
    shift_id: str


@dataclass(frozen=True, slots=True)
class MoveBooking:
    """Have another shift carry a booking, on the plans that the preview saw.

    `force` accepts that promises are broken, never capacity, breaks or the end of the shift.
    """

    booking_id: str
    shift_id: str
    versions: tuple[PlanVersion, ...]
    force: bool = False
    pin: bool = True


@dataclass(frozen=True, slots=True)
class CreateSeries:
    """A standing order; `rider_id` references personal data that the engine never sees."""

    wish: SeriesWish
    calendar: SeriesCalendar
    rider_id: str
    channel: str = "phone"


@dataclass(frozen=True, slots=True)
class EndSeries:
    """No more rides of a standing order; those already booked are cancelled unless kept."""

    series_id: str
    by: str
    keep_bookings: bool = False


@dataclass(frozen=True, slots=True)
class SkipSeriesDay:
    """One day of a standing order without the ride; a booking already made is cancelled."""

    series_id: str
    day: date
    by: str


@dataclass(frozen=True, slots=True)
class JoinWaitingList:
    """Whoever was refused for want of room takes the first that there is."""

    request_id: str
    rider_id: str


@dataclass(frozen=True, slots=True)
class LeaveWaitingList:
    """Somebody does not wait any more."""

    request_id: str


@dataclass(frozen=True, slots=True)
class RequestGroup:
    """A party for more than one vehicle asks for offers; with neither time, for now."""

    origin: Spot
    destination: Spot
    party: Party
    depart_at_s: int | None = None
    arrive_by_s: int | None = None
    max_walk_m: int | None = None
    channel: str = "web"


@dataclass(frozen=True, slots=True)
class AcceptGroup:
    """Take the offers of a group, all of them or none."""

    group_id: str
    rider_id: str


@dataclass(frozen=True, slots=True)
class CancelGroup:
    """Give up all bookings of a group that nobody has boarded yet."""

    group_id: str
    by: str
    reason: str | None = None


BookingCommand = (
    ChangeBooking
    | PinBooking
    | UnpinBooking
    | PreviewMove
    | MoveBooking
    | CreateSeries
    | EndSeries
    | SkipSeriesDay
    | JoinWaitingList
    | LeaveWaitingList
    | RequestGroup
    | AcceptGroup
    | CancelGroup
)
