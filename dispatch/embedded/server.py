"""What PostgreSQL and Redis have in common as embedded servers: one life cycle.

Take the folder's lock, end what an earlier run has left, launch, wait until it answers.
"""

import subprocess
import threading
import time
from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from signal import Signals
from types import TracebackType
from typing import IO, ClassVar, Self

from dispatch.embedded.errors import BinaryMissingError, StartFailedError
from dispatch.embedded.process import (
    FolderLock,
    end,
    end_leftovers,
    open_log,
    remove_folder,
)

_POLL_S = 0.01
_LOCK_PATIENCE_S = 5.0  # a predecessor that has just been told to stop may still be at it


class EmbeddedServer(ABC):
    """A server below a var folder that lives no longer than the process that started it.

    Args:
        var: The service's var folder; made when missing.
    """

    name: ClassVar[str]
    program: ClassVar[str]
    farewell: ClassVar[tuple[tuple[Signals, float], ...]]

    def __init__(self, var: Path) -> None:
        self.folder = var.resolve() / self.name
        self.log_path = var.resolve() / "log" / f"{self.name}.log"
        self._lock = FolderLock(self.folder / "lock")
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets: Path | None = None
        self._log_start = 0
        self._guard = threading.RLock()

    @property
    def start_patience_s(self) -> float:
        """How long it may take to start."""
        return 60.0

    @property
    def pid(self) -> int | None:
        """Process number of the server while it lives."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    @abstractmethod
    def address(self) -> str:
        """Where clients connect; only meaningful after `start`."""

    @property
    @abstractmethod
    def _work_folder(self) -> Path:
        """The folder the server changes into: how leftovers are recognised."""

    @property
    @abstractmethod
    def _socket(self) -> Path:
        """The socket clients connect to."""

    @abstractmethod
    def _prepare(self) -> None:
        """Bring the folders into a state the server can start on."""

    @abstractmethod
    def _launch(self) -> subprocess.Popen[bytes]:
        """Start the server."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server takes commands."""

    @abstractmethod
    def _finish(self) -> None:
        """What is to be done once the server answers for the first time."""

    def start(self) -> str:
        """Start the server, or start it again after it has been killed.

        Without effect while it lives. Call it on the main thread: only then does the kernel end
        the server with us.

        Returns:
            The address for clients.

        Raises:
            EmbeddedError: It cannot be started; the code and the message say why.
        """
        with self._guard:
            if self.is_alive():
                return self.address
            held_before = self._lock.held
            self._lock.acquire(_LOCK_PATIENCE_S)
            try:
                self._end_process()
                end_leftovers(self._work_folder, self.program, self.farewell[0][0])
                self._prepare()
                self._process = self._launch()
                self._wait()
                self._finish()
            except BaseException:
                self._end_process()
                if not held_before:
                    self.stop()
                raise
            return self.address

    def is_alive(self) -> bool:
        """Whether the server runs and can be reached."""
        return self.pid is not None and self._sockets is not None and self._socket.exists()

    def stop(self) -> None:
        """End the server in an orderly way; without effect when it is not running."""
        with self._guard:
            self._end_process()
            if self._sockets is not None:
                remove_folder(self._sockets)
                self._sockets = None
            self._lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _end_process(self) -> None:
        if self._process is not None:
            end(self._process, *self.farewell)
            self._process = None

    def _wait(self) -> None:
        deadline = time.monotonic() + self.start_patience_s
        process = self._process
        while process is not None and process.poll() is None:
            if self._answers():
                return
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_S)
        raise StartFailedError(
            f"{self.program} could not be started on {self.folder}: {self._last_words()} "
            f"(all of it: {self.log_path})"
        )

    def _last_words(self) -> str:
        """The end of the log since this start, on one line."""
        with self.log_path.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read()[-2000:].decode(errors="replace").splitlines()
        return " | ".join(line for line in lines[-6:] if line) or "no output"

    def _open_log(self) -> IO[bytes]:
        log = open_log(self.log_path)
        self._log_start = log.tell()
        return log


def packaged_file(package: str, *parts: str) -> Path:
    """Find a file of an installed wheel without importing the wheel's own code.

    Args:
        package: Import name of the wheel.
        parts: Path below the package.

    Returns:
        The file's path.

    Raises:
        BinaryMissingError: The wheel or the file is not there.
    """
    spec = find_spec(package)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(location, *parts)
        if path.exists():
            return path
    raise BinaryMissingError(
        f"{'/'.join((package, *parts))} is not installed; run `make` again, or "
        "set DATABASE_URL and REDIS_URL to servers of your own"
    )
