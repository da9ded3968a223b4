"""The service's clock: the only place in the service and the simulations that asks what time it is.

Usually it shows real time. In a demo it may start at another instant and run faster; all processes
of one service agree on it through the environment variable RUFBUS_CLOCK.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Self

CLOCK_VARIABLE = "RUFBUS_CLOCK"
_STEP_S = 300  # opening hours are looked up in steps of five minutes
_HORIZON_S = 14 * 86_400
_FIELDS = 3


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
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """The clock the environment describes, real time when it describes none.

        Args:
            environment: Variables to look in, `os.environ` by default.

        Raises:
            ClockError: RUFBUS_CLOCK is not "origin_real:origin_service:speed".
        """
        text = (os.environ if environment is None else environment).get(CLOCK_VARIABLE, "")
        if not text:
            return cls()
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

    def now(self) -> float:
        """Service time in epoch seconds with fractions; never less than it was before."""
        shown = self.origin_service_s + (self._real_time() - self.origin_real_s) * self.speed
        with self._guard:
            self._latest = max(self._latest, shown)
            return self._latest

    def now_s(self) -> int:
        """Service time in whole epoch seconds, rounded down."""
        return math.floor(self.now())


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
