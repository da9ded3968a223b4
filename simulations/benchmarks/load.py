"""`rufbus bench load`: a real service under an open load of riders, vehicles and listeners.

Requests are sent when they are due, whether or not those before are answered, and latency counts
from when they were due. Load generator and service share the processors it is given.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from simulations.benchmarks.live import Riders, prepared
from simulations.benchmarks.live_town import LiveService
from simulations.benchmarks.memory import Memory
from simulations.benchmarks.table import Column, Row
from simulations.benchmarks.transport import AiohttpTransport

COLUMNS = (
    Column("rate_per_s", 10, 1),
    Column("requests", 8),
    Column("offered", 8),
    Column("overloaded", 10),
    Column("errors", 6),
    Column("p50_ms", 8, 1),
    Column("p95_ms", 8, 1),
    Column("p99_ms", 8, 1),
    Column("max_ms", 8, 1),
    Column("positions", 9),
    Column("listeners", 9),
    Column("events", 8),
    Column("dropped", 7),
    Column("rss_mb", 7, 1),
    Column("rss_mb_per_h", 12, 1),
)
_TIMEOUT_S = 15.0
_DRAIN_S = 20.0
_FIRST_EVENT_S = 30.0
_SAMPLE_S = 2.0
_SETTLED = 0.5
_JITTER_DEG = 0.0002


@dataclass(frozen=True)
class LoadRun:
    """What to measure.

    Attributes:
        town: the folder of the town to scale up.
        var: where its roads may lie already.
        rate: ride requests per second.
        vehicles: how many vehicles, each reporting its position once a second.
        listeners: event streams of booked rides.
        seconds: length of each phase.
        factor: a second phase has so many times the requests; 1 leaves it out.
        fill: bookings to make before measuring, within a minute and a half.
        web_workers: web processes.
        cores: processors that all of it may use; 0 = all.
    """

    town: Path
    var: Path
    rate: float = 50.0
    vehicles: int = 60
    listeners: int = 200
    seconds: float = 300.0
    factor: float = 1.0
    fill: int = 200
    web_workers: int = 2
    cores: int = 2


@dataclass
class Seen:
    """What came of the load of a phase.

    Attributes:
        latency_s: of answered requests.
        offered: requests with offers.
        kinds: errors by kind: a problem's code, or what went wrong in its place.
        positions: reports taken.
        lost_positions: reports not taken.
        listeners: streams that have begun.
        events: views that came by them.
        dropped: streams that ended before they should.
    """

    latency_s: list[float] = field(default_factory=list)
    offered: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    positions: int = 0
    lost_positions: int = 0
    listeners: int = 0
    events: int = 0
    dropped: int = 0

    def row(self) -> Row:
        """As flat values."""
        milliseconds = 1000 * np.array(self.latency_s or [float("nan")])
        p50, p95, p99 = (float(p) for p in np.percentile(milliseconds, [50, 95, 99]))
        overloaded = self.kinds["overloaded"]
        return {
            "requests": len(self.latency_s) + self.kinds.total(),
            "offered": self.offered,
            "overloaded": overloaded,
            "errors": self.kinds.total() - overloaded,
            "p50_ms": p50,
            "p95_ms": p95,
            "p99_ms": p99,
            "max_ms": float(milliseconds.max()),
            "positions": self.positions,
            "lost_positions": self.lost_positions,
            "listeners": self.listeners,
            "events": self.events,
            "dropped": self.dropped,
            **{f"error_{kind}": number for kind, number in sorted(self.kinds.items())},
        }


def run(options: LoadRun, say: Callable[[str], None]) -> Iterator[Row]:
    """Measure at the rate, and then at `factor` times the rate, on one service.

    Args:
        options: what to measure.
        say: told what is being done.

    Raises:
        BenchmarkError: the service does not come up.
    """
    if options.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    workers = ("--web-workers", str(options.web_workers))
    say(f"Starting a service with {options.vehicles} vehicles ...")
    with LiveService(options.town, options.var, options.vehicles, workers) as service:
        token = service.token("admin")
        booked = asyncio.run(prepared(service, token, options.fill))
        factors = (1.0,) if options.factor == 1.0 else (1.0, options.factor)
        for factor in factors:
            rate = options.rate * factor
            say(f"{len(booked)} rides are booked; {options.seconds:g} s, {rate:g} requests/s ...")
            yield _phase(service, options, rate, token, booked)


def _phase(
    service: LiveService, options: LoadRun, rate: float, token: str, booked: list[str]
) -> Row:
    memory = Memory(service.pids)
    seen = asyncio.run(_Load(service, options, rate, token, booked, memory).go())
    return {"rate_per_s": rate, "vehicles": options.vehicles} | seen.row() | memory.row(_SETTLED)


class _Load:
    """One phase: everybody at once, for a bounded time."""

    def __init__(
        self,
        service: LiveService,
        options: LoadRun,
        rate: float,
        token: str,
        booked: list[str],
        memory: Memory,
    ) -> None:
        self._url = service.url
        self._options = options
        self._rate = rate
        self._token = token
        self._booked = booked
        self._memory = memory
        self._seen = Seen()
        self._all_listen = asyncio.Event()
        self._rng = random.Random(2)  # noqa: S311 - where virtual vehicles are is no secret

    async def go(self) -> Seen:
        """Run the phase to its end; what hangs is cut off."""
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(_client(self._url))
            streams = await stack.enter_async_context(_client(self._url))
            listening = await self._open(streams)
            began = time.monotonic()
            sampling = asyncio.create_task(self._sample())
            try:
                async with asyncio.timeout(self._options.seconds + _DRAIN_S):
                    await asyncio.gather(self._ask(client, began), self._report_all(client, began))
            except TimeoutError:
                self._seen.kinds["not_finished"] += 1
            finally:
                self._seen.dropped = sum(task.done() for task in listening)
                for task in (*listening, sampling):
                    task.cancel()
                await asyncio.gather(*listening, sampling, return_exceptions=True)
        return self._seen

    async def _sample(self) -> None:
        while True:
            self._memory.sample()
            await asyncio.sleep(_SAMPLE_S)

    # -- riders

    async def _ask(self, client: httpx.AsyncClient, began: float) -> None:
        riders = await Riders.of(client)
        await self._paced(began, self._rate, lambda due: self._one(riders, due))

    async def _one(self, riders: Riders, due: float) -> None:
        try:
            answer = await riders.ask()
        except httpx.HTTPError as error:
            self._seen.kinds[type(error).__name__] += 1
            return
        if not answer.is_success:
            self._seen.kinds[kind_of(answer)] += 1
            return
        self._seen.latency_s.append(time.monotonic() - due)
        self._seen.offered += bool(answer.json()["offers"])

    # -- vehicles

    async def _report_all(self, client: httpx.AsyncClient, began: float) -> None:
        if not self._options.vehicles:
            return
        bearer = {"Authorization": f"Bearer {self._token}"}
        fleet = (await client.get("/api/v1/fleet", headers=bearer)).json()["vehicles"]
        places = {each["id"]: each["position"] for each in fleet if each["position"]}
        vehicles = sorted(places)
        service = (await client.get("/api/v1/service")).json()
        ahead_s = datetime.fromisoformat(service["now"]).timestamp() - time.monotonic()
        zone = datetime.fromisoformat(service["now"]).tzinfo
        number = 0

        async def report(_due: float) -> None:
            nonlocal number
            number += 1
            vehicle = vehicles[number % len(vehicles)]
            place = places[vehicle]
            at = datetime.fromtimestamp(int(ahead_s + time.monotonic()), zone).isoformat()
            lon = place["lon"] + self._rng.uniform(-_JITTER_DEG, _JITTER_DEG)
            lat = place["lat"] + self._rng.uniform(-_JITTER_DEG, _JITTER_DEG)
            body = {"lon": lon, "lat": lat, "at": at}
            try:
                answer = await client.post(
                    f"/api/v1/vehicles/{vehicle}/positions", json=body, headers=bearer
                )
                taken = answer.is_success
            except httpx.HTTPError:
                taken = False
            self._seen.positions += taken
            self._seen.lost_positions += not taken

        if vehicles:
            await self._paced(began, float(len(vehicles)), report)

    async def _paced(
        self, began: float, rate: float, one: Callable[[float], Coroutine[Any, Any, None]]
    ) -> None:
        """Begin something so many times a second, each when it is due."""
        async with asyncio.TaskGroup() as group:
            for number in range(round(rate * self._options.seconds)):
                due = began + number / rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                group.create_task(one(due))

    # -- listeners

    async def _open(self, client: httpx.AsyncClient) -> list[asyncio.Task[None]]:
        """Open all streams, and wait for the first view of each for a while."""
        if not self._booked:
            return []
        tasks = [
            asyncio.create_task(self._listen(client, self._booked[n % len(self._booked)]))
            for n in range(self._options.listeners)
        ]
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_EVENT_S):
                await self._all_listen.wait()
        return tasks

    async def _listen(self, client: httpx.AsyncClient, booking_id: str) -> None:
        begun = False
        path = f"/api/v1/bookings/{booking_id}/events"
        try:
            async with client.stream("GET", path, timeout=httpx.Timeout(60.0)) as stream:
                async for line in stream.aiter_lines():
                    if line.startswith("event:"):
                        self._seen.events += 1
                        self._seen.listeners += not begun
                        begun = True
                        if self._seen.listeners >= self._options.listeners:
                            self._all_listen.set()
        except httpx.HTTPError:
            return


def kind_of(answer: httpx.Response) -> str:
    """A problem's code, or the status where there is none."""
    try:
        return str(answer.json()["code"])
    except (ValueError, KeyError, TypeError):
        return f"status_{answer.status_code}"


@asynccontextmanager
async def _client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = AiohttpTransport()
    async with httpx.AsyncClient(base_url=url, timeout=_TIMEOUT_S, transport=transport) as client:
        yield client
