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
_TOWN: Final = "town"


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


def folder_name(var: Path, town: str) -> str:
    """Where below `var` the planner of a town keeps its things: towns do not see each other's.

    The town that comes first has `planner`, any other `planner-<town>`.

    Args:
        var: where everything generated or stored lives.
        town: the town's folder name.
    """
    folder = var / "planner"
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{_TOWN}.{os.getpid()}"
    draft.write_text(town, encoding="utf-8")
    with suppress(FileExistsError):
        os.link(draft, folder / _TOWN)
    draft.unlink()
    first = (folder / _TOWN).read_text(encoding="utf-8").strip()
    return folder.name if first == town else f"{folder.name}-{town}"
