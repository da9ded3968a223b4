"""A day under a simulated clock: the live engine, riders who choose, vehicles that drive the plan.

Discrete events; ties are broken by order of scheduling, so a seed gives the same day every time.
What chance does to it is in `processes.py`, how riders choose in `choice.py`, how vehicles move in
`driving.py`.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError
from dispatch.domain.mishaps import OutReason
from dispatch.domain.model import Action, ActionKind, Anchor, RideRequest, Shift, ShiftStatus, Visit
from dispatch.domain.state import State, apply, forget_closed
from dispatch.engine import Engine
from simulations.choice import choose_offer
from simulations.demand import Trip
from simulations.driving import Driving, Leg
from simulations.improvement import proposal
from simulations.processes import Fate, Processes
from simulations.scenario import Dispatch, Riders, WorldSection

__all__ = ["Day", "Leg", "World"]

_TICK_S = 300
_BUSY_TICK_S = 60
"""Between two ticks where idle vehicles may be sent elsewhere, or chance is on the road."""
_FORGET_AFTER_S = 900


@dataclass(slots=True)
class Day:
    """What happened: the events with their instants, and the legs driven.

    Attributes:
        events: durable ones, in order.
        legs: what was driven.
        rejected: the trips that were turned down as impossible, with the code.
        asked_s: by request id, when riders asked whose answer had to wait.
        repeated: refused requests whose riders asked again for another time.
        standstills: (shift id, from, to) of vehicles that broke down.
        trips: how many riders there were.
        done_s: up to when it was simulated.
        complete: whether that is its end.
    """

    events: list[tuple[int, ev.Event]] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)
    rejected: list[tuple[str, Trip]] = field(default_factory=list)
    asked_s: dict[str, int] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)
    standstills: list[tuple[str, int, int]] = field(default_factory=list)
    trips: int = 0
    done_s: int = 0
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who wants to see what: all optional.

    Attributes:
        on_event: the state after every event.
        on_settled: the state after every decision (for invariants).
        on_time: the simulated instant, now and then; may raise to end the day early.
    """

    on_event: Callable[[State, ev.Event, int], None] | None = None
    on_settled: Callable[[State, int], None] | None = None
    on_time: Callable[[int], None] | None = None


