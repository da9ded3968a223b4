"""Redis and PostgreSQL die under way and come back; callers hardly notice."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from tiny_engine import ride

from dispatch.domain import commands as co
from dispatch.embedded import EmbeddedPostgres, EmbeddedRedis
from dispatch.live.gateway import Gateway
from dispatch.store.audit import differences
from dispatch.store.connect import connect
from dispatch.store.errors import (
    AnswerPendingError,
    OverloadedError,
    PositionsUnavailableError,
    StoreUnavailableError,
)
from dispatch.store.inbox import Outcome
from dispatch.worker.dispatcher import Dispatcher

AREA = "town"
Running = Callable[[Dispatcher], AbstractContextManager[Dispatcher]]
MakeDispatcher = Callable[..., Dispatcher]

pytestmark = pytest.mark.crash


def kill(server: EmbeddedPostgres | EmbeddedRedis) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    while server.is_alive():
        time.sleep(0.01)


async def timed(gateway: Gateway, key: str) -> tuple[Outcome, float]:
    began = time.monotonic()
    outcome = await gateway.submit(ride(), key=key)
    return outcome, time.monotonic() - began


def test_redis_dies_and_comes_back(
    town_dsn: str,
    redis_url: str,
    redis_server: EmbeddedRedis,
    make_dispatcher: MakeDispatcher,
    running: Running,
) -> None:
    async def story() -> None:
        async with Gateway(town_dsn, redis_url, AREA) as gateway:
            notices = gateway.listen()
            outcome, _ = await timed(gateway, "before")
            assert outcome.body is not None
            kill(redis_server)
            for n in range(5):
                outcome, took_s = await timed(gateway, f"without-{n}")
                assert outcome.body is not None
                assert took_s < 1.5
            assert (await gateway.submit(ride(), key="before")).body is not None
            with pytest.raises(PositionsUnavailableError):
                await gateway.report_position(co.ReportPosition("van-1", 8.0, 51.7, 0))
            assert await gateway.positions() == {}
            assert (await gateway.health())["redis"] == "down"
            await two_polls(notices)
            redis_server.start()
            await recovered(gateway, notices)

    with running(make_dispatcher()):
        asyncio.run(asyncio.wait_for(story(), 60))


async def two_polls(notices: Any) -> None:
    """Nothing can be heard, but every two seconds somebody says to look."""
    async with asyncio.timeout(6):
        polls = 0
        while polls < 2:
            polls += (await anext(notices)).kind == "poll"


async def recovered(gateway: Gateway, notices: Any) -> None:
    async with asyncio.timeout(15):
        while True:
            await gateway.submit(ride(), key=None)
            if (await anext(notices)).kind == "changed":
                return


def test_postgres_dies_and_comes_back(
    town_dsn: str,
    redis_url: str,
    postgres_server: EmbeddedPostgres,
    make_dispatcher: MakeDispatcher,
    running: Running,
) -> None:
    async def story() -> list[Outcome]:
        async with Gateway(town_dsn, redis_url, AREA) as gateway:
            calls = [asyncio.create_task(insist(gateway, f"k{n}")) for n in range(12)]
            await asyncio.sleep(0.4)
            kill(postgres_server)
            began = time.monotonic()
            with pytest.raises(StoreUnavailableError):
                await gateway.booking("bk_x")
            assert time.monotonic() - began < 4
            health = await gateway.health()
            assert (health["database"], health["dispatcher"]["status"]) == ("down", "down")
            postgres_server.start()
            began = time.monotonic()
            outcome = await insist(gateway, "after")
            assert time.monotonic() - began < 8
            first = [*(await asyncio.gather(*calls)), outcome]
            again = [await gateway.submit(ride(), key=f"k{n}-{0}") for n in range(12)]
            assert [o.body for o in again] == [o.body for o in first[:-1]]
            return first

    with running(make_dispatcher()):
        outcomes = asyncio.run(asyncio.wait_for(story(), 60))
    assert len({str(o.body) for o in outcomes}) == 13
    with connect(town_dsn) as connection:
        assert differences(connection, AREA) == []
        bodies = connection.execute("SELECT outcome -> 'body' ->> 'id' FROM inbox").fetchall()
        stored = connection.execute("SELECT id FROM ride_request").fetchall()
    assert sorted(bodies) == sorted(stored)


async def insist(gateway: Gateway, key: str) -> Outcome:
    """What a client with a key does: ask again until there is an answer. Thirty times over."""
    first = None
    for n in range(30):
        first = first or await ask(gateway, f"{key}-0")
        await ask(gateway, f"{key}-{n}")
    assert first is not None
    return first


async def ask(gateway: Gateway, key: str) -> Outcome:
    while True:
        try:
            outcome = await gateway.submit(ride(), key=key, timeout_s=3)
        except (StoreUnavailableError, AnswerPendingError, OverloadedError):
            await asyncio.sleep(0.1)
        else:
            assert outcome.body is not None
            return outcome


def test_the_gateway_may_be_there_first(
    town_dsn: str, redis_url: str, redis_server: EmbeddedRedis, postgres_server: EmbeddedPostgres
) -> None:
    kill(redis_server)
    kill(postgres_server)

    async def story() -> None:
        async with Gateway(town_dsn, redis_url, AREA) as gateway:
            with pytest.raises(StoreUnavailableError):
                await gateway.submit(ride(), key="k")
            postgres_server.start()
            redis_server.start()
            assert await gateway.open_bookings() == []

    asyncio.run(asyncio.wait_for(story(), 30))
