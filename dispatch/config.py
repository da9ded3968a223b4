"""Reads a town's folder (`service.toml`, `area.geojson`, `stops.geojson`) into a `ServiceConfig`.

A wrong key is named together with the nearest right one; nothing is silently ignored.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from itertools import combinations
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from shapely import Polygon
from shapely.geometry import shape

from dispatch.config_errors import explain, nearest
from dispatch.domain.driver_hours import MAX_WORK_S, work_s
from dispatch.domain.model import Configuration, Vehicle
from dispatch.domain.rules import (
    SHIFTS_AHEAD_MAX_DAYS,
    Fares,
    Hours,
    Repositioning,
    Rules,
    ServiceConfig,
    ShiftPattern,
    Weights,
)
from dispatch.messaging.settings import MessageSettings

_MIDNIGHT_MIN = 24 * 60
_DEMO_SUFFIX = "-demo"
_POSITIVE = frozenset(
    {
        "alternatives_step_s",
        "bookable_ahead_days",
        "candidate_stops",
        "offer_valid_s",
        "offers_max",
        "prebooked_window_s",
        "walk_speed_mps",
    }
)
"""Rules of which 0 would mean that nobody is ever served, or nothing at all."""
_T = TypeVar("_T")


class ConfigError(Exception):
    """The town's configuration cannot be used; the message says where and what to change."""

    code = "config_invalid"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00", re.ASCII)


def _clock(value: str) -> str:
    if not _CLOCK.fullmatch(value):
        raise ValueError(f"{value!r} is not a time from 00:00 to 24:00, like 07:30")
    return value


Clock = Annotated[str, AfterValidator(_clock)]
Interval = Annotated[list[Clock], Field(min_length=2, max_length=2)]
Day = Literal["weekday", "saturday", "sunday"]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Factors = Annotated[
    list[Annotated[float, Field(ge=0.2, le=10)]], Field(min_length=24, max_length=24)
]


class _Town(_Section):
    name: str
    timezone: str
    place: str
    roads: str


class _Map(_Section):
    center: tuple[Longitude, Latitude]
    zoom: Annotated[float, Field(ge=1, le=20)] = 12


class _Hours(_Section):
    weekday: Interval | None = None
    saturday: Interval | None = None
    sunday: Interval | None = None
    holidays: list[date] = []

    @model_validator(mode="after")
    def _forward(self) -> Self:
        for interval in (self.weekday, self.saturday, self.sunday):
            if interval is not None and _minutes(interval[1]) <= _minutes(interval[0]):
                raise ValueError("a day's service ends after it begins, at 24:00 at the latest")
        return self


class _Traffic(_Section):
    weekday: Factors
    saturday: Factors
    sunday: Factors


class _Repositioning(_Section):
    idle: Literal["stay", "depot", "demand"] = "stay"
    horizon_s: Annotated[int, Field(ge=60, le=7200)] = 1800
    min_gain_s: Annotated[int, Field(ge=0)] = 30


class _Configuration(_Section):
    seats: Annotated[int, Field(ge=0, le=60)]
    wheelchairs: Annotated[int, Field(ge=0, le=10)] = 0


class _Vehicle(_Section):
    id: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
    name: str
    plate: str = ""
    depot: str
    configurations: Annotated[list[_Configuration], Field(min_length=1)]
    spare: bool = False


class _Shift(_Section):
    vehicle: str
    days: Annotated[list[Day], Field(min_length=1)]
    start: Clock
    end: Clock

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if _minutes(self.end) <= _minutes(self.start):
            raise ValueError("a shift ends after it starts, on the same day or at 24:00")
        return self


class Depot(_Section):
    """Where vehicles start and end their shifts."""

    id: str
    name: str
    lon: Longitude
    lat: Latitude


class Optimising(_Section):
    """Whether the open plan is improved between requests, and how long at a time.

    Attributes:
        enabled: whether the optimiser runs.
        round_s: seconds of thinking about a plan that is new.
    """

    enabled: bool = True
    round_s: Annotated[float, Field(ge=0.1, le=60)] = 2.0


