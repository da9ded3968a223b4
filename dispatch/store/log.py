"""The append-only event log: written by the leader only, folded to check the tables."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import psycopg

from dispatch.domain.events import Event
from dispatch.domain.state import State, apply
from dispatch.store.changes import History, Logged
from dispatch.store.codec import event_from_json, event_to_json
from dispatch.store.connect import connect, unavailable

_APPEND: Final = """
INSERT INTO event (area, at_s, type, payload, inbox_id, epoch)
VALUES (%s, %s, %s, %s::jsonb, %s, %s)
"""
_PAGE: Final = """
SELECT seq, type, payload FROM event WHERE area = %s AND seq > %s ORDER BY seq LIMIT 1000
"""
_LAST: Final = "SELECT max(seq) FROM event WHERE area = %s"


@dataclass(slots=True)
class Ledger:
    """Everything that ever happened in an area: nothing is forgotten, fixes were never known."""

    state: State = field(default_factory=State)
    history: History = field(default_factory=History)


def append(connection: psycopg.Connection, area: str, epoch: int, logged: list[Logged]) -> None:
    """Add events at the end of the log, in their order.

    Args:
        connection: In a transaction; the caller commits.
        area: The service area.
        epoch: Of the leader who decided them.
        logged: The events.
    """
    if not logged:
        return
    rows = []
    for entry in logged:
        payload = event_to_json(entry.event)
        kind = payload.pop("type")
        rows.append((area, entry.at_s, kind, json.dumps(payload), entry.inbox_id, epoch))
    with connection.cursor() as cursor:
        cursor.executemany(_APPEND, rows)


def newest(connection: psycopg.Connection, area: str) -> psycopg.Cursor:
    """Ask for the newest event's number; `last_seq` reads the answer, in a pipeline later."""
    return connection.execute(_LAST, [area])


def last_seq(cursor: psycopg.Cursor) -> int:
    """The newest event's number, 0 for an empty log."""
    row = cursor.fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def read(connection: psycopg.Connection, area: str, after: int = 0) -> Iterator[tuple[int, Event]]:
    """The events after a number, oldest first, in pages; with their numbers.

    Raises:
        UndecodableError: this version cannot read an event.
    """
    while page := connection.execute(_PAGE, [area, after]).fetchall():
        for seq, kind, payload in page:
            yield seq, event_from_json({"type": kind} | payload)
        after = page[-1][0]


def fold_all(
    connection: psycopg.Connection,
    area: str,
    watch: Callable[[int, Event, State], None] | None = None,
) -> Ledger:
    """The whole log folded from its start: state and history, closed entities included.

    Args:
        connection: the database.
        area: the service area.
        watch: told each event's number, the event, and the state after it.

    Raises:
        IllegalTransitionError: the log contradicts itself.
    """
    ledger = Ledger()
    for seq, event in read(connection, area):
        ledger.history.note(ledger.state, event)
        apply(ledger.state, event)
        if watch is not None:
            watch(seq, event, ledger.state)
    return ledger


def fold(connection: psycopg.Connection, area: str) -> State:
    """The state that the log gives, closed entities included."""
    return fold_all(connection, area).state


def last_event_at_s(dsn: str, area: str) -> int | None:
    """When the newest event was decided (epoch seconds of the service's clock), None without any.

    Raises:
        StoreUnavailableError: the database cannot be reached.
    """
    statement = "SELECT at_s FROM event WHERE area = %s ORDER BY seq DESC LIMIT 1"
    with unavailable(), connect(dsn) as connection:
        row = connection.execute(statement, [area]).fetchone()
    return int(row[0]) if row else None
