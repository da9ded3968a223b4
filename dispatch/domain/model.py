"""What the service knows: requests, offers, bookings, shifts and their plans.

All values are immutable; a change makes a new value. Times are epoch seconds (UTC), places are
WGS84 degrees. Nobody's name or phone is here: a booking knows a pseudonymous rider id.
"""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a rider wants to be picked up or set down: a point, or one particular stop."""

    lon: float
    lat: float
    stop_id: str | None = None


@dataclass(frozen=True, slots=True)
class Party:
    """Who travels: `seats` people on seats and `wheelchairs` people in wheelchairs."""

    seats: int
    wheelchairs: int = 0

    @property
    def persons(self) -> int:
        """Passengers in total."""
        return self.seats + self.wheelchairs


class RequestStatus(StrEnum):
    """Life of a ride request."""

    OFFERED = "offered"
    REFUSED = "refused"
    BOOKED = "booked"
    LAPSED = "lapsed"


class OfferKind(StrEnum):
    """What speaks for an offer."""

    EARLIEST = "earliest"
    LEAST_WALKING = "least_walking"
    POOLED = "pooled"


class BookingStatus(StrEnum):
    """Life of a booking."""

    CONFIRMED = "confirmed"
    DISPLACED = "displaced"
    BOARDED = "boarded"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"

    @property
    def is_open(self) -> bool:
        """Whether the service still has something to do for it; displaced, with no vehicle yet."""
        return self in (BookingStatus.CONFIRMED, BookingStatus.DISPLACED, BookingStatus.BOARDED)


BOOKING_TRANSITIONS: dict[BookingStatus, frozenset[BookingStatus]] = {
    BookingStatus.CONFIRMED: frozenset(
        {
            BookingStatus.BOARDED,
            BookingStatus.CANCELLED,
            BookingStatus.NO_SHOW,
            BookingStatus.DISPLACED,
        }
    ),
    BookingStatus.DISPLACED: frozenset({BookingStatus.CONFIRMED, BookingStatus.CANCELLED}),
    BookingStatus.BOARDED: frozenset({BookingStatus.COMPLETED, BookingStatus.DISPLACED}),
    BookingStatus.COMPLETED: frozenset(),
    BookingStatus.CANCELLED: frozenset(),
    BookingStatus.NO_SHOW: frozenset(),
}


class ShiftStatus(StrEnum):
    """Life of a shift."""

    PLANNED = "planned"
    ACTIVE = "active"
    ENDED = "ended"


SHIFT_TRANSITIONS: dict[ShiftStatus, frozenset[ShiftStatus]] = {
    ShiftStatus.PLANNED: frozenset({ShiftStatus.ACTIVE, ShiftStatus.ENDED}),
    ShiftStatus.ACTIVE: frozenset({ShiftStatus.ENDED}),
    ShiftStatus.ENDED: frozenset(),
}


class ActionKind(StrEnum):
    """What happens to a booking at a visit."""

    PICKUP = "pickup"
    DROPOFF = "dropoff"


@dataclass(frozen=True, slots=True)
class Promise:
    """What the rider was told; never tightened, and broken only by reality."""

    pickup_stop_id: str
    dropoff_stop_id: str
    pickup_from_s: int
    pickup_to_s: int
    arrival_latest_s: int
    max_ride_s: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A concrete, priced, expiring answer to a ride request.

    `wish_earliest_s` is when the rider would set off: waiting in the objective counts from there,
    the walk to the stop included; `planned_*` are estimates, not promises.
    """

    id: str
    request_id: str
    kind: OfferKind
    promise: Promise
    pickup_walk_m: int
    dropoff_walk_m: int
    planned_pickup_s: int
    planned_arrival_s: int
    wish_earliest_s: int
    walk_s: int
    direct_s: int
    price_cents: int
    expires_at_s: int


