"""Other people than booked, stops that cannot be used, riders at the door, breaks as wished."""

from dataclasses import replace

import pytest
from desk import TUESDAY_9_S, Desk
from mishaps import aboard, on_its_way, sound, vehicle_of
from tiny_town import grid_config

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import Booking, BookingStatus, Configuration, Party, Shift, Spot, Visit
from dispatch.engine import Network
from dispatch.engine.invariants import broken_promises

BLOCKED = "road_blocked"


@pytest.fixture
def desk(grid: Network) -> Desk:
    return Desk(grid, grid_config(vehicles=1))


@pytest.fixture
def early(grid: Network) -> Desk:
    """One van at nine o'clock, its driver at work since six, with the break still ahead."""
    return Desk(grid, grid_config(vehicles=1), opened_s=TUESDAY_9_S - 4 * 3600)


def failure(desk: Desk, command: cmd.Command) -> DomainError:
    before = len(desk.log)
    with pytest.raises(DomainError) as caught:
        desk.do(command)
    assert len(desk.log) == before
    return caught.value


def code_of(desk: Desk, command: cmd.Command) -> ErrorCode:
    return failure(desk, command).code


def at_the_stop(desk: Desk, **party: int) -> Booking:
    booking = desk.book(0, 40, party=Party(**party))
    desk.arrive(desk.shift(booking))
    desk.now_s = desk.shift(booking).visits[0].depart_s
    return booking


# -- other people than booked


def test_fewer_people_free_places_and_pay_less(desk: Desk) -> None:
    booking = at_the_stop(desk, seats=3)
    others = Party(3)
    full_s = min(o.planned_pickup_s for o in desk.ask(1, 41, party=others).offers)
    events = desk.do(cmd.ReportBoarded(booking.id, Party(1)))
    [counted] = [e for e in events if isinstance(e, ev.PartyCounted)]
    after = desk.booking(booking)
    assert (after.party, after.booked_party) == (Party(1), Party(3))
    assert after.price_cents == counted.price_cents == desk.config.fares.price_cents(Party(1))
    assert after.price_cents < booking.price_cents
    assert after.promise == booking.promise
    free_s = min(o.planned_pickup_s for o in desk.ask(1, 41, party=others).offers)
    assert free_s < full_s, "three places are free at once, not only after the ride"
    assert sound(desk)


def test_more_people_ride_if_there_is_room_and_pay_for_it(desk: Desk) -> None:
    booking = at_the_stop(desk, seats=1)
    desk.do(cmd.ReportBoarded(booking.id, Party(4)))
    after = desk.booking(booking)
    assert (after.party, after.booked_party) == (Party(4), Party(1))
    assert after.price_cents == desk.config.fares.price_cents(Party(4))
    assert sound(desk)


def test_more_people_than_the_vehicle_holds_on_any_later_leg(desk: Desk) -> None:
    first = at_the_stop(desk, seats=1)
    later = desk.book(1, 41, party=Party(3))
    assert vehicle_of(desk, later) == vehicle_of(desk, first)
    assert code_of(desk, cmd.ReportBoarded(first.id, Party(5))) is ErrorCode.VEHICLE_FULL
    shared = desk.shift(later).visits
    stays = [a.booking_id for v in shared for a in v.actions]
    if stays.index(later.id) < stays.index(first.id, 1):  # they share a leg
        assert code_of(desk, cmd.ReportBoarded(first.id, Party(2))) is ErrorCode.VEHICLE_FULL
    assert desk.booking(first).status is BookingStatus.CONFIRMED
    assert code_of(desk, cmd.ReportBoarded(first.id, Party(0))) is ErrorCode.EMPTY_PARTY
    desk.do(cmd.ReportBoarded(first.id))
    assert sound(desk)


