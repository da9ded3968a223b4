"""Calls as well-behaved clients make them: with a key, and again until there is an answer."""

import asyncio
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final, Self

import httpx

from simulations.week.ledger import Answer, Call, Json, Ledger

_TIMEOUT_S: Final = 15.0
_GIVE_UP_S: Final = 120.0
_AGAIN_S: Final = 0.25
_TWICE: Final = 0.02
_UNAVAILABLE: Final = 503
_SERVER_ERROR: Final = 500
_KEPT_ALIVE_S: Final = 5.0  # shorter than the service keeps a connection


class Calls:
    """All clients of a week; an asynchronous context manager.

    Args:
        url: tells where the service is at the moment, "" while it starts.
        tokens: by role.
        ledger: notes all answers.
        name: makes the keys of this run.
        rng: whose double clicks.
        excused: whether connections may break at the moment.
    """

    def __init__(
        self,
        url: Callable[[], str],
        tokens: Mapping[str, str],
        ledger: Ledger,
        name: str,
        rng: Random,
        excused: Callable[[], bool],
    ) -> None:
        self._excused = excused
        self._url = url
        self._tokens = tokens
        self._ledger = ledger
        self._name = name
        self._rng = rng
        self._number = 0
        limits = httpx.Limits(max_connections=40, keepalive_expiry=_KEPT_ALIVE_S)
        self._http = httpx.AsyncClient(timeout=_TIMEOUT_S, limits=limits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def post(self, path: str, body: Json | None = None, role: str = "") -> Answer:
        """Have something done, once."""
        return await self.change("POST", path, body, role)

    async def delete(self, path: str, role: str = "") -> Answer:
        """Take something back, once."""
        return await self.change("DELETE", path, None, role)

    async def change(self, method: str, path: str, body: Json | None, role: str) -> Answer:
        """A change under a key of its own; now and then somebody clicks twice."""
        self._number += 1
        call = Call(method, path, body, role, f"{self._name}-{self._number}")
        if self._rng.random() >= _TWICE:
            return await self.repeat(call)
        self._ledger.doubled += 1
        one, _ = await asyncio.gather(self.repeat(call), self.repeat(call))
        return one

    async def repeat(self, call: Call) -> Answer:
        """Make a call until it is answered, always under its key, and note the answer."""
        headers = {"Idempotency-Key": call.key}
        answer = await self._until_answered(call.method, call.path, call.body, call.role, headers)
        self._ledger.take(call, answer)
        return answer

    async def get(self, path: str, role: str = "") -> Json:
        """Look something up; an empty object if it is not there."""
        answer = await self._until_answered("GET", path, None, role, {})
        return answer.body if answer.is_yes else {}

    async def look(self, path: str, body: Json, role: str = "") -> Answer:
        """A question that has to be posted; nothing changes by it."""
        return await self._until_answered("POST", path, body, role, {})

    async def once(self, path: str, body: Any, role: str) -> Answer:
        """A report that is worthless a moment later: sent once, lost if need be."""
        try:
            response = await self._send("POST", path, body, role, {})
        except httpx.HTTPError as error:
            self._note(error, f"POST {path}")
            return Answer(0, {})
        answer = _answer_of(response)
        if answer.code:
            self._ledger.codes[answer.code] += 1
        return answer

    async def _until_answered(
        self, method: str, path: str, body: Json | None, role: str, headers: Mapping[str, str]
    ) -> Answer:
        began, attempts = time.monotonic(), 0
        while time.monotonic() < began + _GIVE_UP_S:
            attempts += 1
            self._ledger.repeated += attempts > 1
            try:
                response = await self._send(method, path, body, role, headers)
            except httpx.HTTPError as error:
                self._note(error, f"{method} {path}")
                await asyncio.sleep(_AGAIN_S)
                continue
            if response.status_code == _UNAVAILABLE and "Retry-After" in response.headers:
                self._ledger.codes[_answer_of(response).code] += 1
                await asyncio.sleep(_AGAIN_S)
                continue
            if response.status_code >= _SERVER_ERROR:
                self._ledger.violate(f"{method} {path}: {response.status_code} {response.text}")
            return _answer_of(response)
        self._ledger.violate(f"{method} {path} was never answered")
        return Answer(0, {})

    def _note(self, error: httpx.HTTPError, what: str) -> None:
        """A connection that breaks without a crash is as bad as a wrong answer."""
        self._ledger.broken[type(error).__name__] += 1
        if not self._excused():
            self._ledger.violate(f"{what}: {error!r}, and nothing had been killed")

    async def _send(
        self, method: str, path: str, body: Any, role: str, headers: Mapping[str, str]
    ) -> httpx.Response:
        self._ledger.calls += 1
        url = self._url()
        if not url:
            raise httpx.ConnectError("the service is starting")
        token = {"Authorization": f"Bearer {self._tokens[role]}"} if role else {}
        return await self._http.request(
            method, f"{url}/api/v1{path}", json=body, headers={**headers, **token}
        )


def _answer_of(response: httpx.Response) -> Answer:
    try:
        body = response.json() if response.content else {}
    except ValueError:
        body = {}
    return Answer(response.status_code, body if isinstance(body, dict) else {}, response.content)
