"""One Redis subscription per web process, fanned out to everybody in it who waits or listens."""

import asyncio
import json
import logging
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from dispatch import limits
from dispatch.live.keys import Keys
from dispatch.live.notices import POLL, Notice, notice_from_json
from dispatch.store.inbox import Outcome, Ticket

if TYPE_CHECKING:
    from redis.asyncio.client import PubSub

_log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 1.0
_PING_AFTER_S: Final = 2.0
_DEAD_AFTER_S: Final = 6.0
_RETRY_S: Final = 0.5
_POLL_S: Final = 2.0


def connect_redis(url: str, timeout_s: float) -> redis.asyncio.Redis:
    """An asynchronous client that never waits long and never retries behind our back."""
    return redis.asyncio.Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )


async def end_task(task: asyncio.Task[None]) -> None:
    """Cancel a task until it is really over.

    Before Python 3.12 `asyncio.wait_for`, which redis-py uses, swallows a cancellation that comes
    at the moment of its result (python/cpython#86296).
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("%s had failed", task.get_name(), exc_info=error)


class Hub:
    """Replies for those who wait for one, notices for those who listen.

    Args:
        url: Of Redis.
        area: The service area.
    """

    def __init__(self, url: str, area: str) -> None:
        self._keys = Keys(area)
        self._client = connect_redis(url, _DEAD_AFTER_S)
        self._task: asyncio.Task[None] | None = None
        self._waiting: dict[Ticket, list[asyncio.Future[Outcome]]] = {}
        self._recent: OrderedDict[Ticket, Outcome] = OrderedDict()
        self._listeners: set[asyncio.Queue[Notice]] = set()
        self.is_up = False

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._run(), name="rufbus-hub")

    async def stop(self) -> None:
        """Hang up; who still waits for a reply is cancelled."""
        if self._task is not None:
            await end_task(self._task)
            self._task = None
        for futures in self._waiting.values():
            for future in futures:
                future.cancel()
        await self._client.aclose()

    def expect(self, ticket: Ticket) -> asyncio.Future[Outcome]:
        """The reply to an inbox row, which may have come already."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        known = self._recent.get(ticket)
        if known is not None:
            future.set_result(known)
        else:
            self._waiting.setdefault(ticket, []).append(future)
        return future

    def forget(self, ticket: Ticket, future: asyncio.Future[Outcome]) -> None:
        """Nobody waits with this future any more."""
        futures = self._waiting.get(ticket, [])
        if future in futures:
            futures.remove(future)
        if not futures:
            self._waiting.pop(ticket, None)

    def awaited(self) -> list[int]:
        """The inbox rows whose reply somebody waits for."""
        return [row_id for row_id, _ in self._waiting]

    def settle(self, ticket: Ticket, outcome: Outcome) -> None:
        """A reply has come, from wherever."""
        self._recent[ticket] = outcome
        while len(self._recent) > limits.REPLIES_MAX:
            self._recent.popitem(last=False)
        for future in self._waiting.pop(ticket, []):
            if not future.done():
                future.set_result(outcome)

    def join(self) -> asyncio.Queue[Notice]:
        """A queue of notices; its first says to look, so that nothing falls between."""
        queue: asyncio.Queue[Notice] = asyncio.Queue(limits.NOTICES_MAX)
        queue.put_nowait(POLL)
        self._listeners.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[Notice]) -> None:
        """The end of `join`."""
        self._listeners.discard(queue)

    def tell(self, notice: Notice) -> None:
        """Hand a notice to all listeners; one that cannot follow is told to look instead."""
        for queue in self._listeners:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(POLL)
            queue.put_nowait(notice)

    async def _run(self) -> None:
        last_poll = time.monotonic()
        while True:
            try:
                await self._listen()
            except (redis.RedisError, OSError) as error:
                if self.is_up:
                    _log.warning("redis is gone, polling instead: %s", error)
            self.is_up = False
            if time.monotonic() - last_poll >= _POLL_S:
                last_poll = time.monotonic()
                self.tell(POLL)
            await asyncio.sleep(_RETRY_S)

    async def _listen(self) -> None:
        """Hear everything until the connection breaks.

        Raises:
            redis.RedisError: it broke.
        """
        pubsub = self._client.pubsub()
        try:
            await pubsub.subscribe(self._keys.replies, self._keys.live)
            await self._hear(pubsub)
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]

    async def _hear(self, pubsub: "PubSub") -> None:
        heard_at = time.monotonic()
        while True:
            message: dict[str, Any] | None = await pubsub.get_message(timeout=_PING_AFTER_S)
            if message is not None:
                heard_at = time.monotonic()
                self._take(message)
            elif time.monotonic() - heard_at > _DEAD_AFTER_S:
                raise redis.ConnectionError("redis does not answer")
            else:
                await pubsub.ping()

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe" and not self.is_up:
            self.is_up = True
            self.tell(POLL)
        if message["type"] != "message":
            return
        if message["channel"].decode() == self._keys.replies:
            for ticket, outcome in _replies(message["data"]):
                self.settle(ticket, outcome)
        else:
            notice = notice_from_json(message["data"])
            if notice is not None:
                self.tell(notice)


def _replies(data: bytes) -> list[tuple[Ticket, Outcome]]:
    """What was published; nothing where another version of us speaks, its rows can be read."""
    try:
        documents = json.loads(data)
        return [
            ((int(row_id), str(d["fingerprint"])), Outcome.from_json(d))
            for row_id, d in documents.items()
        ]
    except (ValueError, TypeError, AttributeError, KeyError):
        _log.warning("replies that cannot be read")
        return []
