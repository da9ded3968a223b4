"""The service's clock: the only place in the service and the simulations that asks what time it is.

Usually it shows real time. In a demo it may start at another instant and run faster; in a simulated
week (`rufbus bench week`) somebody else moves its hand. All processes of one service agree on it
through the environment variable RUFBUS_CLOCK. Leases, patience and leadership never go by it.
"""

import logging
import math
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

_log = logging.getLogger(__name__)

CLOCK_VARIABLE = "RUFBUS_CLOCK"
_STEP_S = 300  # opening hours are looked up in steps of five minutes
_HORIZON_S = 14 * 86_400
_FIELDS = 3
_FILE: Final = "file:"
_MAGIC: Final = b"rufclock"
_HAND: Final = struct.Struct("<8sddd")  # the time stands there twice: half a change is no time

ClockKind = Literal["real", "demo", "driven"]


def real_time_s() -> float:
    """Real time, epoch seconds: of what happens on this machine and not in the service."""
    return time.time()


class ClockError(ValueError):
    """RUFBUS_CLOCK does not hold a clock."""

    code = "clock_invalid"


class ServiceClock:
    """Service time as a straight line over real time; never runs backwards within a process.

    Args:
        origin_real_s: An instant of real time, epoch seconds.
        origin_service_s: What the service's clock shows at that instant, epoch seconds.
        speed: Service seconds per real second, > 0.
        real_time: Where real time comes from, epoch seconds; for tests.

    Raises:
        ClockError: The speed is not positive, or a value is not finite.
    """

    def __init__(
        self,
        origin_real_s: float = 0.0,
        origin_service_s: float = 0.0,
        speed: float = 1.0,
        *,
        real_time: Callable[[], float] = time.time,
    ) -> None:
        if not all(map(math.isfinite, (origin_real_s, origin_service_s, speed))) or speed <= 0:
            raise ClockError(f"no clock: {origin_real_s}:{origin_service_s}:{speed}")
        self.origin_real_s = origin_real_s
        self.origin_service_s = origin_service_s
        self.speed = speed
        self._real_time = real_time
        self._latest = -math.inf
        self._guard = threading.Lock()

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> "ServiceClock":
        """The clock the environment describes, real time when it describes none.

        Args:
            environment: Variables to look in, `os.environ` by default.

        Raises:
            ClockError: RUFBUS_CLOCK is neither "origin_real:origin_service:speed" nor "file:PATH".
        """
        text = (os.environ if environment is None else environment).get(CLOCK_VARIABLE, "")
        if not text:
            return cls()
        if text.startswith(_FILE):
            return DrivenClock(Path(text.removeprefix(_FILE)))
        try:
            values = [float(part) for part in text.split(":")]
        except ValueError as error:
            raise ClockError(f"{CLOCK_VARIABLE}={text} is not three numbers") from error
        if len(values) != _FIELDS:
            raise ClockError(f"{CLOCK_VARIABLE}={text} is not three numbers")
        return cls(*values)

    def to_env(self) -> dict[str, str]:
        """The environment that makes a child process show the same time, exactly."""
        parts = (self.origin_real_s, self.origin_service_s, self.speed)
        return {CLOCK_VARIABLE: ":".join(map(repr, parts))}

    @property
    def is_real(self) -> bool:
        """Whether this clock shows real time."""
        return self.speed == 1.0 and self.origin_real_s == self.origin_service_s

    @property
    def kind(self) -> ClockKind:
        """What people who look after the service should know about it."""
        return "real" if self.is_real else "demo"

    def _shown(self) -> float:
        return self.origin_service_s + (self._real_time() - self.origin_real_s) * self.speed

    def now(self) -> float:
        """Service time in epoch seconds with fractions; never less than it was before."""
        shown = self._shown()
        with self._guard:
            self._latest = max(self._latest, shown)
            return self._latest

    def now_s(self) -> int:
        """Service time in whole epoch seconds, rounded down."""
        return math.floor(self.now())


