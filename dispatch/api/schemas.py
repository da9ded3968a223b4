"""What API v1 answers, for the OpenAPI document; the bodies are made by `dispatch.views`.

The tests check that both agree. Clients must ignore fields that they do not know.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Window = tuple[datetime, datetime]
JsonObject = dict[str, Any]


class Answer(BaseModel):
    """Any body."""

    model_config = ConfigDict(title=None)


class FieldError(Answer):
    """What is wrong where."""

    location: str
    type: str
    message: str


class Problem(Answer):
    """RFC 9457; `code` is stable, `title` and `detail` are for people (German or English)."""

    type: str = Field(examples=["urn:rufbus:problem:offer_expired"])
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError] | None = None
    params: JsonObject | None = None


class StopRef(Answer):
    """A stop; without coordinates if it has left the network since."""

    stop_id: str
    name: str
    lon: float | None
    lat: float | None


class WalkedStop(StopRef):
    """A stop and the way to it on foot."""

    walk_m: int


class Party(Answer):
    """Who travels."""

    seats: int
    wheelchairs: int


class Place(Answer):
    """A point, perhaps of a stop."""

    lon: float
    lat: float
    stop_id: str | None


class Position(Answer):
    """Where a vehicle was, and when."""

    lon: float
    lat: float
    at: datetime


class Estimate(Answer):
    """What is planned now; may move within the promise."""

    pickup: datetime | None
    arrival: datetime | None


class Offer(Answer):
    """A concrete, priced, expiring answer to a ride request."""

    id: str
    kind: Literal["earliest", "least_walking", "pooled"]
    pickup: WalkedStop
    dropoff: WalkedStop
    pickup_window: Window
    arrival_latest: datetime
    max_ride_s: int
    estimated: Estimate
    price_cents: int
    expires_at: datetime


class Alternative(Answer):
    """A time at which the same ride would be possible."""

    depart_at: datetime
    pickup_window: Window
    arrival_latest: datetime


class Refusal(Answer):
    """Why there is no offer."""

    code: str
    message: str
    alternatives: list[Alternative]


class Connection(Answer):
    """A train or bus that the ride is to meet, with time to change."""

    stop: StopRef
    at: datetime
    direction: Literal["to_departure", "from_arrival"]
    transfer_s: int


class RideRequest(Answer):
    """A ride wish and what became of it."""

    id: str
    status: Literal["offered", "refused", "booked", "lapsed"]
    received_at: datetime
    origin: Place
    destination: Place
    depart_at: datetime | None
    arrive_by: datetime | None
    party: Party
    offers: list[Offer]
    refusal: Refusal | None
    replaces: str | None
    group_id: str | None
    connection: Connection | None


class Promise(Answer):
    """What the rider was told; never tightened."""

    pickup: StopRef
    dropoff: StopRef
    pickup_window: Window
    arrival_latest: datetime
    max_ride_s: int


class VehicleRef(Answer):
    """A vehicle."""

    id: str
    name: str


class Instead(Answer):
    """Where riders get on and off where the promised stops cannot be kept."""

    pickup: StopRef
    dropoff: StopRef
    pickup_from: datetime


class Displacement(Answer):
    """When and why a booking lost its vehicle; `aboard`: its riders had to get off."""

    at: datetime
    reason: str
    aboard: bool
    walk_m: int


class Booking(Answer):
    """An accepted offer.

    `displaced` is open, but on no vehicle: another one is being looked for. `booked_party` is set
    where other people came than had been booked; `price_cents` is what those who came pay.
    """

    id: str
    status: Literal["confirmed", "displaced", "boarded", "completed", "cancelled", "no_show"]
    code: str
    promise: Promise
    party: Party
    price_cents: int
    estimated: Estimate
    vehicle: VehicleRef | None
    instead: Instead | None
    displacement: Displacement | None
    rescues: int
    booked_party: Party | None
    booked_at: datetime
    boarded_at: datetime | None
    alighted_at: datetime | None
    ended_at: datetime | None
    cancelled_by: str | None
    cancel_reason: str | None
    cancelled_late: bool
    changed_at: datetime | None
    pinned: bool
    group_id: str | None
    series_id: str | None


class Live(Answer):
    """Where a ride stands; the position is shown only while it concerns the rider."""

    at: datetime
    phase: Literal["scheduled", "displaced", "approaching", "at_stop", "riding", "done"]
    stops_before: int | None
    vehicle_position: Position | None


class LiveBooking(Booking):
    """A booking with where its ride stands and the way still ahead, `[[lon, lat], …]`."""

    live: Live
    route: list[tuple[float, float]]


class Rider(Answer):
    """A booking at a visit; `done` is when boarding or alighting should be over."""

    booking_id: str
    done: datetime
    code: str | None
    party: Party | None


class Visit(Answer):
    """One vehicle at one stop; a `break` is the driver's, from `arrive` to `depart`.

    At a `waiting` place there is nothing to do but to be near the next riders.
    """

    id: str
    kind: Literal["stop", "break", "waiting"]
    stop: StopRef
    leave: datetime
    arrive: datetime
    depart: datetime
    arrived_at: datetime | None
    boarding: list[Rider]
    alighting: list[Rider]
    late_s: int


class ShiftHead(Answer):
    """A staffed vehicle for some hours."""

    id: str
    status: Literal["planned", "active", "ended"]
    start: datetime
    end: datetime


class Shift(ShiftHead):
    """A shift with its open visits; `late_s` is the worst breach of a promise."""

    vehicle: VehicleRef
    depot: StopRef
    position: Position
    version: int
    late_s: int
    visits: list[Visit]
    route: list[tuple[float, float]] | None = None


class OutOfService(Answer):
    """A vehicle that cannot drive: since when, why, and where it stands."""

    vehicle: VehicleRef
    since: datetime
    reason: str
    lon: float
    lat: float


class FleetChange(Answer):
    """What became of a vehicle, of its day, and of every booking concerned."""

    vehicle: VehicleRef
    out_of_service: OutOfService | None
    shifts: list[ShiftHead]
    bookings: list[Booking]


class ConcernedBookings(Answer):
    """The bookings whose stops have changed."""

    bookings: list[Booking]


class DriverBreak(Answer):
    """A driver's next break, or the one that is running."""

    vehicle: VehicleRef
    break_: Visit | None = Field(alias="break")


