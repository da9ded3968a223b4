"""A scenario: a town's service on one day, with what is to be different. Read from TOML.

What a scenario says about the service (`hours`, `rules`, `weights`, `fares`, `traffic`,
`repositioning`, `vehicles`, `shifts`, `depots`) is laid over the town's `service.toml` and checked
like it; the rest is about the day, the world and the money.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dispatch.config import laid_over
from dispatch.config_errors import explain, nearest
from dispatch.domain.closures import ClosureWish, Direction
from simulations.demand.sections import DemandSection, Share, source_of

Seconds = Annotated[int, Field(ge=0, le=86_400)]
Money = Annotated[float, Field(ge=0, le=1e9)]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Table = dict[str, Any]
_SHIPPED = Path(__file__).parent / "scenarios"
_DEMAND_FILES = ("path", "nodes", "extract")


class ScenarioError(Exception):
    """The scenario file cannot be used; the message says where and why."""

    code = "scenario_invalid"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fleet(_Section):
    """How many of the town's vehicles drive.

    Attributes:
        vehicles: those first named in the shifts; beyond the town's own, copies of them with the
            same shifts, in turn. None = all that have shifts.
    """

    vehicles: Annotated[int, Field(ge=1, le=1000)] | None = None


class Dispatch(_Section):
    """What is done besides deciding at once; 0 = never, None = as the town has it.

    Attributes:
        improve_every_s: seconds between two improvements of the open plan.
        improve_iterations: of the search, each time.
        joint_iterations: of the search for room where riders come together or one finds none.
        batch_window_s: requests of so many seconds are answered together at their end.
        repositioning: where vehicles without work wait.
    """

    improve_every_s: Annotated[int, Field(ge=0, le=3600)] = 0
    improve_iterations: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    joint_iterations: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    batch_window_s: Annotated[int, Field(ge=0, le=60)] = 0
    repositioning: Literal["stay", "depot", "demand"] | None = None


class TimedClosure(_Section):
    """A road or a stop that is closed for a part of the day; one of the three places.

    Attributes:
        road: its name, or an OSM way id.
        line: points `[lon, lat]` along a road.
        stop: the id of a stop.
        begins, ends: local time, `HH:MM`; without an end until the end of the day.
        known: when the service learns of it; by default before the day begins.
        direction: of travel that is closed, by the order of a line's points.
    """

    road: str | None = None
    line: list[Annotated[list[float], Field(min_length=2, max_length=2)]] = []
    stop: str | None = None
    begins: Clock
    ends: Clock | None = None
    known: Clock = "00:00"
    direction: Direction = Direction.BOTH

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.road is not None) + bool(self.line) + (self.stop is not None) != 1:
            raise ValueError("closures: give one of road, line and stop")
        if self.ends is not None and self.ends <= self.begins:
            raise ValueError("closures: the end comes after the beginning")
        return self

    @property
    def wish(self) -> ClosureWish:
        """The closure as the engine is asked for it, without its times."""
        by_way = self.road is not None and self.road.isdecimal()
        line = tuple((lon, lat) for lon, lat in self.line)
        return ClosureWish(
            from_s=None,
            until_s=None,
            reason="scenario",
            stop_id=self.stop,
            lines=(line,) if line else (),
            way_id=int(self.road) if self.road is not None and by_way else None,
            street=None if by_way else self.road,
            direction=self.direction,
        )


class WorldSection(_Section):
    """What happens besides what was planned; 0 switches a process off. See `processes.py`.

    Attributes:
        traffic_sigma: spread of each single drive's time (sigma of a log-normal factor).
        traffic_hour_sigma: spread of the day's traffic from hour to hour, for all drives alike.
        boarding_sigma: spread of the time that getting on and off takes.
        no_show_share: of bookings whose riders never come.
        late_share: of bookings whose riders come late to the stop.
        late_mean_s: how late these are on average (exponential).
        cancel_share: of bookings that are cancelled before the pick-up.
        cancel_lead_mean_h: how long before, on average (exponential).
        breakdowns_per_vehicle_day: expected standstills in 24 hours of a vehicle's service.
        breakdown_s: how long the shortest and the longest of them take.
        out_of_service_after_s: a standstill longer than this takes the vehicle out of service until
            it is repaired, and its riders get others; a shorter one makes them late.
        slower: factor on all driving times that everybody knows of (snow), also when planning.
        closed_roads: names of roads, or OSM way ids, that cannot be driven all day.
        closures: roads and stops that are closed for a part of it.
    """

    traffic_sigma: Annotated[float, Field(ge=0, le=1)] = 0.0
    traffic_hour_sigma: Annotated[float, Field(ge=0, le=1)] = 0.0
    boarding_sigma: Annotated[float, Field(ge=0, le=1)] = 0.0
    no_show_share: Share = 0.0
    late_share: Share = 0.0
    late_mean_s: Annotated[float, Field(ge=0, le=3600)] = 60.0
    cancel_share: Share = 0.0
    cancel_lead_mean_h: Annotated[float, Field(gt=0, le=168)] = 2.0
    breakdowns_per_vehicle_day: Annotated[float, Field(ge=0, le=10)] = 0.0
    breakdown_s: tuple[Seconds, Seconds] = (1200, 3600)
    out_of_service_after_s: Annotated[int, Field(ge=0, le=86_400)] = 600
    slower: Annotated[float, Field(ge=0.5, le=5)] = 1.0
    closed_roads: tuple[str, ...] = ()
    closures: tuple[TimedClosure, ...] = ()

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.breakdown_s[0] > self.breakdown_s[1]:
            raise ValueError("breakdown_s: the shortest comes first")
        return self


class Riders(_Section):
    """How riders choose; see `choice.py`.

    Attributes:
        choice: `first` takes the first offer, `logit` weighs the offers against doing without.
        wait_per_min, walk_per_min, ride_per_min: what a minute costs, in units of utility.
        too_much: utility lost at which half of the riders do without the ride.
        alternatives_share: of the refused who ask again for the nearest time proposed.
    """

    choice: Literal["first", "logit"] = "first"
    wait_per_min: Annotated[float, Field(ge=0, le=10)] = 0.10
    walk_per_min: Annotated[float, Field(ge=0, le=10)] = 0.12
    ride_per_min: Annotated[float, Field(ge=0, le=10)] = 0.05
    too_much: Annotated[float, Field(gt=0, le=100)] = 6.0
    alternatives_share: Share = 0.0


class Costs(_Section):
    """Prices; the sums are the year's of German small-town services, to be replaced by one's own.

    Attributes:
        driver_hour_eur: of a staffed hour, breaks paid, everything included.
        vehicle_km_eur: energy, wear and tyres.
        vehicle_day_eur: of each vehicle that has a shift that day: leasing, insurance, service.
        overhead_day_eur: control room, software, marketing, a day.
        vehicle_g_co2_per_km: of the shuttle.
        reference_g_co2_per_km: of what riders would have driven in instead.
        reference_share: of the passengers who would have gone by that.
    """

    driver_hour_eur: Money = 31.0
    vehicle_km_eur: Money = 0.45
    vehicle_day_eur: Money = 55.0
    overhead_day_eur: Money = 250.0
    vehicle_g_co2_per_km: Money = 215.0
    reference_g_co2_per_km: Money = 165.0
    reference_share: Share = 0.5


class Scenario(_Section):
    """A day to simulate, complete.

    Attributes:
        town: a folder of `data/`.
        seed: of everything random.
        places: points `[lon, lat]` that demand may name besides zones.
        vehicles, shifts, depots, hours, rules, weights, fares, traffic: as in `service.toml`.
        folder: of the file it was read from; relative paths begin there.
    """

    name: str
    description: str = ""
    town: str
    date: date
    seed: Annotated[int, Field(ge=0)] = 1
    fleet: Fleet = Fleet()
    dispatch: Dispatch = Dispatch()
    world: WorldSection = WorldSection()
    riders: Riders = Riders()
    costs: Costs = Costs()
    places: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = {}
    demand: DemandSection
    hours: Table = {}
    rules: Table = {}
    weights: Table = {}
    fares: Table = {}
    traffic: Table = {}
    vehicles: list[Table] | None = None
    shifts: list[Table] | None = None
    depots: list[Table] | None = None
    folder: Path = Field(default=Path(), exclude=True)

    @property
    def service(self) -> dict[str, Any]:
        """What is laid over the town's `service.toml`; an empty list says that there is none."""
        keys = ("hours", "rules", "weights", "fares", "traffic", "vehicles", "shifts", "depots")
        found = {key: getattr(self, key) for key in keys}
        return {key: value for key, value in found.items() if value not in (None, {})}


