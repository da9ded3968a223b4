"""Every error answer is an RFC 9457 problem with a stable `code`, in the client's language."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from dispatch.api.messages import MESSAGES, ApiCode, Language, Message
from dispatch.domain.errors import DomainError
from dispatch.store.errors import StoreError, UnstorableError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
ATTEMPTS_AFTER_S = 900
POSITIONS_AFTER_S = 1
OVERLOADED_AFTER_S = 5
ErrorPage = Callable[[Request, Message], Response]
_log = logging.getLogger(__name__)

_STATUS_CODES = {
    400: ApiCode.INVALID_REQUEST,
    401: ApiCode.UNAUTHORIZED,
    403: ApiCode.FORBIDDEN,
    404: ApiCode.NOT_FOUND,
    405: ApiCode.METHOD_NOT_ALLOWED,
    408: ApiCode.REQUEST_TIMEOUT,
    413: ApiCode.REQUEST_TOO_LARGE,
    415: ApiCode.UNSUPPORTED_MEDIA_TYPE,
    503: ApiCode.SERVICE_UNAVAILABLE,
}


_TOLD_APART = {
    ApiCode.IDEMPOTENCY_KEY_REUSED,
    ApiCode.OVERLOADED,
    ApiCode.TOO_MANY_POSITIONS,
}


class ProblemError(Exception):
    """An answer other than success.

    Attributes:
        code: a key of `MESSAGES`.
        errors: for `invalid_request`, what is wrong where.
        params: values that explain the code.
    """

    def __init__(
        self,
        code: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        params: Mapping[str, str | int] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.errors = tuple(errors)
        self.params = dict(params or {})


def language_of(accept_language: str | None) -> Language:
    """German, unless the header ranks English higher (RFC 9110, 12.5.4)."""
    best: tuple[float, Language] = (0.0, "de")
    for part in (accept_language or "").split(","):
        tag, _, parameters = part.strip().partition(";")
        name, _, value = parameters.strip().partition("=")
        try:
            quality = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            quality = 0.0
        language: Language | None = {"de": "de", "en": "en"}.get(tag.split("-")[0].lower())  # type: ignore[assignment]
        if language and quality > best[0]:
            best = (quality, language)
    return best[1]


def problem(
    code: str,
    language: Language,
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    params: Mapping[str, str | int] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response for a code; an unknown code is an internal error."""
    message = MESSAGES.get(code) or MESSAGES[ApiCode.INTERNAL_ERROR]
    title, detail = message.words(language)
    body: dict[str, Any] = {
        "type": f"urn:rufbus:problem:{code}",
        "title": title,
        "status": message.status,
        "detail": detail,
        "code": code,
    }
    if errors:
        body["errors"] = list(errors)
    if params:
        body["params"] = dict(params)
    extra = dict(headers or {})
    extra["Content-Language"] = language
    if message.status == MESSAGES[ApiCode.UNAUTHORIZED].status:
        extra.setdefault("WWW-Authenticate", "Bearer")
    if message.status == MESSAGES[ApiCode.SERVICE_UNAVAILABLE].status:
        after_s = OVERLOADED_AFTER_S if code == ApiCode.OVERLOADED else RETRY_AFTER_S
        extra.setdefault("Retry-After", str(after_s))
    if code == ApiCode.TOO_MANY_POSITIONS:
        extra.setdefault("Retry-After", str(POSITIONS_AFTER_S))
    if code == ApiCode.TOO_MANY_ATTEMPTS:
        extra.setdefault("Retry-After", str(ATTEMPTS_AFTER_S))
    return JSONResponse(body, message.status, extra, MEDIA_TYPE)


def _answer(
    request: Request,
    code: str,
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    params: Mapping[str, str | int] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem; for people who follow a link in a browser, a page with the same words."""
    page: ErrorPage | None = getattr(request.app.state, "error_page", None)
    is_page = request.method == "GET" and not request.url.path.startswith("/api/")
    if page is not None and is_page and "text/html" in request.headers.get("accept", ""):
        return page(request, MESSAGES.get(code) or MESSAGES[ApiCode.INTERNAL_ERROR])
    language = language_of(request.headers.get("accept-language"))
    return problem(code, language, errors=errors, params=params, headers=headers)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101 - registered for this type only
    return _answer(request, error.code, errors=error.errors, params=error.params)


async def _on_domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)  # noqa: S101 - registered for this type only
    return _answer(request, str(error.code), params=error.params)


async def _on_store_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StoreError)  # noqa: S101 - registered for this type only
    code = error.code if error.code in _TOLD_APART else ApiCode.SERVICE_UNAVAILABLE
    if isinstance(error, UnstorableError):  # asking again would not help
        code = ApiCode.INVALID_REQUEST
    return _answer(request, code)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
    errors = [
        {
            # Never the input itself: it may be personal, or not be representable in JSON.
            "location": "/".join(str(part) for part in entry["loc"]),
            "type": entry["type"],
            "message": entry["msg"],
        }
        for entry in error.errors()
    ]
    naive = any(entry["type"] == ApiCode.NAIVE_DATETIME for entry in errors)
    code = ApiCode.NAIVE_DATETIME if naive else ApiCode.INVALID_REQUEST
    return _answer(request, code, errors=errors)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    code = _STATUS_CODES.get(error.status_code, ApiCode.INTERNAL_ERROR)
    return _answer(request, code, headers=error.headers)


async def _on_bug(request: Request, error: Exception) -> Response:
    _log.error("unexpected error at %s", request.url.path, exc_info=error)
    return _answer(request, ApiCode.INTERNAL_ERROR)


def install(app: FastAPI) -> None:
    """Make an application answer every error as a problem."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(DomainError, _on_domain_error)
    app.add_exception_handler(StoreError, _on_store_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_bug)
