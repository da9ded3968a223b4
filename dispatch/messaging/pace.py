"""When to try again: longer and longer after failures, and not at all while a channel is down."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after the nth failure, real seconds: doubled each time, half of it random.

    Attributes:
        first_s: After the first failure, at most.
        longest_s: At most, ever.
    """

    first_s: float = 4.0
    longest_s: float = 300.0

    def after_s(self, attempts: int, rng: Random) -> float:
        """How long to wait after so many attempts (at least 1)."""
        whole = min(self.longest_s, self.first_s * 2.0 ** min(attempts - 1, 30))
        return whole * rng.uniform(0.5, 1.0)


class Breaker:
    """Keeps a channel that is down from being tried with every message.

    After `tolerance` failures of the channel in a row nobody may try for a while; then one may, and
    what comes of it decides for all.

    Args:
        tolerance: Failures in a row.
        first_s: How long nobody may try, at first.
        longest_s: How long at most.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        tolerance: int = 3,
        first_s: float = 5.0,
        longest_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tolerance = tolerance
        self._first_s = first_s
        self._longest_s = longest_s
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0
        self._probing = False
        self._guard = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether the channel counts as down."""
        return self._failures >= self._tolerance

    def may_try(self) -> bool:
        """Whether to try now; who is told yes reports by `succeeded`, `failed` or `nothing`."""
        with self._guard:
            if not self.is_open:
                return True
            if self._probing or self._clock() < self._open_until:
                return False
            self._probing = True
            return True

    def succeeded(self) -> None:
        """The channel works."""
        with self._guard:
            self._failures = 0
            self._probing = False

    def failed(self) -> None:
        """The channel itself has failed."""
        with self._guard:
            self._failures += 1
            self._probing = False
            if self.is_open:
                doublings = min(self._failures - self._tolerance, 30)
                pause_s = min(self._longest_s, self._first_s * 2.0**doublings)
                self._open_until = self._clock() + pause_s

    def nothing(self) -> None:
        """There was nothing to try with."""
        with self._guard:
            self._probing = False
