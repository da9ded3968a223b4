"""Named points at which tests make a process die, stop, stutter or fail; without effect in service.

Nothing happens unless RUFBUS_FAILPOINTS is set, for example to
`dispatcher:commit:before@3=kill; web:wake:after@1=delay:200`: what to do at a point's n-th hit.
`record=FILE` writes the name of each point that is hit to a file, so that points are discovered
instead of listed.
"""

import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

VARIABLE: Final = "RUFBUS_FAILPOINTS"
_log = logging.getLogger(__name__)


class InjectedError(OSError):
    """What the action `error` raises: a failure of the world outside, on purpose."""


class FailPointSyntaxError(ValueError):
    """RUFBUS_FAILPOINTS cannot be understood."""


class _Plan:
    """What to do where, and how often each point has been hit."""

    def __init__(self, text: str) -> None:
        self._actions: dict[tuple[str, int], Callable[[], None]] = {}
        self._record: int | None = None
        self._hits: Counter[str] = Counter()
        self._guard = threading.Lock()
        for part in filter(None, map(str.strip, text.split(";"))):
            place, separator, what = part.partition("=")
            if not separator:
                raise FailPointSyntaxError(f"{part!r} is not POINT@N=ACTION")
            if place == "record":
                self._record = os.open(what, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                continue
            point, _, number = place.rpartition("@")
            if not point or not number.isdecimal():
                raise FailPointSyntaxError(f"{place!r} is not POINT@N")
            self._actions[point, int(number)] = _action(what)

    def reach(self, point: str) -> None:
        with self._guard:
            self._hits[point] += 1
            action = self._actions.get((point, self._hits[point]))
        if self._record is not None:
            os.write(self._record, f"{point}\n".encode())
        if action is not None:
            action()


def _action(what: str) -> Callable[[], None]:
    kind, _, argument = what.partition(":")
    match kind:
        case "kill":
            return lambda: os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            return lambda: os.kill(os.getpid(), signal.SIGSTOP)
        case "delay" if argument.isdecimal():
            return lambda: time.sleep(int(argument) / 1000)
        case "error":
            return _fail
        case _:
            raise FailPointSyntaxError(f"{what!r} is not kill, stop, delay:MS or error")


def _fail() -> None:
    raise InjectedError("injected by a fail-point")


_plan: _Plan | None = None


def arm(text: str | None) -> None:
    """Set what to do where, from new; None or an empty text switches everything off.

    Args:
        text: as in RUFBUS_FAILPOINTS.

    Raises:
        FailPointSyntaxError: it is none.
    """
    global _plan  # noqa: PLW0603 - one process, one plan
    _plan = _Plan(text) if text else None
    if _plan is not None:
        _log.warning("%s is set: this process may be killed on purpose", VARIABLE)


def are_armed() -> bool:
    """Whether anything may happen at any point."""
    return _plan is not None


def hit(point: str) -> None:
    """A named point in the program has been reached."""
    if _plan is not None:
        _plan.reach(point)


arm(os.environ.get(VARIABLE))