def test_a_count_is_corrected_on_board(desk: Desk) -> None:
    booking = at_the_stop(desk, seats=3)
    desk.do(cmd.ReportBoarded(booking.id, Party(1)))
    assert desk.do(cmd.ReportBoarded(booking.id, Party(1))) == [], "repeated"
    assert desk.do(cmd.ReportBoarded(booking.id)) == []
    desk.do(cmd.ReportBoarded(booking.id, Party(3)))
    after = desk.booking(booking)
    assert (after.party, after.booked_party) == (Party(3), None)
    assert after.price_cents == booking.price_cents
    assert sound(desk)


# -- stops that cannot be used


def test_who_waits_at_a_blocked_stop_is_picked_up_nearby(desk: Desk) -> None:
    booking = desk.book(0, 40)
    command = cmd.ReportNotServed(BLOCKED, booking_id=booking.id)
    events = desk.do(command)
    [lost] = [e for e in events if isinstance(e, ev.BookingDisplaced)]
    [found] = [e for e in events if isinstance(e, ev.BookingReplanned)]
    after = desk.booking(booking)
    assert after.status is BookingStatus.CONFIRMED
    assert lost.reason == BLOCKED
    assert not found.rescue
    assert found.stop_id == after.in_force.pickup_stop_id != booking.promise.pickup_stop_id
    assert 0 < lost.walk_m <= desk.config.rules.max_walk_limit_m
    there_s = desk.now_s + desk.config.rules.walk_s(lost.walk_m)
    assert found.pickup_s >= there_s, "time to walk there"
    assert desk.shift(booking).visits[0].stop_id == found.stop_id
    assert after.promise == booking.promise
    assert sound(desk)
    desk.arrive(desk.shift(booking))
    desk.do(cmd.ReportBoarded(booking.id))
    assert desk.booking(booking).status is BookingStatus.BOARDED


def test_who_is_on_board_is_set_down_nearby(desk: Desk) -> None:
    booking = aboard(desk)
    on_its_way(desk, booking)
    events = desk.do(cmd.ReportNotServed("stop_unusable", booking_id=booking.id))
    [other] = [e for e in events if isinstance(e, ev.DropoffReplaced)]
    after = desk.booking(booking)
    assert other.from_stop_id == booking.promise.dropoff_stop_id
    assert other.stop_id == after.in_force.dropoff_stop_id == desk.shift(booking).visits[0].stop_id
    assert after.boarded_at_s == booking.boarded_at_s
    assert sound(desk)
    desk.arrive(desk.shift(booking))
    desk.do(cmd.ReportAlighted(booking.id))
    assert desk.booking(booking).status is BookingStatus.COMPLETED


def test_a_stop_blocked_while_the_vehicle_stands_there(desk: Desk) -> None:
    booking = aboard(desk)
    desk.arrive(desk.shift(booking))
    visit = desk.shift(booking).visits[0]
    desk.do(cmd.ReportNotServed(BLOCKED, visit_id=visit.id))
    assert desk.shift(booking).current_visit is None
    assert desk.shift(booking).visits[0].stop_id != visit.stop_id
    assert sound(desk)
    assert code_of(desk, cmd.ReportNotServed(BLOCKED, visit_id=visit.id)) is (
        ErrorCode.VISIT_NOT_FOUND
    )


def test_a_visit_that_cannot_be_made_moves_all_its_riders(desk: Desk) -> None:
    riders = [desk.book(0, 40), desk.book(0, 30)]
    visit = desk.shift(riders[0]).visits[0]
    assert len(visit.actions) == 2
    another = cmd.ReportNotServed(BLOCKED, visit_id=visit.id, vehicle_id="another")
    assert code_of(desk, another) is ErrorCode.VISIT_NOT_FOUND
    own = desk.shift(riders[0]).vehicle_id
    desk.do(cmd.ReportNotServed(BLOCKED, visit_id=visit.id, vehicle_id=own))
    for rider in riders:
        assert desk.booking(rider).status is BookingStatus.CONFIRMED
        assert desk.booking(rider).in_force.pickup_stop_id != visit.stop_id
    assert sound(desk)


