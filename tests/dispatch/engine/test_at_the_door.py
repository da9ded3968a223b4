"""What drivers press in which order at a stop: the doors are wide, the buttons are not in a row."""

from contextlib import nullcontext

import pytest
from desk import Desk
from mishaps import aboard, sound
from tiny_town import grid_config

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError
from dispatch.domain.model import Booking, BookingStatus, Party
from dispatch.domain.rules import Rules
from dispatch.engine import Network
from dispatch.engine.invariants import broken_promises
from dispatch.engine.problem import plan_booking


@pytest.fixture
def desk(grid: Network) -> Desk:
    return Desk(grid)


def at_its_end(desk: Desk, seats: int) -> Booking:
    """Riders in a vehicle for four that stands where they get off."""
    booking = aboard(desk, 0, 17, seats=seats)
    desk.arrive(desk.shift(booking))
    return desk.booking(booking)


def others_here(desk: Desk, first: Booking, seats: int) -> Booking:
    """More of them, to be picked up by the same vehicle where the first ones get off."""
    for vehicle in desk.config.vehicles:
        if vehicle.id != desk.shift(first).vehicle_id:
            desk.do(cmd.TakeOutOfService(vehicle.id, "breakdown"))
    return desk.book(17, 40, party=Party(seats))


def test_who_gets_on_is_reported_before_who_gets_off(desk: Desk) -> None:
    first = at_its_end(desk, 4)
    second = others_here(desk, first, 4)
    desk.now_s += 90
    events = desk.do(cmd.ReportBoarded(second.id))
    done = [type(e) for e in events if isinstance(e, ev.RiderBoarded | ev.RiderAlighted)]
    assert done == [ev.RiderAlighted, ev.RiderBoarded], "eight people do not fit on four seats"
    assert desk.booking(first).status is BookingStatus.COMPLETED
    assert sound(desk)
    assert desk.do(cmd.ReportAlighted(first.id)) == [], "the report that follows is no error"


def test_as_long_as_there_is_room_nobody_is_taken_to_have_got_off(desk: Desk) -> None:
    first = at_its_end(desk, 1)
    second = others_here(desk, first, 1)
    desk.now_s += 90
    desk.do(cmd.ReportBoarded(second.id))
    assert desk.booking(first).status is BookingStatus.BOARDED
    assert sound(desk)


def test_who_walks_on_takes_the_seats_of_who_gets_off(desk: Desk) -> None:
    first = at_its_end(desk, 4)
    desk.do(cmd.WalkOn(desk.shift(first).vehicle_id, desk.stop(40), Party(4)))
    assert desk.booking(first).status is BookingStatus.COMPLETED
    assert sound(desk)


def test_a_stop_that_is_blocked_when_the_vehicle_stands_before_it(desk: Desk) -> None:
    """It drives on from now, not from when somebody should have got off."""
    first = at_its_end(desk, 4)
    desk.now_s += 1200
    desk.do(cmd.ReportNotServed("road_blocked", booking_id=first.id))
    assert sound(desk)
    (visit,) = [v for v in desk.shift(first).visits if v.actions]
    assert visit.arrive_s > desk.now_s
    assert visit.actions[0].start_s >= visit.arrive_s


def test_who_stays_at_a_blocked_stop_gets_off_before_the_vehicle_goes_on(desk: Desk) -> None:
    first = desk.book(0, 17)
    desk.arrive(desk.shift(first))
    desk.do(cmd.WalkOn(desk.shift(first).vehicle_id, desk.stop(17), Party(1)))
    desk.now_s = desk.shift(first).visits[0].depart_s
    desk.do(cmd.ReportBoarded(first.id))
    both = [b for b in desk.state.bookings.values() if b.status is BookingStatus.BOARDED]
    assert len(both) == 2
    desk.arrive(desk.shift(first))
    desk.now_s += 30
    first_id, other_id = (a.booking_id for a in desk.shift(first).visits[0].actions)
    desk.do(cmd.ReportNotServed("other", booking_id=first_id))
    here, there = desk.shift(first).visits[:2]
    assert [a.booking_id for a in here.actions] == [other_id]
    assert [a.booking_id for a in there.actions] == [first_id]
    assert sound(desk)


def test_a_longer_ride_from_another_stop_is_no_promise(desk: Desk) -> None:
    """Without a vehicle it may be planned; once there is one, no decision may lengthen it."""
    for origin, destination in ((0, 9), (0, 11), (3, 12), (5, 14), (9, 20)):
        booking = desk.book(origin, destination)
        desk.do(cmd.ReportNotServed("road_blocked", booking_id=booking.id))
        waits = desk.booking(booking)
        assert waits.instead is not None
        if waits.instead.max_ride_s > waits.promise.max_ride_s:
            record = plan_booking(desk.config, desk.network, waits)
            assert record.max_ride_s == waits.promise.max_ride_s
            return
    pytest.fail("no other stop was farther away")


def test_a_ride_from_the_door_is_counted_from_the_door(grid: Network) -> None:
    """Who walks on boards at once, before those get off who are about to: the ride is longer."""
    for extra_s in (20, 120):
        rules = Rules(ride_factor=1.0, ride_extra_s=extra_s)
        desk = Desk(grid, grid_config(rules=rules))
        first = at_its_end(desk, 3)
        with nullcontext() if extra_s > 60 else pytest.raises(DomainError, match="vehicle_full"):
            desk.do(cmd.WalkOn(desk.shift(first).vehicle_id, desk.stop(40), Party(1)))
        assert broken_promises(desk.state) == {}
        assert sound(desk)
