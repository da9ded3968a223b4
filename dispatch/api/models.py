"""What clients may send: strict, bounded, nothing else. What they get is in `dispatch.views`."""

import re
import unicodedata
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from dispatch.domain.closures import ClosureWish, Direction
from dispatch.domain.model import Party

MAX_POSITIONS = 200
ID_PATTERN = r"^[A-Za-z0-9_.:-]{1,100}$"
_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})?", re.ASCII
)
_YEARS = (1970, 2199)  # times near the end of the calendar could not be shown in every zone
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_PHONE = re.compile(r"\+?[0-9 ()/.-]{5,25}", re.ASCII)
_PHONE_DIGITS = range(5, 16)  # E.164 allows 15
_EMAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s.,;<>\"]+(\.[^@\s.,;<>\"]+)+")


def parse_instant(value: Any) -> int:
    """Epoch second of an RFC 3339 time with an offset; fractions are cut off.

    Raises:
        PydanticCustomError: not such a time; type `naive_datetime` if only the offset is missing.
    """
    match = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError("rfc3339", "not an RFC 3339 time")
    day, clock, _, offset = match.groups()
    if offset is None:
        raise PydanticCustomError("naive_datetime", "the offset is missing")
    if not _YEARS[0] <= int(day[:4]) <= _YEARS[1]:
        raise PydanticCustomError("rfc3339", "no year of this service")
    try:
        return int(datetime.fromisoformat(f"{day}T{clock}{offset.upper()}").timestamp())
    except (ValueError, OverflowError) as error:
        raise PydanticCustomError("rfc3339", "no such time") from error


def clean_text(value: str) -> str:
    """Composed and trimmed; control and direction-changing characters are refused."""
    for char in value:
        if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} or char in _BIDI:
            raise PydanticCustomError("control_character", "control characters are not allowed")
    text = unicodedata.normalize("NFC", value).strip()
    # Only spaces, marks and invisible characters are nothing that could be read.
    if all(unicodedata.category(char)[0] in "CMZ" for char in text):
        raise PydanticCustomError("empty_text", "must not be empty")
    return text


def _phone(value: str) -> str:
    digits = sum(char.isdigit() for char in value)
    if not _PHONE.fullmatch(value) or digits not in _PHONE_DIGITS:
        raise PydanticCustomError("phone", "not a phone number")
    return value


def _email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise PydanticCustomError("email", "not an e-mail address")
    return value


Instant = Annotated[
    int,
    BeforeValidator(parse_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "with an offset"}),
]
Lon = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Lat = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Identifier = Annotated[
    str, StringConstraints(min_length=1, max_length=100), AfterValidator(clean_text)
]


class Strict(BaseModel):
    """Takes what is documented, and nothing else."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class PlaceIn(Strict):
    """A point, or a stop by its id: one of the two."""

    lon: Lon | None = None
    lat: Lat | None = None
    stop_id: Identifier | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        point = self.lon is not None and self.lat is not None
        half = (self.lon is None) != (self.lat is None)
        if half or point == (self.stop_id is not None):
            raise PydanticCustomError("place", "give either lon and lat, or stop_id")
        return self


class PartyIn(Strict):
    """Who travels."""

    seats: Annotated[int, Field(ge=0, le=99)] = 1
    wheelchairs: Annotated[int, Field(ge=0, le=99)] = 0

    def to_domain(self) -> Party:
        """The same, as the engine knows it."""
        return Party(self.seats, self.wheelchairs)


class ConnectionIn(Strict):
    """A train or bus to be reached, or that is arrived by; it stands for that end of the ride."""

    stop_id: Identifier
    at: Instant
    direction: Literal["to_departure", "from_arrival"]
    transfer_s: Annotated[int, Field(ge=0, le=7200)] | None = None


class RideRequestIn(Strict):
    """A ride wish; with neither time, for now. `replaces` asks for other terms of a booking."""

    origin: PlaceIn | None = None
    destination: PlaceIn | None = None
    depart_at: Instant | None = None
    arrive_by: Instant | None = None
    party: PartyIn = PartyIn()
    max_walk_m: Annotated[int, Field(ge=0, le=5000)] | None = None
    replaces: Identifier | None = None
    connection: ConnectionIn | None = None

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        times = [t for t in (self.depart_at, self.arrive_by, self.connection) if t is not None]
        if len(times) > 1:
            raise PydanticCustomError("two_times", "give depart_at, arrive_by or connection")
        return self

    @model_validator(mode="after")
    def _both_ends(self) -> Self:
        direction = None if self.connection is None else self.connection.direction
        if self.origin is None and direction != "from_arrival":
            raise PydanticCustomError("origin", "give the origin")
        if self.destination is None and direction != "to_departure":
            raise PydanticCustomError("destination", "give the destination")
        return self


class ContactIn(Strict):
    """Whom to reach if something changes: a name, and a phone number or an e-mail address."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=80), AfterValidator(clean_text)]
    phone: (
        Annotated[
            str,
            StringConstraints(max_length=30),
            AfterValidator(clean_text),
            AfterValidator(_phone),
        ]
        | None
    ) = None
    email: (
        Annotated[
            str,
            StringConstraints(max_length=254),
            AfterValidator(clean_text),
            AfterValidator(_email),
        ]
        | None
    ) = None

    language: Literal["de", "en"] | None = None
    channel: Literal["email", "sms", "none"] | None = None

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.phone is None and self.email is None:
            raise PydanticCustomError("contact", "give a phone number or an e-mail address")
        missing = {"email": self.email, "sms": self.phone}.get(self.channel or "", "")
        if missing is None:
            raise PydanticCustomError("channel", "the chosen channel needs its address")
        return self


