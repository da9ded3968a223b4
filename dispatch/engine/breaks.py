"""Drivers' breaks in the course of a shift: laid out with it, begun when due, over by the clock."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from dispatch.domain import events as ev
from dispatch.domain.driver_hours import breaks_for
from dispatch.domain.ids import new_id
from dispatch.domain.model import PlannedBreak, Shift, ShiftStatus, Visit
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.problem import plan_booking, planning
from dispatch.engine.visits import PlanWriter, scheduled
from dispatch.engine.whereabouts import locate
from routing import plans


def needed(shift: Shift) -> tuple[PlannedBreak, ...]:
    """The breaks of a shift that has not begun; of one laid out late, those of what is left."""
    begins_s = max(shift.start_s, shift.anchor.at_s)
    # All shifts that are planned together know each other's breaks apart.
    return tuple(
        replace(b, id=f"{shift.id}-{b.id}")
        for b in breaks_for(begins_s, max(begins_s, shift.end_s))
    )


def laid_out(shift: Shift, rng: Random) -> Shift:
    """A new, empty shift with its breaks planned at the depot, each in the middle of its window."""
    breaks = needed(shift)
    visits = tuple(_visit_for(b, shift.depot_stop_id, rng) for b in breaks)
    return replace(shift, breaks=breaks, visits=visits)


def _visit_for(planned: PlannedBreak, stop_id: str, rng: Random) -> Visit:
    start_s = (planned.earliest_s + planned.latest_s) // 2
    end_s = start_s + planned.duration_s
    return Visit(new_id("vs", rng), stop_id, (), start_s, start_s, end_s, break_id=planned.id)


class Breaks:
    """Lets breaks begin and end, and adds them where they are missing."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._writer = PlanWriter(config, network)

    def begin_due(self, draft: Draft, shift_id: str) -> None:
        """A break whose time has come begins where the vehicle stands, reported or not."""
        shift = draft.state.shifts[shift_id]
        first = shift.visits[0] if shift.visits else None
        if first is None or first.break_id is None or first.arrived_at_s is not None:
            return
        if shift.status is not ShiftStatus.ACTIVE or draft.now_s < first.arrive_s:
            return
        where = locate(
            self._network, draft.state, shift, draft.now_s, self._config.rules.position_stale_s
        )
        if where.stop_id == first.stop_id:
            self.begin(draft, shift)

    def begin(self, draft: Draft, shift: Shift) -> None:
        """The first visit of a shift, a break, begins now."""
        first = shift.visits[0]
        anchor = self._network.anchor_at_stop(first.stop_id, draft.now_s)
        draft.emit(ev.VisitArrived(shift.id, first.id, draft.now_s, anchor))
        self._writer.reschedule(draft, shift.id)

    def add_missing(self, draft: Draft, shift_id: str) -> None:
        """Give breaks to a shift that was laid out before breaks were planned.

        They go where they break no promise, or the least: the law has no exception for promises.
        """
        shift = draft.state.shifts[shift_id]
        if shift.status is not ShiftStatus.PLANNED or shift.breaks:
            return
        breaks = needed(shift)
        if not breaks:
            return
        draft.emit(ev.BreaksPlanned(shift_id, breaks))
        trial = replace(shift, breaks=breaks)
        for planned in breaks:
            visit = _visit_for(planned, shift.depot_stop_id, draft.rng)
            trial = min(self._placed(trial, visit), key=lambda t: self._harm(draft, t))
        now = planning(self._config, self._network, draft.state, [trial], draft.now_s)
        actions = scheduled(self._network, now.problem, 0, plans.evaluate(now.problem, 0))
        self._writer.adopt(draft, trial, now.where[0], actions)

    def _placed(self, shift: Shift, visit: Visit) -> Iterator[Shift]:
        """The shift with a break before its first visit, after each one, in the midst of none."""
        for position in range(len(shift.visits) + 1):
            visits = (*shift.visits[:position], visit, *shift.visits[position:])
            yield replace(shift, visits=visits)

    def _harm(self, draft: Draft, trial: Shift) -> tuple[int, int]:
        """By how many seconds limits would be broken in total, and what the plan would cost."""
        now = planning(self._config, self._network, draft.state, [trial], draft.now_s)
        schedule = plans.evaluate(now.problem, 0)
        if schedule.reason == "capacity":  # somebody would be on board during the break
            return plans.UNREACHABLE_S, schedule.cost
        late_s = 0
        for booking_id, limits in now.problem.bookings.items():
            told = plan_booking(self._config, self._network, draft.state.bookings[booking_id])
            late_s += limits.pickup_latest_s - told.pickup_latest_s
            late_s += limits.arrival_latest_s - told.arrival_latest_s
            late_s += limits.max_ride_s - told.max_ride_s
        windows = {b.id: b for b in trial.breaks}
        for pause in now.problem.vehicles[0].breaks:
            late_s += pause.latest_s - windows[pause.id].latest_s
        return late_s, schedule.cost
