"""What a planning problem has to fulfil before the kernels see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from routing.plans.errors import InvalidProblemError
from routing.plans.records import UNDER_WAY, Booking, Vehicle

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence


def require(condition: bool, message: str, *names: object) -> None:  # noqa: FBT001 - like assert
    """Raise InvalidProblemError unless the condition holds; `names` go into the message's `{}`."""
    if not condition:
        raise InvalidProblemError(message.format(*names))


def check_booking(booking: Booking, stops: int) -> None:
    """Ranges of a booking's fields in a problem with so many stops."""
    b, name = booking, booking.id
    known = 0 <= b.pickup_stop < stops and 0 <= b.dropoff_stop < stops
    require(known, "booking {}: no such stop", name)
    require(b.pickup_earliest_s <= b.pickup_latest_s, "booking {}: pick-up window is empty", name)
    if b.dropoff_earliest_s is not None:
        open_ = b.dropoff_earliest_s <= b.arrival_latest_s
        require(open_, "booking {}: drop-off window is empty", name)
    require(min(b.max_ride_s, b.board_s, b.walk_s) >= 0, "booking {}: negative duration", name)
    require(min(b.seats, b.wheelchairs, b.persons) >= 0, "booking {}: negative party", name)
    require(b.seats + b.wheelchairs > 0, "booking {}: takes no place", name)


def check_vehicle(vehicle: Vehicle, stops: int) -> None:
    """Ranges of a vehicle's fields in a problem with so many stops."""
    v, name = vehicle, vehicle.id
    require(0 <= v.end_stop < stops, "vehicle {}: no such depot", name)
    known = v.start_stop == UNDER_WAY or 0 <= v.start_stop < stops
    require(known, "vehicle {}: no such start", name)
    require(len(v.configurations) > 0, "vehicle {}: no capacity configuration", name)
    require(all(min(c) >= 0 for c in v.configurations), "vehicle {}: negative capacity", name)
    require(0 <= v.locked <= len(v.route), "vehicle {}: locks more actions than it has", name)
    require(v.max_route_s is None or v.max_route_s >= 0, "vehicle {}: negative max_route_s", name)
    for b in v.breaks:
        open_ = b.earliest_s <= b.latest_s
        require(open_, "vehicle {}: break {} has an empty window", name, b.id)
        require(b.duration_s >= 0, "vehicle {}: break {} has a negative duration", name, b.id)
    if v.start_leg_s is None:
        require(v.start_stop != UNDER_WAY, "vehicle {}: under way without start_leg_s", name)
        return
    legs = np.asarray(v.start_leg_s)
    fits = legs.shape == (stops,)
    require(fits, "vehicle {}: start_leg_s has shape {}, not ({},)", name, legs.shape, stops)
    require(int(legs.min()) >= 0, "vehicle {}: start_leg_s has negative entries", name)


def check_route(vehicle: Vehicle, bookings: Mapping[str, Booking]) -> None:
    """Every action once, in an order that makes sense, and all breaks of the vehicle among them."""
    own = {pause.id for pause in vehicle.breaks}
    picked: set[str] = set()
    dropped: set[str] = set()
    paused: set[str] = set()
    route: Sequence[tuple[str, str]] = vehicle.route
    for kind, name in route:
        wrong = None
        if kind == "break":
            wrong = _wrong_break(name, own, paused)
            paused.add(name)
        else:
            booking = bookings.get(name)
            boarded = booking is not None and booking.boarded_at_s is not None
            if booking is None:
                wrong = "no such booking"
            elif kind == "pickup":
                wrong = "twice" if name in picked else "is on board already" if boarded else None
                picked.add(name)
            elif kind == "dropoff":
                if name in dropped:
                    wrong = "twice"
                elif not boarded and name not in picked:
                    wrong = "not picked up before"
                dropped.add(name)
            else:
                wrong = "no such kind"
        require(wrong is None, "vehicle {}: {} of {}: {}", vehicle.id, kind, name, wrong)
    for name in picked - dropped:
        raise InvalidProblemError(f"vehicle {vehicle.id}: {name} stays aboard")
    for name in own - paused:
        raise InvalidProblemError(f"vehicle {vehicle.id}: break {name} is not in its route")


def _wrong_break(name: str, own: Container[str], paused: Container[str]) -> str | None:
    if name in paused:
        return "twice"
    return None if name in own else "not a break of this vehicle"
