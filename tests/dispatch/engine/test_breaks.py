"""Drivers' breaks: laid out with the shift, moved with the plan, taken whether reported or not."""

from dataclasses import replace

import pytest
from desk import TUESDAY_9_S, Desk
from tiny_town import grid_config

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.driver_hours import breaks_for
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import BookingStatus, Shift, ShiftStatus, Visit
from dispatch.domain.state import State
from dispatch.engine import Network
from dispatch.engine.invariants import broken_promises, broken_rules
from dispatch.engine.problem import Planning, planning
from dispatch.engine.whereabouts import locate
from routing import plans
from routing.plans.claims import verify

HALF_HOUR_S = 1800


@pytest.fixture
def desk(grid: Network) -> Desk:
    """One van at nine o'clock, its driver at work since six, with the break still ahead."""
    return Desk(grid, grid_config(vehicles=1), opened_s=TUESDAY_9_S - 4 * 3600)


def shift_of(desk: Desk) -> Shift:
    [shift] = desk.active()
    return shift


def rest_of(shift: Shift) -> Visit:
    [visit] = [visit for visit in shift.visits if visit.break_id is not None]
    return visit


def sound(desk: Desk) -> bool:
    return not broken_rules(desk.config, desk.network, desk.state, desk.now_s)


def until_the_break(desk: Desk) -> Visit:
    """Let the break begin with nobody saying so."""
    desk.now_s = rest_of(shift_of(desk)).arrive_s
    desk.do(cmd.Tick())
    current = shift_of(desk).current_visit
    assert current is not None
    assert current.break_id is not None
    return current


def test_an_empty_shift_has_its_break_planned(desk: Desk) -> None:
    shift = shift_of(desk)
    [needed] = breaks_for(shift.start_s, shift.end_s)
    [planned] = shift.breaks
    assert replace(planned, id=needed.id) == needed
    rest = rest_of(shift)
    assert rest.stop_id == shift.depot_stop_id
    assert rest.arrive_s == (needed.earliest_s + needed.latest_s) // 2
    assert rest.depart_s - rest.arrive_s == HALF_HOUR_S
    days = [s for s in desk.state.shifts.values() if s.status is ShiftStatus.PLANNED]
    assert days
    assert all(len(s.breaks) == len(s.visits) == 1 for s in days)
    assert sound(desk)


def test_breaks_of_all_shifts_can_be_planned_together(desk: Desk) -> None:
    ids = [b.id for shift in desk.state.shifts.values() for b in shift.breaks]
    assert len(set(ids)) == len(ids) > 2
    now = planning(desk.config, desk.network, desk.state, desk.state.shifts.values(), desk.now_s)
    assert sum(len(v.breaks) for v in now.problem.vehicles) == len(ids)
    assert verify(now.problem) == []


def test_a_driver_who_comes_early_does_not_work_longer(grid: Network) -> None:
    desk = Desk(grid, grid_config(vehicles=1), now_s=TUESDAY_9_S - 12_000)
    shift = min(desk.state.shifts.values(), key=lambda s: s.start_s)
    assert desk.now_s < shift.start_s
    desk.do(cmd.StartShift(shift.vehicle_id, shift.id))
    booking = desk.book(0, 30)
    assert desk.shift(booking).visits[0].leave_s >= shift.start_s


def test_a_break_begins_and_ends_by_itself(desk: Desk) -> None:
    current = until_the_break(desk)
    begun_s = desk.now_s
    assert current.arrived_at_s == begun_s
    assert current.depart_s == begun_s + HALF_HOUR_S
    desk.now_s = begun_s + HALF_HOUR_S - 1
    assert desk.do(cmd.Tick()) == []
    desk.now_s += 500
    [done] = [e for e in desk.do(cmd.Tick()) if isinstance(e, ev.VisitCompleted)]
    assert done.at_s == begun_s + HALF_HOUR_S, "it is over when it has lasted its time"
    assert shift_of(desk).visits == shift_of(desk).breaks == ()


def test_nobody_is_picked_up_during_a_break(desk: Desk) -> None:
    current = until_the_break(desk)
    desk.now_s += 600
    offer = desk.ask(0, 30).offers[0]
    assert offer.planned_pickup_s > current.depart_s
    booking = desk.take(offer)
    first, second, _ = desk.shift(booking).visits
    assert first == current
    assert second.leave_s >= current.depart_s
    assert sound(desk)


def test_a_break_ahead_gives_way_to_a_rider(desk: Desk) -> None:
    planned = rest_of(shift_of(desk))
    desk.now_s = planned.arrive_s - 300
    booking = desk.book(0, 40)
    shift = desk.shift(booking)
    assert booking.promise.pickup_to_s < planned.depart_s, "the window had room to move"
    assert [v.break_id is not None for v in shift.visits] == [False, False, True]
    assert rest_of(shift).stop_id == booking.promise.dropoff_stop_id
    assert rest_of(shift).id == planned.id
    assert sound(desk)


