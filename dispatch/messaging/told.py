"""What a rider knows about a booking, and the facts of the next message about it. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dispatch.domain.model import Action, ActionKind, Booking, BookingStatus, Promise, Shift, Visit
from dispatch.domain.state import State
from dispatch.messaging.kinds import MessageKind

_ID_CHARS: Final = 32


@dataclass(frozen=True, slots=True)
class Told:
    """What the last message about a booking said: when the pick-up is, and on which vehicle.

    An interval of time: a window when the ride was booked ahead, an instant once it is near.
    """

    ordinal: int
    at_s: int
    from_s: int
    to_s: int
    vehicle_id: str | None = None
    kind: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether an instant was told, not only the window."""
        return self.from_s == self.to_s

    def distance_s(self, pickup_s: int) -> int:
        """By how much a pick-up differs from what was told."""
        return max(self.from_s - pickup_s, pickup_s - self.to_s, 0)


@dataclass(frozen=True, slots=True)
class Pickup:
    """Where a booking's pick-up stands in the plan."""

    shift: Shift
    visit: Visit
    action: Action

    @property
    def planned_s(self) -> int:
        """When boarding is planned to begin."""
        return self.action.start_s

    @property
    def is_here(self) -> bool:
        """Whether the vehicle stands at the stop."""
        return self.visit.arrived_at_s is not None


def terms_of(booking: Booking) -> Promise:
    """What counts for the rider now: the promise, or what has had to take its place."""
    instead: Promise | None = getattr(booking, "instead", None)
    return instead or booking.promise


def window_told(ordinal: int, at_s: int, booking: Booking, kind: str = "") -> Told:
    """What a rider knows who was told no more than the window."""
    terms = terms_of(booking)
    return Told(ordinal, at_s, terms.pickup_from_s, terms.pickup_to_s, kind=kind)


def told_of(ordinal: int, at_s: int, kind: str, facts: Mapping[str, Any]) -> Told:
    """What a rider knows from a message."""
    from_s, to_s = facts["told"]
    return Told(ordinal, at_s, from_s, to_s, facts["told_vehicle_id"], kind)


def pickup_of(booking: Booking, state: State) -> Pickup | None:
    """The booking's pick-up as planned, None once it is done or while nobody is to do it."""
    shift = state.shifts.get(booking.shift_id)
    if shift is None or booking.status is not BookingStatus.CONFIRMED:
        return None
    for visit in shift.visits:
        for action in visit.actions:
            if action.booking_id == booking.id and action.kind is ActionKind.PICKUP:
                return Pickup(shift, visit, action)
    return None


def facts_of(
    booking: Booking, pickup: Pickup | None, told: Told | None, news: Told
) -> dict[str, Any]:
    """Ids, times and numbers that the words are made of.

    Args:
        booking: After what is told.
        pickup: As planned.
        told: What was told before.
        news: What is told now.
    """
    terms = terms_of(booking)
    return {
        "code": booking.code,
        "from": terms.pickup_stop_id if pickup is None else pickup.visit.stop_id,
        "to": terms.dropoff_stop_id,
        "arrival_latest_s": terms.arrival_latest_s,
        "price_cents": booking.price_cents,
        "was": None if told is None or not told.is_exact else told.from_s,
        "is_here": pickup is not None and pickup.is_here,
        "told": [news.from_s, news.to_s],
        "told_vehicle_id": news.vehicle_id,
    }


def message_id(
    area: str, about: str, ordinal: int, kind: MessageKind, facts: Mapping[str, Any]
) -> str:
    """The id of a message: the same for the same thing said about the same cause, always."""
    document = json.dumps([area, about, ordinal, kind, facts], sort_keys=True)
    return f"ms_{hashlib.sha256(document.encode()).hexdigest()[:_ID_CHARS]}"
