"""Which of several web processes on one folder starts the planner's jobs, and who is the last.

Both are locks that the kernel gives back however a process ends.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_DUTY: Final = "duty"
_PRESENT: Final = "present"


class Duty:
    """One web process's part in keeping the jobs of a folder going.

    Args:
        folder: the planner's; made when missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._duty = os.open(folder / _DUTY, flags, 0o600)
        self._present = os.open(folder / _PRESENT, flags, 0o600)
        fcntl.flock(self._present, fcntl.LOCK_SH)

    def take(self) -> bool:
        """Whether this process is the one; if nobody is, it becomes it."""
        return _locked(self._duty)

    def leave(self) -> bool:
        """End, and say whether nobody is left who could take over."""
        last = _locked(self._present)
        os.close(self._duty)
        os.close(self._present)
        return last


def _locked(fd: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
