"""From a scheduled route to visits, and the events that put a new plan in force."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dispatch.domain.events import PlanChanged, VisitCompleted
from dispatch.domain.ids import new_id
from dispatch.domain.model import Action, ActionKind, Anchor, Shift, Visit
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.breaches import breaches, planned_breaches
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.problem import Planning, planning
from dispatch.engine.whereabouts import Whereabouts, locate, rested
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
    """Pair the actions of a vehicle's route with stops and planned times.

    A break is where the vehicle has come to by then, and over before it is got ready again.
    """
    result = []
    stop = problem.vehicles[vehicle].start_stop
    for position, action in enumerate(problem.vehicles[vehicle].route):
        start_s, end_s = int(schedule.start_s[position]), int(schedule.end_s[position])
        if action.kind == "break":
            end_s -= problem.setup_s
        else:
            booking = problem.bookings[action.booking]
            stop = booking.pickup_stop if action.kind == "pickup" else booking.dropoff_stop
        result.append(ScheduledAction(action, network.stops[stop].id, start_s, end_s))
    return result


def is_waiting_place(visit: Visit) -> bool:
    """Whether nothing is to be done there: a vehicle without work waits for some."""
    return not visit.actions and visit.break_id is None


def end_break(draft: Draft, shift_id: str) -> Shift:
    """The shift as it is now: a break that has lasted its time is over, whoever says so or not."""
    shift = draft.state.shifts[shift_id]
    current = shift.current_visit
    if current is not None and rested(shift, draft.now_s) is not shift:
        draft.emit(VisitCompleted(shift_id, current.id, current.depart_s))
    return draft.state.shifts[shift_id]


class PlanWriter:
    """Writes new plans of shifts into a draft, on the roads that each of them drives on."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network

    def _on_roads_of(self, draft: Draft, shift: Shift) -> "PlanWriter":
        """The writer for the roads of a shift: this one unless some are closed."""
        network = self._network.for_shift(shift, draft.state.closures)
        return self if network is self._network else PlanWriter(self._config, network)

    def adopt(
        self, draft: Draft, shift: Shift, where: Whereabouts, actions: Sequence[ScheduledAction]
    ) -> None:
        """Emit the plan that does `actions`, keeping the ids of visits that stay.

        `shift` may have visits taken off; a break that is over is none of them.
        """
        if (writer := self._on_roads_of(draft, shift)) is not self:
            writer.adopt(draft, shift, where, actions)
            return
        end_break(draft, shift.id)
        shift = rested(shift, draft.now_s)
        anchor = self._anchor(shift, where, draft.now_s)
        in_time = self._breaks_in_time(shift, actions, draft.now_s)
        visits = self._visits(draft, shift, where, in_time)
        draft.emit(PlanChanged(shift.id, shift.version + 1, anchor, visits))

    def reschedule(self, draft: Draft, shift_id: str, *, tolerance_s: int = 0) -> None:
        """Re-time a plan as things stand; silent if nothing moves by more than the tolerance."""
        shift = end_break(draft, shift_id)
        if not shift.visits:
            return
        if (writer := self._on_roads_of(draft, shift)) is not self:
            writer.reschedule(draft, shift_id, tolerance_s=tolerance_s)
            return
        now = planning(self._config, self._network, draft.state, [shift], draft.now_s)
        schedule = plans.evaluate(now.problem, 0)
        self._adopt_if_moved(draft, now, schedule, tolerance_s)

    def time_anew(self, draft: Draft, shift_id: str) -> None:
        """Re-time a plan whether or not its actions move: other roads, other times to leave."""
        shift = end_break(draft, shift_id)
        if not any(visit.actions or visit.break_id for visit in shift.visits):
            if shift.visits:  # under way to nothing but a waiting place
                self.drop(draft, shift)
            return
        self.move_on(draft, shift)

    def without(self, draft: Draft, shift_id: str, booking_id: str) -> None:
        """Take a booking that is no longer open off a plan."""
        shift = end_break(draft, shift_id)
        left = (
            replace(v, actions=tuple(a for a in v.actions if a.booking_id != booking_id))
            for v in shift.visits
        )
        kept = tuple(v for v in left if v.actions or v.break_id or v.arrived_at_s is not None)
        thinned = replace(shift, visits=kept)
        # It is on its way to what was first until now, which may be the visit that goes.
        located = {
            shift_id: locate(
                self._network, draft.state, shift, draft.now_s, self._config.rules.position_stale_s
            )
        }
        now = planning(self._config, self._network, draft.state, [thinned], draft.now_s, located)
        schedule = plans.evaluate(now.problem, 0)
        actions = scheduled(self._network, now.problem, 0, schedule)
        self.adopt(draft, thinned, now.where[0], actions)

    def wait_at(self, draft: Draft, shift: Shift, where: Whereabouts, stop_id: str) -> None:
        """Send a vehicle that has time to a stop to wait there; its plan follows from there on."""
        if (writer := self._on_roads_of(draft, shift)) is not self:
            writer.wait_at(draft, shift, where, stop_id)
            return
        index, now_s = self._network.stop_index[stop_id], draft.now_s
        leg_s = int(self._network.travel.times_from(where.place)[index])
        arrive_s = self._network.drive(now_s, where.free_s, leg_s)
        waiting = Visit(
            new_id("vs", draft.rng), stop_id, (), where.free_s, arrive_s, depart_s=arrive_s
        )
        there = Whereabouts(self._network.stops[index].place, stop_id, arrive_s)
        located = {shift.id: there}
        now = planning(self._config, self._network, draft.state, [shift], now_s, located)
        actions = scheduled(self._network, now.problem, 0, plans.evaluate(now.problem, 0))
        follow = self._visits(draft, shift, there, self._breaks_in_time(shift, actions, now_s))
        anchor = self._anchor(shift, where, now_s)
        draft.emit(PlanChanged(shift.id, shift.version + 1, anchor, (waiting, *follow)))

    def drop(self, draft: Draft, shift: Shift) -> None:
        """Take everything off a plan, where the vehicle is now."""
        where = locate(
            self._network, draft.state, shift, draft.now_s, self._config.rules.position_stale_s
        )
        anchor = self._anchor(shift, where, draft.now_s)
        draft.emit(PlanChanged(shift.id, shift.version + 1, anchor, ()))

    def move_on(self, draft: Draft, shift: Shift) -> None:
        """Give up the waiting place a vehicle is under way to; what it has to do is timed anew."""
        now = planning(self._config, self._network, draft.state, [shift], draft.now_s)
        actions = scheduled(self._network, now.problem, 0, plans.evaluate(now.problem, 0))
        self.adopt(draft, shift, now.where[0], actions)

    def _adopt_if_moved(
        self, draft: Draft, now: Planning, schedule: plans.RouteSchedule, tolerance_s: int
    ) -> None:
        shift = now.shifts[0]
        actions = scheduled(self._network, now.problem, 0, schedule)
        in_time = self._breaks_in_time(shift, actions, draft.now_s)
        planned = [start_s for visit in shift.visits for start_s in _starts(visit)]
        moved = max(
            (abs(new.start_s - old_s) for new, old_s in zip(in_time, planned, strict=True)),
            default=0,
        )
        if moved > tolerance_s or (moved and _breaks_anew(draft, now)):
            self.adopt(draft, shift, now.where[0], actions)

    def _anchor(self, shift: Shift, where: Whereabouts, now_s: int) -> Anchor:
        if where.stop_id is None:
            return self._network.anchor_on_road(where.place, where.free_s)
        if where.stop_id == shift.anchor.stop_id:
            return shift.anchor
        return self._network.anchor_at_stop(where.stop_id, now_s)

    def _breaks_in_time(
        self, shift: Shift, actions: Sequence[ScheduledAction], now_s: int
    ) -> list[ScheduledAction]:
        """Breaks put off towards the middle of their windows, as far as nothing else moves by it.

        A schedule has everything as early as possible; a break at the very opening of its window
        would leave too long a rest of the day without one, and would miss the quiet hours.
        """
        result = list(actions)
        middle_s = {b.id: (b.earliest_s + b.latest_s) // 2 for b in shift.breaks}
        next_id, due_s = shift.depot_stop_id, shift.end_s
        for k in reversed(range(len(result))):
            entry = result[k]
            if entry.action.kind == "break":
                leg_s = self._leg_s(entry.stop_id, next_id)
                ready_s = entry.end_s + self._config.rules.boarding_stop_s
                slack_s = self._latest_leave(ready_s, due_s, leg_s, now_s) - ready_s
                put_off_s = min(slack_s, middle_s[entry.action.booking] - entry.start_s)
                if put_off_s > 0:
                    start_s, end_s = entry.start_s + put_off_s, entry.end_s + put_off_s
                    result[k] = replace(entry, start_s=start_s, end_s=end_s)
            next_id, due_s = entry.stop_id, result[k].start_s
        return result

    def _leg_s(self, origin_id: str, target_id: str) -> int:
        index = self._network.stop_index
        return int(self._network.travel.matrix_s[index[origin_id], index[target_id]])

    def _visits(
        self, draft: Draft, shift: Shift, where: Whereabouts, actions: Sequence[ScheduledAction]
    ) -> tuple[Visit, ...]:
        groups = _by_stop(actions)
        visits: list[Visit] = []
        current = shift.current_visit
        if current is not None and current.break_id is not None:
            visits.append(current)
        elif current is not None:
            here = groups and groups[0][0].stop_id == current.stop_id and not _is_rest(groups[0])
            group = groups.pop(0) if here else []
            depart_s = group[-1].end_s if group else draft.now_s
            visits.append(_still_there(current, _actions(group), depart_s))
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
        if _is_rest(group):
            return self._break(visit_id, group[0], previous, where, now_s)
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

    def _break(
        self,
        visit_id: str,
        entry: ScheduledAction,
        previous: Visit | None,
        where: Whereabouts,
        now_s: int,
    ) -> Visit:
        """A break where the vehicle stands; if it is under way, at the nearest stop."""
        leave_s = start_s = entry.start_s
        if previous is None and where.stop_id is None:
            leave_s = where.free_s
            legs_s = self._network.travel.times_from(where.place)
            leg_s = int(legs_s[self._network.stop_index[entry.stop_id]])
            start_s = max(start_s, self._network.drive(now_s, leave_s, leg_s))
        depart_s = start_s + entry.end_s - entry.start_s
        return Visit(
            visit_id, entry.stop_id, (), leave_s, start_s, depart_s, break_id=entry.action.booking
        )

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


def _breaks_anew(draft: Draft, now: Planning) -> bool:
    """Whether a promise is going to be missed that the plan in force still keeps."""
    if now.problem is now.promised:
        return False
    planned = planned_breaches(draft.state, now.shifts[0])
    will = breaches(now.promised, now.problem)
    return any(kind != "end" and not planned.get((key, kind)) for key, kind in will)


def _still_there(current: Visit, actions: tuple[Action, ...], depart_s: int) -> Visit:
    """The visit being made, with a new end; who came early may be done before the planned one."""
    arrive_s = min(current.arrive_s, depart_s)
    leave_s = min(current.leave_s, arrive_s)
    return replace(current, actions=actions, leave_s=leave_s, arrive_s=arrive_s, depart_s=depart_s)


def _is_rest(group: Sequence[ScheduledAction]) -> bool:
    """Whether a group of actions is a driver's break, which is always alone."""
    return group[0].action.kind == "break"


def _starts(visit: Visit) -> list[int]:
    """When the actions of a visit are planned to begin; a break ahead is one."""
    if visit.break_id is not None and visit.arrived_at_s is None:
        return [visit.arrive_s]
    return [action.start_s for action in visit.actions]


def _by_stop(actions: Sequence[ScheduledAction]) -> list[list[ScheduledAction]]:
    groups: list[list[ScheduledAction]] = []
    for action in actions:
        before = groups[-1][0] if groups else None
        alike = before is not None and "break" not in {before.action.kind, action.action.kind}
        if before is not None and alike and before.stop_id == action.stop_id:
            groups[-1].append(action)
        else:
            groups.append([action])
    return groups


class _KeptIds:
    """Ids of planned visits, each handed on once to the visit that takes over its work."""

    def __init__(self, shift: Shift) -> None:
        self._free = [v for v in shift.visits if v.arrived_at_s is None]

    def take(self, group: Sequence[ScheduledAction]) -> str | None:
        """The id of the visit of a break, or of one at the same stop that shares an action."""
        keys = {(str(entry.action.kind), entry.action.booking) for entry in group}
        for visit in self._free:
            planned = {(str(a.kind), a.booking_id) for a in visit.actions}
            same = visit.break_id is not None or visit.stop_id == group[0].stop_id
            if visit.break_id is not None:
                planned = {("break", visit.break_id)}
            if same and keys & planned:
                self._free.remove(visit)
                return visit.id
        return None


def _actions(group: Sequence[ScheduledAction]) -> tuple[Action, ...]:
    return tuple(
        Action(ActionKind(entry.action.kind), entry.action.booking, entry.start_s, entry.end_s)
        for entry in group
    )