def test_a_report_of_another_stop_changes_nothing(desk: Desk) -> None:
    booking = desk.book(0, 40)
    stop_id = booking.promise.pickup_stop_id
    command = cmd.ReportNotServed(BLOCKED, booking_id=booking.id, stop_id=stop_id)
    assert desk.do(command)
    assert desk.do(command) == [], "repeated"
    assert sound(desk)


def test_reports_of_stops_that_cannot_be(desk: Desk) -> None:
    unknown = cmd.ReportNotServed(BLOCKED, booking_id="bk_none")
    assert code_of(desk, unknown) is ErrorCode.BOOKING_NOT_FOUND
    booking = desk.book(0, 40)
    desk.do(cmd.CancelBooking(booking.id, "rider"))
    over = cmd.ReportNotServed(BLOCKED, booking_id=booking.id)
    assert code_of(desk, over) is ErrorCode.BOOKING_STATE
    tomorrow = desk.take(desk.ask(0, 40, depart_at_s=desk.now_s + 86_400).offers[0])
    ahead = cmd.ReportNotServed(BLOCKED, booking_id=tomorrow.id)
    assert code_of(desk, ahead) is ErrorCode.BOOKING_STATE, "no driver is on the way yet"


def test_no_other_stop_within_a_walk_is_said(grid: Network) -> None:
    config = grid_config(vehicles=1)
    config = replace(config, rules=replace(config.rules, max_walk_limit_m=10))
    desk = Desk(grid, config)
    booking = desk.take(desk.ask(0, 40).offers[0])
    report = cmd.ReportNotServed(BLOCKED, booking_id=booking.id)
    assert code_of(desk, report) is ErrorCode.NO_OTHER_STOP


# -- riders at the door


def test_a_rider_at_the_door_gets_on_at_once(desk: Desk) -> None:
    booking = at_the_stop(desk, seats=1)
    events = desk.do(cmd.WalkOn(vehicle_of(desk, booking), desk.stop(30), Party(2)))
    [made] = [e.booking for e in events if isinstance(e, ev.BookingMade)]
    after = desk.state.bookings[made.id]
    assert after.status is BookingStatus.BOARDED
    assert after.boarded_at_s == desk.now_s
    assert after.price_cents == desk.config.fares.price_cents(Party(2))
    assert desk.state.requests[after.request_id].channel == "driver"
    assert after.promise.pickup_stop_id == booking.promise.pickup_stop_id
    assert desk.shift(booking).current_visit is not None, "the booked rider still boards"
    assert sound(desk)
    desk.do(cmd.ReportBoarded(booking.id))
    while any(visit.actions for visit in desk.shift(booking).visits):
        desk.arrive(desk.shift(booking))
        for action in desk.shift(booking).visits[0].actions:
            desk.do(cmd.ReportAlighted(action.booking_id))
    assert desk.state.bookings[made.id].status is BookingStatus.COMPLETED
    assert broken_promises(desk.state) == {}
    assert sound(desk)


def test_a_rider_walks_on_where_an_idle_vehicle_waits(desk: Desk) -> None:
    booking = aboard(desk, 0, 30)
    desk.arrive(desk.shift(booking))
    desk.do(cmd.ReportAlighted(booking.id))
    desk.now_s += 60
    events = desk.do(cmd.WalkOn(vehicle_of(desk, booking), desk.stop(7), Party(1)))
    assert any(isinstance(e, ev.RiderBoarded) for e in events)
    assert sound(desk)


