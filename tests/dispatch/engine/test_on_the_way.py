"""Where vehicles are when a plan changes under way: nobody is ever taken back to the depot."""

from dataclasses import replace

import pytest
from desk import Desk
from tiny_town import grid_config

from dispatch.domain import commands as cmd
from dispatch.domain.model import Party
from dispatch.engine import Engine, Network
from dispatch.engine.invariants import broken_rules
from dispatch.engine.whereabouts import locate
from simulations.demand import Trip
from simulations.world import World


@pytest.fixture
def desk(grid: Network) -> Desk:
    return Desk(grid, grid_config(vehicles=1))


def test_a_cancelled_pickup_leaves_the_vehicle_where_it_is(desk: Desk) -> None:
    booking = desk.book(0, 40)
    shift = desk.shift(booking)
    visit = shift.visits[0]
    desk.now_s = (visit.leave_s + visit.arrive_s) // 2
    before = locate(desk.network, desk.state, shift, desk.now_s)
    assert before.stop_id is None
    desk.do(cmd.CancelBooking(booking.id, "rider"))
    left = desk.state.shifts[shift.id]
    assert left.visits == ()
    assert locate(desk.network, desk.state, left, desk.now_s) == before


def test_a_cancelled_pickup_leaves_the_vehicle_there_for_the_next_rider(desk: Desk) -> None:
    first = desk.book(0, 40)
    later = desk.ask(43, 3, depart_at_s=desk.now_s + 2400).offers[0]
    second = desk.take(later)
    shift = desk.shift(first)
    visit = shift.visits[0]
    assert visit.booking_ids(visit.actions[0].kind) == (first.id,)
    desk.now_s = (visit.leave_s + visit.arrive_s) // 2
    before = locate(desk.network, desk.state, shift, desk.now_s)
    desk.do(cmd.CancelBooking(first.id, "rider"))
    left = desk.shift(second)
    assert locate(desk.network, desk.state, left, desk.now_s).place == before.place


def test_what_was_driven_to_a_cancelled_pickup_is_counted(desk: Desk) -> None:
    trip = Trip(desk.now_s + 600, cmd.RequestRide(desk.stop(0), desk.stop(40), Party(1)))
    world = World(Engine(desk.config, desk.network), [trip], seed=1)
    cancelled: list[float] = []

    def cancel(now_s: int) -> None:
        booking = next(iter(world.state.bookings.values()))
        world._do(cmd.CancelBooking(booking.id, "rider"), now_s)
        cancelled.append(sum(leg.length_m for leg in world.day.legs))

    world._at(trip.asked_at_s + 100, cancel)
    day = world.run(desk.now_s - 4 * 3600, desk.now_s + 8 * 3600)
    assert cancelled[0] > 0
    driven = [leg for leg in day.legs if leg.length_m > 0]
    to_stop_for_break = driven[1]
    assert [leg.to_depot for leg in driven] == [False, False, True]
    assert to_stop_for_break.length_m < 400
    assert to_stop_for_break.to_s - to_stop_for_break.from_s < 120
    assert day.legs[-1].length_m > 0


def test_a_vehicle_parked_near_its_stop_waits_until_it_is_time_to_leave(desk: Desk) -> None:
    booking = desk.take(desk.ask(0, 40, depart_at_s=desk.now_s + 3600).offers[0])
    shift = desk.shift(booking)
    anchor = shift.anchor
    desk.now_s += 10
    report = cmd.ReportPosition(shift.vehicle_id, anchor.lon, anchor.lat + 0.0009, desk.now_s)
    assert desk.do(report)
    fix = desk.state.fixes[shift.id]
    desk.now_s += 600
    assert desk.do(replace(report, at_s=desk.now_s))
    assert desk.now_s < shift.visits[0].leave_s
    where = locate(desk.network, desk.state, shift, desk.now_s)
    assert (where.place.arc, where.place.offset_ms) == (fix.arc, fix.offset_ms)
    desk.now_s = shift.visits[0].leave_s
    assert desk.do(replace(report, at_s=desk.now_s))
    desk.now_s += 60
    assert locate(desk.network, desk.state, shift, desk.now_s).place != where.place


def test_whoever_halts_early_may_be_done_before_the_planned_arrival(desk: Desk) -> None:
    """The tables hold no visit that ends before it begins: the plan has to follow the driver."""
    first = desk.book(0, 40)
    shift = desk.shift(first)
    visit = shift.visits[0]
    desk.now_s = max(desk.now_s, first.promise.pickup_from_s)
    assert desk.now_s < visit.arrive_s - 60
    desk.do(cmd.ReportArrived(shift.vehicle_id, visit.id))
    desk.book(0, 40)
    assert desk.shift(first).visits[0].depart_s < visit.arrive_s
    assert broken_rules(desk.config, desk.network, desk.state, desk.now_s) == []
