"""Closed roads and stops: what is closed, from when to when, and for whom that counts.

A road closure is in force for a shift as soon as it is known and for as long as it is not over, if
their times overlap: a plan has one set of roads from its first leg to its last. That is careful,
not exact. A closed stop counts by the minute.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

Line = tuple[tuple[float, float], ...]
"""Points (lon, lat), WGS84 degrees; a single one is a spot on a road."""


class Direction(StrEnum):
    """Which direction of travel is closed, by the order of a line's points."""

    BOTH = "both"
    FORWARD = "forward"
    BACKWARD = "backward"


class ClosureStatus(StrEnum):
    """Life of a closure."""

    PLANNED = "planned"
    ACTIVE = "active"
    ENDED = "ended"


CLOSURE_TRANSITIONS: dict[ClosureStatus, frozenset[ClosureStatus]] = {
    ClosureStatus.PLANNED: frozenset({ClosureStatus.ACTIVE, ClosureStatus.ENDED}),
    ClosureStatus.ACTIVE: frozenset({ClosureStatus.ENDED}),
    ClosureStatus.ENDED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Closure:
    """A road (its `lines`) or a stop (`stop_id`) that cannot be used for some time.

    `source` and `external_id` say from which list it came, and under which number there; without
    `until_s` it lasts until somebody ends it.
    """

    id: str
    from_s: int
    until_s: int | None
    reason: str
    stop_id: str | None = None
    lines: tuple[Line, ...] = ()
    direction: Direction = Direction.BOTH
    source: str = ""
    external_id: str | None = None
    status: ClosureStatus = ClosureStatus.PLANNED
    ended_at_s: int | None = None

    def overlaps(self, from_s: int, to_s: int) -> bool:
        """Whether it is not over and lasts at any time within `from_s`..`to_s`."""
        if self.status is ClosureStatus.ENDED or self.from_s > to_s:
            return False
        return self.until_s is None or self.until_s > from_s


@dataclass(frozen=True, slots=True)
class ClosureWish:
    """A closure as somebody asks for it: a stop, or a road by lines, OSM way or street name."""

    from_s: int | None
    until_s: int | None
    reason: str
    stop_id: str | None = None
    lines: tuple[Line, ...] = ()
    way_id: int | None = None
    street: str | None = None
    direction: Direction = Direction.BOTH
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class AffectedBooking:
    """What a closure does to a booking.

    Attributes:
        booking_id: whose.
        pickup_moved_to: the stop to which the pick-up was moved.
        dropoff_moved_to: likewise for the drop-off.
        pickup_closed: the vehicle cannot halt where the rider was told; somebody has to call.
        dropoff_closed: likewise for the drop-off.
        delay_s: by how much the plan reaches the drop-off later than before.
        late_s: by how much the plan misses the promise now; 0 = it is kept.
    """

    booking_id: str
    pickup_moved_to: str | None = None
    dropoff_moved_to: str | None = None
    pickup_closed: bool = False
    dropoff_closed: bool = False
    delay_s: int = 0
    late_s: int = 0


def roads_closed(closures: Mapping[str, Closure], from_s: int, to_s: int) -> list[Closure]:
    """The road closures that count within a span of time, by id."""
    found = (c for c in closures.values() if c.stop_id is None and c.overlaps(from_s, to_s))
    return sorted(found, key=lambda closure: closure.id)


def stops_closed(closures: Mapping[str, Closure], from_s: int, to_s: int) -> frozenset[str]:
    """The ids of the stops that are closed at any time within a span."""
    if not closures:
        return frozenset()
    return frozenset(
        c.stop_id for c in closures.values() if c.stop_id is not None and c.overlaps(from_s, to_s)
    )


def still_open(closures: Iterable[Closure]) -> dict[str, Closure]:
    """Those that are not over, by id."""
    return {c.id: c for c in closures if c.status is not ClosureStatus.ENDED}
