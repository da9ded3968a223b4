"""Everything that goes wrong on a random day, as rules for the machine of `test_machine`."""

from dataclasses import replace

import hypothesis.strategies as st
from desk import TUESDAY_9_S, Desk
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tiny_town import grid_config

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.model import Booking, BookingStatus, Configuration, Party, ShiftStatus, Vehicle
from dispatch.domain.rules import Rules
from dispatch.engine import Network
from dispatch.engine.invariants import broken_promises

_ENDED = {BookingStatus.COMPLETED, BookingStatus.CANCELLED, BookingStatus.NO_SHOW}
VEHICLES = st.sampled_from(["van-1", "van-2", "van-3", "spare"])


def desk_with_spare(network: Network) -> Desk:
    """Three vans on duty since six, one of them with a wheelchair place, and a spare."""
    rules = Rules(shifts_ahead_days=1, replan_gain_min_s=0, joint_iterations=20)
    config = grid_config(vehicles=3, rules=rules)
    places = (Configuration(4, 0), Configuration(2, 1))
    spare = Vehicle("spare", "Reserve", config.vehicles[0].depot_id, places, spare=True)
    config = replace(config, vehicles=(*config.vehicles, spare))
    return Desk(network, config, opened_s=TUESDAY_9_S - 4 * 3600)


class MishapRules(RuleBasedStateMachine):
    """Nobody is lost, and nobody is made later than reality makes them."""

    desk: Desk
    reality_broke_something: bool

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, BookingStatus] = {}

    def act(self, command: cmd.Command) -> list[ev.Event]:
        """Carry a command out, or see it refused with nothing changed."""
        raise NotImplementedError

    def lateness_if_nothing_is_done(self) -> dict[tuple[str, str], int]:
        """What reality does to the promises."""
        raise NotImplementedError

    def not_worse_than(self, before: dict[tuple[str, str], int]) -> None:
        """No promise is broken further."""
        raise NotImplementedError

    def drive_until(self, until_s: int) -> None:
        """Let the vehicles do everything that their plans have for the time until then."""
        raise NotImplementedError

    @rule(which=st.integers(0, 9), later_s=st.integers(0, 240))
    def break_down_under_way(self, which: int, later_s: int) -> None:
        """A vehicle breaks down with riders on board, as soon as there are any."""
        waiting = self.having(BookingStatus.CONFIRMED)
        if not self.having(BookingStatus.BOARDED) and waiting:
            self.drive_until(min(b.in_force.pickup_to_s for b in waiting) + later_s)
        aboard = self.having(BookingStatus.BOARDED)
        if aboard:
            shift = self.desk.state.shifts[aboard[which % len(aboard)].shift_id]
            self.break_down(shift.vehicle_id)

    def having(self, status: BookingStatus) -> list[Booking]:
        return [b for b in self.desk.state.bookings.values() if b.status is status]

    def mishap(self, command: cmd.Command) -> list[ev.Event]:
        self.reality_broke_something = True
        return self.act(command)

    @rule(vehicle_id=VEHICLES)
    def break_down(self, vehicle_id: str) -> None:
        before = {b.id for b in self.desk.state.bookings.values() if b.status.is_open}
        events = self.mishap(cmd.TakeOutOfService(vehicle_id, "breakdown"))
        arrived = {
            e.booking_id for e in events if isinstance(e, ev.RiderAlighted | ev.RiderSetDown)
        }
        after = {b.id for b in self.desk.state.bookings.values() if b.status.is_open}
        assert after == before - arrived

    @rule(vehicle_id=VEHICLES)
    def come_back(self, vehicle_id: str) -> None:
        worst_before = self.lateness_if_nothing_is_done()
        displaced = self.displaced()
        self.act(cmd.ReturnToService(vehicle_id))
        self.others_not_worse(worst_before, displaced)

    @rule(vehicle_id=VEHICLES, spare_id=VEHICLES)
    def swap(self, vehicle_id: str, spare_id: str) -> None:
        aboard = self.having(BookingStatus.BOARDED)
        worst_before = self.lateness_if_nothing_is_done()
        displaced = self.displaced()
        self.act(cmd.SwapVehicle(vehicle_id, spare_id))
        if aboard:
            self.reality_broke_something = True
        else:
            self.others_not_worse(worst_before, displaced)

    @rule()
    def drivers_come(self) -> None:
        for shift in list(self.desk.state.shifts.values()):
            if shift.status is ShiftStatus.PLANNED and shift.start_s <= self.desk.now_s:
                self.act(cmd.StartShift(shift.vehicle_id, shift.id))

    @rule(which=st.integers(0, 9))
    def stop_blocked(self, which: int) -> None:
        bookings = [b for b in self.desk.state.bookings.values() if b.status.is_open]
        if bookings:
            booking_id = bookings[which % len(bookings)].id
            self.mishap(cmd.ReportNotServed("road_blocked", booking_id=booking_id))

    @rule(vehicle_id=VEHICLES, to=st.integers(0, 43), seats=st.integers(1, 3))
    def walk_on(self, vehicle_id: str, to: int, seats: int) -> None:
        worst_before = self.lateness_if_nothing_is_done()
        self.act(cmd.WalkOn(vehicle_id, self.desk.stop(to), Party(seats)))
        self.not_worse_than(worst_before)

    @rule(seats=st.integers(1, 4), chairs=st.integers(0, 1))
    def others_come(self, seats: int, chairs: int) -> None:
        for shift in self.desk.active():
            current = shift.current_visit
            if current is not None and current.actions:
                booking_id = current.actions[0].booking_id
                self.mishap(cmd.ReportBoarded(booking_id, Party(seats, chairs)))

    @rule(vehicle_id=VEHICLES)
    def rest_now(self, vehicle_id: str) -> None:
        worst_before = self.lateness_if_nothing_is_done()
        self.act(cmd.TakeBreak(vehicle_id))
        self.not_worse_than(worst_before)

    @rule(vehicle_id=VEHICLES, later_s=st.integers(0, 9000))
    def rest_later(self, vehicle_id: str, later_s: int) -> None:
        worst_before = self.lateness_if_nothing_is_done()
        self.act(cmd.PostponeBreak(vehicle_id, self.desk.now_s + later_s))
        self.not_worse_than(worst_before)

    def displaced(self) -> set[str]:
        return {b.id for b in self.having(BookingStatus.DISPLACED)}

    def others_not_worse(self, before: dict[tuple[str, str], int], besides: set[str]) -> None:
        """Who had no vehicle gets a late one now; nobody else is later for it."""
        rest = {k: v for k, v in before.items() if k[0] not in besides}
        for key, late_s in broken_promises(self.desk.state).items():
            if key[0] not in besides:
                assert late_s <= rest.get(key, 0), f"{key} became {late_s} s late by a decision"

    @invariant()
    def nobody_is_lost(self) -> None:
        bookings = self.desk.state.bookings
        for booking_id, status in self.known.items():
            assert booking_id in bookings
            assert status not in _ENDED or bookings[booking_id].status is status
        self.known = {b.id: b.status for b in bookings.values()}
