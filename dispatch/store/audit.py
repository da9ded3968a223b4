"""Compares the folded log with all tables, closed entities included: a part of `rufbus audit`."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import psycopg

from dispatch.domain.life import SeriesDay
from dispatch.store import entities, life
from dispatch.store.changes import ClosedVisit
from dispatch.store.codec import ACKNOWLEDGEMENT, BOOKING, CLOSURE, OUTAGE, REQUEST, SHIFT
from dispatch.store.log import Ledger, fold_all

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_SHIFT_TIMES: Final = """
SELECT id, started_at_s, ended_at_s FROM shift
WHERE area = %(area)s AND (started_at_s IS NOT NULL OR ended_at_s IS NOT NULL)
"""
_CLOSED: Final = """
SELECT id, shift_id, stop_id, leave_s, arrive_s, depart_s, break_id, arrived_at_s, departed_at_s
FROM visit WHERE area = %(area)s AND status <> 'open'
"""
_DONE: Final = """
SELECT booking_id, kind, ride, visit_id, ordinal, start_s, end_s, done_at_s
FROM plan_action WHERE area = %(area)s AND done_at_s IS NOT NULL
"""
_PAST_OUTAGES: Final = """
SELECT vehicle_id, since_s, reason, lon, lat, until_s
FROM vehicle_outage WHERE area = %(area)s AND until_s IS NOT NULL
"""
_STRAY: Final = """
SELECT a.booking_id, a.kind, a.visit_id FROM plan_action a
LEFT JOIN visit v ON v.area = a.area AND v.id = a.visit_id AND v.status = 'open'
WHERE a.area = %(area)s AND a.done_at_s IS NULL AND v.id IS NULL
"""


def differences(connection: psycopg.Connection, area: str) -> list[str]:
    """What the tables say differently from the log.

    Args:
        connection: Outside a transaction; all is read from one snapshot.
        area: The service area.

    Returns:
        One line per difference in a stable order; empty when log and tables agree.

    Raises:
        IllegalTransitionError: the log contradicts itself.
        UndecodableError: this version cannot read an event.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return differences_of(connection, area, fold_all(connection, area))


def differences_of(connection: psycopg.Connection, area: str, ledger: Ledger) -> list[str]:
    """The same for a log that has been folded, within the caller's snapshot."""
    return [
        *_entities(connection, area, ledger),
        *_history(connection, area, ledger),
    ]


def _entities(connection: psycopg.Connection, area: str, ledger: Ledger) -> list[str]:
    state = ledger.state
    kinds: tuple[tuple[str, str, TypeAdapter[Any], Mapping[str, Any]], ...] = (
        ("request", entities.REQUESTS, REQUEST, state.requests),
        ("booking", entities.BOOKINGS, BOOKING, state.bookings),
        ("shift", entities.SHIFTS, SHIFT, state.shifts),
        ("outage", entities.OUTAGES, OUTAGE, state.out),
        ("closure", entities.CLOSURES, CLOSURE, state.closures),
        ("alert", entities.ACKNOWLEDGEMENTS, ACKNOWLEDGEMENT, state.acknowledged),
        ("series", life.SERIES_ROWS, life.SERIES, state.series),
        ("series day", life.SERIES_DAYS, life.SERIES_DAY, _by_row(state.series_days)),
        ("waiting", life.WAITING_ROWS, life.WAITING, state.waiting),
    )
    found = []
    for kind, statement, adapter, logged in kinds:
        rows = connection.execute(statement, {"area": area})
        tables = {key: adapter.validate_python(entity) for key, entity in rows}
        found += _compare(kind, logged, tables)
    return found


def _by_row(days: Mapping[tuple[str, date], SeriesDay]) -> dict[str, SeriesDay]:
    """Days of standing orders under the key that the tables give them."""
    return {f"({series_id},{day})": value for (series_id, day), value in days.items()}


def _history(connection: psycopg.Connection, area: str, ledger: Ledger) -> list[str]:
    history = ledger.history
    parameters = {"area": area}
    times = {row[0]: row[1:] for row in connection.execute(_SHIFT_TIMES, parameters)}
    logged_times = {
        shift_id: (history.started_at_s.get(shift_id), history.ended_at_s.get(shift_id))
        for shift_id in history.started_at_s.keys() | history.ended_at_s.keys()
    }
    closed = {row[0]: row[1:] for row in connection.execute(_CLOSED, parameters)}
    logged_closed = {key: _closed_row(visit) for key, visit in history.closed.items()}
    done = {row[:3]: row[3:] for row in connection.execute(_DONE, parameters)}
    logged_done = {
        (booking_id, str(kind), ride): (d.visit_id, d.ordinal, d.start_s, d.end_s, d.done_at_s)
        for (booking_id, kind, ride), d in history.done.items()
    }
    outages = {row[:2]: row[2:] for row in connection.execute(_PAST_OUTAGES, parameters)}
    logged_outages = {
        (out.vehicle_id, out.since_s): (out.reason, out.lon, out.lat, until_s)
        for out, until_s in history.outages.values()
    }
    return [
        *_compare("shift times", logged_times, times),
        *_compare("past outage", logged_outages, outages),
        *_compare("past visit", logged_closed, closed),
        *_compare("done action", logged_done, done),
        *(f"stray action: {row}" for row in connection.execute(_STRAY, parameters)),
    ]


def _closed_row(closed: ClosedVisit) -> tuple[Any, ...]:
    v = closed.visit
    planned = (closed.shift_id, v.stop_id, v.leave_s, v.arrive_s, v.depart_s, v.break_id)
    return (*planned, v.arrived_at_s, closed.departed_at_s)


def _compare(kind: str, logged: Mapping[Any, Any], tables: Mapping[Any, Any]) -> list[str]:
    found = []
    for key in sorted(logged.keys() | tables.keys()):
        if key not in tables:
            found.append(f"{kind} {key}: in the log only")
        elif key not in logged:
            found.append(f"{kind} {key}: in the tables only")
        elif logged[key] != tables[key]:
            found.append(f"{kind} {key}: log {logged[key]} / tables {tables[key]}")
    return found
