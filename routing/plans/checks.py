"""What a planning problem has to fulfil before the kernels see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from routing.plans.errors import InvalidProblemError
from routing.plans.records import UNDER_WAY, Action, Booking, Vehicle

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    name = vehicle.id
    own = {pause.id for pause in vehicle.breaks}
    seen: set[Action] = set()
    for action in vehicle.route:
        where = (name, action.kind, action.booking)
        known = action.kind in {"pickup", "dropoff", "break"}
        require(known, "vehicle {}: {} of {}: no such kind", *where)
        require(action not in seen, "vehicle {}: {} of {}: twice", *where)
        if action.kind == "break":
            theirs = action.booking in own
            require(theirs, "vehicle {}: {} of {}: not a break of this vehicle", *where)
        else:
            booking = bookings.get(action.booking)
            require(booking is not None, "vehicle {}: {} of {}: no such booking", *where)
            boarded = booking is not None and booking.boarded_at_s is not None
            if action.kind == "pickup":
                require(not boarded, "vehicle {}: {} of {}: is on board already", *where)
            else:
                picked = boarded or Action("pickup", action.booking) in seen
                require(picked, "vehicle {}: {} of {}: not picked up before", *where)
        seen.add(action)
    for action in seen:
        if action.kind == "pickup":
            alights = Action("dropoff", action.booking) in seen
            require(alights, "vehicle {}: {} stays aboard", name, action.booking)
    for pause in vehicle.breaks:
        taken = Action("break", pause.id) in seen
        require(taken, "vehicle {}: break {} is not in its route", name, pause.id)
