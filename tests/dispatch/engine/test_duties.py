"""A duty of the engine that fails takes none of the others with it."""

from typing import Any

import pytest
from desk import TUESDAY_9_S, Desk
from tiny_town import grid_config

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.engine import Engine, Network
from dispatch.engine.draft import Draft


def break_housekeeping(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it end all shifts, and then fail."""

    def fail(draft: Draft) -> None:
        for shift in list(draft.state.shifts.values()):
            draft.emit(ev.ShiftEnded(shift.id, draft.now_s))
        raise ZeroDivisionError("half-way")

    monkeypatch.setattr(engine._housekeeping, "tick", fail)


def test_the_others_are_done_and_nothing_of_the_failed_one(
    grid: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(grid, grid_config(vehicles=2))
    told: list[Any] = []
    engine = Engine(desk.config, grid, on_failure=lambda *what: told.append(what))
    offer = desk.ask(0, 40).offers[0]
    assert desk.now_s == TUESDAY_9_S
    lapsed_s = offer.expires_at_s + 1
    usual = engine.decide(desk.state, cmd.Tick(), lapsed_s, desk.rng)
    break_housekeeping(engine, monkeypatch)
    closed: list[Any] = []
    monkeypatch.setattr(engine._life, "tick", closed.append)
    events = engine.decide(desk.state, cmd.Tick(), lapsed_s, desk.rng)
    assert [(name, type(error)) for name, error in told] == [("housekeeping", ZeroDivisionError)]
    assert len(closed) == 1
    assert usual
    assert not any(isinstance(event, ev.ShiftEnded) for event in events)


def test_where_nobody_is_told_the_failure_is_raised(
    grid: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(grid, grid_config(vehicles=1))
    engine = Engine(desk.config, grid)
    break_housekeeping(engine, monkeypatch)
    with pytest.raises(ZeroDivisionError):
        engine.decide(desk.state, cmd.Tick(), desk.now_s, desk.rng)
