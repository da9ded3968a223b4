"""Where idle vehicles wait: only if it pays, always in time, and never in the way of work."""

from dataclasses import replace

import numpy as np
import pytest
from desk import Desk
from tiny_town import grid_config

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.model import Shift, Visit
from dispatch.domain.rules import Repositioning
from dispatch.engine import Network
from dispatch.engine.repositioning import Forecast, Wish, forecast_from
from dispatch.engine.whereabouts import locate

BUSY_PER_HOUR = 6.0


def desk_with(grid: Network, idle: str, vehicles: int = 1) -> Desk:
    config = grid_config(vehicles=vehicles)
    return Desk(grid, replace(config, repositioning=Repositioning(idle=idle)))


def demand_at(grid: Network, *stop_ids: str, per_hour: float = BUSY_PER_HOUR) -> Forecast:
    rates = np.zeros((24, len(grid.stops)))
    for stop_id in stop_ids:
        rates[:, grid.stop_index[stop_id]] = per_hour
    return Forecast({"weekday": rates})


def far_stop(desk: Desk) -> str:
    """The bookable stop farthest from the depot."""
    depot = desk.network.stop_index["depot"]
    far = int(np.argmax(desk.network.travel.matrix_s[depot]))
    return desk.network.stops[far].id


def only_visit(shift: Shift) -> Visit:
    (visit,) = shift.visits
    return visit


@pytest.mark.parametrize("idle", ["stay", "depot", "demand"])
def test_without_a_forecast_vehicles_at_the_depot_stay(grid: Network, idle: str) -> None:
    desk = desk_with(grid, idle)
    assert desk.do(cmd.Tick()) == []


def test_vehicles_stay_by_default_whatever_is_forecast(grid: Network) -> None:
    desk = Desk(grid)
    desk.engine.expect(demand_at(grid, far_stop(desk)))
    assert desk.do(cmd.Tick()) == []


def test_an_idle_vehicle_goes_to_where_requests_are_expected(grid: Network) -> None:
    desk = desk_with(grid, "demand")
    target = far_stop(desk)
    desk.engine.expect(demand_at(grid, target))
    desk.do(cmd.Tick())
    (shift,) = desk.active()
    visit = only_visit(shift)
    assert visit.actions == ()
    near_s = grid.travel.matrix_s[grid.stop_index[visit.stop_id], grid.stop_index[target]]
    depot_s = grid.travel.matrix_s[grid.stop_index["depot"], grid.stop_index[target]]
    assert near_s < depot_s / 2
    desk.arrive(shift)
    (there,) = desk.active()
    assert there.visits == ()
    assert there.anchor.stop_id == visit.stop_id
    assert [type(e) for e in desk.log[-2:]] == [ev.VisitArrived, ev.VisitCompleted]
    desk.now_s += 600
    assert desk.do(cmd.Tick()) == []


def test_hardly_any_demand_is_not_worth_the_drive(grid: Network) -> None:
    desk = desk_with(grid, "demand")
    desk.engine.expect(demand_at(grid, far_stop(desk), per_hour=0.01))
    assert desk.do(cmd.Tick()) == []


def test_two_vehicles_do_not_wait_for_the_same_rider(grid: Network) -> None:
    desk = desk_with(grid, "demand", vehicles=2)
    desk.engine.expect(demand_at(grid, far_stop(desk)))
    desk.do(cmd.Tick())
    assert sorted(len(shift.visits) for shift in desk.active()) == [0, 1]


def test_a_vehicle_under_way_to_wait_is_diverted_from_where_it_is(grid: Network) -> None:
    desk = desk_with(grid, "demand")
    desk.engine.expect(demand_at(grid, far_stop(desk)))
    desk.do(cmd.Tick())
    (shift,) = desk.active()
    visit = only_visit(shift)
    desk.now_s = (visit.leave_s + visit.arrive_s) // 2
    before = locate(grid, desk.state, shift, desk.now_s)
    assert before.stop_id is None
    booking = desk.book(0, 40)
    after = desk.shift(booking)
    assert all(v.actions for v in after.visits), "the waiting place gives way to work"
    assert locate(grid, desk.state, after, desk.now_s).place == before.place


