"""The grid town as it is served: HTTP by uvicorn, dispatcher, engine, PostgreSQL and Redis.

All of it in this process, so that a fuzzer is quick; nothing of it is a stand-in.
"""

import asyncio
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import httpx
import uvicorn
from desk import TUESDAY_9_S
from tiny_town import ZONE, grid_config
from told_town import MovedClock

from dispatch.api.settings import ApiSettings, RoadsInfo
from dispatch.audit import Roads, audit
from dispatch.domain.rules import Rules, ServiceConfig
from dispatch.engine import Engine, Network
from dispatch.fleet_views import answer
from dispatch.live.gateway import Gateway
from dispatch.messaging.settings import MessageSettings
from dispatch.roads_desk import RoadsDesk
from dispatch.store.connect import connect
from dispatch.store.migrate import migrate
from dispatch.store.tokens import create_token, revoke_token
from dispatch.town import Town
from dispatch.web.app import create_app
from dispatch.worker.dispatcher import Dispatcher, Limits
from routing.plans import warm_up

CONFIG = grid_config(rules=Rules(joint_iterations=20))
ROOT = "/api/v1"
CONTACT = {"name": "Erna Kötter", "phone": "02521 / 98 76 54", "email": "erna@example.org"}
_ROWS = 'SELECT t::text FROM "{}" t'
_QUIET = ("alembic_version", "inbox", "service_area")
"""Tables that tell of calls and heartbeats, and nothing about the service."""


def town_settings(config: ServiceConfig, gateway: Any, network: Network | None) -> ApiSettings:
    """As the service itself is set up, with the clock standing still."""
    return ApiSettings(
        config=config,
        gateway=gateway,
        stops=() if network is None else network.stops,
        roads=RoadsInfo("grid"),
        now=lambda: TUESDAY_9_S,
        roads_desk=None if network is None else RoadsDesk(config, network),
        messages=MessageSettings(),
        network=network,
    )


