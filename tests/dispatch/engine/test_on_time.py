"""Who leaves a stop to the second as planned has the plan that timing it anew would give."""

from datetime import datetime
from pathlib import Path
from random import Random

from desk import Desk
from grid_network import grid_network
from grid_scenario import EVERYTHING, grid_scenario
from tiny_town import ZONE, grid_config

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.model import Party
from dispatch.domain.state import State
from dispatch.engine.draft import Draft
from dispatch.engine.visits import PlanWriter
from simulations.runner import run_in
from simulations.world import Watchers


class Witness:
    """Times plans anew whose vehicle has just left a stop as planned, and notes what moves."""

    def __init__(self, writer: PlanWriter) -> None:
        self.writer = writer
        self.due_s: dict[str, int] = {}
        self.left: list[str] = []
        self.on_time = 0
        self.moved: list[ev.Event] = []

    def happened(self, _state: State, event: ev.Event, _now_s: int) -> None:
        match event:
            case ev.PlanChanged():
                self.due_s |= {visit.id: visit.depart_s for visit in event.visits}
            case ev.VisitCompleted() if self.due_s.get(event.visit_id) == event.at_s:
                self.left.append(event.shift_id)
            case _:
                pass

    def settled(self, state: State, now_s: int) -> None:
        left, self.left = self.left, []
        for shift_id in left:
            if not state.shifts[shift_id].visits:
                continue
            draft = Draft(state, now_s, Random(0))
            self.writer.reschedule(draft, shift_id)
            self.on_time += 1
            self.moved += draft.events


def witness(tmp_path: Path, world: dict[str, object], seed: int) -> Witness:
    network, config = grid_network(tmp_path), grid_config(vehicles=3)
    seen = Witness(PlanWriter(config, network))
    watchers = Watchers(on_event=seen.happened, on_settled=seen.settled)
    run_in(grid_scenario(120, **world), config, network, seed=seed, watchers=watchers)
    return seen


def test_nothing_moves_on_a_day_that_goes_as_planned(tmp_path: Path) -> None:
    seen = witness(tmp_path, {}, seed=3)
    assert seen.on_time > 100
    assert seen.moved == []


def test_nothing_moves_between_late_riders_breakdowns_and_traffic(tmp_path: Path) -> None:
    seen = witness(tmp_path, {**EVERYTHING, "boarding_sigma": 0.0, "late_share": 0.1}, seed=4)
    assert seen.on_time > 20
    assert seen.moved == []


def retimed(desk: Desk, shift_id: str) -> list[ev.Event]:
    """What timing the plan anew would change."""
    draft = Draft(desk.state, desk.now_s, Random(0))
    PlanWriter(desk.config, desk.network).reschedule(draft, shift_id)
    return draft.events


def test_other_people_than_booked_count_though_the_last_one_boards_in_time(tmp_path: Path) -> None:
    desk = Desk(grid_network(tmp_path), grid_config(vehicles=1))
    first, last = desk.book(0, 17), desk.book(0, 40)
    shift = desk.shift(first)
    desk.arrive(shift)
    here = desk.shift(first).visits[0].actions
    assert {action.booking_id for action in here} == {first.id, last.id}
    desk.now_s = here[0].end_s
    assert ev.PlanChanged in map(type, desk.do(cmd.ReportBoarded(here[1].booking_id, Party(3))))
    assert retimed(desk, shift.id) == []
    desk.now_s = desk.shift(first).visits[0].depart_s
    desk.do(cmd.ReportBoarded(here[0].booking_id))
    assert retimed(desk, shift.id) == []


def test_who_drives_before_the_shift_begins_is_timed_from_its_beginning(tmp_path: Path) -> None:
    begins_s = int(datetime(2026, 3, 10, 6, 0, tzinfo=ZONE).timestamp())
    desk = Desk(grid_network(tmp_path), grid_config(vehicles=1), now_s=begins_s - 1500)
    stops, matrix = desk.network.stops, desk.network.travel.matrix_s
    depot = next(i for i, stop in enumerate(stops) if not stop.bookable)
    away_s = [int(matrix[depot, i]) for i, stop in enumerate(stops) if stop.bookable]
    near, far = away_s.index(min(away_s)), away_s.index(max(away_s))
    booking = desk.take(desk.ask(near, far, depart_at_s=begins_s - 600).offers[0])
    shift = desk.shift(booking)
    desk.do(cmd.StartShift(shift.vehicle_id, shift.id))
    desk.now_s = max(desk.now_s, booking.promise.pickup_from_s)
    desk.do(cmd.ReportArrived(shift.vehicle_id, desk.shift(booking).visits[0].id))
    desk.take(desk.ask(3, 40, depart_at_s=begins_s).offers[0])
    desk.now_s = desk.shift(booking).visits[0].depart_s
    assert desk.now_s < begins_s
    desk.do(cmd.ReportBoarded(booking.id))
    assert retimed(desk, shift.id) == []