class Plan(Answer):
    """All shifts that are not over, the open bookings, and vehicles that are out of service."""

    at: datetime
    shifts: list[Shift]
    bookings: list[Booking]
    out_of_service: list[OutOfService]


class FleetPosition(Answer):
    """Where a vehicle is, and how we know.

    A `stale` report is so old that the plan decides where the vehicle is. `doubted` is a newer
    report that cannot be right and is not confirmed yet.
    """

    lon: float
    lat: float
    at: datetime | None
    source: Literal["reported", "planned", "depot"]
    stale: bool
    doubted: Position | None


class Load(Answer):
    """Who is on board."""

    seats: int
    wheelchairs: int
    bookings: int


class FleetVehicle(Answer):
    """A vehicle now."""

    id: str
    name: str
    spare: bool
    configurations: list[Party]
    state: Literal["off_duty", "idle", "driving", "at_stop", "on_break", "out_of_service"]
    shift: ShiftHead | None
    position: FleetPosition | None
    load: Load
    next_visit: Visit | None
    late_s: int


class Fleet(Answer):
    """All vehicles now."""

    at: datetime
    vehicles: list[FleetVehicle]
    out_of_service: list[OutOfService]
    displaced: list[str] = Field(description="ids of bookings that have no vehicle")


class Closure(Answer):
    """A closed road (`geometry`, a GeoJSON MultiLineString) or stop; without `until`, endless."""

    id: str
    kind: Literal["road", "stop"]
    stop: StopRef | None
    geometry: JsonObject | None
    direction: Literal["both", "forward", "backward"]
    from_: datetime = Field(alias="from")
    until: datetime | None
    reason: str
    source: str | None
    external_id: str | None
    status: Literal["planned", "active", "ended"]
    ended_at: datetime | None


class Closures(Answer):
    """Closures in order of their beginning."""

    at: datetime
    closures: list[Closure]


class AffectedBooking(Answer):
    """What a change of closures does to a booking.

    `…_moved_to`: the stop promised from now on. `…_closed`: the vehicle cannot halt where it was
    promised, somebody has to call. `delay_s`: the plan arrives so much later than before; `late_s`:
    it misses the promise by so much.
    """

    booking_id: str
    code: str | None
    pickup_moved_to: StopRef | None
    dropoff_moved_to: StopRef | None
    pickup_closed: bool
    dropoff_closed: bool
    delay_s: int
    late_s: int


