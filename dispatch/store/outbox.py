"""The outbox: what riders have to be told, written in the very transaction that makes it true.

The dispatcher adds rows. Messengers, any number of them, take one at a time for as long as its
lease lasts, send it, and record what came of it. Nothing here knows words or addresses' meaning.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import psycopg

_ADD: Final = """
INSERT INTO message (area, id, booking_id, ordinal, rider_id, kind, facts, at_s, expires_at_s)
SELECT %(area)s, m.id, m.booking_id, m.ordinal, m.rider_id, m.kind, m.facts, m.at_s, m.expires_at_s
FROM jsonb_to_recordset(%(rows)s::jsonb) AS m(
    id text, booking_id text, ordinal int, rider_id text, kind text, facts jsonb, at_s bigint,
    expires_at_s bigint)
ON CONFLICT DO NOTHING
"""

_LAST: Final = """
SELECT DISTINCT ON (m.booking_id) m.booking_id, m.ordinal, m.at_s, m.kind, m.facts
FROM message m JOIN booking b ON b.area = m.area AND b.id = m.booking_id
WHERE m.area = %(area)s AND (b.ended_at_s IS NULL OR b.ended_at_s >= %(before_s)s)
ORDER BY m.booking_id, m.ordinal DESC
"""

# How somebody is reached: as chosen if that is possible, else by e-mail, else by SMS.
_CHANNEL: Final = """CASE
    WHEN r.id IS NULL THEN 'nobody'
    WHEN r.channel = 'none' THEN 'none'
    WHEN r.channel = 'push' AND %(push)s AND EXISTS (
        SELECT FROM push_subscription p WHERE p.area = r.area AND p.rider_id = r.id) THEN 'push'
    WHEN r.channel = 'sms' AND %(sms)s AND r.phone IS NOT NULL THEN 'sms'
    WHEN r.email IS NOT NULL THEN 'email'
    WHEN %(sms)s AND r.phone IS NOT NULL THEN 'sms'
    ELSE 'none' END"""

# In order within a booking: nobody shall read "cancelled" before "confirmed".
_CLAIM: Final = f"""
WITH next AS (
    SELECT m.id, r.name, r.phone, r.email, r.language
    FROM message m LEFT JOIN rider r ON r.area = m.area AND r.id = m.rider_id
    WHERE m.area = %(area)s AND m.state = 'pending' AND m.due_at <= clock_timestamp()
        AND m.expires_at_s > %(now_s)s AND {_CHANNEL} = %(channel)s
        AND NOT EXISTS (SELECT FROM message e WHERE e.area = m.area
            AND e.booking_id = m.booking_id AND e.ordinal < m.ordinal AND e.state = 'pending')
    ORDER BY m.due_at, m.id LIMIT 1
    FOR UPDATE OF m SKIP LOCKED
)
UPDATE message AS m SET attempts = m.attempts + 1, lease = %(lease)s, channel = %(channel)s,
    due_at = clock_timestamp() + make_interval(secs => %(lease_s)s)
FROM next WHERE m.id = next.id
RETURNING m.id, m.booking_id, m.rider_id, m.kind, m.facts, m.at_s, m.expires_at_s, m.attempts,
    next.name, next.phone, next.email, next.language
"""  # noqa: S608 (constants of this module only)

# Success counts whoever reports it; a failure only from the one whose turn it still is.
_SENT: Final = """
UPDATE message SET state = 'sent', channel = %(channel)s, lease = NULL, error = NULL,
    finished_at = clock_timestamp()
WHERE id = %(id)s AND state <> 'sent'
"""
_AGAIN: Final = """
UPDATE message SET lease = NULL, error = %(error)s, attempts = attempts - %(uncounted)s,
    due_at = clock_timestamp() + make_interval(secs => %(after_s)s)
WHERE id = %(id)s AND state = 'pending' AND lease = %(lease)s
"""
_DEAD: Final = """
UPDATE message SET state = 'dead', lease = NULL, error = %(error)s, finished_at = clock_timestamp()
WHERE id = %(id)s AND state = 'pending' AND lease = %(lease)s
"""

# What is being sent at this moment (leased and not yet due again) is left alone.
_FREE: Final = """m.area = %(area)s AND m.state = 'pending'
        AND (m.lease IS NULL OR m.due_at <= clock_timestamp())"""
_SUPERSEDED: Final = f"""
    SELECT m.id, 'superseded' AS state FROM message m
    WHERE {_FREE} AND EXISTS (
        SELECT FROM message n
        JOIN jsonb_to_recordset(%(rules)s::jsonb) AS rule(newer text, older text)
            ON rule.newer = n.kind AND rule.older = m.kind
        WHERE n.area = m.area AND n.booking_id = m.booking_id AND n.ordinal > m.ordinal)
    FOR UPDATE OF m SKIP LOCKED"""  # noqa: S608 (constants of this module only)
_EXPIRED: Final = f"""
    SELECT m.id, 'expired' AS state FROM message m
    WHERE {_FREE} AND m.expires_at_s <= %(now_s)s
    FOR UPDATE OF m SKIP LOCKED"""  # noqa: S608 (constants of this module only)
_UNREACHABLE: Final = f"""
    SELECT m.id, CASE WHEN r.id IS NULL THEN 'no_recipient' ELSE 'no_channel' END AS state
    FROM message m LEFT JOIN rider r ON r.area = m.area AND r.id = m.rider_id
    WHERE {_FREE} AND {_CHANNEL} IN ('nobody', 'none')
    FOR UPDATE OF m SKIP LOCKED"""  # noqa: S608 (constants of this module only)
_FINISH: Final = """
WITH found AS MATERIALIZED ({})
UPDATE message m SET state = found.state, lease = NULL, finished_at = clock_timestamp()
FROM found WHERE m.id = found.id
"""
_SUPERSEDE: Final = _FINISH.format(_SUPERSEDED)
_EXPIRE: Final = _FINISH.format(_EXPIRED)
_GIVE_UP: Final = _FINISH.format(_UNREACHABLE)

LIST: Final = """
SELECT m.id, m.booking_id, m.kind, m.channel, m.state, m.attempts, m.at_s, m.expires_at_s,
    extract(epoch FROM m.created_at)::float8, extract(epoch FROM m.finished_at)::float8, m.error,
    CASE WHEN m.state = 'pending' THEN extract(epoch FROM m.due_at)::float8 END
