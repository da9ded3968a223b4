"""What the web application needs to be given; it fetches nothing by itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from dispatch.api.alerting import AlertBoard
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.network import Network
from dispatch.live.gateway import Gateway
from dispatch.messaging.settings import MessageSettings
from dispatch.planner.desk import Desk
from dispatch.roads_desk import RoadsDesk
from dispatch.town import StopLike, Town, surroundings

_NEAR_DEG: Final = 0.1
SESSION_COOKIE: Final = "rufbus_control"


@dataclass(frozen=True)
class RoadsInfo:
    """Where the map and the roads come from; shown wherever they are shown.

    Attributes:
        name: the extract.
        attribution: the line that the licence demands.
        licence: its name.
        extract_date: ISO date of the extract, or empty.
        schematic: generated in place of real data.
        replace_hint: the command that replaces a schematic network.
    """

    name: str
    attribution: str = "© OpenStreetMap contributors"
    licence: str = "ODbL-1.0"
    extract_date: str = ""
    schematic: bool = False
    replace_hint: str = "rufbus roads fetch"


@dataclass(frozen=True)
class ApiSettings:
    """Everything that `create_app` needs.

    Attributes:
        config: the town's service.
        gateway: the way to the dispatcher, the truth and the present.
        stops: all stops, depots too.
        roads: provenance of the road network.
        now: the service's clock, epoch seconds.
        area: GeoJSON geometry of the service area, None if unknown.
        basemap: a PMTiles file; it may appear later.
        roads_desk: ways for the map, and closures tried out; None draws straight lines.
        clock_rate: how many service seconds pass in a real one (demo).
        clock_kind: `real`, `demo`, or `driven` by somebody else.
        demo: virtual drivers and riders are about.
        secure_cookies: the service is reached by https only.
        session_cookie: name of the control page's cookie; browsers tell hosts apart, not ports.
        messages: how riders are told.
        planner: the planner's scenarios and runs; None has no such page.
        network: the roads, to find out who could take over riders; None leaves that out.
    """

    config: ServiceConfig
    gateway: Gateway
    stops: Sequence[StopLike]
    roads: RoadsInfo
    now: Callable[[], int]
    area: Mapping[str, Any] | None = None
    basemap: Path | None = None
    roads_desk: RoadsDesk | None = None
    clock_rate: float = 1.0
    clock_kind: str = "real"
    demo: bool = False
    secure_cookies: bool = False
    session_cookie: str = SESSION_COOKIE
    messages: MessageSettings = field(default_factory=MessageSettings)
    planner: Desk | None = None
    network: Network | None = None

    @cached_property
    def town(self) -> Town:
        """Names and the clock's zone."""
        return Town.of(self.config, self.stops)

    @cached_property
    def alert_board(self) -> AlertBoard:
        """What is wrong, for all who watch."""
        return AlertBoard(self.config, self.network, self.gateway, self.town, self.now)

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north of all stops, with some room."""
        return surroundings(self.stops)

    def is_near(self, lon: float, lat: float) -> bool:
        """Whether a point is within some kilometres of the stops, as any vehicle of ours is."""
        lons, lats = [s.lon for s in self.stops], [s.lat for s in self.stops]
        return (
            min(lons) - _NEAR_DEG <= lon <= max(lons) + _NEAR_DEG
            and min(lats) - _NEAR_DEG <= lat <= max(lats) + _NEAR_DEG
        )
