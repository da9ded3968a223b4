"""What the API answers when it is too much, or too slow."""

import asyncio
from typing import Any

import pytest

from dispatch import limits
from dispatch.api.middleware import BodyTimer
from dispatch.store.errors import OverloadedError, TooManyPositionsError


def test_overload_is_a_503_that_says_when_to_come_again(
    client: Any, gateway: Any, wish: Any
) -> None:
    gateway.failure = OverloadedError("full")
    answer = client.post("/api/v1/ride-requests", json=wish(), headers={"Accept-Language": "en"})
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["title"] == "Very many requests"


def test_too_many_positions_are_a_429(client: Any, gateway: Any, bearer: Any) -> None:
    gateway.failure = TooManyPositionsError("v1")
    vehicle = client.get("/api/v1/fleet", headers=bearer("tok-control")).json()["vehicles"][0]["id"]
    body = {"lon": 8.04, "lat": 51.755, "at": "2026-03-29T08:00:00+02:00"}
    answer = client.post(
        f"/api/v1/vehicles/{vehicle}/positions", json=body, headers=bearer("tok-vehicle")
    )
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_positions")
    assert answer.headers["retry-after"] == "1"


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_S", 0.05)
    sent: list[dict[str, Any]] = []
    parts = iter([{"type": "http.request", "body": b"{", "more_body": True}])

    async def receive() -> Any:
        for part in parts:
            return part
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    async def reads_all(_scope: Any, receive: Any, _send: Any) -> None:
        while (await receive())["more_body"]:
            pass

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    asyncio.run(asyncio.wait_for(BodyTimer(reads_all)(scope, receive, send), 10))
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]


def test_who_has_sent_everything_may_wait_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_S", 0.05)
    parts = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        for part in parts:
            return part
        await asyncio.sleep(0.2)
        return {"type": "http.disconnect"}

    heard: list[str] = []

    async def stream(_scope: Any, receive: Any, _send: Any) -> None:
        heard.extend([(await receive())["type"], (await receive())["type"]])

    async def send(_message: Any) -> None:
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(asyncio.wait_for(BodyTimer(stream)(scope, receive, send), 10))
    assert heard == ["http.request", "http.disconnect"]
