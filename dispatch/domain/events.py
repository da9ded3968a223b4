"""What has happened. Folding the durable events in order gives the state, and so the tables."""

from dataclasses import dataclass
from typing import ClassVar

from dispatch.domain.booking_events import BookingEvent
from dispatch.domain.closures import AffectedBooking, Closure
from dispatch.domain.life import BrokenLimit
from dispatch.domain.model import (
    Acknowledgement,
    Anchor,
    Booking,
    Fix,
    PlannedBreak,
    RideRequest,
    Shift,
    Visit,
)


@dataclass(frozen=True, slots=True)
class RideOffered:
    """A request was answered with offers."""

    request: RideRequest


@dataclass(frozen=True, slots=True)
class RideRefused:
    """A request was answered with a reasoned no."""

    request: RideRequest


@dataclass(frozen=True, slots=True)
class RequestLapsed:
    """Nobody took the offers in time."""

    request_id: str
    at_s: int


@dataclass(frozen=True, slots=True)
class BookingMade:
    """A rider took an offer."""

    booking: Booking


@dataclass(frozen=True, slots=True)
class BookingCancelled:
    """A booking was given up before boarding; `late`: too short before for others to use it."""

    booking_id: str
    at_s: int
    by: str
    reason: str | None = None
    late: bool = False


@dataclass(frozen=True, slots=True)
class RiderBoarded:
    """A booking's riders got on; `at_s` is the end of boarding."""

    booking_id: str
    shift_id: str
    visit_id: str
    at_s: int


@dataclass(frozen=True, slots=True)
class RiderAlighted:
    """A booking's riders got off."""

    booking_id: str
    shift_id: str
    visit_id: str
    at_s: int


@dataclass(frozen=True, slots=True)
class RiderMissed:
    """A booking's riders did not come to the stop."""

    booking_id: str
    shift_id: str
    visit_id: str
    at_s: int


@dataclass(frozen=True, slots=True)
class BookingMoved:
    """Another shift is going to carry a booking; the plans of both change with it.

    `forced`: the control room had it moved although it breaks the limits in `broken`.
    """

    booking_id: str
    from_shift_id: str
    shift_id: str
    at_s: int
    by: str = "service"
    forced: bool = False
    broken: tuple[BrokenLimit, ...] = ()


@dataclass(frozen=True, slots=True)
class ShiftPlanned:
    """A shift was laid out from the configuration."""

    shift: Shift


@dataclass(frozen=True, slots=True)
class BreaksPlanned:
    """A shift that had been laid out without breaks needs these; its plan follows."""

    shift_id: str
    breaks: tuple[PlannedBreak, ...]


@dataclass(frozen=True, slots=True)
class ShiftStarted:
    """A driver is at work."""

    shift_id: str
    at_s: int


@dataclass(frozen=True, slots=True)
class ShiftEnded:
    """A shift is over."""

    shift_id: str
    at_s: int


@dataclass(frozen=True, slots=True)
class PlanChanged:
    """A shift's plan is now this: version, anchor and all its open visits."""

    shift_id: str
    version: int
    anchor: Anchor
    visits: tuple[Visit, ...]


@dataclass(frozen=True, slots=True)
class VisitArrived:
    """A vehicle halted at the stop of a visit."""

    shift_id: str
    visit_id: str
    at_s: int
    anchor: Anchor


@dataclass(frozen=True, slots=True)
class VisitCompleted:
    """A vehicle has nothing left to do at a visit, or its driver's break is over."""

    shift_id: str
    visit_id: str
    at_s: int


@dataclass(frozen=True, slots=True)
class ClosureRecorded:
    """A road or a stop is going to be closed, or what was known of it has changed."""

    closure: Closure
    at_s: int


@dataclass(frozen=True, slots=True)
class ClosureBegan:
    """The time of a closure has come."""

    closure_id: str
    at_s: int


@dataclass(frozen=True, slots=True)
class ClosureEnded:
    """A closure is over: by the `clock`, the `control` room, or an `import` that lacks it."""

    closure_id: str
    at_s: int
    by: str


@dataclass(frozen=True, slots=True)
class BookingStopsMoved:
    """A booking's stops are others now, because the promised ones are closed; times stay promised.

    `walk_s` is the new total walk. Its plan follows.
    """

    booking_id: str
    pickup_stop_id: str
    dropoff_stop_id: str
    walk_s: int
    at_s: int


@dataclass(frozen=True, slots=True)
class ClosuresAffected:
    """What a change of closures does to bookings; a record for people, no state follows."""

    affected: tuple[AffectedBooking, ...]
    at_s: int


@dataclass(frozen=True, slots=True)
class AlertAcknowledged:
    """Somebody in the control room has seen an alert."""

    acknowledgement: Acknowledgement


@dataclass(frozen=True, slots=True)
class VehicleMoved:
    """A vehicle reported its position. Not durable: positions are the present, not the truth."""

    durable: ClassVar[bool] = False

    shift_id: str
    vehicle_id: str
    fix: Fix


Event = (
    RideOffered
    | RideRefused
    | RequestLapsed
    | BookingMade
    | BookingCancelled
    | RiderBoarded
    | RiderAlighted
    | RiderMissed
    | BookingMoved
    | BookingEvent
    | ShiftPlanned
    | BreaksPlanned
    | ShiftStarted
    | ShiftEnded
    | PlanChanged
    | VisitArrived
    | VisitCompleted
    | ClosureRecorded
    | ClosureBegan
    | ClosureEnded
    | BookingStopsMoved
    | ClosuresAffected
    | AlertAcknowledged
    | VehicleMoved
)


def is_durable(event: Event) -> bool:
    """Whether the event belongs in the log and the tables."""
    return bool(getattr(type(event), "durable", True))
