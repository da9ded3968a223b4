"""The optimiser beside a real dispatcher, PostgreSQL and Redis: proposes, waits, never harms."""

import logging
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from desk import Desk
from grid_network import grid_network
from tiny_town import grid_config

from dispatch.domain import commands as cmd
from dispatch.domain.model import Party, Shift, ShiftStatus
from dispatch.domain.rules import Rules, ServiceConfig
from dispatch.engine import Engine, Network
from dispatch.engine.invariants import broken_promises, broken_rules
from dispatch.store import inbox
from dispatch.store.audit import differences
from dispatch.store.connect import connect
from dispatch.town import Town
from dispatch.views import answer
from dispatch.worker.dispatcher import Dispatcher
from dispatch.worker.optimiser import Agenda, Optimiser, Pace, Topic, service_days, some_of
from routing import plans

AREA = "town"
PATIENCE_S = 60.0
QUICK = Pace(round_s=0.3, round_max_s=0.3, rest_s=0.05, answer_s=3.0)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder: Path = tmp_path_factory.mktemp("grid")
    plans.warm_up()
    return grid_network(folder)


@dataclass
class Service:
    """A dispatcher at work on the tiny town, and what a web process would do."""

    dsn: str
    redis_url: str
    config: ServiceConfig
    network: Network
    clock: Any
    dispatcher: Dispatcher
    keys: int = 0

    def put(self, command: cmd.Command) -> int:
        self.keys += 1
        with connect(self.dsn) as connection:
            return inbox.put(connection, AREA, f"test-{self.keys}", command)

    def ask(self, command: cmd.Command) -> inbox.Outcome:
        """Have a command decided."""
        row_id = self.put(command)
        deadline = time.monotonic() + PATIENCE_S
        with connect(self.dsn) as connection:
            while time.monotonic() < deadline:
                for _, outcome, _ in connection.execute(inbox.OUTCOMES, {"ids": [row_id]}):
                    return inbox.Outcome.from_json(outcome)
                time.sleep(0.01)
        raise TimeoutError

    def book(self, origin: int, destination: int, ahead_s: int) -> str | None:
        stops = Desk.stop
        desk = type("Stops", (), {"network": self.network})()
        asked = self.ask(
            cmd.RequestRide(
                stops(desk, origin),
                stops(desk, destination),
                Party(1),
                depart_at_s=self.clock.at_s + ahead_s,
            )
        )
        assert asked.body is not None
        if not asked.body["offers"]:
            return None
        made = self.ask(cmd.AcceptOffer(asked.body["offers"][0]["id"], "rd_1"))
        return None if made.body is None else str(made.body["id"])

    def untidy(self) -> None:
        """Bookings, every third of which is cancelled: what is left could be planned better."""
        rng = random.Random(5)
        made = []
        for _ in range(24):
            origin, hop = rng.randrange(44), rng.randrange(5, 38)
            made.append(self.book(origin, origin + hop, rng.randrange(1800, 7200)))
        for booking_id in filter(None, made[::3]):
            self.ask(cmd.CancelBooking(booking_id, "rider"))

    def cost(self) -> int:
        from dispatch.engine.problem import planning  # noqa: PLC0415 - beside its only use

        state = self.dispatcher.state
        shifts = [s for s in state.shifts.values() if s.status is not ShiftStatus.ENDED]
        now = planning(self.config, self.network, state, shifts, self.clock.at_s)
        vehicles = range(len(now.problem.vehicles))
        return sum(plans.evaluate(now.problem, v).cost for v in vehicles)

    def optimiser(self, **options: Any) -> Optimiser:
        defaults = {"clock": self.clock, "pace": QUICK}
        return Optimiser(
            self.dsn, self.redis_url, self.config, self.network, **(defaults | options)
        )

    def check(self) -> None:
        state = self.dispatcher.state
        assert broken_rules(self.config, self.network, state, self.clock.at_s) == []
        assert broken_promises(state) == {}
        with connect(self.dsn) as connection:
            assert differences(connection, AREA) == []


