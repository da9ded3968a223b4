"""Vehicles that cannot go on, and what becomes of their riders."""

from dataclasses import replace

import pytest
from desk import Desk
from mishaps import aboard, on_its_way, sound, vehicle_of
from tiny_town import grid_config

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import (
    BookingStatus,
    Configuration,
    Party,
    ShiftStatus,
    Vehicle,
)
from dispatch.domain.rules import ServiceConfig
from dispatch.engine import Network
from dispatch.engine.invariants import broken_promises
from dispatch.engine.problem import takes_riders
from dispatch.engine.whereabouts import locate

BREAKDOWN = "breakdown"


def with_spare(config: ServiceConfig, *configurations: Configuration) -> ServiceConfig:
    """The same fleet with a vehicle that has no shifts."""
    depot = config.vehicles[0].depot_id
    places = configurations or (Configuration(4, 0),)
    spare = Vehicle("spare", "Reserve", depot, places, spare=True)
    return replace(config, vehicles=(*config.vehicles, spare))


@pytest.fixture
def desk(grid: Network) -> Desk:
    return Desk(grid, with_spare(grid_config()))


def code_of(desk: Desk, command: cmd.Command) -> ErrorCode:
    before = len(desk.log)
    with pytest.raises(DomainError) as caught:
        desk.do(command)
    assert len(desk.log) == before
    return caught.value.code


def events_of(events: list[ev.Event], kind: type) -> list[ev.Event]:
    return [event for event in events if isinstance(event, kind)]


def test_riders_who_wait_get_another_vehicle_inside_their_promise(desk: Desk) -> None:
    booking = desk.book(0, 40)
    broken = vehicle_of(desk, booking)
    events = desk.do(cmd.TakeOutOfService(broken, BREAKDOWN))
    after = desk.booking(booking)
    assert after.status is BookingStatus.CONFIRMED
    assert vehicle_of(desk, booking) != broken
    assert after.promise == booking.promise
    assert after.instead is None
    assert after.displacement is not None
    assert after.displacement.reason == BREAKDOWN
    [lost] = events_of(events, ev.BookingDisplaced)
    [found] = events_of(events, ev.BookingReplanned)
    assert isinstance(lost, ev.BookingDisplaced)
    assert isinstance(found, ev.BookingReplanned)
    assert (lost.vehicle_id, lost.aboard, lost.stop_id) == (
        broken,
        False,
        booking.promise.pickup_stop_id,
    )
    assert found.vehicle_id == vehicle_of(desk, booking)
    assert found.late_s == 0
    pickup = desk.shift(booking).visits[0].actions[0]
    assert found.pickup_s == pickup.start_s
    assert broken_promises(desk.state) == {}
    assert sound(desk)


def test_a_vehicle_that_is_out_is_given_nothing(desk: Desk) -> None:
    for shift in desk.active():
        desk.do(cmd.TakeOutOfService(shift.vehicle_id, BREAKDOWN))
    assert not any(
        takes_riders(desk.config, desk.state, s, desk.now_s) for s in desk.state.shifts.values()
    )
    assert desk.ask(0, 40).refusal is not None
    assert desk.do(cmd.TakeOutOfService("van-1", "accident")) == [], "repeated"
    desk.do(cmd.ReturnToService("van-1"))
    assert desk.do(cmd.ReturnToService("van-1")) == [], "repeated"
    booking = desk.book(0, 40)
    assert vehicle_of(desk, booking) == "van-1"
    assert sound(desk)


def test_who_has_no_vehicle_stays_displaced_until_there_is_one(desk: Desk) -> None:
    booking = desk.book(0, 40)
    for shift in desk.active():
        desk.do(cmd.TakeOutOfService(shift.vehicle_id, BREAKDOWN))
    assert desk.booking(booking).status is BookingStatus.DISPLACED
    assert sound(desk)
    desk.now_s = booking.promise.pickup_to_s + 600
    assert desk.do(cmd.Tick()) == [], "nobody can come"
    desk.do(cmd.ReturnToService("van-2"))
    after = desk.booking(booking)
    assert after.status is BookingStatus.CONFIRMED
    assert vehicle_of(desk, booking) == "van-2"
    late = broken_promises(desk.state)
    assert late[booking.id, "pickup"] >= 600, "a breach is a breach"
    found = desk.log[-2]
    assert isinstance(found, ev.BookingReplanned)
    assert found.late_s == max(late.values())
    assert sound(desk)


