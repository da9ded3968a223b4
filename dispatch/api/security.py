"""Who is calling: a bearer token, or the control page's cookie; and from which site."""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from dispatch.api.messages import ApiCode
from dispatch.api.problems import ProblemError
from dispatch.api.settings import ApiSettings

VEHICLE_ROLES: Final = frozenset({"vehicle", "control", "admin"})
CONTROL_ROLES: Final = frozenset({"control", "admin"})
_KEY_CHARS: Final = frozenset(chr(code) for code in range(0x21, 0x7F))
_MAX_KEY: Final = 255
_MAX_TOKEN: Final = 500

# Documents the scheme in OpenAPI; the checking is below.
_bearer = HTTPBearer(auto_error=False, description="made by `rufbus token create --role …`")


def settings_of(request: Request) -> ApiSettings:
    """The settings that the application was created with."""
    settings: ApiSettings = request.app.state.settings
    return settings


Settings = Annotated[ApiSettings, Depends(settings_of)]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever is calling: `scope` separates the idempotency keys of different callers."""

    role: str | None
    scope: str

    @property
    def is_control(self) -> bool:
        """Whether the control room is calling."""
        return self.role in CONTROL_ROLES


def same_site(request: Request) -> bool:
    """Whether the browser says that our own page asks, or it is no browser at all."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def require_same_site(request: Request) -> None:
    """Refuse what another site's page asks for.

    Raises:
        ProblemError: `cross_site`.
    """
    if not same_site(request):
        raise ProblemError(ApiCode.CROSS_SITE)


async def role_of_token(settings: ApiSettings, token: str) -> str | None:
    """The role that a token gives; None if it is unknown or revoked."""
    if not token or len(token) > _MAX_TOKEN or not token.isascii() or not token.isprintable():
        return None
    role = await settings.gateway.token_role(token)
    return None if role is None else str(role)


async def caller_of(request: Request, settings: Settings) -> Caller:
    """The caller of a request; without credentials, a rider.

    Raises:
        ProblemError: `unauthorized` for an unknown token, `cross_site` for a cookie used elsewhere.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip() if scheme.lower() == "bearer" else ""
    if not token:
        token = request.cookies.get(settings.session_cookie, "")
        if not token:
            return Caller(None, "public")
        if request.method not in {"GET", "HEAD"}:
            require_same_site(request)
    role = await role_of_token(settings, token)
    if role is None:
        raise ProblemError(ApiCode.UNAUTHORIZED)
    return Caller(role, hashlib.sha256(token.encode()).hexdigest()[:16])


AnyCaller = Annotated[Caller, Depends(caller_of)]


def _need(caller: Caller, roles: frozenset[str]) -> Caller:
    if caller.role is None:
        raise ProblemError(ApiCode.UNAUTHORIZED)
    if caller.role not in roles:
        raise ProblemError(ApiCode.FORBIDDEN)
    return caller


async def _vehicle(caller: AnyCaller, _documented: Annotated[object, Depends(_bearer)]) -> Caller:
    return _need(caller, VEHICLE_ROLES)


async def _control(caller: AnyCaller, _documented: Annotated[object, Depends(_bearer)]) -> Caller:
    return _need(caller, CONTROL_ROLES)


VehicleCaller = Annotated[Caller, Depends(_vehicle)]
ControlCaller = Annotated[Caller, Depends(_control)]


def inbox_key(request: Request, caller: Caller, key: str | None) -> str | None:
    """The inbox key of a command: who, which endpoint, and the client's key; None without one.

    Raises:
        ProblemError: `invalid_idempotency_key`.
    """
    if key is None:
        return None
    if not 1 <= len(key) <= _MAX_KEY or not set(key) <= _KEY_CHARS:
        raise ProblemError(ApiCode.INVALID_IDEMPOTENCY_KEY)
    # Hashed: bounded in length, and a key that a client has chosen unwisely tells nothing.
    whole = f"{caller.scope} {request.method} {request.url.path} {key}"
    return hashlib.sha256(whole.encode()).hexdigest()
