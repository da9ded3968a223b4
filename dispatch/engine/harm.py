"""Whether one plan treats riders and drivers worse than another one."""

from routing import plans


def made_worse(before: plans.Problem, after: plans.Problem) -> list[str]:
    """Whose limits are kept before and broken, or broken further, after.

    Args:
        before: plans as they are, broken limits relaxed (`plans.relaxed_all`).
        after: plans as they would be, relaxed likewise; made on the same bookings and breaks.

    Returns:
        Ids of bookings and breaks whose limits had to be raised further, and of vehicles that would
        be back later, in order.
    """
    worse = {
        booking.id
        for booking in after.bookings.values()
        if booking.id in before.bookings and _later(before.bookings[booking.id], booking)
    }
    known = {b.id: b.latest_s for vehicle in before.vehicles for b in vehicle.breaks}
    for vehicle in after.vehicles:
        worse |= {b.id for b in vehicle.breaks if b.latest_s > known.get(b.id, b.latest_s)}
    ends = [vehicle.end_time_s for vehicle in before.vehicles]
    for vehicle, end_s in zip(after.vehicles, ends, strict=False):
        if vehicle.end_time_s > end_s:
            worse.add(vehicle.id)
    return sorted(worse)


def _later(before: plans.Booking, after: plans.Booking) -> bool:
    return (
        after.pickup_latest_s > before.pickup_latest_s
        or after.arrival_latest_s > before.arrival_latest_s
        or after.max_ride_s > before.max_ride_s
    )
