"""`[messages]` of service.toml: when riders are told, and on which channels. All is optional.

Secrets are no part of the file: they come from the environment, see `docs/messages.md`.
"""

import os
import re
from collections.abc import Mapping
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from dispatch.messaging.policy import Policy

SMTP_PASSWORD = "RUFBUS_SMTP_PASSWORD"  # noqa: S105 (the name of a variable, no secret)
SMS_TOKEN = "RUFBUS_SMS_TOKEN"  # noqa: S105 (likewise)
PLACEHOLDER = re.compile(r"\{(\w+)\}", re.ASCII)
_PLACEHOLDERS = frozenset({"to", "text", "id", "token"})
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_SECRET_KEYS = {"password": SMTP_PASSWORD, "token": SMS_TOKEN, "secret": SMS_TOKEN}

PUSH_HOSTS = (
    "fcm.googleapis.com",
    "push.services.mozilla.com",
    "notify.windows.com",
    "push.apple.com",
)
"""The push services of the browsers in use: they and their subdomains are called, nobody else."""


class MessagesSecretError(Exception):
    """A secret that the configuration needs is not in the environment."""

    code = "messages_secret_missing"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _no_secrets(cls, values: Any) -> Any:
        for key in values if isinstance(values, Mapping) else ():
            if key in _SECRET_KEYS:
                raise ValueError(f"{key}: no secrets in this file; set {_SECRET_KEYS[key]}")
        return values


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not value.isprintable():
        raise ValueError(f"{value!r} is not an http(s) address")
    return value


def _secure_url(value: str) -> str:
    parts = urlsplit(_http_url(value))
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        raise ValueError(f"{value!r} would send telephone numbers unencrypted; use https")
    return value


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("has to be one line without control characters")
    return value


def _mailbox(value: str) -> str:
    name, address = parseaddr(_one_line(value))
    try:
        Address(display_name=name, addr_spec=address)
    except (ValueError, IndexError) as error:
        raise ValueError(f"{value!r} is not like 'Name <address@example.org>'") from error
    if "@" not in address:
        raise ValueError(f"{value!r} is not like 'Name <address@example.org>'")
    return value


def _template(value: str) -> str:
    for name in PLACEHOLDER.findall(_one_line(value)):
        if name not in _PLACEHOLDERS:
            known = ", ".join(f"{{{known}}}" for known in sorted(_PLACEHOLDERS))
            raise ValueError(f"unknown placeholder {{{name}}}; known are {known}")
    return value


