"""Keeps the service's processes running: embedded servers and children, restarted when they die.

One supervisor per var folder. It writes `run/service.json` there, collects the children's output in
`log/`, and when it is killed itself the kernel ends the children with it.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from subprocess import PIPE, Popen
from types import FrameType, TracebackType
from typing import IO, Any, ClassVar, Protocol, Self

from dispatch.embedded import EmbeddedError, EmbeddedPostgres, EmbeddedRedis
from dispatch.embedded.errors import FolderInUseError
from dispatch.embedded.process import LOG_LIMIT_BYTES, FolderLock, open_log, spawn

_TICK_S = 0.05
_FIRST_DELAY_S = 0.2
_LONGEST_DELAY_S = 5.0
_HEALTHY_AFTER_S = 30.0
_STARTUP_ATTEMPTS = 5
_LAST_LINES = 5
_LONGEST_LINE = 65_536
_IMPORTANT = ("WARNING", "ERROR", "CRITICAL", "Traceback (most recent call last)")
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class SupervisorError(Exception):
    """The service cannot be run; the message says what to do about it."""

    code: ClassVar[str] = "supervisor_error"


class ServiceRunningError(SupervisorError):
    """A service already runs on this var folder."""

    code = "service_already_running"


class ChildFailedError(SupervisorError):
    """A child died again and again before it was ever ready."""

    code = "child_failed"


def _print(line: str) -> None:
    with suppress(OSError):  # nobody at the console is no reason to stop
        print(line, flush=True)  # noqa: T201 (the console is where this belongs)


def is_important(line: str) -> bool:
    """Whether a line of a child's output is worth the console: warnings and worse."""
    return any(word in line for word in _IMPORTANT)


@dataclass(frozen=True)
class Child:
    """A process to be kept running.

    Attributes:
        name: Unique; also the name of its log file.
        command: Absolute path of the program, and its arguments.
        env: Variables on top of our own environment and the supervisor's.
        ready: Asked again and again until true; must answer within a fraction of a second.
        important: Which lines of its output are shown on the console.
        patience_s: How long it may take after SIGTERM before it is killed.
        fds: Open files that it inherits, under the same numbers.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    important: Callable[[str], bool] = is_important
    patience_s: float = 10.0
    fds: Sequence[int] = ()


@dataclass(frozen=True)
class ServiceState:
    """What `run/service.json` tells about a running service.

    Attributes:
        pid: The supervisor's process number.
        processes: Process numbers by name, of those that live at the moment.
        database_url: DSN of the database; may hold a password (the file is private).
        redis_url: URL of Redis.
        url: Where the web pages are.
        ready: Whether everything has been ready once.
        env: The variables all children were given, the clock among them.
    """

    pid: int
    processes: Mapping[str, int]
    database_url: str
    redis_url: str
    url: str
    ready: bool
    env: Mapping[str, str]

    def write(self, path: Path) -> None:
        """Write the file in one piece: readers see the old or the new state."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(self), file, indent=1)
        part.replace(path)

    @classmethod
    def read(cls, var: Path) -> Self | None:
        """The state of the service on `var`, None when none is running."""
        try:
            values: dict[str, Any] = json.loads(state_path(var).read_text("utf-8"))
            os.kill(values["pid"], 0)
            return cls(**values)
        except (OSError, ValueError, TypeError, KeyError):  # none, dead, or of another version
            return None


def state_path(var: Path) -> Path:
    """Where the state of the service on `var` stands."""
    return var / "run" / "service.json"


class Backoff:
    """How long to wait before the next start: longer each time, from new after a healthy life."""

    def __init__(self) -> None:
        self._delay_s = _FIRST_DELAY_S

    def after(self, lived_s: float) -> float:
        """Seconds to wait after a life of `lived_s` seconds."""
        if lived_s >= _HEALTHY_AFTER_S:
            self._delay_s = _FIRST_DELAY_S
        delay_s = self._delay_s
        self._delay_s = min(2 * delay_s, _LONGEST_DELAY_S)
        return delay_s


class Watched(Protocol):
    """What the supervisor can keep running; the embedded servers are such things, too."""

    @property
    def name(self) -> str:
        """Unique name."""

    @property
    def pid(self) -> int | None:
        """Process number while it lives."""

    def start(self) -> object:
        """Start it, or start it again."""

    def is_alive(self) -> bool:
        """Whether it runs."""

    def stop(self) -> None:
        """End it."""