def test_who_cannot_walk_on(desk: Desk) -> None:
    van = "van-1"
    assert code_of(desk, cmd.WalkOn(van, desk.stop(7), Party(1))) is ErrorCode.NOT_AT_THIS_STOP
    assert code_of(desk, cmd.WalkOn("ghost", desk.stop(7), Party(1))) is (
        ErrorCode.VEHICLE_NOT_FOUND
    )
    booking = at_the_stop(desk, seats=3)
    assert code_of(desk, cmd.WalkOn(van, desk.stop(30), Party(2))) is ErrorCode.VEHICLE_FULL
    assert code_of(desk, cmd.WalkOn(van, desk.stop(30), Party(0))) is ErrorCode.EMPTY_PARTY
    nowhere = cmd.WalkOn(van, Spot(9.5, 48.0), Party(1))
    assert code_of(desk, nowhere) is ErrorCode.WALK_ON_IMPOSSIBLE
    here = cmd.WalkOn(van, Spot(0, 0, booking.promise.pickup_stop_id), Party(1))
    assert failure(desk, here).params == {"reason": "too_short"}
    unknown = cmd.WalkOn(van, Spot(0, 0, "st_none"), Party(1))
    assert code_of(desk, unknown) is ErrorCode.UNKNOWN_STOP
    on_its_way(desk, booking)


def test_nobody_walks_on_at_the_cost_of_a_promise(desk: Desk) -> None:
    booking = aboard(desk, 0, 40)
    tight = replace(
        desk.booking(booking),
        promise=replace(booking.promise, arrival_latest_s=desk.shift(booking).visits[0].arrive_s),
    )
    desk.state.bookings[booking.id] = tight
    visit = desk.shift(booking).visits[0]
    index = [s.id for s in desk.network.stops if s.bookable].index(booking.promise.pickup_stop_id)
    away = desk.stop(index + 9)
    before = dict(desk.state.bookings)
    walk_on = cmd.WalkOn(vehicle_of(desk, booking), away, Party(1))
    assert code_of(desk, walk_on) is ErrorCode.VEHICLE_FULL
    assert desk.state.bookings == before
    assert desk.shift(booking).visits[0] == visit


# -- breaks as drivers wish them


def rest_of(shift: Shift) -> Visit:
    [visit] = [visit for visit in shift.visits if visit.break_id is not None]
    return visit


def test_a_break_now(early: Desk) -> None:
    [shift] = early.active()
    [window] = shift.breaks
    early.now_s = window.earliest_s - 60
    too_early = failure(early, cmd.TakeBreak("van-1"))
    assert (too_early.code, too_early.params) == (ErrorCode.BREAK_TOO_EARLY, {"wait_s": 60})
    early.now_s = window.earliest_s
    early.do(cmd.TakeBreak("van-1"))
    [shift] = early.active()
    assert shift.current_break is not None
    assert shift.visits[0].arrived_at_s == early.now_s
    assert early.do(cmd.TakeBreak("van-1")) == [], "repeated"
    assert sound(early)
    early.now_s += window.duration_s
    early.do(cmd.Tick())
    assert code_of(early, cmd.TakeBreak("van-1")) is ErrorCode.NO_BREAK_LEFT


def test_no_break_with_riders_on_board_but_soon_after(early: Desk) -> None:
    [shift] = early.active()
    early.now_s = shift.breaks[0].earliest_s + 600
    booking = aboard(early)
    no = failure(early, cmd.TakeBreak("van-1"))
    assert no.code is ErrorCode.BREAK_NOT_NOW
    arrival_s = early.shift(booking).visits[0].depart_s
    wait_s = no.params["wait_s"]
    assert isinstance(wait_s, int)
    assert arrival_s - 120 <= early.now_s + wait_s <= arrival_s + 120
    early.arrive(early.shift(booking))
    early.do(cmd.ReportAlighted(booking.id))
    early.do(cmd.TakeBreak("van-1"))
    [shift] = early.active()
    assert shift.current_break is not None
    assert sound(early)


def test_no_break_at_the_cost_of_a_promise(early: Desk) -> None:
    [shift] = early.active()
    early.now_s = shift.breaks[0].earliest_s + 60
    booking = early.book(0, 40)
    assert code_of(early, cmd.TakeBreak("van-1")) is ErrorCode.BREAK_NOT_NOW
    assert early.shift(booking) == early.active()[0]


