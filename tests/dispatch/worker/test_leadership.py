"""Who leads, who stands by, and that nobody writes who has been replaced."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from inbox_desk import Desk, drain, wait_until
from tiny_engine import ride

from dispatch.store.errors import LeadershipLostError
from dispatch.worker.dispatcher import Dispatcher, Limits

MakeDispatcher = Callable[..., Dispatcher]
Running = Callable[[Dispatcher], AbstractContextManager[Dispatcher]]

_PROCESS = """
import sys
sys.path.append(sys.argv[3])
from tiny_engine import answer, decide
from dispatch.clock import ServiceClock
from dispatch.worker.dispatcher import Dispatcher, run_until_signalled
run_until_signalled(Dispatcher(
    sys.argv[1], sys.argv[2], "town", decide=decide, answer=answer, clock=ServiceClock()))
"""


def test_only_one_leads_and_a_new_leader_begins_a_new_epoch(
    make_dispatcher: MakeDispatcher,
) -> None:
    first, second = make_dispatcher(), make_dispatcher()
    assert first.lead()
    assert not second.lead()
    first.close(resign=True)
    assert second.lead()
    assert (first.epoch, second.epoch) == (1, 2)


def test_a_former_leader_writes_nothing(desk: Desk, make_dispatcher: MakeDispatcher) -> None:
    """It was paused: its lock is gone, its connection to the tables still stands."""
    old, new = make_dispatcher(), make_dispatcher()
    assert old.lead()
    old.round()
    old._leadership.release()
    assert new.lead()
    row = desk.put(ride())
    events = desk.count("event")
    with pytest.raises(LeadershipLostError):
        old.round()
    assert desk.outcome(row) is None
    assert desk.count("event") == events
    assert desk.count("ride_request") == 0
    drain(new)
    assert desk.code(row) is None
    assert desk.sql("SELECT max(epoch) FROM event") == [(2,)]
    assert desk.differences() == []


def test_a_former_leader_without_work_notices_too(
    make_dispatcher: MakeDispatcher,
) -> None:
    old = make_dispatcher(limits=Limits(heartbeat_s=0.0))
    new = make_dispatcher()
    assert old.lead()
    old._leadership.release()
    assert new.lead()
    new.round()
    old._next_tick = float("inf")
    with pytest.raises(LeadershipLostError):
        old.round()


def test_a_silent_leader_loses_its_lock(desk: Desk, make_dispatcher: MakeDispatcher) -> None:
    paused = make_dispatcher()
    eager = make_dispatcher(limits=Limits(depose_after_s=0.2))
    assert paused.lead()
    paused.round()
    assert not eager.lead()
    time.sleep(0.25)
    wait_until(eager.lead)
    desk.put(ride())
    with pytest.raises(LeadershipLostError):
        paused.round()
    drain(eager)
    assert desk.count("ride_request") == 1


def test_a_silent_leader_that_runs_on_stands_back(
    desk: Desk, make_dispatcher: MakeDispatcher, running: Running
) -> None:
    """Two dispatchers run, one after the other is stopped; all is answered, nothing twice."""
    one, two = make_dispatcher(), make_dispatcher(rng=Random(8))  # or both would make the same ids
    rows = []
    with running(two):
        with running(one):
            rows += [desk.put(ride()) for _ in range(20)]
            time.sleep(0.3)
        rows += [desk.put(ride()) for _ in range(20)]
        wait_until(lambda: all(desk.outcome(row) for row in rows))
    assert desk.count("ride_request") == 40
    assert desk.differences() == []


def test_a_former_leader_stuck_in_a_commit_is_not_waited_for(
    desk: Desk, make_dispatcher: MakeDispatcher
) -> None:
    """Paused between the fence and the commit, it holds the row that the next one has to change."""
    stuck, next_one = make_dispatcher(), make_dispatcher()
    assert stuck.lead()
    connection = stuck._require()
    row = desk.put(ride())

    def commit_slowly() -> None:
        with stuck._leadership.fenced(connection):
            connection.execute("SELECT 1")
            connection.pgconn.pipeline_sync()  # the server has it all, and waits for the rest
            stuck._leadership.release()
            began = time.monotonic()
            assert next_one.lead()
            assert time.monotonic() - began < 2

    with pytest.raises(psycopg.OperationalError):
        commit_slowly()
    drain(next_one)
    assert desk.code(row) is None
    assert desk.sql("SELECT epoch FROM service_area") == [(2,)]
    assert desk.differences() == []


@pytest.fixture
def process(town_dsn: str, redis_url: str) -> Any:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        doubles = str(Path(__file__).parents[2] / "support")
        command = [sys.executable, "-c", _PROCESS, town_dsn, redis_url, doubles]
        child = subprocess.Popen(command)
        started.append(child)
        return child

    yield start
    for child in started:
        if child.poll() is None:
            child.kill()
        child.wait(10)


def test_sigterm_ends_it_in_order(desk: Desk, process: Any) -> None:
    child = process()
    row = desk.put(ride())
    wait_until(lambda: desk.outcome(row) is not None)
    child.terminate()
    assert child.wait(5) == 0
    assert desk.sql("SELECT leader, heartbeat_at FROM service_area") == [("", None)]


@pytest.mark.crash
def test_a_paused_leader_is_replaced_and_stands_back_when_it_wakes(
    desk: Desk, process: Any, make_dispatcher: MakeDispatcher, running: Running
) -> None:
    paused = process()
    rows = [desk.put(ride())]
    wait_until(lambda: desk.outcome(rows[0]) is not None)
    os.kill(paused.pid, signal.SIGSTOP)
    with running(make_dispatcher(limits=Limits(depose_after_s=0.5, standby_s=0.05))):
        rows.append(desk.put(ride()))
        wait_until(lambda: desk.outcome(rows[1]) is not None)
        rows += [desk.put(ride()) for _ in range(5)]
        os.kill(paused.pid, signal.SIGCONT)
        rows += [desk.put(ride()) for _ in range(20)]
        wait_until(lambda: all(desk.outcome(row) for row in rows))
    assert paused.poll() is None
    row = desk.put(ride())
    wait_until(lambda: desk.outcome(row) is not None)
    assert desk.count("ride_request") == len(rows) + 1
    assert desk.sql("SELECT epoch FROM service_area") == [(3,)]
    assert desk.differences() == []


@pytest.mark.crash
def test_kill_nine_under_load_loses_nothing(desk: Desk, process: Any) -> None:
    stop = threading.Event()
    rows: list[int] = []

    def load() -> None:
        while not stop.is_set():
            rows.append(desk.put(ride()))

    caller = threading.Thread(target=load)
    caller.start()
    child = process()
    try:
        for _ in range(2):
            seen = len(rows)
            wait_until(lambda seen=seen: len(rows) > seen + 30 and bool(desk.outcome(rows[seen])))
            os.kill(child.pid, signal.SIGKILL)
            child.wait(5)
            child = process()
    finally:
        stop.set()
        caller.join()
    wait_until(lambda: desk.outcome(rows[-1]) is not None)
    answered = desk.sql("SELECT outcome -> 'body' ->> 'id' FROM inbox ORDER BY id")
    stored = desk.sql("SELECT id FROM ride_request")
    assert sorted(answered) == sorted(stored)
    assert len(stored) == len(rows)
    assert desk.differences() == []
