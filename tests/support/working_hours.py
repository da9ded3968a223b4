"""The Working Hours Act from its text alone, and what drivers did from the event log alone."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from dispatch.domain import events as ev

MIN = 60
HOUR = 3600


def breaches(length_s: int, taken: Iterable[tuple[int, int]]) -> list[str]:
    """What the act has against a day; breaks are (begin, end) from its start."""
    found = []
    blocks = sorted(taken)
    rest_s = sum(end - begin for begin, end in blocks)
    worked_s = length_s - rest_s
    needed_s = 45 * MIN if worked_s > 9 * HOUR else 30 * MIN if worked_s > 6 * HOUR else 0
    if rest_s < needed_s:
        found.append(f"{rest_s} s of break for {worked_s} s of work")
    if any(end - begin < 15 * MIN for begin, end in blocks):
        found.append("a block is too short")
    edges = [0, *(edge for block in blocks for edge in block), length_s]
    stretches = [b - a for a, b in zip(edges[::2], edges[1::2], strict=True)]
    if min(stretches) <= 0:
        found.append("a break interrupts no work")
    if max(stretches) > 6 * HOUR:
        found.append(f"{max(stretches)} s without a break")
    if worked_s > 10 * HOUR:
        found.append("more than 10 h of work")
    return found


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
