"""What a scenario's `[demand]` may say, by its `source`: flows, a file, or a synthetic town."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator
from pydantic import model_validator as validator

Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Hours = Annotated[list[Weight], Field(min_length=24, max_length=24)]
Requests = Annotated[int, Field(ge=0, le=100_000)]
Range = Annotated[list[Weight], Field(min_length=2, max_length=2)]
Column = Literal[
    "request_id",
    "asked_at",
    "depart_at",
    "arrive_by",
    "origin",
    "origin_lon",
    "origin_lat",
    "destination",
    "destination_lon",
    "destination_lat",
    "seats",
    "wheelchairs",
    "channel",
    "max_walk_m",
    "rq_time",
    "earliest_pickup_time",
    "start",
    "end",
    "number_passenger",
]
_DAY_MIN = 1440


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Traits(_Section):
    """Who asks, and how long ahead.

    Attributes:
        party_sizes: weights of parties of 1, 2, … people.
        wheelchair_share: of parties one of whom sits in a wheelchair.
        prebooked_share: of requests for a time to come; the others ask for now.
        prebooked_lead_h: how long before that time they ask, at least and at most.
        arrive_by_share: of the pre-booked that name an arrival.
        phone_share: of requests made by phone; the others are made on the web.
    """

    party_sizes: Annotated[list[Weight], Field(min_length=1, max_length=8)] = [82, 13, 3, 2]
    wheelchair_share: Share = 0.015
    prebooked_share: Share = 0.4
    prebooked_lead_h: Range = [1.0, 24.0]
    arrive_by_share: Share = 0.25
    phone_share: Share = 0.25

    @field_validator("party_sizes")
    @classmethod
    def _some_party(cls, sizes: list[float]) -> list[float]:
        return _some(sizes)

    @field_validator("prebooked_lead_h")
    @classmethod
    def _least_first(cls, lead_h: list[float]) -> list[float]:
        return _ascending(lead_h)


class Flow(_Section):
    """A share of all trips from one zone or place to another; `*` is anywhere."""

    origin: str
    destination: str
    share: Share


class DemandFile(Traits):
    """How many trips, when, between where, by whom."""

    source: Literal["flows"] = "flows"
    requests: Requests
    flows: Annotated[list[Flow], Field(min_length=1)]
    hours: Hours
    party_sizes: Annotated[list[Weight], Field(min_length=1, max_length=8)]

    @field_validator("hours")
    @classmethod
    def _some_hour(cls, hours: list[float]) -> list[float]:
        return _some(hours)

    @validator(mode="after")
    def _some_flow(self) -> Self:
        if not any(flow.share for flow in self.flows):
            raise ValueError("flows: all shares are 0")
        return self


class FileSection(_Section):
    """Requests from a CSV, Parquet or GeoParquet file; see docs/demand.md for its columns.

    Attributes:
        path: of the file, relative to the scenario's folder.
        nodes: a FleetPy network's node file, for files that name nodes.
        columns: what the file calls a documented column.
        requests: so many of the day's requests are drawn; None = all.
        share: instead, this share of them.
        shift_to_date: whether the file's day is moved to the scenario's date.
        day: which of the file's days; None = one drawn among those of the same kind of day.
    """

    source: Literal["file"] = "file"
    path: Path
    nodes: Path | None = None
    columns: dict[Column, str] = {}
    requests: Requests | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    shift_to_date: bool = True
    day: date | None = None

    @validator(mode="after")
    def _one_way_to_sample(self) -> Self:
        if self.requests is not None and self.share is not None:
            raise ValueError("give requests or share, not both")
        if self.day is not None and not self.shift_to_date:
            raise ValueError("day: without shift_to_date the scenario's date is the day")
        return self


class Purpose(_Section):
    """Why people travel; what is left out is as in `simulations/demand/profiles.py`.

    Attributes:
        share: weight among the purposes.
        hours: weights of the local hours 0..23 at which they set out from home.
        stay_h: how long they stay, at least and at most.
    """

    share: Weight | None = None
    hours: Hours | None = None
    stay_h: Range | None = None

    @field_validator("hours")
    @classmethod
    def _some_hour(cls, hours: list[float] | None) -> list[float] | None:
        return None if hours is None else _some(hours)

    @field_validator("stay_h")
    @classmethod
    def _least_first(cls, stay_h: list[float] | None) -> list[float] | None:
        return None if stay_h is None else _ascending(stay_h)


class Trains(_Section):
    """Trains, or regional buses, that riders come from or want to catch.

    Attributes:
        place: a point of the scenario's `places`, or a station's name in the extract.
        share: of all requests that come from these trains or go to them.
        minutes: of each hour at which they call.
        every_min: instead, minutes from one to the next, beginning with `first`.
        first: clock time before which there is none.
        last: clock time after which there is none.
        calls: whether riders get off, get on, or both.
    """

    place: str
    share: Annotated[float, Field(gt=0, le=1)]
    minutes: Annotated[list[Annotated[int, Field(ge=0, le=59)]], Field(min_length=1)] | None = None
    every_min: Annotated[int, Field(ge=1, le=_DAY_MIN)] | None = None
    first: str = "05:00"
    last: str = "23:00"
    calls: Literal["both", "arrivals", "departures"] = "both"

    @validator(mode="after")
    def _some_train(self) -> Self:
        if (self.minutes is None) == (self.every_min is None):
            raise ValueError("give minutes or every_min")
        if not self.calls_min:
            raise ValueError("there is no train between first and last")
        return self

    @property
    def calls_min(self) -> list[int]:
        """When trains call, minutes after midnight, ascending."""
        first, last = _clock_min(self.first), _clock_min(self.last)
        if self.every_min is not None:
            return list(range(first, last + 1, self.every_min))
        wanted = set(self.minutes or ())
        return [at for at in range(first, last + 1) if at % 60 in wanted]


class Total(_Section):
    """How many trips there are from one settlement to another; `*` is any of them."""

    origin: str
    destination: str
    requests: Annotated[float, Field(ge=0, le=100_000)] | None = None
    share: Share | None = None

    @validator(mode="after")
    def _one_figure(self) -> Self:
        if (self.requests is None) == (self.share is None):
            raise ValueError("give requests or share")
        return self


class SyntheticSection(Traits):
    """Demand made of people, attractors and distances; see docs/demand.md.

    Attributes:
        requests: so many a day.
        extract: OSM file with buildings and attractors, relative to the scenario's folder.
        population: people by settlement; those left out as densely as the mean of those given.
        mean_distance_km: mean direct distance by road that trips are to have.
        decay_km: of exp(-distance / decay), instead; 3 km if neither is given.
        min_distance_m: nobody takes the bus for less, by road.
        round_trip_share: of people who also ride back; of the others half ride only back.
        purposes: why people travel.
        attractors: by purpose, the scenario's places that draw people, instead of the extract's.
        trains: trains that pull demand to a place.
        totals: trips between settlements.
    """

    source: Literal["synthetic"] = "synthetic"
    requests: Requests
    extract: Path | None = None
    population: dict[str, Weight] = {}
    mean_distance_km: Annotated[float, Field(gt=0, le=200)] | None = None
    decay_km: Annotated[float, Field(gt=0, le=1000)] | None = None
    min_distance_m: Annotated[float, Field(ge=0, le=10_000)] = 800.0
    round_trip_share: Share = 0.6
    purposes: dict[str, Purpose] = {}
    attractors: dict[str, Annotated[list[str], Field(min_length=1)]] = {}
    trains: list[Trains] = []
    totals: list[Total] = []

    @validator(mode="after")
    def _consistent(self) -> Self:
        if self.mean_distance_km is not None and self.decay_km is not None:
            raise ValueError("give mean_distance_km or decay_km, not both")
        if self.population and not any(self.population.values()):
            raise ValueError("population: nobody lives anywhere")
        if sum(trains.share for trains in self.trains) > 1 + 1e-9:
            raise ValueError("trains: the shares add up to more than 1")
        pairs = [(total.origin, total.destination) for total in self.totals]
        if len(set(pairs)) < len(pairs):
            raise ValueError("totals: the same origin and destination twice")
        return self


def source_of(value: Any) -> str:
    """The kind of a section that has been read or built; flows if it does not say."""
    if isinstance(value, dict):
        return str(value.get("source", "flows"))
    return str(getattr(value, "source", "flows"))


DemandSection = Annotated[
    Annotated[DemandFile, Tag("flows")]
    | Annotated[FileSection, Tag("file")]
    | Annotated[SyntheticSection, Tag("synthetic")],
    Discriminator(source_of),
]


def _some(weights: list[float]) -> list[float]:
    if not any(weights):
        raise ValueError("all weights are 0")
    return weights


def _ascending(ends: list[float]) -> list[float]:
    if ends[0] > ends[1]:
        raise ValueError("the smaller comes first")
    return ends


def _clock_min(text: str) -> int:
    hours, _, minutes = text.partition(":")
    if not (hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2):  # noqa: PLR2004
        raise ValueError(f"{text!r} is no clock time like 05:30")
    at = int(hours) * 60 + int(minutes)
    if int(minutes) >= 60 or at > _DAY_MIN:  # noqa: PLR2004 - minutes of an hour
        raise ValueError(f"{text!r} is no clock time like 05:30")
    return at
