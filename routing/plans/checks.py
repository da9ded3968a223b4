"""What a planning problem has to fulfil before the kernels see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from routing.plans.errors import InvalidProblemError
from routing.plans.records import UNDER_WAY, Action, Booking, Vehicle

if TYPE_CHECKING:
    from collections.abc import Mapping


def require(condition: bool, message: str) -> None:  # noqa: FBT001 - reads like assert
    """Raise InvalidProblemError with the message unless the condition holds."""
    if not condition:
        raise InvalidProblemError(message)


def check_booking(booking: Booking, stops: int) -> None:
    """Ranges of a booking's fields in a problem with so many stops."""
    b, name = booking, f"booking {booking.id}"
    require(0 <= b.pickup_stop < stops and 0 <= b.dropoff_stop < stops, f"{name}: no such stop")
    require(b.pickup_earliest_s <= b.pickup_latest_s, f"{name}: pick-up window is empty")
    if b.dropoff_earliest_s is not None:
        require(b.dropoff_earliest_s <= b.arrival_latest_s, f"{name}: drop-off window is empty")
    require(min(b.max_ride_s, b.board_s, b.walk_s) >= 0, f"{name}: negative duration")
    require(min(b.seats, b.wheelchairs, b.persons) >= 0, f"{name}: negative party")
    require(b.seats + b.wheelchairs > 0, f"{name}: takes no place")


def check_vehicle(vehicle: Vehicle, stops: int) -> None:
    """Ranges of a vehicle's fields in a problem with so many stops."""
    v, name = vehicle, f"vehicle {vehicle.id}"
    require(0 <= v.end_stop < stops, f"{name}: no such depot")
    require(v.start_stop == UNDER_WAY or 0 <= v.start_stop < stops, f"{name}: no such start")
    require(len(v.configurations) > 0, f"{name}: no capacity configuration")
    require(all(min(c) >= 0 for c in v.configurations), f"{name}: negative capacity")
    require(0 <= v.locked <= len(v.route), f"{name}: locks more actions than it has")
    require(v.max_route_s is None or v.max_route_s >= 0, f"{name}: negative max_route_s")
    for pause in v.breaks:
        require(pause.earliest_s <= pause.latest_s, f"{name}: break {pause.id} has an empty window")
        require(pause.duration_s >= 0, f"{name}: break {pause.id} has a negative duration")
    if v.start_leg_s is None:
        require(v.start_stop != UNDER_WAY, f"{name}: under way without start_leg_s")
        return
    legs = np.asarray(v.start_leg_s)
    require(legs.shape == (stops,), f"{name}: start_leg_s has shape {legs.shape}, not ({stops},)")
    require(bool((legs >= 0).all()), f"{name}: start_leg_s has negative entries")


def check_route(vehicle: Vehicle, bookings: Mapping[str, Booking]) -> None:
    """Every action once, in an order that makes sense, and all breaks of the vehicle among them."""
    name = f"vehicle {vehicle.id}"
    own = {pause.id for pause in vehicle.breaks}
    seen: set[Action] = set()
    for action in vehicle.route:
        where = f"{name}: {action.kind} of {action.booking}"
        require(action.kind in {"pickup", "dropoff", "break"}, f"{where}: no such kind")
        require(action not in seen, f"{where}: twice")
        if action.kind == "break":
            require(action.booking in own, f"{where}: not a break of this vehicle")
        else:
            booking = bookings.get(action.booking)
            require(booking is not None, f"{where}: no such booking")
            boarded = booking is not None and booking.boarded_at_s is not None
            if action.kind == "pickup":
                require(not boarded, f"{where}: is on board already")
            else:
                picked = Action("pickup", action.booking) in seen
                require(boarded or picked, f"{where}: not picked up before")
        seen.add(action)
    for action in seen:
        if action.kind == "pickup":
            alights = Action("dropoff", action.booking) in seen
            require(alights, f"{name}: {action.booking} stays aboard")
    for pause in vehicle.breaks:
        require(Action("break", pause.id) in seen, f"{name}: break {pause.id} is not in its route")
