"""What is bounded between callers and the dispatcher: backlog, callers, positions, attempts."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tiny_engine import ride

from dispatch import limits
from dispatch.domain import commands as co
from dispatch.embedded import EmbeddedRedis
from dispatch.live.attempts import Counts, Pace
from dispatch.live.gateway import Contact, Gateway
from dispatch.store.errors import (
    AnswerPendingError,
    OverloadedError,
    TooManyPositionsError,
)
from dispatch.worker.dispatcher import Dispatcher

AREA = "town"
SCOPES = (("code:ABC", 5), ("from:192.0.2.7", 20), ("all", 500))
Story = Callable[[Gateway], Coroutine[Any, Any, None]]


@pytest.fixture
def told(town_dsn: str, redis_url: str) -> Callable[[Story], None]:
    """Runs a story on a gateway without a dispatcher."""

    def tell(story: Story) -> None:
        async def whole() -> None:
            async with Gateway(town_dsn, redis_url, AREA) as gateway:
                await story(gateway)

        asyncio.run(asyncio.wait_for(whole(), 60))

    return tell


def kill(server: EmbeddedRedis) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    while server.is_alive():
        time.sleep(0.01)


async def leave(gateway: Gateway, command: Any, key: str) -> None:
    """Put a command into the inbox and go away."""
    contact = Contact("Ada") if isinstance(command, co.AcceptOffer) else None
    with pytest.raises(AnswerPendingError):
        await gateway.submit(command, key=key, contact=contact, timeout_s=0.05)


def test_a_full_inbox_refuses_new_wishes_first(
    told: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BACKLOG_WISHES", 3)
    monkeypatch.setattr(limits, "BACKLOG_ALL", 5)
    monkeypatch.setattr(limits, "BACKLOG_LOOK_S", 0.0)

    async def story(gateway: Gateway) -> None:
        for n in range(3):
            await leave(gateway, ride(), f"wish-{n}")
        began = time.monotonic()
        with pytest.raises(OverloadedError):
            await gateway.submit(ride(), key="wish-3")
        assert time.monotonic() - began < 2, "at once, not after the patience for an answer"
        await leave(gateway, ride(), "wish-1")  # the same key again is not one more
        await leave(gateway, co.AcceptOffer("of_1", ""), "offer")  # who has an offer is let in
        await leave(gateway, co.ReportBoarded("bk_1"), "driver")
        with pytest.raises(OverloadedError):
            await gateway.submit(co.ReportBoarded("bk_2"), key="driver-2")

    told(story)


def test_nobody_queues_behind_a_dispatcher_that_is_gone(
    told: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BACKLOG_OLDEST_S", 0.3)
    monkeypatch.setattr(limits, "BACKLOG_LOOK_S", 0.0)

    async def story(gateway: Gateway) -> None:
        await leave(gateway, co.ReportBoarded("bk_1"), "driver")
        await asyncio.sleep(0.4)
        await leave(gateway, ride(), "first")  # only riders' commands are asked for their age
        await asyncio.sleep(0.4)
        with pytest.raises(OverloadedError):
            await gateway.submit(ride(), key="second")

    told(story)


def test_what_was_decided_does_not_count(
    town_dsn: str,
    redis_url: str,
    make_dispatcher: Callable[..., Dispatcher],
    running: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "BACKLOG_WISHES", 2)
    monkeypatch.setattr(limits, "BACKLOG_LOOK_S", 0.0)

    async def story() -> None:
        async with Gateway(town_dsn, redis_url, AREA) as gateway:
            for n in range(6):
                assert (await gateway.submit(ride(), key=f"wish-{n}")).body is not None

    with running(make_dispatcher()):
        asyncio.run(asyncio.wait_for(story(), 60))


def test_callers_who_wait_are_bounded(
    told: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CALLERS_MAX", 2)

    async def story(gateway: Gateway) -> None:
        waiting = [
            asyncio.create_task(gateway.submit(ride(), key=f"w-{n}", timeout_s=4.0))
            for n in range(2)
        ]
        for _ in range(200):
            if gateway._backlog.callers == limits.CALLERS_MAX:
                break
            await asyncio.sleep(0.01)
        with pytest.raises(OverloadedError):
            await gateway.submit(ride(), key="w-2")
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(each) for each in ended] == [AnswerPendingError] * 2
        await leave(gateway, ride(), "w-2")  # they have gone, there is room again

    told(story)


def test_a_vehicle_that_reports_a_thousand_times_a_second_crowds_nobody_out(
    told: Callable[[Story], None],
) -> None:
    async def story(gateway: Gateway) -> None:
        taken, began = 0, time.monotonic()
        for _ in range(200):
            try:
                await gateway.report_position(co.ReportPosition("loud", 8.0, 51.7, 0))
                taken += 1
            except TooManyPositionsError:
                pass
        lasted_s = time.monotonic() - began
        assert taken >= limits.POSITIONS_BURST
        assert taken <= limits.POSITIONS_BURST + limits.POSITIONS_PER_S * lasted_s + 1
        await gateway.report_position(co.ReportPosition("other", 8.0, 51.7, 0))

    told(story)


def test_a_pace_allows_a_burst_and_then_so_many_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    pace = Pace(2.0, 3, kept_max=2)
    assert [pace.allows("a") for _ in range(4)] == [True, True, True, False]
    now += 0.5
    assert [pace.allows("a") for _ in range(2)] == [True, False]
    assert pace.allows("b")
    assert pace.allows("c"), "too many are forgotten, not refused"
    assert len(pace._buckets) <= 2


def test_counts_end_with_their_window(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    counts = Counts()
    counts.add("x", 10)
    counts.add("x", 10)
    counts.undo("x")
    assert counts.count("x", 10) == 1
    now += 11
    assert counts.count("x", 10) == 0
    counts.undo("x")
    assert counts.count("x", 10) == 0


def test_guesses_count_over_all_processes_also_when_made_at_once(
    town_dsn: str, redis_url: str
) -> None:
    async def story() -> None:
        async with (
            Gateway(town_dsn, redis_url, AREA) as one,
            Gateway(town_dsn, redis_url, AREA) as two,
            Gateway(town_dsn, redis_url, "elsewhere") as elsewhere,
        ):
            tries = [each.attempt(SCOPES, 60) for each in (one, two) for _ in range(40)]
            assert sum(await asyncio.gather(*tries)) == 5
            await one.forgive(SCOPES)
            assert await two.attempt(SCOPES, 60)
            assert not await two.attempt(SCOPES, 60)
            other = (("code:XYZ", 5), *SCOPES[1:])
            assert await one.attempt(other, 60), "refused attempts do not count against others"
            assert await elsewhere.attempt(SCOPES, 60), "nor does what happens in another town"

    asyncio.run(asyncio.wait_for(story(), 60))


def test_without_redis_each_process_allows_its_share(
    town_dsn: str, redis_url: str, redis_server: EmbeddedRedis
) -> None:
    async def story() -> None:
        async with (
            Gateway(town_dsn, redis_url, AREA, sharers=2) as one,
            Gateway(town_dsn, redis_url, AREA, sharers=2) as two,
        ):
            kill(redis_server)
            taken = [await each.attempt(SCOPES, 60) for each in (one, two) for _ in range(6)]
            assert sum(taken) == 6, "three each: never more than one above what all may have"
            await one.forgive(SCOPES)
            assert await one.attempt(SCOPES, 60)

    try:
        asyncio.run(asyncio.wait_for(story(), 60))
    finally:
        redis_server.start()
