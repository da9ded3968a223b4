"""Moving a booking to a vehicle of the control room's choice: weighed first, then carried out.

What cannot be: more riders than places, work beyond the shift, a break that comes too late, a rider
taken from the vehicle in front of them. What the control room may insist on: a promise to a rider
that is missed by some minutes; that is recorded with the move.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from dispatch.domain import booking_commands as bc
from dispatch.domain import booking_events as be
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.life import (
    BrokenLimit,
    MovePreview,
    Obstacle,
    RiderEffect,
    VehicleEffect,
)
from dispatch.domain.model import Booking, Shift, ShiftStatus
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.booker import changeable
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.problem import (
    Planning,
    plan_booking,
    planning,
    request_for,
    rests_on_the_road,
    takes_riders,
)
from dispatch.engine.rides import remove_from_plan
from dispatch.engine.visits import PlanWriter, scheduled
from routing import plans

_APART_MAX = 8
"""Where promises have to be broken, places of pick-up and drop-off further apart are not tried."""
_HARD = {"shift_end": Obstacle.OUTSIDE_SHIFT, "break": Obstacle.BREAK_IN_THE_WAY}


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A move tried: the two plans without the booking, and the receiving one with it."""

    now: Planning
    after: plans.Problem | None
    broken: tuple[BrokenLimit, ...] = ()
    obstacle: Obstacle | None = None


