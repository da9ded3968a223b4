"""Backups with PostgreSQL's own tools, and the way back to any instant since the last one.

The embedded server's tools lie deep in a wheel and its socket in a private folder: this finds both.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from psycopg.conninfo import conninfo_to_dict

from dispatch.administration import database
from dispatch.clock import real_now
from dispatch.embedded import EmbeddedPostgres
from dispatch.embedded.postgres import MAJOR, tool
from dispatch.embedded.process import FolderLock

_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
}


class RestoreError(Exception):
    """A backup cannot be restored; nothing was changed."""

    code: ClassVar[str] = "restore_impossible"


def run_tool(var: Path, name: str, arguments: Sequence[str]) -> int:
    """Run a program of PostgreSQL's on the service's database; its exit code.

    Args:
        var: the service's var folder; DATABASE_URL names another server.
        name: such as `psql`, `pg_basebackup`, `pg_dump`.
        arguments: as the program wants them; it is told by its environment where to connect.

    Raises:
        BinaryMissingError: there is no such program.
        EmbeddedError: the database cannot be started.
    """
    program = tool(name)
    with database(var) as dsn:
        found = conninfo_to_dict(dsn)
        env = {_VARIABLES[key]: str(value) for key, value in found.items() if key in _VARIABLES}
        done = subprocess.run([str(program), *arguments], env=os.environ | env, check=False)  # noqa: S603 - ours
    return done.returncode


def restore(var: Path, backup: Path, wal: Path | None, until: datetime | None) -> Path | None:
    """Put a base backup in the place of the embedded server's data, to be rolled forward at once.

    What lay there is kept beside it. The server rolls forward when it starts, and is then as it was
    at that instant.

    Args:
        var: the service's var folder; the service has to be stopped.
        backup: a folder made by `pg_basebackup`.
        wal: where `archive_command` has put the write-ahead log; None: the backup as it is.
        until: the last instant to come back; None: as far as the log goes.

    Returns:
        Where the former data are now, None if there were none.

    Raises:
        RestoreError: that is no such backup, or of another version.
        FolderInUseError: the service, or its database, is running.
        StartFailedError: the log does not reach that far; the server's own words say more.
    """
    _check(backup, wal, until)
    server = EmbeddedPostgres(var)
    service, folder = FolderLock(var / "run" / "lock"), FolderLock(server.folder / "lock")
    try:
        service.acquire()
        folder.acquire()
        former = _exchange(server.data, backup, wal, until)
        folder.release()
        with server:
            pass  # rolls forward, and begins a new history
    finally:
        folder.release()
        service.release()
    return former


def _check(backup: Path, wal: Path | None, until: datetime | None) -> None:
    version = backup / "PG_VERSION"
    if not (backup / "backup_label").is_file() or not version.is_file():
        raise RestoreError(f"{backup} is no folder made by pg_basebackup")
    if version.read_text("ascii").strip() != MAJOR:
        raise RestoreError(f"{backup} was made by another version of PostgreSQL than {MAJOR}")
    if wal is not None and not wal.is_dir():
        raise RestoreError(f"{wal} is no folder")
    if until is not None and wal is None:
        raise RestoreError("an instant can only be reached with the archived log (--wal)")
    if until is not None and until.tzinfo is None:
        raise RestoreError("the instant needs a time zone, such as 2026-03-10T09:00:00+01:00")


def _exchange(data: Path, backup: Path, wal: Path | None, until: datetime | None) -> Path | None:
    part = data.with_name("data.restored")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(backup, part, symlinks=True)
    part.chmod(0o700)
    if wal is not None:
        fetch = f'cp "{wal.resolve()}/%f" "%p"'.replace("'", "''")
        lines = ["", f"restore_command = '{fetch}'", "recovery_target_action = 'promote'"]
        if until is not None:
            lines.append(f"recovery_target_time = '{until.astimezone(UTC).isoformat()}'")
        with (part / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        (part / "recovery.signal").touch()
    former = None
    if data.exists():
        now = datetime.fromtimestamp(real_now(), UTC)
        former = data.with_name(f"data.before-{now:%Y%m%dT%H%M%S}")
        data.rename(former)
    part.rename(data)
    return former