@pytest.fixture
def service(
    make_dispatcher: Callable[..., Dispatcher],
    running: Callable[[Dispatcher], AbstractContextManager[Dispatcher]],
    town_dsn: str,
    redis_url: str,
    clock: Any,
    grid: Network,
) -> Iterator[Service]:
    rules = Rules(shifts_ahead_days=1)
    config = replace(grid_config(vehicles=3, rules=rules), area_id=AREA)
    engine = Engine(config, grid)
    names = Town.of(config, grid.stops)
    dispatcher = make_dispatcher(
        decide=engine.decide,
        answer=lambda command, events, state: answer(command, events, state, names),
        roads_sha256=grid.graph.digest,
    )
    with running(dispatcher):
        service = Service(town_dsn, redis_url, config, grid, clock, dispatcher)
        deadline = time.monotonic() + PATIENCE_S
        while not dispatcher.state.shifts and time.monotonic() < deadline:
            time.sleep(0.02)
        for shift in list(dispatcher.state.shifts.values()):
            if shift.start_s <= clock.at_s < shift.end_s:
                service.ask(cmd.StartShift(shift.vehicle_id, shift.id))
        yield service


def inbox_rows(dsn: str, *, undecided: bool = False) -> int:
    query = "SELECT count(*) FROM inbox WHERE starts_with(idempotency_key, 'proposal-')"
    if undecided:
        query += " AND outcome IS NULL"
    with connect(dsn) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def test_the_plan_gets_better_and_log_and_tables_agree(service: Service) -> None:
    service.untidy()
    before = service.cost()
    optimiser = service.optimiser()
    for _ in range(4):
        assert optimiser.round()
    assert service.cost() < before
    with connect(service.dsn) as connection:
        moved = connection.execute("SELECT count(*) FROM event WHERE type = 'BookingMoved'")
        row = moved.fetchone()
    assert row is not None
    assert row[0] > 0
    assert inbox_rows(service.dsn) == 0, "answers that have been read are thrown away"
    service.check()
    optimiser.close()


def test_bookings_go_on_while_it_runs(service: Service) -> None:
    service.untidy()
    stop = threading.Event()
    optimiser = service.optimiser()
    thread = threading.Thread(target=optimiser.run, args=[stop])
    thread.start()
    try:
        rng = random.Random(8)
        for _ in range(12):
            origin = rng.randrange(44)
            service.book(origin, origin + rng.randrange(5, 38), rng.randrange(1800, 7200))
    finally:
        stop.set()
        thread.join(PATIENCE_S)
    service.check()


def test_without_plans_there_is_nothing_to_think_about(service: Service) -> None:
    optimiser = service.optimiser(improve=_never)
    assert not optimiser.round()
    optimiser.close()


def test_a_plan_it_has_given_up_on_is_left_alone_until_it_changes(service: Service) -> None:
    service.book(0, 40, 1800)
    optimiser = service.optimiser(improve=_nothing, pace=replace(QUICK, tries=2))
    assert [optimiser.round() for _ in range(4)] == [True, True, False, False]
    service.book(3, 43, 3600)
    assert optimiser.round()
    optimiser.close()


def test_with_the_dispatcher_gone_one_proposal_waits_and_no_more(service: Service) -> None:
    service.untidy()
    optimiser = service.optimiser(pace=replace(QUICK, answer_s=0.1))
    with _paused(service):
        for _ in range(3):
            optimiser.round()
        assert inbox_rows(service.dsn, undecided=True) == 1
        again = service.optimiser(pace=replace(QUICK, answer_s=0.1))
        assert not again.round(), "not even after a restart"
        again.close()
        service.clock.at_s += 60
    deadline = time.monotonic() + PATIENCE_S
    while inbox_rows(service.dsn, undecided=True) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert inbox_rows(service.dsn, undecided=True) == 0
    optimiser.round()
    assert inbox_rows(service.dsn) <= 1
    optimiser.close()
    service.check()


def test_plans_on_other_roads_are_none_of_its_business(service: Service) -> None:
    service.book(0, 40, 1800)
    with connect(service.dsn) as connection:
        connection.execute("UPDATE service_area SET roads_sha256 = 'other'")
    optimiser = service.optimiser(improve=_never)
    assert not optimiser.round()
    optimiser.close()


def test_a_failing_round_is_one_line_and_not_the_end(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.book(0, 40, 1800)
    stop, calls = threading.Event(), []

    def fail(problem: plans.Problem, **_: object) -> plans.Improvement:
        calls.append(problem)
        if len(calls) == 3:
            stop.set()
        raise ZeroDivisionError("first line\nsecond line")

    optimiser = service.optimiser(improve=fail)
    with caplog.at_level(logging.WARNING):
        optimiser.run(stop)
    lines = [r.getMessage() for r in caplog.records if "ZeroDivisionError" in r.getMessage()]
    assert len(lines) == len(calls) == 3
    assert all("\n" not in line and "second" not in line for line in lines)


def test_a_lost_connection_is_made_anew(service: Service) -> None:
    service.book(0, 40, 1800)
    optimiser = service.optimiser(improve=_nothing)
    assert optimiser.round()
    with connect(service.dsn) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'rufbus-optimiser'"
        )
    with pytest.raises(psycopg.OperationalError):
        optimiser.round()
    optimiser.close()
    assert optimiser.round()
    optimiser.close()


