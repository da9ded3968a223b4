"""One lane of a channel: takes a message, sends it, records what came of it; then the next."""

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Protocol

import psycopg

from dispatch.messaging.channels.base import Channel, Parcel, Result, scrubbed
from dispatch.messaging.kinds import MessageKind, superseded_by
from dispatch.messaging.pace import Backoff, Breaker
from dispatch.messaging.words import Writer
from dispatch.store import outbox, recipients

_log = logging.getLogger(__name__)

DATABASE_GONE: Final = (psycopg.OperationalError, psycopg.InterfaceError)
LEASE_MARGIN_S: Final = 10.0
_URGENT: Final = frozenset({MessageKind.COMING, MessageKind.MOVED, MessageKind.RESCUED})
RULES: Final = tuple((str(newer), older) for newer in MessageKind for older in superseded_by(newer))


class Clock(Protocol):
    """The service's clock."""

    speed: float
    """Service seconds per real second."""

    def now_s(self) -> int:
        """Epoch seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Post:
    """What all lanes of a messenger have in common.

    Attributes:
        area: The service area.
        reach: The channels that are configured.
        writer: Puts messages into words.
        clock: When a message has expired.
        backoff: Between two attempts at one message.
        rng: For the jitter.
    """

    area: str
    reach: outbox.Reach
    writer: Writer
    clock: Clock
    backoff: Backoff
    rng: Random


@dataclass(slots=True)
class Lane:
    """One message at a time, on one channel."""

    post: Post
    channel: Channel
    breaker: Breaker
    _unrecorded: list[Callable[[psycopg.Connection], None]] = field(default_factory=list)

    def send_next(self, connection: psycopg.Connection) -> bool:
        """Try the next message that is due.

        Args:
            connection: In autocommit mode.

        Returns:
            Whether there was one.

        Raises:
            psycopg.OperationalError: the database is gone; what is known of a message that was sent
                is recorded first of all the next time.
        """
        self._record_pending(connection)
        if not self.breaker.may_try():
            return False
        try:
            lease = secrets.token_hex(8)
            claimed = self._claim(connection, lease)
            if claimed is None:
                self.breaker.nothing()
                return False
            parcel = self._parcel(connection, claimed)
        except BaseException:
            self.breaker.nothing()
            raise
        result = self._attempt(parcel)
        if result.channel_down:
            self.breaker.failed()
        else:
            self.breaker.succeeded()
        self._unrecorded.append(lambda known: self._record(known, claimed, lease, result))
        self._record_pending(connection)
        return True

    def _claim(self, connection: psycopg.Connection, lease: str) -> outbox.Claimed | None:
        outbox.supersede(connection, self.post.area, RULES)
        return outbox.claim(
            connection,
            self.post.area,
            self.channel.name,
            self.post.reach,
            lease=lease,
            lease_s=self.channel.deadline_s + LEASE_MARGIN_S,
            now_s=self.post.clock.now_s(),
        )

    def _record_pending(self, connection: psycopg.Connection) -> None:
        while self._unrecorded:
            self._unrecorded[0](connection)
            self._unrecorded.pop(0)

    def _attempt(self, parcel: Parcel | Result) -> Result:
        if isinstance(parcel, Result):
            return parcel
        try:
            return self.channel.send(parcel)
        except Exception as error:  # noqa: BLE001 (whatever it is, only this message shall fail)
            _log.exception("message %s cannot be sent", parcel.id)
            return Result("never", scrubbed(f"{type(error).__name__}: {error}"))

    def _parcel(self, connection: psycopg.Connection, claimed: outbox.Claimed) -> Parcel | Result:
        """The message in words with its address; the verdict where there are no words for it."""
        clock = self.post.clock
        now_s = clock.now_s()
        try:
            letter = self.post.writer.write(
                claimed.kind,
                claimed.facts,
                language=claimed.language,
                name=claimed.name,
                booking_id=claimed.booking_id,
                at_s=claimed.at_s,
                now_s=now_s,
            )
        except Exception as error:  # noqa: BLE001 (what cannot be said now cannot be said later either)
            _log.exception("no words for message %s (%s)", claimed.id, claimed.kind)
            return Result("never", scrubbed(f"{type(error).__name__}: {error}"))
        found: Sequence[recipients.Subscription] = ()
        if self.channel.name == "push":
            found = recipients.subscriptions(connection, self.post.area, claimed.rider_id)
        return Parcel(
            id=claimed.id,
            letter=letter,
            name=claimed.name,
            email=claimed.email,
            phone=claimed.phone,
            subscriptions=tuple(found),
            life_s=max(0, int((claimed.expires_at_s - now_s) / clock.speed)),
            urgent=claimed.kind in _URGENT,
        )

    def _record(
        self,
        connection: psycopg.Connection,
        claimed: outbox.Claimed,
        lease: str,
        result: Result,
    ) -> None:
        for endpoint in result.lost:
            recipients.drop_subscription(connection, self.post.area, claimed.rider_id, endpoint)
        match result.outcome:
            case "sent":
                outbox.record_sent(connection, claimed.id, result.via or self.channel.name)
            case "later":
                after_s = self.post.backoff.after_s(claimed.attempts, self.post.rng)
                after_s = max(after_s, result.after_s)
                outbox.record_again(connection, claimed.id, lease, result.detail, after_s)
                _log.info("message %s later: %s", claimed.id, result.detail)
            case "gone":  # by another channel, at once
                outbox.record_again(connection, claimed.id, lease, result.detail, 0, counts=False)
            case "never":
                outbox.record_dead(connection, claimed.id, lease, result.detail)
                _log.warning("message %s cannot be delivered: %s", claimed.id, result.detail)