def test_a_displaced_rider_may_cancel_and_is_given_up_in_the_end(desk: Desk) -> None:
    first, second = desk.book(0, 40), desk.book(3, 30)
    for shift in desk.active():
        desk.do(cmd.TakeOutOfService(shift.vehicle_id, BREAKDOWN))
    desk.do(cmd.CancelBooking(first.id, "rider"))
    assert desk.booking(first).status is BookingStatus.CANCELLED
    assert code_of(desk, cmd.ReportBoarded(second.id)) is ErrorCode.BOOKING_STATE
    desk.now_s = second.promise.arrival_latest_s + 4 * 3600
    desk.do(cmd.Tick())
    assert desk.booking(second).status is BookingStatus.DISPLACED
    desk.now_s += 1
    desk.do(cmd.Tick())
    after = desk.booking(second)
    assert (after.status, after.cancelled_by) == (BookingStatus.CANCELLED, "service")
    assert sound(desk)


def test_riders_on_board_are_rescued_where_they_are(desk: Desk) -> None:
    booking = aboard(desk, 0, 40)
    shift = on_its_way(desk, booking)
    boarded_s = booking.boarded_at_s
    where = locate(desk.network, desk.state, shift, desk.now_s)
    events = desk.do(cmd.TakeOutOfService(shift.vehicle_id, "accident"))
    after = desk.booking(booking)
    assert after.status is BookingStatus.CONFIRMED
    assert (after.rescues, after.first_boarded_at_s, after.boarded_at_s) == (1, boarded_s, None)
    assert after.promise == booking.promise
    assert after.in_force.pickup_stop_id not in {
        booking.promise.pickup_stop_id,
        shift.depot_stop_id,
    }
    assert after.in_force.dropoff_stop_id == booking.promise.dropoff_stop_id
    [lost] = events_of(events, ev.BookingDisplaced)
    [found] = events_of(events, ev.BookingReplanned)
    assert isinstance(lost, ev.BookingDisplaced)
    assert isinstance(found, ev.BookingReplanned)
    assert lost.aboard
    assert found.rescue
    assert lost.stop_id == found.stop_id == after.in_force.pickup_stop_id
    assert lost.walk_m < 400, "a stop nearby"
    out = desk.state.out[shift.vehicle_id]
    assert (out.since_s, out.reason) == (desk.now_s, "accident")
    left = desk.state.shifts[shift.id]
    assert left.visits == ()
    assert left.status is ShiftStatus.ACTIVE
    desk.now_s += 300
    still = locate(desk.network, desk.state, left, desk.now_s)
    assert still.place == where.place, "it stays where it broke down"
    desk.arrive(desk.shift(booking))
    desk.do(cmd.ReportBoarded(booking.id))
    desk.arrive(desk.shift(booking))
    desk.do(cmd.ReportAlighted(booking.id))
    assert desk.booking(booking).status is BookingStatus.COMPLETED
    assert sound(desk)


def test_no_later_decision_makes_a_rescue_later(desk: Desk) -> None:
    booking = aboard(desk, 0, 40)
    shift = on_its_way(desk, booking)
    desk.do(cmd.TakeOutOfService(shift.vehicle_id, BREAKDOWN))
    planned = desk.shift(booking).visits
    for k in range(12):
        offers = desk.ask(3 * k, 3 * k + 20).offers
        if offers:
            desk.take(offers[0])
    visits = (planned, desk.shift(booking).visits)
    first, now = (
        [a.start_s for v in some for a in v.actions if a.booking_id == booking.id]
        for some in visits
    )
    assert booking.boarded_at_s is not None
    longest_s = booking.boarded_at_s + booking.promise.max_ride_s
    assert now[0] <= first[0], "nobody waits longer in the street"
    assert now[1] <= max(first[1], min(booking.promise.arrival_latest_s, longest_s))
    assert sound(desk)


def test_one_rescuer_too_small_means_two(grid: Network) -> None:
    config = grid_config(vehicles=3)
    large = replace(config.vehicles[0], configurations=(Configuration(8, 0),))
    desk = Desk(grid, replace(config, vehicles=(large, *config.vehicles[1:])))
    others = [s.vehicle_id for s in desk.active() if s.vehicle_id != large.id]
    for vehicle_id in others:
        desk.do(cmd.TakeOutOfService(vehicle_id, BREAKDOWN))
    riders = [desk.book(0, 40, party=Party(3)), desk.book(0, 40, party=Party(3))]
    desk.arrive(desk.shift(riders[0]))
    for rider in riders:
        desk.do(cmd.ReportBoarded(rider.id))
    for vehicle_id in others:
        desk.do(cmd.ReturnToService(vehicle_id))
    shift = on_its_way(desk, riders[0])
    assert shift.vehicle_id == large.id
    desk.do(cmd.TakeOutOfService(large.id, BREAKDOWN))
    assert all(desk.booking(r).status is BookingStatus.CONFIRMED for r in riders)
    waits = {desk.booking(r).in_force.pickup_stop_id for r in riders}
    assert len(waits) == 1
    assert {vehicle_of(desk, r) for r in riders} == set(others)
    assert sound(desk)