def _never(_problem: plans.Problem, **_: object) -> plans.Improvement:
    raise AssertionError("there is nothing to think about")


def _nothing(problem: plans.Problem, **_: object) -> plans.Improvement:
    return plans.Improvement(problem=problem, served={}, cost=1, cost_before=1, iterations=0)


@contextmanager
def _paused(service: Service) -> Iterator[None]:
    """The dispatcher decides nothing, as if it had been stopped."""
    go = threading.Event()
    original = service.dispatcher.round

    def wait() -> bool:
        go.wait(30)
        service.dispatcher.round = original  # type: ignore[method-assign]
        return True

    service.dispatcher.round = wait  # type: ignore[method-assign]
    time.sleep(0.3)
    try:
        yield
    finally:
        go.set()


def child(code: str) -> subprocess.CompletedProcess[str]:
    """A process of its own session: its priority is nobody else's."""
    start = "import os, signal\nfrom dispatch.worker.optimiser import *\n"
    return subprocess.run(
        [sys.executable, "-c", start + code],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        start_new_session=True,
    )


def test_a_round_that_hangs_ends_the_process_for_the_supervisor_to_begin_anew() -> None:
    code = """
class Hanging(Optimiser):
    def __init__(self): pass
    def run(self, stop, alive):
        alive()
        signal.pause()
run_until_killed(Hanging(), Pace(hang_s=1))
"""
    assert child(code).returncode == -signal.SIGALRM


def shift(name: str, start_s: int, end_s: int, version: int = 0) -> Shift:
    return Shift(name, name, start_s, end_s, "d", ShiftStatus.PLANNED, None, version)  # type: ignore[arg-type]


def test_shifts_that_overlap_belong_together() -> None:
    days = service_days([shift("c", 30, 40), shift("a", 0, 10), shift("b", 5, 20)])
    assert [[s.id for s in day] for day in days] == [["a", "b"], ["c"]]


def test_a_large_fleet_is_thought_about_in_parts_that_drive_at_the_same_time() -> None:
    fleet = [shift(f"a{n}", 0, 10) for n in range(20)] + [shift(f"b{n}", 10, 20) for n in range(20)]
    chosen = [some_of(fleet, 6, random.Random(seed)) for seed in range(30)]
    assert all(len(part) == len({s.id for s in part}) == 6 for part in chosen)
    assert all(len({s.start_s for s in part}) == 1 for part in chosen)
    assert {s.id for part in chosen for s in part} == {s.id for s in fleet}
    assert some_of(fleet[:6], 6, random.Random(0)) == fleet[:6]


def test_a_large_fleet_is_given_up_on_later() -> None:
    agenda = Agenda(tries=2, shifts_max=5)
    today = Topic.of([shift(f"a{n}", 0, 10) for n in range(12)], 0)
    rounds = 0
    while (topic := agenda.next([today])) is not None:
        agenda.note(topic, gained=False)
        rounds += 1
    assert rounds == 6


def test_every_day_has_its_turn_though_today_is_always_new() -> None:
    agenda = Agenda(tries=2, shifts_max=5)
    tomorrow = Topic.of([shift("b", 100, 110)], 0)
    seen = []
    for version in range(8):
        topic = agenda.next([Topic.of([shift("a", 0, 10, version)], 0), tomorrow])
        assert topic is not None
        seen.append(topic.shifts[0].id)
        agenda.note(topic, gained=False)
    assert seen.count("b") == 2
    assert "b" in seen[:3]


def test_a_gain_makes_a_plan_worth_another_look() -> None:
    agenda = Agenda(tries=1, shifts_max=5)
    today = Topic.of([shift("a", 0, 10)], 0)
    first = agenda.next([today])
    assert first is not None
    agenda.note(first, gained=True)
    again = agenda.next([today])
    assert again is not None
    agenda.note(again, gained=False)
    assert agenda.next([today]) is None