class _ServiceFile(_Section):
    town: _Town
    map: _Map
    hours: _Hours
    rules: dict[str, Any] = {}
    weights: dict[str, Any] = {}
    fares: dict[str, Any] = {}
    traffic: _Traffic | None = None
    optimiser: Optimising = Optimising()
    repositioning: _Repositioning = _Repositioning()
    messages: MessageSettings = MessageSettings()
    vehicles: Annotated[list[_Vehicle], Field(min_length=1)]
    shifts: Annotated[list[_Shift], Field(min_length=1)]
    depots: Annotated[list[Depot], Field(min_length=1)]


class TownConfig(BaseModel):
    """A town's folder, read and checked.

    Attributes:
        config: rules, fleet, hours and the rest, as the engine wants it.
        depots: become stops that are not bookable.
        area: the service area, None where the folder names none.
        area_is_schematic: it is a guess that gives way to the boundary of real roads.
        curated_stops: path of `stops.geojson` if there is one.
        optimiser: whether and how the open plan is improved.
        messages: what riders are told, when and how.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)

    folder: Path
    config: ServiceConfig
    depots: tuple[Depot, ...]
    area: Polygon | None
    area_is_schematic: bool
    curated_stops: Path | None
    optimiser: Optimising = Optimising()
    messages: MessageSettings = MessageSettings()

    def for_demo(self) -> Self:
        """The same town as a service area of its own: a demo never touches real rides."""
        area_id = f"{self.config.area_id}{_DEMO_SUFFIX}"
        return self.model_copy(update={"config": replace(self.config, area_id=area_id)})


def load_town(folder: Path, changes: Mapping[str, Any] | None = None) -> TownConfig:
    """Read a town's configuration folder.

    Args:
        folder: of the town.
        changes: laid over `service.toml` before it is checked; tables are merged key by key,
            anything else is replaced.

    Raises:
        ConfigError: missing or unreadable files, unknown keys, values out of range, dangling ids.
    """
    path = folder / "service.toml"
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist; a town's folder needs one") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    try:
        file = _ServiceFile.model_validate(laid_over(raw, changes or {}))
        config = _service_config(folder.resolve().name, file)
    except ValidationError as error:
        raise ConfigError(f"{path}: {explain(error, _ServiceFile)}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    stops = folder / "stops.geojson"
    area, area_is_schematic = _read_area(folder / "area.geojson")
    return TownConfig(
        folder=folder,
        config=config,
        depots=tuple(file.depots),
        area=area,
        area_is_schematic=area_is_schematic,
        curated_stops=stops if stops.exists() else None,
        optimiser=file.optimiser,
        messages=file.messages,
    )


def laid_over(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A TOML document with another one laid over it, table by table."""
    merged = dict(base)
    for key, value in changes.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = laid_over(below, value)
        else:
            merged[key] = value
    return merged


def _service_config(area_id: str, file: _ServiceFile) -> ServiceConfig:
    try:
        timezone = ZoneInfo(file.town.timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"town.timezone: unknown zone {file.town.timezone!r}") from error
    depots = _distinct("depots", [depot.id for depot in file.depots])
    vehicles = tuple(_vehicle(vehicle, depots) for vehicle in file.vehicles)
    _check_shifts(file.shifts, _distinct("vehicles", [vehicle.id for vehicle in vehicles]))
    return ServiceConfig(
        area_id=area_id,
        name=file.town.name,
        place=file.town.place,
        roads=file.town.roads,
        timezone=timezone,
        map_center=file.map.center,
        map_zoom=file.map.zoom,
        hours=Hours(
            timezone,
            _interval(file.hours.weekday),
            _interval(file.hours.saturday),
            _interval(file.hours.sunday),
            frozenset(file.hours.holidays),
        ),
        rules=_rules(file.rules),
        weights=_filled(Weights, "weights", file.weights),
        fares=_filled(Fares, "fares", file.fares),
        vehicles=vehicles,
        shifts=tuple(
            ShiftPattern(s.vehicle, frozenset(s.days), _minutes(s.start), _minutes(s.end))
            for s in file.shifts
        ),
        traffic=_traffic(file.traffic),
        repositioning=Repositioning(**file.repositioning.model_dump()),
    )


def _distinct(section: str, ids: list[str]) -> set[str]:
    for item in ids:
        if ids.count(item) > 1:
            raise ValueError(f"{section}: {item!r} is there twice")
    return set(ids)


