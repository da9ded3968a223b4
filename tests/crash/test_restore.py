"""Backed up, destroyed, and brought back to an instant, as docs/operations.md says."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from crash_town import Site, Town
from running_service import rufbus, write_grid_town

from dispatch.embedded import EmbeddedPostgres
from dispatch.embedded.errors import FolderInUseError
from dispatch.embedded.postgres import MAJOR
from dispatch.restoring import RestoreError, restore, run_tool
from dispatch.store.migrate import migrate

pytestmark = [pytest.mark.crash, pytest.mark.slow]


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "wal"
    folder.mkdir()
    folder.chmod(0o777)  # the server may run as another user than we
    return folder


@pytest.fixture
def server(var: Path, archive: Path) -> Iterator[EmbeddedPostgres]:
    """A server that archives its log, as the documentation sets it up."""
    command = f'test ! -f "{archive}/%f" && cp "%p" "{archive}/%f"'
    with EmbeddedPostgres(var) as made:
        sql(made, "ALTER SYSTEM SET archive_mode = on")
        sql(made, f"ALTER SYSTEM SET archive_command = '{command}'")
        made.stop()
        made.start()
        migrate(made.address)
        yield made


def sql(server: EmbeddedPostgres, statement: str) -> tuple[object, ...] | None:
    with psycopg.connect(server.address, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone() if cursor.description else None


def founded(site: Site, server: EmbeddedPostgres) -> Town:
    here = Site(site.zygote, server.address, site.redis_url, site.folder, server, site.redis)
    return here.town()


def live(town: Town) -> None:
    """Riders ask and book; then the dispatcher goes."""
    dispatcher = town.start("dispatcher")
    assert town.finish() == []
    dispatcher.signal(signal.SIGTERM)
    assert dispatcher.wait() == 0


def archived(server: EmbeddedPostgres) -> None:
    """Everything up to now is in the archive."""
    (wanted,) = sql(server, "SELECT pg_walfile_name(pg_switch_wal())") or ("",)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        (last,) = sql(server, "SELECT last_archived_wal FROM pg_stat_archiver") or ("",)
        if isinstance(last, str) and last >= str(wanted):
            return
        time.sleep(0.1)
    pytest.fail(f"{wanted} was not archived: {server.log_path.read_text()[-2000:]}")


def command(var: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    town = write_grid_town(var.parent / "grid")
    return rufbus(*arguments, env={"RUFBUS_VAR": str(var), "RUFBUS_TOWN": str(town)} | env)


def test_back_to_an_instant(
    site: Site, server: EmbeddedPostgres, var: Path, archive: Path, tmp_path: Path
) -> None:
    before, between, after = (founded(site, server) for _ in range(3))
    live(before)
    backup = tmp_path / "base"
    made = command(
        var,
        *("postgres", "pg_basebackup", "--pgdata", str(backup), "--checkpoint=fast"),
        DATABASE_URL=server.address,
    )
    assert made.returncode == 0, made.stderr
    live(between)
    (instant,) = sql(server, "SELECT clock_timestamp()") or (None,)
    assert isinstance(instant, datetime)
    live(after)
    archived(server)

    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    (var / "postgres" / "data" / "global" / "pg_control").unlink()

    done = command(
        var, "restore", str(backup), "--wal", str(archive), "--until", instant.isoformat()
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "the former data are in" in done.stdout
    server.start()
    for town in (before, between):
        town.dsn = server.address
        assert town.findings() == []
        assert town.sql("SELECT 1 FROM booking WHERE area = %(area)s")
    after.dsn = server.address
    for table in ("booking", "event", "ride_request", "inbox", "rider"):
        assert after.sql(f"SELECT 1 FROM {table} WHERE area = %(area)s") == []  # noqa: S608
    live(founded(site, server))


def test_what_is_no_backup_changes_nothing(
    server: EmbeddedPostgres, var: Path, archive: Path, tmp_path: Path
) -> None:
    instant = datetime(2026, 3, 10, 9, tzinfo=UTC)
    nothing = tmp_path / "nothing"
    with pytest.raises(RestoreError, match="no folder made by pg_basebackup"):
        restore(var, server.data, archive, instant)
    backup = tmp_path / "base"
    code = run_tool_on(server, "pg_basebackup", f"--pgdata={backup}", "--checkpoint=fast")
    assert code == 0
    for wal, until, why in (
        (nothing, None, "is no folder"),
        (None, instant, "archived log"),
        (archive, instant.replace(tzinfo=None), "time zone"),
    ):
        with pytest.raises(RestoreError, match=why):
            restore(var, backup, wal, until)
    (backup / "PG_VERSION").write_text("12\n")
    with pytest.raises(RestoreError, match="another version"):
        restore(var, backup, archive, None)
    (backup / "PG_VERSION").write_text(f"{MAJOR}\n")
    with pytest.raises(FolderInUseError):
        restore(var, backup, archive, None)
    assert sql(server, "SELECT 1") == (1,)


def run_tool_on(server: EmbeddedPostgres, *arguments: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", server.address)
        return run_tool(server.folder.parent, arguments[0], arguments[1:])


def test_a_dump_of_one_database_is_a_backup_too(
    site: Site, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    """By pg_dump and pg_restore: as of the dump, into any server."""
    town = founded(site, server)
    live(town)
    dump = tmp_path / "rufbus.dump"
    assert run_tool_on(server, "pg_dump", "--format=custom", f"--file={dump}") == 0
    sql(server, "CREATE DATABASE again")
    back = server.dsn("again")
    assert run_tool_on(server, "pg_restore", "--dbname=again", "--no-owner", str(dump)) == 0
    town.dsn = back
    assert town.findings() == []
