"""From a booking to the drop-off, and everything that may go differently."""

import pytest
from desk import Desk

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import BookingStatus, ShiftStatus
from dispatch.engine import Network
from dispatch.engine.invariants import broken_rules


@pytest.fixture
def desk(grid: Network) -> Desk:
    return Desk(grid)


def code_of(desk: Desk, command: cmd.Command) -> ErrorCode:
    before = len(desk.log)
    with pytest.raises(DomainError) as caught:
        desk.do(command)
    assert len(desk.log) == before
    return caught.value.code


def test_a_ride_is_driven(desk: Desk) -> None:
    booking = desk.book(0, 30)
    shift = desk.shift(booking)
    desk.arrive(shift)
    desk.now_s = desk.shift(booking).visits[0].depart_s
    desk.do(cmd.ReportBoarded(booking.id))
    assert desk.booking(booking).status is BookingStatus.BOARDED
    desk.arrive(shift)
    desk.now_s += 40
    events = desk.do(cmd.ReportAlighted(booking.id))
    assert [type(e) for e in events] == [ev.RiderAlighted, ev.VisitCompleted]
    done = desk.booking(booking)
    assert done.status is BookingStatus.COMPLETED
    assert done.boarded_at_s is not None
    assert done.alighted_at_s is not None
    assert done.boarded_at_s < done.alighted_at_s <= done.promise.arrival_latest_s
    assert desk.shift(booking).visits == ()


def test_reports_may_be_repeated(desk: Desk) -> None:
    booking = desk.book(0, 30)
    shift = desk.shift(booking)
    desk.arrive(shift)
    visit = desk.shift(booking).visits[0]
    assert desk.do(cmd.ReportArrived(shift.vehicle_id, visit.id)) == []
    desk.do(cmd.ReportBoarded(booking.id))
    assert desk.do(cmd.ReportBoarded(booking.id)) == []
    desk.do(cmd.ReportAlighted(booking.id))  # implies having arrived
    assert desk.do(cmd.ReportAlighted(booking.id)) == []


def test_reports_that_cannot_be(desk: Desk) -> None:
    booking = desk.book(0, 30)
    shift = desk.shift(booking)
    visits = shift.visits
    vehicle = shift.vehicle_id
    wrong = [
        (cmd.ReportAlighted(booking.id), ErrorCode.BOOKING_STATE),
        (cmd.ReportBoarded("bk_unknown"), ErrorCode.BOOKING_NOT_FOUND),
        (cmd.ReportArrived(vehicle, visits[1].id), ErrorCode.VISIT_NOT_NEXT),
        (cmd.ReportArrived(vehicle, "vs_unknown"), ErrorCode.VISIT_NOT_FOUND),
        (cmd.ReportArrived("ghost", visits[0].id), ErrorCode.VEHICLE_NOT_FOUND),
        (cmd.ReportNoShow(booking.id), ErrorCode.NOT_AT_THIS_STOP),
        (cmd.EndShift(vehicle, shift.id), ErrorCode.SHIFT_HAS_RIDERS),
        (cmd.StartShift(vehicle, "none"), ErrorCode.SHIFT_NOT_FOUND),
        (cmd.CancelBooking("bk_unknown", "rider"), ErrorCode.BOOKING_NOT_FOUND),
    ]
    for command, code in wrong:
        assert code_of(desk, command) is code, command


def test_a_no_show_needs_patience_and_frees_the_vehicle(desk: Desk) -> None:
    booking = desk.book(0, 30)
    shift = desk.shift(booking)
    desk.arrive(shift)
    assert code_of(desk, cmd.ReportNoShow(booking.id)) is ErrorCode.NO_SHOW_TOO_EARLY
    desk.now_s = max(desk.now_s, booking.promise.pickup_from_s) + 180
    desk.do(cmd.ReportNoShow(booking.id))
    assert desk.booking(booking).status is BookingStatus.NO_SHOW
    assert desk.shift(booking).visits == ()
    assert desk.shift(booking).anchor.stop_id == booking.promise.pickup_stop_id


def test_a_cancelled_booking_leaves_the_others_as_they_were(desk: Desk) -> None:
    first, second = desk.book(0, 30), desk.book(1, 31)
    kept = {v.id for v in desk.shift(second).visits for a in v.actions if a.booking_id == second.id}
    desk.do(cmd.CancelBooking(first.id, "rider"))
    assert desk.booking(first).status is BookingStatus.CANCELLED
    assert desk.do(cmd.CancelBooking(first.id, "rider")) == []
    assert {v.id for v in desk.shift(second).visits} >= kept
    assert not broken_rules(desk.config, desk.network, desk.state, desk.now_s)


def test_boarded_riders_cannot_cancel(desk: Desk) -> None:
    booking = desk.book(0, 30)
    desk.arrive(desk.shift(booking))
    desk.do(cmd.ReportBoarded(booking.id))
    assert code_of(desk, cmd.CancelBooking(booking.id, "rider")) is ErrorCode.BOOKING_STATE


def test_a_vehicle_under_way_is_diverted_from_where_it_is(desk: Desk) -> None:
    first = desk.book(0, 40)
    shift = desk.shift(first)
    visit = shift.visits[0]
    desk.now_s = (visit.leave_s + visit.arrive_s) // 2
    second = desk.book(2, 42)
    if desk.shift(second).id != shift.id:
        pytest.skip("the other vehicle was nearer")
    anchor = desk.shift(second).anchor
    assert anchor.stop_id is None
    assert anchor.at_s == desk.now_s


def test_positions_older_than_what_is_known_are_ignored(desk: Desk) -> None:
    shift = desk.active()[0]
    stop = desk.stop(7)
    report = cmd.ReportPosition(shift.vehicle_id, stop.lon, stop.lat, desk.now_s)
    desk.now_s += 1
    moved = desk.do(report)
    assert [type(e) for e in moved] in ([ev.VehicleMoved], [])
    assert desk.do(report) == []
    ahead = cmd.ReportPosition(shift.vehicle_id, stop.lon, stop.lat, desk.now_s + 3600)
    assert code_of(desk, ahead) is ErrorCode.POSITION_IN_FUTURE
    away = cmd.ReportPosition(shift.vehicle_id, 9.5, 48.0, desk.now_s)
    assert code_of(desk, away) is ErrorCode.POSITION_OUTSIDE_NETWORK


def test_shifts_are_planned_ahead_once_and_closed_when_forgotten(desk: Desk) -> None:
    planned = set(desk.state.shifts)
    days = {shift.start_s // 86_400 for shift in desk.state.shifts.values()}
    assert len(days) == desk.config.rules.shifts_ahead_days + 1
    desk.do(cmd.Tick())
    assert set(desk.state.shifts) == planned
    desk.now_s += 86_400
    desk.do(cmd.Tick())
    past = [s for s in desk.state.shifts.values() if s.end_s < desk.now_s - 900]
    assert past
    assert all(s.status is ShiftStatus.ENDED for s in past)


def test_a_late_vehicle_moves_its_plan_but_not_the_promise(desk: Desk) -> None:
    booking = desk.book(0, 30)
    promise = booking.promise
    planned_s = desk.shift(booking).visits[0].arrive_s
    desk.now_s = planned_s + 400
    shift = desk.shift(booking)
    stop = desk.stop(44)
    desk.do(cmd.ReportPosition(shift.vehicle_id, stop.lon, stop.lat, desk.now_s))
    desk.do(cmd.Tick())
    assert desk.shift(booking).visits[0].arrive_s > planned_s
    assert desk.booking(booking).promise == promise
