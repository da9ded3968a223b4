"""Standing orders, their days, and the waiting list: to the tables and back."""

from typing import Any, Final

import psycopg
from pydantic import TypeAdapter

from dispatch.domain.life import Series, SeriesDay, Waiting
from dispatch.domain.state import State
from dispatch.store.touched import Touched

SERIES: Final = TypeAdapter(Series)
SERIES_DAY: Final = TypeAdapter(SeriesDay)
WAITING: Final = TypeAdapter(Waiting)

SERIES_ROWS: Final = """
SELECT s.id, json_build_object(
    'id', s.id, 'rider_id', s.rider_id, 'wish', s.wish, 'calendar', s.calendar,
    'channel', s.channel, 'status', s.status, 'created_at_s', s.created_at_s,
    'ended_at_s', s.ended_at_s, 'ended_by', s.ended_by) AS entity
FROM series s WHERE s.area = %(area)s
"""
SERIES_DAYS: Final = """
SELECT ROW(d.series_id, d.day)::text, json_build_object(
    'series_id', d.series_id, 'day', d.day, 'wish_s', d.wish_s, 'status', d.status,
    'at_s', d.at_s, 'booking_id', d.booking_id, 'request_id', d.request_id, 'code', d.code,
    'tries', d.tries) AS entity
FROM series_day d WHERE d.area = %(area)s
"""
WAITING_ROWS: Final = """
SELECT w.request_id, json_build_object(
    'request_id', w.request_id, 'rider_id', w.rider_id, 'joined_at_s', w.joined_at_s,
    'until_s', w.until_s, 'status', w.status, 'ended_at_s', w.ended_at_s,
    'booking_id', w.booking_id) AS entity
FROM waiting w WHERE w.area = %(area)s
"""

# Exactly what `forget_closed` keeps.
OPEN_SERIES: Final = (
    SERIES_ROWS
    + " AND (s.status = 'active' OR s.ended_at_s >= %(before_s)s) ORDER BY s.created_at_s, s.id"
)
OPEN_DAYS: Final = (
    SERIES_DAYS
    + """ AND d.wish_s >= %(before_s)s - 2 * 86400 AND EXISTS (
    SELECT FROM series s WHERE s.area = d.area AND s.id = d.series_id
        AND (s.status = 'active' OR s.ended_at_s >= %(before_s)s))
ORDER BY d.wish_s, d.series_id"""
)
OPEN_WAITING: Final = (
    WAITING_ROWS
    + " AND (w.status = 'waiting' OR w.ended_at_s >= %(before_s)s)"
    + " ORDER BY w.joined_at_s, w.request_id"
)

_WRITE_SERIES: Final = """
INSERT INTO series (
    area, id, rider_id, wish, calendar, channel, status, created_at_s, ended_at_s, ended_by)
SELECT %(area)s, s.id, s.rider_id, s.wish, s.calendar, s.channel, s.status, s.created_at_s,
    s.ended_at_s, s.ended_by
FROM jsonb_to_recordset(%(rows)s::jsonb) AS s(
    id text, rider_id text, wish jsonb, calendar jsonb, channel text, status text,
    created_at_s bigint, ended_at_s bigint, ended_by text)
ON CONFLICT (area, id) DO UPDATE SET
    status = excluded.status, ended_at_s = excluded.ended_at_s, ended_by = excluded.ended_by
"""
_WRITE_DAYS: Final = """
INSERT INTO series_day (
    area, series_id, day, wish_s, status, at_s, booking_id, request_id, code, tries)
SELECT %(area)s, d.series_id, d.day, d.wish_s, d.status, d.at_s, d.booking_id, d.request_id,
    d.code, d.tries
FROM jsonb_to_recordset(%(rows)s::jsonb) AS d(
    series_id text, day date, wish_s bigint, status text, at_s bigint, booking_id text,
    request_id text, code text, tries int)
ON CONFLICT (area, series_id, day) DO UPDATE SET
    status = excluded.status, at_s = excluded.at_s, booking_id = excluded.booking_id,
    request_id = excluded.request_id, code = excluded.code, tries = excluded.tries
"""
_WRITE_WAITING: Final = """
INSERT INTO waiting (
    area, request_id, rider_id, joined_at_s, until_s, status, ended_at_s, booking_id)
SELECT %(area)s, w.request_id, w.rider_id, w.joined_at_s, w.until_s, w.status, w.ended_at_s,
    w.booking_id
FROM jsonb_to_recordset(%(rows)s::jsonb) AS w(
    request_id text, rider_id text, joined_at_s bigint, until_s bigint, status text,
    ended_at_s bigint, booking_id text)
ON CONFLICT (area, request_id) DO UPDATE SET
    rider_id = excluded.rider_id, joined_at_s = excluded.joined_at_s,
    until_s = excluded.until_s, status = excluded.status, ended_at_s = excluded.ended_at_s,
    booking_id = excluded.booking_id
"""


def write_life(connection: psycopg.Connection, area: str, touched: Touched, state: State) -> None:
    """Bring the tables to the state, as far as it has changed.

    Args:
        connection: In a transaction; requests and bookings are written already.
        area: The service area.
        touched: What has changed.
        state: The values after all changes.
    """
    kinds: tuple[tuple[Any, TypeAdapter[Any], list[Any]], ...] = (
        (_WRITE_SERIES, SERIES, [state.series[k] for k in sorted(touched.series)]),
        (_WRITE_DAYS, SERIES_DAY, [state.series_days[k] for k in sorted(touched.series_days)]),
        (_WRITE_WAITING, WAITING, [state.waiting[k] for k in sorted(touched.waiting)]),
    )
    for statement, adapter, values in kinds:
        if values:
            rows = b",".join(adapter.dump_json(value) for value in values).decode()
            connection.execute(statement, {"area": area, "rows": f"[{rows}]"})
