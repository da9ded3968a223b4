"""The Working Hours Act from its text alone, and what drivers did from the event log alone."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from dispatch.domain import events as ev
from simulations.week.law import HOUR, MIN, breaches

__all__ = ["HOUR", "MIN", "WorkedShift", "breaches", "worked_shifts"]


@dataclass
class WorkedShift:
    """What a driver did: times in epoch seconds."""

    started_s: int = 0
    ended_s: int = 0
    breaks: list[tuple[int, int]] = field(default_factory=list)
    on_board: set[str] = field(default_factory=set)
    disturbed: bool = False

    def breaches(self) -> list[str]:
        """What the act has against it, and riders on board during breaks."""
        blocks = [(begin - self.started_s, end - self.started_s) for begin, end in self.breaks]
        found = breaches(self.ended_s - self.started_s, blocks)
        return [*found, "riders on board"] if self.disturbed else found


def worked_shifts(log: Iterable[ev.Event]) -> dict[str, WorkedShift]:
    """The shifts that were driven to their end, by id, as the log tells."""
    shifts: dict[str, WorkedShift] = {}
    rests: set[str] = set()
    begun_s: dict[str, int] = {}
    for event in log:
        shift = shifts.setdefault(getattr(event, "shift_id", ""), WorkedShift())
        match event:
            case ev.ShiftPlanned(planned):
                rests |= {v.id for v in planned.visits if v.break_id is not None}
            case ev.PlanChanged(visits=visits):
                rests |= {v.id for v in visits if v.break_id is not None}
            case ev.ShiftStarted(at_s=at_s):
                shift.started_s = at_s
            case ev.ShiftEnded(at_s=at_s):
                shift.ended_s = at_s
            case ev.RiderBoarded(booking_id=booking_id):
                shift.on_board.add(booking_id)
                shift.disturbed |= bool(begun_s.get(event.shift_id))
            case ev.RiderAlighted(booking_id=booking_id):
                shift.on_board.discard(booking_id)
            case ev.VisitArrived(visit_id=visit_id, at_s=at_s) if visit_id in rests:
                begun_s[event.shift_id] = at_s
                shift.disturbed |= bool(shift.on_board)
            case ev.VisitCompleted(visit_id=visit_id, at_s=at_s) if visit_id in rests:
                shift.breaks.append((begun_s.pop(event.shift_id), at_s))
            case _:
                pass
    return {key: s for key, s in shifts.items() if s.started_s and s.ended_s}
