import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import redis

from dispatch.embedded import EmbeddedRedis, server
from dispatch.embedded.errors import BinaryMissingError, FolderInUseError
from dispatch.embedded.server import packaged_file


def until_gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


def test_keeps_nothing_and_refuses_nothing(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as service, redis.Redis.from_url(service.address) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("appendonly") == {"appendonly": "no"}
        client.config_set("maxmemory", "3mb")
        for number in range(40):
            client.set(f"big{number}", b"x" * 100_000)
        assert client.exists("big39"), "new values are taken"
        assert client.dbsize() < 40, "at the cost of old ones"
    assert sorted(path.name for path in (tmp_path / "redis").iterdir()) == ["lock"]


def test_killed_server_starts_again_empty(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as service:
        pid = service.pid
        assert pid
        with redis.Redis.from_url(service.address) as client:
            client.set("position", "52.0")
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while service.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not service.is_alive()
        with redis.Redis.from_url(service.start()) as client:
            assert client.get("position") is None
        assert service.pid != pid


def test_restart_keeps_the_address(tmp_path: Path) -> None:
    service = EmbeddedRedis(tmp_path)
    with service:
        first = service.address
    with service:
        assert service.address == first


def test_second_start_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_LOCK_PATIENCE_S", 0.1)
    with EmbeddedRedis(tmp_path) as service:
        with pytest.raises(FolderInUseError):
            EmbeddedRedis(tmp_path).start()
        assert service.is_alive()


def test_long_path(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path / ("long-" * 20) / ("longer-" * 20)) as service:
        assert service.is_alive()


def test_our_own_death_leaves_no_server(tmp_path: Path) -> None:
    code = """
        import sys, time
        from pathlib import Path
        from dispatch.embedded import EmbeddedRedis
        server = EmbeddedRedis(Path(sys.argv[1]))
        server.start()
        print(server.pid, flush=True)
        time.sleep(60)
    """
    starter = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout
    with starter.stdout as output:
        pid = int(output.readline())
    starter.kill()
    starter.wait()
    assert until_gone(pid)
    with EmbeddedRedis(tmp_path) as service:
        assert service.is_alive()


def test_missing_wheel_is_named() -> None:
    with pytest.raises(BinaryMissingError, match="no_such_wheel/bin/server") as caught:
        packaged_file("no_such_wheel", "bin", "server")
    assert caught.value.code == "server_binary_missing"


def test_fixture_gives_an_empty_redis(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("a", "b")
