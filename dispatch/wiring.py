"""Puts the parts together: the one module that knows them all."""

import errno
import gc
import hashlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dispatch.clock import ServiceClock, demo_clock, real_now
from dispatch.config import TownConfig, load_town
from dispatch.domain.commands import Command
from dispatch.domain.events import Event
from dispatch.domain.state import State
from dispatch.messaging.settings import check_secrets
from dispatch.networks import ensure_graph, ensure_stops, load_network
from dispatch.supervisor import Child, Supervisor, python_command
from routing.roads.graph import RoadGraph
from routing.roads.importing import graph_path

if TYPE_CHECKING:
    from psycopg import Connection

Say = Callable[[str], None]
DEFAULT_PORT = 8080
_PORTS_TRIED = 20
_LETTER_S = 30.0  # to finish a message under way, so that nobody gets it twice
_CLOCK_SLACK_S = 300  # what a real clock may be set back while the service is down


class PortInUseError(Exception):
    """The port for the pages is taken."""

    code = "port_in_use"


class AddressError(Exception):
    """The host to listen on, or the address of a server to use, is none."""

    code = "address_invalid"


class ClockBehindError(Exception):
    """What is stored has not happened yet: a clock is or was wrong."""

    code = "clock_behind"


@dataclass(frozen=True)
class ServeOptions:
    """How to run the service.

    Attributes:
        var: where everything generated or stored lives.
        town: the town's configuration folder.
        host: address to listen on.
        port: port to listen on; None takes the first free one from 8080.
        demo: with virtual drivers and a trickle of virtual riders.
        speed: service seconds per real second (demo only).
        online: whether the roads may be fetched on a first start.
    """

    var: Path
    town: Path
    host: str = "127.0.0.1"
    port: int | None = None
    demo: bool = False
    speed: float = 1.0
    online: bool = True


def serve(options: ServeOptions, say: Say) -> None:
    """Run the whole service until it is told to stop.

    Raises:
        ConfigError, RoadsError, SupervisorError, EmbeddedError, StoreError, PortInUseError,
        AddressError, ClockBehindError: it cannot run; each has a `code` and says what to do.
    """
    from dispatch.store.migrate import migrate  # noqa: PLC0415 - not needed by the other commands
    from dispatch.store.tokens import create_token  # noqa: PLC0415

    town = load_town(options.town)
    if options.demo:
        town = town.for_demo()
    _check_redis_url(os.environ.get("REDIS_URL"))
    check_secrets(town.messages)
    with Supervisor(options.var, say=say) as supervisor:
        port = _free_port(options.host, options.port)
        _prepare_roads(town, supervisor.var, say, online=options.online)
        database_url, _ = supervisor.start_servers(
            os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
        )
        migrate(database_url)
        clock = _choose_clock(town, database_url, options)
        url = f"http://{options.host}:{port}"
        supervisor.url = url
        supervisor.env |= clock.to_env() | {
            "RUFBUS_TOWN": str(options.town.resolve()),
            "RUFBUS_DEMO": "1" if options.demo else "",
        }
        supervisor.add(Child("dispatcher", python_command("dispatch.cli", "dispatcher")))
        address = ["--host", options.host, "--port", str(port)]
        supervisor.add(
            Child("web", python_command("dispatch.cli", "web", *address), ready=_healthy(url))
        )
        supervisor.add(
            Child("messenger", python_command("dispatch.cli", "messenger"), patience_s=_LETTER_S)
        )
        if town.optimiser.enabled:
            supervisor.add(Child("optimiser", python_command("dispatch.cli", "optimiser")))
        token = ""
        if options.demo:
            token = create_token(database_url, "admin", "demo", area=town.config.area_id)
            command = python_command("dispatch.cli", "demo", "--url", url)
            supervisor.add(Child("demo", command, env={"RUFBUS_TOKEN": token}))
        mail = None if town.messages.email else mail_folder(supervisor.var)
        supervisor.run(on_ready=lambda: _announce(say, town, url, token, clock, mail))


