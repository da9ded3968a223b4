"""How riders want to be told: language, channel, push subscriptions; and the key that signs pushes.

All of it is personal data or hangs on it: it goes when the person goes.
"""

from dataclasses import dataclass
from typing import Final

import psycopg

SUBSCRIPTIONS_MAX: Final = 5
"""Devices per rider; the oldest gives way."""

# The web's writes are not flushed by themselves; what has no command behind it has to be.
_DURABLE: Final = "(SELECT set_config('synchronous_commit', 'on', true)) AS durable"

PREFERENCES: Final = """
SELECT r.language, r.channel, r.email IS NOT NULL, r.phone IS NOT NULL,
    (SELECT count(*) FROM push_subscription p WHERE p.area = r.area AND p.rider_id = r.id)
FROM rider r WHERE r.area = %(area)s AND r.id = %(rider_id)s
"""
PREFER: Final = f"""
UPDATE rider r SET language = coalesce(%(language)s::text, r.language),
    channel = CASE WHEN %(sets_channel)s THEN %(channel)s::text ELSE r.channel END
FROM {_DURABLE} WHERE r.area = %(area)s AND r.id = %(rider_id)s
RETURNING r.id
"""  # noqa: S608 (constants of this module only)
SUBSCRIBE: Final = f"""
WITH known AS (
    UPDATE rider r SET channel = 'push' FROM {_DURABLE}
    WHERE r.area = %(area)s AND r.id = %(rider_id)s RETURNING r.area, r.id
), surplus AS (
    DELETE FROM push_subscription p WHERE p.area = %(area)s AND p.rider_id = %(rider_id)s
        AND p.endpoint <> %(endpoint)s AND p.endpoint IN (
            SELECT o.endpoint FROM push_subscription o
            WHERE o.area = %(area)s AND o.rider_id = %(rider_id)s AND o.endpoint <> %(endpoint)s
            ORDER BY o.created_at DESC OFFSET %(others)s)
)
INSERT INTO push_subscription (area, rider_id, endpoint, p256dh, auth)
SELECT area, id, %(endpoint)s, %(p256dh)s, %(auth)s FROM known
ON CONFLICT (area, rider_id, endpoint) DO UPDATE SET
    p256dh = excluded.p256dh, auth = excluded.auth, created_at = clock_timestamp()
RETURNING rider_id
"""  # noqa: S608 (constants of this module only)
UNSUBSCRIBE: Final = f"""
WITH gone AS (
    DELETE FROM push_subscription p USING {_DURABLE}
    WHERE p.area = %(area)s AND p.rider_id = %(rider_id)s AND p.endpoint = %(endpoint)s
    RETURNING p.endpoint
)
UPDATE rider r SET channel = NULL
WHERE r.area = %(area)s AND r.id = %(rider_id)s AND r.channel = 'push' AND NOT EXISTS (
    SELECT FROM push_subscription p WHERE p.area = r.area AND p.rider_id = r.id
        AND p.endpoint NOT IN (SELECT endpoint FROM gone))
RETURNING r.id
"""  # noqa: S608 (constants of this module only)
_SUBSCRIPTIONS: Final = """
SELECT endpoint, p256dh, auth FROM push_subscription
WHERE area = %s AND rider_id = %s ORDER BY created_at, endpoint
"""
_DROP: Final = "DELETE FROM push_subscription WHERE area = %s AND rider_id = %s AND endpoint = %s"
STORE_KEY: Final = """
INSERT INTO vapid_key (area, private_pem) VALUES (%(area)s, %(pem)s) ON CONFLICT DO NOTHING
RETURNING area
"""
KEY: Final = "SELECT private_pem FROM vapid_key WHERE area = %(area)s"
_KNOWN: Final = """
SELECT m.id FROM message m JOIN rider r ON r.area = m.area AND r.id = m.rider_id
WHERE m.area = %s AND m.id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A browser that takes pushes for a rider, as it has described itself."""

    endpoint: str
    p256dh: str
    auth: str


def subscriptions(connection: psycopg.Connection, area: str, rider_id: str) -> list[Subscription]:
    """All browsers of a rider."""
    rows = connection.execute(_SUBSCRIPTIONS, [area, rider_id]).fetchall()
    return [Subscription(*row) for row in rows]


def drop_subscription(
    connection: psycopg.Connection, area: str, rider_id: str, endpoint: str
) -> None:
    """Forget a browser that is gone."""
    connection.execute(_DROP, [area, rider_id, endpoint])


def vapid_pem(connection: psycopg.Connection, area: str, fresh_pem: str) -> str:
    """The area's private push key (PEM): the stored one, else `fresh_pem`, stored from now on."""
    parameters = {"area": area, "pem": fresh_pem}
    connection.execute(STORE_KEY, parameters)
    row = connection.execute(KEY, parameters).fetchone()
    return fresh_pem if row is None else str(row[0])


def with_recipient(connection: psycopg.Connection, area: str, message_ids: list[str]) -> set[str]:
    """Of some messages, those whose rider has not been erased."""
    return {row[0] for row in connection.execute(_KNOWN, [area, message_ids])}
