"""Fail-points do what they are told at the hit they are told, and nothing otherwise."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dispatch import failpoints
from dispatch.failpoints import FailPointSyntaxError, InjectedError, hit
from dispatch.store.breakable import cursor_factory, point_of
from dispatch.store.connect import connect


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    failpoints.arm(None)


def test_off_by_default() -> None:
    assert not failpoints.are_armed()
    hit("anything")
    assert cursor_factory("dispatcher") is None


def test_the_nth_hit_only() -> None:
    failpoints.arm("a@2=error; b@1=delay:30")
    hit("a")
    with pytest.raises(InjectedError):
        hit("a")
    hit("a")
    began = time.monotonic()
    hit("b")
    assert time.monotonic() - began >= 0.03


def test_points_are_recorded(tmp_path: Path) -> None:
    failpoints.arm(f"record={tmp_path / 'heard'}")
    for point in ("b", "a", "b"):
        hit(point)
    assert (tmp_path / "heard").read_text() == "b\na\nb\n"


@pytest.mark.parametrize("text", ["a", "a=kill", "a@x=kill", "@1=kill", "a@1=explode", "a@1=delay"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(FailPointSyntaxError):
        failpoints.arm(text)


@pytest.mark.parametrize("action", ["kill", "stop"])
def test_a_process_is_ended_or_stopped_by_its_environment(action: str) -> None:
    code = "from dispatch.failpoints import hit; hit('a'); hit('a'); print('alive')"
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {failpoints.VARIABLE: f"a@2={action}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    if action == "stop":
        assert os.WIFSTOPPED(status)
        os.kill(child.pid, signal.SIGCONT)
        _, status = os.waitpid(child.pid, 0)
        assert status == 0
    else:
        assert os.WTERMSIG(status) == signal.SIGKILL
    child.returncode = 0
    assert child.stdout is not None
    assert child.stdout.read() == (b"alive\n" if action == "stop" else b"")
    child.stdout.close()


def test_every_statement_is_a_point(database_url: str, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    failpoints.arm(f"record={heard}; tester:INSERT t:after@1=error")
    with connect(database_url, "rufbus-tester") as connection:
        connection.execute("CREATE TABLE t (a int)")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("INSERT INTO t VALUES (1)")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO t VALUES (%s)", [(2,), (3,)])
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (3,)
    assert heard.read_text().splitlines()[2:] == [
        "tester:CREATE:before",
        "tester:CREATE:after",
        "tester:INSERT t:before",
        "tester:INSERT t:after",
        "tester:INSERT t:before",
        "tester:INSERT t:after",
        "tester:SELECT t:before",
        "tester:SELECT t:after",
    ]


@pytest.mark.parametrize(
    ("statement", "point"),
    [
        ("SELECT 1", "SELECT"),
        (b"SELECT a FROM b", "SELECT b"),
        ("WITH e AS (INSERT INTO inbox VALUES (1)) SELECT id FROM e", "INSERT inbox"),
        ("\nUPDATE inbox SET a = b FROM c", "UPDATE inbox"),
    ],
)
def test_names_of_statements(statement: str | bytes, point: str) -> None:
    assert point_of(statement) == point
