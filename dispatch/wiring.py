"""Puts the parts together: the one module that knows them all."""

import hashlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count as count_up
from pathlib import Path
from typing import Any

from dispatch.clock import ServiceClock, demo_clock, real_now
from dispatch.config import TownConfig, load_town
from dispatch.httpserver import AddressError, PortInUseError, listen
from dispatch.messaging.settings import check_secrets
from dispatch.networks import ensure_graph, load_network
from dispatch.processes import mail_folder
from dispatch.supervisor import Child, Supervisor, python_command
from routing.roads.files import graph_path
from routing.roads.graph import RoadGraph

Say = Callable[[str], None]
DEFAULT_PORT = 8080
_PORTS_TRIED = 20
_LETTER_S = 30.0  # to finish a message under way, so that nobody gets it twice
_CLOCK_SLACK_S = 300  # what a real clock may be set back while the service is down


class TownTwiceError(Exception):
    """Two towns would share a service area."""

    code = "town_twice"


class ClockBehindError(Exception):
    """What is stored has not happened yet: a clock is or was wrong."""

    code = "clock_behind"


@dataclass(frozen=True)
class ServeOptions:
    """How to run the service.

    Attributes:
        var: where everything generated or stored lives.
        towns: the towns' configuration folders; each gets a port of its own.
        host: address to listen on.
        port: port of the first town; None takes the first free one from 8080.
        demo: with virtual drivers and a trickle of virtual riders.
        speed: service seconds per real second (demo only).
        online: whether the roads may be fetched on a first start.
        web_workers: web processes for each town.
    """

    var: Path
    towns: tuple[Path, ...]
    host: str = "127.0.0.1"
    port: int | None = None
    demo: bool = False
    speed: float = 1.0
    online: bool = True
    web_workers: int = 1


def serve(options: ServeOptions, say: Say) -> None:
    """Run the whole service until it is told to stop.

    Raises:
        ConfigError, RoadsError, SupervisorError, EmbeddedError, StoreError, PortInUseError,
        AddressError, ClockBehindError, TownTwiceError: it cannot run; each has a `code` and says
            what to do.
    """
    from dispatch.store.migrate import migrate  # noqa: PLC0415 - not needed by the other commands

    towns = _distinct_towns(options)
    _check_redis_url(os.environ.get("REDIS_URL"))
    for town in towns:
        check_secrets(town.messages)
    with Supervisor(options.var, say=say) as supervisor:
        listeners = _listen_on_ports(options.host, options.port, len(towns))
        for town in towns:
            _prepare_roads(town, supervisor.var, say, online=options.online)
        database_url, _ = supervisor.start_servers(
            os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
        )
        migrate(database_url)
        supervisor.env["RUFBUS_DEMO"] = "1" if options.demo else ""
        sites = [
            _Site(town, _choose_clock(town, database_url, options), listener, options)
            for town, listener in zip(towns, listeners, strict=True)
        ]
        supervisor.url = sites[0].url
        supervisor.env |= sites[0].env
        for site in sites:
            site.add_to(supervisor, "" if len(sites) == 1 else f"-{site.town.config.area_id}")

        def announce() -> None:
            for site in sites:
                site.announce(say)

        supervisor.run(on_ready=announce)


@dataclass
class _Site:
    """One town with all of its processes."""

    town: TownConfig
    clock: ServiceClock
    listener: socket.socket
    options: ServeOptions
    token: str = ""

    @property
    def url(self) -> str:
        """Where its pages are."""
        return f"http://{self.options.host}:{self.listener.getsockname()[1]}"

    @property
    def env(self) -> dict[str, str]:
        """What its processes are told."""
        return self.clock.to_env() | {"RUFBUS_TOWN": str(self.town.folder.resolve())}

    def add_to(self, supervisor: Supervisor, suffix: str) -> None:
        """Start its processes; `suffix` tells those of several towns apart."""
        from dispatch.store.tokens import create_token  # noqa: PLC0415 - needs the driver

        def child(name: str, command: str, *arguments: str, **more: Any) -> None:
            env = self.env | more.pop("env", {})
            line = python_command("dispatch.cli", command, *arguments)
            supervisor.add(Child(f"{name}{suffix}", line, env=env, **more))

        child("dispatcher", "dispatcher", "--new-roads")
        fd, workers = self.listener.fileno(), self.options.web_workers
        for number in range(1, workers + 1):
            name = "web" if number == 1 else f"web-{number}"
            mark = supervisor.var / "run" / f"{name}{suffix}.ready"
            arguments = ("--fd", str(fd), "--sharers", str(workers), "--ready-file", str(mark))
            ready = _serving(mark, self.url)
            child(name, "web", "--new-roads", *arguments, ready=ready, fds=[fd])
        child("messenger", "messenger", "--new-roads", patience_s=_LETTER_S)
        if self.town.optimiser.enabled:
            child("optimiser", "optimiser", "--new-roads")
        if self.options.demo:
            area = self.town.config.area_id
            self.token = create_token(supervisor.env["DATABASE_URL"], "admin", "demo", area=area)
            child("demo", "demo", "--url", self.url, env={"RUFBUS_TOKEN": self.token})

    def announce(self, say: Say) -> None:
        """Tell where it is."""
        var = self.options.var.resolve()
        mail = None if self.town.messages.email else mail_folder(var, self.town)
        _announce(say, self.town, self.url, self.token, self.clock, mail)


def _distinct_towns(options: ServeOptions) -> list[TownConfig]:
    towns = [load_town(folder) for folder in options.towns]
    areas = [town.config.area_id for town in towns]
    for area in areas:
        if areas.count(area) > 1:
            raise TownTwiceError(
                f"two towns are called {area!r}: the name of a town's folder is that of its "
                "service area, so each needs its own"
            )
    return [town.for_demo() for town in towns] if options.demo else towns


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
        load_network(town, var, graph, say).warm_up()
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


def _listen_on_ports(host: str, port: int | None, count: int) -> list[socket.socket]:
    """Ports that follow each other: as asked for, or the first free ones."""
    bound: list[socket.socket] = []
    for candidate in count_up(port or DEFAULT_PORT):
        try:
            bound.append(listen(host, candidate))
        except PortInUseError:
            if port or candidate - DEFAULT_PORT >= _PORTS_TRIED:
                raise
        if len(bound) == count:
            break
    return bound


def _serving(mark: Path, url: str) -> Callable[[], bool]:
    """Whether this very process serves, and rides can be booked."""
    healthy = _healthy(url)

    def ready() -> bool:
        try:
            os.kill(int(mark.read_text("ascii")), 0)
        except (OSError, ValueError):
            return False
        return healthy()

    return ready


def _healthy(url: str) -> Callable[[], bool]:
    def ready() -> bool:
        import httpx  # noqa: PLC0415 - only the supervisor asks

        try:
            return httpx.get(f"{url}/healthz", timeout=0.3).is_success
        except httpx.HTTPError:
            return False

    return ready


def prepare(town: TownConfig, var: Path, say: Say, *, online: bool) -> None:
    """Make the town's roads, stops and travel times on this host, if they are not there yet.

    Raises:
        RoadsError: there are no roads and none can be made.
    """
    _prepare_roads(town, var, say, online=online)