@dataclass(repr=False)
class ServedTown:
    """A service at `url` with people in it; `ids` are theirs, by kind."""

    dsn: str
    url: str
    network: Network
    config: ServiceConfig
    tokens: dict[str, str]
    http: httpx.Client
    ids: dict[str, list[str]] = field(default_factory=dict)
    turn: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def headers(self, role: str | None) -> dict[str, str]:
        """What a caller of a role sends; nothing for riders."""
        return {} if role is None else {"Authorization": f"Bearer {self.tokens[role]}"}

    def call(self, method: str, path: str, body: Any = None, role: str | None = None) -> Any:
        """The body of an answer that must be a success."""
        headers = self.headers(role)
        response = self.http.request(method, ROOT + path, json=body, headers=headers)
        assert response.is_success, response.text
        return response.json()

    def stop(self, index: int) -> dict[str, Any]:
        bookable = [stop for stop in self.network.stops if stop.bookable]
        return {"stop_id": bookable[index % len(bookable)].id}

    def at(self, ahead_s: int) -> str:
        return datetime.fromtimestamp(TUESDAY_9_S + ahead_s, ZONE).isoformat()

    def wish(self, **changes: Any) -> dict[str, Any]:
        return {"origin": self.stop(0), "destination": self.stop(30)} | changes

    def later(self) -> str:
        """Some time in the days ahead, another one each time, so that there is room."""
        self.turn = (self.turn + 1) % 30
        return self.at(3600 * (1 + self.turn % 10 + self.turn // 10 * 24))

    def offer(self, origin: int, destination: int, depart_at: str | None = None) -> dict[str, Any]:
        ask: dict[str, Any] = {"origin": self.stop(origin), "destination": self.stop(destination)}
        ask |= {} if depart_at is None else {"depart_at": depart_at}
        offer: dict[str, Any] = self.call("POST", "/ride-requests", ask)["offers"][0]
        return offer

    def book(
        self, origin: int, destination: int, depart_at: str | None = None, **contact: Any
    ) -> dict[str, Any]:
        offer = self.offer(origin, destination, depart_at)
        taken = {"offer_id": offer["id"], "contact": CONTACT | contact}
        booking: dict[str, Any] = self.call("POST", "/bookings", taken)
        return booking

    def group(self) -> str:
        """A large party that has been offered its rides."""
        wish = self.wish(party={"seats": 5}, depart_at=self.later())
        offered: str = self.call("POST", "/group-requests", wish)["group_id"]
        return offered

    def tables(self) -> dict[str, list[str]]:
        """All that is known, row by row."""
        with connect(self.dsn) as connection:
            names = connection.execute(
                "SELECT table_name FROM information_schema.tables"
                " WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1"
            ).fetchall()
            return {
                name: [row for (row,) in connection.execute(_ROWS.format(name))]
                for (name,) in names
                if name not in _QUIET
            }

    def audit(self) -> list[str]:
        """What `rufbus audit` finds."""
        with connect(self.dsn) as connection:
            report = audit(connection, self.config.area_id, Roads(self.config, self.network))
        return [str(finding) for finding in report.findings]

    def populate(self) -> None:
        """Vehicles on duty, riders in every state, a series, a closure, a group that is offered."""
        plan = self._shifts()
        for shift in plan:
            if shift["start"] <= self.at(0) < shift["end"]:
                path = f"/vehicles/{shift['vehicle']['id']}/shifts/{shift['id']}/start"
                self.call("POST", path, role="vehicle")
        offers = [self.offer(n, n + 20)["id"] for n in range(2)]
        bookings = [self.book(n, 40 - n) for n in range(3)]
        self.call("DELETE", f"/bookings/{bookings[2]['id']}")
        order = {
            **self.wish(depart_at="11:00", weekdays=[2, 4], from_day="2026-03-10"),
            "contact": CONTACT,
        }
        series = self.call("POST", "/series", order, role="control")
        closure = self.call("POST", "/closures", self.stop(50), role="control")["closure"]
        full = self.wish(party={"seats": 4}, depart_at=self.at(60), max_walk_m=0)
        request = self.call("POST", "/ride-requests", full)
        caller = self.call("GET", "/riders?phone=02521987654", role="control")
        shifts = self._shifts()
        self.ids = {
            "booking": [b["id"] for b in bookings],
            "code": [b["code"] for b in bookings],
            "offer": offers,
            "request": [request["id"]],
            "group": [self.group()],
            "series": [series["id"]],
            "closure": [closure["id"]],
            "rider": [r["rider_id"] for r in caller["riders"]],
            "vehicle": [v.id for v in self.config.vehicles],
            "shift": [s["id"] for s in shifts][:4],
        }

    def due(self) -> list[tuple[str, str]]:
        """Vehicles with the visits that are ahead of them now, of two vehicles at most."""
        shifts = [shift for shift in self._shifts() if shift["visits"]]
        return [(shift["vehicle"]["id"], shift["visits"][0]["id"]) for shift in shifts[:2]]

    def _shifts(self) -> list[dict[str, Any]]:
        for _ in range(200):
            shifts: list[dict[str, Any]] = self.call("GET", "/plan", role="control")["shifts"]
            if len(shifts) > 4:
                return shifts
            time.sleep(0.05)
        raise AssertionError("the dispatcher has planned no shifts")


@contextmanager
def served_town(dsn: str, redis_url: str, network: Network) -> Iterator[ServedTown]:
    """A populated town, until the block ends."""
    migrate(dsn)
    warm_up()  # kernels that are not compiled yet take longer than callers wait
    with _deciding(dsn, redis_url, network), _serving(dsn, redis_url, network) as url:
        other = "elsewhere"
        with connect(dsn) as connection:
            connection.execute("INSERT INTO service_area (id) VALUES (%s)", [other])
        area = CONFIG.area_id
        tokens = {r: create_token(dsn, r, r, area=area) for r in ("vehicle", "control", "admin")}
        tokens["revoked"] = create_token(dsn, "control", "gone", area=area)
        assert revoke_token(dsn, tokens["revoked"])
        tokens["foreign"] = create_token(dsn, "control", "foreign", area=other)
        tokens["unknown"] = "rufbus_0000"
        http = httpx.Client(base_url=url, timeout=30)
        with ServedTown(dsn, url, network, CONFIG, tokens, http) as town:
            town.populate()
            yield town


@contextmanager
def _deciding(dsn: str, redis_url: str, network: Network) -> Iterator[None]:
    engine, names = Engine(CONFIG, network), Town.of(CONFIG, network.stops)
    dispatcher = Dispatcher(
        dsn,
        redis_url,
        CONFIG.area_id,
        decide=engine.decide,
        decide_batch=engine.decide_batch,
        answer=lambda command, events, state: answer(command, events, state, names),
        clock=MovedClock(TUESDAY_9_S),
        roads_sha256=network.graph.digest,
        rng=random.Random(3),
        limits=Limits(standby_s=0.05, wait_s=0.02, tick_s=0.2),
    )
    stop = threading.Event()
    thread = threading.Thread(target=dispatcher.run, args=[stop])
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


@contextmanager
def _serving(dsn: str, redis_url: str, network: Network) -> Iterator[str]:
    gateway = Gateway(dsn, redis_url, CONFIG.area_id)
    app = create_app(town_settings(CONFIG, gateway, network))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    )
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))

    async def serve() -> None:
        async with gateway:
            await server.serve(sockets=[listener])

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
        listener.close()