def test_a_break_on_the_way_is_taken_at_the_nearest_stop(early: Desk) -> None:
    [shift] = early.active()
    early.now_s = shift.breaks[0].earliest_s + 60
    booking = early.book(0, 40)
    on_its_way(early, booking)
    early.do(cmd.CancelBooking(booking.id, "rider"))
    early.do(cmd.TakeBreak("van-1"))
    [shift] = early.active()
    rest = rest_of(shift)
    assert rest.arrived_at_s is None
    early.now_s += 120
    early.do(cmd.ReportArrived("van-1", rest.id))
    assert early.active()[0].current_break is not None
    assert sound(early)


def test_a_break_is_put_off_within_the_law_and_taken_sooner_after_all(early: Desk) -> None:
    [shift] = early.active()
    [window] = shift.breaks
    until_s = window.latest_s - 300
    early.do(cmd.PostponeBreak("van-1", until_s))
    [shift] = early.active()
    assert rest_of(shift).arrive_s >= until_s
    assert shift.breaks[0].latest_s == window.latest_s
    assert shift.breaks[0].lawful_from_s == window.earliest_s
    assert early.do(cmd.PostponeBreak("van-1", until_s)) == [], "repeated"
    assert sound(early)
    late = failure(early, cmd.PostponeBreak("van-1", window.latest_s + 1))
    assert (late.code, late.params) == (
        ErrorCode.BREAK_TOO_LATE,
        {"until_s": window.latest_s},
    )
    early.now_s = window.earliest_s + 60
    early.do(cmd.TakeBreak("van-1"))
    assert early.active()[0].current_break is not None, "the law allows it"
    assert sound(early)
    assert code_of(early, cmd.PostponeBreak("van-1", until_s)) is ErrorCode.ON_BREAK


def test_a_break_is_not_put_off_into_a_promise(early: Desk) -> None:
    [shift] = early.active()
    [window] = shift.breaks
    wish_s = window.latest_s - 300
    booked = [early.take(early.ask(0, 40, depart_at_s=wish_s).offers[0])]
    before = early.active()[0].visits
    order = [v.break_id is not None for v in before]
    assert order.index(True) == 0, "the break comes before the riders"
    assert code_of(early, cmd.PostponeBreak("van-1", window.latest_s)) is ErrorCode.BREAK_NOT_NOW
    assert early.active()[0].visits == before
    assert early.booking(booked[0]).status is BookingStatus.CONFIRMED


def test_breaks_of_nobody(desk: Desk) -> None:
    assert code_of(desk, cmd.TakeBreak("ghost")) is ErrorCode.VEHICLE_NOT_FOUND
    assert code_of(desk, cmd.PostponeBreak("ghost", 0)) is ErrorCode.VEHICLE_NOT_FOUND
    assert code_of(desk, cmd.PostponeBreak("van-1", desk.now_s)) is ErrorCode.NO_BREAK_LEFT
    shift = desk.active()[0]
    desk.do(cmd.EndShift("van-1", shift.id))
    assert code_of(desk, cmd.TakeBreak("van-1")) is ErrorCode.SHIFT_STATE


def test_a_wheelchair_more_than_booked_needs_its_place(grid: Network) -> None:
    config = grid_config(vehicles=1)
    places = (Configuration(4, 0), Configuration(2, 1))
    config = replace(config, vehicles=(replace(config.vehicles[0], configurations=places),))
    desk = Desk(grid, config)
    booking = at_the_stop(desk, seats=3)
    assert code_of(desk, cmd.ReportBoarded(booking.id, Party(3, 1))) is ErrorCode.VEHICLE_FULL
    desk.do(cmd.ReportBoarded(booking.id, Party(2, 1)))
    assert desk.booking(booking).party == Party(2, 1)
    assert sound(desk)