class BookingIn(Strict):
    """Which offer, for whom; an offer that changes a booking is for its rider.

    The control room may name a known rider instead.
    """

    offer_id: Identifier
    contact: ContactIn | None = None
    rider_id: Identifier | None = None

    @model_validator(mode="after")
    def _one_rider(self) -> Self:
        if self.contact is not None and self.rider_id is not None:
            raise PydanticCustomError("rider", "give contact or rider_id, not both")
        return self


class PreferencesIn(Strict):
    """How a rider wants to be told; what is not given stays. A channel of null: as possible."""

    language: Literal["de", "en"] | None = None
    channel: Literal["email", "sms", "push", "none"] | None = None


class PushKeysIn(Strict):
    """The keys of a browser's push subscription, base64url."""

    p256dh: Annotated[str, StringConstraints(max_length=200, pattern=r"^[A-Za-z0-9_-]+=*$")]
    auth: Annotated[str, StringConstraints(max_length=100, pattern=r"^[A-Za-z0-9_-]+=*$")]


_Endpoint = Annotated[
    str, StringConstraints(min_length=9, max_length=1000), AfterValidator(clean_text)
]


class PushSubscriptionIn(Strict):
    """What `PushSubscription.toJSON()` gives in a browser; `expirationTime` may stay with it."""

    endpoint: _Endpoint
    keys: PushKeysIn
    expirationTime: float | None = None  # noqa: N815 - the browsers' name for it


class PushEndpointIn(Strict):
    """Which browser."""

    endpoint: _Endpoint


class BoardedIn(Strict):
    """Who has come, if not those who were booked."""

    party: PartyIn


class PositionIn(Strict):
    """Where a vehicle was, and when."""

    lon: Lon
    lat: Lat
    at: Instant


Positions = PositionIn | Annotated[list[PositionIn], Field(min_length=1, max_length=MAX_POSITIONS)]


_Degrees = Annotated[float, Field(allow_inf_nan=False)]
_Position = Annotated[list[_Degrees], Field(min_length=2, max_length=2)]
Points = Annotated[list[_Position], Field(min_length=1, max_length=2000)]


class ClosureIn(Strict):
    """A stop or a road to be closed; the road by a line, its OSM way, or its name.

    Without `from` at once, without `until` until it is reopened. One direction needs a line and
    goes by the order of its points.
    """

    stop_id: Identifier | None = None
    line: Points | None = None
    osm_way: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    street: Identifier | None = None
    from_: Annotated[Instant | None, Field(alias="from")] = None
    until: Instant | None = None
    direction: Literal["both", "forward", "backward"] = "both"
    reason: Annotated[str, StringConstraints(max_length=200), AfterValidator(clean_text)] | None = (
        None
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = (self.stop_id, self.line, self.osm_way, self.street)
        if sum(place is not None for place in places) != 1:
            raise PydanticCustomError("place", "give one of stop_id, line, osm_way and street")
        return self

    def to_domain(self) -> ClosureWish:
        """The same, as the engine knows it."""
        line = self.line or []
        return ClosureWish(
            from_s=self.from_,
            until_s=self.until,
            reason=self.reason or "",
            stop_id=self.stop_id,
            lines=(tuple((lon, lat) for lon, lat in line),) if line else (),
            way_id=self.osm_way,
            street=self.street,
            direction=Direction(self.direction),
        )


class SessionIn(Strict):
    """The control room's access token."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=500)]
