"""Rebuilds the dispatcher's memory from the tables."""

from typing import Any, Final

import psycopg
from pydantic import TypeAdapter

from dispatch.domain.state import State
from dispatch.store import entities, life
from dispatch.store.codec import ACKNOWLEDGEMENT, BOOKING, CLOSURE, OUTAGE, REQUEST, SHIFT

_WANTED: Final = """ AND (r.status = 'offered' OR (r.received_at_s >= %(before_s)s
        AND (r.status <> 'lapsed' OR r.group_id IS NOT NULL))
    OR EXISTS (SELECT FROM booking b
        WHERE b.area = r.area AND b.request_id = r.id AND b.ended_at_s IS NULL)
    OR EXISTS (SELECT FROM waiting w WHERE w.area = r.area AND w.request_id = r.id
        AND (w.ended_at_s IS NULL OR w.ended_at_s >= %(before_s)s)))
ORDER BY r.received_at_s, r.id"""
_REQUESTS: Final = entities.REQUESTS + _WANTED
_BOOKINGS: Final = (
    entities.BOOKINGS
    + " AND (b.ended_at_s IS NULL OR b.ended_at_s >= %(before_s)s) ORDER BY b.booked_at_s, b.id"
)
_SHIFTS: Final = (
    entities.SHIFTS
    + " AND (s.status <> 'ended' OR s.end_s >= %(before_s)s) ORDER BY s.start_s, s.id"
)

_OUTAGES: Final = entities.OUTAGES + " ORDER BY o.since_s, o.vehicle_id"
_CLOSURES: Final = (
    entities.CLOSURES + " AND (c.status <> 'ended' OR c.ended_at_s >= %(before_s)s) ORDER BY c.id"
)

_OPEN_CLOSURES: Final = entities.CLOSURES + " AND c.status <> 'ended' ORDER BY c.id"

_ACKNOWLEDGEMENTS: Final = (
    entities.ACKNOWLEDGEMENTS + " AND k.at_s >= %(before_s)s ORDER BY k.at_s, k.alert_id"
)

_OPEN_BOOKINGS: Final = entities.BOOKINGS + " AND b.ended_at_s IS NULL ORDER BY b.booked_at_s, b.id"
_OPEN_SHIFTS: Final = entities.SHIFTS + " AND s.status <> 'ended' ORDER BY s.start_s, s.id"


def load_state(connection: psycopg.Connection, area: str, *, before_s: int) -> State:
    """What a dispatcher has to know, positions excepted.

    Args:
        connection: Outside a transaction; all is read from one snapshot.
        area: The service area.
        before_s: What was closed earlier than this epoch second is left out, exactly as
            `dispatch.domain.state.forget_closed` would do.

    Returns:
        A new state in a stable order.
    """
    state = State()
    parameters = {"area": area, "before_s": before_s}
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for request in _read(connection, _REQUESTS, parameters, REQUEST):
            state.add_request(request)
        for booking in _read(connection, _BOOKINGS, parameters, BOOKING):
            state.bookings[booking.id] = booking
        for shift in _read(connection, _SHIFTS, parameters, SHIFT):
            state.shifts[shift.id] = shift
        for out in _read(connection, _OUTAGES, parameters, OUTAGE):
            state.out[out.vehicle_id] = out
        state.closures = {c.id: c for c in _read(connection, _CLOSURES, parameters, CLOSURE)}
        for seen in _read(connection, _ACKNOWLEDGEMENTS, parameters, ACKNOWLEDGEMENT):
            state.acknowledged[seen.alert_id] = seen
        for series in _read(connection, life.OPEN_SERIES, parameters, life.SERIES):
            state.series[series.id] = series
        for day in _read(connection, life.OPEN_DAYS, parameters, life.SERIES_DAY):
            state.series_days[day.key] = day
        for entry in _read(connection, life.OPEN_WAITING, parameters, life.WAITING):
            state.waiting[entry.request_id] = entry
    return state


def load_open_plans(connection: psycopg.Connection, area: str) -> State:
    """The shifts that are not over, the open bookings and closures: what may be planned otherwise.

    Args:
        connection: Outside a transaction; all is read from one snapshot.
        area: The service area.

    Returns:
        A state without requests and positions, in a stable order.
    """
    state = State()
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for booking in _read(connection, _OPEN_BOOKINGS, {"area": area}, BOOKING):
            state.bookings[booking.id] = booking
        for shift in _read(connection, _OPEN_SHIFTS, {"area": area}, SHIFT):
            state.shifts[shift.id] = shift
        for out in _read(connection, _OUTAGES, {"area": area}, OUTAGE):
            state.out[out.vehicle_id] = out
        closures = _read(connection, _OPEN_CLOSURES, {"area": area}, CLOSURE)
        state.closures = {closure.id: closure for closure in closures}
    return state


def _read(
    connection: psycopg.Connection,
    statement: Any,
    parameters: dict[str, Any],
    adapter: TypeAdapter[Any],
) -> list[Any]:
    rows = connection.execute(statement, parameters).fetchall()
    return [adapter.validate_python(entity) for _, entity in rows]