class ChildProcess:
    """A child at work: the process, its log file, and the thread that copies its output there."""

    def __init__(
        self,
        child: Child,
        env: Mapping[str, str],
        log_path: Path,
        say: Callable[[str], None],
        hurry: Callable[[], bool],
    ) -> None:
        self.child = child
        self.name = child.name
        self.log_path = log_path
        self.last_lines: list[str] = []
        self._env = env
        self._say = say
        self._hurry = hurry
        self._process: Popen[bytes] | None = None
        self._pump: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """Process number while it lives."""
        self._bury()
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and alive else None

    @property
    def exit_status(self) -> int | None:
        """As `Popen.returncode`: negative for the signal that killed it."""
        return self._process.returncode if self._process is not None else None

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.pid is not None

    def start(self) -> None:
        """Start it, or start it again after its death."""
        self._clear()
        env = {**os.environ, "PYTHONUNBUFFERED": "1", **self._env, **self.child.env}
        process = spawn(self.child.command, env=env, output=PIPE, fds=self.child.fds)
        assert process.stdout is not None  # noqa: S101 (PIPE was asked for)
        self._process = process
        self.last_lines = []
        self._pump = threading.Thread(
            target=self._copy, args=(process.stdout,), name=f"log-{self.name}", daemon=True
        )
        self._pump.start()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when that has not helped in time or somebody is in a hurry."""
        process = self._process
        if process is not None and self.is_alive():
            process.terminate()
            deadline = time.monotonic() + self.child.patience_s
            while self.is_alive():
                if time.monotonic() > deadline or self._hurry():
                    process.kill()
                time.sleep(_TICK_S / 5)
        self._clear()

    def _bury(self) -> None:
        """Take note of its death, and end what it has started itself: its process group."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        # The zombie keeps its number from being given to another group until it is waited for.
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        if os.waitid(os.P_PID, process.pid, options) is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _clear(self) -> None:
        if self._pump is not None:
            self._pump.join(1.0)
        self._process = self._pump = None

    def _copy(self, output: IO[bytes]) -> None:
        log = open_log(self.log_path)
        with output:
            for raw in iter(lambda: output.readline(_LONGEST_LINE), b""):
                with suppress(OSError):  # on a full disk, too, a pipe must not fill up
                    log.write(raw)
                line = raw.decode(errors="replace").rstrip()
                self.last_lines = [*self.last_lines, line][-_LAST_LINES:]
                if self.child.important(line):
                    self._say(f"{self.name}: {line}")
                if log.tell() > LOG_LIMIT_BYTES:  # open_log sets it aside
                    log.close()
                    log = open_log(self.log_path)
        log.close()


@dataclass
class _Entry:
    watched: Watched
    backoff: Backoff = field(default_factory=Backoff)
    started_at: float = 0.0
    restart_at: float | None = None
    ready: bool = False
    ever_ready: bool = False
    attempts: int = 0


