"""The inbox: commands on their way to the dispatcher, each decided once and answered once.

The web's insert is not flushed to disk by itself: the dispatcher's commit, which comes later in the
same write-ahead log, flushes both before anybody gets an answer.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from dispatch.domain.commands import Command
from dispatch.store.codec import command_from_json, command_to_json
from dispatch.store.errors import UndecodableError

PUT: Final = """
WITH entry AS (
    INSERT INTO inbox (area, idempotency_key, fingerprint, command)
    SELECT %(area)s, %(key)s, %(fingerprint)s, %(command)s::jsonb
    ON CONFLICT (area, idempotency_key) DO NOTHING
    RETURNING id
), person AS (
    INSERT INTO rider (area, id, name, phone, phone_e164, email, language, channel)
    SELECT %(area)s, %(rider_id)s, %(name)s, %(phone)s, %(phone_e164)s, %(email)s,
        coalesce(%(language)s::text, 'de'), %(channel)s FROM entry
    WHERE %(rider_id)s::text IS NOT NULL
)
SELECT id FROM entry
"""
"""Stores a command, and the person it is for, unless the key is taken; gives the row's id then."""

FIND: Final = """
SELECT id, fingerprint, outcome FROM inbox WHERE area = %(area)s AND idempotency_key = %(key)s
"""
OUTCOMES: Final = """
SELECT id, outcome, fingerprint FROM inbox WHERE id = ANY(%(ids)s) AND outcome IS NOT NULL
"""

Ticket = tuple[int, str]
"""Whose answer it is: an entry's id and fingerprint.

The id alone is not enough: when the database crashes before an insert has been flushed, the same id
is given to somebody else's command.
"""

_TAKE: Final = """
SELECT id, command, fingerprint FROM inbox
WHERE area = %s AND outcome IS NULL ORDER BY id LIMIT %s
"""
_DECIDE: Final = """
UPDATE inbox SET outcome = o.outcome::json, decided_at = clock_timestamp()
FROM unnest(%s::bigint[], %s::text[]) AS o(id, outcome)
WHERE inbox.id = o.id AND inbox.outcome IS NULL
"""
_FORGET: Final = """
DELETE FROM rider USING inbox
WHERE inbox.id = ANY(%s) AND rider.area = inbox.area AND rider.id = inbox.command->>'rider_id'
    AND rider.created_at >= inbox.received_at
"""
"""Forgets who came with a command; who was known before it stays."""

_PRUNE: Final = """
DELETE FROM inbox WHERE area = %s AND decided_at < clock_timestamp() - make_interval(secs => %s)
"""


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """Why a command changed nothing: a `DomainError` in transit."""

    code: str
    detail: str
    params: dict[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to a command: the reply's JSON body, or an error."""

    body: dict[str, Any] | None = None
    error: ErrorInfo | None = None

    def to_json(self) -> dict[str, Any]:
        """As it is stored and sent around."""
        if self.error is None:
            return {"body": self.body}
        error = self.error
        return {"error": {"code": error.code, "detail": error.detail, "params": error.params}}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Outcome":
        """The outcome of `to_json`."""
        error = document.get("error")
        return cls(document.get("body"), ErrorInfo(**error) if error else None)


INTERNAL_ERROR: Final = Outcome(error=ErrorInfo("internal_error", "the engine failed"))


@dataclass(frozen=True, slots=True)
class Entry:
    """An undecided command; None where this version cannot read it."""

    id: int
    command: Command | None
    fingerprint: str = ""

    @property
    def ticket(self) -> Ticket:
        """Whose answer it will get."""
        return self.id, self.fingerprint


def put(connection: psycopg.Connection, area: str, key: str, command: Command) -> int:
    """Store a command that concerns no person.

    Args:
        connection: In autocommit mode: one short statement.
        area: The service area.
        key: A new idempotency key.
        command: Anything that nobody waits for with personal data.

    Returns:
        The entry's id.
    """
    person = dict.fromkeys(
        ("rider_id", "name", "phone", "phone_e164", "email", "language", "channel")
    )
    document = json.dumps(command_to_json(command))
    parameters = {"area": area, "key": key, "fingerprint": "", "command": document} | person
    row = connection.execute(PUT, parameters).fetchone()
    if row is None:
        raise ValueError(f"the key {key} is taken")
    return int(row[0])


def take(connection: psycopg.Connection, area: str, limit: int) -> list[Entry]:
    """The oldest undecided commands, in the order of their arrival."""
    rows = connection.execute(_TAKE, [area, limit]).fetchall()
    return [Entry(row_id, _command(document), mark) for row_id, document, mark in rows]


def _command(document: dict[str, Any]) -> Command | None:
    try:
        return command_from_json(document)
    except UndecodableError:
        return None


def write_outcomes(connection: psycopg.Connection, outcomes: dict[int, Outcome]) -> None:
    """Answer commands, within the leader's transaction.

    People who came with a command that has failed are forgotten: nothing is for them.

    Args:
        connection: In a transaction; the caller commits.
        outcomes: By inbox id. What was answered before keeps its answer.
    """
    if outcomes:
        documents = [json.dumps(outcome.to_json()) for outcome in outcomes.values()]
        connection.execute(_DECIDE, [list(outcomes), documents])
    if failed := [row_id for row_id, outcome in outcomes.items() if outcome.error is not None]:
        connection.execute(_FORGET, [failed])


def prune(connection: psycopg.Connection, area: str, older_than_s: int) -> int:
    """Throw away commands that were answered long ago; their keys may be used again.

    Args:
        connection: The database.
        area: The service area.
        older_than_s: Age of the answer in seconds of real time.

    Returns:
        How many.
    """
    return connection.execute(_PRUNE, [area, older_than_s]).rowcount
