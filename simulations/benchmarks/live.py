"""`rufbus bench live`: how long riders wait for offers while the optimiser works at full load.

An open loop: requests are sent when they are due, whether or not the ones before are answered, and
latency counts from when they were due.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
import numpy as np

from simulations.benchmarks.live_town import LiveService
from simulations.benchmarks.table import Column, Row

COLUMNS = (
    Column("optimiser", -10),
    Column("vehicles", 8),
    Column("rate_per_s", 10, 1),
    Column("requests", 8),
    Column("offered", 8),
    Column("errors", 6),
    Column("p50_ms", 8, 1),
    Column("p95_ms", 8, 1),
    Column("p99_ms", 8, 1),
    Column("max_ms", 8, 1),
    Column("optimiser_cpu_share", 19, 2),
    Column("plans_taken", 11),
    Column("restarted", 9),
)
_FILL_MAX_S = 90.0
_FILL_CALLERS = 4
_BOOKED_SHARE = 0.2
_NOW_SHARE = 0.3
_SOON_S = 1800
_AHEAD_S = 4 * 3600
_TIMEOUT_S = 10.0
_RESTART_WITHIN_S = 60.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class LiveRun:
    """What to measure.

    Attributes:
        town: the folder of the town to scale up.
        var: where its roads may lie already.
        vehicles: how many vehicles.
        rate: ride requests per second.
        seconds: length of each phase.
        fill: bookings to make before measuring, within a minute and a half.
    """

    town: Path
    var: Path
    vehicles: int = 50
    rate: float = 10.0
    seconds: float = 30.0
    fill: int = 300


@dataclass
class _Seen:
    """What came of the requests of a phase."""

    latency_s: list[float] = field(default_factory=list)
    offered: int = 0
    errors: int = 0


class Riders:
    """Asks for rides between random stops, now or within four hours."""

    def __init__(self, client: httpx.AsyncClient, now: datetime, stops: list[str]) -> None:
        self._client = client
        self._origin = now - timedelta(seconds=time.monotonic())
        self._stops = stops
        self._rng = random.Random(1)  # noqa: S311 - where virtual riders go is no secret
        self._number = 0

    @classmethod
    async def of(cls, client: httpx.AsyncClient) -> Self:
        """Riders who know the service's stops and its clock."""
        stops = (await client.get("/api/v1/stops")).json()["stops"]
        service = (await client.get("/api/v1/service")).json()
        now = datetime.fromisoformat(service["now"])
        return cls(client, now, [stop["id"] for stop in stops if stop["kind"] != "depot"])

    async def ask(self, *, now_too: bool = True) -> httpx.Response:
        """Ask for one ride; only for later ones where nobody is to drive at once."""
        origin, destination = self._rng.sample(self._stops, 2)
        body: dict[str, Any] = {
            "origin": {"stop_id": origin},
            "destination": {"stop_id": destination},
            "party": {"seats": 1, "wheelchairs": 0},
        }
        if not now_too or self._rng.random() >= _NOW_SHARE:
            ahead_s = time.monotonic() + self._rng.randrange(_SOON_S, _AHEAD_S)
            body["depart_at"] = (self._origin + timedelta(seconds=ahead_s)).isoformat()
        return await self._client.post("/api/v1/ride-requests", json=body)

    async def book(self, answer: httpx.Response) -> str | None:
        """Take the first offer of an answer, if there is one and it is not for now; the booking.

        Nobody drives here: rides that were to begin at once would only make all vehicles late.
        """
        body = answer.json() if answer.is_success else {}
        offers = body.get("offers") or []
        if not offers or body["depart_at"] is None:
            return None
        self._number += 1
        contact = {"name": "Rider", "email": "rider@example.org"}
        made = await self._client.post(
            "/api/v1/bookings",
            json={"offer_id": offers[0]["id"], "contact": contact},
            headers={"Idempotency-Key": f"live-{self._number}"},
        )
        return str(made.json()["id"]) if made.status_code == httpx.codes.CREATED else None

    def wants_to_book(self) -> bool:
        """Whether the next one takes the offer."""
        return self._rng.random() < _BOOKED_SHARE


def run(options: LiveRun, say: Callable[[str], None]) -> Iterator[Row]:
    """Measure with the optimiser running, killed and stopped, on one service.

    Args:
        options: what to measure.
        say: told what is being done.

    Raises:
        BenchmarkError: the service does not come up.
    """
    say(f"Starting a service with {options.vehicles} vehicles ...")
    with LiveService(options.town, options.var, options.vehicles) as service:
        token = service.token("admin")
        booked = len(asyncio.run(prepared(service, token, options.fill)))
        say(
            f"{booked} rides are booked; {options.seconds:g} s with {options.rate:g} requests/s ..."
        )
        yield _phase(service, options, "running", _left_alone)
        yield _phase(service, options, "killed", _killed)
        yield _phase(service, options, "stopped", _stopped)


