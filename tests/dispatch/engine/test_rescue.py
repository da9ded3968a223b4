"""Promises in danger are saved at once where moving riders saves them, and nobody pays for it."""

from dataclasses import replace

from desk import TUESDAY_9_S, Desk
from fuzzed_town.days import Style
from fuzzed_town.machine import FuzzedTown
from tiny_town import grid_config

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.booking_commands import PinBooking
from dispatch.domain.model import Booking, ShiftStatus
from dispatch.domain.rules import Rules, ServiceConfig
from dispatch.engine import Network
from dispatch.engine.invariants import broken_promises, broken_rules


def config(vehicles: int = 2, iterations: int = 100) -> ServiceConfig:
    return grid_config(vehicles=vehicles, rules=Rules(rescue_iterations=iterations))


def stuck_desk(grid: Network, iterations: int = 100, vehicles: int = 2) -> tuple[Desk, Booking]:
    """A rider for whom a vehicle should have set out by now."""
    desk = Desk(grid, config(vehicles, iterations))
    booking = desk.book(0, 40)
    desk.now_s = desk.shift(booking).visits[0].arrive_s
    return desk, booking


def stand_still(desk: Desk, booking: Booking, until_s: int) -> None:
    """The vehicle that is to come does not move; the other one waits beside the rider."""
    stuck = desk.shift(booking)
    places = {stuck.vehicle_id: (stuck.anchor.lon, stuck.anchor.lat)}
    beside = desk.stop(1)
    places |= {s.vehicle_id: (beside.lon, beside.lat) for s in desk.active() if s.id != stuck.id}
    while desk.now_s < until_s and desk.shift(booking).id == stuck.id:
        desk.now_s += 10
        for vehicle_id, (lon, lat) in places.items():
            desk.do(cmd.ReportPosition(vehicle_id, lon, lat, desk.now_s))
        desk.do(cmd.Tick())
        assert broken_rules(desk.config, desk.network, desk.state, desk.now_s) == []


def test_a_rider_is_moved_to_another_vehicle_before_the_promise_breaks(grid: Network) -> None:
    desk, booking = stuck_desk(grid)
    stuck = desk.shift(booking).id
    stand_still(desk, booking, booking.promise.pickup_to_s)
    assert desk.booking(booking).shift_id != stuck
    assert desk.booking(booking).promise == booking.promise
    assert broken_promises(desk.state) == {}
    assert any(isinstance(event, ev.BookingMoved) for event in desk.log)


def test_without_the_saver_the_promise_breaks(grid: Network) -> None:
    desk, booking = stuck_desk(grid, iterations=0)
    stuck = desk.shift(booking).id
    stand_still(desk, booking, booking.promise.pickup_to_s)
    assert desk.booking(booking).shift_id == stuck
    assert broken_promises(desk.state)


def test_riders_of_a_driver_who_does_not_come_ride_with_others(grid: Network) -> None:
    desk = Desk(grid, config(), now_s=TUESDAY_9_S - 4 * 3600)
    first, second = sorted(desk.state.shifts.values(), key=lambda s: (s.start_s, s.id))[:2]
    desk.now_s = first.start_s - 600
    wished_s = first.start_s + 45 * 60
    bookings = [desk.take(desk.ask(k, 40 - k, depart_at_s=wished_s).offers[0]) for k in range(3)]
    desk.now_s = first.start_s
    absent, present = (first, second) if desk.shift(bookings[0]) == first else (second, first)
    absent = desk.shift(bookings[0])
    present = next(s for s in (first, second) if s.id != absent.id)
    desk.do(cmd.StartShift(present.vehicle_id, present.id))
    for minute in range(1, 20):
        desk.now_s = first.start_s + 60 * minute
        desk.do(cmd.Tick())
    assert desk.state.shifts[absent.id].status is ShiftStatus.PLANNED
    assert {desk.booking(b).shift_id for b in bookings} == {present.id}
    assert broken_promises(desk.state) == {}


def test_who_is_about_to_be_reached_is_not_taken_away(grid: Network) -> None:
    desk, booking = stuck_desk(grid)
    shift = desk.shift(booking)
    desk.arrive(shift)
    desk.now_s = booking.promise.pickup_to_s + 300
    desk.do(cmd.Tick())
    assert desk.booking(booking).shift_id == shift.id


def test_what_cannot_be_saved_is_left_as_it_is(grid: Network) -> None:
    desk, booking = stuck_desk(grid, vehicles=1)
    shift = desk.shift(booking)
    stand_still(desk, booking, booking.promise.pickup_to_s + 60)
    assert desk.booking(booking).shift_id == shift.id
    assert (booking.id, "pickup") in broken_promises(desk.state)


def test_others_are_moved_away_for_somebody_on_board(grid: Network) -> None:
    """Who is on board stays; who would be picked up on the way is given to another vehicle."""
    desk = Desk(grid, config())
    aboard = desk.book(0, 40)
    shift = desk.shift(aboard)
    desk.arrive(shift)
    desk.now_s = max(desk.now_s, desk.shift(aboard).visits[0].actions[0].end_s)
    desk.do(cmd.ReportBoarded(aboard.id))
    on_the_way = [b for b in (desk.book(k, 39) for k in (1, 5, 9)) if desk.shift(b).id == shift.id]
    assert on_the_way, "nobody is picked up on the way"
    planned_s = next(
        action.start_s
        for visit in desk.shift(aboard).visits
        for action in visit.actions
        if action.booking_id == aboard.id
    )
    promise = replace(aboard.promise, arrival_latest_s=planned_s - 60)
    desk.state.bookings[aboard.id] = replace(desk.booking(aboard), promise=promise)
    assert broken_promises(desk.state) == {(aboard.id, "arrival"): 60}
    desk.do(cmd.Tick())
    assert broken_promises(desk.state) == {}
    assert desk.booking(aboard).shift_id == shift.id
    assert broken_rules(desk.config, desk.network, desk.state, desk.now_s) == []


def test_who_is_pinned_to_a_vehicle_stays_there(grid: Network) -> None:
    desk, booking = stuck_desk(grid)
    stuck = desk.shift(booking).id
    desk.do(PinBooking(booking.id))
    stand_still(desk, booking, booking.promise.pickup_to_s + 60)
    assert desk.booking(booking).shift_id == stuck


def test_a_plan_that_is_saved_together_with_another_one() -> None:
    """Nobody has come to either shift: who is moved from the first takes riders of the second."""
    town = FuzzedTown()
    trips = [(8, 29, 10), (27, 16, 32), (25, 36, 7), (32, 7, 87)]
    town.open_town(begin=1, style=Style(), trips=trips)
    deserted = [s for s in town.desk.state.shifts.values() if any(v.actions for v in s.visits)]
    assert len(deserted) == 2
    town.jump(seconds=2316)
    town.everything_holds()
