"""A town of any size out of a town's folder, and a real service on it that cleans up after itself.

The service is the very one that `rufbus serve` runs, in processes of its own, on a clock that shows
a weekday morning.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

from dispatch.clock import real_now
from simulations.benchmarks.errors import BenchmarkError

UP_WITHIN_S = 300.0
_STOP_WITHIN_S = 30.0
_TICK_S = 0.1
_ERRORS = (" ERROR ", " CRITICAL ", "Traceback (most recent call last)")
_MORNING = time_of_day(10, 0)
_TUESDAY = 1
_VEHICLE = """
[[vehicles]]
id = "v{n}"
name = "Shuttle {n}"
depot = "{depot}"
configurations = [{{ seats = 8, wheelchairs = 0 }}, {{ seats = 5, wheelchairs = 1 }}]
"""
_SHIFTS = """
[[shifts]]
vehicle = "v{n}"
days = {days}
start = "05:00"
end = "14:00"
[[shifts]]
vehicle = "v{n}"
days = {days}
start = "14:00"
end = "23:00"
"""


class LiveService:
    """`rufbus serve` on a copy of a town in a temporary folder; a context manager.

    Args:
        town: the folder of the town to begin with.
        var: where its roads may lie already, to save the time of making them.
        vehicles: how many vehicles the town gets, each staffed all day; None leaves its own.
        arguments: more of `rufbus serve`.
        days: kinds of day on which these vehicles are staffed.

    Attributes:
        town: the copy's folder.
        var: the service's folder for everything generated or stored.
        url: where the pages are.
        extra: variables for all processes; the clock's replaces the usual one.
    """

    def __init__(
        self,
        town: Path,
        var: Path,
        vehicles: int | None,
        arguments: Sequence[str] = (),
        days: Sequence[str] = ("weekday",),
    ) -> None:
        self._arguments = tuple(arguments)
        self._folder = Path(tempfile.mkdtemp(prefix="rufbus-live-"))
        self.var = self._folder / "var"
        self.town = self._folder / town.name
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.extra: Mapping[str, str] = {}
        try:
            _scaled(town, self.town, vehicles, days)
            self.var.mkdir()
            if (var / "roads").is_dir():
                shutil.copytree(var / "roads", self.var / "roads")
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def launch(self) -> None:
        """Start the service; `is_up` tells when it serves."""
        self.url = ""
        with (self._folder / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-m", "dispatch.cli", "serve", "--offline", *self._arguments],
                env=self._environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start the service and wait until it serves.

        Raises:
            BenchmarkError: it does not come up.
        """
        self.launch()
        deadline = time.monotonic() + UP_WITHIN_S
        while not self.is_up():
            if time.monotonic() > deadline:
                raise BenchmarkError(f"the service did not come up:\n{self._said()}")
            time.sleep(_TICK_S)

    def is_up(self) -> bool:
        """Whether all of the service has been ready; `url` is known from then on.

        Raises:
            BenchmarkError: it has ended.
        """
        state = self._state()
        if state.get("ready"):
            self.url = str(state["url"])
            return True
        if self._process is None or self._process.poll() is not None:
            raise BenchmarkError(f"the service has ended:\n{self._said()}")
        return False

    def lose_power(self) -> None:
        """Kill the supervisor, and with it everything; nothing is put in order."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Stop the service in order; what is stored stays."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def close(self) -> None:
        """Stop the service and remove its folder."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command line on this service, to its end."""
        return subprocess.run(  # noqa: S603 - our own command line
            [sys.executable, "-m", "dispatch.cli", *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def keep_as(self, folder: Path) -> None:
        """Copy logs and data to a folder, to be looked at."""
        shutil.copytree(self._folder, folder, dirs_exist_ok=True, ignore_dangling_symlinks=True)

    def pid(self, name: str) -> int | None:
        """The process number of one of the service's processes, None while it is not there."""
        pid = self._state().get("processes", {}).get(name)
        return None if pid is None else int(pid)

    def pids(self) -> dict[str, int]:
        """The process numbers of all that live at the moment, by name."""
        return {name: int(pid) for name, pid in self._state().get("processes", {}).items()}

    def token(self, role: str) -> str:
        """A fresh access token."""
        done = self.command("token", "create", "--role", role)
        if done.returncode:
            raise BenchmarkError(f"no token was made:\n{done.stderr}")
        return done.stdout.strip()

    def logged(self, name: str, words: str) -> int:
        """In how many lines of a process's log the words occur."""
        return self._log(name).count(words)

    def errors(self, name: str) -> list[str]:
        """The lines of a process's log that tell of an error, or begin a traceback."""
        lines = self._log(name).splitlines()
        return [line for line in lines if any(word in line for word in _ERRORS)]

    def _log(self, name: str) -> str:
        path = self.var / "log" / f"{name}.log"
        return path.read_text("utf-8", "replace") if path.is_file() else ""

    def _environment(self) -> dict[str, str]:
        zone = ZoneInfo(tomllib.loads(_service_file(self.town))["town"]["timezone"])
        today = date(2026, 3, 9)
        while today.weekday() != _TUESDAY:
            today += timedelta(days=1)
        shown_s = datetime.combine(today, _MORNING, zone).timestamp()
        names = ("DATABASE_URL", "REDIS_URL", "RUFBUS_DEMO")
        kept = {key: value for key, value in os.environ.items() if key not in names}
        self._began_s = getattr(self, "_began_s", real_now())
        return kept | {
            "RUFBUS_VAR": str(self.var),
            "RUFBUS_TOWN": str(self.town),
            "RUFBUS_CLOCK": f"{self._began_s!r}:{shown_s!r}:1.0",
            **self.extra,
        }

    def _state(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads((self.var / "run" / "service.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return state

    def _said(self) -> str:
        return (self._folder / "serve.log").read_text("utf-8", "replace")


def _service_file(folder: Path) -> str:
    try:
        return (folder / "service.toml").read_text("utf-8")
    except OSError as error:
        raise BenchmarkError(f"{folder} is no town's folder: {error}") from error


def _scaled(town: Path, folder: Path, vehicles: int | None, days: Sequence[str]) -> None:
    """Copy a town, with so many vehicles instead of its own if a number is given."""
    text = _service_file(town)
    depots = [depot["id"] for depot in tomllib.loads(text)["depots"]]
    shutil.copytree(town, folder)
    if vehicles is None:
        return
    shifts = _SHIFTS.replace("{days}", json.dumps(list(days)))
    fleet = "".join(
        _VEHICLE.format(n=n, depot=depots[n % len(depots)]) + shifts.format(n=n)
        for n in range(1, vehicles + 1)
    )
    kept = _without_tables(text, {"[[vehicles]]", "[[shifts]]"})
    (folder / "service.toml").write_text(kept + fleet, encoding="utf-8")


def _without_tables(text: str, headings: set[str]) -> str:
    """A TOML file without the tables under some headings."""
    lines, keeps = [], True
    for line in text.splitlines(keepends=True):
        if line.startswith("["):
            keeps = line.split("#")[0].strip() not in headings
        if keeps:
            lines.append(line)
    return "".join(lines)
