"""The very small engine's mishaps: vehicles out and back, riders displaced and placed again."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from dispatch.domain import commands as co
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import (
    Action,
    ActionKind,
    Booking,
    BookingStatus,
    OutOfService,
    Promise,
    Shift,
    ShiftStatus,
    Visit,
)
from dispatch.domain.state import State

Insert = Callable[[Shift, Booking, int, Random], ev.PlanChanged]


def _take_out(state: State, c: co.TakeOutOfService, now_s: int, rng: Random) -> list[ev.Event]:
    if c.vehicle_id in state.out:
        return []
    out = OutOfService(c.vehicle_id, now_s, c.reason, 8.0, 51.7)
    events: list[ev.Event] = [ev.VehicleTakenOut(out)]
    for shift in state.shifts.values():
        if shift.vehicle_id != c.vehicle_id or shift.status is ShiftStatus.ENDED:
            continue
        ids = dict.fromkeys(a.booking_id for v in shift.visits for a in v.actions)
        events += [_displaced(shift, state.bookings[i], now_s, rng) for i in ids]
        rests = tuple(v for v in shift.visits if v.break_id)
        anchor = replace(shift.anchor, at_s=now_s)
        events.append(ev.PlanChanged(shift.id, shift.version + 1, anchor, rests))
    return events


def _displaced(shift: Shift, booking: Booking, now_s: int, rng: Random) -> ev.Event:
    aboard = booking.status is BookingStatus.BOARDED
    if aboard and rng.random() < 0.2:
        return ev.RiderSetDown(booking.id, shift.id, booking.in_force.dropoff_stop_id, now_s, 30)
    instead = None
    if aboard:
        promise = booking.promise
        ends = (promise.dropoff_stop_id, promise.pickup_stop_id)
        instead = Promise(*ends, now_s, now_s, promise.arrival_latest_s, promise.max_ride_s)
    stop_id = (instead or booking.in_force).pickup_stop_id
    return ev.BookingDisplaced(
        booking.id, shift.id, shift.vehicle_id, now_s, "breakdown", aboard, stop_id, 12, instead
    )


def _return(state: State, c: co.ReturnToService, now_s: int, _rng: Random) -> list[ev.Event]:
    return [ev.VehicleReturned(c.vehicle_id, now_s)] if c.vehicle_id in state.out else []


def _not_served(state: State, c: co.ReportNotServed, now_s: int, rng: Random) -> list[ev.Event]:
    booking = state.bookings.get(c.booking_id or "")
    if booking is None or booking.status is not BookingStatus.BOARDED:
        raise DomainError(ErrorCode.BOOKING_STATE, "not on board")
    shift = state.shifts[booking.shift_id]
    new = rng.choice([s for s in ("a", "b", "c", "d") if s != booking.in_force.dropoff_stop_id])
    kept = [
        replace(v, actions=tuple(a for a in v.actions if a.booking_id != booking.id))
        for v in shift.visits
    ]
    visits = [v for v in kept if v.actions or v.break_id]
    off = Action(ActionKind.DROPOFF, booking.id, now_s, now_s)
    visits.append(Visit(f"vs_{rng.getrandbits(60)}", new, (off,), now_s, now_s, now_s))
    instead = replace(booking.in_force, dropoff_stop_id=new)
    return [
        ev.DropoffReplaced(
            booking.id,
            shift.id,
            now_s,
            c.reason,
            booking.in_force.dropoff_stop_id,
            new,
            99,
            instead,
        ),
        ev.PlanChanged(shift.id, shift.version + 1, shift.anchor, tuple(visits)),
    ]


def replanned(state: State, now_s: int, rng: Random, insert: Insert) -> list[ev.Event]:
    """One displaced booking is given to some shift in service, if there is any."""
    lost = [b for b in state.bookings.values() if b.status is BookingStatus.DISPLACED]
    going = [s for s in state.shifts.values() if s.status is not ShiftStatus.ENDED]
    going = [s for s in going if s.vehicle_id not in state.out]
    if not lost or not going or rng.random() < 0.7:
        return []
    booking, shift = rng.choice(lost), rng.choice(going)
    found = ev.BookingReplanned(
        booking.id,
        booking.shift_id,
        shift.id,
        shift.vehicle_id,
        now_s,
        booking.rescues > 0,
        booking.in_force.pickup_stop_id,
        now_s + 60,
        now_s + 600,
        0,
    )
    return [found, insert(shift, booking, now_s, rng)]


def mishaps(state: State, rng: Random) -> list[co.Command]:
    """What may go wrong just now."""
    shifts = [s for s in state.shifts.values() if s.status is ShiftStatus.ACTIVE]
    found: list[co.Command] = []
    if rng.random() < 0.2:
        found += [co.ReturnToService(vehicle_id) for vehicle_id in state.out]
    if shifts and not state.out and rng.random() < 0.4:
        found.append(co.TakeOutOfService(rng.choice(shifts).vehicle_id, "breakdown"))
    aboard = [b.id for b in state.bookings.values() if b.status is BookingStatus.BOARDED]
    found += [co.ReportNotServed("other", booking_id=b) for b in aboard[:1]]
    return found


MISHAPS: dict[type, Any] = {
    co.TakeOutOfService: _take_out,
    co.ReturnToService: _return,
    co.ReportNotServed: _not_served,
}
