"""Clients that ask again with their key, and time that waits for them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random

import httpx
import pytest

from dispatch.clock import ClockHand
from simulations.week import calls as module
from simulations.week.calls import Calls
from simulations.week.ledger import Ledger
from simulations.week.timeline import Timeline

Reply = Callable[[httpx.Request], httpx.Response]


@asynccontextmanager
async def clients(reply: Reply, *, excused: bool = True) -> AsyncIterator[tuple[Calls, Ledger]]:
    ledger, tokens = Ledger(), {"control": "t"}
    calls = Calls(lambda: "http://here", tokens, ledger, "test", Random(1), lambda: excused)
    async with calls as made:
        made._http = httpx.AsyncClient(transport=httpx.MockTransport(reply))
        yield made, ledger


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAIN_S", 0.001)
    monkeypatch.setattr(module, "_GIVE_UP_S", 0.2)


def test_who_gets_no_answer_asks_again_with_the_same_key() -> None:
    keys: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) == 1:
            raise httpx.ReadError("killed")
        if len(keys) == 2:
            return httpx.Response(503, json={"code": "overloaded"}, headers={"Retry-After": "1"})
        return httpx.Response(201, json={"id": "bk_1"})

    async def story() -> None:
        async with clients(reply) as (calls, ledger):
            answer = await calls.post("/bookings", {"offer_id": "of_1"})
            assert answer.body == {"id": "bk_1"}
            assert ledger.repeated == 2
            assert ledger.violations == []
            assert ledger.broken == {"ReadError": 1}
            assert ledger.codes == {"overloaded": 1}

    asyncio.run(story())
    assert len(set(keys)) == 1
    assert len(keys) == 3


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "1"}])
def test_what_the_service_must_not_answer(headers: dict[str, str]) -> None:
    status = 503 if not headers else 500

    async def story() -> None:
        async with clients(lambda _: httpx.Response(status, headers=headers)) as (calls, ledger):
            await calls.post("/bookings", {})
            assert len(ledger.violations) == 1

    asyncio.run(story())


def test_who_is_never_answered_says_so() -> None:
    def reply(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody")

    async def story() -> None:
        async with clients(reply) as (calls, ledger):
            assert (await calls.post("/bookings", {})).status == 0
            assert ledger.violations == ["POST /bookings was never answered"]

    asyncio.run(story())


def test_a_connection_that_breaks_without_a_crash_is_wrong() -> None:
    broken = iter([True, False])

    def reply(_request: httpx.Request) -> httpx.Response:
        if next(broken):
            raise httpx.ReadError("why?")
        return httpx.Response(200, json={})

    async def story() -> None:
        async with clients(reply, excused=False) as (calls, ledger):
            assert (await calls.post("/bookings", {})).is_yes
            assert len(ledger.violations) == 1

    asyncio.run(story())


def test_a_double_click_that_books_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TWICE", 1.0)
    ids = iter(range(100))

    async def story() -> None:
        async with clients(lambda _: httpx.Response(201, json={"id": next(ids)})) as (
            calls,
            ledger,
        ):
            await calls.post("/bookings", {})
            assert ledger.doubled == 1
            assert len(ledger.violations) == 1

    asyncio.run(story())


def test_time_waits_for_those_who_are_answered_soon(tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []

    async def story() -> None:
        with ClockHand(tmp_path / "clock", 1000, 60.0) as hand:
            timeline = Timeline(hand)

            async def act(name: str, takes_s: float) -> None:
                seen.append((name, timeline.now_s))
                await asyncio.sleep(takes_s)

            timeline.at(2000, partial(act, "later", 0.0))
            timeline.at(1100, partial(act, "first", 0.1))
            timeline.at(1102, partial(act, "with it", 0.1))
            timeline.at(9000, partial(act, "never", 0.0))
            await timeline.run_until(2500)
            assert timeline.now_s == 2500

    asyncio.run(story())
    assert seen == [("first", 1100), ("with it", 1100), ("later", 2000)]


def test_time_passes_for_those_who_wait_long(tmp_path: Path) -> None:
    async def story() -> int:
        with ClockHand(tmp_path / "clock", 1000, 60.0) as hand:
            timeline = Timeline(hand)
            timeline.at(1000, partial(asyncio.sleep, 1.2))
            await timeline.run_until(1000)
            return timeline.now_s

    assert 1005 <= asyncio.run(story()) <= 1020


def test_what_goes_wrong_while_acting_is_not_swallowed(tmp_path: Path) -> None:
    async def wrong() -> None:
        raise LookupError("a mistake of the bench")

    async def story() -> None:
        with ClockHand(tmp_path / "clock", 1000, 60.0) as hand:
            timeline = Timeline(hand)
            timeline.at(1000, wrong)
            await timeline.run_until(1000)

    with pytest.raises(LookupError):
        asyncio.run(story())
