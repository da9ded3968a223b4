"""The grid town with everything real: engine, dispatcher, PostgreSQL, Redis, gateway, API."""

import asyncio
import random
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import pytest
from grid_network import grid_network
from tiny_town import ZONE, grid_config

from dispatch.api.app import create_api
from dispatch.api.settings import ApiSettings, RoadsInfo
from dispatch.audit import Roads, audit
from dispatch.domain.rules import Rules, ServiceConfig
from dispatch.engine import Engine, Network
from dispatch.live.gateway import Gateway
from dispatch.store.connect import connect
from dispatch.store.migrate import migrate
from dispatch.store.tokens import create_token
from dispatch.town import Town
from dispatch.views import answer
from dispatch.worker.dispatcher import Dispatcher, Limits

CONFIG = grid_config(rules=Rules(joint_iterations=30))
TUESDAY_9_S = int(datetime(2026, 3, 10, 9, 0, tzinfo=ZONE).timestamp())


@dataclass
class Clock:
    at_s: int = TUESDAY_9_S

    def now_s(self) -> int:
        return self.at_s


@dataclass
class Service:
    """Calls the API as a rider, or with the control room's token."""

    api: Any
    gateway: Gateway
    network: Network
    clock: Clock
    token: str
    dsn: str
    area: str
    runner: asyncio.Runner
    dispatcher: Dispatcher
    redis_url: str = ""
    config: ServiceConfig = CONFIG
    keys: Iterator[int] = field(default_factory=lambda: iter(range(10**6)))

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(coroutine)

    def call(
        self, method: str, path: str, body: Any = None, *, control: bool = False, **headers: str
    ) -> httpx.Response:
        if control:
            headers["Authorization"] = f"Bearer {self.token}"

        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(self.api)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, f"/api/v1{path}", json=body, headers=headers)

        answer: httpx.Response = self.run(once())
        return answer

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.call(method, path, body, **more)
        assert answer.is_success, answer.text
        return answer.json()

    def stop(self, index: int) -> dict[str, str]:
        bookable = [stop for stop in self.network.stops if stop.bookable]
        return {"stop_id": bookable[index % len(bookable)].id}

    def at(self, ahead_s: int) -> str:
        return datetime.fromtimestamp(self.clock.at_s + ahead_s, ZONE).isoformat()

    def ask(self, origin: int, destination: int, **more: Any) -> Any:
        wish = {"origin": self.stop(origin), "destination": self.stop(destination)} | more
        return self.ok("POST", "/ride-requests", wish)

    def book(self, origin: int, destination: int, **more: Any) -> Any:
        offer = self.ask(origin, destination, **more)["offers"][0]
        contact = {"name": "Erna Kötter", "phone": "02521 / 98 76 54"}
        return self.ok("POST", "/bookings", {"offer_id": offer["id"], "contact": contact})

    def until(self, path: str, done: Callable[[Any], bool]) -> Any:
        """Ask again until it is so."""
        for _ in range(100):
            body = self.ok("GET", path, control=True)
            if done(body):
                return body
            self.run(asyncio.sleep(0.05))
        raise AssertionError(f"never: {body}")

    def audit(self) -> list[str]:
        """What `rufbus audit` says, plans on the roads included."""
        with connect(self.dsn) as connection:
            report = audit(connection, self.area, Roads(self.config, self.network))
        return [*map(str, report.findings), *report.notes]


@pytest.fixture(scope="session")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return grid_network(tmp_path_factory.mktemp("grid"))


Serving = Callable[..., AbstractContextManager[Service]]


@pytest.fixture
def service(
    database_url: str, redis_url: str, grid: Network, serving: Serving
) -> Iterator[Service]:
    """One vehicle with four seats is on duty, one with a wheelchair place, too."""
    with serving(database_url, redis_url, grid, CONFIG) as one:
        yield one


@pytest.fixture
def serving() -> Serving:
    """Serves a town on servers that others may use, too."""
    return _serving


@pytest.fixture
def make_standby() -> Iterator[Callable[[Service], Dispatcher]]:
    """One more dispatcher for a town that is served; it has to be told to lead."""
    made: list[Dispatcher] = []

    def make(service: Service) -> Dispatcher:
        made.append(_dispatcher(service.dsn, service.redis_url, service.network, service.config))
        return made[-1]

    yield make
    for dispatcher in made:
        dispatcher.close()


def _dispatcher(
    dsn: str, redis_url: str, grid: Network, config: ServiceConfig, clock: Clock | None = None
) -> Dispatcher:
    engine, town = Engine(config, grid), Town.of(config, grid.stops)
    return Dispatcher(
        dsn,
        redis_url,
        config.area_id,
        decide=engine.decide,
        decide_batch=engine.decide_batch,
        answer=lambda command, events, state: answer(command, events, state, town),
        clock=clock or Clock(),
        roads_sha256=grid.graph.digest,
        rng=random.Random(3 if config.area_id == CONFIG.area_id else config.area_id),
        limits=Limits(standby_s=0.05, wait_s=0.02, tick_s=0.05, tidy_s=0.05),
    )


@contextmanager
def _serving(dsn: str, redis_url: str, grid: Network, config: ServiceConfig) -> Iterator[Service]:
    migrate(dsn)
    clock = Clock()
    dispatcher = _dispatcher(dsn, redis_url, grid, config, clock)
    stop = threading.Event()
    thread = threading.Thread(target=dispatcher.run, args=[stop])
    thread.start()
    token = create_token(dsn, "control", "test", area=config.area_id)
    gateway = Gateway(dsn, redis_url, config.area_id)
    settings = ApiSettings(config, gateway, grid.stops, RoadsInfo("grid"), now=clock.now_s)
    with asyncio.Runner() as runner:
        runner.run(gateway.open())
        one = Service(
            create_api(settings),
            gateway,
            grid,
            clock,
            token,
            dsn,
            config.area_id,
            runner,
            dispatcher,
            redis_url=redis_url,
            config=config,
        )
        try:
            _on_duty(one)
            yield one
        finally:
            runner.run(gateway.close())
            stop.set()
            thread.join(20)
            assert not thread.is_alive()


def _on_duty(service: Service) -> None:
    plan = service.until("/plan", lambda body: len(body["shifts"]) > 4)
    now = datetime.fromtimestamp(service.clock.at_s, ZONE)
    for shift in plan["shifts"]:
        begins, ends = map(datetime.fromisoformat, (shift["start"], shift["end"]))
        if begins <= now < ends:
            path = f"/vehicles/{shift['vehicle']['id']}/shifts/{shift['id']}/start"
            service.ok("POST", path, control=True)
