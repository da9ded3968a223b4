"""Rows to domain values: each query builds an entity's JSON in one statement, so in one snapshot.

Every query is a complete SELECT with the columns `id` and `entity`, to be narrowed by `AND …` on
its alias: `r` ride_request, `b` booking, `s` shift, `v` visit, `c` closure, `o` outage. `%(area)s`
is always a parameter.
"""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter

from dispatch.domain.model import ActionKind

_PROMISE: Final = """json_build_object(
    'pickup_stop_id', {0}.pickup_stop_id, 'dropoff_stop_id', {0}.dropoff_stop_id,
    'pickup_from_s', {0}.pickup_from_s, 'pickup_to_s', {0}.pickup_to_s,
    'arrival_latest_s', {0}.arrival_latest_s, 'max_ride_s', {0}.max_ride_s)"""

_OFFER: Final = f"""json_build_object(
    'id', o.id, 'request_id', o.request_id, 'kind', o.kind, 'promise', {_PROMISE.format("o")},
    'pickup_walk_m', o.pickup_walk_m, 'dropoff_walk_m', o.dropoff_walk_m,
    'planned_pickup_s', o.planned_pickup_s, 'planned_arrival_s', o.planned_arrival_s,
    'wish_earliest_s', o.wish_earliest_s, 'walk_s', o.walk_s, 'direct_s', o.direct_s,
    'price_cents', o.price_cents, 'expires_at_s', o.expires_at_s)"""

REQUESTS: Final = f"""
SELECT r.id, json_build_object(
    'id', r.id, 'received_at_s', r.received_at_s,
    'origin', json_build_object(
        'lon', r.origin_lon, 'lat', r.origin_lat, 'stop_id', r.origin_stop_id),
    'destination', json_build_object(
        'lon', r.destination_lon, 'lat', r.destination_lat, 'stop_id', r.destination_stop_id),
    'depart_at_s', r.depart_at_s, 'arrive_by_s', r.arrive_by_s,
    'party', json_build_object('seats', r.seats, 'wheelchairs', r.wheelchairs),
    'max_walk_m', r.max_walk_m, 'channel', r.channel, 'status', r.status,
    'offers', coalesce((SELECT json_agg({_OFFER} ORDER BY o.ordinal) FROM offer o
        WHERE o.area = r.area AND o.request_id = r.id), '[]'),
    'refusal', CASE WHEN r.refusal_code IS NOT NULL THEN json_build_object(
        'code', r.refusal_code, 'alternatives', r.alternatives) END,
    'replaces', r.replaces, 'connection', r.connection, 'group_id', r.group_id,
    'repeats', r.repeats) AS entity
FROM ride_request r WHERE r.area = %(area)s
"""  # noqa: S608 (constants of this module only)

BOOKINGS: Final = f"""
SELECT b.id, json_build_object(
    'id', b.id, 'code', b.code, 'request_id', b.request_id, 'offer_id', b.offer_id,
    'rider_id', b.rider_id, 'status', b.status, 'promise', {_PROMISE.format("b")},
    'party', json_build_object('seats', b.seats, 'wheelchairs', b.wheelchairs),
    'shift_id', b.shift_id, 'booked_at_s', b.booked_at_s, 'wish_earliest_s', b.wish_earliest_s,
    'walk_s', b.walk_s, 'direct_s', b.direct_s, 'price_cents', b.price_cents,
    'boarded_at_s', b.boarded_at_s, 'alighted_at_s', b.alighted_at_s,
    'ended_at_s', b.ended_at_s, 'cancelled_by', b.cancelled_by,
    'cancel_reason', b.cancel_reason, 'cancelled_late', b.cancelled_late,
    'changed_at_s', b.changed_at_s, 'pinned', b.pinned, 'group_id', b.group_id,
    'series_id', b.series_id,
    'instead', b.instead, 'displacement', b.displacement,
    'first_boarded_at_s', b.first_boarded_at_s, 'rescues', b.rescues,
    'booked_party', b.booked_party) AS entity
FROM booking b WHERE b.area = %(area)s
"""  # noqa: S608 (constants of this module only)

