"""uvicorn with bounds: on connections, on the time a request's head may take, on stopping.

What no server behind one port can do (floods of connections, TLS, limits per address) is left to a
reverse proxy; docs/operations.md has one.
"""

import asyncio
import errno
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from dispatch import limits

_SPARE_FILES: Final = 256  # databases, Redis, files; on top of one for each connection


class AddressError(Exception):
    """The host to listen on, or the address of a server to use, is none."""

    code = "address_invalid"


class PortInUseError(Exception):
    """The port for the pages is taken."""

    code = "port_in_use"


class BoundedProtocol(H11Protocol):
    """Closes connections on which a request's head does not come in time.

    uvicorn itself only ends connections that are idle after an answer, so a client that never sends
    anything, or one byte a minute, would keep its connection for good.
    """

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The clock for the first head starts."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """A head may begin with this, or be complete."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to wait for any more."""
        self._forget()
        super().connection_lost(exc)

    def _awaits_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _watch(self) -> None:
        if not self._awaits_head():
            self._forget()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(limits.HEAD_S, self._too_late)

    def _forget(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_late(self) -> None:
        self._head_timer = None
        if self._awaits_head():
            self.transport.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens: connections queue from now on, also while no process accepts them.

    Raises:
        PortInUseError: somebody has it.
        AddressError: there is no such address here.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(limits.BACKLOG_CONNECTIONS)  # before that, two may be bound to one port
    except OSError as error:
        listener.close()
        raise _refused(host, port, error) from error
    return listener


def inherited(fd: int) -> socket.socket:
    """The socket that whoever started us has opened: our supervisor, or systemd.

    Raises:
        AddressError: the file descriptor is no socket.
    """
    try:
        return socket.socket(fileno=fd)
    except OSError as error:
        raise AddressError(f"file descriptor {fd} is no socket: {error.strerror}") from error


def _refused(host: str, port: int, error: OSError) -> Exception:
    if error.errno == errno.EADDRINUSE:
        return PortInUseError(f"port {port} on {host} is in use; choose one with --port")
    return AddressError(f"cannot listen on port {port} of {host!r}: {error.strerror or error}")


def run(app: Any, listener: socket.socket) -> None:
    """Serve on a socket until SIGTERM or SIGINT, then answer what is under way, and return.

    Args:
        app: an ASGI application.
        listener: bound; others may accept from the same one.
    """
    _allow_files()
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=BoundedProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=limits.BACKLOG_CONNECTIONS,
        limit_concurrency=limits.CONNECTIONS_MAX,
        h11_max_incomplete_event_size=limits.HEAD_MAX_BYTES,
        timeout_keep_alive=limits.KEEP_ALIVE_S,
        timeout_graceful_shutdown=limits.STOP_S,
    )
    server = uvicorn.Server(config)
    with _signals_that_end(server):
        server.run(sockets=[listener])


@contextmanager
def _signals_that_end(server: uvicorn.Server) -> Iterator[None]:
    """The server repeats the signal that ended it: with this, that is a clean exit and no death."""

    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    former = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _allow_files() -> None:
    """Many systems allow a process 1,024 open files unless it asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.CONNECTIONS_MAX + _SPARE_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
