"""A day under a simulated clock: the live engine, punctual riders, vehicles that drive the plan.

Discrete events; ties are broken by order of scheduling, so a seed gives the same day every time.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError
from dispatch.domain.model import ActionKind, Anchor, Shift, ShiftStatus, Visit
from dispatch.domain.state import State, apply, forget_closed
from dispatch.engine import Engine
from dispatch.engine.visits import is_waiting_place
from routing.roads.graph import Place
from simulations.demand import Trip
from simulations.improvement import proposal

_TICK_S = 300
_MOVE_TICK_S = 60
"""Between two ticks where idle vehicles may be sent elsewhere."""
_FORGET_AFTER_S = 7200


@dataclass(frozen=True, slots=True)
class Leg:
    """A piece of driving: from one place to another with the same people on board.

    `to_wait`: towards a place to wait at.
    """

    shift_id: str
    from_s: int
    to_s: int
    length_m: float
    booking_ids: tuple[str, ...]
    to_depot: bool = False
    to_wait: bool = False


@dataclass(slots=True)
class Day:
    """What happened: the events with their instants, and the legs driven.

    `rejected` has `(code, persons)` of requests that were turned down as impossible; `asked_s` by
    request id when riders asked whose answer had to wait.
    """

    events: list[tuple[int, ev.Event]] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)
    rejected: list[tuple[str, int]] = field(default_factory=list)
    asked_s: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pace:
    """What is done besides deciding at once; 0 seconds = never.

    Attributes:
        improve_every_s: between two improvements of the open plan.
        improve_iterations: of the search, each time.
        batch_window_s: how long requests are collected before they are answered together.
    """

    improve_every_s: int = 0
    improve_iterations: int = 0
    batch_window_s: int = 0


class World:
    """Runs one day.

    `on_event` sees the state after every event, `on_settled` after every decision (for invariants).
    """

    def __init__(
        self,
        engine: Engine,
        trips: Sequence[Trip],
        seed: int,
        on_event: Callable[[State, ev.Event, int], None] | None = None,
        pace: Pace | None = None,
        on_settled: Callable[[State, int], None] | None = None,
    ) -> None:
        self.state = State()
        self.day = Day()
        self._engine = engine
        self._rng = Random(seed)  # noqa: S311 - reproducible ids, not secrets
        self._queue: list[tuple[int, int, Callable[[int], None]]] = []
        self._order = 0
        self._wake: dict[str, int] = {}
        self._on_event = on_event
        self._on_settled = on_settled
        self._pace = pace or Pace()
        self._seed = seed
        self._waiting: list[Trip] = []
        self._improved: dict[str, int] = {}
        for trip in trips:
            self._at(trip.asked_at_s, partial(self._ask, trip))

    def run(self, from_s: int, to_s: int) -> Day:
        """Simulate from one instant, or just before the first request, to another."""
        first_s = self._queue[0][0] if self._queue else from_s
        from_s -= max(0, (from_s - first_s) // _TICK_S + 1) * _TICK_S
        for at_s in range(from_s, to_s, _TICK_S):
            self._at(at_s, self._tick)
        if self._engine.config.repositioning.idle != "stay":
            for at_s in range(from_s, to_s, _MOVE_TICK_S):
                self._at(at_s, self._tick_on_duty)
        if self._pace.improve_every_s:
            for at_s in range(from_s, to_s, self._pace.improve_every_s):
                self._at(at_s, self._improve)
        while self._queue:
            at_s, _, action = heapq.heappop(self._queue)
            action(at_s)
        return self.day

    def _at(self, at_s: int, action: Callable[[int], None]) -> None:
        self._order += 1
        heapq.heappush(self._queue, (at_s, self._order, action))

    def _tick(self, now_s: int) -> None:
        self._do(cmd.Tick(), now_s)
        forget_closed(self.state, now_s - _FORGET_AFTER_S)

    def _tick_on_duty(self, now_s: int) -> None:
        if any(shift.status is ShiftStatus.ACTIVE for shift in self.state.shifts.values()):
            self._do(cmd.Tick(), now_s)

    def _improve(self, now_s: int) -> None:
        """Search for better plans, unless nothing has changed since a search found none."""
        versions = {s.id: s.version for s in self.state.shifts.values() if s.visits}
        if versions == self._improved:
            return
        iterations, seed = self._pace.improve_iterations, self._seed + now_s
        better = proposal(self._engine, self.state, now_s, iterations=iterations, seed=seed)
        if better is None or not self._do(better, now_s):
            self._improved = versions

    def _ask(self, trip: Trip, now_s: int) -> None:
        if self._pace.batch_window_s:
            if not self._waiting:
                self._at(now_s + self._pace.batch_window_s, self._answer_all)
            self._waiting.append(trip)
            return
        try:
            events = self._carry_out(trip.ask, now_s)
        except DomainError as error:
            self.day.rejected.append((str(error.code), trip.ask.party.persons))
            return
        if isinstance(events[0], ev.RideOffered):
            offer = events[0].request.offers[0]
            self._do(cmd.AcceptOffer(offer.id, rider_id=""), now_s)

    def _answer_all(self, now_s: int) -> None:
        """Answer all who have asked since the window was opened; each takes the first offer."""
        trips, self._waiting = self._waiting, []
        taken = []
        for trip, outcome in zip(
            trips, self._decide_all([t.ask for t in trips], now_s), strict=True
        ):
            if isinstance(outcome, DomainError):
                self.day.rejected.append((str(outcome.code), trip.ask.party.persons))
                continue
            answer = outcome[0]
            if isinstance(answer, ev.RideOffered | ev.RideRefused):
                self.day.asked_s[answer.request.id] = trip.asked_at_s
                taken += [cmd.AcceptOffer(o.id, rider_id="") for o in answer.request.offers[:1]]
        self._decide_all(taken, now_s)

    def _decide_all(
        self, commands: Sequence[cmd.Command], now_s: int
    ) -> list[list[ev.Event] | DomainError]:
        outcomes = self._engine.decide_batch(self.state, commands, now_s, self._rng)
        happened = [o for o in outcomes if not isinstance(o, DomainError)]
        self._happen([event for events in happened for event in events], now_s)
        return outcomes

    def _do(self, command: cmd.Command, now_s: int) -> list[ev.Event]:
        try:
            return self._carry_out(command, now_s)
        except DomainError:
            return []

    def _carry_out(self, command: cmd.Command, now_s: int) -> list[ev.Event]:
        events = self._engine.decide(self.state, command, now_s, self._rng)
        self._happen(events, now_s)
        return events

    def _happen(self, events: Sequence[ev.Event], now_s: int) -> None:
        """Let the events of a decision happen; drivers then do what the plans say."""
        for event in events:
            before = self.state.shifts.get(getattr(event, "shift_id", ""))
            apply(self.state, event)
            self.day.events.append((now_s, event))
            if before is not None:
                self._follow(before, event, now_s)
            if self._on_event is not None:
                self._on_event(self.state, event, now_s)
        if self._on_settled is not None and events:
            self._on_settled(self.state, now_s)
        for shift_id in dict.fromkeys(_shifts_touched(events)):
            self._schedule(shift_id, now_s)
        for event in events:
            if isinstance(event, ev.ShiftEnded):
                self._relieve(event.shift_id, now_s)

    def _relieve(self, ended_id: str, now_s: int) -> None:
        """Let the vehicle's next shift begin."""
        vehicle_id = self.state.shifts[ended_id].vehicle_id
        for shift in list(self.state.shifts.values()):
            if shift.vehicle_id == vehicle_id and shift.status is ShiftStatus.PLANNED:
                self._schedule(shift.id, now_s)

    def _on_duty(self, vehicle_id: str) -> bool:
        return any(
            shift.vehicle_id == vehicle_id and shift.status is ShiftStatus.ACTIVE
            for shift in self.state.shifts.values()
        )

    def _follow(self, before: Shift, event: ev.Event, now_s: int) -> None:
        """Record what was driven when a vehicle arrives or is sent elsewhere on its way."""
        match event:
            case ev.VisitArrived(anchor=anchor):
                self._drove(before, anchor, now_s)
            case ev.PlanChanged(anchor=anchor) if anchor != before.anchor and before.visits:
                self._drove(before, anchor, now_s)
            case _:
                pass

    def _drove(self, before: Shift, until: Anchor, now_s: int) -> None:
        travel, network = self._engine.network.travel, self._engine.network
        anchor, visit = before.anchor, before.visits[0]
        target = network.stop_index[visit.stop_id]
        origin = Place(anchor.arc, anchor.offset_ms)
        length_m = travel.path(origin, target).length_m
        if until.stop_id is None:
            length_m -= travel.path(Place(until.arc, until.offset_ms), target).length_m
        left_s = anchor.at_s if anchor.stop_id is None else max(anchor.at_s, visit.leave_s)
        if visit.break_id is not None:  # it may have to wait there for the break to begin
            now_s = min(now_s, self._reached_s(anchor, visit, now_s))
        if left_s < now_s:
            on_board = _on_board(self.state, before)
            to_wait = is_waiting_place(visit)
            leg = Leg(before.id, left_s, now_s, max(0.0, length_m), on_board, to_wait=to_wait)
            self.day.legs.append(leg)

    def _schedule(self, shift_id: str, now_s: int) -> None:
        """Queue the next thing that the driver of a shift will do; older entries are void."""
        shift = self.state.shifts[shift_id]
        self._wake[shift_id] = wake = self._wake.get(shift_id, 0) + 1
        step = self._next_step(shift, now_s)
        if step is None:
            return
        at_s, command = step

        def act(now: int) -> None:
            if self._wake.get(shift_id) == wake:
                if isinstance(command, cmd.EndShift):
                    self._return_to_depot(shift_id, now)
                self._do(command, now)

        self._at(max(at_s, now_s), act)

    def _next_step(self, shift: Shift, now_s: int) -> tuple[int, cmd.Command] | None:
        if shift.status is ShiftStatus.ENDED:
            return None
        if shift.status is ShiftStatus.PLANNED:
            if self._on_duty(shift.vehicle_id):
                return None  # its turn comes when the shift before it ends
            return shift.start_s, cmd.StartShift(shift.vehicle_id, shift.id)
        current = shift.current_visit
        if current is not None and current.break_id is not None:
            rested = replace(shift.anchor, at_s=current.depart_s)
            shift = replace(shift, visits=shift.visits[1:], anchor=rested)
        if not shift.visits:
            return shift.end_s, cmd.EndShift(shift.vehicle_id, shift.id)
        visit = shift.visits[0]
        if visit.arrived_at_s is None:
            arrival_s = self._arrival_s(shift, now_s)
            at_s = arrival_s if visit.break_id is None else max(arrival_s, visit.arrive_s)
            return at_s, cmd.ReportArrived(shift.vehicle_id, visit.id)
        action = visit.actions[0]
        boards = action.kind is ActionKind.PICKUP
        report = cmd.ReportBoarded if boards else cmd.ReportAlighted
        return action.end_s, report(action.booking_id)

    def _arrival_s(self, shift: Shift, now_s: int) -> int:
        return self._reached_s(shift.anchor, shift.visits[0], now_s)

    def _reached_s(self, anchor: Anchor, visit: Visit, now_s: int) -> int:
        """When a vehicle gets to a visit, left to itself."""
        network = self._engine.network
        leg_s = int(
            network.travel.times_from(Place(anchor.arc, anchor.offset_ms))[
                network.stop_index[visit.stop_id]
            ]
        )
        left_s = anchor.at_s if anchor.stop_id is None else max(anchor.at_s, visit.leave_s)
        return network.drive(now_s, left_s, leg_s)

    def _return_to_depot(self, shift_id: str, now_s: int) -> None:
        shift, network = self.state.shifts[shift_id], self._engine.network
        depot = network.stop_index[shift.depot_stop_id]
        origin = Place(shift.anchor.arc, shift.anchor.offset_ms)
        path = network.travel.path(origin, depot)
        if path.length_m > 0:
            leg_s = int(network.travel.times_from(origin)[depot])
            leg = Leg(shift_id, now_s - leg_s, now_s, path.length_m, (), to_depot=True)
            self.day.legs.append(leg)


def _on_board(state: State, shift: Shift) -> tuple[str, ...]:
    """Bookings with a drop-off but no pick-up left on the shift."""
    open_pickups = {b for v in shift.visits for b in v.booking_ids(ActionKind.PICKUP)}
    dropoffs = [b for v in shift.visits for b in v.booking_ids(ActionKind.DROPOFF)]
    return tuple(sorted(b for b in dropoffs if b not in open_pickups and b in state.bookings))


def _shifts_touched(events: Sequence[ev.Event]) -> list[str]:
    touched = []
    for event in events:
        if isinstance(event, ev.ShiftPlanned):
            touched.append(event.shift.id)
        elif isinstance(event, ev.BookingMade):
            touched.append(event.booking.shift_id)
        elif hasattr(event, "shift_id"):
            touched.append(event.shift_id)
    return touched