def test_a_day_full_of_riders_leaves_room_for_the_break(desk: Desk) -> None:
    [window] = shift_of(desk).breaks
    asked_s = desk.now_s
    while asked_s < window.latest_s + HALF_HOUR_S:
        offers = desk.ask(int(asked_s) % 40, (int(asked_s) + 17) % 40, depart_at_s=asked_s).offers
        if offers:
            desk.take(offers[0])
        asked_s += 420
    rest = rest_of(shift_of(desk))
    assert window.earliest_s <= rest.arrive_s <= window.latest_s
    assert broken_promises(desk.state) == {}
    assert sound(desk)
    now = planning(desk.config, desk.network, desk.state, desk.active(), desk.now_s)
    assert verify(now.problem) == []


def test_a_driver_may_begin_sooner_but_not_before_the_window(desk: Desk) -> None:
    shift = shift_of(desk)
    rest, [window] = rest_of(shift), shift.breaks
    begin = cmd.ReportArrived(shift.vehicle_id, rest.id)
    desk.now_s = window.earliest_s - 60
    with pytest.raises(DomainError) as caught:
        desk.do(begin)
    assert caught.value.code is ErrorCode.BREAK_TOO_EARLY
    assert caught.value.params == {"wait_s": 60}
    desk.now_s = window.earliest_s
    desk.do(begin)
    assert desk.do(begin) == []
    current = shift_of(desk).current_visit
    assert current is not None
    assert (current.arrived_at_s, current.depart_s) == (desk.now_s, desk.now_s + HALF_HOUR_S)


def test_a_cancellation_does_not_end_a_break(desk: Desk) -> None:
    current = until_the_break(desk)
    booking = desk.take(desk.ask(0, 30, depart_at_s=desk.now_s + 2400).offers[0])
    desk.do(cmd.CancelBooking(booking.id, "rider"))
    assert shift_of(desk).visits == (current,)


def test_a_rider_at_the_stop_of_the_break_boards_after_it(desk: Desk) -> None:
    first = desk.book(3, 30)
    for report in (cmd.ReportBoarded, cmd.ReportAlighted):
        desk.arrive(desk.shift(first))
        desk.now_s += 60
        desk.do(report(first.id))
    until_the_break(desk)
    stop_id = shift_of(desk).visits[0].stop_id
    index = [s.id for s in desk.network.stops if s.bookable].index(stop_id)
    second = desk.book(index, (index + 20) % 40)
    assert second.promise.pickup_stop_id == stop_id
    rest, pickup, _ = shift_of(desk).visits
    assert rest.break_id is not None
    assert not rest.actions
    assert pickup.actions[0].start_s >= rest.depart_s
    desk.now_s = pickup.depart_s
    desk.do(cmd.ReportBoarded(second.id))  # implies having arrived, and the break being over
    assert desk.booking(second).status is BookingStatus.BOARDED
    assert shift_of(desk).breaks == ()


def test_a_vehicle_sent_back_under_way_rests_at_the_nearest_stop(desk: Desk) -> None:
    booking = desk.book(0, 40)
    visit = desk.shift(booking).visits[0]
    desk.now_s = (visit.leave_s + visit.arrive_s) // 2
    desk.do(cmd.CancelBooking(booking.id, "rider"))
    shift = shift_of(desk)
    rest = rest_of(shift)
    assert shift.anchor.stop_id is None
    assert rest.leave_s == desk.now_s
    where = locate(desk.network, desk.state, shift, desk.now_s)
    legs_s = desk.network.travel.times_from(where.place)
    assert legs_s[desk.network.stop_index[rest.stop_id]] == legs_s.min()
    until_the_break(desk)
    assert shift_of(desk).anchor.stop_id == rest.stop_id
    assert sound(desk)


def now_of(desk: Desk) -> Planning:
    return planning(desk.config, desk.network, desk.state, desk.active(), desk.now_s)


def test_a_late_vehicle_takes_its_break_as_soon_as_it_can(desk: Desk) -> None:
    [window] = shift_of(desk).breaks
    desk.now_s = window.latest_s - 1500
    booking = desk.book(0, 40)
    desk.arrive(desk.shift(booking))
    desk.do(cmd.ReportBoarded(booking.id))
    desk.now_s = window.latest_s + 600  # the rider is still on board
    desk.do(cmd.Tick())
    dropoff, rest = shift_of(desk).visits
    assert rest.arrive_s == dropoff.depart_s
    desk.arrive(desk.shift(booking))
    desk.now_s += 60
    desk.do(cmd.ReportAlighted(booking.id))
    desk.do(cmd.Tick())
    current = shift_of(desk).current_visit
    assert current is not None
    assert current.arrived_at_s == desk.now_s


def test_a_driver_may_go_home_with_only_a_break_ahead(desk: Desk) -> None:
    shift = shift_of(desk)
    desk.do(cmd.EndShift(shift.vehicle_id, shift.id))
    assert desk.state.shifts[shift.id].status is ShiftStatus.ENDED
    assert desk.state.shifts[shift.id].visits == ()