def load_scenario(path: Path, values: Mapping[str, Any] | None = None) -> Scenario:
    """Read a scenario, and those it extends.

    Args:
        path: of the TOML file, or the name of one that ships; `extends` in it names another one,
            relative to it.
        values: put over what the files say, by dotted key like `fleet.vehicles`.

    Raises:
        ScenarioError: missing or unreadable file, unknown keys, values out of range.
    """
    path = _found(path)
    raw = _read(path, ())
    for key, value in (values or {}).items():
        raw = _over(raw, _nested(key, value))
    try:
        return Scenario.model_validate({**raw, "folder": path.resolve().parent})
    except ValidationError as error:
        raise ScenarioError(f"{path}: {explain(error, Scenario)}") from error


def changed(scenario: Scenario, values: Mapping[str, Any]) -> Scenario:
    """The scenario with other values, by dotted key like `fleet.vehicles`.

    Raises:
        ScenarioError: an unknown key, or a value out of range.
    """
    raw = scenario.model_dump()
    for key, value in values.items():
        raw = _over(raw, _nested(key, value))
    try:
        return Scenario.model_validate({**raw, "folder": scenario.folder})
    except ValidationError as error:
        raise ScenarioError(explain(error, Scenario)) from error


def _found(path: Path) -> Path:
    """The file itself, or the one that ships under this name."""
    if path.exists() or len(path.parts) != 1:
        return path
    shipped = {file.stem: file for file in sorted(_SHIPPED.glob("*.toml"))}
    if path.stem not in shipped:
        raise ScenarioError(f"{path}: no such file; these ship: {', '.join(shipped)}")
    return shipped[path.stem]


