"""The messenger process: takes messages from the outbox and sends them, at least once each.

Each channel has lanes of its own, so that one that hangs stalls no other. A lane takes one message
at a time under a lease that outlasts the attempt, sends it, and records what came of it. Killed in
between, the lease runs out and somebody sends it again, recognisably the same (docs/messages.md).
"""

import logging
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

import psycopg
import redis

from dispatch.live.keys import Keys
from dispatch.live.presence import SHOW_EVERY_S, sign
from dispatch.messaging.channels.base import Channel
from dispatch.messaging.channels.sink import FileChannel
from dispatch.messaging.lane import DATABASE_GONE, Clock, Lane, Post
from dispatch.messaging.pace import Backoff, Breaker
from dispatch.messaging.words import Writer
from dispatch.store import outbox, recipients
from dispatch.store.connect import connect

_log = logging.getLogger(__name__)

_RECONNECT_S: Final = 0.5
_REDIS_TIMEOUT_S: Final = 1.0
_LISTEN_S: Final = 0.2
_TIDY_S: Final = 60.0
Work = Callable[[psycopg.Connection], bool]


@dataclass(frozen=True, slots=True)
class MessengerPace:
    """How busy a messenger is; real seconds.

    Attributes:
        lanes: Messages under way at once per channel.
        poll_s: Between two looks at the outbox when nobody wakes us.
        backoff: Between two attempts at one message.
        breaker: Makes the guard of a channel.
    """

    lanes: int = 2
    poll_s: float = 1.0
    backoff: Backoff = field(default_factory=Backoff)
    breaker: Callable[[], Breaker] = Breaker


class Messenger:
    """Sends one service area's messages until it is told to stop. Several may run side by side.

    Args:
        dsn: The database, migrated.
        redis_url: Of Redis, for wake-ups only.
        area: The service area.
        writer: Puts messages into words.
        channels: One per name.
        clock: The service's clock: when a message has expired.
        pace: How busy.
        rng: For the jitter.
    """

    def __init__(
        self,
        dsn: str,
        redis_url: str,
        area: str,
        *,
        writer: Writer,
        channels: Sequence[Channel],
        clock: Clock,
        pace: MessengerPace | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._dsn = dsn
        self._redis_url = redis_url
        self._channels = channels
        self._pace = pace or MessengerPace()
        names = {channel.name for channel in channels}
        self._post = Post(
            area,
            outbox.Reach(sms="sms" in names, push="push" in names),
            writer,
            clock,
            self._pace.backoff,
            rng or random.Random(),  # noqa: S311 - jitter is no secret
        )
        self._stop = threading.Event()
        self._tidied = 0.0

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set; then finish what is under way."""
        self._stop = stop
        wakes: list[threading.Event] = []
        threads: list[threading.Thread] = []
        for name, work in (("settle", self._settle), *self._lanes()):
            wakes.append(threading.Event())
            thread = threading.Thread(target=self._repeat, args=[work, wakes[-1]], name=name)
            thread.start()
            threads.append(thread)
        self._listen(wakes)
        for wake in wakes:
            wake.set()
        for thread in threads:
            thread.join()
        for channel in self._channels:
            channel.close()

    def _lanes(self) -> list[tuple[str, Work]]:
        found: list[tuple[str, Work]] = []
        for channel in self._channels:
            breaker = self._pace.breaker()
            lanes = (Lane(self._post, channel, breaker) for _ in range(self._pace.lanes))
            found += ((f"{channel.name}-{n}", lane.send_next) for n, lane in enumerate(lanes))
        return found

    def _listen(self, wakes: Sequence[threading.Event]) -> None:
        """Wake the lanes when Redis says so; without Redis they poll."""
        while not self._stop.is_set():
            client = redis.Redis.from_url(
                self._redis_url,
                socket_timeout=_REDIS_TIMEOUT_S,
                socket_connect_timeout=_REDIS_TIMEOUT_S,
            )
            heard = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
            try:
                heard.subscribe(Keys(self._post.area).messages)
                shown = float("-inf")
                while not self._stop.is_set():
                    if time.monotonic() - shown >= SHOW_EVERY_S:
                        shown = time.monotonic()
                        client.hset(Keys(self._post.area).processes, *sign("messenger"))
                    if heard.get_message(timeout=_LISTEN_S) is not None:
                        for wake in wakes:
                            wake.set()
            except (redis.RedisError, OSError):
                self._stop.wait(_REDIS_TIMEOUT_S)
            finally:
                heard.close()
                client.close()

    def _repeat(self, work: Work, wake: threading.Event) -> None:
        """Work until it is time to stop; wait whenever there is none; reconnect when needed."""
        while not self._stop.is_set():
            try:
                with connect(self._dsn, "rufbus-messenger") as connection:
                    while not self._stop.is_set():
                        if not work(connection):
                            wake.wait(self._pace.poll_s)
                            wake.clear()
            except DATABASE_GONE as error:
                _log.warning("database lost: %s", str(error).strip())
                self._stop.wait(_RECONNECT_S)
            except Exception:  # noqa: BLE001 (a lane that has died would be missed when it is too late)
                _log.exception("unexpected error")
                self._stop.wait(_RECONNECT_S)

    def _settle(self, connection: psycopg.Connection) -> bool:
        """Finish what nobody has to send."""
        outbox.settle(connection, self._post.area, self._post.reach, self._post.clock.now_s())
        if time.monotonic() - self._tidied > _TIDY_S:
            self._tidied = time.monotonic()
            for channel in self._channels:
                if isinstance(channel, FileChannel):
                    channel.tidy(
                        lambda ids: recipients.with_recipient(connection, self._post.area, ids)
                    )
        return False


def run_until_signalled(messenger: Messenger) -> None:
    """Send until SIGTERM or SIGINT; call it in the main thread of a process."""
    stop = threading.Event()

    def halt(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, halt)
    messenger.run(stop)