def _phase(
    service: LiveService,
    options: LiveRun,
    name: str,
    trouble: Callable[[LiveService], Any],
) -> Row:
    """One phase: requests at the rate while something is done to the optimiser."""
    pid = service.pid("optimiser")
    taken = service.logged("optimiser", "proposal: taken")
    cpu_s, began = _cpu_s(pid), time.monotonic()
    with trouble(service):
        seen = asyncio.run(_requests(service, options))
    lasted_s = time.monotonic() - began
    again = _restarted(service, pid) if name == "killed" else None
    milliseconds = 1000 * np.array(seen.latency_s or [float("nan")])
    p50, p95, p99 = (float(p) for p in np.percentile(milliseconds, [50, 95, 99]))
    worked_s = None if again is not None else _cpu_s(service.pid("optimiser")) - cpu_s
    return {
        "optimiser": name,
        "vehicles": options.vehicles,
        "rate_per_s": options.rate,
        "requests": len(seen.latency_s) + seen.errors,
        "offered": seen.offered,
        "errors": seen.errors,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "max_ms": float(milliseconds.max()),
        "optimiser_cpu_share": None if worked_s is None else worked_s / lasted_s,
        "plans_taken": service.logged("optimiser", "proposal: taken") - taken,
        "restarted": again,
    }


async def prepared(service: LiveService, token: str, fill: int) -> list[str]:
    """Start all shifts of the morning and book so many rides, if that is quick; the bookings."""
    async with _client(service) as client:
        plan = await client.get("/api/v1/plan", headers={"Authorization": f"Bearer {token}"})
        plan.raise_for_status()
        body = plan.json()
        now = datetime.fromisoformat(body["at"])
        for shift in body["shifts"]:
            if datetime.fromisoformat(shift["start"]) <= now < datetime.fromisoformat(shift["end"]):
                path = f"/api/v1/vehicles/{shift['vehicle']['id']}/shifts/{shift['id']}/start"
                started = await client.post(path, headers={"Authorization": f"Bearer {token}"})
                started.raise_for_status()
        riders = await Riders.of(client)
        deadline = time.monotonic() + _FILL_MAX_S
        booked: list[str] = []

        async def one_caller() -> None:
            while len(booked) < fill and time.monotonic() < deadline:
                made = await riders.book(await riders.ask(now_too=False))
                if made is not None:
                    booked.append(made)

        await asyncio.gather(*(one_caller() for _ in range(_FILL_CALLERS)))
    return booked


async def _requests(service: LiveService, options: LiveRun) -> _Seen:
    """Send the requests of a phase, each at its time."""
    seen = _Seen()
    async with _client(service) as client, asyncio.TaskGroup() as group:
        riders = await Riders.of(client)
        began = time.monotonic()

        async def rider(due: float) -> None:
            try:
                answer = await riders.ask()
            except httpx.HTTPError:
                seen.errors += 1
                return
            if not answer.is_success:
                seen.errors += 1
                return
            seen.latency_s.append(time.monotonic() - due)
            seen.offered += bool(answer.json()["offers"])
            if riders.wants_to_book():
                with suppress(httpx.HTTPError):
                    await riders.book(answer)

        for number in range(round(options.rate * options.seconds)):
            due = began + number / options.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            group.create_task(rider(due))
    return seen


@asynccontextmanager
async def _client(service: LiveService) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=service.url, timeout=_TIMEOUT_S) as client:
        yield client


@contextmanager
def _left_alone(_service: LiveService) -> Iterator[None]:
    yield


@contextmanager
def _killed(service: LiveService) -> Iterator[None]:
    _send(service, signal.SIGKILL)
    yield


@contextmanager
def _stopped(service: LiveService) -> Iterator[None]:
    _send(service, signal.SIGSTOP)
    try:
        yield
    finally:
        _send(service, signal.SIGCONT)


def _send(service: LiveService, number: int) -> None:
    pid = service.pid("optimiser")
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _restarted(service: LiveService, killed: int | None) -> bool:
    deadline = time.monotonic() + _RESTART_WITHIN_S
    while time.monotonic() < deadline:
        if service.pid("optimiser") not in {None, killed}:
            return True
        time.sleep(0.1)
    return False


def _cpu_s(pid: int | None) -> float:
    """Seconds of processor time that a process has used so far."""
    if pid is None:
        return 0.0
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
