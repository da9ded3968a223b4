"""The web server's bounds on real connections, in processes that share a socket."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator

import pytest

from dispatch import httpserver

SERVER = """
    import os, sys
    from dispatch import httpserver, limits

    limits.HEAD_S, limits.KEEP_ALIVE_S = float(sys.argv[2]), 30

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.startup":
                    print("UP", flush=True)
                else:
                    return
        headers = [(b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": str(os.getpid()).encode()})

    httpserver.run(app, httpserver.inherited(int(sys.argv[1])))
    print("ENDED", flush=True)
"""
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with httpserver.listen("127.0.0.1", 0) as bound:
        yield bound


@pytest.fixture
def start(listener: socket.socket) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def begin(head_s: float = 30.0) -> "subprocess.Popen[str]":
        fd = listener.fileno()
        command = [sys.executable, "-c", textwrap.dedent(SERVER), str(fd), str(head_s)]
        process = subprocess.Popen(command, pass_fds=[fd], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "UP\n"
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate(timeout=10)


def connect(listener: socket.socket) -> socket.socket:
    return socket.create_connection(listener.getsockname(), timeout=20)


def ask(connection: socket.socket) -> str:
    """The number of the process that answers."""
    connection.sendall(REQUEST)
    answer = b""
    while b"\r\n\r\n" not in answer or not answer.rpartition(b"\r\n")[2].strip(b"\r\n0"):
        answer += connection.recv(4096)
        if answer.endswith(b"0\r\n\r\n"):
            break
    return answer.decode()


def closed_after_s(connection: socket.socket) -> float:
    began = time.monotonic()
    while connection.recv(4096):
        pass
    return time.monotonic() - began


def test_who_sends_no_head_in_time_is_let_go(listener: socket.socket, start: Start) -> None:
    start(head_s=0.6)
    with connect(listener) as silent, connect(listener) as slow, connect(listener) as quick:
        assert " 200 " in ask(quick)
        slow.sendall(REQUEST[:5])
        assert closed_after_s(silent) < 8
        slow.settimeout(8)
        assert slow.recv(100) == b""
        assert " 200 " in ask(quick), "a connection that is idle after an answer is kept"
        quick.sendall(REQUEST[:5])  # and a later head has to come in time, too
        assert closed_after_s(quick) < 8


def test_a_head_that_is_too_large_is_refused(listener: socket.socket, start: Start) -> None:
    start()
    with connect(listener) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000)
        assert b" 400 " in connection.recv(100)


def test_processes_share_a_port_and_one_may_go(listener: socket.socket, start: Start) -> None:
    first, second = start(), start()
    first.send_signal(signal.SIGTERM)
    assert first.wait(10) == 0, "a signal to stop is a clean end"
    with connect(listener) as connection:
        assert ask(connection).endswith(f"{second.pid}\r\n0\r\n\r\n")
    os.kill(second.pid, signal.SIGKILL)
    second.wait(10)
    with connect(listener) as patient:  # nobody accepts now, and nobody is refused
        patient.sendall(REQUEST)
        third = start()
        assert f"{third.pid}" in ask(patient)


def test_what_is_no_socket_is_called_so() -> None:
    with open(os.devnull) as file, pytest.raises(httpserver.AddressError, match="no socket"):  # noqa: PTH123 (its number is wanted)
        httpserver.inherited(file.fileno())