def test_a_shift_that_nobody_began_is_closed_with_its_break(desk: Desk) -> None:
    later = next(s for s in desk.state.shifts.values() if s.status is ShiftStatus.PLANNED)
    desk.now_s = later.end_s + 1000
    desk.do(cmd.Tick())
    assert desk.state.shifts[later.id].status is ShiftStatus.ENDED
    assert desk.state.shifts[later.id].visits == ()


def without_breaks(state: State) -> None:
    """As a version of the program left it that knew no breaks."""
    for shift in list(state.shifts.values()):
        visits = tuple(v for v in shift.visits if v.break_id is None)
        state.shifts[shift.id] = replace(shift, visits=visits, breaks=())


def test_shifts_laid_out_before_there_were_breaks_get_them(desk: Desk) -> None:
    without_breaks(desk.state)
    later = min(
        (s for s in desk.state.shifts.values() if s.status is ShiftStatus.PLANNED),
        key=lambda s: s.start_s,
    )
    middle_s = later.start_s + 4 * 3600
    booked = [
        desk.take(desk.ask(k, 40 - k, depart_at_s=middle_s + 900 * k).offers[0]) for k in range(3)
    ]
    assert {desk.shift(b).id for b in booked} == {later.id}
    desk.do(cmd.Tick())
    shift = desk.state.shifts[later.id]
    assert len(shift.breaks) == 1
    assert rest_of(shift)
    assert broken_promises(desk.state) == {}
    assert sound(desk)
    assert desk.do(cmd.Tick()) == []


def test_no_plan_is_taken_that_rests_between_two_stops(desk: Desk) -> None:
    booking = desk.book(0, 40)
    shift = desk.shift(booking)
    visit = shift.visits[0]
    desk.now_s = (visit.leave_s + visit.arrive_s) // 2
    assert now_of(desk).problem.vehicles[0].start_stop == plans.UNDER_WAY
    actions = (("break", shift.breaks[0].id), ("pickup", booking.id), ("dropoff", booking.id))
    route = cmd.ProposedRoute(shift.id, shift.version, actions)
    with pytest.raises(DomainError) as caught:
        desk.do(cmd.ProposePlans((route,), expires_at_s=desk.now_s + 60))
    assert caught.value.code is ErrorCode.PROPOSAL_INFEASIBLE


def test_new_roads_keep_breaks(desk: Desk) -> None:
    before = {s.id: rest_of(s).id for s in desk.state.shifts.values() if s.breaks}
    for event in desk.engine.adopt(desk.state, desk.now_s, desk.rng):
        if isinstance(event, ev.PlanChanged):
            assert [v.id for v in event.visits if v.break_id] == [before[event.shift_id]]


def test_a_driver_is_taken_to_go_on_when_the_break_is_over(desk: Desk) -> None:
    rest = until_the_break(desk)
    first = desk.take(desk.ask(0, 40, depart_at_s=rest.depart_s - 300).offers[0])
    leave_s = desk.shift(first).visits[1].leave_s
    desk.now_s = leave_s + 45  # nobody has looked since the break was over
    second = desk.book(2, 42)
    shift = desk.shift(second)
    assert shift.anchor.stop_id is None, "it has left without a word"
    assert shift.breaks == ()
    assert all(visit.break_id is None for visit in shift.visits)
    done = [e for e in desk.log if isinstance(e, ev.VisitCompleted)]
    assert [e.at_s for e in done] == [rest.depart_s]
    assert sound(desk)


def test_a_rider_after_the_break_at_its_stop_is_timed_alike_before_and_after(desk: Desk) -> None:
    first = desk.book(3, 30)
    for report in (cmd.ReportBoarded, cmd.ReportAlighted):
        desk.arrive(desk.shift(first))
        desk.now_s += 60
        desk.do(report(first.id))
    [window] = shift_of(desk).breaks
    rest = rest_of(shift_of(desk))
    index = [s.id for s in desk.network.stops if s.bookable].index(rest.stop_id)
    desk.now_s = window.latest_s - 600  # nobody has looked since the break was due
    second = desk.take(desk.ask(index, 5, depart_at_s=window.latest_s + 900).offers[0])
    ends_s = []
    for wait_s in (0, 300, 1600):  # ahead, while it runs, and when it is over
        desk.now_s += wait_s
        now = now_of(desk)
        schedule = plans.evaluate(now.problem, 0)
        position = now.problem.vehicles[0].route.index(plans.Action("pickup", second.id))
        assert position == (1 if wait_s == 0 else 0)
        assert second.promise.pickup_stop_id == rest.stop_id
        ends_s.append(int(schedule.end_s[position]))
        desk.do(cmd.Tick())
    setup_s = desk.config.rules.boarding_stop_s
    assert ends_s[0] == ends_s[1] == desk.now_s - 1900 + HALF_HOUR_S + setup_s + 10
    assert ends_s[2] == desk.now_s + setup_s + 10
