"""What riders are answered: requests, offers, bookings, stops."""

from datetime import datetime
from typing import Literal

from dispatch.api.schemas.common import (
    Answer,
    Estimate,
    Party,
    Place,
    Position,
    StopRef,
    VehicleRef,
    WalkedStop,
    Window,
)


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
