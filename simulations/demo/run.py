"""The demo process: virtual drivers and riders until told to stop."""

import logging
import signal
import threading
from pathlib import Path
from random import Random
from types import FrameType

import httpx

from dispatch.clock import ServiceClock
from dispatch.config import TownConfig
from dispatch.networks import load_network
from routing.roads.files import graph_path
from routing.roads.graph import RoadGraph
from simulations.demand import make_demand
from simulations.demand.sections import DemandFile, Flow
from simulations.demo.client import ServiceClient
from simulations.demo.drivers import Drivers
from simulations.demo.riders import Riders

_log = logging.getLogger(__name__)

STEP_S = 1.0
RIDES_PER_HOUR = 20.0
_BACKOFF_S = 2.0
_EVERYWHERE = DemandFile(
    requests=0,
    flows=[Flow(origin="*", destination="*", share=1.0)],
    hours=[1.0] * 24,
    party_sizes=[82, 13, 3, 2],
)


def run(town: TownConfig, var: Path, url: str, token: str) -> None:
    """Drive and ride until SIGTERM; a service that is away for a while is waited for.

    Args:
        town: the town that is served.
        var: where its road files lie.
        url: of the service.
        token: with a role that may report for vehicles.
    """
    graph = RoadGraph.load(graph_path(var, town.config.roads))
    network = load_network(town, var, graph, _log.info)
    config, clock = town.config, ServiceClock.from_env()
    stop = threading.Event()

    def halt(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, halt)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    client = ServiceClient(url, token)
    drivers = Drivers(client, network)
    rng = Random()  # noqa: S311 - where virtual riders go is no secret
    demand = make_demand(_EVERYWHERE, {}, network, Path())
    riders = Riders(client, demand, RIDES_PER_HOUR, rng)
    wait_s = STEP_S
    while not stop.wait(wait_s):
        try:
            drivers.step(clock.now())
            if config.hours.is_open(clock.now_s()):
                riders.step(clock.now())
            wait_s = STEP_S
        except httpx.HTTPError as error:
            _log.warning("the service does not answer: %s", error)
            wait_s = _BACKOFF_S
