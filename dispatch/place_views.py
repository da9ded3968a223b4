"""Where vehicles are, as API v1 says it: reported, by plan, or at their depot."""

from dispatch.domain.model import Shift, Vehicle
from dispatch.town import Json, Located, Town

STALE_S = 60
"""A report of a position that is older than this says no more where the vehicle is."""


def whereabouts(shift: Shift, reported: Located | None) -> Located:
    """Where a vehicle on duty is: the newer of its last report and the anchor of its plan."""
    if reported is not None and reported.at_s >= shift.anchor.at_s:
        return reported
    return shift.anchor


def position_view(position: Located, town: Town) -> Json:
    """Where and when."""
    return {"lon": position.lon, "lat": position.lat, "at": town.time(position.at_s)}


def vehicle_state(shift: Shift | None) -> str:
    """What a vehicle does, in a word."""
    if shift is None:
        return "off_duty"
    if not shift.visits:
        return "idle"
    current = shift.current_visit
    if current is not None:
        return "at_stop" if current.break_id is None else "on_break"
    return "driving" if shift.visits[0].break_id is None else "idle"


def place_view(
    vehicle: Vehicle, shift: Shift | None, reported: Located | None, town: Town, since_s: int
) -> Json | None:
    """Where a vehicle is, how we know, and whether that is old or doubtful; `since_s`: not old."""
    if shift is not None:
        place = whereabouts(shift, reported)
        source = "reported" if place is reported else "planned"
        doubted = getattr(reported, "doubted", None)
        old = reported is None or reported.at_s < since_s
        drives = vehicle_state(shift) == "driving" and shift.visits[0].leave_s < since_s
        return {
            **position_view(place, town),
            "source": source,
            "stale": old and (drives or place is reported),
            "doubted": position_view(doubted, town) if doubted else None,
        }
    depot = town.stops.get(vehicle.depot_id)
    if depot is None:
        return None
    place_of = {"lon": depot.lon, "lat": depot.lat, "at": None}
    return {**place_of, "source": "depot", "stale": False, "doubted": None}
