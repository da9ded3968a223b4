"""What a run of events has touched, and what the open state forgets about them.

`dispatch.domain.state.apply` keeps the present only. `History` keeps, beside it, what really
happened at past visits; `Changes` also notes which entities have to be written to the tables.
"""

from dataclasses import dataclass, field

from dispatch.domain import booking_events as be
from dispatch.domain import events as ev
from dispatch.domain.model import ActionKind, Fix, OutOfService, Visit
from dispatch.domain.state import State, apply
from dispatch.store.touched import Touched


@dataclass(frozen=True, slots=True)
class DoneAction:
    """An action that was carried out, with the times it had been planned for."""

    visit_id: str
    ordinal: int
    start_s: int
    end_s: int
    done_at_s: int


@dataclass(frozen=True, slots=True)
class ClosedVisit:
    """A visit that left the plan after the vehicle had halted; `departed_at_s` None = dropped."""

    shift_id: str
    visit: Visit
    departed_at_s: int | None


@dataclass(slots=True)
class History:
    """What happened, as far as the open state no longer shows it."""

    done: dict[tuple[str, ActionKind, int], DoneAction] = field(default_factory=dict)
    closed: dict[str, ClosedVisit] = field(default_factory=dict)
    started_at_s: dict[str, int] = field(default_factory=dict)
    ended_at_s: dict[str, int] = field(default_factory=dict)
    outages: dict[tuple[str, int], tuple[OutOfService, int]] = field(default_factory=dict)

    def note(self, before: State, event: ev.Event) -> None:
        """Keep what applying `event` to the state `before` is going to lose."""
        match event:
            case ev.RiderBoarded(booking_id, shift_id, _, at_s):
                self._note_action(before, shift_id, booking_id, ActionKind.PICKUP, at_s)
            case ev.RiderAlighted(booking_id, shift_id, _, at_s):
                self._note_action(before, shift_id, booking_id, ActionKind.DROPOFF, at_s)
            case ev.VisitCompleted(shift_id, _, at_s):
                visit = before.shifts[shift_id].visits[0]
                self.closed[visit.id] = ClosedVisit(shift_id, visit, at_s)
            case ev.PlanChanged(shift_id, _, _, visits):
                self._note_dropped(before, shift_id, visits)
            case ev.ShiftStarted(shift_id, at_s):
                self.started_at_s[shift_id] = at_s
            case ev.ShiftEnded(shift_id, at_s):
                self.ended_at_s[shift_id] = at_s
            case ev.VehicleTakenOut(out):  # if it was back this very second, it never was
                self.outages.pop((out.vehicle_id, out.since_s), None)
            case ev.VehicleReturned(vehicle_id, at_s):
                out = before.out[vehicle_id]
                self.outages[vehicle_id, out.since_s] = (out, at_s)
            case _:
                pass

    def _note_action(
        self, before: State, shift_id: str, booking_id: str, kind: ActionKind, at_s: int
    ) -> None:
        visit, ride = before.shifts[shift_id].visits[0], before.bookings[booking_id].rescues
        for ordinal, a in enumerate(visit.actions):
            if a.booking_id == booking_id and a.kind is kind:
                done = DoneAction(visit.id, ordinal, a.start_s, a.end_s, at_s)
                self.done[booking_id, kind, ride] = done

    def _note_dropped(self, before: State, shift_id: str, visits: tuple[Visit, ...]) -> None:
        kept = {visit.id for visit in visits}
        for visit in before.shifts[shift_id].visits:
            if visit.arrived_at_s is not None and visit.id not in kept:
                self.closed[visit.id] = ClosedVisit(shift_id, visit, None)
        for visit_id in kept:
            self.closed.pop(visit_id, None)


@dataclass(frozen=True, slots=True)
class Logged:
    """A durable event on its way into the log: when it was decided, and for which inbox row."""

    event: ev.Event
    at_s: int
    inbox_id: int | None


