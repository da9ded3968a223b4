"""What vehicles report of where they are: noise, jumps, silence, other roads, wrong order."""

from dataclasses import replace

import pytest
from desk import Desk
from tiny_town import SOUTH, STEP_LAT, STEP_LON, WEST, grid_config

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import Fix, Shift, Sighting
from dispatch.engine import Network
from dispatch.engine.whereabouts import Whereabouts, locate
from routing.roads.graph import Place, position_of
from routing.roads.matching import Point, distance_m

METRE_LAT, METRE_LON = 1 / 111_195, 1 / 68_840


@pytest.fixture
def desk(grid: Network) -> Desk:
    return Desk(grid, grid_config(vehicles=1))


class Drive:
    """A vehicle on its way to its first visit, half-way there when the test begins."""

    def __init__(self, desk: Desk) -> None:
        booking = desk.book(0, 40)
        self.desk, self.id = desk, desk.shift(booking).id
        visit = self.shift.visits[0]
        self.left_s = visit.leave_s
        desk.now_s = (visit.leave_s + visit.arrive_s) // 2

    @property
    def shift(self) -> Shift:
        return self.desk.state.shifts[self.id]

    def place(self, at_s: int) -> Place:
        """Where it is if it keeps to the plan."""
        anchor, network = self.shift.anchor, self.desk.network
        target = self.shift.visits[0].stop_id
        start = Place(anchor.arc, anchor.offset_ms)
        return network.advance(start, target, max(anchor.at_s, self.left_s), at_s, at_s)

    def at(self, at_s: int, north_m: float = 0, east_m: float = 0) -> Sighting:
        lon, lat = position_of(self.desk.network.graph, self.place(at_s))
        return Sighting(at_s, lon + east_m * METRE_LON, lat + north_m * METRE_LAT)

    def report(self, sighting: Sighting, *trail: Sighting) -> list[ev.Event]:
        vehicle, s = self.shift.vehicle_id, sighting
        return self.desk.do(cmd.ReportPosition(vehicle, s.lon, s.lat, s.at_s, trail))

    @property
    def fix(self) -> Fix:
        return self.desk.state.fixes[self.id]

    def located(self) -> Whereabouts:
        desk = self.desk
        return locate(desk.network, desk.state, self.shift, desk.now_s)


@pytest.fixture
def drive(desk: Desk) -> Drive:
    return Drive(desk)


def test_reports_in_any_order_and_number_leave_the_newest(drive: Drive, desk: Desk) -> None:
    now_s = desk.now_s
    assert drive.report(drive.at(now_s - 5))
    assert drive.report(drive.at(now_s))
    newest = drive.fix
    assert drive.report(drive.at(now_s)) == []
    assert drive.report(drive.at(now_s - 3)) == []
    assert drive.fix == newest
    assert newest.at_s == now_s


def test_a_batch_is_followed_in_the_order_of_its_times(drive: Drive, desk: Desk) -> None:
    now_s = desk.now_s
    trail = [drive.at(now_s - s) for s in (5, 20, 10, 15)]
    drive.report(drive.at(now_s), *trail)
    together = drive.fix
    del desk.state.fixes[drive.id]
    for s in (20, 15, 10, 5, 0):
        drive.report(drive.at(now_s - s))
    assert drive.fix == together


def test_a_jump_counts_only_once_it_is_confirmed(drive: Drive, desk: Desk) -> None:
    now_s = desk.now_s
    drive.report(drive.at(now_s - 5))
    sure = drive.fix
    where = drive.located()
    far = Sighting(now_s, WEST + 8 * STEP_LON, SOUTH + 8 * STEP_LAT)
    assert distance_m(Point(0, sure.lon, sure.lat), Point(0, far.lon, far.lat)) > 400
    assert drive.report(far)
    assert drive.fix == replace(sure, doubted=far)
    assert drive.located() == where
    back = drive.at(now_s + 1)
    desk.now_s += 1
    drive.report(back)
    assert (drive.fix.at_s, drive.fix.doubted) == (now_s + 1, None)


def test_a_confirmed_jump_is_where_the_vehicle_is(drive: Drive, desk: Desk) -> None:
    now_s = desk.now_s
    drive.report(drive.at(now_s - 5))
    far = Sighting(now_s, WEST + 8 * STEP_LON, SOUTH + 8 * STEP_LAT)
    drive.report(far)
    elsewhere = Sighting(now_s + 2, WEST, SOUTH + 8 * STEP_LAT)
    desk.now_s = now_s + 2
    drive.report(elsewhere)
    assert drive.fix.doubted == elsewhere, "two jumps to different places confirm nothing"
    again = replace(elsewhere, at_s=now_s + 4)
    desk.now_s = now_s + 4
    drive.report(again)
    assert (drive.fix.at_s, drive.fix.lon, drive.fix.doubted) == (now_s + 4, WEST, None)