def _read(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """A file's document, laid over those it extends."""
    here = path.resolve()
    if here in seen:
        raise ScenarioError(f"{path}: extends: the files extend each other in a circle")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from error
    if "folder" in raw:
        known = set(Scenario.model_fields) - {"folder"}
        raise ScenarioError(f"{path}: folder: unknown key{nearest('folder', known)}")
    _find_files(raw, here.parent)
    base = raw.pop("extends", None)
    if base is None:
        return raw
    if not isinstance(base, str):
        raise ScenarioError(f"{path}: extends: has to be the path of another scenario")
    return _over(_read(here.parent / base, (*seen, here)), raw)


def _find_files(raw: dict[str, Any], folder: Path) -> None:
    """Files that demand is made of lie beside the scenario that names them, extended or not."""
    demand = raw.get("demand")
    for key in _DEMAND_FILES:
        if isinstance(demand, dict) and isinstance(demand.get(key), str):
            demand[key] = str(folder / demand[key])


def _over(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A document with another one laid over it; another source of demand replaces all of it."""
    one, other = base.get("demand"), changes.get("demand")
    if isinstance(other, dict) and "source" in other and source_of(other) != source_of(one):
        base = {**base, "demand": {}}
    return laid_over(base, changes)


def _nested(key: str, value: Any) -> dict[str, Any]:
    first, _, rest = key.partition(".")
    return {first: _nested(rest, value) if rest else value}