class ClosureAnswer(Answer):
    """A closure, and what it does."""

    closure: Closure
    affected: list[AffectedBooking]


class ImportAnswer(Answer):
    """What a list has changed: closures that are new or different, ids of those that are over."""

    recorded: list[Closure]
    ended: list[str]
    affected: list[AffectedBooking]


class InWords(Answer):
    """The same in both languages."""

    de: str
    en: str


class AlertBooking(Answer):
    """A booking that an alert is about."""

    id: str
    code: str


class AlertChoice(Answer):
    """What can be done about an alert; `late_s` is how late the rider would be then."""

    action: Literal["move_booking", "swap_vehicle", "call_rider", "call_driver", "cancel_booking"]
    booking_id: str | None
    shift_id: str | None
    vehicle: VehicleRef | None
    late_s: int | None
    label: InWords


class AlertAcknowledged(Answer):
    """Who has seen an alert, and when."""

    at: datetime
    by: str


class Alert(Answer):
    """Something that is wrong, or will be by the present plans.

    `since` is when the limit is missed from; it may lie ahead. `late_s` is by how many seconds.
    """

    id: str
    kind: Literal[
        "late_pickup",
        "late_arrival",
        "long_ride",
        "break_late",
        "shift_overrun",
        "no_driver",
        "no_vehicle",
        "position_stale",
        "position_doubted",
        "vehicle_off_route",
        "stop_closed",
    ]
    severity: Literal["critical", "warning", "info"]
    since: datetime
    late_s: int
    cause: Literal["no_driver", "held_at_stop", "behind_plan"] | None
    shift_id: str
    vehicle: VehicleRef
    stop: StopRef | None
    metres: int | None
    bookings: list[AlertBooking]
    message: InWords
    choices: list[AlertChoice]
    acknowledged: AlertAcknowledged | None


class Alerts(Answer):
    """All of them, the most severe first, acknowledged ones last."""

    at: datetime
    alerts: list[Alert]


class AlertSeen(Answer):
    """An alert that has been acknowledged."""

    alert_id: str
    acknowledged: AlertAcknowledged


class Stop(Answer):
    """A stop at which riders may board and alight; `closed` says whether not now."""

    closed: bool = False

    id: str
    name: str
    lon: float
    lat: float
    zone: str
    kind: str


class Stops(Answer):
    """All of them."""

    stops: list[Stop]


class Arrived(Answer):
    """A vehicle's arrival, as recorded."""

    vehicle_id: str
    visit_id: str
    arrived_at: datetime | None


class Accepted(Answer):
    """How many positions were taken."""

    accepted: int


class Preferences(Answer):
    """How a rider is told.

    `channel` is what was chosen (null: as possible), `effective` what follows from it now, and
    `available` what may be chosen.
    """

    language: Literal["de", "en"]
    channel: Literal["email", "sms", "push", "none"] | None
    effective: Literal["email", "sms", "push", "none"]
    available: list[Literal["email", "sms", "push", "none"]]
    push_subscriptions: int


class PushKey(Answer):
    """The `applicationServerKey` for a browser's subscription, base64url."""

    public_key: str


class RiderMessage(Answer):
    """A message to a rider, without its words.

    `decided_at` and `expires_at` are times of the service, all others real time.
    """

    id: str
    booking_id: str | None
    kind: str
    state: Literal["pending", "sent", "superseded", "expired", "dead", "no_recipient", "no_channel"]
    channel: str | None
    attempts: int
    decided_at: datetime
    expires_at: datetime
    created_at: datetime
    finished_at: datetime | None
    next_attempt_at: datetime | None
    error: str | None


class RiderMessages(Answer):
    """The newest first."""

    messages: list[RiderMessage]


class Health(Answer):
    """`parts` names what is up and what is down."""

    status: Literal["ok", "unavailable"]
    parts: JsonObject


def answers(model: type[BaseModel], status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an endpoint, for its documentation."""
    return {status: {"model": model}}


PROBLEMS: dict[int | str, dict[str, Any]] = {
    range_: {
        "description": "A problem (RFC 9457)",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    for range_ in ("4XX", "5XX")
}
