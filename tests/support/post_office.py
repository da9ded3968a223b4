"""Those who take messages, on this machine: a mail server, an HTTP gateway, a push service."""

import base64
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import http_ece
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dispatch.store.recipients import Subscription


@dataclass
class MailBox:
    """A handler that keeps what it accepts; `says` may answer something else first."""

    accepted: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    attempts: int = 0
    says: Callable[["MailBox"], str | None] = lambda _box: None
    refuses: Callable[[str], str | None] = lambda _address: None
    drops_after_data: int = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        answer = self.refuses(address)
        if answer is not None:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.attempts += 1
        answer = self.says(self)
        if answer is not None:
            return answer
        content = envelope.original_content or b""
        parsed = message_from_bytes(content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.accepted.append(parsed)
        self.recipients.append(list(envelope.rcpt_tos))
        if self.drops_after_data:
            self.drops_after_data -= 1
            assert server.transport is not None
            server.transport.abort()
        return "250 accepted"

    @property
    def ids(self) -> list[str]:
        return [str(message["Message-ID"]) for message in self.accepted]


@contextmanager
def mail_server(
    box: MailBox,
    *,
    context: ssl.SSLContext | None = None,
    user: tuple[str, str] | None = None,
    port: int | None = None,
) -> Iterator[int]:
    """A real SMTP server; gives its port. With a context it insists on STARTTLS."""

    def check(
        _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any
    ) -> AuthResult:
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == user, handled=False)

    options: dict[str, Any] = {}
    if context is not None:
        options |= {"tls_context": context, "require_starttls": True}
    if user is not None:
        options |= {"authenticator": check, "auth_required": True}
    controller = Controller(box, hostname="127.0.0.1", port=port or free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@contextmanager
def silent_server(greeting: bytes = b"", *, drip_s: float = 0.0) -> Iterator[int]:
    """A server that accepts connections and then says nothing more, or a byte now and then."""
    stop = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            held.append(connection)
            threading.Thread(target=drip, args=[connection], daemon=True).start()

    def drip(connection: socket.socket) -> None:
        try:
            connection.sendall(greeting)
            while drip_s and not stop.wait(drip_s):
                connection.sendall(b"2")
        except OSError:
            return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        stop.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        for connection in held:
            connection.close()
        thread.join(5)


@dataclass
class Received:
    """One HTTP request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Gateway:
    """Keeps requests and answers what it is told, `(status, headers)`; 200 by default."""

    received: list[Received] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    body: bytes = b"{}"
    always: tuple[int, dict[str, str]] = (200, {})
    port: int = 0


@contextmanager
def http_gateway(gateway: Gateway) -> Iterator[Gateway]:
    """A real HTTP server on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {key.lower(): value for key, value in self.headers.items()}
            gateway.received.append(Received(self.command, self.path, headers, body))
            status, extra = gateway.answers.pop(0) if gateway.answers else gateway.always
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(gateway.body)))
            self.end_headers()
            self.wfile.write(gateway.body)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    gateway.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Browser:
    """What a browser keeps to itself, and the subscription that it gives away."""

    def __init__(self, endpoint: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.secret = b"sixteen-bytes-ok"
        point = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        self.subscription = Subscription(
            endpoint,
            base64.urlsafe_b64encode(point).decode().rstrip("="),
            base64.urlsafe_b64encode(self.secret).decode().rstrip("="),
        )

    def read(self, body: bytes) -> Any:
        clear = http_ece.decrypt(body, private_key=self.key, auth_secret=self.secret)
        return json.loads(clear)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
