"""How bookings and breaks look to the kernels: rows of the node table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from routing.plans import kernel

if TYPE_CHECKING:
    from routing.plans.records import Booking, Break, Weights


def booking_rows(b: Booking, weights: Weights, number: int) -> tuple[tuple[int, ...], ...]:
    """The nodes `number` and `number` + 1 of a booking: pick-up and drop-off."""
    wait, ride, walk = (b.persons * w for w in (weights.wait, weights.ride, weights.walk))
    pickup = (
        b.pickup_stop,
        b.pickup_earliest_s,
        b.pickup_latest_s,
        b.board_s,
        b.seats,
        b.wheelchairs,
        kernel.NO_PARTNER,
        kernel.FOREVER,
        wait,
        -ride,
        walk * b.walk_s - wait * b.wish_earliest_s,
        kernel.PICKUP,
    )
    latest, partner, fixed = b.arrival_latest_s, number, 0
    if b.boarded_at_s is not None:
        latest = min(latest, b.boarded_at_s + b.max_ride_s)
        partner, fixed = kernel.NO_PARTNER, -ride * b.boarded_at_s
    dropoff = (
        b.dropoff_stop,
        kernel.NEVER if b.dropoff_earliest_s is None else b.dropoff_earliest_s,
        latest,
        b.board_s,
        -b.seats,
        -b.wheelchairs,
        partner,
        b.max_ride_s,
        ride,
        0,
        fixed,
        kernel.DROPOFF,
    )
    return pickup, dropoff


def break_row(b: Break) -> tuple[int, ...]:
    """The node of a break."""
    return (
        kernel.IN_PLACE,
        b.earliest_s,
        b.latest_s,
        b.duration_s,
        0,
        0,
        kernel.NO_PARTNER,
        kernel.FOREVER,
        0,
        0,
        0,
        kernel.BREAK,
    )


def frozen(values: npt.ArrayLike, dtype: type[Any]) -> npt.NDArray[Any]:
    """A read-only C-contiguous array: one array type, so each kernel compiles once."""
    array = np.ascontiguousarray(values, dtype=dtype).view()
    array.flags.writeable = False
    return array