class Supervisor:
    """Runs one service on one var folder. Use it as a context manager, on the main thread.

    Args:
        var: The service's var folder; made when missing.
        say: Where lines for the console go.

    Attributes:
        env: Variables every child is given; filled by `start_servers`, free to be added to before
            the children are.
        url: Where the web pages are, for the state file.
    """

    def __init__(self, var: Path, *, say: Callable[[str], None] = _print) -> None:
        self.var = var.resolve()
        self.env: dict[str, str] = {"RUFBUS_VAR": str(self.var)}
        self.url = ""
        self._say = say
        self._lock = FolderLock(self.var / "run" / "lock")
        self._entries: list[_Entry] = []
        self._signals = 0
        self._ready = False

    def __enter__(self) -> Self:
        try:
            self._lock.acquire()
        except FolderInUseError as error:
            state = ServiceState.read(self.var)
            where = f" at {state.url}" if state and state.url else ""
            raise ServiceRunningError(
                f"a service already runs on {self.var}{where} ({error}); "
                "stop it, or set RUFBUS_VAR to another folder"
            ) from error
        state_path(self.var).unlink(missing_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start_servers(
        self, database_url: str | None = None, redis_url: str | None = None
    ) -> tuple[str, str]:
        """Start the embedded servers that are not replaced by real ones.

        Args:
            database_url: DSN of a real PostgreSQL, None for the embedded one.
            redis_url: URL of a real Redis, None for the embedded one.

        Returns:
            DSN and URL to be used; the children find them in DATABASE_URL and REDIS_URL.

        Raises:
            EmbeddedError: A server cannot be started.
        """
        if not database_url:
            database_url = self._begin_server(EmbeddedPostgres(self.var))
        if not redis_url:
            redis_url = self._begin_server(EmbeddedRedis(self.var))
        self.env |= {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
        return database_url, redis_url

    def _begin_server(self, server: EmbeddedPostgres | EmbeddedRedis) -> str:
        entry = _Entry(server, ready=True, ever_ready=True)
        self._entries.append(entry)
        address = server.start()
        entry.started_at = time.monotonic()
        return address

    def add(self, child: Child) -> None:
        """Start a child and keep it running; children are stopped in reverse order."""
        if any(entry.watched.name == child.name for entry in self._entries):
            raise ValueError(f"two children are called {child.name}")
        process = ChildProcess(
            child,
            self.env,
            self.var / "log" / f"{child.name}.log",
            self._say,
            lambda: self._signals > 1,
        )
        entry = _Entry(process)
        self._entries.append(entry)
        self._start(entry)

    def run(self, on_ready: Callable[[], None] | None = None) -> None:
        """Watch over everything until SIGTERM, SIGINT or SIGHUP, then stop it in order.

        A second signal kills what is still there.

        Args:
            on_ready: Called once, when all children are ready for the first time.

        Raises:
            ChildFailedError: A child cannot even be brought up; everything has been stopped.
        """
        with self._handled_signals():
            try:
                while not self._signals:
                    self._tick()
                    if not self._ready and all(entry.ready for entry in self._entries):
                        self._ready = True
                        self._write_state()
                        if on_ready is not None:
                            on_ready()
                    time.sleep(_TICK_S)
            finally:
                self.stop()

    def stop(self) -> None:
        """Stop everything, last started first, and give the var folder free."""
        for entry in reversed(self._entries):
            entry.watched.stop()
        self._entries.clear()
        if self._lock.held:
            state_path(self.var).unlink(missing_ok=True)
        self._lock.release()

    @contextmanager
    def _handled_signals(self) -> Iterator[None]:
        def note(_number: int, _frame: FrameType | None) -> None:
            self._signals += 1

        with ExitStack() as stack:
            for number in _SIGNALS:
                if signal.getsignal(number) is signal.SIG_IGN:
                    continue  # nohup, or a shell's background job
                stack.callback(signal.signal, number, signal.signal(number, note))
            yield

    def _tick(self) -> None:
        changed = False
        for entry in self._entries:
            if entry.restart_at is None and not entry.watched.is_alive():
                self._bury(entry)
                changed = True
            if entry.restart_at is not None and time.monotonic() >= entry.restart_at:
                self._start(entry)
                changed = True
            if not entry.ready and entry.restart_at is None and _is_ready(entry.watched):
                entry.ready = entry.ever_ready = True
        if changed:
            self._write_state()

    def _bury(self, entry: _Entry) -> None:
        """Note a death; decide when to try again, or that it is no use."""
        delay_s = entry.backoff.after(time.monotonic() - entry.started_at)
        entry.restart_at = time.monotonic() + delay_s
        entry.ready = False
        entry.attempts += 1
        watched = entry.watched
        how, last = "", ""
        if isinstance(watched, ChildProcess):
            how = _describe(watched.exit_status)
            last = "".join(f"\n  {line}" for line in watched.last_lines)
            if not entry.ever_ready and entry.attempts >= _STARTUP_ATTEMPTS:
                raise ChildFailedError(
                    f"{watched.name} could not be brought up, it ended{how} {entry.attempts} times "
                    f"(all it said: {watched.log_path}):{last}"
                )
        self._say(f"{watched.name} ended{how}, starting it again in {delay_s:.1f} s{last}")

    def _start(self, entry: _Entry) -> None:
        entry.started_at = time.monotonic()
        entry.restart_at = None
        try:
            entry.watched.start()
        except EmbeddedError as error:
            delay_s = entry.backoff.after(0.0)
            entry.restart_at = time.monotonic() + delay_s
            self._say(f"{entry.watched.name}: {error}; trying again in {delay_s:.1f} s")
        else:
            entry.ready = not isinstance(entry.watched, ChildProcess)
        self._write_state()

    def _write_state(self) -> None:
        pids = {entry.watched.name: entry.watched.pid for entry in self._entries}
        ServiceState(
            pid=os.getpid(),
            processes={name: pid for name, pid in pids.items() if pid is not None},
            database_url=self.env.get("DATABASE_URL", ""),
            redis_url=self.env.get("REDIS_URL", ""),
            url=self.url,
            ready=self._ready,
            env=self.env,
        ).write(state_path(self.var))


def _is_ready(watched: Watched) -> bool:
    if not isinstance(watched, ChildProcess) or watched.child.ready is None:
        return watched.is_alive()
    return watched.is_alive() and watched.child.ready()


def _describe(status: int | None) -> str:
    if status is None:
        return ""
    if status < 0:
        with suppress(ValueError):
            return f" by {signal.Signals(-status).name}"
    return f" with code {status}"


def python_command(module: str, *arguments: str) -> list[str]:
    """The command line that runs one of our modules with this very Python."""
    return [sys.executable, "-m", module, *arguments]
