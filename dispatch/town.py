"""What turns ids and epoch seconds into words: the stops, the vehicles and the clock of a town."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from dispatch.domain.model import Vehicle
from dispatch.domain.rules import ServiceConfig

Json = dict[str, Any]


class StopLike(Protocol):
    """What the views need to know of a stop."""

    @property
    def id(self) -> str:
        """Stable identifier."""

    @property
    def name(self) -> str:
        """Name for riders."""

    @property
    def lon(self) -> float:
        """WGS84 degrees."""

    @property
    def lat(self) -> float:
        """WGS84 degrees."""

    @property
    def zone(self) -> str:
        """Settlement, or empty."""

    @property
    def kind(self) -> str:
        """`curated`, `virtual` or `depot`."""

    @property
    def bookable(self) -> bool:
        """Whether riders may board and alight here."""


class Located(Protocol):
    """A place at an instant: a reported fix, or the anchor of a plan."""

    @property
    def at_s(self) -> int:
        """Epoch seconds."""

    @property
    def lon(self) -> float:
        """WGS84 degrees."""

    @property
    def lat(self) -> float:
        """WGS84 degrees."""


StopDirectory = Mapping[str, StopLike]


_ROOM_DEG = 0.5


def surroundings(stops: Iterable[StopLike]) -> tuple[float, float, float, float]:
    """West, south, east and north of all stops, with some room; of the world without any."""
    spots = [(stop.lon, stop.lat) for stop in stops] or [(-180.0, -90.0), (180.0, 90.0)]
    lons, lats = zip(*spots, strict=True)
    return (
        min(lons) - _ROOM_DEG,
        min(lats) - _ROOM_DEG,
        max(lons) + _ROOM_DEG,
        max(lats) + _ROOM_DEG,
    )


@dataclass(frozen=True, slots=True)
class Town:
    """What turns ids and epoch seconds into words: the stops, the vehicles, the clock's zone."""

    timezone: ZoneInfo
    stops: StopDirectory
    vehicles: Mapping[str, Vehicle]

    @classmethod
    def of(cls, config: ServiceConfig, stops: Iterable[StopLike]) -> "Town":
        """The town of a service configuration, with all its stops (depots too)."""
        return cls(config.timezone, {s.id: s for s in stops}, {v.id: v for v in config.vehicles})

    def time(self, at_s: int) -> str:
        """RFC 3339, such as `2026-03-29T08:15:00+02:00`."""
        return datetime.fromtimestamp(at_s, self.timezone).isoformat()

    def optional_time(self, at_s: int | None) -> str | None:
        """The same, None for None."""
        return None if at_s is None else self.time(at_s)

    def window(self, from_s: int, to_s: int) -> list[str]:
        """`[from, to]`."""
        return [self.time(from_s), self.time(to_s)]

    def stop(self, stop_id: str) -> Json:
        """`{stop_id, name, lon, lat}`; a stop that has left the network is named by its id."""
        stop = self.stops.get(stop_id)
        if stop is None:
            return {"stop_id": stop_id, "name": stop_id, "lon": None, "lat": None}
        return {"stop_id": stop.id, "name": stop.name, "lon": stop.lon, "lat": stop.lat}

    def vehicle(self, vehicle_id: str) -> Json:
        """`{id, name}`."""
        vehicle = self.vehicles.get(vehicle_id)
        return {"id": vehicle_id, "name": vehicle.name if vehicle else vehicle_id}