Line = Annotated[str, AfterValidator(_one_line)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
Template = Annotated[str, AfterValidator(_template)]
Timeout = Annotated[float, Field(gt=0, le=60)]


class EmailSettings(_Section):
    """A mail server that takes our e-mails.

    Attributes:
        host: its name.
        port: 587 for `starttls`, 465 for `ssl`, 25 for `none`, unless given.
        security: how the connection is protected.
        username: for servers that want one; the password is in the environment.
        sender: From, such as `Rufbus Beckum <rufbus@example.org>`.
        reply_to: where answers go, if not to the sender.
        timeout_s: for the whole conversation about one message.
        ca_file: certificates to trust, PEM, where the server's comes from the town itself.
    """

    host: Annotated[Line, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    security: Literal["starttls", "ssl", "none"] = "starttls"
    username: Line = ""
    sender: Mailbox
    reply_to: Mailbox | None = None
    timeout_s: Timeout = 20.0
    ca_file: Line = ""

    @model_validator(mode="after")
    def _no_bare_password(self) -> Self:
        if self.username and self.security == "none" and self.host not in _LOCAL:
            raise ValueError("a password is never sent unencrypted: use starttls or ssl")
        return self

    @property
    def port_in_use(self) -> int:
        """The port, given or usual."""
        return self.port or {"starttls": 587, "ssl": 465, "none": 25}[self.security]


class SmsSettings(_Section):
    """A gateway that turns an HTTP request into an SMS.

    Placeholders in `url`, `headers`, `json`, `form` and `body` are `{to}`, `{text}`, `{id}` (of
    the message, for gateways that recognise repetitions) and `{token}` (from the environment).

    Attributes:
        url: called once per message; values in it are percent-encoded.
        method: POST, PUT or GET.
        headers: sent along.
        json_body: key `json`: sent as a JSON object with these values.
        form: sent as a form with these values.
        country_code: put before numbers that begin with a single 0, such as `+49`.
        timeout_s: for the whole request.
    """

    url: Annotated[Template, AfterValidator(_secure_url)]
    method: Literal["POST", "PUT", "GET"] = "POST"
    headers: dict[str, Template] = {}
    json_body: Annotated[dict[str, Template], Field(alias="json")] = {}
    form: dict[str, Template] = {}
    country_code: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{0,3}$")] = "+49"
    timeout_s: Timeout = 10.0

    @field_validator("headers")
    @classmethod
    def _header_names(cls, headers: dict[str, str]) -> dict[str, str]:
        for name in headers:
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a header")
        return headers

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.json_body and self.form:
            raise ValueError("give json or form, not both")
        texts = [self.url, *self.json_body.values(), *self.form.values()]
        for needed in ("{to}", "{text}"):
            if not any(needed in text for text in texts):
                raise ValueError(f"{needed} is nowhere in url, json or form")
        return self

    @property
    def wants_token(self) -> bool:
        """Whether the environment has to hold a token."""
        texts = [self.url, *self.headers.values(), *self.json_body.values(), *self.form.values()]
        return any("{token}" in text for text in texts)


class PushSettings(_Section):
    """Notifications in riders' browsers.

    Attributes:
        contact: whom push services may ask about us: `mailto:…` or an https address.
        hosts: push services that may be called, with their subdomains.
        timeout_s: for the whole request.
    """

    contact: Annotated[str, Field(pattern=r"^(mailto:[^@\s]+@[^@\s]+|https://\S+)$")]
    hosts: Annotated[list[Line], Field(min_length=1)] = list(PUSH_HOSTS)
    timeout_s: Timeout = 10.0

    def allows(self, endpoint: str) -> bool:
        """Whether an address that a browser has named is one of a push service.

        Riders choose this address and we call it: it must not lead into the town's own network.
        """
        try:
            parts = urlsplit(endpoint)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        if parts.username is not None or not endpoint.isascii() or not endpoint.isprintable():
            return False
        place = host if port is None else f"{host}:{port}"
        if place in self.hosts and host in _LOCAL:
            return parts.scheme in {"http", "https"}
        known = any(host == h or host.endswith(f".{h}") for h in self.hosts)
        return parts.scheme == "https" and port in {None, 443} and known


class MessageSettings(_Section):
    """What riders are told, when and how.

    Attributes:
        reminder_min: how long before the pick-up window riders are reminded; 0 = never.
        coming_min: how long before the planned pick-up the vehicle is announced.
        moved_min: a planned pick-up that differs by more from what was told is told.
        url: public address of the pages, for links; empty = no links.
        phone: whom to call, named in every message; empty = nobody.
        email: a mail server; without one e-mails are files under `var/messages`.
        sms: an SMS gateway; without one there are no SMS.
        push: notifications in browsers; without it there are none.
    """

    reminder_min: Annotated[int, Field(ge=0, le=24 * 60)] = 60
    coming_min: Annotated[int, Field(ge=1, le=60)] = 5
    moved_min: Annotated[int, Field(ge=1, le=60)] = 3
    url: str = ""
    phone: Annotated[Line, Field(max_length=30)] = ""
    email: EmailSettings | None = None
    sms: SmsSettings | None = None
    push: PushSettings | None = None

    @field_validator("url")
    @classmethod
    def _public(cls, url: str) -> str:
        return _http_url(url).rstrip("/") if url else url

    @property
    def policy(self) -> Policy:
        """When riders are told, for the dispatcher."""
        return Policy(self.reminder_min * 60, self.coming_min * 60, self.moved_min * 60)


def check_secrets(settings: MessageSettings, environment: Mapping[str, str] = os.environ) -> None:
    """See that every secret the configuration needs is there.

    Raises:
        MessagesSecretError: one is missing; the message names the variable.
    """
    needed = []
    if settings.email is not None and settings.email.username:
        needed.append(("messages.email.username", SMTP_PASSWORD))
    if settings.sms is not None and settings.sms.wants_token:
        needed.append(("{token} in messages.sms", SMS_TOKEN))
    for what, variable in needed:
        if not environment.get(variable):
            raise MessagesSecretError(f"{what} needs a secret in the variable {variable}")