def test_a_first_report_far_from_the_stop_just_left_is_doubted_too(desk: Desk) -> None:
    shift = desk.active()[0]
    desk.now_s += 5
    far = Sighting(desk.now_s, WEST, SOUTH)
    vehicle = shift.vehicle_id
    desk.do(cmd.ReportPosition(vehicle, far.lon, far.lat, far.at_s))
    assert desk.state.fixes[shift.id].doubted == far
    assert locate(desk.network, desk.state, shift, desk.now_s).stop_id == "depot"


def test_a_stale_position_decides_nothing(drive: Drive, desk: Desk) -> None:
    stale_s = desk.config.rules.position_stale_s
    behind = drive.at(desk.now_s - 20)
    drive.report(replace(behind, at_s=desk.now_s))
    reported = drive.located()
    fix = desk.state.fixes[drive.id]
    desk.now_s += stale_s
    assert drive.located().place != drive.place(desk.now_s), "as reported, and driven on since"
    desk.now_s += 1
    del desk.state.fixes[drive.id]
    by_plan = drive.located()
    desk.state.fixes[drive.id] = fix
    assert drive.located() == by_plan
    assert reported.stop_id is None


def test_noise_does_not_turn_a_vehicle_round(drive: Drive, desk: Desk) -> None:
    """Ten metres to the left of one's lane is the opposite carriageway."""
    start_s = desk.now_s
    for step, (north_m, east_m) in enumerate([(10, 0), (-10, 0), (0, 10), (0, -10), (8, 8)] * 2):
        desk.now_s = start_s + 3 * step
        if drive.place(desk.now_s) == drive.place(desk.now_s - 3):
            break
        drive.report(drive.at(desk.now_s, north_m, east_m))
        away_s = desk.network.travel.times_from(Place(drive.fix.arc, drive.fix.offset_ms))
        planned_s = desk.network.travel.times_from(drive.place(desk.now_s))
        bound = desk.network.stop_index[drive.shift.visits[0].stop_id]
        assert abs(int(away_s[bound]) - int(planned_s[bound])) <= 5
    assert step > 3


def test_a_vehicle_in_a_car_park_is_on_the_road_beside_it(drive: Drive, desk: Desk) -> None:
    drive.report(drive.at(desk.now_s - 3))
    drive.report(drive.at(desk.now_s, north_m=60, east_m=60))
    assert drive.fix.doubted is None
    lon, lat = position_of(desk.network.graph, Place(drive.fix.arc, drive.fix.offset_ms))
    assert distance_m(Point(0, lon, lat), Point(0, drive.fix.lon, drive.fix.lat)) < 100


def test_at_a_stop_the_driver_is_believed(drive: Drive, desk: Desk) -> None:
    desk.arrive(drive.shift)
    stop = drive.shift.visits[0].stop_id
    for step in range(4):
        desk.now_s += 3
        anchor = drive.shift.anchor
        lon = anchor.lon + (-1) ** step * 15 * METRE_LON
        desk.do(cmd.ReportPosition(drive.shift.vehicle_id, lon, anchor.lat, desk.now_s))
        assert drive.located().stop_id == stop


def test_what_is_no_position_changes_nothing(drive: Drive, desk: Desk) -> None:
    drive.report(drive.at(desk.now_s - 1))
    before = drive.fix
    for sighting, code in [
        (drive.at(desk.now_s + 61), ErrorCode.POSITION_IN_FUTURE),
        (Sighting(desk.now_s, 9.5, 48.0), ErrorCode.POSITION_OUTSIDE_NETWORK),
    ]:
        with pytest.raises(DomainError) as error:
            drive.report(sighting)
        assert error.value.code is code
    assert drive.fix == before


def test_points_of_a_batch_that_are_nowhere_are_passed_over(drive: Drive, desk: Desk) -> None:
    nowhere = Sighting(desk.now_s - 2, drive.at(desk.now_s).lon, 51.70)
    drive.report(drive.at(desk.now_s), drive.at(desk.now_s - 4), nowhere)
    assert (drive.fix.at_s, drive.fix.doubted) == (desk.now_s, None)


def test_a_late_vehicle_is_seen_at_the_next_tick_and_the_promise_stays(
    drive: Drive, desk: Desk
) -> None:
    bookings = dict(desk.state.bookings)
    planned = [visit.arrive_s for visit in drive.shift.visits]
    stands = drive.at(desk.now_s)
    for _ in range(12):
        desk.now_s += 10
        drive.report(replace(stands, at_s=desk.now_s))
        desk.do(cmd.Tick())
    later = [visit.arrive_s for visit in drive.shift.visits]
    assert all(new > old + 60 for new, old in zip(later, planned, strict=True))
    assert {b.id: b.promise for b in desk.state.bookings.values()} == {
        b.id: b.promise for b in bookings.values()
    }
