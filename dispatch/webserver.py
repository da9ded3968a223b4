"""The web process: API v1 and the pages on uvicorn."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from shapely.geometry import mapping

from dispatch.api.settings import ApiSettings, RoadsInfo
from dispatch.clock import ServiceClock
from dispatch.config import TownConfig
from dispatch.live.gateway import Gateway
from dispatch.networks import load_network, service_area
from dispatch.planner.command import RUFBUS
from dispatch.planner.desk import Desk
from dispatch.roads_desk import RoadsDesk
from dispatch.web.app import create_app
from dispatch.web.planner import keep_going
from routing.roads.graph import RoadGraph
from routing.roads.importing import graph_path

_GRACE_S = 3
SCENARIOS = Path(__file__).resolve().parent.parent / "simulations" / "scenarios"
"""Those that ship; as files, for this package knows nothing of simulations."""


def run_web(town: TownConfig, var: Path, host: str, port: int) -> None:
    """Serve until SIGTERM."""
    gateway = Gateway(os.environ["DATABASE_URL"], os.environ["REDIS_URL"], town.config.area_id)
    desk = Desk(var, SCENARIOS, RUFBUS)
    app = create_app(_settings(town, var, gateway, desk))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await gateway.open()
        try:
            async with keep_going(desk):
                yield
        finally:
            await gateway.close()

    app.router.lifespan_context = lifespan
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )


def _settings(town: TownConfig, var: Path, gateway: Gateway, desk: Desk) -> ApiSettings:
    path = graph_path(var, town.config.roads)
    graph = RoadGraph.load(path)
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
        demo=bool(os.environ.get("RUFBUS_DEMO")),
        messages=town.messages,
        planner=desk,
        network=network,
    )
