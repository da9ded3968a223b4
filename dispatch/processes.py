"""The processes behind the pages, each able to run by itself: dispatcher, optimiser, messenger."""

import gc
import logging
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from dispatch import logs
from dispatch.clock import ServiceClock
from dispatch.config import TownConfig
from dispatch.domain.commands import Command
from dispatch.domain.events import Event
from dispatch.domain.state import State
from dispatch.networks import ensure_stops, load_graph, load_network
from dispatch.own_folder import own_folder
from dispatch.priority import stand_last
from dispatch.standing import check_database, refuse_other_roads, servers

if TYPE_CHECKING:
    from psycopg import Connection


def mail_folder(var: Path, town: TownConfig) -> Path:
    """Where e-mails are written to when no mail server is configured."""
    return own_folder(var, "messages", town)


def run_dispatcher(town: TownConfig, var: Path, *, new_roads: bool = False) -> None:
    """The dispatcher process: the one writer of the town's service area, or its standby.

    Raises:
        AddressMissingError, RoadsMissingError, RoadsDifferError, StoreError: it cannot run; each
            has a `code` and says what to do.
    """
    from dispatch.engine import Engine  # noqa: PLC0415 - numba and scipy are slow to import
    from dispatch.fleet_views import answer  # noqa: PLC0415
    from dispatch.messaging.announce import Announcer  # noqa: PLC0415
    from dispatch.town import Town  # noqa: PLC0415
    from dispatch.worker.dispatcher import Dispatcher, run_until_signalled  # noqa: PLC0415
    from dispatch.worker.failures import Failures  # noqa: PLC0415
    from dispatch.worker.foresight import learn  # noqa: PLC0415
    from routing.plans import warm_up  # noqa: PLC0415

    logs.set_up("dispatcher")
    database_url, redis_url = servers()
    graph = load_graph(town, var)
    check_database(database_url, town, graph.digest, new_roads=new_roads)
    network = load_network(town, var, graph, _log)
    warm_up()
    network.warm_up()
    engine = Engine(town.config, network, on_failure=Failures(logging.getLogger(__name__)))
    names = Town.of(town.config, network.stops)
    clock = ServiceClock.from_env()

    def body(command: Command, events: Sequence[Event], state: State) -> dict[str, object]:
        return answer(command, events, state, names)

    def foresee(connection: "Connection") -> None:
        engine.expect(learn(connection, town.config, network, clock.now_s()))

    def carry_over(state: State, now_s: int, rng: Random) -> list[Event]:
        if not new_roads:  # somebody has led with other roads since we have started
            refuse_other_roads(town.config.area_id)
        return engine.adopt(state, now_s, rng)

    gc.freeze()  # else every full collection walks the roads: 80 ms in which nobody is answered
    dispatcher = Dispatcher(
        database_url,
        redis_url,
        town.config.area_id,
        decide=engine.decide,
        answer=body,
        clock=clock,
        name=town.config.name,
        roads_sha256=network.graph.digest,
        adopt=carry_over,
        decide_batch=engine.decide_batch,
        foresee=foresee,
        announcer=Announcer(town.config.area_id, town.messages.policy),
        prepare=engine.prepare,
    )
    run_until_signalled(dispatcher)


def run_optimiser(town: TownConfig, var: Path, *, new_roads: bool = False) -> None:
    """The optimiser process: looks for better plans while nobody needs the processor.

    Raises:
        AddressMissingError, RoadsMissingError, RoadsDifferError, StoreError: it cannot run; each
            has a `code` and says what to do.
    """
    from dispatch.worker.optimiser import (  # noqa: PLC0415 - numba and scipy are slow to import
        Optimiser,
        Pace,
        run_until_killed,
    )
    from routing.plans import warm_up  # noqa: PLC0415

    stand_last()
    logs.set_up("optimiser")
    database_url, redis_url = servers()
    graph = load_graph(town, var)
    check_database(database_url, town, graph.digest, new_roads=new_roads)
    network = load_network(town, var, graph, _log)
    warm_up()
    gc.freeze()
    clock = ServiceClock.from_env()
    pace = Pace(round_s=town.optimiser.round_s)
    optimiser = Optimiser(
        database_url,
        redis_url,
        town.config,
        network,
        clock=clock,
        speed=clock.speed,
        pace=pace,
    )
    run_until_killed(optimiser, pace)


def run_messenger(town: TownConfig, var: Path, *, new_roads: bool = False) -> None:
    """A messenger process: sends riders what they have to be told.

    Raises:
        AddressMissingError, RoadsMissingError, RoadsDifferError, StoreError: it cannot run; each
            has a `code` and says what to do.
    """
    from dispatch.messaging.assembly import messenger  # noqa: PLC0415 - slow to import
    from dispatch.messaging.messenger import run_until_signalled  # noqa: PLC0415
    from dispatch.town import Town  # noqa: PLC0415

    logs.set_up("messenger")
    database_url, redis_url = servers()
    graph = load_graph(town, var)
    check_database(database_url, town, graph.digest, new_roads=new_roads)
    stops = ensure_stops(town, var, graph)
    run_until_signalled(
        messenger(
            database_url,
            redis_url,
            town.config.area_id,
            settings=town.messages,
            town=Town.of(town.config, stops),
            place=town.config.name,
            clock=ServiceClock.from_env(),
            folder=mail_folder(var, town),
        )
    )


def _log(line: str) -> None:
    logging.getLogger("dispatch.roads").info(line)
