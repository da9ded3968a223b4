"""Breaks as drivers wish them: the next one now, or later, as far as law and promises allow."""

from collections.abc import Iterator
from dataclasses import replace

from dispatch.domain import events as ev
from dispatch.domain.commands import PostponeBreak, TakeBreak
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import ActionKind, PlannedBreak, Shift, Visit
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.breaks import Breaks
from dispatch.engine.draft import Draft
from dispatch.engine.duty import on_duty
from dispatch.engine.harm import made_worse
from dispatch.engine.network import Network
from dispatch.engine.problem import Planning, planning
from dispatch.engine.visits import PlanWriter, scheduled
from dispatch.engine.whereabouts import Whereabouts, locate
from routing import plans


class Rests:
    """Decides when a driver's next break is taken."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._writer = PlanWriter(config, network)
        self._breaks = Breaks(config, network)

    def take(self, draft: Draft, wish: TakeBreak) -> None:
        """Let the next break begin: at once where the vehicle stands, else at the nearest stop.

        Raises:
            DomainError: no running shift, no break left, too early by law, or something in the plan
                comes first; `wait_s` says how long from now.
        """
        shift = on_duty(self._config, draft, wish.vehicle_id)
        if shift.current_break is not None:
            return
        planned = _next_break(shift)
        planned = replace(planned, earliest_s=_lawful_from_s(planned), lawful_from_s=None)
        wait_s = planned.earliest_s - draft.now_s
        if wait_s > 0:
            raise DomainError(ErrorCode.BREAK_TOO_EARLY, f"wait {wait_s} s", wait_s=wait_s)
        where = locate(self._network, draft.state, shift, draft.now_s)
        before = self._planning(draft, shift, where)
        first = _with_break(_with_window(shift, planned), planned.id, 0)
        if _somebody_comes_first(shift) or self._harms(draft, before, first, where):
            wait_s = max(1, self._soonest_s(draft, before, shift, planned, where) - draft.now_s)
            raise DomainError(ErrorCode.BREAK_NOT_NOW, f"wait {wait_s} s", wait_s=wait_s)
        if first.breaks != shift.breaks:
            draft.emit(ev.BreaksPlanned(shift.id, first.breaks))
        self._adopt(draft, first, where)
        begun = draft.state.shifts[shift.id]
        if where.stop_id == begun.visits[0].stop_id:
            self._breaks.begin(draft, begun)

    def postpone(self, draft: Draft, wish: PostponeBreak) -> None:
        """Put the next break off, not beyond what the law and everybody's promises allow.

        Raises:
            DomainError: no running shift, on a break, no break left, later than the law allows
                (`until_s` says how late it may begin), or in the way of a promise.
        """
        shift = on_duty(self._config, draft, wish.vehicle_id)
        if shift.current_break is not None:
            raise DomainError(ErrorCode.ON_BREAK, "the break has begun")
        planned = _next_break(shift)
        if wish.until_s <= planned.earliest_s:
            return
        if wish.until_s > planned.latest_s:
            latest_s = planned.latest_s
            raise DomainError(ErrorCode.BREAK_TOO_LATE, f"by {latest_s}", until_s=latest_s)
        later = replace(planned, earliest_s=wish.until_s, lawful_from_s=_lawful_from_s(planned))
        where = locate(self._network, draft.state, shift, draft.now_s)
        before = self._planning(draft, shift, where)
        trial = _with_window(shift, later)
        fits = [t for t in _orders(trial, later.id) if not self._harms(draft, before, t, where)]
        if not fits:
            raise DomainError(ErrorCode.BREAK_NOT_NOW, "somebody would be late for it", wait_s=0)
        costs = [_cost(self._planning(draft, t, where)) for t in fits]
        draft.emit(ev.BreaksPlanned(shift.id, trial.breaks))
        self._adopt(draft, fits[costs.index(min(costs))], where)

    def _planning(self, draft: Draft, shift: Shift, where: Whereabouts) -> Planning:
        located = {shift.id: where}
        return planning(self._config, self._network, draft.state, [shift], draft.now_s, located)

    def _harms(self, draft: Draft, before: Planning, trial: Shift, where: Whereabouts) -> bool:
        """Whether a shift cannot be driven like that without making anything worse."""
        after = self._planning(draft, trial, where)
        possible = plans.evaluate(after.problem, 0).feasible
        return not possible or bool(made_worse(before.problem, after.problem))

    def _soonest_s(
        self,
        draft: Draft,
        before: Planning,
        shift: Shift,
        planned: PlannedBreak,
        where: Whereabouts,
    ) -> int:
        """When the break can begin at the earliest with nobody on board and nobody worse off."""
        begins_s = [v.arrive_s for v in shift.visits if v.break_id == planned.id]
        for trial in _orders(_with_window(shift, planned), planned.id):
            after = self._planning(draft, trial, where)
            schedule = plans.evaluate(after.problem, 0)
            if schedule.feasible and not made_worse(before.problem, after.problem):
                route = after.problem.vehicles[0].route
                at = route.index(plans.Action("break", planned.id))
                begins_s.append(int(schedule.start_s[at]))
        return min(begins_s)

    def _adopt(self, draft: Draft, trial: Shift, where: Whereabouts) -> None:
        now = self._planning(draft, trial, where)
        actions = scheduled(now.network, now.problem, 0, plans.evaluate(now.problem, 0))
        self._writer.adopt(draft, trial, now.where[0], actions)


def _next_break(shift: Shift) -> PlannedBreak:
    ahead = {b.id: b for b in shift.breaks}
    for visit in shift.visits:
        if visit.break_id in ahead:
            return ahead[visit.break_id]
    raise DomainError(ErrorCode.NO_BREAK_LEFT, "no break is left in this shift")


def _lawful_from_s(planned: PlannedBreak) -> int:
    return planned.earliest_s if planned.lawful_from_s is None else planned.lawful_from_s


def _with_window(shift: Shift, planned: PlannedBreak) -> Shift:
    breaks = tuple(planned if b.id == planned.id else b for b in shift.breaks)
    return replace(shift, breaks=breaks)


def _with_break(shift: Shift, break_id: str, position: int) -> Shift:
    """The shift with a break before its n-th other visit."""
    others = [v for v in shift.visits if v.break_id != break_id]
    own = [v for v in shift.visits if v.break_id == break_id]
    visits: tuple[Visit, ...] = (*others[:position], *own, *others[position:])
    return replace(shift, visits=visits)


def _orders(shift: Shift, break_id: str) -> Iterator[Shift]:
    """The shift with the break anywhere, but not before a visit that is being made."""
    first = 1 if shift.current_visit is not None else 0
    for position in range(first, len(shift.visits)):
        yield _with_break(shift, break_id, position)


def _somebody_comes_first(shift: Shift) -> bool:
    """Whether riders are on board, or at the door."""
    boarding = {b for v in shift.visits for b in v.booking_ids(ActionKind.PICKUP)}
    alighting = {b for v in shift.visits for b in v.booking_ids(ActionKind.DROPOFF)}
    return bool(alighting - boarding) or shift.current_visit is not None


def _cost(now: Planning) -> int:
    return plans.evaluate(now.problem, 0).cost
