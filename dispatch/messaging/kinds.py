"""The kinds of messages, which event makes which, and which takes another's place.

A new event that riders have to be told about needs a line in `CAUSES`; a new kind also its rank,
its life if that is unusual, and its words in `texts/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final


class MessageKind(StrEnum):
    """What a message says."""

    CONFIRMED = "confirmed"
    REMINDER = "reminder"
    COMING = "coming"
    MOVED = "moved"
    CHANGED = "changed"
    DISPLACED = "displaced"
    RESCUED = "rescued"
    STOPS_MOVED = "stops_moved"
    DROPOFF_MOVED = "dropoff_moved"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"
    WAIT_SERVED = "wait_served"
    WAIT_LAPSED = "wait_lapsed"
    DAY_FAILED = "day_failed"


@dataclass(frozen=True, slots=True)
class Cause:
    """What an event makes known to its booking's rider.

    Attributes:
        kind: The message.
        facts: Fields of the event that its words need, by the names that the words have for them.
    """

    kind: MessageKind
    facts: Mapping[str, str] = field(default_factory=dict)

    def facts_of(self, event: Any) -> dict[str, Any]:
        """The facts that an event has; an empty one is none."""
        found = {name: getattr(event, key, None) for name, key in self.facts.items()}
        return {name: value for name, value in found.items() if value is not None}


CAUSES: Final[Mapping[str, Cause]] = {
    "BookingMade": Cause(MessageKind.CONFIRMED),
    "BookingChanged": Cause(MessageKind.CHANGED, {"by": "by"}),
    "BookingCancelled": Cause(MessageKind.CANCELLED, {"by": "by", "reason": "reason"}),
    "RiderMissed": Cause(MessageKind.NO_SHOW),
    "BookingDisplaced": Cause(
        MessageKind.DISPLACED,
        {"from": "stop_id", "reason": "reason", "aboard": "aboard", "walk_m": "walk_m"},
    ),
    "BookingReplanned": Cause(MessageKind.RESCUED, {"from": "stop_id", "aboard": "rescue"}),
    "BookingStopsMoved": Cause(
        MessageKind.STOPS_MOVED, {"from": "pickup_stop_id", "to": "dropoff_stop_id"}
    ),
    "DropoffReplaced": Cause(MessageKind.DROPOFF_MOVED, {"to": "stop_id", "walk_m": "walk_m"}),
    "WaitingServed": Cause(MessageKind.WAIT_SERVED),
}
"""What is told because of an event about a booking, by the event's name as it is in the log.

Reminders, arrivals and delays follow from plan and time.
"""

_RANK: Final[Mapping[MessageKind, int]] = {
    MessageKind.REMINDER: 1,
    MessageKind.COMING: 1,
    MessageKind.MOVED: 2,
    MessageKind.DISPLACED: 3,
    MessageKind.RESCUED: 3,
    MessageKind.STOPS_MOVED: 3,
    MessageKind.DROPOFF_MOVED: 3,
    MessageKind.CHANGED: 4,
    MessageKind.CONFIRMED: 5,
    MessageKind.WAIT_SERVED: 6,
    MessageKind.WAIT_LAPSED: 7,
    MessageKind.DAY_FAILED: 7,
    MessageKind.CANCELLED: 8,
    MessageKind.NO_SHOW: 8,
}


def strongest(kinds: list[MessageKind]) -> MessageKind:
    """Of several things that happened to a booking at once, the one to tell; the later of equals.

    Args:
        kinds: In the order of what happened, at least one.
    """
    return max(reversed(kinds), key=_RANK.__getitem__)


def superseded_by(kind: MessageKind) -> list[str]:
    """Kinds that need not be told any more once this is to be told about the same booking.

    Every message says all that matters by itself, so of two that wait only the newer one counts:
    unless the older one says more, which is then told first.
    """
    return sorted(k for k in MessageKind if _RANK[k] <= _RANK[kind])


_HOUR_S: Final = 3600
_LIFE_S: Final[Mapping[MessageKind, int]] = {
    MessageKind.CANCELLED: 12 * _HOUR_S,
    MessageKind.NO_SHOW: 12 * _HOUR_S,
    MessageKind.WAIT_LAPSED: 12 * _HOUR_S,
    MessageKind.DAY_FAILED: 24 * _HOUR_S,
}
_FLEETING: Final = frozenset({MessageKind.REMINDER, MessageKind.COMING})
_LONGEST_S: Final = 24 * _HOUR_S
_SHORTEST_S: Final = 180


def expiry_s(kind: MessageKind, at_s: int, pickup_s: int, window_to_s: int) -> int:
    """Until when a message is worth sending, epoch seconds.

    Whatever is about the pick-up to come is worthless after it; that a ride is off, or was missed,
    is worth knowing for some hours.

    Args:
        kind: What it says.
        at_s: When it was decided.
        pickup_s: When the vehicle is expected at the stop, as told.
        window_to_s: Until when the pick-up is promised.
    """
    if kind in _LIFE_S:
        return at_s + _LIFE_S[kind]
    last_s = pickup_s if kind in _FLEETING else max(pickup_s, window_to_s)
    return max(min(last_s, at_s + _LONGEST_S), at_s + _SHORTEST_S)
