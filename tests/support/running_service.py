"""A real `rufbus serve` in a child process, for tests that use it from outside."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from tiny_town import DEPOT, SOUTH, STEP_LAT, STEP_LON, WEST, ZONE, grid_osm

from dispatch.supervisor import ServiceState

START_S = 180.0
KERNELS = Path(__file__).resolve().parents[2] / "var" / "cache" / "numba"
"""Compiled once for all tests, and for `make run`."""
TUESDAY_10 = datetime(2026, 3, 10, 10, 0, tzinfo=ZONE)

GRID_TOML = f"""
[town]
name = "Gitterstadt"
timezone = "Europe/Berlin"
place = "Gitterstadt"
roads = "grid"
[map]
center = [{WEST + 4 * STEP_LON}, {SOUTH + 4 * STEP_LAT}]
zoom = 13
[hours]
weekday = ["06:00", "22:00"]
saturday = ["06:00", "22:00"]
sunday = ["06:00", "22:00"]
[[depots]]
id = "{DEPOT.id}"
name = "{DEPOT.name}"
lon = {DEPOT.lon}
lat = {DEPOT.lat}
"""
_VAN = """
[[vehicles]]
id = "van-{n}"
name = "Van {n}"
depot = "depot"
configurations = [{{seats = 8, wheelchairs = 0}}, {{seats = 5, wheelchairs = 1}}]
[[shifts]]
vehicle = "van-{n}"
days = ["weekday", "saturday", "sunday"]
start = "06:00"
end = "14:00"
[[shifts]]
vehicle = "van-{n}"
days = ["weekday", "saturday", "sunday"]
start = "14:00"
end = "22:00"
"""


def write_grid_town(folder: Path, vehicles: int = 4) -> Path:
    """A configuration folder for the tiny town."""
    folder.mkdir(parents=True, exist_ok=True)
    vans = "".join(_VAN.format(n=n) for n in range(1, vehicles + 1))
    (folder / "service.toml").write_text(GRID_TOML + vans, encoding="utf-8")
    return folder


def rufbus(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "dispatch.cli", *arguments],
        env=os.environ | {"NUMBA_CACHE_DIR": str(KERNELS)} | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@dataclass
class RunningService:
    """`rufbus serve` with its own var folder; a context manager that ends what it started."""

    var: Path
    town: Path
    arguments: tuple[str, ...] = ()
    speed: float = 1.0
    env: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    url: str = ""

    def environment(self) -> dict[str, str]:
        """What every command on this service needs."""
        clock = f"{time.time()!r}:{TUESDAY_10.timestamp()!r}:{self.speed!r}"
        return {
            "RUFBUS_VAR": str(self.var),
            "RUFBUS_TOWN": str(self.town),
            "RUFBUS_OFFLINE": "1",
            "NUMBA_CACHE_DIR": str(KERNELS),
            "RUFBUS_CLOCK": clock,
        } | self.env

    def import_grid(self) -> None:
        """Make the tiny town's road graph."""
        self.var.mkdir(parents=True, exist_ok=True)
        extract = grid_osm(self.var / "grid.osm")
        done = rufbus("roads", "import", str(extract), "--name", "grid", env=self.environment())
        assert done.returncode == 0, done.stderr

    def start(self) -> Self:
        """Start and wait until it answers."""
        command = [sys.executable, "-m", "dispatch.cli", "serve", *self.arguments]
        with (self.var / "serve.log").open("a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                command,
                env=os.environ | self.environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            state = ServiceState.read(self.var)
            if state is not None and state.ready:
                self.url = state.url
                return self
            assert self.process.poll() is None, self.output()
            time.sleep(0.1)
        self.stop()
        raise TimeoutError(f"not up after {START_S} s:\n{self.output()}")

    def output(self) -> str:
        """What it has printed."""
        return (self.var / "serve.log").read_text(encoding="utf-8")

    def kill(self, name: str) -> int:
        """kill -9 one of its processes by name; returns the pid."""
        state = ServiceState.read(self.var)
        assert state is not None
        pid = int(state.processes[name])
        os.kill(pid, signal.SIGKILL)
        return pid

    def token(self, role: str) -> str:
        """A fresh access token."""
        done = rufbus("token", "create", "--role", role, env=self.environment())
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @cached_property
    def control_token(self) -> str:
        """A token for the control room."""
        return self.token("control")

    def audit(self) -> subprocess.CompletedProcess[str]:
        """`rufbus audit`."""
        return rufbus("audit", env=self.environment())

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def ask(client: httpx.Client, stops: list[dict[str, Any]], number: int) -> httpx.Response:
    """Ask for the ride of a number: its own pair of stops, its own time within six days."""
    later = timedelta(days=number % 6, minutes=(number * 37) % 600 + 30)
    body = {
        "origin": {"stop_id": stops[number * 7 % len(stops)]["id"]},
        "destination": {"stop_id": stops[(number * 11 + 20) % len(stops)]["id"]},
        "depart_at": (TUESDAY_10 + later).isoformat(),
        "party": {"seats": 1, "wheelchairs": 0},
    }
    return client.post("/api/v1/ride-requests", json=body)


def book(client: httpx.Client, offer_id: str, key: str) -> httpx.Response:
    """Take an offer."""
    body = {"offer_id": offer_id, "contact": {"name": "Test", "email": "test@example.org"}}
    return client.post("/api/v1/bookings", json=body, headers={"Idempotency-Key": key})


def canonical(body: Any) -> str:
    """A JSON value as comparable text."""
    return json.dumps(body, sort_keys=True)
