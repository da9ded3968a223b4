"""By how much plans miss what was promised: to riders, and to drivers by law."""

from dispatch.domain.model import ActionKind, Booking, Shift
from dispatch.domain.state import State
from routing import plans

SAVED_MIN_S = 15
"""What saves less than this in all is not worth changing plans."""
Breach = tuple[str, str]
"""(booking id, `pickup`, `arrival` or `ride`), (break id, `break`) or (shift id, `end`)."""


def planned_breaches(state: State, shift: Shift) -> dict[Breach, int]:
    """By how many seconds a shift's plan misses each promise; 0 = kept."""
    found: dict[Breach, int] = {}
    boarded_s: dict[str, int] = {}
    latest_s = {b.id: b.latest_s for b in shift.breaks}
    for visit in shift.visits:
        if visit.break_id is not None and visit.arrived_at_s is None:
            late_s = visit.arrive_s - latest_s.get(visit.break_id, visit.arrive_s)
            found[visit.break_id, "break"] = max(0, late_s)
        for action in visit.actions:
            booking = state.bookings[action.booking_id]
            if action.kind is ActionKind.PICKUP:
                boarded_s[booking.id] = action.end_s
                if booking.first_boarded_at_s is None:  # else it was kept or missed long ago
                    late_s = action.start_s - booking.promise.pickup_to_s
                    found[booking.id, "pickup"] = max(0, late_s)
            else:
                since_s = boarded_s.get(booking.id)
                found |= _at_dropoff(booking, action.start_s, since_s)
    return found


def _at_dropoff(booking: Booking, start_s: int, boarded_s: int | None) -> dict[Breach, int]:
    promise = booking.promise
    since_s = booking.boarded_at_s if booking.boarded_at_s is not None else boarded_s
    if booking.first_boarded_at_s is not None:  # who had to change vehicles has been riding on
        since_s = booking.first_boarded_at_s
    ride_s = 0 if since_s is None else start_s - since_s - promise.max_ride_s
    return {
        (booking.id, "arrival"): max(0, start_s - promise.arrival_latest_s),
        (booking.id, "ride"): max(0, ride_s),
    }


def breaches(promised: plans.Problem, planned: plans.Problem) -> dict[Breach, int]:
    """By how many seconds routes miss limits, each more than 0.

    Args:
        promised: the limits as they were promised.
        planned: the same vehicles with any routes, and limits under which these are feasible.
    """
    limits = dict(promised.bookings)
    last_s = {vehicle.id: vehicle.end_time_s for vehicle in promised.vehicles}
    breaks = {b.id: b.latest_s for vehicle in promised.vehicles for b in vehicle.breaks}
    found: dict[Breach, int] = {}
    for v, vehicle in enumerate(planned.vehicles):
        schedule = plans.evaluate(planned, v)
        found[vehicle.id, "end"] = schedule.depot_arrival_s - last_s[vehicle.id]
        ends_s: dict[str, int] = {}
        for action, start, end in zip(
            vehicle.route, schedule.start_s.tolist(), schedule.end_s.tolist(), strict=True
        ):
            if action.kind == "break":
                found[action.booking, "break"] = start - breaks[action.booking]
                continue
            booking = limits[action.booking]
            if action.kind == "pickup":
                ends_s[booking.id] = end
                found[booking.id, "pickup"] = start - booking.pickup_latest_s
                continue
            since_s = booking.boarded_at_s
            ride_s = start - (ends_s[booking.id] if since_s is None else since_s)
            found[booking.id, "arrival"] = start - booking.arrival_latest_s
            found[booking.id, "ride"] = ride_s - booking.max_ride_s
    return {key: late_s for key, late_s in found.items() if late_s > 0}