def _announce(
    say: Say, town: TownConfig, url: str, token: str, clock: ServiceClock, mail: Path | None
) -> None:
    say(f"{town.config.name} is served at {url}")
    if token:
        shown = town_time(town, clock)
        say(f"  book a ride     {url}/")
        say(f"  control room    {url}/control#token={token}")
        say(f"  demo clock      {shown}, {clock.speed:g} times as fast as real time")
    else:
        say(f"  control room    {url}/control   (token: rufbus token create --role control)")
    if mail is not None:
        say(f"  e-mails         {mail}   (sent by nobody: no mail server is configured)")
    say("  stop with Ctrl-C")


def town_time(town: TownConfig, clock: ServiceClock) -> str:
    """The service's time on the town's clock, to be read by people."""
    from datetime import datetime  # noqa: PLC0415 - one line of output

    return f"{datetime.fromtimestamp(clock.now_s(), town.config.timezone):%Y-%m-%d %H:%M}"


def _prepare_roads(town: TownConfig, var: Path, say: Say, *, online: bool) -> None:
    """Make everything slow before the processes start, so that progress is shown in one place."""
    graph = ensure_graph(town, var, say, online=online)
    if graph.manifest.schematic:
        say("The roads are schematic (schematisch); get the real ones with: rufbus roads fetch")
    if not _is_prepared(town, var, graph):
        from routing.plans import warm_up  # noqa: PLC0415 - compiles

        say("Laying out stops and travel times, compiling (once, about a minute) ...")
        load_network(town, var, graph, say)
        warm_up()
        _prepared_mark(town, var, graph).touch()


def _is_prepared(town: TownConfig, var: Path, graph: RoadGraph) -> bool:
    return _prepared_mark(town, var, graph).exists()


def _prepared_mark(town: TownConfig, var: Path, graph: RoadGraph) -> Path:
    """Says that the first, slow start is behind us; the caches themselves check what they hold.

    Whatever stops and depots come from is part of its name, so that a mistake there is found before
    the processes start.
    """
    digest = hashlib.sha256(graph.digest.encode())
    for name in ("service.toml", "stops.geojson", "area.geojson"):
        path = town.folder / name
        digest.update(path.read_bytes() if path.is_file() else b"")
    return graph_path(var, town.config.roads).with_suffix(f".{digest.hexdigest()[:16]}.ready")


def _choose_clock(town: TownConfig, database_url: str, options: ServeOptions) -> ServiceClock:
    if "RUFBUS_CLOCK" in os.environ:
        return ServiceClock.from_env()
    from dispatch.store.log import last_event_at_s  # noqa: PLC0415 - needs the database's driver

    last_s = last_event_at_s(database_url, town.config.area_id)
    if not options.demo:
        return _real_clock(town, last_s)
    return demo_clock(real_now(), last_s, town.config.hours.is_open, speed=options.speed)


def _real_clock(town: TownConfig, last_s: int | None) -> ServiceClock:
    clock = ServiceClock()
    if last_s is not None and last_s > clock.now_s() + _CLOCK_SLACK_S:
        newest = ServiceClock(clock.now(), last_s)
        raise ClockBehindError(
            f"the newest entry in the database is of {town_time(town, newest)}, but now it is "
            f"{town_time(town, clock)}: set this machine's clock right, or serve on another folder "
            "(RUFBUS_VAR)"
        )
    return clock


def _check_redis_url(url: str | None) -> None:
    from redis import Redis  # noqa: PLC0415 - slow to import

    if url:
        try:
            Redis.from_url(url).close()
        except ValueError as error:
            raise AddressError(f"REDIS_URL: {error}") from error


