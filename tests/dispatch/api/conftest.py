"""The web application around a gateway that only remembers: for the shapes of the API alone.

What a real dispatcher answers is tested end to end, elsewhere.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from dispatch.api.settings import ApiSettings, RoadsInfo
from dispatch.config import load_town
from dispatch.domain.closures import Closure, ClosureStatus
from dispatch.domain.commands import Command
from dispatch.domain.model import (
    Acknowledgement,
    Action,
    ActionKind,
    Anchor,
    Booking,
    BookingStatus,
    Fix,
    Offer,
    OfferKind,
    OutOfService,
    Party,
    Promise,
    RequestStatus,
    RideRequest,
    Shift,
    ShiftStatus,
    Spot,
    Visit,
)
from dispatch.live.gateway import Contact
from dispatch.live.notices import Notice, VehicleFix
from dispatch.store.inbox import Outcome
from dispatch.web.app import create_app

ROOT = Path(__file__).resolve().parents[3]
NOW_S = 1_774_764_000  # 2026-03-29T08:00:00+02:00: the clocks went forward that night
TOKENS = {"tok-vehicle": "vehicle", "tok-control": "control", "tok-admin": "admin"}


@dataclass(frozen=True)
class PlainStop:
    id: str
    name: str
    lon: float
    lat: float
    zone: str = "Beckum"
    kind: str = "virtual"
    bookable: bool = True


STOPS = (
    PlainStop("st-a", "Markt", 8.0400, 51.7550),
    PlainStop("st-b", "Bahnhof Neubeckum", 8.0209, 51.8018, "Neubeckum", "curated"),
    PlainStop("depot", "Betriebshof", 8.0377, 51.7746, kind="depot", bookable=False),
)
PROMISE = Promise("st-a", "st-b", NOW_S + 300, NOW_S + 900, NOW_S + 2400, 1500)
ANCHOR = Anchor(NOW_S - 30, 8.0377, 51.7746, 5, 0, "depot")
OFFER = Offer(
    id="of_1",
    request_id="rq_1",
    kind=OfferKind.EARLIEST,
    promise=PROMISE,
    pickup_walk_m=120,
    dropoff_walk_m=0,
    planned_pickup_s=NOW_S + 480,
    planned_arrival_s=NOW_S + 1200,
    wish_earliest_s=NOW_S + 100,
    walk_s=100,
    direct_s=600,
    price_cents=250,
    expires_at_s=NOW_S + 120,
)
REQUEST = RideRequest(
    id="rq_1",
    received_at_s=NOW_S,
    origin=Spot(8.041, 51.755),
    destination=Spot(8.0209, 51.8018, "st-b"),
    depart_at_s=None,
    arrive_by_s=None,
    party=Party(2),
    max_walk_m=300,
    channel="api",
    status=RequestStatus.OFFERED,
    offers=(OFFER,),
)
BOOKING = Booking(
    id="bk_1",
    code="ABC234",
    request_id="rq_1",
    offer_id="of_1",
    rider_id="rd_1",
    status=BookingStatus.CONFIRMED,
    promise=PROMISE,
    party=Party(2),
    shift_id="sh_1",
    booked_at_s=NOW_S,
    wish_earliest_s=NOW_S + 100,
    walk_s=100,
    direct_s=600,
    price_cents=450,
)
VISITS = (
    Visit(
        "vi_1",
        "st-a",
        (Action(ActionKind.PICKUP, "bk_1", NOW_S + 480, NOW_S + 530),),
        NOW_S + 60,
        NOW_S + 450,
        NOW_S + 530,
    ),
    Visit(
        "vi_2",
        "st-b",
        (Action(ActionKind.DROPOFF, "bk_1", NOW_S + 1200, NOW_S + 1250),),
        NOW_S + 530,
        NOW_S + 1170,
        NOW_S + 1250,
    ),
)
SHIFT = Shift(
    "sh_1", "v1", NOW_S - 3600, NOW_S + 7200, "depot", ShiftStatus.ACTIVE, ANCHOR, 3, VISITS
)


@dataclass
class RememberingGateway:
    """Answers what it was told to answer, and remembers what it was asked."""

    outcome: Outcome = field(default_factory=lambda: Outcome(body={"id": "x"}))
    failure: Exception | None = None
    submitted: list[tuple[Command, str | None, Contact | None]] = field(default_factory=list)
    reported: list[Command] = field(default_factory=list)
    stored: dict[str, Booking] = field(default_factory=lambda: {"bk_1": BOOKING})
    plan: list[Shift] = field(default_factory=lambda: [SHIFT])
    fixes: dict[str, VehicleFix] = field(default_factory=dict)
    out: dict[str, OutOfService] = field(default_factory=dict)
    closed: list[Closure] = field(default_factory=list)
    seen: list[Acknowledgement] = field(default_factory=list)
    parts: dict[str, Any] = field(
        default_factory=lambda: {
            "database": "up",
            "redis": "up",
            "dispatcher": {"status": "up"},
        }
    )
    booking_reads: int = 0
    loop: asyncio.AbstractEventLoop | None = None
    notices: asyncio.Queue[Notice] = field(default_factory=asyncio.Queue)

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def submit(
        self, command: Command, *, key: str | None, contact: Contact | None = None
    ) -> Outcome:
        self._fail()
        self.submitted.append((command, key, contact))
        return self.outcome

    async def report_position(self, report: Command) -> None:
        self._fail()
        self.reported.append(report)

    async def request(self, request_id: str) -> RideRequest | None:
        self._fail()
        return REQUEST if request_id == REQUEST.id else None

    async def booking(self, booking_id: str) -> Booking | None:
        self.booking_reads += 1
        self._fail()
        return self.stored.get(booking_id)

    async def open_bookings(self) -> list[Booking]:
        return [b for b in self.stored.values() if b.status.is_open]

    async def shift(self, shift_id: str) -> Shift | None:
        return next((s for s in self.plan if s.id == shift_id), None)

    async def shifts(self, statuses: Any = tuple(ShiftStatus)) -> list[Shift]:
        return [s for s in self.plan if s.status in statuses]

    async def outages(self) -> dict[str, OutOfService]:
        return self.out

    async def closures(self, *, over: bool = False) -> list[Closure]:
        self._fail()
        return [c for c in self.closed if over or c.status is not ClosureStatus.ENDED]

    async def vehicle_fixes(self) -> dict[str, VehicleFix]:
        return self.fixes

    async def positions(self) -> dict[str, Fix]:
        return {shift_id: known.fix for shift_id, known in self.fixes.items()}

    async def position(self, shift_id: str) -> Fix | None:
        known = self.fixes.get(shift_id)
        return None if known is None else known.fix

    async def acknowledgements(self, now_s: int) -> list[Acknowledgement]:
        return [seen for seen in self.seen if seen.at_s > now_s - 86_400]

    async def token_labels(self) -> dict[str, str]:
        return {"0123456789abcdef": "Pult 1"}

    async def token_role(self, token: str) -> str | None:
        return TOKENS.get(token)

    async def health(self) -> dict[str, Any]:
        return self.parts

    async def listen(self) -> AsyncIterator[Notice]:
        self.loop = asyncio.get_running_loop()
        while True:
            yield await self.notices.get()

    def tell(self, notice: Notice) -> None:
        """Send a notice, from whatever thread, once somebody listens."""
        deadline = time.monotonic() + 10
        while self.loop is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.loop is not None, "nobody listens"
        self.loop.call_soon_threadsafe(self.notices.put_nowait, notice)

    def change(self, status: BookingStatus) -> None:
        self.stored["bk_1"] = replace(self.stored["bk_1"], status=status, ended_at_s=NOW_S)


@pytest.fixture
def gateway() -> RememberingGateway:
    return RememberingGateway()


@pytest.fixture
def settings(gateway: RememberingGateway) -> ApiSettings:
    return ApiSettings(
        config=load_town(ROOT / "data" / "beckum").config,
        gateway=gateway,  # type: ignore[arg-type]
        stops=STOPS,
        roads=RoadsInfo("beckum", schematic=True),
        now=lambda: NOW_S,
    )


class Client:
    """Calls an application in this process, without a socket."""

    def __init__(self, app: FastAPI) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://testserver")
        self._runner = asyncio.Runner()

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        return self._runner.run(self._http.request(method, url, **options))

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self.request("POST", url, **options)

    def delete(self, url: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", url, **options)

    def close(self) -> None:
        self._runner.run(self._http.aclose())
        self._runner.close()


@pytest.fixture
def client(settings: ApiSettings) -> Iterator[Client]:
    client = Client(create_app(settings))
    yield client
    client.close()


Wish = dict[str, Any]


@pytest.fixture
def wish() -> Callable[..., Wish]:
    def make(**changes: Any) -> Wish:
        body: Wish = {
            "origin": {"lon": 8.041, "lat": 51.755},
            "destination": {"stop_id": "st-b"},
            "party": {"seats": 2},
        }
        body |= changes
        return {key: value for key, value in body.items() if value is not ...}

    return make


@pytest.fixture
def bearer() -> Callable[[str], dict[str, str]]:
    return lambda token: {"Authorization": f"Bearer {token}"}
