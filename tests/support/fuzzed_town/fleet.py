"""Vehicles that cannot go on, others in their place, stops that cannot be served."""

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.model import BookingStatus
from fuzzed_town import lateness
from fuzzed_town.base import RIDES, WAITS, WHICH, pick, somebody
from fuzzed_town.drivers import VEHICLES, Drivers

_ON_PLAN = (BookingStatus.CONFIRMED, BookingStatus.BOARDED)


class Fleet(Drivers):
    """What goes wrong on the day."""

    @precondition(lambda self: not self.desk.state.out and self.having(WAITS, RIDES))
    @rule(vehicle_id=VEHICLES)
    def break_down(self, vehicle_id: str) -> None:
        """A vehicle is out: nobody is lost, and nobody elsewhere is later for it."""
        before = {b.id for b in self.desk.state.bookings.values() if b.status.is_open}
        command = cmd.TakeOutOfService(vehicle_id, "breakdown")
        self.reality_broke_something = True
        events = self.settle(command)
        self.again(command)
        arrived = {
            e.booking_id for e in events if isinstance(e, ev.RiderAlighted | ev.RiderSetDown)
        }
        after = {b.id for b in self.desk.state.bookings.values() if b.status.is_open}
        assert after == before - arrived
        self.who_is_placed_is_told_the_truth(events)

    @precondition(lambda self: not self.desk.state.out and self.having(WAITS, RIDES))
    @rule(which=WHICH, later_s=st.integers(0, 240))
    def break_down_under_way(self, which: int, later_s: int) -> None:
        """The same with riders on board, as soon as there are any."""
        waiting = self.having(BookingStatus.CONFIRMED)
        if not self.having(BookingStatus.BOARDED) and waiting:
            soonest_s = min(b.in_force.pickup_to_s for b in waiting)
            if soonest_s < self.desk.now_s + 3600:
                self.drive_until(soonest_s + later_s)
        booking = pick(self.having(BookingStatus.BOARDED), which)
        if booking is not None:
            self.break_down(self.desk.state.shifts[booking.shift_id].vehicle_id)

    @precondition(lambda self: bool(self.desk.state.out))
    @rule(vehicle_id=VEHICLES)
    def come_back(self, vehicle_id: str) -> None:
        """A vehicle can drive again."""
        command = cmd.ReturnToService(vehicle_id)
        self.who_is_placed_is_told_the_truth(self.settle(command))
        self.again(command)

    @precondition(somebody(WAITS, RIDES))
    @rule(vehicle_id=VEHICLES, other_id=VEHICLES)
    def swap(self, vehicle_id: str, other_id: str) -> None:
        """Another vehicle takes over: nobody is late for it, but who has to change vehicles."""
        self.reality_broke_something |= bool(self.having(BookingStatus.BOARDED))
        self.who_is_placed_is_told_the_truth(self.settle(cmd.SwapVehicle(vehicle_id, other_id)))

    @precondition(somebody(WAITS, RIDES))
    @rule(which=WHICH, names=st.sampled_from(["booking", "visit", "stop"]))
    def stop_blocked(self, which: int, names: str) -> None:
        """A stop cannot be used: others on other vehicles do not suffer for it."""
        booking = pick(self.having(*_ON_PLAN), which)
        if booking is None:
            return
        shift = self.desk.state.shifts[booking.shift_id]
        visit = pick(shift.visits, which)
        command = cmd.ReportNotServed("road_blocked", booking_id=booking.id)
        if names == "visit" and visit is not None:
            command = cmd.ReportNotServed("stop_unusable", visit_id=visit.id)
        elif names == "stop":
            gone = booking.in_force.pickup_stop_id
            command = cmd.ReportNotServed("other", booking_id=booking.id, stop_id=gone)
        here = {a.booking_id for v in shift.visits for a in v.actions}
        here |= {v.break_id for v in shift.visits if v.break_id is not None}
        self.reality_broke_something = True
        self.who_is_placed_is_told_the_truth(self.settle(command, here.__contains__))

    def who_is_placed_is_told_the_truth(self, events: list[ev.Event]) -> None:
        """What is said of a new vehicle is what its plan says: when, and how late that is."""
        for k, event in enumerate(events):
            if not isinstance(event, ev.BookingReplanned):
                continue
            booking = self.desk.state.bookings[event.booking_id]
            promise, first_s = booking.in_force, booking.first_boarded_at_s
            latest_s = promise.arrival_latest_s
            if first_s is not None:
                latest_s = min(latest_s, first_s + booking.promise.max_ride_s)
            late_s = max(0, event.arrival_s - latest_s)
            if first_s is None:
                late_s = max(late_s, event.pickup_s - booking.promise.pickup_to_s)
            assert event.late_s == late_s, event
            follows = [e for e in events[k:] if isinstance(e, ev.PlanChanged)]
            plan = next(e for e in follows if e.shift_id == event.shift_id)
            actions = [a for v in plan.visits for a in v.actions if a.booking_id == booking.id]
            assert [a.start_s for a in actions] == [event.pickup_s, event.arrival_s], event

    def tick(self) -> list[ev.Event]:
        """Whoever has no vehicle may get one with each tick."""
        before = lateness.planned(self.desk.state)
        lost = {b.id for b in self.having(BookingStatus.DISPLACED)}
        events = super().tick()
        self.who_is_placed_is_told_the_truth(events)
        if not events:
            assert lateness.planned(self.desk.state) == before
        placed = {e.booking_id for e in events if isinstance(e, ev.BookingReplanned)}
        assert placed <= lost
        return events
