"""From a scheduled route to visits, and the events that put a new plan in force."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dispatch.domain.events import PlanChanged
from dispatch.domain.ids import new_id
from dispatch.domain.model import Action, ActionKind, Anchor, Shift, Visit
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.problem import Planning, planning
from dispatch.engine.whereabouts import Whereabouts, locate
from routing import plans


@dataclass(frozen=True, slots=True)
class ScheduledAction:
    """An action of a route with its stop and times."""

    action: plans.Action
    stop_id: str
    start_s: int
    end_s: int


def scheduled(
    network: Network, problem: plans.Problem, vehicle: int, schedule: plans.RouteSchedule
) -> list[ScheduledAction]:
    """Pair the actions of a vehicle's route with stops and planned times."""
    result = []
    for position, action in enumerate(problem.vehicles[vehicle].route):
        booking = problem.bookings[action.booking]
        stop = booking.pickup_stop if action.kind == "pickup" else booking.dropoff_stop
        start_s, end_s = int(schedule.start_s[position]), int(schedule.end_s[position])
        result.append(ScheduledAction(action, network.stops[stop].id, start_s, end_s))
    return result


class PlanWriter:
    """Writes new plans of shifts into a draft."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network

    def adopt(
        self, draft: Draft, shift: Shift, where: Whereabouts, actions: Sequence[ScheduledAction]
    ) -> None:
        """Emit the plan that does `actions`, keeping the ids of visits that stay."""
        anchor = self._anchor(shift, where, draft.now_s)
        visits = self._visits(draft, shift, where, actions)
        draft.emit(PlanChanged(shift.id, shift.version + 1, anchor, visits))

    def reschedule(self, draft: Draft, shift_id: str, *, tolerance_s: int = 0) -> None:
        """Re-time a plan as things stand; silent if nothing moves by more than the tolerance."""
        shift = draft.state.shifts[shift_id]
        if not shift.visits:
            return
        now = planning(self._config, self._network, draft.state, [shift], draft.now_s)
        schedule = plans.evaluate(now.problem, 0)
        self._adopt_if_moved(draft, now, schedule, tolerance_s)

    def without(self, draft: Draft, shift_id: str, booking_id: str) -> None:
        """Take a booking that is no longer open off a plan."""
        shift = draft.state.shifts[shift_id]
        left = (
            replace(v, actions=tuple(a for a in v.actions if a.booking_id != booking_id))
            for v in shift.visits
        )
        kept = tuple(v for v in left if v.actions or v.arrived_at_s is not None)
        thinned = replace(shift, visits=kept)
        # It is on its way to what was first until now, which may be the visit that goes.
        located = {shift_id: locate(self._network, draft.state, shift, draft.now_s)}
        now = planning(self._config, self._network, draft.state, [thinned], draft.now_s, located)
        schedule = plans.evaluate(now.problem, 0)
        actions = scheduled(self._network, now.problem, 0, schedule)
        self.adopt(draft, thinned, now.where[0], actions)

    def _adopt_if_moved(
        self, draft: Draft, now: Planning, schedule: plans.RouteSchedule, tolerance_s: int
    ) -> None:
        shift = now.shifts[0]
        actions = scheduled(self._network, now.problem, 0, schedule)
        planned = [a for visit in shift.visits for a in visit.actions]
        moved = max(
            (abs(new.start_s - old.start_s) for new, old in zip(actions, planned, strict=True)),
            default=0,
        )
        if moved > tolerance_s:
            self.adopt(draft, shift, now.where[0], actions)

    def _anchor(self, shift: Shift, where: Whereabouts, now_s: int) -> Anchor:
        if where.stop_id is None:
            return self._network.anchor_on_road(where.place, where.free_s)
        if where.stop_id == shift.anchor.stop_id:
            return shift.anchor
        return self._network.anchor_at_stop(where.stop_id, now_s)

    def _visits(
        self, draft: Draft, shift: Shift, where: Whereabouts, actions: Sequence[ScheduledAction]
    ) -> tuple[Visit, ...]:
        groups = _by_stop(actions)
        visits: list[Visit] = []
        current = shift.current_visit
        if current is not None:
            here = groups and groups[0][0].stop_id == current.stop_id
            group = groups.pop(0) if here else []
            depart_s = group[-1].end_s if group else draft.now_s
            visits.append(replace(current, actions=_actions(group), depart_s=depart_s))
        ids = _KeptIds(shift)
        for group in groups:
            visit_id = ids.take(group) or new_id("vs", draft.rng)
            previous = visits[-1] if visits else None
            visits.append(self._visit(visit_id, group, previous, where, draft.now_s))
        return tuple(visits)

    def _visit(
        self,
        visit_id: str,
        group: Sequence[ScheduledAction],
        previous: Visit | None,
        where: Whereabouts,
        now_s: int,
    ) -> Visit:
        stop_id = group[0].stop_id
        origin = previous.stop_id if previous else where.stop_id
        earliest_s = previous.depart_s if previous else where.free_s
        index = self._network.stop_index[stop_id]
        if origin is None:
            leave_s = earliest_s
            leg_s = int(self._network.travel.times_from(where.place)[index])
        else:
            leg_s = int(self._network.travel.matrix_s[self._network.stop_index[origin], index])
            leave_s = self._latest_leave(earliest_s, group[0].start_s, leg_s, now_s)
        arrive_s = self._network.drive(now_s, leave_s, leg_s)
        return Visit(visit_id, stop_id, _actions(group), leave_s, arrive_s, group[-1].end_s)

    def _latest_leave(self, earliest_s: int, start_s: int, leg_s: int, now_s: int) -> int:
        """Just in time, with a buffer: a vehicle that waits can still be sent elsewhere."""
        due_s = start_s - self._config.rules.leave_buffer_s
        leave_s = due_s - leg_s
        for _ in range(3):
            late_s = self._network.drive(now_s, leave_s, leg_s) - due_s
            if late_s <= 0 or leave_s <= earliest_s:
                break
            leave_s -= late_s
        return max(earliest_s, leave_s)


def _by_stop(actions: Sequence[ScheduledAction]) -> list[list[ScheduledAction]]:
    groups: list[list[ScheduledAction]] = []
    for action in actions:
        if groups and groups[-1][0].stop_id == action.stop_id:
            groups[-1].append(action)
        else:
            groups.append([action])
    return groups


class _KeptIds:
    """Ids of planned visits, each handed on once to the visit that takes over its work."""

    def __init__(self, shift: Shift) -> None:
        self._free = [v for v in shift.visits if v.arrived_at_s is None]

    def take(self, group: Sequence[ScheduledAction]) -> str | None:
        """The id of a planned visit at the same stop that shares an action with the group."""
        keys = {(a.kind, a.booking_id) for a in _actions(group)}
        for visit in self._free:
            planned = {(a.kind, a.booking_id) for a in visit.actions}
            if visit.stop_id == group[0].stop_id and keys & planned:
                self._free.remove(visit)
                return visit.id
        return None


def _actions(group: Sequence[ScheduledAction]) -> tuple[Action, ...]:
    return tuple(
        Action(ActionKind(entry.action.kind), entry.action.booking, entry.start_s, entry.end_s)
        for entry in group
    )