class Moves:
    """Decides about pins and moves of bookings."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._writer = PlanWriter(config, network)

    def pin(self, draft: Draft, pin: bc.PinBooking) -> None:
        """Keep a booking on its shift; repeating it is no error.

        Raises:
            DomainError: unknown booking, on board or over.
        """
        booking = changeable(draft.state, pin.booking_id)
        if not booking.pinned:
            draft.emit(be.BookingPinned(booking.id, booking.shift_id, draft.now_s))

    def unpin(self, draft: Draft, unpin: bc.UnpinBooking) -> None:
        """Let a booking change vehicles again; repeating it is no error.

        Raises:
            DomainError: unknown booking, on board or over.
        """
        booking = changeable(draft.state, unpin.booking_id)
        if booking.pinned:
            draft.emit(be.BookingUnpinned(booking.id, draft.now_s))

    def preview(self, draft: Draft, ask: bc.PreviewMove) -> None:
        """Say what a move would bring about; nothing changes.

        Raises:
            DomainError: unknown booking or shift, on board or over.
        """
        booking, target = self._what(draft, ask.booking_id, ask.shift_id)
        branch = draft.branch()
        weighed = self._weigh(branch, booking, target)
        draft.emit(be.MovePreviewed(self._report(draft, booking, target, weighed)))

    def move(self, draft: Draft, move: bc.MoveBooking) -> None:
        """Have another shift carry a booking; one that does so already is no error.

        Raises:
            DomainError: unknown booking or shift, plans that are not those of the preview, or a
                move that is impossible, or breaks promises without being forced.
        """
        booking, target = self._what(draft, move.booking_id, move.shift_id)
        if booking.shift_id == target.id:
            if move.pin and not booking.pinned:
                draft.emit(be.BookingPinned(booking.id, target.id, draft.now_s))
            return
        seen = {v.shift_id: v.version for v in move.versions}
        for shift_id in (booking.shift_id, target.id):
            if seen.get(shift_id) != draft.state.shifts[shift_id].version:
                raise DomainError(ErrorCode.PREVIEW_STALE, f"{shift_id} has another plan by now")
        branch = draft.branch()
        weighed = self._weigh(branch, booking, target)
        refused = weighed.obstacle
        if refused is Obstacle.PROMISE_BROKEN and move.force:
            refused = None
        if refused is not None or weighed.after is None:
            reason = str(refused or Obstacle.NO_ROOM)
            raise DomainError(ErrorCode.MOVE_NOT_POSSIBLE, f"cannot move: {reason}", reason=reason)
        self._carry_out(branch, booking, target, weighed)
        if booking.pinned:
            branch.emit(be.BookingUnpinned(booking.id, draft.now_s))
        if move.pin:
            branch.emit(be.BookingPinned(booking.id, target.id, draft.now_s))
        draft.take_over(branch)

    def _what(self, draft: Draft, booking_id: str, shift_id: str) -> tuple[Booking, Shift]:
        booking = changeable(draft.state, booking_id)
        target = draft.state.shifts.get(shift_id)
        if target is None:
            raise DomainError(ErrorCode.SHIFT_NOT_FOUND, f"no shift {shift_id}")
        return booking, target

    def _weigh(self, draft: Draft, booking: Booking, target: Shift) -> _Weighed:
        """Take the booking off its plan in `draft`, and look for its best place in the other."""
        before = self._planning(draft, booking, target)
        obstacle = self._forbidden(draft, booking, target, before)
        if obstacle is not None:
            return _Weighed(before, None, obstacle=obstacle)
        remove_from_plan(self._writer, draft, booking.shift_id, booking.id)
        now = self._planning(draft, booking, target)
        v = _index(now, target.id)
        wanted = request_for(plan_booking(self._config, self._network, booking))
        found = next(
            (f for f in plans.best_insertions(now.problem, wanted) if f.vehicle == v), None
        )
        if found is not None:
            after = plans.route_with(now.problem, v, wanted, found).problem
            if not rests_on_the_road(after):
                return _Weighed(now, after)
        return _least_bad(now, v, wanted)

    def _forbidden(
        self, draft: Draft, booking: Booking, target: Shift, before: Planning
    ) -> Obstacle | None:
        """Why the move is out of the question, whatever it would cost."""
        if target.id == booking.shift_id:
            return Obstacle.SAME_SHIFT
        holder = before.problem.vehicles[_index(before, booking.shift_id)]
        if plans.Action("pickup", booking.id) in holder.route[: holder.locked]:
            return Obstacle.BOARDING
        if target.status is ShiftStatus.ENDED or not takes_riders(
            self._config, draft.state, target, draft.now_s
        ):
            return Obstacle.NO_DRIVER
        vehicle = self._config.vehicle(target.vehicle_id)
        party = booking.party
        if vehicle is None or not any(
            c.holds(party.seats, party.wheelchairs) for c in vehicle.configurations
        ):
            return Obstacle.PARTY_DOES_NOT_FIT
        promise = booking.promise
        if target.start_s > promise.arrival_latest_s or target.end_s < promise.pickup_from_s:
            return Obstacle.OUTSIDE_SHIFT
        return None

    def _planning(self, draft: Draft, booking: Booking, target: Shift) -> Planning:
        ids = {booking.shift_id, target.id}
        shifts = [draft.state.shifts[i] for i in ids]
        roads = self._network.for_shift(target, draft.state.closures)
        return planning(self._config, self._network, draft.state, shifts, draft.now_s, roads=roads)

    def _carry_out(self, draft: Draft, booking: Booking, target: Shift, weighed: _Weighed) -> None:
        assert weighed.after is not None  # noqa: S101 - checked by the caller
        moved = ev.BookingMoved(
            booking.id,
            booking.shift_id,
            target.id,
            draft.now_s,
            by="control",
            forced=bool(weighed.broken),
            broken=weighed.broken,
        )
        draft.emit(moved)
        v = _index(weighed.now, target.id)
        actions = scheduled(self._network, weighed.after, v, plans.evaluate(weighed.after, v))
        self._writer.adopt(draft, weighed.now.shifts[v], weighed.now.where[v], actions)

    def _report(
        self, draft: Draft, booking: Booking, target: Shift, weighed: _Weighed
    ) -> MovePreview:
        before = self._planning(draft, booking, target)
        after = weighed.after
        effects = []
        for v, shift in enumerate(before.shifts):
            added_s = 0
            if after is not None:
                was, becomes = plans.evaluate(before.problem, v), plans.evaluate(after, v)
                added_s = becomes.drive_s - was.drive_s
            effects.append(VehicleEffect(shift.id, shift.vehicle_id, shift.version, added_s))
        return MovePreview(
            booking_id=booking.id,
            from_shift_id=booking.shift_id,
            to_shift_id=target.id,
            feasible=weighed.obstacle is None,
            forcible=weighed.obstacle is Obstacle.PROMISE_BROKEN,
            obstacle=weighed.obstacle,
            vehicles=tuple(effects),
            riders=() if after is None else tuple(_riders(before.problem, after)),
            broken=weighed.broken,
        )


def _index(now: Planning, shift_id: str) -> int:
    return next(v for v, shift in enumerate(now.shifts) if shift.id == shift_id)


def _least_bad(now: Planning, v: int, wanted: plans.Request) -> _Weighed:
    """The place for a booking that breaks promises by least; the obstacle if there is none."""
    best: tuple[tuple[int, int], plans.Problem, tuple[BrokenLimit, ...]] | None = None
    obstacle = Obstacle.NO_ROOM
    for trial in _places(now.problem, v, wanted):
        raised = plans.relaxed(trial, v)
        schedule = plans.evaluate(raised, v)
        if not schedule.feasible or rests_on_the_road(trial):
            continue
        broken = tuple(_broken(trial, v, schedule))
        hard = next((_HARD[b.limit] for b in broken if b.limit in _HARD), None)
        if hard is not None:
            obstacle = hard
            continue
        harm = (sum(b.by_s for b in broken), schedule.cost)
        if best is None or harm < best[0]:
            best = harm, raised, broken
    if best is None:
        return _Weighed(now, None, obstacle=obstacle)
    _, after, broken = best
    return _Weighed(now, after, broken, Obstacle.PROMISE_BROKEN if broken else None)


def _places(problem: plans.Problem, v: int, wanted: plans.Request) -> Iterator[plans.Problem]:
    """The route with the booking at each pair of places that are not too far apart."""
    vehicle = problem.vehicles[v]
    length = len(vehicle.route)
    for i in range(vehicle.locked, length + 1):
        for j in range(i, min(length, i + _APART_MAX) + 1):
            if any(action.kind == "break" for action in vehicle.route[i:j]):
                break  # nobody is on board during a break
            place = plans.Insertion(v, 0, i, j, 0, 0, 0, 0)
            yield plans.route_with(problem, v, wanted, place).problem


def _broken(trial: plans.Problem, v: int, schedule: plans.RouteSchedule) -> Iterator[BrokenLimit]:
    """What of the limits a raised route's schedule misses, by how much."""
    vehicle = trial.vehicles[v]
    late_s = schedule.depot_arrival_s - vehicle.end_time_s
    if late_s > 0:
        yield BrokenLimit(vehicle.id, "shift_end", late_s)
    breaks = {pause.id: pause.latest_s for pause in vehicle.breaks}
    boarded_s: dict[str, int] = {}
    for k, (kind, name) in enumerate(vehicle.route):
        start_s = int(schedule.start_s[k])
        if kind == "break":
            limits = [("break", start_s - breaks[name])]
        elif kind == "pickup":
            boarded_s[name] = int(schedule.end_s[k])
            limits = [("pickup", start_s - trial.bookings[name].pickup_latest_s)]
        else:
            limit = trial.bookings[name]
            since_s = limit.boarded_at_s or boarded_s.get(name, start_s)
            limits = [
                ("arrival", start_s - limit.arrival_latest_s),
                ("ride", start_s - since_s - limit.max_ride_s),
            ]
        yield from (BrokenLimit(name, what, by_s) for what, by_s in limits if by_s > 0)


def _riders(before: plans.Problem, after: plans.Problem) -> Iterator[RiderEffect]:
    """Everybody whose planned times change, by booking id."""
    was, becomes = _times(before), _times(after)
    for name in sorted({action.booking for action in becomes if action.kind == "dropoff"}):
        boards, alights = plans.Action("pickup", name), plans.Action("dropoff", name)
        effect = RiderEffect(
            name, was.get(boards), becomes.get(boards), was[alights], becomes[alights]
        )
        times = (effect.pickup_before_s, effect.arrival_before_s)
        if times != (effect.pickup_after_s, effect.arrival_after_s):
            yield effect


def _times(problem: plans.Problem) -> dict[plans.Action, int]:
    times: dict[plans.Action, int] = {}
    for v, vehicle in enumerate(problem.vehicles):
        starts = plans.evaluate(problem, v).start_s.tolist()
        times |= dict(zip(vehicle.route, starts, strict=True))
    return times