def _free_port(host: str, port: int | None) -> int:
    for candidate in [port] if port else range(DEFAULT_PORT, DEFAULT_PORT + _PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                raise AddressError(
                    f"cannot listen on port {candidate} of {host!r}: {error.strerror or error}"
                ) from error
            return candidate
    raise PortInUseError(f"port {port or DEFAULT_PORT} on {host} is in use; choose one with --port")


def _healthy(url: str) -> Callable[[], bool]:
    def ready() -> bool:
        import httpx  # noqa: PLC0415 - only the supervisor asks

        try:
            return httpx.get(f"{url}/healthz", timeout=0.3).is_success
        except httpx.HTTPError:
            return False

    return ready


def run_dispatcher(town: TownConfig, var: Path) -> None:
    """The dispatcher process: the one writer of the town's service area."""
    from dispatch.engine import Engine  # noqa: PLC0415 - numba and scipy are slow to import
    from dispatch.fleet_views import answer  # noqa: PLC0415
    from dispatch.messaging.announce import Announcer  # noqa: PLC0415
    from dispatch.town import Town  # noqa: PLC0415
    from dispatch.worker.dispatcher import Dispatcher, run_until_signalled  # noqa: PLC0415
    from dispatch.worker.foresight import learn  # noqa: PLC0415
    from routing.plans import warm_up  # noqa: PLC0415

    network = load_network(town, var, RoadGraph.load(graph_path(var, town.config.roads)), _log)
    warm_up()
    engine = Engine(town.config, network)
    names = Town.of(town.config, network.stops)
    clock = ServiceClock.from_env()

    def body(command: Command, events: Sequence[Event], state: State) -> dict[str, object]:
        return answer(command, events, state, names)

    def foresee(connection: "Connection") -> None:
        engine.expect(learn(connection, town.config, network, clock.now_s()))

    gc.freeze()  # else every full collection walks the roads: 80 ms in which nobody is answered
    dispatcher = Dispatcher(
        os.environ["DATABASE_URL"],
        os.environ["REDIS_URL"],
        town.config.area_id,
        decide=engine.decide,
        answer=body,
        clock=clock,
        name=town.config.name,
        roads_sha256=network.graph.digest,
        adopt=engine.adopt,
        decide_batch=engine.decide_batch,
        foresee=foresee,
        announcer=Announcer(town.config.area_id, town.messages.policy),
        prepare=engine.prepare,
    )
    run_until_signalled(dispatcher)


def run_optimiser(town: TownConfig, var: Path) -> None:
    """The optimiser process: looks for better plans while nobody needs the processor."""
    from dispatch.worker.optimiser import (  # noqa: PLC0415 - numba and scipy are slow to import
        Optimiser,
        Pace,
        give_way,
        run_until_killed,
    )
    from routing.plans import warm_up  # noqa: PLC0415

    give_way()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    network = load_network(town, var, RoadGraph.load(graph_path(var, town.config.roads)), _log)
    warm_up()
    gc.freeze()
    clock = ServiceClock.from_env()
    pace = Pace(round_s=town.optimiser.round_s)
    optimiser = Optimiser(
        os.environ["DATABASE_URL"],
        os.environ["REDIS_URL"],
        town.config,
        network,
        clock=clock,
        speed=clock.speed,
        pace=pace,
    )
    run_until_killed(optimiser, pace)


def mail_folder(var: Path) -> Path:
    """Where e-mails are written to when no mail server is configured."""
    return var / "messages"


def run_messenger(town: TownConfig, var: Path) -> None:
    """A messenger process: sends riders what they have to be told."""
    from dispatch.messaging.assembly import messenger  # noqa: PLC0415 - slow to import
    from dispatch.messaging.messenger import run_until_signalled  # noqa: PLC0415
    from dispatch.town import Town  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stops = ensure_stops(town, var, RoadGraph.load(graph_path(var, town.config.roads)))
    run_until_signalled(
        messenger(
            os.environ["DATABASE_URL"],
            os.environ["REDIS_URL"],
            town.config.area_id,
            settings=town.messages,
            town=Town.of(town.config, stops),
            place=town.config.name,
            clock=ServiceClock.from_env(),
            folder=mail_folder(var),
        )
    )


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - goes to the process's log file