class DrivenClock(ServiceClock):
    """Shows what stands in a file that a `ClockHand` writes, so time passes in leaps.

    For simulated weeks only; whoever runs on it says so in the log and in `/healthz`.

    Args:
        path: The file.

    Raises:
        ClockError: There is no such file, or it is something else.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self._page = mmap.mmap(file.fileno(), _HAND.size, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise ClockError(f"{path} is no clock: {error}") from error
        magic, shown, _, speed = _HAND.unpack_from(self._page)
        if magic != _MAGIC:
            raise ClockError(f"{path} is no clock")
        super().__init__(0.0, shown, speed)
        self._path = path
        _log.warning("time is not real: the clock is driven by %s", path)

    @property
    def is_real(self) -> bool:
        """Never."""
        return False

    @property
    def kind(self) -> ClockKind:
        """Driven by somebody else."""
        return "driven"

    def to_env(self) -> dict[str, str]:
        """The environment that makes a child process read the same file."""
        return {CLOCK_VARIABLE: f"{_FILE}{self._path}"}

    def _shown(self) -> float:
        while True:
            _, first, second, _ = _HAND.unpack_from(self._page)
            if first == second:
                return float(first)


class ClockHand:
    """Moves the clock of all processes that were given its environment; a context manager.

    Args:
        path: Where its file is made.
        start_s: What it shows at first, epoch seconds.
        speed: About how many service seconds pass per real second, for whoever has to plan ahead.
    """

    def __init__(self, path: Path, start_s: float, speed: float) -> None:
        self.now_s = start_s
        self.speed = speed
        self._path = path.resolve()
        self._path.write_bytes(_HAND.pack(_MAGIC, start_s, start_s, speed))
        with self._path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), _HAND.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._page.close()

    @property
    def env(self) -> dict[str, str]:
        """What processes are given to follow it."""
        return {CLOCK_VARIABLE: f"{_FILE}{self._path}"}

    def move(self, to_s: float) -> None:
        """Show a later time; an earlier one changes nothing."""
        if to_s > self.now_s:
            self.now_s = to_s
            _HAND.pack_into(self._page, 0, _MAGIC, to_s, to_s, self.speed)


def real_now() -> float:
    """Real time in epoch seconds: for certificates, log lines and the like, never for decisions."""
    return time.time()


def demo_clock(
    real_now_s: float,
    last_event_at_s: float | None,
    is_open: Callable[[int], bool],
    *,
    speed: float = 1.0,
    after_opening_s: int = 7200,
    still_open_s: int = 3600,
) -> ServiceClock:
    """A clock on which there is something to see.

    Real time when the service runs now (and for a while yet); otherwise some time after the next
    opening. Never earlier than the last stored event, so that time goes on where an earlier demo,
    which may have run ahead of real time, has left it.

    Args:
        real_now_s: Real time, epoch seconds.
        last_event_at_s: Service time of the last stored event, None when there is none.
        is_open: Whether the service runs at an epoch second.
        speed: Service seconds per real second.
        after_opening_s: How long after the opening a demo begins, when that is still open.
        still_open_s: How long the service must still run for a demo to begin at a given time.

    Returns:
        The clock; it shows its origin at `real_now_s`.
    """
    earliest = real_now_s
    if last_event_at_s is not None:
        earliest = max(earliest, math.floor(last_event_at_s) + 1)
    start = _next_running(earliest, is_open, after_opening_s, still_open_s)
    return ServiceClock(real_now_s, start, speed)


def _next_running(
    earliest: float, is_open: Callable[[int], bool], after_opening_s: int, still_open_s: int
) -> float:
    first = math.ceil(earliest)
    if is_open(first) and is_open(first + still_open_s):
        return earliest
    grid = range(first - first % _STEP_S + _STEP_S, first + _HORIZON_S, _STEP_S)
    was_open = is_open(first)
    for instant in grid:
        opens = is_open(instant) and not was_open
        was_open = is_open(instant)
        if opens:
            later = instant + after_opening_s
            return later if is_open(later) and is_open(later + still_open_s) else instant
    return earliest  # a service that never runs: its clock is as good as any
