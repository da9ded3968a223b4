"""Processes, locks and socket folders: what both embedded servers and the supervisor stand on.

Linux only (prctl, /proc). Everything here is about one question: what is left when somebody is
killed with -9 at the worst moment.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dispatch.embedded import launch
from dispatch.embedded.errors import (
    FolderInUseError,
    LeftoverError,
    SocketFolderError,
    VarFolderError,
)

_SOCKET_PATH_LIMIT = 107  # bytes in sockaddr_un.sun_path without the closing zero, unix(7)
_LONGEST_SOCKET_NAME = ".s.PGSQL.5432"
_POLL_S = 0.01
_POLITE_S = 5.0
LOG_LIMIT_BYTES = 10_000_000


@dataclass(frozen=True)
class Identity:
    """The user a server runs as when we are root.

    Attributes:
        uid: User number, not 0.
        gid: Group number.
        capability: Number of the one Linux capability the server keeps, or None.
    """

    uid: int
    gid: int
    capability: int | None = None


def spawn(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    output: IO[bytes] | int = subprocess.DEVNULL,
    identity: Identity | None = None,
    death_signal: int = signal.SIGKILL,
    fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a program in its own session that dies with us.

    The kernel binds the child to the *thread* that started it, so the bond is only made on the main
    thread; a child started elsewhere survives us and is cleaned up by the next start.

    Args:
        command: Absolute path of the program and its arguments.
        env: The child's whole environment.
        cwd: The child's working folder.
        output: Where its standard output and error go.
        identity: The user to become, None to stay who we are.
        death_signal: What the child gets when we die.
        fds: Open files that it inherits, under the same numbers.

    Returns:
        The running child.
    """
    on_main_thread = threading.current_thread() is threading.main_thread()
    options = {
        "uid": identity.uid if identity else None,
        "gid": identity.gid if identity else None,
        "capability": identity.capability if identity else None,
        "parent_pid": os.getpid(),
        "death_signal": int(death_signal) if on_main_thread else None,
    }
    return subprocess.Popen(  # noqa: S603 (commands come from our own code)
        [sys.executable, "-I", "-S", launch.__file__, json.dumps(options), *command],
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=tuple(fds),
    )


def end(process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> int:
    """Ask ever less politely until the process is gone.

    Args:
        process: A child of ours.
        steps: Signals, each with the seconds to wait for its effect. SIGKILL follows by itself.

    Returns:
        The exit status as `Popen.returncode` has it.
    """
    for number, patience_s in steps:
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(patience_s)
    process.kill()
    return process.wait()


class FolderLock:
    """An exclusive lock on a folder for as long as this process lives.

    The kernel gives it back when we die, however we die, so it never has to be removed by hand.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd is not None

    def acquire(self, wait_s: float = 0.0) -> None:
        """Take the lock; taking it twice is one time.

        Args:
            wait_s: Seconds to wait for another process to give it back.

        Raises:
            FolderInUseError: Somebody else holds it.
            VarFolderError: The folder cannot be made or written.
        """
        if self.held:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise VarFolderError(
                f"cannot write to {self.path.parent}: {error.strerror}; "
                "set RUFBUS_VAR to a folder that can be made and written"
            ) from error
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno != errno.EWOULDBLOCK or time.monotonic() >= deadline:
                    holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
                    os.close(fd)
                    raise FolderInUseError(
                        f"{self.path.parent} is in use by the running process {holder}; "
                        "stop that one first, or set RUFBUS_VAR to another folder"
                    ) from error
                time.sleep(_POLL_S)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd

    def release(self) -> None:
        """Give the lock back; without effect when it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def socket_folder(for_folder: Path, kind: str, owner: Identity | None) -> Path:
    """Make a private folder whose path is short enough for unix sockets.

    Args:
        for_folder: The var folder it belongs to; the same one gives the same socket folder.
        kind: Name of the server, part of the folder's name.
        owner: Who must own it, None for ourselves.

    Returns:
        An existing folder that only its owner (and root) may enter.

    Raises:
        SocketFolderError: The temporary folders are too deep, or somebody else was there first.
    """
    uid = owner.uid if owner else os.geteuid()
    key = hashlib.sha256(str(for_folder.resolve()).encode()).hexdigest()[:12]
    bases = (tempfile.gettempdir(), "/tmp")  # noqa: S108 (ownership and mode are checked below)
    for base in bases:
        path = Path(base) / f"rufbus-{uid}-{key}-{kind}"
        if len(os.fsencode(path / _LONGEST_SOCKET_NAME)) <= _SOCKET_PATH_LIMIT:
            break
    else:
        raise SocketFolderError(f"{bases[0]} is too long a path for unix sockets; set TMPDIR")
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    status = path.lstat()
    if owner and status.st_uid == 0 == os.geteuid() and stat.S_ISDIR(status.st_mode):
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
        status = path.lstat()
    private = stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) & 0o077 == 0
    if not private or status.st_uid != uid:
        raise SocketFolderError(
            f"{path} is not a private folder of user {uid}; remove it, or set TMPDIR"
        )
    return path


def remove_folder(path: Path) -> None:
    """Remove a socket folder and what is in it, as far as possible."""
    shutil.rmtree(path, ignore_errors=True)


def working_in(folder: Path, program: str) -> list[int]:
    """Find the processes of a program whose working folder is `folder`.

    Args:
        folder: An absolute path; the folder itself may have been deleted.
        program: File name of the executable.

    Returns:
        Their process numbers; zombies are left out.
    """
    wanted = {str(folder), f"{folder} (deleted)"}
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str((entry / "cwd").readlink()) in wanted:
                executable = (entry / "exe").readlink().name
                if executable.removesuffix(" (deleted)") == program:
                    found.append(int(entry.name))
    return sorted(found)


def end_leftovers(folder: Path, program: str, polite: signal.Signals) -> None:
    """End the servers an earlier, killed run has left on `folder`.

    Only to be called under the folder's lock: then nobody living can own them.

    Args:
        folder: The servers' working folder.
        program: File name of their executable.
        polite: The signal for an orderly end; SIGKILL follows some seconds later.

    Raises:
        LeftoverError: They cannot be ended.
    """
    pids = working_in(folder, program)
    for number, patience_s in ((polite, _POLITE_S), (signal.SIGKILL, _POLITE_S)):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        deadline = time.monotonic() + patience_s
        while pids and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            pids = working_in(folder, program)
        if not pids:
            return
    raise LeftoverError(
        f"{program} of an earlier run still works on {folder} and cannot be ended; "
        f"end it by hand: kill -9 {' '.join(map(str, pids))}"
    )


def open_log(path: Path) -> IO[bytes]:
    """Open a log file for appending; one that has grown large is set aside first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab", buffering=0)


def clean_environment(drop_prefixes: Iterable[str] = ()) -> dict[str, str]:
    """Our environment without the variables that start with one of `drop_prefixes`."""
    prefixes = tuple(drop_prefixes)
    return {key: value for key, value in os.environ.items() if not key.startswith(prefixes)}
