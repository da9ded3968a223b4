"""Who leaves a stop to the second as planned has the plan that timing it anew would give."""

from pathlib import Path
from random import Random

from grid_network import grid_network
from grid_scenario import EVERYTHING, grid_scenario
from tiny_town import grid_config

from dispatch.domain import events as ev
from dispatch.domain.state import State
from dispatch.engine import operations
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


def test_only_what_was_planned_goes_unexamined() -> None:
    for other in (ev.PlanChanged, ev.BookingMoved, ev.RiderMissed):
        assert other not in operations._PLANNED
