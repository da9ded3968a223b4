"""The web process: API v1 and the pages on uvicorn."""

import gc
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from shapely.geometry import mapping

from dispatch import logs
from dispatch.api.settings import SESSION_COOKIE, ApiSettings, RoadsInfo
from dispatch.clock import ServiceClock
from dispatch.config import TownConfig
from dispatch.httpserver import inherited, listen, run
from dispatch.live.gateway import Gateway
from dispatch.networks import load_graph, load_network, service_area
from dispatch.own_folder import own_folder
from dispatch.planner.command import RUFBUS
from dispatch.planner.desk import Desk
from dispatch.priority import BEHIND_THE_DISPATCHER, stand_behind
from dispatch.roads_desk import RoadsDesk
from dispatch.standing import check_database, servers
from dispatch.web.app import create_app
from dispatch.web.planner import keep_going
from routing.roads.files import graph_path
from routing.roads.graph import RoadGraph

SCENARIOS = Path(__file__).resolve().parent.parent / "simulations" / "scenarios"
"""Those that ship; as files, for this package knows nothing of simulations."""


@dataclass(frozen=True)
class WebOptions:
    """How to run one web process.

    Attributes:
        host: address to listen on.
        port: port to listen on.
        fd: a socket to accept from in place of these, opened by whoever started us.
        sharers: how many such processes serve the area.
        planner: with the planner's page, whose runs are kept on this host.
        new_roads: plans may be on another road graph, and are about to be carried over.
        ready_file: written with our process number once we serve.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    fd: int | None = None
    sharers: int = 1
    planner: bool = True
    new_roads: bool = False
    ready_file: Path | None = None


def run_web(town: TownConfig, var: Path, options: WebOptions) -> None:
    """Serve until SIGTERM.

    Raises:
        AddressMissingError, RoadsMissingError, RoadsDifferError, StoreError, PortInUseError,
        AddressError: it cannot run; each has a `code` and says what to do.
    """
    stand_behind(BEHIND_THE_DISPATCHER)
    logs.set_up("web")
    database_url, redis_url = servers()
    graph = load_graph(town, var)
    check_database(database_url, town, graph.digest, new_roads=options.new_roads)
    fd = options.fd
    listener = listen(options.host, options.port) if fd is None else inherited(fd)
    area = town.config.area_id
    gateway = Gateway(database_url, redis_url, area, sharers=options.sharers)
    desk = None
    if options.planner:
        desk = Desk(var, SCENARIOS, RUFBUS, name=own_folder(var, "planner", town).name)
    app = create_app(_settings(town, var, graph, gateway, desk))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await gateway.open()
        gc.freeze()  # as in the dispatcher: a full collection would keep everybody waiting
        try:
            async with keep_going(desk) if desk is not None else nullcontext():
                with _ready(options.ready_file):
                    yield
        finally:
            await gateway.close()

    app.router.lifespan_context = lifespan
    run(app, listener)


@contextmanager
def _ready(path: Path | None) -> Iterator[None]:
    """Say that we serve, for as long as we do."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(os.getpid()), encoding="ascii")
    try:
        yield
    finally:
        if path is not None:
            path.unlink(missing_ok=True)


def _settings(
    town: TownConfig, var: Path, graph: RoadGraph, gateway: Gateway, desk: Desk | None
) -> ApiSettings:
    path = graph_path(var, town.config.roads)
    network = load_network(town, var, graph, lambda _line: None)
    clock = ServiceClock.from_env()
    manifest = graph.manifest
    area = service_area(town, graph)
    return ApiSettings(
        config=town.config,
        gateway=gateway,
        stops=network.stops,
        roads=RoadsInfo(
            name=manifest.name,
            attribution=manifest.attribution,
            licence=manifest.licence,
            extract_date=manifest.extract_date,
            schematic=manifest.schematic,
        ),
        now=clock.now_s,
        area=None if area is None else mapping(area),
        basemap=path.with_suffix(".pmtiles"),
        roads_desk=RoadsDesk(town.config, network),
        clock_rate=clock.speed,
        clock_kind=clock.kind,
        demo=bool(os.environ.get("RUFBUS_DEMO")),
        secure_cookies=bool(os.environ.get("RUFBUS_HTTPS")),
        session_cookie=f"{SESSION_COOKIE}_{town.config.area_id}",
        messages=town.messages,
        planner=desk,
        network=network,
    )