def test_a_wheelchair_is_rescued_by_a_van_that_holds_it(grid: Network) -> None:
    desk = Desk(grid, grid_config(vehicles=4))
    booking = aboard(desk, 0, 40, seats=0, wheelchairs=1)
    shift = on_its_way(desk, booking)
    desk.do(cmd.TakeOutOfService(shift.vehicle_id, BREAKDOWN))
    rescuer = desk.config.vehicle(vehicle_of(desk, booking))
    assert rescuer is not None
    assert any(c.wheelchairs for c in rescuer.configurations)
    assert sound(desk)


def test_who_is_at_the_destination_has_arrived(desk: Desk) -> None:
    booking = aboard(desk, 0, 40)
    desk.arrive(desk.shift(booking))
    events = desk.do(cmd.TakeOutOfService(vehicle_of(desk, booking), BREAKDOWN))
    assert desk.booking(booking).status is BookingStatus.COMPLETED
    assert events_of(events, ev.RiderAlighted)
    assert sound(desk)


def test_who_is_almost_there_walks(desk: Desk) -> None:
    booking = aboard(desk, 0, 40)
    visit = desk.shift(booking).visits[0]
    desk.now_s = visit.arrive_s - 3
    events = desk.do(cmd.TakeOutOfService(vehicle_of(desk, booking), BREAKDOWN))
    [down] = events_of(events, ev.RiderSetDown)
    assert isinstance(down, ev.RiderSetDown)
    assert down.walk_m <= desk.config.rules.max_walk_reduced_m
    assert down.stop_id == booking.promise.dropoff_stop_id
    assert desk.booking(booking).status is BookingStatus.COMPLETED
    assert sound(desk)


def test_a_vehicle_that_returns_goes_on_from_where_it_stood(desk: Desk) -> None:
    booking = aboard(desk, 0, 40)
    shift = on_its_way(desk, booking)
    desk.do(cmd.TakeOutOfService(shift.vehicle_id, BREAKDOWN))
    stood = locate(desk.network, desk.state, desk.state.shifts[shift.id], desk.now_s)
    desk.now_s += 1800
    desk.do(cmd.Tick())
    desk.do(cmd.ReturnToService(shift.vehicle_id))
    now = locate(desk.network, desk.state, desk.state.shifts[shift.id], desk.now_s)
    assert now.place == stood.place
    assert shift.vehicle_id not in desk.state.out
    assert sound(desk)


def test_what_a_vehicle_out_of_service_cannot_do(desk: Desk) -> None:
    shift = desk.active()[0]
    later = next(
        s
        for s in desk.state.shifts.values()
        if s.vehicle_id == shift.vehicle_id and s.status is ShiftStatus.PLANNED
    )
    desk.do(cmd.TakeOutOfService(shift.vehicle_id, BREAKDOWN))
    out = ErrorCode.VEHICLE_OUT_OF_SERVICE
    assert code_of(desk, cmd.TakeBreak(shift.vehicle_id)) is out
    assert code_of(desk, cmd.WalkOn(shift.vehicle_id, desk.stop(3), Party(1))) is out
    assert code_of(desk, cmd.SwapVehicle("van-2", shift.vehicle_id)) is out
    desk.do(cmd.EndShift(shift.vehicle_id, shift.id))
    desk.now_s = later.start_s
    assert code_of(desk, cmd.StartShift(shift.vehicle_id, later.id)) is out
    assert code_of(desk, cmd.TakeOutOfService("ghost", BREAKDOWN)) is ErrorCode.VEHICLE_NOT_FOUND
    assert code_of(desk, cmd.ReturnToService("ghost")) is ErrorCode.VEHICLE_NOT_FOUND


def test_bookings_far_ahead_are_not_made_late_too_soon(desk: Desk) -> None:
    """While the promise can still be kept, a displaced booking waits for room inside it."""
    wish_s = desk.now_s + 3 * 3600
    [booking] = [desk.take(desk.ask(0, 40, depart_at_s=wish_s).offers[0])]
    for shift in desk.active():
        desk.do(cmd.TakeOutOfService(shift.vehicle_id, BREAKDOWN))
    assert desk.booking(booking).status is BookingStatus.DISPLACED
    desk.now_s += 3600
    desk.do(cmd.ReturnToService("van-1"))
    assert desk.booking(booking).status is BookingStatus.CONFIRMED
    assert broken_promises(desk.state) == {}
    assert sound(desk)


