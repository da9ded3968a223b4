"""Failures that come back every second, told so that the log stays readable."""

import logging
import time
from collections.abc import Callable
from typing import Final

_AGAIN_S: Final = 60.0


class Failures:
    """Logs what has failed, with its traceback; the same again once a minute at most.

    Args:
        log: where to.
        clock: seconds that only ever grow.
    """

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._told: dict[tuple[str, str], float] = {}
        self._silent: dict[tuple[str, str], int] = {}

    def __call__(self, what: str, error: Exception) -> None:
        """Log that something has failed, unless that was said a moment ago."""
        key, now = (what, repr(error)), self._clock()
        if now - self._told.get(key, -_AGAIN_S) < _AGAIN_S:
            self._silent[key] = self._silent.get(key, 0) + 1
            return
        self._told = {k: at for k, at in self._told.items() if now - at < _AGAIN_S} | {key: now}
        silent = self._silent.pop(key, 0)
        often = f", {silent + 1} times" if silent else ""
        self._log.error("%s failed%s", what, often, exc_info=error)
