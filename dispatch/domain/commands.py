"""What anyone can ask of the engine. A command is decided once and answered once."""

from dataclasses import dataclass

from dispatch.domain.booking_commands import BookingCommand
from dispatch.domain.closures import ClosureWish
from dispatch.domain.model import Connection, Party, Sighting, Spot

TRAIL_MAX = 20
"""Of positions reported together so many of the newest are followed."""


@dataclass(frozen=True, slots=True)
class RequestRide:
    """A rider asks for offers; with neither time, as soon as possible.

    `replaces`: a booking for which other terms are sought; it counts as gone meanwhile.
    `connection`: stands for the time and for the end of the ride at its stop.
    `repeats`: a refused request that is made again.
    `board_by_s`: whoever sets off at a time will not be picked up later than this.
    """

    origin: Spot
    destination: Spot
    party: Party
    depart_at_s: int | None = None
    arrive_by_s: int | None = None
    max_walk_m: int | None = None
    channel: str = "web"
    replaces: str | None = None
    connection: Connection | None = None
    board_by_s: int | None = None
    repeats: str | None = None


@dataclass(frozen=True, slots=True)
class AcceptOffer:
    """A rider takes an offer. `rider_id` references personal data that the engine never sees."""

    offer_id: str
    rider_id: str


@dataclass(frozen=True, slots=True)
class CancelBooking:
    """The rider or the control room gives a booking up."""

    booking_id: str
    by: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ReportPosition:
    """A vehicle says where it was at `at_s`; `trail` are earlier positions reported with it."""

    vehicle_id: str
    lon: float
    lat: float
    at_s: int
    trail: tuple[Sighting, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportArrived:
    """A vehicle halts at the stop of its next visit."""

    vehicle_id: str
    visit_id: str


@dataclass(frozen=True, slots=True)
class ReportBoarded:
    """A booking's riders are on board; `party` says who came if others did than were booked."""

    booking_id: str
    party: Party | None = None


@dataclass(frozen=True, slots=True)
class ReportAlighted:
    """A booking's riders have left the vehicle."""

    booking_id: str


@dataclass(frozen=True, slots=True)
class ReportNoShow:
    """A booking's riders did not come."""

    booking_id: str


@dataclass(frozen=True, slots=True)
class StartShift:
    """A driver begins a planned shift."""

    vehicle_id: str
    shift_id: str


@dataclass(frozen=True, slots=True)
class EndShift:
    """A driver ends a shift whose plan is empty."""

    vehicle_id: str
    shift_id: str


@dataclass(frozen=True, slots=True)
class TakeOutOfService:
    """A vehicle cannot go on: its riders get others. `reason` is an `OutReason`."""

    vehicle_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReturnToService:
    """A vehicle that was out of service can drive again."""

    vehicle_id: str


@dataclass(frozen=True, slots=True)
class SwapVehicle:
    """Another vehicle takes over what is left of a vehicle's day. `reason` is an `OutReason`."""

    vehicle_id: str
    spare_vehicle_id: str
    reason: str = "other"


@dataclass(frozen=True, slots=True)
class TakeBreak:
    """A driver wants to have the next break now."""

    vehicle_id: str


@dataclass(frozen=True, slots=True)
class PostponeBreak:
    """A driver wants to have the next break not before `until_s`."""

    vehicle_id: str
    until_s: int


@dataclass(frozen=True, slots=True)
class ReportNotServed:
    """A stop cannot be used: for one booking, or for all at a visit. `reason`: `NotServedReason`.

    With a `stop_id` it is said of that stop: if the booking is not bound for it, nothing changes.
    With a `vehicle_id` the visit has to be that vehicle's.
    """

    reason: str
    booking_id: str | None = None
    visit_id: str | None = None
    stop_id: str | None = None
    vehicle_id: str | None = None


@dataclass(frozen=True, slots=True)
class WalkOn:
    """Riders without a booking get on where the vehicle stands."""

    vehicle_id: str
    destination: Spot
    party: Party


@dataclass(frozen=True, slots=True)
class ProposedRoute:
    """What a shift should do from now on, made on its plan of that version.

    `actions` are (kind, id) in order: `pickup` or `dropoff` of a booking, `break` of a break.
    """

    shift_id: str
    version: int
    actions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ProposePlans:
    """Better routes for some shifts, to be taken together or not at all.

    What has happened since they were made is worked in; after `expires_at_s` they are stale.
    """

    routes: tuple[ProposedRoute, ...]
    expires_at_s: int


@dataclass(frozen=True, slots=True)
class Close:
    """The control room closes a road or a stop, now or later."""

    closure: ClosureWish


@dataclass(frozen=True, slots=True)
class Reopen:
    """The control room ends a closure, or calls it off."""

    closure_id: str


@dataclass(frozen=True, slots=True)
class ImportClosures:
    """The whole list of one source; what it no longer names is over. All of it or nothing."""

    source: str
    closures: tuple[ClosureWish, ...]


@dataclass(frozen=True, slots=True)
class AcknowledgeAlert:
    """Somebody in the control room has seen an alert; `by` is who, no personal data."""

    alert_id: str
    by: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed: plan shifts ahead, let offers lapse, re-time late plans."""


Command = (
    RequestRide
    | AcceptOffer
    | CancelBooking
    | BookingCommand
    | ReportPosition
    | ReportArrived
    | ReportBoarded
    | ReportAlighted
    | ReportNoShow
    | StartShift
    | EndShift
    | TakeOutOfService
    | ReturnToService
    | SwapVehicle
    | TakeBreak
    | PostponeBreak
    | ReportNotServed
    | WalkOn
    | ProposePlans
    | Close
    | Reopen
    | ImportClosures
    | AcknowledgeAlert
    | Tick
)
