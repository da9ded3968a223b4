"""Keeps one job: runs its command at low priority, passes a cancellation on, writes how it ended.

A program of its own (`python -m dispatch.planner.keeper FOLDER ALIVE_FD LIMIT_S COMMAND …`): so a
job outlives the web process that has started it, and its end is known to the next one. The lock on
ALIVE_FD says that it lives; however it dies, the kernel gives the lock back and ends the command.
"""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from dispatch.clock import real_time_s
from dispatch.embedded.process import spawn
from dispatch.planner.jobs import END, OUTPUT, Status, write_json
from dispatch.priority import stand_behind

if TYPE_CHECKING:
    from subprocess import Popen

_NICE: Final = 15
_POLL_S: Final = 0.1
_CANCEL_S: Final = 30.0  # a simulation that is asked to stop still writes what it knows
_LEAVE_S: Final = 5.0  # the same when the whole service stops: people wait for that
_LATE: Final = "it took longer than {limit_s:g} s"


class Keeper:
    """One command and its end."""

    def __init__(self, folder: Path, limit_s: float) -> None:
        self._folder = folder
        self._limit_s = limit_s
        self._wish: Status | None = None
        self._late = False

    def keep(self, command: list[str]) -> None:
        """Run the command to its end, and write that down."""
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)
        give_way()
        with (self._folder / OUTPUT).open("ab") as output:
            child = spawn(command, env=os.environ, cwd=self._folder, output=output)
        # It leads a session of its own; where sessions share the processor, that gives way, too.
        with suppress(OSError):
            Path(f"/proc/{child.pid}/autogroup").write_text(str(_NICE), encoding="ascii")
        code = self._wait(child)
        status: Status = self._wish or ("done" if code == 0 else "failed")
        reason = _LATE.format(limit_s=self._limit_s) if self._late else ""
        end = {"status": status, "code": code, "at_s": real_time_s(), "reason": reason}
        write_json(self._folder / END, end)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._wish = "cancelled" if number == signal.SIGINT else "interrupted"

    def _wait(self, child: "Popen[bytes]") -> int:
        deadline = time.monotonic() + self._limit_s
        asked = False
        while child.poll() is None:
            now = time.monotonic()
            if self._wish and not asked:
                asked = True
                patience_s = _CANCEL_S if self._wish == "cancelled" else _LEAVE_S
                deadline = now + patience_s
                child.send_signal(signal.SIGINT)
            if now >= deadline:
                self._late = not asked
                # The whole session: a simulation may have helpers.
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                return child.wait()
            time.sleep(_POLL_S)
        return int(child.returncode)


def give_way() -> None:
    """Riders and dispatchers come first."""
    stand_behind(_NICE)
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def main() -> None:
    """Keep the job named on the command line."""
    folder, _alive_fd, limit_s, *command = sys.argv[1:]
    Keeper(Path(folder), float(limit_s)).keep(command)


if __name__ == "__main__":
    main()
