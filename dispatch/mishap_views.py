"""What a booking's view says of mishaps: other stops, a lost vehicle, rescues, other people."""

from dispatch.domain.model import Booking
from dispatch.town import Json, Town


def mishap_fields(booking: Booking, town: Town) -> Json:
    """`instead`, `displacement`, `rescues` and `booked_party`; null (or 0) where all went well."""
    booked = booking.booked_party
    return {
        "instead": _instead(booking, town),
        "displacement": _displacement(booking, town),
        "rescues": booking.rescues,
        "booked_party": None
        if booked is None
        else {"seats": booked.seats, "wheelchairs": booked.wheelchairs},
    }


def _instead(booking: Booking, town: Town) -> Json | None:
    """Where the riders get on and off if the promised stops cannot be kept."""
    if booking.instead is None:
        return None
    return {
        "pickup": town.stop(booking.instead.pickup_stop_id),
        "dropoff": town.stop(booking.instead.dropoff_stop_id),
        "pickup_from": town.time(booking.instead.pickup_from_s),
    }


def _displacement(booking: Booking, town: Town) -> Json | None:
    """When and why the booking lost its vehicle, the last time it did."""
    lost = booking.displacement
    if lost is None:
        return None
    fields = {"reason": lost.reason, "aboard": lost.aboard, "walk_m": lost.walk_m}
    return {"at": town.time(lost.at_s), **fields}