def test_a_swap_moves_the_plan_as_it_is(desk: Desk) -> None:
    booking = desk.take(desk.ask(0, 40, depart_at_s=desk.now_s + 3600).offers[0])
    old = desk.shift(booking)
    events = desk.do(cmd.SwapVehicle(old.vehicle_id, "spare"))
    new = desk.shift(booking)
    assert (new.vehicle_id, new.end_s, new.status) == ("spare", old.end_s, ShiftStatus.PLANNED)
    assert desk.state.shifts[old.id].status is ShiftStatus.ENDED
    moves = [e for e in events if isinstance(e, ev.BookingMoved)]
    assert [(m.booking_id, m.shift_id) for m in moves] == [(booking.id, new.id)]
    swaps = [e for e in events if isinstance(e, ev.VehicleSwapped)]
    assert {s.shift_id for s in swaps} >= {old.id}
    assert all(s.spare_vehicle_id == "spare" for s in swaps)
    assert broken_promises(desk.state) == {}
    assert desk.do(cmd.SwapVehicle(old.vehicle_id, "spare")) == [], "repeated"
    assert sound(desk)
    desk.do(cmd.Tick())
    assert not any(
        s.vehicle_id == old.vehicle_id and s.status is ShiftStatus.ACTIVE
        for s in desk.state.shifts.values()
    )
    desk.do(cmd.StartShift("spare", new.id))
    desk.arrive(desk.shift(booking))
    assert sound(desk)


def test_a_swap_with_riders_on_board_is_a_rescue(desk: Desk) -> None:
    booking = aboard(desk, 0, 40)
    shift = on_its_way(desk, booking)
    desk.do(cmd.SwapVehicle(shift.vehicle_id, "spare", BREAKDOWN))
    assert shift.vehicle_id in desk.state.out
    after = desk.booking(booking)
    assert (after.status, after.rescues) == (BookingStatus.CONFIRMED, 1)
    assert any(s.vehicle_id == "spare" for s in desk.state.shifts.values())
    assert sound(desk)


def test_a_spare_helps_those_whom_nobody_else_can(grid: Network) -> None:
    desk = Desk(grid, with_spare(grid_config(vehicles=1)))
    booking = aboard(desk, 0, 40)
    shift = on_its_way(desk, booking)
    desk.do(cmd.TakeOutOfService(shift.vehicle_id, BREAKDOWN))
    assert desk.booking(booking).status is BookingStatus.DISPLACED
    desk.do(cmd.SwapVehicle(shift.vehicle_id, "spare"))
    assert vehicle_of(desk, booking) == "spare"
    assert sound(desk)


def test_a_swap_goes_back_and_forth(desk: Desk) -> None:
    desk.do(cmd.SwapVehicle("van-1", "spare"))
    desk.do(cmd.SwapVehicle("spare", "van-1"))
    desk.do(cmd.SwapVehicle("van-1", "spare"))
    left = [
        s
        for s in desk.state.shifts.values()
        if s.status is not ShiftStatus.ENDED and s.vehicle_id == "spare"
    ]
    assert left
    assert sound(desk)


def test_swaps_that_cannot_be(grid: Network) -> None:
    small = with_spare(grid_config(), Configuration(1, 0))
    desk = Desk(grid, small)
    pair = desk.book(0, 40, party=Party(2))
    van = vehicle_of(desk, pair)
    other = "van-2" if van == "van-1" else "van-1"
    assert code_of(desk, cmd.SwapVehicle(van, "spare")) is ErrorCode.SPARE_TOO_SMALL
    assert code_of(desk, cmd.SwapVehicle(van, other)) is ErrorCode.SPARE_NOT_FREE
    assert code_of(desk, cmd.SwapVehicle(van, van)) is ErrorCode.SPARE_NOT_FREE
    assert code_of(desk, cmd.SwapVehicle("ghost", "spare")) is ErrorCode.VEHICLE_NOT_FOUND
    assert code_of(desk, cmd.SwapVehicle(van, "ghost")) is ErrorCode.VEHICLE_NOT_FOUND
    assert code_of(desk, cmd.SwapVehicle("spare", van)) is ErrorCode.SHIFT_STATE


def test_a_swap_breaks_no_promise(desk: Desk) -> None:
    """A vehicle about to reach its riders is not exchanged for one that is still at the depot."""
    booking = desk.book(0, 40)
    for shift in desk.active():
        if shift.id != desk.shift(booking).id:
            desk.do(cmd.TakeOutOfService(shift.vehicle_id, BREAKDOWN))
    desk.arrive(desk.shift(booking))
    desk.now_s = booking.promise.pickup_to_s
    assert (
        code_of(desk, cmd.SwapVehicle(vehicle_of(desk, booking), "spare"))
        is ErrorCode.SWAP_TOO_LATE
    )
