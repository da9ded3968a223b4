"""What clients may send about the life of bookings: strict and bounded, as in `models`."""

import re
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from dispatch.api.models import (
    ContactIn,
    Identifier,
    Instant,
    PartyIn,
    PlaceIn,
    Strict,
    clean_text,
)

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
CancelReason = Literal[
    "plans_changed", "other_transport", "vehicle_late", "booked_by_mistake", "other"
]


def _clock(value: Any) -> int:
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        raise PydanticCustomError("clock", "not a time of day, such as 07:30")
    return int(value[:2]) * 60 + int(value[3:])


def _day(value: Any) -> date:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise PydanticCustomError("day", "not a day, such as 2026-03-29")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise PydanticCustomError("day", "no such day") from error


ClockTime = Annotated[int, BeforeValidator(_clock, json_schema_input_type=str)]
"""A local time of day as `HH:MM`, in minutes after midnight."""
Day = Annotated[date, BeforeValidator(_day, json_schema_input_type=date)]


class ChangeIn(Strict):
    """Other terms for a booking; what is left out stays."""

    origin: PlaceIn | None = None
    destination: PlaceIn | None = None
    party: PartyIn | None = None
    depart_at: Instant | None = None
    arrive_by: Instant | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.depart_at is not None and self.arrive_by is not None:
            raise PydanticCustomError("two_times", "give depart_at or arrive_by, not both")
        if not self.model_fields_set:
            raise PydanticCustomError("no_change", "say what is to be different")
        return self


class MovePreviewIn(Strict):
    """Which shift is to carry the booking."""

    shift_id: Identifier


class PlanVersionIn(Strict):
    """A plan as the preview saw it."""

    shift_id: Identifier
    version: Annotated[int, Field(ge=0, le=2**31 - 1)]


class MoveIn(Strict):
    """A move as it was previewed; `force` accepts broken promises, `pin` keeps it there."""

    shift_id: Identifier
    versions: Annotated[list[PlanVersionIn], Field(min_length=1, max_length=2)]
    force: bool = False
    pin: bool = True


class _ForRider(Strict):
    """For a new rider by contact, or (control room) for a known one."""

    contact: ContactIn | None = None
    rider_id: Identifier | None = None

    @model_validator(mode="after")
    def _one_rider(self) -> Self:
        if (self.contact is None) == (self.rider_id is None):
            raise PydanticCustomError("rider", "give either contact or rider_id")
        return self


class SeriesIn(_ForRider):
    """A standing order: a ride on some weekdays (1 = Monday), at a local time of day."""

    origin: PlaceIn
    destination: PlaceIn
    party: PartyIn = PartyIn()
    depart_at: ClockTime | None = None
    arrive_by: ClockTime | None = None
    max_walk_m: Annotated[int, Field(ge=0, le=5000)] | None = None
    weekdays: Annotated[list[Annotated[int, Field(ge=1, le=7)]], Field(min_length=1, max_length=7)]
    from_day: Day
    to_day: Day | None = None
    except_days: Annotated[tuple[Day, ...], Field(max_length=366, strict=False)] = ()
    on_holidays: bool = False

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if (self.depart_at is None) == (self.arrive_by is None):
            raise PydanticCustomError("one_time", "give either depart_at or arrive_by")
        return self


class SkipIn(Strict):
    """A day without the ride."""

    day: Day


class WaitingIn(_ForRider):
    """Who waits."""


class GroupRequestIn(Strict):
    """A wish of a party for more than one vehicle; with neither time, for now."""

    origin: PlaceIn
    destination: PlaceIn
    party: PartyIn
    depart_at: Instant | None = None
    arrive_by: Instant | None = None
    max_walk_m: Annotated[int, Field(ge=0, le=5000)] | None = None

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if self.depart_at is not None and self.arrive_by is not None:
            raise PydanticCustomError("two_times", "give depart_at or arrive_by, not both")
        return self


class GroupBookingIn(_ForRider):
    """Take the offers of a group, all of them."""

    group_id: Identifier


class CodeCancelIn(Strict):
    """Proof that a short code is one's own: the last four digits of the phone, or the name."""

    phone_digits: (
        Annotated[str, StringConstraints(min_length=4, max_length=4, pattern=r"^[0-9]{4}$")] | None
    ) = None
    name: (
        Annotated[str, StringConstraints(min_length=1, max_length=80), AfterValidator(clean_text)]
        | None
    ) = None

    @model_validator(mode="after")
    def _a_proof(self) -> Self:
        if (self.phone_digits is None) == (self.name is None):
            raise PydanticCustomError("proof", "give either phone_digits or name")
        return self
