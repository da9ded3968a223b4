"""The optimiser looks after plans in danger before it thinks of driving less."""

from dataclasses import replace

import pytest
from desk import Desk
from grid_network import grid_network
from tiny_town import grid_config

from dispatch.domain import commands as cmd
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import Booking
from dispatch.domain.rules import Rules
from dispatch.engine import Network
from dispatch.engine.breaches import SAVED_MIN_S
from dispatch.engine.invariants import broken_promises
from dispatch.worker.danger import Danger

THINKING = Rules(rescue_iterations=20)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return grid_network(tmp_path_factory.mktemp("grid"))


@pytest.fixture
def late(grid: Network) -> tuple[Desk, Booking]:
    """A rider whose vehicle does not move, another one beside the rider; nobody acts."""
    desk = Desk(grid, grid_config(vehicles=2, rules=replace(THINKING, rescue_iterations=0)))
    booking = desk.book(0, 40)
    stuck, beside = desk.shift(booking), desk.stop(1)
    places = {stuck.vehicle_id: (stuck.anchor.lon, stuck.anchor.lat)}
    places |= {s.vehicle_id: (beside.lon, beside.lat) for s in desk.active() if s.id != stuck.id}
    desk.now_s = desk.shift(booking).visits[0].leave_s
    while sum(broken_promises(desk.state).values()) < SAVED_MIN_S:
        desk.now_s += 5
        for vehicle_id, (lon, lat) in places.items():
            desk.do(cmd.ReportPosition(vehicle_id, lon, lat, desk.now_s))
        desk.do(cmd.Tick())
    return desk, booking


def test_what_it_finds_is_taken_though_it_costs_more_driving(late: tuple[Desk, Booking]) -> None:
    desk, booking = late
    danger = Danger(replace(desk.config, rules=THINKING), desk.network)
    shift = danger.next(desk.state, desk.now_s)
    assert shift is not None
    assert shift.id == desk.shift(booking).id
    proposal = danger.rescue(desk.state, shift, desk.now_s, desk.now_s + 30)
    assert proposal is not None
    desk.do(proposal)
    assert desk.booking(booking).shift_id != shift.id
    assert broken_promises(desk.state) == {}
    assert danger.next(desk.state, desk.now_s) is None
    with pytest.raises(DomainError) as error:
        desk.do(proposal)
    assert error.value.code is ErrorCode.PROPOSAL_NOT_BETTER


def test_each_version_of_a_plan_is_thought_about_once(late: tuple[Desk, Booking]) -> None:
    desk, booking = late
    danger = Danger(replace(desk.config, rules=THINKING), desk.network)
    for shift in [s for s in desk.active() if s.id != desk.shift(booking).id]:
        del desk.state.shifts[shift.id]
    alone = danger.next(desk.state, desk.now_s)
    assert alone is not None
    danger.rescue(desk.state, alone, desk.now_s, desk.now_s + 30)
    assert danger.next(desk.state, desk.now_s) is None
    desk.state.shifts[alone.id] = replace(alone, version=alone.version + 1)
    assert danger.next(desk.state, desk.now_s) is not None


def test_it_can_be_switched_off(late: tuple[Desk, Booking]) -> None:
    desk, _ = late
    assert Danger(desk.config, desk.network).next(desk.state, desk.now_s) is None
