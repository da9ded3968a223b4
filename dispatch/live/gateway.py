"""The web's way to the dispatcher and to what is stored: commands in, entities and notices out.

A command is acknowledged when the dispatcher has committed it. Nothing here decides anything.
"""

import asyncio
import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

import psycopg
import redis
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, TooManyRequests

from dispatch import limits
from dispatch.domain.booking_commands import AcceptGroup, CreateSeries, JoinWaitingList
from dispatch.domain.closures import Closure
from dispatch.domain.commands import AcceptOffer, Command, ReportPosition
from dispatch.domain.model import (
    Acknowledgement,
    Booking,
    Fix,
    OutOfService,
    RideRequest,
    Shift,
    ShiftStatus,
)
from dispatch.domain.phone import e164
from dispatch.failpoints import hit
from dispatch.live.attempts import Attempts, Limit, Pace
from dispatch.live.backlog import Backlog
from dispatch.live.health import health
from dispatch.live.hub import Hub, connect_redis, end_task
from dispatch.live.keys import POSITIONS_MAX, Keys
from dispatch.live.lookups import Lookups
from dispatch.live.notices import Notice, VehicleFix, vehicle_fix_from_json
from dispatch.live.presence import SHOW_EVERY_S, sign
from dispatch.live.recipients import Recipients
from dispatch.store import entities, inbox
from dispatch.store.breakable import async_cursor_factory
from dispatch.store.codec import (
    ACKNOWLEDGEMENT,
    BOOKING,
    CLOSURE,
    OUTAGE,
    REQUEST,
    SHIFT,
    command_to_json,
)
from dispatch.store.connect import OPTIONS, SETTINGS, is_outage
from dispatch.store.entities import PAST_VISIT, PastVisit
from dispatch.store.errors import (
    AnswerPendingError,
    KeyReusedError,
    OverloadedError,
    PositionsUnavailableError,
    StoreUnavailableError,
    TooManyPositionsError,
    UnstorableError,
)
from dispatch.store.inbox import Outcome, Ticket
from dispatch.store.tokens import LABELS, ROLE_OF, token_hash

_RETRY_S: Final = 0.1
_REDIS_TIMEOUT_S: Final = 0.5
_POLL_UP_S: Final = 0.25
_POLL_DOWN_S: Final = 0.05
_RIDER_ID_BYTES: Final = 16
_FOR_A_RIDER: Final = (AcceptOffer, AcceptGroup, CreateSeries, JoinWaitingList)

_UNSTORABLE: Final = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
)

_CONTACTS: Final = """
SELECT id, name, phone, email FROM rider WHERE area = %(area)s AND id = ANY(%(ids)s)
"""


@dataclass(frozen=True, slots=True)
class Contact:
    """Who a booking is for, and how they want to be told; stored apart, and erasable.

    `language` is `de` or `en`; `channel` is `email`, `sms`, `push` or `none`, None = as possible.
    """

    name: str
    phone: str | None = None
    email: str | None = None
    language: str | None = None
    channel: str | None = None


