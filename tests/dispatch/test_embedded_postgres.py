import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from dispatch.embedded import EmbeddedPostgres, postgres, process
from dispatch.embedded.errors import (
    DataFolderError,
    FolderInUseError,
    FolderUnreachableError,
    SocketFolderError,
    StartFailedError,
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """A stopped var folder with a committed row, to be copied by tests that harm it."""
    var = Path(tempfile.mkdtemp(prefix="rufbus-test-"))
    with EmbeddedPostgres(var) as server, psycopg.connect(server.address) as connection:
        connection.execute("CREATE TABLE ride (id int)")
        connection.execute("INSERT INTO ride VALUES (1)")
    yield var
    shutil.rmtree(var)


@pytest.fixture
def var(cluster: Path, tmp_path: Path) -> Path:
    """A var folder of one's own below pytest's folder, which only its owner may enter."""
    subprocess.run(["cp", "-a", cluster / "postgres", tmp_path], check=True)
    return tmp_path


def rides(dsn: str) -> list[int]:
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM ride ORDER BY id")]


def gone(pid: int, within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


def test_cold_and_warm_start(tmp_path: Path) -> None:
    began = time.monotonic()
    with EmbeddedPostgres(tmp_path) as server:
        assert time.monotonic() - began < 10
        with psycopg.connect(server.address) as connection:
            row = connection.execute(
                "SELECT current_database(), current_setting('fsync'), current_setting('TimeZone'),"
                " current_setting('listen_addresses'), current_setting('server_encoding')"
            ).fetchone()
        assert row == ("rufbus", "on", "UTC", "", "UTF8")
        assert server.is_alive()
    assert not server.is_alive()
    began = time.monotonic()
    with server:
        assert time.monotonic() - began < 3


def test_killed_server_starts_again_with_what_was_committed(var: Path) -> None:
    with EmbeddedPostgres(var) as server:
        pid = server.pid
        assert pid
        with psycopg.connect(server.address) as connection:
            connection.execute("INSERT INTO ride VALUES (2)")
            connection.commit()
            os.kill(pid, signal.SIGKILL)
            assert gone(pid)
        assert not server.is_alive()
        assert server.start() == server.address
        assert server.pid != pid
        assert rides(server.address) == [1, 2]


def test_start_is_idempotent(var: Path) -> None:
    with EmbeddedPostgres(var) as server:
        pid = server.pid
        assert server.start() == server.address
        assert server.pid == pid


def test_lost_socket_counts_as_dead(var: Path) -> None:
    with EmbeddedPostgres(var) as server:
        server._socket.unlink()
        assert not server.is_alive()
        assert rides(server.start()) == [1]


def test_our_own_death_leaves_no_server_and_no_damage(var: Path) -> None:
    code = """
        import sys, time, psycopg
        from pathlib import Path
        from dispatch.embedded import EmbeddedPostgres
        server = EmbeddedPostgres(Path(sys.argv[1]))
        with psycopg.connect(server.start()) as connection:
            connection.execute("INSERT INTO ride VALUES (2)")
        print(server.pid, flush=True)
        time.sleep(60)
    """
    starter = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(var)], stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout
    with starter.stdout as output:
        pid = int(output.readline())
    with pytest.raises(FolderInUseError, match=str(starter.pid)):
        EmbeddedPostgres(var)._lock.acquire()
    starter.kill()
    starter.wait()
    assert gone(pid)
    with EmbeddedPostgres(var) as server:
        assert rides(server.address) == [1, 2]


def test_orphan_of_an_earlier_run_is_ended(var: Path) -> None:
    with EmbeddedPostgres(var) as first:
        orphan = first.pid
        assert orphan
        first._lock.release()  # what the kernel does when the process that started it dies
        with EmbeddedPostgres(var) as second:
            assert gone(orphan)
            assert rides(second.address) == [1]


def test_stopped_orphan_is_killed(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedPostgres(var) as first:
        orphan = first.pid
        assert orphan
        os.kill(orphan, signal.SIGSTOP)
        first._lock.release()
        monkeypatch.setattr(process, "_POLITE_S", 0.3)
        with EmbeddedPostgres(var) as second:
            assert gone(orphan)
            assert rides(second.address) == [1]


def test_second_start_on_the_same_folder_is_refused(
    var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.embedded.server._LOCK_PATIENCE_S", 0.1)
    with EmbeddedPostgres(var) as first:
        with pytest.raises(FolderInUseError, match=str(os.getpid())) as caught:
            EmbeddedPostgres(var).start()
        assert caught.value.code == "folder_in_use"
        assert first.is_alive()


@pytest.mark.parametrize(
    "content", ["", "1\n", f"{os.getpid()}\n/somewhere\n0\n5432\n\n\n\nready\n"]
)
def test_stale_pid_file_is_no_obstacle(var: Path, content: str) -> None:
    pid_file = var / "postgres" / "data" / "postmaster.pid"
    pid_file.write_text(content)
    with EmbeddedPostgres(var) as server:
        assert rides(server.address) == [1]


def test_long_path(cluster: Path, tmp_path: Path) -> None:
    var = tmp_path / ("very-long-" * 12) / ("and-longer-" * 12)
    var.mkdir(parents=True)
    subprocess.run(["cp", "-a", cluster / "postgres", var], check=True)
    with EmbeddedPostgres(var) as server:
        assert rides(server.address) == [1]


def test_interrupted_creation_starts_over(tmp_path: Path) -> None:
    part = tmp_path / "postgres" / "data.part"
    part.mkdir(parents=True)
    (part / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path) as server:
        assert server.is_alive()
    assert not part.exists()


def test_occupied_folder(tmp_path: Path) -> None:
    data = tmp_path / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "diary.txt").write_text("mine")
    with pytest.raises(DataFolderError, match="move it away") as caught:
        EmbeddedPostgres(tmp_path).start()
    assert caught.value.code == "data_folder_unusable"
    assert (data / "diary.txt").read_text() == "mine"


def test_other_version(var: Path) -> None:
    (var / "postgres" / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(DataFolderError, match="written by PostgreSQL 16"):
        EmbeddedPostgres(var).start()


def test_corrupt_folder(var: Path) -> None:
    (var / "postgres" / "data" / "global" / "pg_control").unlink()
    server = EmbeddedPostgres(var)
    with pytest.raises(StartFailedError, match="could not find the database system") as caught:
        server.start()
    assert caught.value.code == "server_start_failed"
    assert not server.is_alive()
    assert not server._lock.held


def test_foreign_socket_folder(
    var: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("t")))
    with EmbeddedPostgres(var) as server:
        sockets = server._sockets
    assert sockets
    sockets.mkdir(mode=0o755)
    sockets.chmod(0o755)
    with pytest.raises(SocketFolderError, match="not a private folder"):
        EmbeddedPostgres(var).start()
    sockets.rmdir()
    sockets.symlink_to(var)
    with pytest.raises(SocketFolderError):
        EmbeddedPostgres(var).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_cannot_reach_the_folder_as_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(postgres, "_permitted_capabilities", lambda: 0)
    with pytest.raises(FolderUnreachableError, match="RUFBUS_VAR") as caught:
        EmbeddedPostgres(tmp_path).start()
    assert caught.value.code == "folder_unreachable"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can own somebody else's data")
def test_data_restored_by_root_is_given_back(var: Path) -> None:
    subprocess.run(["chown", "-R", "0:0", var / "postgres"], check=True)
    with EmbeddedPostgres(var) as server:
        assert rides(server.address) == [1]


def test_server_outlives_the_thread_that_started_it(var: Path) -> None:
    server = EmbeddedPostgres(var)
    with ThreadPoolExecutor(1) as pool:
        address = pool.submit(server.start).result()
    with server:
        assert rides(address) == [1]


def test_users_own_settings_do_not_leak_in(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "9999")
    monkeypatch.setenv("PGDATA", "/nonexistent")
    with EmbeddedPostgres(var) as server:
        assert rides(server.address) == [1]


def test_fixture_gives_an_empty_database(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        tables = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone()
    assert tables == (0,)
