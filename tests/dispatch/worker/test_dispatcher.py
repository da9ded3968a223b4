"""Batches, and what becomes of them when something goes wrong."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import replace
from random import Random
from typing import Any

import psycopg
import pytest
from inbox_desk import AREA, Desk, drain, wait_until
from tiny_engine import BrokenEngineError, answer, decide, random_command, ride

from dispatch.domain import commands as co
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError
from dispatch.domain.state import State, apply, forget_closed
from dispatch.store import inbox
from dispatch.store.connect import connect
from dispatch.worker.batch import Decide, DecideBatch
from dispatch.worker.dispatcher import Dispatcher, Limits

MakeDispatcher = Callable[..., Dispatcher]
Running = Callable[[Dispatcher], AbstractContextManager[Dispatcher]]


class SteppedClock:
    """Shows what it is told."""

    def __init__(self, at_s: int) -> None:
        self.at_s = at_s

    def now_s(self) -> int:
        return self.at_s


def jointly(decide: Decide, calls: list[int] | None = None) -> DecideBatch:
    """Commands decided together, here simply one after the other on a copy of the state."""

    def decide_batch(
        state: State, commands: Sequence[co.Command], now_s: int, rng: Random
    ) -> list[list[ev.Event] | DomainError]:
        if calls is not None:
            calls.append(len(commands))
        present, outcomes = deepcopy(state), list[list[ev.Event] | DomainError]()
        for command in commands:
            try:
                events = decide(present, command, now_s, rng)
            except DomainError as error:
                outcomes.append(error)
                continue
            for event in events:
                if not isinstance(event, ev.ShiftEnded):
                    apply(present, event)
            outcomes.append(events)
        return outcomes

    return decide_batch


together = pytest.mark.parametrize("together", [False, True])


@together
def test_a_batch_is_decided_in_order_and_answered(
    desk: Desk, make_dispatcher: MakeDispatcher, *, together: bool
) -> None:
    calls: list[int] = []
    dispatcher = make_dispatcher(decide_batch=jointly(decide, calls) if together else None)
    assert dispatcher.lead()
    rows = [desk.put(ride(seats=seats)) for seats in (1, 9, 2)]
    dispatcher.round()
    assert [desk.code(row) for row in rows] == [None, "party_too_large", None]
    seats = [r.party.seats for r in dispatcher.state.requests.values()]
    assert seats == [1, 2]
    assert calls == ([3] if together else [])
    logged = desk.sql("SELECT inbox_id, epoch FROM event WHERE type = 'RideOffered' ORDER BY seq")
    assert logged == [(rows[0], 1), (rows[2], 1)]
    assert desk.differences() == []


@together
def test_a_bug_fails_one_command_only(
    desk: Desk,
    make_dispatcher: MakeDispatcher,
    caplog: pytest.LogCaptureFixture,
    *,
    together: bool,
) -> None:
    dispatcher = make_dispatcher(decide_batch=jointly(decide) if together else None)
    assert dispatcher.lead()
    rows = [desk.put(ride(channel)) for channel in ("web", "bug", "web")]
    drain(dispatcher)
    assert [desk.code(row) for row in rows] == [None, "internal_error", None]
    assert any(r.exc_info and r.exc_info[0] is BrokenEngineError for r in caplog.records)
    assert desk.differences() == []


@together
@pytest.mark.parametrize("where", ["events", "answer"])
def test_events_that_do_not_fit_fail_one_command_only(
    desk: Desk, make_dispatcher: MakeDispatcher, where: str, *, together: bool
) -> None:
    def broken(state: State, command: co.Command, now_s: int, rng: Random) -> list[ev.Event]:
        events = decide(state, command, now_s, rng)
        if where == "events" and getattr(command, "channel", "") == "phone":
            return [*events, ev.ShiftEnded("no-such-shift", now_s)]
        return events

    def silent(command: co.Command, events: list[ev.Event], state: State) -> dict[str, Any]:
        if where == "answer" and getattr(command, "channel", "") == "phone":
            raise BrokenEngineError
        return answer(command, events, state)

    decide_batch = jointly(broken) if together else None
    dispatcher = make_dispatcher(decide=broken, answer=silent, decide_batch=decide_batch)
    assert dispatcher.lead()
    rows = [desk.put(ride(channel)) for channel in ("web", "phone", "web", "phone")]
    drain(dispatcher)
    assert [desk.code(row) for row in rows] == [None, "internal_error"] * 2
    assert desk.count("ride_request") == len(dispatcher.state.requests) == 2
    assert desk.differences() == []


@together
def test_what_the_tables_refuse_fails_one_command_only(
    desk: Desk, make_dispatcher: MakeDispatcher, *, together: bool
) -> None:
    dispatcher = make_dispatcher(decide_batch=jointly(decide) if together else None)
    assert dispatcher.lead()
    channels = ["web"] * 5 + ["impossible"] + ["web"] * 5 + ["impossible"]
    rows = [desk.put(ride(channel)) for channel in channels]
    drain(dispatcher)
    codes = [desk.code(row) for row in rows]
    assert codes == [None if c == "web" else "internal_error" for c in channels]
    assert desk.count("ride_request") == len(dispatcher.state.requests) == 10
    assert desk.differences() == []
    later = [desk.put(ride()) for _ in range(3)]
    dispatcher.round()
    assert [desk.code(row) for row in later] == [None] * 3


def test_a_batch_that_fails_in_the_transaction_leaves_nothing(
    desk: Desk, make_dispatcher: MakeDispatcher
) -> None:
    dispatcher = make_dispatcher()
    assert dispatcher.lead()
    dispatcher.round()
    events = desk.count("event")
    rows = [desk.put(ride(channel)) for channel in ("web", "web", "impossible")]
    dispatcher.round()
    assert desk.count("event") == events
    assert desk.count("ride_request") == 0
    assert [desk.outcome(row) for row in rows] == [None] * 3
    assert dispatcher.state.requests == {}


def test_a_command_of_another_version(desk: Desk, make_dispatcher: MakeDispatcher) -> None:
    dispatcher = make_dispatcher()
    assert dispatcher.lead()
    rows = [desk.put_raw('{"type": "Teleport"}'), desk.put_raw("[]"), desk.put(ride())]
    drain(dispatcher)
    assert [desk.code(row) for row in rows] == ["internal_error", "internal_error", None]


def test_a_tick_that_fails_stops_nobody(
    desk: Desk, make_dispatcher: MakeDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(state: State, command: co.Command, now_s: int, rng: Random) -> list[ev.Event]:
        if isinstance(command, co.Tick):
            return [ev.ShiftEnded("no-such-shift", now_s)]
        return decide(state, command, now_s, rng)

    caplog.set_level(logging.CRITICAL)
    dispatcher = make_dispatcher(decide=broken)
    assert dispatcher.lead()
    row = desk.put(ride())
    drain(dispatcher)
    assert desk.code(row) is None


def test_time_that_leaps_is_noticed_before_the_next_command(
    desk: Desk, make_dispatcher: MakeDispatcher
) -> None:
    """A driven clock passes an hour between two rounds: offers lapse before they are taken."""
    seen: list[tuple[str, int]] = []

    def noting(state: State, command: co.Command, now_s: int, rng: Random) -> list[ev.Event]:
        seen.append((type(command).__name__, now_s))
        return decide(state, command, now_s, rng)

    clock = SteppedClock(1_000_000)
    limits = Limits(tick_s=3600.0, tick_leap_s=15)
    dispatcher = make_dispatcher(decide=noting, clock=clock, limits=limits)
    assert dispatcher.lead()
    dispatcher.round()
    for leap_s in (14, 1, 3600):
        clock.at_s += leap_s
        desk.put(ride())
        dispatcher.round()
    assert seen == [
        ("Tick", 1_000_000),
        ("RequestRide", 1_000_014),
        ("Tick", 1_000_015),
        ("RequestRide", 1_000_015),
        ("Tick", 1_003_615),
        ("RequestRide", 1_003_615),
    ]


def test_the_budget_ends_a_batch_but_loses_nothing(
    desk: Desk, make_dispatcher: MakeDispatcher
) -> None:
    def slow(state: State, command: co.Command, now_s: int, rng: Random) -> list[ev.Event]:
        time.sleep(0.03)
        return decide(state, command, now_s, rng)

    dispatcher = make_dispatcher(decide=slow, limits=Limits(budget_s=0.1))
    assert dispatcher.lead()
    dispatcher.round()
    rows = [desk.put(ride()) for _ in range(9)]
    assert dispatcher.round()
    decided = [desk.outcome(row) is not None for row in rows]
    assert decided[0]
    assert not decided[-1]
    drain(dispatcher)
    assert all(desk.outcome(row) for row in rows)


def test_a_restart_continues_where_it_was(
    desk: Desk, make_dispatcher: MakeDispatcher, clock: Any
) -> None:
    rng = Random(11)
    first = make_dispatcher()
    assert first.lead()
    for _ in range(150):
        clock.at_s += rng.randrange(30)
        desk.put(random_command(first.state, clock.at_s, rng))
        first.round()
    first.close()
    second = make_dispatcher()
    assert second.lead()
    expected = replace(first.state, fixes={})
    forget_closed(expected, clock.at_s - Limits().keep_closed_s)
    assert replace(second.state, fixes={}) == expected
    assert len(second.state.bookings) > 5
    drain(second)
    assert desk.differences() == []


def test_old_answers_are_thrown_away(desk: Desk, make_dispatcher: MakeDispatcher) -> None:
    dispatcher = make_dispatcher(limits=Limits(keep_inbox_s=3600))
    old, new = desk.put(ride()), desk.put(ride())
    assert dispatcher.lead()
    drain(dispatcher)
    with connect(desk.dsn) as connection:
        connection.execute(
            "UPDATE inbox SET decided_at = decided_at - interval '2 hours' WHERE id = %s", [old]
        )
    dispatcher._next_housekeeping = 0.0
    dispatcher.round()
    assert desk.sql("SELECT id FROM inbox") == [(new,)]


def test_another_road_graph_is_adopted_once(desk: Desk, make_dispatcher: MakeDispatcher) -> None:
    asked = []

    def adopt(state: State, now_s: int, _rng: Random) -> list[ev.Event]:
        asked.append(now_s)
        return [
            ev.PlanChanged(s.id, s.version + 1, replace(s.anchor, arc=99), s.visits)
            for s in state.shifts.values()
        ]

    for roads, times in (("r1", 0), ("r1", 0), ("r2", 1), ("r2", 1)):
        dispatcher = make_dispatcher(roads_sha256=roads, adopt=adopt)
        assert dispatcher.lead()
        dispatcher.round()
        dispatcher.close()
        assert len(asked) == times, roads
    assert {s.anchor.arc for s in dispatcher.state.shifts.values()} == {99}
    assert desk.differences() == []


def test_a_database_that_only_reads_refuses_no_command(
    desk: Desk, make_dispatcher: MakeDispatcher, running: Running
) -> None:
    """It is the database that cannot, not the commands that are wrong."""
    rows = [desk.put(ride()) for _ in range(3)]
    name = "SELECT format('ALTER DATABASE %%I ', current_database()) || %s"
    with running(make_dispatcher()), connect(desk.dsn) as connection:
        wait_until(lambda: all(desk.outcome(row) for row in rows))
        for change in (
            "SET default_transaction_read_only = on",
            "RESET default_transaction_read_only",
        ):
            connection.execute("SET default_transaction_read_only = off")
            (statement,) = connection.execute(name, [change]).fetchone() or ("",)
            if change.startswith("RESET"):
                late = _put_anyway(desk)
                time.sleep(1.0)
                assert desk.outcome(late) is None
            connection.execute(statement)
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name IN"
                " ('rufbus-dispatcher', 'rufbus-leader')"
            )
        wait_until(lambda: desk.outcome(late) is not None)
    assert desk.code(late) is None


def _put_anyway(desk: Desk) -> int:
    with psycopg.connect(
        desk.dsn, autocommit=True, options="-c default_transaction_read_only=off"
    ) as connection:
        return inbox.put(connection, AREA, "late", ride())
