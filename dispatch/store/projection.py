"""Writes what a batch has changed into the tables: one statement per table, never one per row.

The rows travel as one JSON document per statement and are taken apart by PostgreSQL.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

import psycopg

from dispatch.domain.model import ShiftStatus, Visit
from dispatch.domain.state import State
from dispatch.store.changes import Changes
from dispatch.store.codec import ACKNOWLEDGEMENT, BOOKING, CLOSURE, OUTAGE, REQUEST, SHIFT
from dispatch.store.life import write_life

_REQUESTS: Final = """
INSERT INTO ride_request (
    area, id, received_at_s, origin_lon, origin_lat, origin_stop_id, destination_lon,
    destination_lat, destination_stop_id, depart_at_s, arrive_by_s, seats, wheelchairs,
    max_walk_m, channel, status, refusal_code, alternatives, replaces, connection, group_id,
    repeats)
SELECT %(area)s, r.id, r.received_at_s,
    (r.origin->>'lon')::float8, (r.origin->>'lat')::float8, r.origin->>'stop_id',
    (r.destination->>'lon')::float8, (r.destination->>'lat')::float8, r.destination->>'stop_id',
    r.depart_at_s, r.arrive_by_s, (r.party->>'seats')::int, (r.party->>'wheelchairs')::int,
    r.max_walk_m, r.channel, r.status, r.refusal->>'code', r.refusal->'alternatives',
    r.replaces, nullif(r.connection, 'null'), r.group_id, r.repeats
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(
    id text, received_at_s bigint, origin jsonb, destination jsonb, depart_at_s bigint,
    arrive_by_s bigint, party jsonb, max_walk_m int, channel text, status text, refusal jsonb,
    replaces text, connection jsonb, group_id text, repeats text)
"""

_OFFERS: Final = """
INSERT INTO offer (
    area, id, request_id, ordinal, kind, pickup_stop_id, dropoff_stop_id, pickup_from_s,
    pickup_to_s, arrival_latest_s, max_ride_s, pickup_walk_m, dropoff_walk_m, planned_pickup_s,
    planned_arrival_s, wish_earliest_s, walk_s, direct_s, price_cents, expires_at_s)
SELECT %(area)s, o.id, o.request_id, o.ordinal, o.kind,
    p.pickup_stop_id, p.dropoff_stop_id, p.pickup_from_s, p.pickup_to_s, p.arrival_latest_s,
    p.max_ride_s, o.pickup_walk_m, o.dropoff_walk_m, o.planned_pickup_s, o.planned_arrival_s,
    o.wish_earliest_s, o.walk_s, o.direct_s, o.price_cents, o.expires_at_s
FROM jsonb_to_recordset(%(rows)s::jsonb) AS o(
        id text, request_id text, ordinal int, kind text, promise jsonb, pickup_walk_m int,
        dropoff_walk_m int, planned_pickup_s bigint, planned_arrival_s bigint,
        wish_earliest_s bigint, walk_s int, direct_s int, price_cents int, expires_at_s bigint),
    LATERAL jsonb_to_record(o.promise) AS p(
        pickup_stop_id text, dropoff_stop_id text, pickup_from_s bigint, pickup_to_s bigint,
        arrival_latest_s bigint, max_ride_s int)
"""

_REQUEST_STATUS: Final = """
UPDATE ride_request AS r SET status = n.status
FROM jsonb_to_recordset(%(rows)s::jsonb) AS n(id text, status text)
WHERE r.area = %(area)s AND r.id = n.id
"""

_SHIFTS: Final = """
INSERT INTO shift (
    area, id, vehicle_id, start_s, end_s, depot_stop_id, status, anchor, version, breaks,
    started_at_s, ended_at_s)
SELECT %(area)s, s.id, s.vehicle_id, s.start_s, s.end_s, s.depot_stop_id, s.status, s.anchor,
    s.version, s.breaks, coalesce(s.started_at_s, known.started_at_s),
    coalesce(s.ended_at_s, known.ended_at_s)
FROM jsonb_to_recordset(%(rows)s::jsonb) AS s(
    id text, vehicle_id text, start_s bigint, end_s bigint, depot_stop_id text, status text,
    anchor jsonb, version int, breaks jsonb, started_at_s bigint, ended_at_s bigint)
LEFT JOIN shift known ON known.area = %(area)s AND known.id = s.id
ON CONFLICT (area, id) DO UPDATE SET
    status = excluded.status, anchor = excluded.anchor, version = excluded.version,
    breaks = excluded.breaks,
    started_at_s = excluded.started_at_s, ended_at_s = excluded.ended_at_s