def test_a_vehicle_with_time_before_its_next_ride_waits_where_it_pays_and_is_punctual(
    grid: Network,
) -> None:
    desk = desk_with(grid, "demand")
    later = desk.ask(0, 40, depart_at_s=desk.now_s + 5400).offers[0]
    booking = desk.take(later)
    planned = [a.start_s for v in desk.shift(booking).visits for a in v.actions]
    desk.engine.expect(demand_at(grid, far_stop(desk)))
    desk.do(cmd.Tick())
    shift = desk.shift(booking)
    first, second = shift.visits[:2]
    assert first.actions == ()
    assert second.leave_s >= first.depart_s
    assert [a.start_s for v in shift.visits for a in v.actions] == planned
    desk.arrive(shift)
    desk.arrive(desk.shift(booking))
    assert desk.now_s <= planned[0]


def test_nobody_drives_away_shortly_before_the_shift_ends(grid: Network) -> None:
    desk = desk_with(grid, "demand")
    (shift,) = desk.active()
    desk.now_s = shift.end_s - 400
    desk.engine.expect(demand_at(grid, far_stop(desk)))
    assert desk.do(cmd.Tick()) == []


def test_whoever_is_late_on_the_way_to_wait_gives_up_in_time(grid: Network) -> None:
    desk = desk_with(grid, "demand")
    desk.engine.expect(demand_at(grid, far_stop(desk)))
    desk.do(cmd.Tick())
    (shift,) = desk.active()
    anchor = shift.anchor
    desk.now_s = shift.end_s - 120
    report = cmd.ReportPosition(shift.vehicle_id, anchor.lon, anchor.lat, desk.now_s)
    desk.do(report)
    desk.do(cmd.Tick())
    assert desk.active()[0].visits == ()


def test_a_shift_may_end_on_the_way_to_a_waiting_place(grid: Network) -> None:
    desk = desk_with(grid, "demand")
    desk.engine.expect(demand_at(grid, far_stop(desk)))
    desk.do(cmd.Tick())
    (shift,) = desk.active()
    desk.do(cmd.EndShift(shift.vehicle_id, shift.id))
    assert desk.active() == []
    assert desk.state.shifts[shift.id].visits == ()


def test_idle_vehicles_return_to_the_depot_where_that_is_the_rule(grid: Network) -> None:
    desk = desk_with(grid, "depot")
    booking = desk.book(0, 40)
    while desk.shift(booking).visits:
        shift = desk.shift(booking)
        if shift.current_visit is None:
            desk.arrive(shift)
            continue
        action = shift.current_visit.actions[0]
        desk.now_s = max(desk.now_s, action.end_s)
        report = cmd.ReportBoarded if action.kind.value == "pickup" else cmd.ReportAlighted
        desk.do(report(booking.id))
    desk.do(cmd.Tick())
    assert only_visit(desk.shift(booking)).stop_id == "depot"
    desk.arrive(desk.shift(booking))
    assert desk.do(cmd.Tick()) == []


def test_a_forecast_is_the_mean_of_past_days_by_kind_hour_and_nearest_stop(grid: Network) -> None:
    stop = next(s for s in grid.stops if s.bookable)
    tuesday_9_s = Desk(grid).now_s
    wishes = [Wish(tuesday_9_s + 60 * n, stop.lon, stop.lat) for n in range(6)]
    saturday = [Wish(tuesday_9_s + 4 * 86_400, stop.lon, stop.lat)]
    forecast = forecast_from(grid, wishes + saturday, {"weekday": 4, "sunday": 1, "saturday": 0})
    weekday = forecast.per_hour["weekday"]
    assert weekday[9, grid.stop_index[stop.id]] == pytest.approx(1.5)
    assert weekday.sum() == pytest.approx(1.5)
    assert forecast.per_hour["sunday"].sum() == 0
    assert "saturday" not in forecast.per_hour
