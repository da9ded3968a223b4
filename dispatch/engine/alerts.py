"""What the control room has to know: promises that will be missed, drivers and vehicles amiss.

Pure, and cheap enough for every look at the fleet: what the plans say is compared with what was
promised, nothing is searched. What could be done about it is in `remedies.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from dispatch.domain.closures import stops_closed
from dispatch.domain.model import (
    Acknowledgement,
    ActionKind,
    Booking,
    BookingStatus,
    Fix,
    Shift,
    ShiftStatus,
)
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State
from dispatch.engine.breaches import planned_breaches
from dispatch.engine.network import Network
from dispatch.engine.off_route import off_route_m
from routing.roads.matching import Point, distance_m

ESCALATES_S: Final = 300
"""An alert that has got worse by so much since it was acknowledged is a new one."""
ACKNOWLEDGED_S: Final = 1800
"""After so long an alert that still stands has to be looked at again."""
_CRITICAL_S: Final = 600
_LATE_MIN_S: Final = 1
_SOON_S: Final = 3600
_OVERRUN_MIN_S: Final = 60
_NO_DRIVER_AFTER_S: Final = 120
_LEFT_M: Final = 100.0
_SILENT_S: Final = 300
"""Silence for so long is more than a hole in the radio network."""


class AlertKind(StrEnum):
    """What is wrong."""

    LATE_PICKUP = "late_pickup"
    LATE_ARRIVAL = "late_arrival"
    LONG_RIDE = "long_ride"
    BREAK_LATE = "break_late"
    SHIFT_OVERRUN = "shift_overrun"
    NO_DRIVER = "no_driver"
    NO_VEHICLE = "no_vehicle"
    POSITION_STALE = "position_stale"
    POSITION_DOUBTED = "position_doubted"
    VEHICLE_OFF_ROUTE = "vehicle_off_route"
    STOP_CLOSED = "stop_closed"


class Severity(StrEnum):
    """How bad it is."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Cause(StrEnum):
    """Why a plan is late."""

    NO_DRIVER = "no_driver"
    HELD_AT_STOP = "held_at_stop"
    BEHIND_PLAN = "behind_plan"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something the control room has to know.

    Attributes:
        id: stable for as long as it is the same thing that is wrong.
        kind: what is wrong.
        severity: how bad it is.
        since_s: from when on the limit is missed; may lie ahead.
        late_s: by how many seconds, or how long it has been so.
        shift_id: whose plan.
        vehicle_id: of that shift.
        booking_ids: who is concerned.
        cause: why a plan is late.
        params: what words about it may mention besides; `stop_id`, `metres`.
    """

    id: str
    kind: AlertKind
    severity: Severity
    since_s: int
    late_s: int
    shift_id: str
    vehicle_id: str
    booking_ids: tuple[str, ...] = ()
    cause: Cause | None = None
    params: Mapping[str, str | int] = field(default_factory=dict)


_ORDER: Final = {severity: rank for rank, severity in enumerate(Severity)}


def alerts(config: ServiceConfig, network: Network | None, state: State, now_s: int) -> list[Alert]:
    """Everything that is wrong now, or will be by the present plans; the most severe first.

    Args:
        config: the town's service.
        network: its roads; without, what takes a way to find out is left out.
        state: the open shifts and bookings, and the latest positions.
        now_s: the instant, epoch seconds.
    """
    found: list[Alert] = list(_without_vehicle(state, now_s))
    for shift in state.shifts.values():
        if shift.status is ShiftStatus.ENDED or shift.vehicle_id in state.out:
            continue  # where nothing is planned, nothing can go wrong
        roads = None if network is None else network.for_shift(shift, state.closures)
        found += _promises(state, shift, now_s)
        found += _duties(config, roads, state, shift, now_s)
        if shift.status is ShiftStatus.ACTIVE:
            found += _position(config, roads, state, shift, now_s)
    for booking in state.bookings.values():
        found += _at_closed_stops(state, booking)
    return sorted(found, key=lambda a: (_ORDER[a.severity], -a.late_s, a.id))


def _without_vehicle(state: State, now_s: int) -> Iterator[Alert]:
    """Riders whose vehicle cannot carry them, for as long as there is no other one."""
    for booking in state.bookings.values():
        lost = booking.displacement
        if booking.status is not BookingStatus.DISPLACED or lost is None:
            continue
        soon = booking.in_force.pickup_from_s <= now_s + _SOON_S
        yield Alert(
            id=f"{AlertKind.NO_VEHICLE}:{booking.id}",
            kind=AlertKind.NO_VEHICLE,
            severity=Severity.CRITICAL if booking.rescues or soon else Severity.WARNING,
            since_s=lost.at_s,
            late_s=now_s - lost.at_s,
            shift_id=lost.shift_id,
            vehicle_id=lost.vehicle_id,
            booking_ids=(booking.id,),
            params={"stop_id": booking.in_force.pickup_stop_id},
        )


def is_acknowledged(alert: Alert, seen: Acknowledgement | None, now_s: int) -> bool:
    """Whether somebody knows of an alert as it stands: not much worse, not long ago."""
    if seen is None or seen.alert_id != alert.id:
        return False
    return alert.late_s < seen.late_s + ESCALATES_S and now_s < seen.at_s + ACKNOWLEDGED_S


def _make(
    kind: AlertKind,
    shift: Shift,
    severity: Severity,
    span_s: tuple[int, int],
    booking_ids: tuple[str, ...] = (),
    *,
    key: str = "",
    cause: Cause | None = None,
    **params: str | int,
) -> Alert:
    """An alert about a shift; `span_s` is since when and by how much."""
    name, (since_s, late_s) = f"{kind}:{key or shift.id}", span_s
    about = (shift.id, shift.vehicle_id, booking_ids, cause, params)
    return Alert(name, kind, severity, since_s, late_s, *about)


def _promises(state: State, shift: Shift, now_s: int) -> Iterator[Alert]:
    """What was promised to riders and drivers and will be missed by the plan; each rider once."""
    late = {key: s for key, s in planned_breaches(state, shift).items() if s >= _LATE_MIN_S}
    cause = _cause(shift, now_s) if late else None
    told: set[str] = set()
    for (key, what), late_s in sorted(late.items(), key=lambda item: _WORST_FIRST[item[0][1]]):
        severity = Severity.CRITICAL if late_s >= _CRITICAL_S else Severity.WARNING
        if what == "break":
            since_s = next(b.latest_s for b in shift.breaks if b.id == key)
            span_s = (since_s, late_s)
            yield _make(AlertKind.BREAK_LATE, shift, Severity.WARNING, span_s, key=key, cause=cause)
        elif key not in told:
            told.add(key)
            kind, since_s, stop_id = _missed(state.bookings[key], what, late_s, shift)
            span_s = (since_s, late_s)
            yield _make(
                kind, shift, severity, span_s, (key,), key=key, cause=cause, stop_id=stop_id
            )


_WORST_FIRST: Final = {"pickup": 0, "arrival": 1, "ride": 2, "break": 3}


def _missed(booking: Booking, what: str, late_s: int, shift: Shift) -> tuple[AlertKind, int, str]:
    """What kind of a breach it is, since when, and at which stop."""
    promise, stops = booking.promise, booking.in_force
    if what == "pickup":
        return AlertKind.LATE_PICKUP, promise.pickup_to_s, stops.pickup_stop_id
    if what == "arrival":
        return AlertKind.LATE_ARRIVAL, promise.arrival_latest_s, stops.dropoff_stop_id
    arrives_s = next(
        action.start_s
        for visit in shift.visits
        for action in visit.actions
        if action.booking_id == booking.id and action.kind is ActionKind.DROPOFF
    )
    return AlertKind.LONG_RIDE, arrives_s - late_s, stops.dropoff_stop_id


def _at_closed_stops(state: State, booking: Booking) -> Iterator[Alert]:
    """Riders who were promised a stop at which no vehicle may halt then."""
    shift, ends = state.shifts.get(booking.shift_id), booking.in_force
    if shift is None or booking.status not in {BookingStatus.CONFIRMED, BookingStatus.BOARDED}:
        return
    closed = stops_closed(state.closures, ends.pickup_from_s, ends.arrival_latest_s)
    waits = booking.status is BookingStatus.CONFIRMED
    for stop in (*([ends.pickup_stop_id] if waits else []), ends.dropoff_stop_id):
        if stop in closed:
            span_s, severity = (ends.pickup_from_s, 0), Severity.WARNING
            key, who = f"{booking.id}:{stop}", (booking.id,)
            yield _make(AlertKind.STOP_CLOSED, shift, severity, span_s, who, key=key, stop_id=stop)


def _cause(shift: Shift, now_s: int) -> Cause:
    if shift.status is ShiftStatus.PLANNED and now_s > shift.start_s:
        return Cause.NO_DRIVER
    current = shift.current_visit
    if current is not None and current.actions and current.depart_s <= now_s + _OVERRUN_MIN_S:
        return Cause.HELD_AT_STOP
    return Cause.BEHIND_PLAN


def _duties(
    config: ServiceConfig, network: Network | None, state: State, shift: Shift, now_s: int
) -> Iterator[Alert]:
    """Drivers who do not come, and who work longer than they should."""
    overdue_s = now_s - shift.start_s
    if shift.status is ShiftStatus.PLANNED and overdue_s >= _NO_DRIVER_AFTER_S:
        riders = tuple(dict.fromkeys(a.booking_id for v in shift.visits for a in v.actions))
        bad = bool(riders) or overdue_s > config.rules.shift_start_grace_s
        severity = Severity.CRITICAL if bad else Severity.WARNING
        yield _make(AlertKind.NO_DRIVER, shift, severity, (shift.start_s, overdue_s), riders)
    over_s = _overrun_s(network, shift, now_s)
    if over_s >= _OVERRUN_MIN_S and shift.status is ShiftStatus.ACTIVE:
        span_s, aboard = (shift.end_s, over_s), _aboard(state, shift)
        yield _make(AlertKind.SHIFT_OVERRUN, shift, Severity.WARNING, span_s, aboard)


def _overrun_s(network: Network | None, shift: Shift, now_s: int) -> int:
    """How long after the end of the shift its vehicle will be back at the depot."""
    if not shift.visits:
        return 0
    last = shift.visits[-1]
    free_s = max(last.depart_s, now_s) if len(shift.visits) == 1 else last.depart_s
    if network is None:
        return free_s - shift.end_s
    stop, depot = (network.stop_index.get(i) for i in (last.stop_id, shift.depot_stop_id))
    if stop is None or depot is None:
        return free_s - shift.end_s
    leg_s = int(network.travel.matrix_s[stop, depot])
    return network.drive(now_s, free_s, leg_s) - shift.end_s


def _position(
    config: ServiceConfig, network: Network | None, state: State, shift: Shift, now_s: int
) -> Iterator[Alert]:
    """A vehicle that should be driving and is not heard of, or is somewhere else."""
    fix, stale_s = state.fixes.get(shift.id), config.rules.position_stale_s
    riders = _aboard(state, shift) or _next_riders(shift)
    silent_since_s = _silent_since_s(shift, fix)
    if silent_since_s is not None and now_s - silent_since_s > stale_s:
        silent_s = now_s - silent_since_s
        severity = Severity.WARNING if riders and silent_s >= _SILENT_S else Severity.INFO
        span_s = (silent_since_s, silent_s)
        yield _make(AlertKind.POSITION_STALE, shift, severity, span_s, riders)
    if fix is None or now_s - fix.at_s > stale_s:
        return
    doubted = fix.doubted
    if doubted is not None and now_s - doubted.at_s <= stale_s:
        span_s = (doubted.at_s, now_s - fix.at_s)
        yield _make(AlertKind.POSITION_DOUBTED, shift, Severity.INFO, span_s)
    away_m = 0 if network is None else off_route_m(network, shift, fix)
    if away_m:
        kind = AlertKind.VEHICLE_OFF_ROUTE
        yield _make(kind, shift, Severity.WARNING, (fix.at_s, 0), riders, metres=away_m)


def _silent_since_s(shift: Shift, fix: Fix | None) -> int | None:
    """Since when a vehicle that should be driving has not been heard of; None: it need not be.

    A vehicle that is on the road has been reporting; one that stands where it stood need not begin
    before it is time to leave. `fix` is of the time since its last halt.
    """
    if not shift.visits or shift.current_visit is not None or shift.visits[0].break_id is not None:
        return None
    leave_s, anchor = shift.visits[0].leave_s, shift.anchor
    if fix is None:
        return leave_s if anchor.stop_id is None else max(leave_s, anchor.at_s)
    here, there = Point(0, fix.lon, fix.lat), Point(0, anchor.lon, anchor.lat)
    if anchor.stop_id is None or distance_m(here, there) > _LEFT_M:
        return fix.at_s
    return max(leave_s, fix.at_s)


def _aboard(state: State, shift: Shift) -> tuple[str, ...]:
    ids = dict.fromkeys(a.booking_id for v in shift.visits for a in v.actions)
    return tuple(i for i in ids if state.bookings[i].status is BookingStatus.BOARDED)


def _next_riders(shift: Shift) -> tuple[str, ...]:
    first = next((visit for visit in shift.visits if visit.actions), None)
    return tuple(dict.fromkeys(a.booking_id for a in first.actions)) if first else ()
