import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from dispatch.supervisor import (
    Backoff,
    Child,
    ServiceRunningError,
    ServiceState,
    Supervisor,
    is_important,
    state_path,
)

SERVICE = """
    import os, sys
    from pathlib import Path
    from dispatch.supervisor import Child, Supervisor, SupervisorError

    var, scripts = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        with Supervisor(var) as supervisor:
            if "servers" in sys.argv[3:]:
                real = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
                supervisor.start_servers(*real)
            supervisor.url = "http://127.0.0.1:1"
            for script in sorted(scripts.glob("*.py")):
                mark = var / f"{script.stem}.ready"
                child = Child(
                    script.stem,
                    [sys.executable, str(script), str(var)],
                    env={"ROLE": script.stem},
                    ready=mark.exists if "wait" in script.stem else None,
                    patience_s=1.0,
                )
                supervisor.add(child)
            supervisor.run(lambda: print("READY", flush=True))
        print("STOPPED", flush=True)
    except SupervisorError as error:
        sys.exit(f"{error.code}: {error}")
"""

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"


def eventually(condition: Callable[[], Any], within_s: float = 8.0) -> Any:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        with suppress(FileNotFoundError):  # a log that is not there yet
            if value := condition():
                return value
        time.sleep(0.02)
    raise AssertionError(f"did not happen within {within_s} s")


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


class Service:
    """A supervisor in a process of its own, over the scripts in a folder."""

    def __init__(self, folder: Path) -> None:
        self.var = folder / "var"
        self.scripts = folder / "scripts"
        self.scripts.mkdir()
        self.process: subprocess.Popen[str] | None = None

    def script(self, name: str, code: str = SLEEPER) -> None:
        (self.scripts / f"{name}.py").write_text(textwrap.dedent(code))

    def start(self, *options: str, env: dict[str, str] | None = None) -> "subprocess.Popen[str]":
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                textwrap.dedent(SERVICE),
                str(self.var),
                str(self.scripts),
                *options,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(env or {})},
        )
        return self.process

    def until_ready(self) -> ServiceState:
        def ready() -> ServiceState | None:
            assert self.process
            assert self.process.poll() is None, self.process.communicate()[0]
            state = ServiceState.read(self.var)
            return state if state and state.ready else None

        state: ServiceState = eventually(ready)
        return state

    def pid(self, name: str) -> int:
        pid: int = eventually(lambda: (ServiceState.read(self.var) or empty()).processes.get(name))
        return pid

    def finish(self, number: signal.Signals = signal.SIGTERM) -> str:
        assert self.process
        self.process.send_signal(number)
        return self.process.communicate(timeout=20)[0]


def empty() -> ServiceState:
    return ServiceState(0, {}, "", "", "", ready=False, env={})


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    if service.process is not None:
        if service.process.poll() is None:
            service.process.terminate()
        service.process.communicate(timeout=20)