"""

_BOOKINGS: Final = """
INSERT INTO booking (
    area, id, code, request_id, offer_id, rider_id, status, pickup_stop_id, dropoff_stop_id,
    pickup_from_s, pickup_to_s, arrival_latest_s, max_ride_s, seats, wheelchairs, shift_id,
    booked_at_s, wish_earliest_s, walk_s, direct_s, price_cents, boarded_at_s, alighted_at_s,
    ended_at_s, cancelled_by, cancel_reason, cancelled_late, changed_at_s, pinned, group_id,
    series_id, instead, displacement, first_boarded_at_s, rescues, booked_party)
SELECT %(area)s, b.id, b.code, b.request_id, b.offer_id, b.rider_id, b.status,
    p.pickup_stop_id, p.dropoff_stop_id, p.pickup_from_s, p.pickup_to_s, p.arrival_latest_s,
    p.max_ride_s, (b.party->>'seats')::int, (b.party->>'wheelchairs')::int, b.shift_id,
    b.booked_at_s, b.wish_earliest_s, b.walk_s, b.direct_s, b.price_cents, b.boarded_at_s,
    b.alighted_at_s, b.ended_at_s, b.cancelled_by, b.cancel_reason, b.cancelled_late,
    b.changed_at_s, b.pinned, b.group_id, b.series_id, b.instead, b.displacement,
    b.first_boarded_at_s, b.rescues, b.booked_party
FROM jsonb_to_recordset(%(rows)s::jsonb) AS b(
        id text, code text, request_id text, offer_id text, rider_id text, status text,
        promise jsonb, party jsonb, shift_id text, booked_at_s bigint, wish_earliest_s bigint,
        walk_s int, direct_s int, price_cents int, boarded_at_s bigint, alighted_at_s bigint,
        ended_at_s bigint, cancelled_by text, cancel_reason text, cancelled_late boolean,
        changed_at_s bigint, pinned boolean, group_id text, series_id text, instead jsonb,
        displacement jsonb, first_boarded_at_s bigint, rescues int, booked_party jsonb),
    LATERAL jsonb_to_record(b.promise) AS p(
        pickup_stop_id text, dropoff_stop_id text, pickup_from_s bigint, pickup_to_s bigint,
        arrival_latest_s bigint, max_ride_s int)
ON CONFLICT (area, id) DO UPDATE SET
    status = excluded.status, shift_id = excluded.shift_id, boarded_at_s = excluded.boarded_at_s,
    alighted_at_s = excluded.alighted_at_s, ended_at_s = excluded.ended_at_s,
    cancelled_by = excluded.cancelled_by, cancel_reason = excluded.cancel_reason,
    cancelled_late = excluded.cancelled_late, changed_at_s = excluded.changed_at_s,
    pinned = excluded.pinned, request_id = excluded.request_id, offer_id = excluded.offer_id,
    pickup_stop_id = excluded.pickup_stop_id, dropoff_stop_id = excluded.dropoff_stop_id,
    pickup_from_s = excluded.pickup_from_s, pickup_to_s = excluded.pickup_to_s,
    arrival_latest_s = excluded.arrival_latest_s, max_ride_s = excluded.max_ride_s,
    seats = excluded.seats, wheelchairs = excluded.wheelchairs,
    wish_earliest_s = excluded.wish_earliest_s, walk_s = excluded.walk_s,
    direct_s = excluded.direct_s, price_cents = excluded.price_cents,
    instead = excluded.instead, displacement = excluded.displacement,
    first_boarded_at_s = excluded.first_boarded_at_s, rescues = excluded.rescues,
    booked_party = excluded.booked_party
"""

_OUTAGES: Final = """
INSERT INTO vehicle_outage (area, vehicle_id, since_s, reason, lon, lat, until_s)
SELECT %(area)s, o.vehicle_id, o.since_s, o.reason, o.lon, o.lat, o.until_s
FROM jsonb_to_recordset(%(rows)s::jsonb) AS o(
    vehicle_id text, since_s bigint, reason text, lon float8, lat float8, until_s bigint)
ON CONFLICT (area, vehicle_id, since_s) DO UPDATE SET
    reason = excluded.reason, lon = excluded.lon, lat = excluded.lat, until_s = excluded.until_s
"""

_CLOSURES: Final = """
INSERT INTO closure (
    area, id, from_s, until_s, reason, stop_id, lines, direction, source, external_id, status,
    ended_at_s)
SELECT %(area)s, c.id, c.from_s, c.until_s, c.reason, c.stop_id, c.lines, c.direction, c.source,
    c.external_id, c.status, c.ended_at_s
FROM jsonb_to_recordset(%(rows)s::jsonb) AS c(
    id text, from_s bigint, until_s bigint, reason text, stop_id text, lines jsonb,
    direction text, source text, external_id text, status text, ended_at_s bigint)
ON CONFLICT (area, id) DO UPDATE SET
    from_s = excluded.from_s, until_s = excluded.until_s, reason = excluded.reason,
    stop_id = excluded.stop_id, lines = excluded.lines, direction = excluded.direction,
    status = excluded.status, ended_at_s = excluded.ended_at_s