class World:
    """Runs one day.

    Args:
        engine: decides.
        trips: who asks for what, and when.
        seed: of identifiers and of all chance.
        pace: what is done besides deciding at once.
        wanted: what chance does.
        riders: how they choose.
        watchers: who looks on.
        closures: what is closed, with the instants at which the service learns of it.
    """

    def __init__(
        self,
        engine: Engine,
        trips: Sequence[Trip],
        seed: int,
        *,
        pace: Dispatch | None = None,
        wanted: WorldSection | None = None,
        riders: Riders | None = None,
        watchers: Watchers | None = None,
        closures: Sequence[tuple[int, cmd.Close]] = (),
    ) -> None:
        self.state = State()
        self.day = Day(trips=len(trips))
        self._engine = engine
        self._rng = Random(seed)  # noqa: S311 - reproducible ids, not secrets
        self._queue: list[tuple[int, int, Callable[[int], None]]] = []
        self._order = 0
        self._wake: dict[str, int] = {}
        self._rota: dict[str, list[str]] = {}
        self._watchers = watchers or Watchers()
        self._pace = pace or Dispatch()
        self._riders = riders or Riders()
        self._wanted = wanted or WorldSection()
        self._processes = Processes(self._wanted, seed)
        self._driving = Driving(engine.network, self._processes, self.state)
        self._seed = seed
        self._fates: dict[str, Fate] = {}
        self._waiting: list[tuple[Trip, Fate]] = []
        self._improved: dict[str, int] = {}
        for known_s, command in closures:
            self._at(known_s, partial(self._close, command))
        for rider, trip in enumerate(trips):
            self._at(trip.asked_at_s, partial(self._ask, trip, self._processes.fate(rider)))

    def run(self, from_s: int, to_s: int) -> Day:
        """Simulate from one instant, or just before the first request, to another.

        Raises:
            KeyboardInterrupt: what has happened by then is in `day`.
        """
        first_s = self._queue[0][0] if self._queue else from_s
        from_s -= max(0, (from_s - first_s) // _TICK_S + 1) * _TICK_S
        for at_s in range(from_s, to_s, _TICK_S):
            self._at(at_s, self._tick)
        if self._engine.config.repositioning.idle != "stay" or self._driving.reports:
            for at_s in range(from_s, to_s, _BUSY_TICK_S):
                self._at(at_s, self._tick_on_duty)
        if self._pace.improve_every_s:
            for at_s in range(from_s, to_s, self._pace.improve_every_s):
                self._at(at_s, self._improve)
        while self._queue and self._queue[0][0] < to_s:
            at_s, _, action = heapq.heappop(self._queue)
            action(at_s)
            self.day.done_s = at_s
        self.day.complete = True
        return self.day

    def _at(self, at_s: int, action: Callable[[int], None]) -> None:
        self._order += 1
        heapq.heappush(self._queue, (at_s, self._order, action))

    def _tick(self, now_s: int) -> None:
        self._do(cmd.Tick(), now_s)
        forget_closed(self.state, now_s - _FORGET_AFTER_S)
        if self._watchers.on_time is not None:
            self._watchers.on_time(now_s)

    def _tick_on_duty(self, now_s: int) -> None:
        if any(shift.status is ShiftStatus.ACTIVE for shift in self.state.shifts.values()):
            self._do(cmd.Tick(), now_s)

    def _close(self, command: cmd.Close, now_s: int) -> None:
        self._report_positions(now_s)
        self._carry_out(command, now_s)

    def _improve(self, now_s: int) -> None:
        """Search for better plans, unless nothing has changed since a search found none."""
        self._report_positions(now_s)
        versions = {s.id: s.version for s in self.state.shifts.values() if s.visits}
        if versions == self._improved:
            return
        iterations, seed = self._pace.improve_iterations, self._seed + now_s
        better = proposal(self._engine, self.state, now_s, iterations=iterations, seed=seed)
        if better is None or not self._do(better, now_s):
            self._improved = versions

    def _ask(self, trip: Trip, fate: Fate, now_s: int) -> None:
        if self._pace.batch_window_s:
            if not self._waiting:
                self._at(now_s + self._pace.batch_window_s, self._answer_all)
            self._waiting.append((trip, fate))
            return
        self._report_positions(now_s)
        try:
            events = self._carry_out(trip.ask, now_s)
        except DomainError as error:
            self.day.rejected.append((str(error.code), trip))
            return
        take = self._answered(trip, fate, events[0], now_s)
        if take is not None:
            self._booked(fate, self._do(take, now_s), now_s)

    def _answer_all(self, now_s: int) -> None:
        """Answer all who have asked since the window was opened."""
        asking, self._waiting = self._waiting, []
        takes, takers = [], []
        asks = [trip.ask for trip, _ in asking]
        for (trip, fate), outcome in zip(asking, self._decide_all(asks, now_s), strict=True):
            if isinstance(outcome, DomainError):
                self.day.rejected.append((str(outcome.code), trip))
                continue
            answer = outcome[0]
            if isinstance(answer, ev.RideOffered | ev.RideRefused):
                self.day.asked_s[answer.request.id] = trip.asked_at_s
            take = self._answered(trip, fate, answer, now_s)
            if take is not None:
                takes.append(take)
                takers.append(fate)
        for fate, outcome in zip(takers, self._decide_all(takes, now_s), strict=True):
            if not isinstance(outcome, DomainError):
                self._booked(fate, outcome, now_s)

    def _answered(
        self, trip: Trip, fate: Fate, answer: ev.Event, now_s: int
    ) -> cmd.AcceptOffer | None:
        """What a rider does with an answer: take an offer, ask for another time, or do without."""
        if isinstance(answer, ev.RideRefused):
            self._ask_again(trip, fate, answer.request, now_s)
        if not isinstance(answer, ev.RideOffered):
            return None
        offer = choose_offer(answer.request.offers, self._riders, fate.whim)
        return None if offer is None else cmd.AcceptOffer(offer.id, rider_id="virtual")

    def _ask_again(self, trip: Trip, fate: Fate, refused: RideRequest, now_s: int) -> None:
        """Some of the refused ask once more, for the first time that was proposed instead."""
        times = refused.refusal.alternatives if refused.refusal is not None else ()
        if not times or fate.persists >= self._riders.alternatives_share:
            return
        self.day.repeated.add(refused.id)
        ask = replace(trip.ask, depart_at_s=times[0].depart_at_s, arrive_by_s=None)
        again = replace(trip, asked_at_s=now_s, ask=ask)
        self._at(now_s, partial(self._ask, again, replace(fate, persists=1.0)))

    def _booked(self, fate: Fate, events: Sequence[ev.Event], now_s: int) -> None:
        """Remember what the rider of a new booking is going to do."""
        for event in events:
            if not isinstance(event, ev.BookingMade):
                continue
            booking = event.booking
            self._fates[booking.id] = fate
            self._schedule(booking.shift_id, now_s)
            if fate.cancels_ahead_s is not None:
                at_s = max(now_s, booking.promise.pickup_from_s - fate.cancels_ahead_s)
                self._at(at_s, partial(self._cancel, booking.id))

    def _cancel(self, booking_id: str, now_s: int) -> None:
        self._report_positions(now_s)
        self._do(cmd.CancelBooking(booking_id, by="rider"), now_s)

    def _decide_all(
        self, commands: Sequence[cmd.Command], now_s: int
    ) -> list[list[ev.Event] | DomainError]:
        self._report_positions(now_s)
        outcomes = self._engine.decide_batch(self.state, commands, now_s, self._rng)
        happened = [o for o in outcomes if not isinstance(o, DomainError)]
        self._happen([event for events in happened for event in events], now_s)
        return outcomes

    def _report_positions(self, now_s: int) -> None:
        """Let the engine know where vehicles are that do not drive as it expects.

        They know it exactly: what a real report goes through, matching it to a road, would have
        them turn round now and then.
        """
        if not self._driving.reports:
            return
        for shift in list(self.state.shifts.values()):
            if shift.status is ShiftStatus.ACTIVE and shift.vehicle_id not in self.state.out:
                fix = self._driving.position(shift, now_s)
                if fix is not None:
                    moved = ev.VehicleMoved(shift.id, shift.vehicle_id, fix)
                    self._happen([moved], now_s)

    def _do(self, command: cmd.Command, now_s: int) -> list[ev.Event]:
        try:
            return self._carry_out(command, now_s)
        except DomainError:
            return []

    def _carry_out(self, command: cmd.Command, now_s: int) -> list[ev.Event]:
        if isinstance(command, cmd.Tick):
            self._report_positions(now_s)
        events = self._engine.decide(self.state, command, now_s, self._rng)
        self._happen(events, now_s)
        return events

    def _happen(self, events: Sequence[ev.Event], now_s: int) -> None:
        """Let the events of a decision happen; drivers then do what the plans say."""
        watchers = self._watchers
        for event in events:
            before = self.state.shifts.get(getattr(event, "shift_id", ""))
            apply(self.state, event)
            if ev.is_durable(event):
                self.day.events.append((now_s, event))
            if before is not None:
                self._follow(before, event, now_s)
            elif isinstance(event, ev.ShiftPlanned):
                self._rota.setdefault(event.shift.vehicle_id, []).append(event.shift.id)
            if watchers.on_event is not None:
                watchers.on_event(self.state, event, now_s)
        if watchers.on_settled is not None and events:
            watchers.on_settled(self.state, now_s)
        for shift_id in dict.fromkeys(_shifts_touched(events)):
            self._schedule(shift_id, now_s)
        self._change_crews(events, now_s)

    def _change_crews(self, events: Sequence[ev.Event], now_s: int) -> None:
        """Let shifts begin whose vehicles have come free, or back."""
        for event in events:
            if isinstance(event, ev.ShiftEnded):
                self._relieve(self.state.shifts[event.shift_id].vehicle_id, now_s)
            elif isinstance(event, ev.VehicleReturned):
                self._relieve(event.vehicle_id, now_s)

    def _break_down(self, shift_id: str, now_s: int) -> None:
        """A driver reports that the vehicle cannot go on."""
        shift = self.state.shifts.get(shift_id)
        if shift is not None and shift.status is ShiftStatus.ACTIVE:
            self._report_positions(now_s)
            self._do(cmd.TakeOutOfService(shift.vehicle_id, str(OutReason.BREAKDOWN)), now_s)

    def _repaired(self, vehicle_id: str, now_s: int) -> None:
        self._report_positions(now_s)
        self._do(cmd.ReturnToService(vehicle_id), now_s)

    def _relieve(self, vehicle_id: str, now_s: int) -> None:
        """Let the vehicle's next shift begin."""
        for shift in self._shifts_of(vehicle_id):
            if shift.status is ShiftStatus.PLANNED:
                self._schedule(shift.id, now_s)

    def _on_duty(self, vehicle_id: str) -> bool:
        return any(s.status is ShiftStatus.ACTIVE for s in self._shifts_of(vehicle_id))

    def _shifts_of(self, vehicle_id: str) -> list[Shift]:
        known = (self.state.shifts.get(i) for i in self._rota.get(vehicle_id, ()))
        return [shift for shift in known if shift is not None]

    def _follow(self, before: Shift, event: ev.Event, now_s: int) -> None:
        """Record what was driven when a vehicle arrives or is sent elsewhere on its way."""
        match event:
            case ev.ShiftStarted(shift_id):
                stands = self._driving.begin(before)
                self.day.standstills += [(shift_id, *span) for span in stands]
                for from_s, to_s in stands:
                    long = to_s - from_s > self._wanted.out_of_service_after_s
                    if long and to_s > now_s:
                        self._at(max(now_s, from_s), partial(self._break_down, shift_id))
                        self._at(to_s, partial(self._repaired, before.vehicle_id))
            case ev.VisitArrived(anchor=anchor):
                self._drove(before, anchor, now_s)
                self._driving.halted(before.id)
            case ev.PlanChanged(anchor=anchor) if anchor != before.anchor and before.visits:
                self._drove(before, anchor, now_s)
            case _:
                pass

    def _drove(self, before: Shift, until: Anchor, now_s: int) -> None:
        leg = self._driving.leg(before, until, now_s, _on_board(self.state, before))
        if leg is not None:
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
            home_s = self._driving.home_s(shift, now_s)[1]
            return max(home_s, shift.end_s), cmd.EndShift(shift.vehicle_id, shift.id)
        visit = shift.visits[0]
        if visit.arrived_at_s is None:
            arrival_s = self._driving.arrival_s(shift, shift.anchor, visit, now_s)
            at_s = arrival_s if visit.break_id is None else max(arrival_s, visit.arrive_s)
            return at_s, cmd.ReportArrived(shift.vehicle_id, visit.id)
        return self._at_stop(shift, visit)

    def _at_stop(self, shift: Shift, visit: Visit) -> tuple[int, cmd.Command]:
        """Who gets on or off next; those who never come are waited for last."""
        action = min(visit.actions, key=lambda a: not self._comes(a))
        booking = self.state.bookings[action.booking_id]
        fate = self._fates.get(booking.id, Fate())
        if booking.rescues:  # who has been on board already stands at the stop
            fate = replace(fate, comes=True, late_s=0)
        lasts_s = round((action.end_s - action.start_s) * fate.pace)
        begins_s = max(action.start_s, shift.anchor.at_s)
        if action.kind is not ActionKind.PICKUP:
            return begins_s + lasts_s, cmd.ReportAlighted(booking.id)
        waiting_s = max(visit.arrived_at_s or 0, booking.in_force.pickup_from_s)
        patience_s = self._engine.config.rules.no_show_after_s
        if not self._comes(action) or fate.late_s > patience_s:
            return max(waiting_s + patience_s, shift.anchor.at_s), cmd.ReportNoShow(booking.id)
        return max(begins_s, waiting_s + fate.late_s) + lasts_s, cmd.ReportBoarded(booking.id)

    def _comes(self, action: Action) -> bool:
        fate = self._fates.get(action.booking_id)
        sure = action.kind is not ActionKind.PICKUP or fate is None or fate.comes
        return sure or self.state.bookings[action.booking_id].rescues > 0

    def _return_to_depot(self, shift_id: str, now_s: int) -> None:
        leg = self._driving.way_to_depot(self.state.shifts[shift_id], now_s)
        if leg is not None:
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
        elif ev.is_durable(event) and hasattr(event, "shift_id"):
            touched.append(event.shift_id)
    return touched