def test_backoff_doubles_and_forgets() -> None:
    backoff = Backoff()
    assert [backoff.after(1) for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert [backoff.after(30), backoff.after(1)] == [0.2, 0.4]


def test_important_lines() -> None:
    assert is_important("2026 WARNING late")
    assert is_important("Traceback (most recent call last):")
    assert not is_important("INFO: 127.0.0.1 - GET /")


def test_killed_child_is_started_again(service: Service) -> None:
    service.script("worker")
    service.script("other")
    service.start()
    state = service.until_ready()
    first = state.processes["worker"]
    log = service.var / "log" / "worker.log"
    eventually(lambda: log.read_text() == "up\n")
    os.kill(first, signal.SIGKILL)
    second = eventually(lambda: (pid := service.pid("worker")) != first and pid)
    eventually(lambda: log.read_text() == "up\nup\n")
    assert not gone(second)
    assert service.pid("other") == state.processes["other"]
    output = service.finish()
    assert "worker ended by SIGKILL, starting it again in 0.2 s" in output
    assert output.endswith("STOPPED\n")
    assert gone(second)
    assert not state_path(service.var).exists()


def test_readiness_is_awaited_and_told_once(service: Service) -> None:
    service.script(
        "wait",
        """
        import pathlib, sys, time
        time.sleep(0.3)
        pathlib.Path(sys.argv[1], "wait.ready").touch()
        time.sleep(60)
        """,
    )
    service.start()
    pid = service.pid("wait")
    state = ServiceState.read(service.var)
    assert state
    assert not state.ready
    assert service.until_ready().processes == {"wait": pid}
    assert service.finish().count("READY") == 1


def test_embedded_servers_are_started_again(service: Service) -> None:
    service.start("servers")
    state = service.until_ready()
    with psycopg.connect(state.database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    os.kill(state.processes["postgres"], signal.SIGKILL)
    os.kill(state.processes["redis"], signal.SIGKILL)

    def number() -> Any:
        try:
            with psycopg.connect(state.database_url) as connection:
                return connection.execute("SELECT number FROM kept").fetchone()
        except psycopg.OperationalError:
            return None

    def pong() -> Any:
        try:
            with redis.Redis.from_url(state.redis_url) as client:
                return client.ping()
        except redis.RedisError:
            return None

    assert eventually(number) == (7,)
    assert eventually(pong)
    assert service.pid("postgres") != state.processes["postgres"]
    output = service.finish()
    assert "postgres ended, starting it again" in output
    assert "redis ended, starting it again" in output


def test_real_servers_replace_the_embedded_ones(
    service: Service, database_url: str, redis_url: str
) -> None:
    service.script(
        "child", "import os, time; print(os.environ['DATABASE_URL'], flush=True);" + SLEEPER
    )
    service.start("servers", env={"DATABASE_URL": database_url, "REDIS_URL": redis_url})
    state = service.until_ready()
    assert (state.database_url, state.redis_url) == (database_url, redis_url)
    assert set(state.processes) == {"child"}
    log = service.var / "log" / "child.log"
    eventually(lambda: log.read_text().startswith(database_url))
    assert not (service.var / "postgres").exists()


def test_killed_supervisor_leaves_nobody_behind(service: Service) -> None:
    service.script("stubborn", "import signal, time; signal.signal(15, signal.SIG_IGN);" + SLEEPER)
    process = service.start("servers")
    state = service.until_ready()
    assert set(state.processes) == {"stubborn", "postgres", "redis"}
    process.kill()
    process.communicate()
    for pid in state.processes.values():
        eventually(partial(gone, pid), 5)
    assert ServiceState.read(service.var) is None
    service.start("servers")  # and the folder is free, and sound
    assert set(service.until_ready().processes) == set(state.processes)


def test_stop_is_in_reverse_order_and_kills_the_stubborn(service: Service) -> None:
    farewell = """
        import pathlib, signal, sys, time, os
        def note(*_):
            with open(pathlib.Path(sys.argv[1], "farewells"), "a") as file:
                file.write(os.environ["ROLE"] + " ")
            sys.exit()
        signal.signal(signal.SIGTERM, note)
        pathlib.Path(sys.argv[1], os.environ["ROLE"] + ".ready").touch()
        time.sleep(60)
        """
    for name in ("a_wait", "b_wait", "c_wait"):
        service.script(name, farewell)
    service.script("d", "import signal, time; signal.signal(15, signal.SIG_IGN);" + SLEEPER)
    service.start()
    service.until_ready()
    eventually(lambda: (service.var / "log" / "d.log").read_text() == "up\n")
    stubborn = service.pid("d")
    began = time.monotonic()
    assert service.finish(signal.SIGINT).endswith("STOPPED\n")
    assert 1.0 <= time.monotonic() - began < 5
    assert gone(stubborn)
    assert (service.var / "farewells").read_text() == "c_wait b_wait a_wait "


def test_childs_own_children_go_with_it(service: Service) -> None:
    service.script(
        "parent",
        """
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print(child.pid, flush=True)
        time.sleep(60)
        """,
    )
    service.start()
    first = service.until_ready().processes["parent"]
    log = service.var / "log" / "parent.log"
    grandchild = int(eventually(log.read_text))
    os.kill(first, signal.SIGKILL)
    eventually(lambda: gone(grandchild))
    eventually(lambda: service.pid("parent") != first)


def test_child_that_cannot_be_brought_up_stops_the_service(service: Service) -> None:
    service.script("good")
    service.script("wait", "import sys; print('the port is taken'); sys.exit(3)")
    process = service.start()
    good = service.pid("good")
    output = process.communicate(timeout=20)[0]
    assert process.returncode == 1
    assert "child_failed: wait could not be brought up, it ended with code 3 5 times" in output
    assert "the port is taken" in output
    assert gone(good)


def test_warnings_reach_the_console(service: Service) -> None:
    service.script("talker", "print('INFO dull'); print('WARNING late bus');" + SLEEPER)
    service.start()
    service.until_ready()
    log = service.var / "log" / "talker.log"
    eventually(lambda: log.read_text().endswith("up\n"))
    output = service.finish()
    assert "talker: WARNING late bus\n" in output
    assert "dull" not in output


def test_second_service_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as first:
        first.url = "http://127.0.0.1:8000"
        first.add(Child("sleeper", ["/bin/sleep", "60"]))
        with pytest.raises(ServiceRunningError, match=r"at http://127.0.0.1:8000") as caught:
            Supervisor(tmp_path).__enter__()
        assert caught.value.code == "service_already_running"
        assert str(os.getpid()) in str(caught.value)
        with pytest.raises(ValueError, match="two children"):
            first.add(Child("sleeper", ["/bin/sleep", "60"]))
    with Supervisor(tmp_path):
        pass


def test_state_file_is_private_and_survives_nonsense(tmp_path: Path) -> None:
    assert ServiceState.read(tmp_path) is None
    state = ServiceState(os.getpid(), {"web": 1}, "postgresql://u:secret@h/d", "", "", True, {})  # noqa: FBT003 (all fields by place)
    state.write(state_path(tmp_path))
    assert state_path(tmp_path).stat().st_mode & 0o077 == 0
    assert ServiceState.read(tmp_path) == state
    for text in ("", "[]", json.dumps({"pid": os.getpid(), "colour": "red"})):
        state_path(tmp_path).write_text(text)
        assert ServiceState.read(tmp_path) is None