@dataclass(frozen=True, slots=True)
class Alternative:
    """A time at which the same ride would be possible."""

    depart_at_s: int
    pickup_from_s: int
    pickup_to_s: int
    arrival_latest_s: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no offer, and when there would be one."""

    code: str
    alternatives: tuple[Alternative, ...] = ()


class Direction(StrEnum):
    """Which side of a connection the ride is on."""

    TO_DEPARTURE = "to_departure"
    FROM_ARRIVAL = "from_arrival"


@dataclass(frozen=True, slots=True)
class Connection:
    """A train or bus that leaves from (or comes to) a stop at `at_s`, with time to change."""

    stop_id: str
    at_s: int
    direction: Direction
    transfer_s: int


@dataclass(frozen=True, slots=True)
class RideRequest:
    """What a rider asked for, kept whatever became of it; with neither time, for now.

    `replaces` is the booking that taking one of the offers would change; requests with the same
    `group_id` are one large party, to be taken together. One that `repeats` a refused request is
    the same demand, made again when there is room.
    """

    id: str
    received_at_s: int
    origin: Spot
    destination: Spot
    depart_at_s: int | None
    arrive_by_s: int | None
    party: Party
    max_walk_m: int
    channel: str
    status: RequestStatus
    offers: tuple[Offer, ...] = ()
    refusal: Refusal | None = None
    replaces: str | None = None
    connection: "Connection | None" = None
    group_id: str | None = None
    repeats: str | None = None


@dataclass(frozen=True, slots=True)
class Displacement:
    """How a booking lost its vehicle, the last time it did.

    `shift_id` is the shift that cannot carry it, with its vehicle; `aboard` whether its riders were
    on board; they have to walk `walk_m` to the stop where they are picked up now.
    """

    at_s: int
    reason: str
    shift_id: str
    aboard: bool
    walk_m: int = 0
    vehicle_id: str = ""


@dataclass(frozen=True, slots=True)
class Booking:
    """An accepted offer.

    `promise` is what was told at booking and stays. Where the service cannot keep to its stops any
    more, `instead` has those that are planned with, and the times from which on they count; it
    claims nothing better than the promise. `party` is who travels; `booked_party` is set where
    other people came than were booked. Riders who had to leave a broken-down vehicle have been
    rescued `rescues` times and on their way since `first_boarded_at_s`.
    A `pinned` one stays on its shift whatever the optimiser thinks. Those with the same `group_id`
    are one large party; `series_id` is the standing order it was made for.
    """

    id: str
    code: str
    request_id: str
    offer_id: str
    rider_id: str
    status: BookingStatus
    promise: Promise
    party: Party
    shift_id: str
    booked_at_s: int
    wish_earliest_s: int
    walk_s: int
    direct_s: int
    price_cents: int
    boarded_at_s: int | None = None
    alighted_at_s: int | None = None
    ended_at_s: int | None = None
    cancelled_by: str | None = None
    cancel_reason: str | None = None
    cancelled_late: bool = False
    changed_at_s: int | None = None
    pinned: bool = False
    group_id: str | None = None
    series_id: str | None = None
    instead: Promise | None = None
    displacement: Displacement | None = None
    first_boarded_at_s: int | None = None
    rescues: int = 0
    booked_party: Party | None = None

    @property
    def in_force(self) -> Promise:
        """The stops and times to plan with: the promise, or what has had to take its place."""
        return self.instead or self.promise

    @property
    def terms(self) -> "Terms":
        """What was agreed with the rider."""
        return Terms(
            self.request_id,
            self.offer_id,
            self.promise,
            self.party,
            self.wish_earliest_s,
            self.walk_s,
            self.direct_s,
            self.price_cents,
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """What a booking agrees on; exchanged as a whole when it is changed."""

    request_id: str
    offer_id: str
    promise: Promise
    party: Party
    wish_earliest_s: int
    walk_s: int
    direct_s: int
    price_cents: int


@dataclass(frozen=True, slots=True)
class OutOfService:
    """A vehicle that cannot drive, since when, why, and where it stands."""

    vehicle_id: str
    since_s: int
    reason: str
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class Action:
    """One booking boards or alights; `start_s`..`end_s` is the planned time for it."""

    kind: ActionKind
    booking_id: str
    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True)
class PlannedBreak:
    """A break that a driver still has to take: begins in `earliest_s`..`latest_s`.

    `id` is unique within the shift. If the driver has put it off, `lawful_from_s` is when it could
    have begun before that.
    """

    id: str
    earliest_s: int
    latest_s: int
    duration_s: int
    lawful_from_s: int | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """One vehicle at one stop.

    `leave_s` is when the vehicle should set off towards it, `arrive_s` and `depart_s` when it is
    planned to halt and to go on; `arrived_at_s` is reported by the driver.

    With a `break_id` it is the driver's break, taken where the vehicle stands: from `arrive_s` to
    `depart_s`, without actions; it runs from `arrived_at_s` on.
    """

    id: str
    stop_id: str
    actions: tuple[Action, ...]
    leave_s: int
    arrive_s: int
    depart_s: int
    arrived_at_s: int | None = None
    break_id: str | None = None

    def booking_ids(self, kind: ActionKind) -> tuple[str, ...]:
        """The bookings that board (or alight) here, in planned order."""
        return tuple(a.booking_id for a in self.actions if a.kind is kind)


@dataclass(frozen=True, slots=True)
class Anchor:
    """The last place and time at which the plan knows the vehicle for sure.

    At a visit, `at_s` is when the vehicle arrived or the last rider was done getting on or off.

    `arc` and `offset_ms` are the same point on the road graph in use; `stop_id` is set while the
    vehicle stands at a stop.
    """

    at_s: int
    lon: float
    lat: float
    arc: int
    offset_ms: int
    stop_id: str | None


@dataclass(frozen=True, slots=True)
class Shift:
    """A staffed vehicle for some hours, with its plan: the ordered open visits, versioned.

    `breaks` are those still to be taken; each is one of the visits.
    """

    id: str
    vehicle_id: str
    start_s: int
    end_s: int
    depot_stop_id: str
    status: ShiftStatus
    anchor: Anchor
    version: int = 0
    visits: tuple[Visit, ...] = ()
    breaks: tuple[PlannedBreak, ...] = ()

    @property
    def current_visit(self) -> Visit | None:
        """The visit at which the vehicle is standing now."""
        if self.visits and self.visits[0].arrived_at_s is not None:
            return self.visits[0]
        return None

    @property
    def current_break(self) -> PlannedBreak | None:
        """The break that is running now."""
        current = self.current_visit
        if current is None:
            return None
        return next((b for b in self.breaks if b.id == current.break_id), None)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A position as it was reported, on no road yet."""

    at_s: int
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class Fix:
    """Where a vehicle said it was; kept in memory and Redis only, never in the log.

    `arc` and `offset_ms` are the most likely place on the roads. `guesses` are all places it may
    be at, each (arc, offset_ms, how unlikely), the most likely first. `doubted` is a newer report
    that no vehicle could have driven to; it counts for nothing until another one confirms it.
    """

    at_s: int
    lon: float
    lat: float
    arc: int
    offset_ms: int
    guesses: tuple[tuple[int, int, int], ...] = ()
    doubted: Sighting | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody in the control room has seen an alert, when it was `late_s` bad."""

    alert_id: str
    at_s: int
    by: str
    late_s: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """One way to arrange a vehicle's places."""

    seats: int
    wheelchairs: int

    def holds(self, seats: int, wheelchairs: int) -> bool:
        """Whether so many riders fit."""
        return seats <= self.seats and wheelchairs <= self.wheelchairs


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A shuttle as configured."""

    id: str
    name: str
    depot_id: str
    configurations: tuple[Configuration, ...]
    spare: bool = False