_ACTION: Final = """json_build_object(
    'kind', a.kind, 'booking_id', a.booking_id, 'start_s', a.start_s, 'end_s', a.end_s)"""

_OPEN_VISIT: Final = f"""json_build_object(
    'id', v.id, 'stop_id', v.stop_id, 'actions', coalesce((
        SELECT json_agg({_ACTION} ORDER BY a.ordinal) FROM plan_action a
        WHERE a.area = v.area AND a.visit_id = v.id AND a.done_at_s IS NULL), '[]'),
    'leave_s', v.leave_s, 'arrive_s', v.arrive_s, 'depart_s', v.depart_s,
    'arrived_at_s', v.arrived_at_s, 'break_id', v.break_id)"""  # noqa: S608 (constants of this module only)

SHIFTS: Final = f"""
SELECT s.id, json_build_object(
    'id', s.id, 'vehicle_id', s.vehicle_id, 'start_s', s.start_s, 'end_s', s.end_s,
    'depot_stop_id', s.depot_stop_id, 'status', s.status, 'anchor', s.anchor,
    'version', s.version, 'breaks', s.breaks,
    'visits', coalesce((SELECT json_agg({_OPEN_VISIT} ORDER BY v.ordinal) FROM visit v
        WHERE v.area = s.area AND v.shift_id = s.id AND v.status = 'open'), '[]')) AS entity
FROM shift s WHERE s.area = %(area)s
"""  # noqa: S608 (constants of this module only)

OUTAGES: Final = """
SELECT o.vehicle_id, json_build_object(
    'vehicle_id', o.vehicle_id, 'since_s', o.since_s, 'reason', o.reason,
    'lon', o.lon, 'lat', o.lat) AS entity
FROM vehicle_outage o WHERE o.area = %(area)s AND o.until_s IS NULL
"""

CLOSURES: Final = """
SELECT c.id, json_build_object(
    'id', c.id, 'from_s', c.from_s, 'until_s', c.until_s, 'reason', c.reason,
    'stop_id', c.stop_id, 'lines', c.lines, 'direction', c.direction, 'source', c.source,
    'external_id', c.external_id, 'status', c.status, 'ended_at_s', c.ended_at_s) AS entity
FROM closure c WHERE c.area = %(area)s
"""

ACKNOWLEDGEMENTS: Final = """
SELECT k.alert_id, json_build_object(
    'alert_id', k.alert_id, 'at_s', k.at_s, 'by', k.seen_by, 'late_s', k.late_s) AS entity
FROM alert_acknowledgement k WHERE k.area = %(area)s
"""

PAST_VISITS: Final = """
SELECT v.id, json_build_object(
    'id', v.id, 'shift_id', v.shift_id, 'stop_id', v.stop_id, 'arrive_s', v.arrive_s,
    'arrived_at_s', v.arrived_at_s, 'departed_at_s', v.departed_at_s, 'break_id', v.break_id,
    'actions', coalesce((SELECT json_agg(json_build_object(
            'booking_id', a.booking_id, 'kind', a.kind, 'done_at_s', a.done_at_s)
            ORDER BY a.done_at_s, a.booking_id) FROM plan_action a
        WHERE a.area = v.area AND a.visit_id = v.id AND a.done_at_s IS NOT NULL), '[]')) AS entity
FROM visit v WHERE v.area = %(area)s AND v.status <> 'open'
"""


@dataclass(frozen=True, slots=True)
class PastAction:
    """A booking got on or off at `done_at_s`."""

    booking_id: str
    kind: ActionKind
    done_at_s: int


@dataclass(frozen=True, slots=True)
class PastVisit:
    """What really happened at a stop.

    `arrive_s` is the last plan; `departed_at_s` is None where the plan dropped the visit while the
    vehicle stood there.
    """

    id: str
    shift_id: str
    stop_id: str
    arrive_s: int
    arrived_at_s: int | None
    departed_at_s: int | None
    actions: tuple[PastAction, ...]
    break_id: str | None = None


PAST_VISIT: Final[TypeAdapter[Any]] = TypeAdapter(PastVisit)
