"""Two dispatchers and two webs, each a process by itself: the standby takes over under bookings."""

import itertools
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from lone_processes import Hosts, Lone
from running_service import RunningService, ask, book, canonical, rufbus, write_grid_town

pytestmark = [pytest.mark.crash, pytest.mark.slow]

TAKE_OVER_S = 5.0
PAUSE_S = 0.1


@pytest.fixture
def hosts(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Hosts]:
    """Servers with tables, and the town's roads on two hosts."""
    made = RunningService(tmp_path / "var", write_grid_town(tmp_path / "grid"))
    made.import_grid()
    env = made.environment() | {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    for command in ("migrate", "prepare"):
        done = rufbus(command, env=env)
        assert done.returncode == 0, done.stderr
    shutil.copytree(made.var / "roads", tmp_path / "var-2" / "roads")
    with Hosts(env, tmp_path) as hosts:
        yield hosts


@dataclass
class Told:
    """What riders were told, and when."""

    bookings: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def gap_s(self, since: float) -> float:
        """The longest time without a yes after an instant."""
        times = [since, *(at for at, _, _ in self.bookings if at > since)]
        return max(later - earlier for earlier, later in itertools.pairwise(times))

    def by(self, url: str, since: float) -> int:
        return sum(told_by == url and at > since for at, told_by, _ in self.bookings)


def trickle(web: Lone, numbers: Iterator[int], told: Told, stop: threading.Event) -> None:
    """One rider after the other books at one web."""
    with httpx.Client(base_url=web.url, timeout=15) as client:
        stops = client.get("/api/v1/stops").json()["stops"]
        while not stop.wait(PAUSE_S):
            number = next(numbers)
            try:
                asked = ask(client, stops, number)
                if not asked.is_success:
                    told.wrong.append(asked.text)
                    continue
                offers = asked.json()["offers"]
                if not offers:
                    continue
                made = book(client, offers[0]["id"], f"host-{number}")
                if made.status_code == httpx.codes.CREATED:
                    told.bookings.append((time.monotonic(), web.url, made.json()))
                elif made.is_server_error:
                    told.wrong.append(made.text)
            except httpx.HTTPError as error:
                told.wrong.append(repr(error))


def leader_of(parts: dict[str, Any]) -> int:
    return int(parts["dispatcher"]["leader"].rpartition(":")[2])


def test_a_standby_takes_over_and_nobody_is_sent_away(hosts: Hosts, tmp_path: Path) -> None:
    second_host = {"RUFBUS_VAR": str(tmp_path / "var-2")}
    dispatchers = [hosts.start("dispatcher"), hosts.start("dispatcher", **second_host)]
    webs = [hosts.start("web", "--sharers", "2"), hosts.start("web", "--sharers=2", **second_host)]
    messenger = hosts.start("messenger")
    for web in webs:
        parts = hosts.until(web, lambda parts: parts["dispatcher"]["status"] == "up")
    everybody = {"dispatcher": 1, "messenger": 1, "standby": 1, "web": 2}
    parts = hosts.until(webs[0], lambda parts: parts["processes"] == everybody)
    first = hosts.by_pid(leader_of(parts))
    assert first in dispatchers

    told, stop, numbers = Told(), threading.Event(), itertools.count()
    riders = [threading.Thread(target=trickle, args=(web, numbers, told, stop)) for web in webs]
    for thread in riders:
        thread.start()
    try:
        time.sleep(2)
        killed_at = time.monotonic()
        first.signal(signal.SIGKILL)
        parts = hosts.until(webs[1], lambda p: leader_of(p) != first.process.pid, 10)
        time.sleep(2)
        second = hosts.by_pid(leader_of(parts))
        third = hosts.start("dispatcher")
        hosts.until(webs[0], lambda parts: parts["processes"].get("standby"))
        time.sleep(1)
        stopped_at = time.monotonic()
        second.signal(signal.SIGSTOP)
        hosts.until(webs[0], lambda p: leader_of(p) == third.process.pid, 15)
        time.sleep(1.5)
        second.signal(signal.SIGCONT)
        time.sleep(1)
    finally:
        stop.set()
        for thread in riders:
            thread.join(30)
    assert told.wrong == []
    assert killed_at > told.bookings[0][0], "there were bookings before"
    gaps = {"killed": told.gap_s(killed_at), "stopped": told.gap_s(stopped_at)}
    assert max(gaps.values()) < TAKE_OVER_S + 2 * PAUSE_S + 1, gaps  # asking takes a moment, too
    for since in (killed_at, stopped_at):
        assert all(told.by(web.url, since) for web in webs), "both webs answer after each"
    with httpx.Client(base_url=webs[0].url, timeout=10) as client:
        for _, _, booking in told.bookings:
            found = client.get(f"/api/v1/bookings/{booking['id']}").json()
            assert canonical(found["promise"]) == canonical(booking["promise"])
    audit = rufbus("audit", env=hosts.env)
    assert audit.returncode == 0, audit.stdout + audit.stderr

    assert [lone.end() for lone in (*webs, second, third, messenger)] == [0] * 5
    for lone in hosts.started:
        for line in lone.said().splitlines():
            assert re.match(r"\S+Z [A-Z]+ [a-z]+\[\d+\] ", line), (lone.role, line)