class Gateway(Lookups):
    """One per web process.

    Args:
        dsn: The database, migrated.
        redis_url: Of Redis.
        area: The service area.
        sharers: How many such processes serve the area.
    """

    def __init__(self, dsn: str, redis_url: str, area: str, *, sharers: int = 1) -> None:
        self._area = area
        self._keys = Keys(area)
        self._pool: AsyncConnectionPool[AsyncConnection] = AsyncConnectionPool(
            dsn,
            min_size=1,
            max_size=limits.POOL_MAX,
            max_waiting=limits.POOL_WAITING_MAX,
            open=False,
            kwargs={
                "autocommit": True,
                "application_name": "rufbus-web",
                "cursor_factory": async_cursor_factory("web"),
                **OPTIONS,
            },
            configure=_configure,
            # our own retries ask for new connections; the pool's own back-off would be slower
            reconnect_timeout=0,
        )
        self._redis = connect_redis(redis_url, _REDIS_TIMEOUT_S)
        self._hub = Hub(redis_url, area)
        self.recipients = Recipients(self._fetch, area)
        self._poller: asyncio.Task[None] | None = None
        self._roles: dict[str, tuple[float, str | None]] = {}
        self._next_show = 0.0
        self._attempts = Attempts(self._redis, self._keys, sharers)
        self._backlog = Backlog(self._fetch, area)
        self._pace = Pace(limits.POSITIONS_PER_S, limits.POSITIONS_BURST)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Begin; the servers may come later."""
        await self._pool.open(wait=False)
        self._hub.start()
        self._poller = asyncio.create_task(self._poll(), name="rufbus-poller")

    async def close(self) -> None:
        """End; who still waits for an answer is cancelled."""
        if self._poller is not None:
            await end_task(self._poller)
            self._poller = None
        await self._hub.stop()
        await self._redis.aclose()
        await self._pool.close()

    # -- commands ---------------------------------------------------------------------------

    async def submit(
        self,
        command: Command,
        *,
        key: str | None,
        contact: Contact | None = None,
        timeout_s: float = limits.ANSWER_S,
    ) -> Outcome:
        """Have a command decided, once, however often this is called with the same key.

        Args:
            command: Anything but a position.
            key: The caller's idempotency key, 1 to 200 characters; None = never repeated.
            contact: The rider's personal data for a command with a `rider_id`, which is then made
                here.
            timeout_s: Longest wait for the dispatcher, real seconds.

        Returns:
            What the dispatcher has committed; for a repeated key, what it committed then.

        Raises:
            StoreUnavailableError: the database is gone; nothing is known about the command.
            OverloadedError: too much waits for the dispatcher; nothing was stored.
            AnswerPendingError: stored but not decided in time; repeat it with the same key.
            KeyReusedError: the key belongs to another command.
            UnstorableError: the tables cannot hold it.
        """
        key = key or f"once-{secrets.token_hex(16)}"
        ticket, outcome = await self._put(command, key, contact)
        if outcome is not None:
            return outcome
        future = self._hub.expect(ticket)
        self._backlog.callers += 1
        try:
            await self._wake()
            hit("web:wait:before")
            async with asyncio.timeout(timeout_s):
                outcome = await future
        except TimeoutError:
            raise AnswerPendingError(f"inbox entry {ticket[0]} is not decided yet") from None
        finally:
            self._backlog.callers -= 1
            self._hub.forget(ticket, future)
        hit("web:wait:after")
        return outcome

    async def _put(
        self, command: Command, key: str, contact: Contact | None
    ) -> tuple[Ticket, Outcome | None]:
        fingerprint = _fingerprint(command, key, contact)
        rider_id = None
        if contact is not None and isinstance(command, _FOR_A_RIDER):
            rider_id = f"rd_{secrets.token_hex(_RIDER_ID_BYTES)}"
            command = replace(command, rider_id=rider_id)
        parameters = {
            "area": self._area,
            "key": key,
            "fingerprint": fingerprint,
            "command": json.dumps(command_to_json(command)),
            "rider_id": rider_id,
            "name": contact and contact.name,
            "phone": contact and contact.phone,
            "phone_e164": contact and e164(contact.phone),
            "email": contact and contact.email,
            "language": contact and contact.language,
            "channel": contact and contact.channel,
        }
        full = await self._backlog.is_full(command)
        while True:
            if not full and (rows := await self._fetch(inbox.PUT, parameters)):
                return (int(rows[0][0]), fingerprint), None
            for row_id, stored, outcome in await self._fetch(inbox.FIND, parameters):
                if stored != fingerprint:
                    raise KeyReusedError("this idempotency key was used for another command")
                found = None if outcome is None else Outcome.from_json(outcome)
                return (int(row_id), fingerprint), found
            if full:
                raise OverloadedError("too much waits for the dispatcher")

    async def report_position(self, report: ReportPosition) -> None:
        """Pass a vehicle's position on to the dispatcher, unless a newer one overtakes it.

        Raises:
            TooManyPositionsError: the vehicle reports too often.
            PositionsUnavailableError: Redis is gone.
        """
        if not self._pace.allows(report.vehicle_id):
            raise TooManyPositionsError(report.vehicle_id)
        try:
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.rpush(self._keys.reports, json.dumps(command_to_json(report)))
            pipeline.ltrim(self._keys.reports, -POSITIONS_MAX, -1)
            pipeline.publish(self._keys.wake, b"")
            await pipeline.execute()
        except (redis.RedisError, OSError) as error:
            raise PositionsUnavailableError(str(error)) from error

    async def _wake(self) -> None:
        if self._hub.is_up:
            with contextlib.suppress(redis.RedisError, OSError):
                hit("web:wake:before")
                await self._redis.publish(self._keys.wake, b"")
                hit("web:wake:after")

    async def _poll(self) -> None:
        """Look for answers that Redis has not brought."""
        while True:
            await asyncio.sleep(_POLL_UP_S if self._hub.is_up else _POLL_DOWN_S)
            await self._show()
            if not (awaited := self._hub.awaited()):
                continue
            with contextlib.suppress(StoreUnavailableError):
                for row_id, outcome, mark in await self._fetch(inbox.OUTCOMES, {"ids": awaited}):
                    self._hub.settle((int(row_id), mark), Outcome.from_json(outcome))

    async def _show(self) -> None:
        """Say now and then that this process is there."""
        now = time.monotonic()
        if self._hub.is_up and now >= self._next_show:
            self._next_show = now + SHOW_EVERY_S
            with contextlib.suppress(redis.RedisError, OSError):
                await self._redis.hset(self._keys.processes, *sign("web"))

    # -- what is stored ---------------------------------------------------------------------

    async def request(self, request_id: str) -> RideRequest | None:
        """A ride request with its offers."""
        rows = await self._read(entities.REQUESTS + " AND r.id = %(id)s", id=request_id)
        return REQUEST.validate_python(rows[0]) if rows else None

    async def booking(self, booking_id: str) -> Booking | None:
        """A booking."""
        return (await self.bookings([booking_id])).get(booking_id)

    async def bookings(self, booking_ids: Iterable[str]) -> dict[str, Booking]:
        """Bookings by id; unknown ones are left out."""
        rows = await self._read(entities.BOOKINGS + " AND b.id = ANY(%(ids)s)", ids=[*booking_ids])
        return {b.id: b for b in map(BOOKING.validate_python, rows)}

    async def open_bookings(self) -> list[Booking]:
        """The bookings for which a vehicle has something to do, earliest promise first."""
        statement = entities.BOOKINGS + " AND b.ended_at_s IS NULL ORDER BY b.pickup_from_s, b.id"
        return [BOOKING.validate_python(row) for row in await self._read(statement)]

    async def contacts(self, rider_ids: Iterable[str]) -> dict[str, Contact]:
        """Personal data by rider id; who was erased is left out."""
        parameters = {"area": self._area, "ids": [*rider_ids]}
        return {row[0]: Contact(*row[1:]) for row in await self._fetch(_CONTACTS, parameters)}

    async def contact(self, rider_id: str) -> Contact | None:
        """A rider's personal data, None when erased."""
        return (await self.contacts([rider_id])).get(rider_id)

    async def shift(self, shift_id: str) -> Shift | None:
        """A shift with its plan."""
        rows = await self._read(entities.SHIFTS + " AND s.id = %(id)s", id=shift_id)
        return SHIFT.validate_python(rows[0]) if rows else None

    async def shifts(
        self,
        statuses: Iterable[ShiftStatus] = tuple(ShiftStatus),
        from_s: int | None = None,
        to_s: int | None = None,
        vehicle_id: str | None = None,
    ) -> list[Shift]:
        """Shifts with their plans, in order of start.

        Args:
            statuses: In one of these.
            from_s: Ending after this epoch second.
            to_s: Starting before this epoch second.
            vehicle_id: Of this vehicle.
        """
        statement = entities.SHIFTS + (
            " AND s.status = ANY(%(statuses)s)"
            " AND (%(from_s)s::bigint IS NULL OR s.end_s > %(from_s)s)"
            " AND (%(to_s)s::bigint IS NULL OR s.start_s < %(to_s)s)"
            " AND (%(vehicle_id)s::text IS NULL OR s.vehicle_id = %(vehicle_id)s)"
            " ORDER BY s.start_s, s.id"
        )
        rows = await self._read(
            statement,
            statuses=[str(status) for status in statuses],
            from_s=from_s,
            to_s=to_s,
            vehicle_id=vehicle_id,
        )
        return [SHIFT.validate_python(row) for row in rows]

    async def outages(self) -> dict[str, OutOfService]:
        """The vehicles that are out of service, by id, the longest first."""
        rows = await self._read(entities.OUTAGES + " ORDER BY o.since_s, o.vehicle_id")
        return {out.vehicle_id: out for out in map(OUTAGE.validate_python, rows)}

    async def past_visits(self, shift_ids: Iterable[str]) -> list[PastVisit]:
        """What really happened at the stops of some shifts, oldest first."""
        statement = entities.PAST_VISITS + (
            " AND v.shift_id = ANY(%(ids)s) ORDER BY v.arrived_at_s, v.departed_at_s, v.id"
        )
        rows = await self._read(statement, ids=[*shift_ids])
        return [PAST_VISIT.validate_python(row) for row in rows]

    async def closures(self, *, over: bool = False) -> list[Closure]:
        """Closures that are not over, or all; in order of their beginning."""
        statement = entities.CLOSURES + (
            " AND (%(over)s::bool OR c.status <> 'ended') ORDER BY c.from_s, c.id"
        )
        rows = await self._read(statement, over=over)
        return [CLOSURE.validate_python(row) for row in rows]

    async def acknowledgements(self, now_s: int) -> list[Acknowledgement]:
        """Who has seen which alert within the last day."""
        statement = entities.ACKNOWLEDGEMENTS + " AND k.at_s > %(after_s)s"
        rows = await self._read(statement, after_s=now_s - 86_400)
        return [ACKNOWLEDGEMENT.validate_python(row) for row in rows]

    async def token_labels(self) -> dict[str, str]:
        """What tokens are called, by the beginning of their hash."""
        return dict(await self._fetch(LABELS, {"area": self._area}))

    async def token_role(self, token: str) -> str | None:
        """What a bearer may do, None for a worthless token; remembered for some seconds."""
        digest = token_hash(token)
        now = time.monotonic()
        known = self._roles.get(digest)
        if known is not None and now - known[0] < limits.TOKEN_S:
            return known[1]
        rows = await self._fetch(ROLE_OF, {"hash": digest, "area": self._area})
        role = str(rows[0][0]) if rows else None
        if len(self._roles) >= limits.TOKENS_REMEMBERED:
            self._roles.clear()
        self._roles[digest] = (now, role)
        return role

    # -- attempts ---------------------------------------------------------------------------

    async def attempt(self, wanted: Sequence[Limit], window_s: int) -> bool:
        """Count an attempt to prove something as failed; whether it may be made at all.

        Args:
            wanted: Scopes, and how many failures each may have.
            window_s: How long failures count, from the first one on; real seconds.
        """
        return await self._attempts.take(wanted, window_s)

    async def forgive(self, wanted: Sequence[Limit]) -> None:
        """The attempt was no failure."""
        await self._attempts.forgive(wanted)

    # -- the present ------------------------------------------------------------------------

    async def positions(self) -> dict[str, Fix]:
        """The latest known position by shift id; empty while Redis is gone."""
        return {shift_id: known.fix for shift_id, known in (await self.vehicle_fixes()).items()}

    async def position(self, shift_id: str) -> Fix | None:
        """The latest known position on a shift; None while Redis is gone."""
        try:
            raw: Any = await self._redis.hget(self._keys.fixes, shift_id)
        except (redis.RedisError, OSError):
            return None
        known = None if raw is None else vehicle_fix_from_json(raw)
        return None if known is None else known.fix

    async def vehicle_fixes(self) -> dict[str, VehicleFix]:
        """The latest known positions with their vehicles, by shift id."""
        try:
            raw: dict[Any, Any] = await self._redis.hgetall(self._keys.fixes)
        except (redis.RedisError, OSError):
            return {}
        found = (vehicle_fix_from_json(data) for data in raw.values())
        return {known.shift_id: known for known in found if known is not None}

    async def listen(self) -> AsyncIterator[Notice]:
        """Notices without end; the first says to look, so that nothing is missed before it."""
        queue = self._hub.join()
        try:
            while True:
                yield await queue.get()
        finally:
            self._hub.leave(queue)

    async def health(self) -> dict[str, Any]:
        """Whether database, Redis, dispatcher and optimiser are there, and how many processes."""
        return await health(self._fetch, self._redis, self._area)

    # -- the database -----------------------------------------------------------------------

    async def _read(self, statement: str, **parameters: Any) -> list[Any]:
        rows = await self._fetch(statement, {"area": self._area} | parameters)
        return [entity for _, entity in rows]

    async def _rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return await self._fetch(statement, {"area": self._area} | parameters)

    async def _fetch(self, statement: Any, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Run one statement that may be repeated, for a while also while the database is gone."""
        deadline = time.monotonic() + limits.STORE_PATIENCE_S
        while True:
            try:
                async with self._pool.connection(timeout=limits.POOL_CHECKOUT_S) as connection:
                    cursor = await connection.execute(statement, parameters)
                    return await cursor.fetchall()
            except TooManyRequests as error:
                raise OverloadedError(str(error)) from error
            except _UNSTORABLE as error:
                raise UnstorableError(str(error).strip()) from error
            except psycopg.Error as error:
                if not is_outage(error):
                    raise
                if time.monotonic() >= deadline:
                    raise StoreUnavailableError(str(error).strip()) from error
                await asyncio.sleep(_RETRY_S)


async def _configure(connection: AsyncConnection) -> None:
    # nothing a web process writes is acknowledged before the dispatcher's commit flushes it
    await connection.execute(f"{SETTINGS}; SET synchronous_commit = off")


def _fingerprint(command: Command, key: str, contact: Contact | None) -> str:
    """What a key stands for; salted with the key, so that equal contacts do not look alike."""
    document = command_to_json(command)
    if contact is not None:
        # the language may come from a header, which a repetition need not have
        person = {k: v for k, v in asdict(contact).items() if k != "language"}
        if contact.channel is None:
            del person["channel"]
        document["rider_id"] = person
    text = json.dumps([key, document], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
