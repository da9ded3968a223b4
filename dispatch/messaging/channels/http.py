"""One HTTP request to somebody who delivers, within one deadline, and what its answer means."""

import contextlib
import socket
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from dispatch.clock import real_time_s
from dispatch.messaging.channels.base import Result, scrubbed

_BODY_MAX: Final = 2000
_RETRY_AFTER_MAX_S: Final = 3600.0
_LATER: Final = frozenset({401, 403, 407, 408, 425, 429})
"""Credentials that are refused are no fault of the message either: it is kept."""


class HttpSender:
    """Sends requests, each on a connection of its own that is cut at the deadline.

    Time-outs of the library are per read: a peer that sends a byte now and then would hold us
    for ever. Redirects are not followed.

    Args:
        timeout_s: For the whole request, real seconds.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(timeout=timeout_s, follow_redirects=False, limits=limits)

    def request(self, method: str, url: str, **parts: Any) -> httpx.Request:
        """A request to be sent.

        Raises:
            httpx.InvalidURL: the address is none.
        """
        return self._client.build_request(method, url, **parts)

    def send(self, request: httpx.Request) -> Result:
        """Send it: 2xx accepted, 429 and 5xx later, other 4xx never; `Retry-After` is heeded."""
        line = _Line()
        request.extensions["trace"] = line.trace
        cut = threading.Timer(self._timeout_s, line.cut)
        cut.daemon = True
        cut.start()
        try:
            response = self._client.send(request, stream=True)
            try:
                return _judged(response)
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Result("later", scrubbed(f"{type(error).__name__}: {error}"), channel_down=True)
        finally:
            cut.cancel()

    def close(self) -> None:
        """Hang up."""
        self._client.close()


class _Line:
    """The socket of a request under way, which another thread may cut."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_cut = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Notice the socket when there is one (httpcore's trace extension)."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            with self._guard:
                self._socket = info["return_value"].get_extra_info("socket")
                if self._is_cut:
                    self._shut()

    def cut(self) -> None:
        """End the conversation."""
        with self._guard:
            self._is_cut = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _judged(response: httpx.Response) -> Result:
    if response.is_success:
        return Result("sent", status=response.status_code)
    status = response.status_code
    detail = f"{status} {scrubbed(_beginning(response))}".strip()
    after_s = retry_after_s(response.headers)
    if status in _LATER or not response.is_client_error:
        return Result("later", detail, after_s, channel_down=True, status=status)
    return Result("never", detail, status=status)


def _beginning(response: httpx.Response) -> str:
    """What the other side says, as far as it is kept."""
    read = b""
    with contextlib.suppress(httpx.HTTPError, OSError):
        for chunk in response.iter_bytes():
            read += chunk
            if len(read) >= _BODY_MAX:
                break
    return read[:_BODY_MAX].decode("utf-8", "replace")


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds that `Retry-After` asks for, in either of its forms (RFC 9110, 10.2.3); 0 without."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), _RETRY_AFTER_MAX_S)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    wait_s = (moment - datetime.fromtimestamp(real_time_s(), UTC)).total_seconds()
    return min(max(wait_s, 0.0), _RETRY_AFTER_MAX_S)
