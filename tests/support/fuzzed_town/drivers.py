"""Drivers do what their plans say: they come, drive, let people on and off, rest, go home."""

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import ErrorCode
from dispatch.domain.model import ActionKind, BookingStatus, Party, Shift, ShiftStatus
from fuzzed_town.base import RIDES, STOPS, WAITS, WHICH, Trunk, pick, somebody
from fuzzed_town.days import VANS

VEHICLES = st.sampled_from(VANS)
_STEPS_MAX = 120


class Drivers(Trunk):
    """The day as planned."""

    def drive_until(self, until_s: int) -> None:
        """Everybody does everything that is due until then; then the clock is told."""
        desk = self.desk
        for _ in range(_STEPS_MAX):
            due = min(filter(None, map(self.next_step, self.open_shifts())), default=None, key=_at)
            if due is None or due[0] > until_s:
                break
            desk.now_s = max(desk.now_s, due[0])
            self.act(due[1])
            if self.last_error is not None and not isinstance(due[1], cmd.Tick):
                break  # it cannot be done now
        desk.now_s = max(desk.now_s, until_s)
        self.tick()

    def next_step(self, shift: Shift) -> tuple[int, cmd.Command] | None:
        """What the driver of a shift does next, and when; nothing while out of service."""
        if shift.vehicle_id in self.desk.state.out:
            return None
        if shift.status is ShiftStatus.PLANNED:
            return self._start(shift)
        if not shift.visits:
            return max(shift.end_s, shift.anchor.at_s), cmd.EndShift(shift.vehicle_id, shift.id)
        visit = shift.visits[0]
        if visit.arrived_at_s is None:
            return visit.arrive_s, cmd.ReportArrived(shift.vehicle_id, visit.id)
        if not visit.actions:
            return visit.depart_s, cmd.Tick()
        action = visit.actions[0]
        boards = action.kind is ActionKind.PICKUP
        report = cmd.ReportBoarded if boards else cmd.ReportAlighted
        return action.end_s, report(action.booking_id)

    def _start(self, shift: Shift) -> tuple[int, cmd.Command] | None:
        """Drivers come when their shift begins and the vehicle is there."""
        busy = any(s.vehicle_id == shift.vehicle_id for s in self.desk.active())
        late = shift.start_s + 900 < self.desk.now_s  # who has not come by now comes by a rule
        start = cmd.StartShift(shift.vehicle_id, shift.id)
        return None if busy or late else (shift.start_s, start)

    @rule(seconds=st.integers(1, 1500))
    def wait(self, seconds: int) -> None:
        """Time passes, and everybody does on time what is due."""
        self.drive_until(self.desk.now_s + seconds)

    @precondition(somebody(WAITS))
    @rule(which=WHICH, later_s=st.sampled_from([0, 0, 30, 300]))
    def somebody_gets_on(self, which: int, later_s: int) -> None:
        """The town goes on until somebody is on board."""
        booking = self.waiting(which)
        if booking is not None and booking.in_force.pickup_to_s < self.desk.now_s + 3600:
            self.drive_until(max(self.desk.now_s, booking.in_force.pickup_to_s) + later_s)

    @rule()
    def drivers_come(self) -> None:
        """Whoever is not there yet comes, early, in time or late."""
        for shift in self.open_shifts():
            if shift.status is ShiftStatus.PLANNED and shift.start_s <= self.desk.now_s + 2000:
                command = cmd.StartShift(shift.vehicle_id, shift.id)
                self.happen(command)
                if self.last_error is None:
                    self.again(command)

    @rule(vehicle_id=VEHICLES)
    def go_home(self, vehicle_id: str) -> None:
        """A driver ends the shift, before its end perhaps; nobody is left behind."""
        for shift in [s for s in self.open_shifts() if s.vehicle_id == vehicle_id][:1]:
            busy = any(visit.actions for visit in shift.visits)
            command = cmd.EndShift(vehicle_id, shift.id)
            self.reality_broke_something = True
            self.settle(command)
            assert self.last_error is not None or not busy
            if self.last_error is None:
                self.again(command)

    @precondition(somebody(WAITS))
    @rule(which=WHICH, patience_s=st.sampled_from([0, 60, 180, 400, 900]))
    def no_show(self, which: int, patience_s: int) -> None:
        """Riders do not come; not before they have been waited for."""
        shift = self.running(which)
        first = shift.visits[0] if shift is not None and shift.visits else None
        if shift is not None and first is not None and first.arrived_at_s is None and first.actions:
            self.desk.now_s = max(self.desk.now_s, first.arrive_s)
            self.happen(cmd.ReportArrived(shift.vehicle_id, first.id))
            self.desk.now_s += patience_s
            shift = self.desk.state.shifts[shift.id]
        current = shift.current_visit if shift is not None else None
        for booking_id in current.booking_ids(ActionKind.PICKUP) if current is not None else ():
            booking = self.desk.state.bookings[booking_id]
            since_s = max(current.arrived_at_s or 0, booking.in_force.pickup_from_s)  # type: ignore[union-attr]
            waited = self.desk.now_s >= since_s + self.desk.config.rules.no_show_after_s
            command = cmd.ReportNoShow(booking_id)
            self.settle(command)
            assert (self.last_error is None) == waited
            if waited:
                self.again(command)

    @rule(vehicle_id=VEHICLES, to=STOPS, seats=st.integers(1, 3))
    def walk_on(self, vehicle_id: str, to: int, seats: int) -> None:
        """Somebody stands at the door, and gets on before those who were believed half-way in."""
        shifts = (s for s in self.desk.state.shifts.values() if s.vehicle_id == vehicle_id)
        current = next((s.current_visit for s in shifts if s.current_visit is not None), None)
        behind = current.booking_ids(ActionKind.PICKUP) if current is not None else ()
        parties = [self.desk.state.bookings[name].party for name in behind]
        grace_s = sum(self.desk.config.rules.board_s(party) for party in parties)
        walk_on = cmd.WalkOn(vehicle_id, self.stop(to), Party(seats))
        self.settle(walk_on, lambda name: name in behind, grace_s)

    @precondition(somebody(WAITS, RIDES))
    @rule(which=WHICH, seats=st.integers(0, 4), chairs=st.integers(0, 1), aboard=st.booleans())
    def others_come(self, which: int, seats: int, chairs: int, *, aboard: bool) -> None:
        """Other people get on than were booked, or are found to be on board."""
        bookings = self.having(BookingStatus.BOARDED)
        shift = self.running(which)
        current = shift.current_visit if shift is not None else None
        if current is not None and not aboard:
            ids = current.booking_ids(ActionKind.PICKUP)
            bookings = [self.desk.state.bookings[i] for i in ids]
        booking = pick(bookings, which)
        if booking is not None:
            self.happen(cmd.ReportBoarded(booking.id, Party(seats, chairs)))
            assert self.last_error is None or self.last_error.code in {
                ErrorCode.EMPTY_PARTY,
                ErrorCode.VEHICLE_FULL,
                ErrorCode.NOT_AT_THIS_STOP,
            }

    @rule(vehicle_id=VEHICLES)
    def rest_now(self, vehicle_id: str) -> None:
        """A driver would like to have the break now."""
        self.settle(cmd.TakeBreak(vehicle_id))

    @rule(vehicle_id=VEHICLES, later_s=st.integers(0, 9000))
    def rest_later(self, vehicle_id: str, later_s: int) -> None:
        """A driver would like to have the break later."""
        command = cmd.PostponeBreak(vehicle_id, self.desk.now_s + later_s)
        self.settle(command)
        if self.last_error is None:
            self.again(command)

    @rule(which=WHICH)
    def rest_as_planned(self, which: int) -> None:
        """A driver says that the break begins."""
        shift = self.running(which)
        first = shift.visits[0] if shift is not None and shift.visits else None
        if shift is not None and first is not None and first.break_id is not None:
            events = self.settle(cmd.ReportArrived(shift.vehicle_id, first.id))
            begun = [e for e in events if isinstance(e, ev.VisitArrived)]
            assert not begun or begun[0].at_s == self.desk.now_s


def _at(step: tuple[int, cmd.Command]) -> int:
    return step[0]
