"""Closures through a real dispatcher: decided while others go on, stored, loaded, taken over."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any

import pytest
from desk import Desk
from grid_network import grid_network
from tiny_town import ZONE, grid_config

from dispatch.domain import commands as cmd
from dispatch.domain.closures import ClosureStatus, ClosureWish
from dispatch.domain.model import Party
from dispatch.domain.state import State
from dispatch.engine import Engine, Network
from dispatch.engine.invariants import broken_rules
from dispatch.store import inbox
from dispatch.store.audit import differences
from dispatch.store.connect import connect
from dispatch.store.load import load_state
from dispatch.town import Town
from dispatch.views import answer
from dispatch.worker.dispatcher import Dispatcher

AREA = "town"
TUESDAY_9_S = int(datetime(2026, 3, 10, 9, 0, tzinfo=ZONE).timestamp())


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return grid_network(tmp_path_factory.mktemp("grid"))


class Office:
    """Asks a running dispatcher."""

    def __init__(self, dsn: str, network: Network) -> None:
        self.dsn = dsn
        self.network = network
        self.keys = 0

    def put(self, command: cmd.Command) -> int:
        self.keys += 1
        with connect(self.dsn) as connection:
            return inbox.put(connection, AREA, f"test-{self.keys}", command)

    def outcome(self, row_id: int, patience_s: float = 30) -> inbox.Outcome:
        deadline = time.monotonic() + patience_s
        with connect(self.dsn) as connection:
            while time.monotonic() < deadline:
                for _, outcome, _ in connection.execute(inbox.OUTCOMES, {"ids": [row_id]}):
                    return inbox.Outcome.from_json(outcome)
                time.sleep(0.01)
        raise TimeoutError

    def ask(self, command: cmd.Command) -> inbox.Outcome:
        return self.outcome(self.put(command))

    def ride(self, origin: int, destination: int) -> cmd.RequestRide:
        stops = [s for s in self.network.stops if s.bookable]
        spots = (Desk.stop(self, n % len(stops)) for n in (origin, destination))  # type: ignore[arg-type]
        return cmd.RequestRide(*spots, Party(1))

    def book(self, origin: int, destination: int) -> str:
        asked = self.ask(self.ride(origin, destination))
        assert asked.body is not None
        made = self.ask(cmd.AcceptOffer(asked.body["offers"][0]["id"], "rd_1"))
        assert made.body is not None
        return str(made.body["id"])


Prepare = Callable[[State, cmd.Command, int], None]
Make = Callable[..., tuple[Office, Dispatcher]]


@pytest.fixture
def open_office(
    make_dispatcher: Callable[..., Dispatcher],
    running: Callable[[Dispatcher], AbstractContextManager[Dispatcher]],
    town_dsn: str,
    clock: Any,
    grid: Network,
) -> Iterator[Make]:
    clock.at_s = TUESDAY_9_S
    config = replace(grid_config(), area_id=AREA)
    engine = Engine(config, grid)
    names = Town.of(config, grid.stops)
    opened: list[AbstractContextManager[Dispatcher]] = []

    def make(prepare: Prepare | None = engine.prepare) -> tuple[Office, Dispatcher]:
        dispatcher = make_dispatcher(
            decide=engine.decide,
            decide_batch=engine.decide_batch,
            prepare=prepare,
            answer=lambda command, events, state: answer(command, events, state, names),
            roads_sha256=grid.graph.digest,
        )
        opened.append(running(dispatcher))
        opened[-1].__enter__()
        return Office(town_dsn, grid), dispatcher

    yield make
    for service in opened:
        service.__exit__(None, None, None)


def test_closed_stored_and_loaded_again(open_office: Make, grid: Network, clock: Any) -> None:
    office, dispatcher = open_office()
    booked = [office.book(n, n + 30) for n in range(3)]
    closed = office.ask(cmd.Close(ClosureWish(None, None, "Kanalbau", street="Querweg 4")))
    assert closed.body is not None
    assert {a["booking_id"] for a in closed.body["affected"]} <= set(booked)
    closure_id = closed.body["closure"]["id"]
    stop = office.ride(20, 1).origin.stop_id
    office.ask(cmd.Close(ClosureWish(clock.at_s + 3600, None, "", stop_id=stop)))
    refused = office.ask(cmd.Close(ClosureWish(None, None, "", street="Nirgendweg")))
    assert refused.error is not None
    assert refused.error.code == "closure_off_road"
    with connect(office.dsn) as connection:
        assert differences(connection, AREA) == []
        loaded = load_state(connection, AREA, before_s=0)
    assert loaded.closures == dispatcher.state.closures
    assert len(loaded.closures) == 2
    assert broken_rules(grid_config(), grid, loaded, clock.at_s) == []
    reopened = office.ask(cmd.Reopen(closure_id))
    assert reopened.body is not None
    assert reopened.body["closure"]["status"] == "ended"
    assert dispatcher.state.closures[closure_id].status is ClosureStatus.ENDED
    with connect(office.dsn) as connection:
        assert differences(connection, AREA) == []


def test_a_list_is_taken_over_once_however_often_it_comes(open_office: Make) -> None:
    office, dispatcher = open_office()
    wishes = tuple(
        ClosureWish(None, None, "works", street=f"Querweg {n}", external_id=str(n))
        for n in (3, 5, 6)
    )
    first = office.ask(cmd.ImportClosures("works", wishes))
    assert first.body is not None
    assert len(first.body["recorded"]) == 3
    again = office.ask(cmd.ImportClosures("works", wishes))
    assert again.body == {"recorded": [], "ended": [], "affected": []}
    fewer = office.ask(cmd.ImportClosures("works", wishes[:1]))
    assert fewer.body is not None
    assert len(fewer.body["ended"]) == 2
    open_ones = [
        c for c in dispatcher.state.closures.values() if c.status is not ClosureStatus.ENDED
    ]
    assert [c.external_id for c in open_ones] == ["3"]
    with connect(office.dsn) as connection:
        assert differences(connection, AREA) == []


def test_decisions_go_on_while_roads_are_computed(open_office: Make) -> None:
    may_end, begun = threading.Event(), threading.Event()

    def slow(_state: State, _command: cmd.Command, _now_s: int) -> None:
        begun.set()
        assert may_end.wait(30)

    office, dispatcher = open_office(slow)
    row_id = office.put(cmd.Close(ClosureWish(None, None, "", street="Querweg 4")))
    try:
        assert begun.wait(30)
        assert office.book(2, 40)
        with pytest.raises(TimeoutError):
            office.outcome(row_id, patience_s=0.3)
        assert dispatcher.state.closures == {}
    finally:
        may_end.set()
    assert office.outcome(row_id).error is None
    assert len(dispatcher.state.closures) == 1


def test_what_cannot_be_prepared_is_decided_all_the_same(open_office: Make) -> None:
    def broken(_state: State, _command: cmd.Command, _now_s: int) -> None:
        raise MemoryError

    office, _ = open_office(broken)
    assert office.ask(cmd.Close(ClosureWish(None, None, "", street="Querweg 4"))).error is None


def test_what_is_prepared_is_what_the_decision_needs(grid: Network) -> None:
    desk = Desk(grid_network_of(grid))
    known = desk.network.closed_roads
    later = desk.now_s + 3 * 86_400
    wish = ClosureWish(later, later + 3600, "", street="Querweg 6")
    desk.engine.prepare(desk.state, cmd.Close(wish), desk.now_s)
    assert desk.state.closures == {}
    before = len(known._networks)
    assert before == 1
    desk.engine.decide(desk.state, cmd.Close(wish), desk.now_s, Random(1))
    assert len(known._networks) == before


def grid_network_of(network: Network) -> Network:
    """The same roads, nothing derived from them yet."""
    return replace(network)