FROM message m
WHERE m.area = %(area)s AND (%(booking_id)s::text IS NULL OR m.booking_id = %(booking_id)s)
    AND (%(states)s::text[] IS NULL OR m.state = ANY(%(states)s))
ORDER BY m.created_at DESC, m.ordinal DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """Something a rider has to be told.

    Attributes:
        id: Follows from everything else, so that the same message cannot be there twice.
        booking_id: What it is about, None if it is no booking.
        ordinal: The how-manieth message about that booking, from 1.
        rider_id: Whom it is for; a pseudonym.
        kind: What it says.
        facts: What its words are made of: ids, times, numbers. Nothing personal.
        at_s: When it was decided, epoch seconds of the service's clock.
        expires_at_s: Until when it is worth sending.
    """

    id: str
    booking_id: str | None
    ordinal: int
    rider_id: str
    kind: str
    facts: dict[str, Any]
    at_s: int
    expires_at_s: int


@dataclass(frozen=True, slots=True)
class Reach:
    """The channels that are configured beside e-mail."""

    sms: bool = False
    push: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message to be sent by whoever holds its lease, with the person it is for."""

    id: str
    booking_id: str | None
    rider_id: str
    kind: str
    facts: dict[str, Any]
    at_s: int
    expires_at_s: int
    attempts: int
    name: str
    phone: str | None
    email: str | None
    language: str


def add(connection: psycopg.Connection, area: str, messages: Sequence[NewMessage]) -> None:
    """Store messages beside the events that cause them; those that are there already stay.

    Args:
        connection: In the leader's transaction; the caller commits.
        area: The service area.
        messages: All of a batch.
    """
    if messages:
        rows = json.dumps([asdict(message) for message in messages])
        connection.execute(_ADD, {"area": area, "rows": rows})


def last_told(
    connection: psycopg.Connection, area: str, before_s: int
) -> list[tuple[str, int, int, str, dict[str, Any]]]:
    """The last message about each booking that is open or ended after an epoch second.

    Returns:
        Booking id, ordinal, time of decision, kind, facts.
    """
    parameters = {"area": area, "before_s": before_s}
    return connection.execute(_LAST, parameters).fetchall()


def claim(
    connection: psycopg.Connection,
    area: str,
    channel: str,
    reach: Reach,
    *,
    lease: str,
    lease_s: float,
    now_s: int,
) -> Claimed | None:
    """Take the next message that is due on a channel; nobody else gets it before the lease ends.

    Args:
        connection: In autocommit mode.
        area: The service area.
        channel: `email`, `sms` or `push`.
        reach: What is configured.
        lease: A fresh name for this attempt.
        lease_s: How long it is ours, real seconds.
        now_s: The service's time; what has expired is not taken.
    """
    parameters = {
        "area": area,
        "channel": channel,
        "sms": reach.sms,
        "push": reach.push,
        "lease": lease,
        "lease_s": lease_s,
        "now_s": now_s,
    }
    row = connection.execute(_CLAIM, parameters).fetchone()
    return None if row is None else Claimed(*row)


def record_sent(connection: psycopg.Connection, message_id: str, channel: str) -> None:
    """It was accepted by whoever delivers it."""
    connection.execute(_SENT, {"id": message_id, "channel": channel})


def record_again(
    connection: psycopg.Connection,
    message_id: str,
    lease: str,
    error: str,
    after_s: float,
    *,
    counts: bool = True,
) -> None:
    """Try again after so many real seconds; an attempt that does not count never was one."""
    parameters = {"id": message_id, "lease": lease, "error": error, "after_s": after_s}
    connection.execute(_AGAIN, parameters | {"uncounted": 0 if counts else 1})


def record_dead(connection: psycopg.Connection, message_id: str, lease: str, error: str) -> None:
    """It will never be accepted."""
    connection.execute(_DEAD, {"id": message_id, "lease": lease, "error": error})


def supersede(connection: psycopg.Connection, area: str, rules: Sequence[tuple[str, str]]) -> int:
    """Finish what a newer message about the same booking has made superfluous.

    Args:
        connection: In autocommit mode.
        area: The service area.
        rules: Pairs of kinds, newer and older: the newer makes the older superfluous.

    Returns:
        How many.
    """
    pairs = json.dumps([{"newer": newer, "older": older} for newer, older in rules])
    return connection.execute(_SUPERSEDE, {"area": area, "rules": pairs}).rowcount


def settle(connection: psycopg.Connection, area: str, reach: Reach, now_s: int) -> int:
    """Finish what cannot be sent: too old, for nobody, or on no channel.

    Args:
        connection: In autocommit mode.
        area: The service area.
        reach: What is configured.
        now_s: The service's time.

    Returns:
        How many.
    """
    parameters = {"area": area, "sms": reach.sms, "push": reach.push, "now_s": now_s}
    expired = connection.execute(_EXPIRE, parameters).rowcount
    return expired + connection.execute(_GIVE_UP, parameters).rowcount