def _check_shifts(shifts: list[_Shift], vehicles: set[str]) -> None:
    """One driver can work a shift; a vehicle is in one place only: its shifts follow each other."""
    for shift in shifts:
        if shift.vehicle not in vehicles:
            raise ValueError(
                f"shifts: no vehicle {shift.vehicle!r}{nearest(shift.vehicle, vehicles)}"
            )
        _check_hours(shift)
    for one, other in combinations(shifts, 2):
        same = one.vehicle == other.vehicle and set(one.days) & set(other.days)
        apart = _minutes(one.end) <= _minutes(other.start) or _minutes(other.end) <= _minutes(
            one.start
        )
        if same and not apart:
            raise ValueError(
                f"shifts: {one.vehicle!r} is on two at once, "
                f"{one.start}-{one.end} and {other.start}-{other.end}"
            )


def _check_hours(shift: _Shift) -> None:
    work_min = work_s(_minutes(shift.start) * 60, _minutes(shift.end) * 60) // 60
    most_min = MAX_WORK_S // 60
    if work_min > most_min:
        raise ValueError(
            f"shifts: {shift.vehicle!r} {shift.start}-{shift.end} is "
            f"{work_min // 60} h {work_min % 60:02d} min of work without the breaks; "
            f"a driver may work {most_min // 60} h a day, so give the rest to a second shift"
        )


def _rules(values: dict[str, Any]) -> Rules:
    rules = _filled(Rules, "rules", values)
    for key in sorted(_POSITIVE):
        if getattr(rules, key) <= 0:
            raise ValueError(f"rules.{key}: has to be more than 0")
    if rules.shifts_ahead_days < rules.bookable_ahead_days:
        raise ValueError("rules.shifts_ahead_days: has to be at least rules.bookable_ahead_days")
    if rules.shifts_ahead_days > SHIFTS_AHEAD_MAX_DAYS:
        raise ValueError(f"rules.shifts_ahead_days: has to be at most {SHIFTS_AHEAD_MAX_DAYS}")
    return rules


def _vehicle(vehicle: _Vehicle, depots: set[str]) -> Vehicle:
    if vehicle.depot not in depots:
        raise ValueError(
            f"vehicles.{vehicle.id}: no depot {vehicle.depot!r}{nearest(vehicle.depot, depots)}"
        )
    configurations = tuple(Configuration(c.seats, c.wheelchairs) for c in vehicle.configurations)
    return Vehicle(vehicle.id, vehicle.name, vehicle.depot, configurations, vehicle.spare)


def _filled(kind: type[_T], section: str, values: dict[str, Any]) -> _T:
    """A dataclass of numbers with the given values, checked against its own defaults."""
    defaults = kind()
    known = set(kind.__dataclass_fields__)  # type: ignore[attr-defined]
    for key, value in values.items():
        if key not in known:
            raise ValueError(f"{section}.{key}: unknown key{nearest(key, known)}")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        wants_int = isinstance(getattr(defaults, key), int)
        if not number or not 0 <= value < inf or (wants_int and not isinstance(value, int)):
            expected = "a whole number" if wants_int else "a number"
            raise ValueError(f"{section}.{key}: {value!r} is not {expected} of at least 0")
    return kind(**values)


def _traffic(traffic: _Traffic | None) -> dict[str, tuple[float, ...]]:
    if traffic is None:
        return dict.fromkeys(("weekday", "saturday", "sunday"), (1.0,) * 24)
    return {
        "weekday": tuple(traffic.weekday),
        "saturday": tuple(traffic.saturday),
        "sunday": tuple(traffic.sunday),
    }


def _interval(interval: list[str] | None) -> tuple[int, int] | None:
    return None if interval is None else (_minutes(interval[0]), _minutes(interval[1]))


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return min(int(hours) * 60 + int(minutes), _MIDNIGHT_MIN)


def _read_area(path: Path) -> tuple[Polygon | None, bool]:
    """The polygon, and whether it says of itself that it is schematic."""
    if not path.exists():
        return None, False
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        feature = raw["features"][0] if raw.get("type") == "FeatureCollection" else raw
        area = shape(feature.get("geometry", feature))
        schematic = bool((feature.get("properties") or {}).get("schematic", False))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: not a GeoJSON polygon ({error})") from error
    if not isinstance(area, Polygon) or not area.is_valid:
        raise ConfigError(f"{path}: the service area has to be one valid polygon")
    return area, schematic
