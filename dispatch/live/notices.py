"""What is said on the live channel. A notice says that something is new, the tables say what."""

import json
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from dispatch.domain import events as ev
from dispatch.domain.model import Fix
from dispatch.store.changes import Changes


@dataclass(frozen=True, slots=True)
class VehicleFix:
    """The latest position of a vehicle on its shift."""

    shift_id: str
    vehicle_id: str
    fix: Fix


@dataclass(frozen=True, slots=True)
class Notice:
    """Something new.

    `changed`: the named entities were written, up to event `seq`. `moved`: vehicles are elsewhere.
    `poll`: something may have been missed, or nothing can be heard: look for yourself.
    """

    kind: Literal["changed", "moved", "poll"]
    seq: int = 0
    request_ids: tuple[str, ...] = ()
    booking_ids: tuple[str, ...] = ()
    shift_ids: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()
    positions: tuple[VehicleFix, ...] = ()


POLL: Final = Notice("poll")

_NOTICE: Final = TypeAdapter(Notice)
_FIX: Final = TypeAdapter(VehicleFix)


def notice_to_json(notice: Notice) -> bytes:
    """A notice as it is published."""
    return _NOTICE.dump_json(notice)


def notice_from_json(data: bytes) -> Notice | None:
    """The notice of `notice_to_json`, None when it is none that we understand."""
    try:
        return _NOTICE.validate_json(data)
    except ValidationError:
        return None


def vehicle_fix_to_json(fix: VehicleFix, roads_sha256: str) -> str:
    """A position with the road graph that its arc belongs to."""
    return json.dumps({"roads": roads_sha256, "at": _FIX.dump_python(fix)})


def vehicle_fix_from_json(data: bytes, roads_sha256: str | None = None) -> VehicleFix | None:
    """The position of `vehicle_fix_to_json`.

    Args:
        data: As read from Redis.
        roads_sha256: The road graph in use; None = its arc does not matter.

    Returns:
        None where the position is unreadable, or is on another road graph.
    """
    try:
        document = json.loads(data)
        if roads_sha256 is not None and document["roads"] != roads_sha256:
            return None
        return _FIX.validate_python(document["at"])
    except (ValueError, KeyError, TypeError):
        return None


def notices_of(changes: Changes, seq: int) -> list[Notice]:
    """What to tell about a committed batch.

    Args:
        changes: What was written, and which vehicles moved.
        seq: The number of the newest event.

    Returns:
        At most one notice of each kind.
    """
    notices = []
    if changes.log:
        notices.append(
            Notice(
                "changed",
                seq=seq,
                request_ids=tuple(sorted(changes.requests | changes.new_requests)),
                booking_ids=tuple(sorted(changes.bookings | _planned_bookings(changes))),
                shift_ids=tuple(sorted(changes.shifts | changes.plans)),
                event_types=tuple(sorted({type(e.event).__name__ for e in changes.log})),
            )
        )
    if changes.moved:
        notices.append(Notice("moved", seq=seq, positions=vehicle_fixes(changes)))
    return notices


def vehicle_fixes(changes: Changes) -> tuple[VehicleFix, ...]:
    """The vehicles that moved in a batch."""
    moved = sorted(changes.moved.items())
    return tuple(VehicleFix(shift_id, vehicle_id, fix) for shift_id, (vehicle_id, fix) in moved)


def _planned_bookings(changes: Changes) -> set[str]:
    """The bookings of changed plans: their estimates have changed though they have not."""
    return {
        action.booking_id
        for entry in changes.log
        if isinstance(entry.event, ev.PlanChanged)
        for visit in entry.event.visits
        for action in visit.actions
    }
