"""A scenario: which town, which day, which demand. Read from TOML with comments."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Share = Annotated[float, Field(ge=0, le=1)]


class ScenarioError(Exception):
    """The scenario file cannot be used; the message says where and why."""

    code = "scenario_invalid"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Flow(_Section):
    """A share of all trips from one zone or place to another; `*` is anywhere."""

    origin: str
    destination: str
    share: Share


class DemandFile(_Section):
    """How many trips, when, between where, by whom."""

    requests: Annotated[int, Field(ge=0, le=100_000)]
    flows: Annotated[list[Flow], Field(min_length=1)]
    hours: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=24, max_length=24)]
    party_sizes: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1, max_length=8)]
    wheelchair_share: Share = 0.015
    prebooked_share: Share = 0.4
    prebooked_lead_h: Annotated[list[float], Field(min_length=2, max_length=2)] = [1.0, 24.0]
    arrive_by_share: Share = 0.25


class Scenario(_Section):
    """A day to simulate, as written in its TOML file.

    Attributes:
        improve_every_s: seconds between two improvements of the open plan; 0 = never.
        improve_iterations: of the search, each time.
        joint_iterations: of the search for room where riders come together or one finds none;
            0 = never.
        batch_window_s: requests of so many seconds are answered together at their end; 0 = at once.
        repositioning: where vehicles without work wait; None = as the town has it.
    """

    name: str
    town: str
    date: date
    seed: int = 1
    vehicles: Annotated[int, Field(ge=1)] | None = None
    improve_every_s: Annotated[int, Field(ge=0, le=3600)] = 0
    improve_iterations: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    joint_iterations: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    batch_window_s: Annotated[int, Field(ge=0, le=60)] = 0
    repositioning: Literal["stay", "depot", "demand"] | None = None
    places: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = {}
    demand: DemandFile


def load_scenario(path: Path) -> Scenario:
    """Read a scenario.

    Raises:
        ScenarioError: missing or unreadable file, unknown keys, values out of range.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return Scenario.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ScenarioError(f"{path}: {where}: {first['msg']}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from error