@dataclass(slots=True)
class Changes:
    """Everything a batch has changed; the values themselves are in the state."""

    log: list[Logged] = field(default_factory=list)
    history: History = field(default_factory=History)
    new_requests: set[str] = field(default_factory=set)
    requests: set[str] = field(default_factory=set)
    bookings: set[str] = field(default_factory=set)
    shifts: set[str] = field(default_factory=set)
    plans: set[str] = field(default_factory=set)
    outages: set[str] = field(default_factory=set)
    closures: set[str] = field(default_factory=set)
    moved: dict[str, tuple[str, Fix]] = field(default_factory=dict)
    halted: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    life: Touched = field(default_factory=Touched)

    def apply(self, state: State, event: ev.Event, at_s: int, inbox_id: int | None = None) -> None:
        """Apply an event to the state and remember what has to be written because of it.

        Args:
            state: Changed in place.
            event: What has happened.
            at_s: When it was decided, epoch seconds.
            inbox_id: The command it answers, None for the dispatcher's own.

        Raises:
            IllegalTransitionError: The event cannot follow the state (KeyError or IndexError where
                it speaks of something unknown); then both state and changes are void.
        """
        if isinstance(event, ev.VisitArrived):  # where it was on its way there is over
            self.moved.pop(event.shift_id, None)
            self.halted.add(event.shift_id)
        if ev.is_durable(event):
            self.history.note(state, event)
            self.log.append(Logged(event, at_s, inbox_id))
        apply(state, event)
        self._touch(event)

    def _touch(self, event: ev.Event) -> None:
        match event:
            case ev.RideOffered(request) | ev.RideRefused(request):
                self.new_requests.add(request.id)
            case ev.RequestLapsed(request_id, _):
                self.requests.add(request_id)
            case ev.BookingMade(booking):
                self.bookings.add(booking.id)
                self.requests.add(booking.request_id)
            case (
                ev.BookingCancelled(booking_id, _, _)
                | ev.RiderMissed(booking_id, _, _, _)
                | ev.BookingMoved(booking_id, _, _, _)
                | ev.BookingStopsMoved(booking_id)
            ):
                self.bookings.add(booking_id)
            case ev.RiderBoarded(booking_id, shift_id, _, _) | ev.RiderAlighted(
                booking_id, shift_id, _, _
            ):
                self.bookings.add(booking_id)
                self._touch_shift(shift_id)  # the vehicle was surely there, then: its anchor
            case ev.VehicleMoved(shift_id, vehicle_id, fix):
                self.moved[shift_id] = (vehicle_id, fix)
            case ev.ShiftStarted(shift_id, _) | ev.ShiftEnded(shift_id, _):
                self.shifts.add(shift_id)
            case _:
                self._touch_control(event)

    def _touch_control(self, event: ev.Event) -> None:
        match event:
            case ev.ClosureRecorded(closure):
                self.closures.add(closure.id)
            case ev.ClosureBegan(closure_id) | ev.ClosureEnded(closure_id):
                self.closures.add(closure_id)
            case ev.ClosuresAffected():
                pass
            case ev.AlertAcknowledged(acknowledgement):
                self.acknowledged.add(acknowledgement.alert_id)
            case _:
                self._touch_plan(event)

    def _touch_plan(self, event: ev.Event) -> None:
        match event:
            case ev.ShiftPlanned(shift):
                self._touch_shift(shift.id)
            case (
                ev.PlanChanged(shift_id, _, _, _)
                | ev.BreaksPlanned(shift_id, _)
                | ev.VisitArrived(shift_id, _, _, _)
                | ev.VisitCompleted(shift_id, _, _)
            ):
                self._touch_shift(shift_id)
            case _:
                self._touch_on_the_day(event)

    def _touch_on_the_day(self, event: ev.Event) -> None:
        match event:
            case (
                ev.BookingDisplaced()
                | ev.BookingReplanned()
                | ev.RiderSetDown()
                | ev.DropoffReplaced()
                | ev.PartyCounted()
            ):
                self.bookings.add(event.booking_id)
            case ev.VehicleTakenOut(out):
                self.outages.add(out.vehicle_id)
            case ev.VehicleReturned() | ev.VehicleSwapped():
                pass  # in the history, and in the shifts
            case _:
                self._touch_life(event)

    def _touch_life(self, event: ev.Event) -> None:
        match event:
            case be.BookingChanged():
                self.bookings.add(event.booking_id)
                self.requests.add(event.new.request_id)
            case be.BookingPinned(booking_id) | be.BookingUnpinned(booking_id):
                self.bookings.add(booking_id)
            case be.MovePreviewed():
                pass
            case _:
                if not self.life.note(event):
                    raise TypeError(f"no projection for {type(event).__name__}")

    def _touch_shift(self, shift_id: str) -> None:
        self.shifts.add(shift_id)
        self.plans.add(shift_id)
