"""One vehicle, one shift after the other: what is promised knows when the vehicle is back."""

from dataclasses import replace
from itertools import combinations

from desk import Desk
from tiny_town import grid_config

from dispatch.domain import commands as cmd
from dispatch.domain.errors import RefusalCode
from dispatch.domain.model import BookingStatus, ShiftStatus
from dispatch.engine import Engine, Network


def late_desk(grid: Network) -> Desk:
    """One van that is still out with a rider at 14:00, when its next shift should begin."""
    desk = Desk(grid, grid_config(vehicles=1))
    relief_s = desk.config.hours.instant(desk.config.hours.local_date(desk.now_s), 14 * 60)
    booking = desk.take(desk.ask(0, 40, depart_at_s=relief_s - 2400).offers[0])
    desk.arrive(desk.shift(booking))
    desk.now_s = relief_s + 60  # the rider takes half an hour to get on
    desk.do(cmd.ReportBoarded(booking.id))
    return desk


def test_the_next_shift_waits_for_the_vehicle(grid: Network) -> None:
    desk = late_desk(grid)
    running = desk.active()[0]
    last = running.visits[-1]
    home_s = int(
        grid.travel.matrix_s[grid.stop_index[last.stop_id], grid.stop_index[running.depot_stop_id]]
    )
    offer = desk.ask(20, 3).offers[0]
    assert offer.planned_pickup_s >= last.depart_s + home_s
    shift = desk.shift(desk.take(offer))
    assert shift.status is ShiftStatus.PLANNED
    assert shift.visits[0].leave_s >= last.depart_s + home_s


def test_changed_hours_never_put_a_vehicle_on_two_shifts_at_once(grid: Network) -> None:
    desk = Desk(grid, grid_config(vehicles=2))
    later = tuple(replace(p, start_min=p.start_min + 30) for p in desk.config.shifts)
    desk.config = replace(desk.config, shifts=later)
    desk.engine = Engine(desk.config, grid)
    desk.now_s += 86_400
    desk.do(cmd.Tick())
    planned = [s for s in desk.state.shifts.values() if s.status is not ShiftStatus.ENDED]
    for one, other in combinations(planned, 2):
        apart = one.end_s <= other.start_s or other.end_s <= one.start_s
        assert apart or one.vehicle_id != other.vehicle_id, (one.id, other.id)
    assert any(s.start_s % 3600 == 1800 for s in planned), "new days follow the new hours"


def test_nobody_is_promised_a_ride_with_a_driver_who_has_not_come(grid: Network) -> None:
    desk = Desk(grid, grid_config(vehicles=2))
    tomorrow_s = desk.now_s + 86_400
    assert desk.ask(0, 30, depart_at_s=tomorrow_s).offers
    desk.now_s = tomorrow_s
    desk.do(cmd.Tick())
    refusal = desk.ask(0, 30).refusal
    assert refusal is not None
    assert refusal.code == RefusalCode.NO_CAPACITY
    late = next(s for s in desk.state.shifts.values() if s.start_s <= desk.now_s < s.end_s)
    desk.do(cmd.StartShift(late.vehicle_id, late.id))
    assert desk.ask(0, 30).offers


def test_a_driver_may_be_a_little_late(grid: Network) -> None:
    desk = Desk(grid, grid_config(vehicles=2))
    first = min(s.start_s for s in desk.state.shifts.values() if s.start_s > desk.now_s + 36_000)
    desk.now_s = first + desk.config.rules.shift_start_grace_s
    assert desk.ask(0, 30).offers


def test_a_vehicle_that_leaves_the_fleet_still_drives_what_it_has_promised(grid: Network) -> None:
    desk = Desk(grid, grid_config(vehicles=2))
    first, second = desk.book(0, 30), desk.book(1, 31)
    gone = desk.shift(first).vehicle_id
    fleet = tuple(v for v in desk.config.vehicles if v.id != gone)
    left = tuple(p for p in desk.config.shifts if p.vehicle_id != gone)
    desk.engine = Engine(replace(desk.config, vehicles=fleet, shifts=left), grid)
    desk.now_s += 600
    desk.do(cmd.Tick())
    desk.arrive(desk.shift(first))
    desk.do(cmd.ReportBoarded(first.id))
    desk.do(cmd.CancelBooking(second.id, "rider"))
    desk.arrive(desk.shift(first))
    desk.do(cmd.ReportAlighted(first.id))
    assert desk.booking(first).status is BookingStatus.COMPLETED
    assert desk.shift(desk.book(5, 35)).vehicle_id != gone


def test_rides_of_a_shift_that_never_began_do_not_stay_open(grid: Network) -> None:
    desk = Desk(grid, grid_config(vehicles=1))
    tomorrow_s = desk.now_s + 86_400
    booking = desk.take(desk.ask(0, 30, depart_at_s=tomorrow_s).offers[0])
    desk.now_s = booking.promise.arrival_latest_s + 600
    desk.do(cmd.Tick())
    assert desk.booking(booking).status is BookingStatus.CONFIRMED, "the driver may still come"
    desk.now_s += 900
    desk.do(cmd.Tick())
    assert desk.booking(booking).status is BookingStatus.CANCELLED
    assert desk.booking(booking).cancelled_by == "service"
    assert not any(visit.actions for visit in desk.shift(booking).visits)
    desk.now_s = desk.shift(booking).end_s + 1000
    desk.do(cmd.Tick())
    assert desk.shift(booking).status is ShiftStatus.ENDED
