"""The garbage collector at rest: for start-up and for a day, which keep what they make.

Hardly any cycles come about in them, yet every full collection walks all that was ever made: a
tenth of a small run's start-up and half of its report, measured with Python 3.11.
"""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_RARELY: Final = 20
"""Times the usual number of new objects between two collections."""


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """What is there is not looked at again, and what comes is looked at rarely.

    Nothing changes where the collector rests already.
    """
    if gc.get_freeze_count():
        yield
        return
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_RARELY * before[0], *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def leave_quickly() -> None:
    """Let this process end without looking at all it has made once more, which takes half a second.

    For commands, which do nothing else afterwards.
    """
    atexit.register(gc.freeze)
