"""A service of forked processes on the session's servers, one service area per story."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from desk import TUESDAY_9_S
from riders import Journal

from dispatch import failpoints
from dispatch.audit import Roads, audit
from dispatch.embedded import EmbeddedPostgres, EmbeddedRedis
from dispatch.store.connect import connect

SUPPORT = Path(__file__).parent
_auditing = threading.Lock()
CHILD_S = 30.0


@dataclass(frozen=True)
class PlainStop:
    """A stop as the pages want it."""

    id: str
    name: str
    lon: float
    lat: float
    zone: str = ""
    kind: str = "virtual"
    bookable: bool = True


class Zygote:
    """The forking process; see `crash_zygote`."""

    def __init__(self, folder: Path, roads: Roads) -> None:
        self.roads = roads
        single = dict.fromkeys(
            ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
        )
        root = str(SUPPORT.parents[1])
        env = os.environ | single | {"PYTHONPATH": f"{root}{os.pathsep}{SUPPORT}"}
        env.pop(failpoints.VARIABLE, None)
        self._process = subprocess.Popen(
            [sys.executable, str(SUPPORT / "crash_zygote.py"), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            text=True,
        )
        self._guard = threading.Lock()
        greeting = self._answer()
        assert greeting["threads"] == 1
        self.stops = [PlainStop(*stop) for stop in greeting["stops"]]

    def ask(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        with self._guard:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the zygote has died"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@dataclass
class Child:
    """A forked process."""

    zygote: Zygote
    pid: int
    status: int | None = None

    def wait(self, timeout_s: float = CHILD_S) -> int | None:
        """Exit code, negative for a signal; None if it lives on."""
        deadline = time.monotonic() + timeout_s
        while self.status is None:
            self.status = self.zygote.ask(wait=self.pid)["status"]
            if self.status is None and time.monotonic() >= deadline:
                break
            time.sleep(0.005)
        return self.status

    def signal(self, number: int) -> None:
        if self.status is None:
            os.kill(self.pid, number)

    def is_stopped(self) -> bool:
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def end(self) -> None:
        if self.wait(0) is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGCONT)
                os.kill(self.pid, signal.SIGKILL)
            self.wait()


@dataclass
class Town:
    """One service area, its processes and the riders' journal."""

    zygote: Zygote
    dsn: str
    redis_url: str
    area: str
    folder: Path
    seed: int = 0
    clock: tuple[float, float] = (0.0, 0.0)
    children: list[Child] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = (time.time(), float(TUESDAY_9_S))
        self.log = self.folder / f"{self.area}.log"
        self.journal = self.folder / f"{self.area}.journal"

    def start(self, role: str, points: str | None = None, **more: Any) -> Child:
        """Fork a dispatcher, riders or an optimiser."""
        order = {
            "role": role,
            "dsn": self.dsn,
            "redis_url": self.redis_url,
            "area": self.area,
            "clock": self.clock,
            "log": str(self.log),
            "journal": str(self.journal),
            "seed": self.seed,
            "patience_s": CHILD_S,
            "points": points,
        }
        child = Child(self.zygote, self.zygote.ask(**order | more)["pid"])
        self.children.append(child)
        return child

    def close(self) -> None:
        for child in self.children:
            child.end()

    def finish(self) -> list[str]:
        """The same riders come again, all get the same answers; then everything is checked."""
        again = self.start("riders")
        if again.wait() != 0:
            return [f"the riders were not served: {self.log.read_text()[-2000:]}"]
        return self.findings()

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with connect(self.dsn) as connection:
            return connection.execute(statement, {"area": self.area}).fetchall()

    def epoch(self) -> int:
        """The newest epoch, 0 before the first."""
        rows = self.sql("SELECT epoch FROM service_area WHERE id = %(area)s")
        return int(rows[0][0]) if rows else 0

    def epoch_of_log(self) -> int:
        """The epoch of the newest event."""
        rows = self.sql("SELECT coalesce(max(epoch), 0) FROM event WHERE area = %(area)s")
        return int(rows[0][0])

    def written_by(self, epoch: int) -> int:
        """How many events were written in an epoch."""
        rows = self.sql("SELECT epoch FROM event WHERE area = %(area)s")
        return rows.count((epoch,))

    def out_of_order(self) -> list[tuple[Any, ...]]:
        """Events of an epoch that was over when they were written."""
        return self.sql(
            "SELECT e.seq, e.epoch FROM event e WHERE e.area = %(area)s AND EXISTS ("
            "SELECT FROM event f WHERE f.area = e.area AND f.seq < e.seq AND f.epoch > e.epoch)"
        )

    def audit(self) -> list[str]:
        """What the audit says, plans on the roads included."""
        with connect(self.dsn) as connection, _auditing:
            report = audit(connection, self.area, self.zygote.roads)
        return [*map(str, report.findings), *report.notes]

    def findings(self) -> list[str]:
        """Whatever is not as it should be, after everybody has had the answers."""
        book = Journal(self.journal)
        found = [f"told differently: {line}" for line in book.contradictions]
        with connect(self.dsn) as connection:
            stored = dict(connection.execute(_OUTCOMES, {"area": self.area}).fetchall())
            found += [
                f"{key} was told {told}, stored is {stored.get(key)}"
                for key, told in book.told.items()
                if stored.get(key) != told
            ]
            found += [f"{key} is not decided" for key, outcome in stored.items() if not outcome]
            found += _uncounted(connection, self.area, book)
        return found + self.audit()


@dataclass
class Site:
    """Where towns are founded: servers, and a process that forks."""

    zygote: Zygote
    dsn: str
    redis_url: str
    folder: Path
    postgres: EmbeddedPostgres
    redis: EmbeddedRedis

    def town(self, seed: int = 0) -> Town:
        area = f"town-{next(_areas)}"
        return Town(self.zygote, self.dsn, self.redis_url, area, self.folder, seed)


_areas = count(1)
_OUTCOMES = (
    "SELECT idempotency_key, outcome FROM inbox WHERE area = %(area)s"
    " AND NOT starts_with(idempotency_key, 'proposal-')"
)
_COUNTS = """
SELECT (SELECT count(*) FROM booking WHERE area = %(area)s),
    (SELECT count(*) FROM event WHERE area = %(area)s AND type = 'BookingMade'),
    (SELECT count(*) FROM ride_request WHERE area = %(area)s),
    (SELECT count(*) FROM event WHERE area = %(area)s AND type IN ('RideOffered', 'RideRefused')),
    (SELECT count(*) FROM rider WHERE area = %(area)s)
"""


def _uncounted(connection: psycopg.Connection, area: str, book: Journal) -> list[str]:
    """Exactly once: as many of everything as were said yes to."""
    kinds = {key: command["type"] for key, command in book.intended.items()}
    yes = [kinds[key] for key, told in book.told.items() if told.get("body")]
    made, asked = yes.count("AcceptOffer"), yes.count("RequestRide")
    takers = sum(kind == "AcceptOffer" for kind in kinds.values())
    row = connection.execute(_COUNTS, {"area": area}).fetchone()
    expected = (made, made, asked, asked, takers)
    return [] if row == expected else [f"counted {row}, expected {expected}"]