"""

# Most visits of a changed plan are as they were: those rows are left alone.
_VISITS: Final = """
INSERT INTO visit (
    area, id, shift_id, status, ordinal, stop_id, leave_s, arrive_s, depart_s, arrived_at_s,
    departed_at_s, break_id)
SELECT %(area)s, v.id, v.shift_id, v.status, v.ordinal, v.stop_id, v.leave_s, v.arrive_s,
    v.depart_s, v.arrived_at_s, v.departed_at_s, v.break_id
FROM jsonb_to_recordset(%(rows)s::jsonb) AS v(
    id text, shift_id text, status text, ordinal int, stop_id text, leave_s bigint,
    arrive_s bigint, depart_s bigint, arrived_at_s bigint, departed_at_s bigint, break_id text)
ON CONFLICT (area, id) DO UPDATE SET
    shift_id = excluded.shift_id, status = excluded.status, ordinal = excluded.ordinal,
    stop_id = excluded.stop_id, leave_s = excluded.leave_s, arrive_s = excluded.arrive_s,
    depart_s = excluded.depart_s, arrived_at_s = excluded.arrived_at_s,
    departed_at_s = excluded.departed_at_s, break_id = excluded.break_id
WHERE visit IS DISTINCT FROM excluded
"""

# Replaced, never overwritten: a second pick-up of a booking, open or done, violates the key.
# NOT IN, because it is hashed: NOT EXISTS compared each action of a large change with each other.
_STALE_ACTIONS: Final = """
DELETE FROM plan_action a USING visit v
WHERE v.area = %(area)s AND v.shift_id = ANY(%(shifts)s)
    AND a.area = v.area AND a.visit_id = v.id AND a.done_at_s IS NULL
    AND (a.booking_id, a.kind, a.ride, a.visit_id, a.ordinal, a.start_s, a.end_s) NOT IN (
        SELECT n.booking_id, n.kind, n.ride, n.visit_id, n.ordinal, n.start_s, n.end_s
        FROM jsonb_to_recordset(%(rows)s::jsonb) AS n(
            booking_id text, kind text, ride int, visit_id text, ordinal int, start_s bigint,
            end_s bigint, done_at_s bigint)
        WHERE n.done_at_s IS NULL)
"""

_ACTIONS: Final = """
INSERT INTO plan_action (
    area, booking_id, kind, ride, visit_id, ordinal, start_s, end_s, done_at_s)
SELECT %(area)s, n.booking_id, n.kind, n.ride, n.visit_id, n.ordinal, n.start_s, n.end_s,
    n.done_at_s
FROM jsonb_to_recordset(%(rows)s::jsonb) AS n(
    booking_id text, kind text, ride int, visit_id text, ordinal int, start_s bigint,
    end_s bigint, done_at_s bigint)
WHERE NOT EXISTS (
    SELECT FROM plan_action a WHERE a.area = %(area)s AND a.done_at_s IS NULL
        AND n.done_at_s IS NULL
        AND (n.booking_id, n.kind, n.ride, n.visit_id, n.ordinal, n.start_s, n.end_s)
            = (a.booking_id, a.kind, a.ride, a.visit_id, a.ordinal, a.start_s, a.end_s))
"""

_STALE_VISITS: Final = """
DELETE FROM visit v
WHERE v.area = %(area)s AND v.shift_id = ANY(%(shifts)s) AND v.status = 'open'
    AND v.id <> ALL(%(kept)s)
"""

_ACKNOWLEDGEMENTS: Final = """
INSERT INTO alert_acknowledgement (area, alert_id, at_s, seen_by, late_s)
SELECT %(area)s, a.alert_id, a.at_s, a.by, a.late_s
FROM jsonb_to_recordset(%(rows)s::jsonb) AS a(alert_id text, at_s bigint, by text, late_s bigint)
ON CONFLICT (area, alert_id) DO UPDATE SET
    at_s = excluded.at_s, seen_by = excluded.seen_by, late_s = excluded.late_s
