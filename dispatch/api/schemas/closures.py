"""What is answered about closed roads and stops."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from dispatch.api.schemas.common import Answer, JsonObject, StopRef


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
