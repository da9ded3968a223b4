"""What drivers and the control room are answered: manifests, vehicles, shifts."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from dispatch.api.schemas.common import Answer, Party, Position, StopRef, VehicleRef
from dispatch.api.schemas.rides import Booking, Rider


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


class Arrived(Answer):
    """A vehicle's arrival, as recorded."""

    vehicle_id: str
    visit_id: str
    arrived_at: datetime | None