"""


def write_changes(
    connection: psycopg.Connection, area: str, changes: Changes, state: State
) -> None:
    """Bring the tables to the state, as far as it has changed.

    Args:
        connection: In a transaction; the caller commits.
        area: The service area.
        changes: What was touched.
        state: The values after all changes.
    """
    new = [
        REQUEST.dump_python(state.requests[r], mode="json") for r in sorted(changes.new_requests)
    ]
    _run(connection, _REQUESTS, area, new)
    offers = [o | {"ordinal": n} for request in new for n, o in enumerate(request["offers"])]
    _run(connection, _OFFERS, area, offers)
    changed = sorted(changes.requests - changes.new_requests)
    status = [{"id": r, "status": state.requests[r].status} for r in changed]
    _run(connection, _REQUEST_STATUS, area, status)
    _run(connection, _SHIFTS, area, _shift_rows(changes, state))
    bookings = [
        BOOKING.dump_python(state.bookings[b], mode="json") for b in sorted(changes.bookings)
    ]
    _run(connection, _BOOKINGS, area, bookings)
    closures = [
        CLOSURE.dump_python(state.closures[c], mode="json") for c in sorted(changes.closures)
    ]
    _run(connection, _CLOSURES, area, closures)
    write_life(connection, area, changes.life, state)
    if changes.plans:
        _write_plans(connection, area, changes, state)
    seen = [
        ACKNOWLEDGEMENT.dump_python(state.acknowledged[a], mode="json")
        for a in sorted(changes.acknowledged)
    ]
    _run(connection, _ACKNOWLEDGEMENTS, area, seen)
    outages = [OUTAGE.dump_python(o) | {"until_s": s} for o, s in changes.history.outages.values()]
    _run(connection, _OUTAGES, area, outages)  # first: a vehicle is out once at a time
    out = [state.out[v] for v in sorted(changes.outages) if v in state.out]
    _run(connection, _OUTAGES, area, [OUTAGE.dump_python(o) | {"until_s": None} for o in out])


def _run(
    connection: psycopg.Connection, statement: Any, area: str, rows: list[dict[str, Any]]
) -> None:
    if rows:
        connection.execute(statement, {"area": area, "rows": json.dumps(rows)})


def _shift_rows(changes: Changes, state: State) -> list[dict[str, Any]]:
    history = changes.history
    shifts = [state.shifts[shift_id] for shift_id in sorted(changes.shifts)]
    # a vehicle's ended shift first: only one may be active at any time
    shifts.sort(key=lambda shift: shift.status is not ShiftStatus.ENDED)
    times = [
        {"started_at_s": history.started_at_s.get(s.id), "ended_at_s": history.ended_at_s.get(s.id)}
        for s in shifts
    ]
    return [
        SHIFT.dump_python(s, mode="json", exclude={"visits"}) | t
        for s, t in zip(shifts, times, strict=True)
    ]


def _write_plans(connection: psycopg.Connection, area: str, changes: Changes, state: State) -> None:
    shifts = sorted(changes.plans)
    visits = [*_open_visits(state, shifts), *_closed_visits(changes)]
    actions = [*_open_actions(state, shifts), *_done_actions(changes)]
    _run(connection, _VISITS, area, visits)
    parameters: dict[str, Any] = {"area": area, "shifts": shifts, "rows": json.dumps(actions)}
    connection.execute(_STALE_ACTIONS, parameters)
    _run(connection, _ACTIONS, area, actions)
    kept = [visit["id"] for visit in visits]
    connection.execute(_STALE_VISITS, {"area": area, "shifts": shifts, "kept": kept})


def _visit_row(visit: Visit, shift_id: str) -> dict[str, Any]:
    return {
        "id": visit.id,
        "shift_id": shift_id,
        "stop_id": visit.stop_id,
        "leave_s": visit.leave_s,
        "arrive_s": visit.arrive_s,
        "depart_s": visit.depart_s,
        "arrived_at_s": visit.arrived_at_s,
        "break_id": visit.break_id,
    }


def _open_visits(state: State, shifts: Iterable[str]) -> Iterable[dict[str, Any]]:
    for shift_id in shifts:
        for ordinal, visit in enumerate(state.shifts[shift_id].visits):
            yield _visit_row(visit, shift_id) | {"status": "open", "ordinal": ordinal}


def _closed_visits(changes: Changes) -> Iterable[dict[str, Any]]:
    for closed in changes.history.closed.values():
        yield _visit_row(closed.visit, closed.shift_id) | {
            "status": "dropped" if closed.departed_at_s is None else "done",
            "departed_at_s": closed.departed_at_s,
        }


def _open_actions(state: State, shifts: Iterable[str]) -> Iterable[dict[str, Any]]:
    for shift_id in shifts:
        for visit in state.shifts[shift_id].visits:
            for ordinal, action in enumerate(visit.actions):
                yield {
                    "booking_id": action.booking_id,
                    "kind": action.kind,
                    "ride": state.bookings[action.booking_id].rescues,
                    "visit_id": visit.id,
                    "ordinal": ordinal,
                    "start_s": action.start_s,
                    "end_s": action.end_s,
                }


def _done_actions(changes: Changes) -> Iterable[dict[str, Any]]:
    for (booking_id, kind, ride), done in changes.history.done.items():
        yield {
            "booking_id": booking_id,
            "kind": kind,
            "ride": ride,
            "visit_id": done.visit_id,
            "ordinal": done.ordinal,
            "start_s": done.start_s,
            "end_s": done.end_s,
            "done_at_s": done.done_at_s,
        }
