"""What holds for every request: a bounded body, and headers that keep browsers on this origin."""

import asyncio
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dispatch import limits
from dispatch.api.messages import ApiCode
from dispatch.api.problems import language_of, problem
from dispatch.api.repeated_names import REPEATED, repeats_a_name

MAX_BODY_BYTES: Final = limits.BODY_MAX_BYTES
_JSON: Final = frozenset({"application/json"})
_LISTS: Final = {
    "/api/v1/closures/import": (
        limits.LIST_MAX_BYTES,
        _JSON | {"application/geo+json", "text/csv"},
    ),
}
"""Where more is taken, and in other formats; all of them need a preflight from other sites."""

_POLICY: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "worker-src 'self' blob:",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "connect-src 'self'",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
)
CONTENT_SECURITY_POLICY: Final = "; ".join(_POLICY)

_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # A booking's address is its key: it must not leak to other sites.
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "geolocation=(self), camera=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class SecurityHeaders:
    """Adds the headers above to each response that does not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class _SlowBodyError(Exception):
    """A request's body did not come in time."""


class BodyTimer:
    """Answers 408 when a request's body does not come within `limits.BODY_S`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        deadline = asyncio.get_running_loop().time() + limits.BODY_S
        whole = False

        async def timely() -> Message:
            nonlocal whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise _SlowBodyError from None
            whole = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        try:
            await self._app(scope, timely, send)
        except _SlowBodyError:
            language = language_of(Headers(scope=scope).get("accept-language"))
            response = problem(ApiCode.REQUEST_TIMEOUT, language, headers={"Connection": "close"})
            await response(scope, receive, send)


class BodyGuard:
    """Reads a request's body whole; answers 413 beyond `MAX_BODY_BYTES`, 415 if it is not JSON.

    Insisting on JSON also keeps other sites' plain forms out: they cannot send it unasked. Lists
    may be larger, and are asked for in formats that forms cannot send either.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        most, formats = _LISTS.get(scope["path"], (MAX_BODY_BYTES, _JSON))
        declared = headers.get("content-length", "0")
        too_large = not declared.isascii() or not declared.isdigit()
        too_large = too_large or int(declared[:20]) > most
        body = b""
        more = not too_large
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            too_large = len(body) > most
            more = message.get("more_body", False) and not too_large
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        wrong_type = bool(body) and media_type not in formats
        if too_large or wrong_type:
            code = ApiCode.REQUEST_TOO_LARGE if too_large else ApiCode.UNSUPPORTED_MEDIA_TYPE
            language = language_of(headers.get("accept-language"))
            response = problem(code, language, headers={"Connection": "close"})
            await response(scope, receive, send)
            return
        if scope["path"] not in _LISTS and repeats_a_name(body):
            language = language_of(headers.get("accept-language"))
            response = problem(ApiCode.INVALID_REQUEST, language, errors=[REPEATED])
            await response(scope, receive, send)
            return
        read = False

        async def replay() -> Message:
            nonlocal read
            if read:
                return await receive()
            read = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)
