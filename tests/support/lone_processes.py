"""Processes of the service, each started by itself as on hosts of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from running_service import KERNELS

START_S = 180.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Lone:
    """One process and its log."""

    role: str
    process: "subprocess.Popen[bytes]"
    log: Path
    url: str = ""

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(30)


@dataclass
class Hosts:
    """Starts processes with one database and one Redis; ends all of them."""

    env: dict[str, str]
    folder: Path
    started: list[Lone] = field(default_factory=list)

    def start(self, role: str, *arguments: str, **env: str) -> Lone:
        """Begin a process; a web gets a port of its own."""
        url = ""
        if role == "web":
            port = free_port()
            url = f"http://127.0.0.1:{port}"
            arguments = (*arguments, "--port", str(port))
        log = self.folder / f"{role}-{len(self.started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "dispatch.cli", role, *arguments],
                env=os.environ | {"NUMBA_CACHE_DIR": str(KERNELS)} | self.env | env,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        lone = Lone(role, process, log, url)
        self.started.append(lone)
        return lone

    def by_pid(self, pid: int) -> Lone:
        return next(lone for lone in self.started if lone.process.pid == pid)

    def until(self, web: Lone, wanted: Any, within_s: float = START_S) -> dict[str, Any]:
        """The parts of a web's health, once they are as wanted."""
        deadline = time.monotonic() + within_s
        parts: dict[str, Any] = {}
        while time.monotonic() < deadline:
            assert web.process.poll() is None, web.said()
            try:
                parts = httpx.get(f"{web.url}/healthz", timeout=3).json()["parts"]
                if wanted(parts):
                    return parts
            except (httpx.HTTPError, ValueError):
                pass
            time.sleep(0.1)
        logs = "\n".join(lone.said()[-2000:] for lone in self.started)
        raise AssertionError(f"never: {parts}\n{logs}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for lone in self.started:
            if lone.process.poll() is None:
                lone.process.send_signal(signal.SIGCONT)
                lone.process.kill()
            lone.process.wait(10)
