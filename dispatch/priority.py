"""Who gets a processor first where there are too few for all."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

BEHIND_THE_DISPATCHER: Final = 5
"""A third of its share: there is one dispatcher, and whoever waits in the web waits for it."""
_LAST: Final = 19


def stand_behind(nice: int) -> None:
    """Let this process have less of a busy processor, as at the level `nice`."""
    os.nice(max(0, nice - os.nice(0)))  # whoever has started it may stand behind already
    # Where each session is a scheduling group of its own, the group is what has a priority.
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(nice), encoding="ascii")


def stand_last() -> None:
    """Let this process have a processor only when nobody else wants it."""
    stand_behind(_LAST)
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
