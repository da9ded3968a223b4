"""What the answers of all subjects share: places, problems, how an answer is declared."""

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


class VehicleRef(Answer):
    """A vehicle."""

    id: str
    name: str


class Accepted(Answer):
    """How many positions were taken."""

    accepted: int


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
