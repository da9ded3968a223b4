"""SMS by a gateway that takes an HTTP request per message (contract: docs/messages.md)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote

import httpx

from dispatch.clock import real_time_s
from dispatch.messaging.channels.base import Deadline, Parcel, Result, scrubbed
from dispatch.messaging.settings import PLACEHOLDER, SmsSettings

_HEADROOM_S: Final = 2.0
_BODY_MAX: Final = 2000
_RETRY_AFTER_MAX_S: Final = 3600.0
_LATER: Final = frozenset({408, 425, 429})
_CREDENTIALS: Final = frozenset({401, 403, 407})
_NUMBER: Final = re.compile(r"\+[1-9]\d{5,14}", re.ASCII)


class SmsChannel:
    """Sends by an HTTP gateway.

    Args:
        settings: Its address and what it wants to be told.
        token: For gateways that want one.
    """

    name: Final = "sms"

    def __init__(self, settings: SmsSettings, token: str = "") -> None:
        self._settings = settings
        self._token = token
        self._client = httpx.Client(timeout=settings.timeout_s, follow_redirects=False)

    @property
    def deadline_s(self) -> float:
        """The longest that `send` takes, real seconds."""
        return self._settings.timeout_s + _HEADROOM_S

    def send(self, parcel: Parcel) -> Result:
        """Try once to hand an SMS over."""
        settings = self._settings
        number = e164(parcel.phone or "", settings.country_code)
        if number is None:
            return Result("never", "not a telephone number")
        values = {
            "to": number,
            "text": parcel.letter.short,
            "id": parcel.id,
            "token": self._token,
        }
        request = self._client.build_request(
            settings.method,
            _put_in(settings.url, {k: quote(v, safe="") for k, v in values.items()}),
            headers={name: _put_in(raw, values) for name, raw in settings.headers.items()},
            json=_filled(settings.json_body, values),
            data=_filled(settings.form, values),
        )
        return answer_of(self._client, request, settings.timeout_s)

    def close(self) -> None:
        """Hang up."""
        self._client.close()


def answer_of(client: httpx.Client, request: httpx.Request, timeout_s: float) -> Result:
    """Send a request and judge its answer: 2xx accepted, 429 and 5xx later, other 4xx never.

    Credentials that are refused are no fault of the message: it is kept.

    Args:
        client: Without redirects.
        request: Ready to go.
        timeout_s: For all of it, an answer that trickles in included.
    """
    deadline = Deadline(timeout_s)
    try:
        response = client.send(request, stream=True)
        try:
            body = _beginning(response, deadline)
        finally:
            response.close()
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Result("later", scrubbed(f"{type(error).__name__}: {error}"), channel_down=True)
    status = response.status_code
    detail = f"{status} {scrubbed(body)}".strip()
    if response.is_success:
        return Result("sent")
    after_s = retry_after_s(response.headers)
    if status in _LATER or status in _CREDENTIALS or not response.is_client_error:
        return Result("later", detail, after_s, channel_down=True, status=status)
    return Result("never", detail, status=status)


def _beginning(response: httpx.Response, deadline: Deadline) -> str:
    """What the other side says, no more of it than is kept and no longer than there is time."""
    read = b""
    for chunk in response.iter_bytes(_BODY_MAX):
        read += chunk
        if len(read) >= _BODY_MAX or deadline.is_over:
            break
    return read[:_BODY_MAX].decode("utf-8", "replace")


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds that `Retry-After` asks for, in either of its forms (RFC 9110, 10.2.3); 0 without."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), _RETRY_AFTER_MAX_S)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    wait_s = (moment - datetime.fromtimestamp(real_time_s(), UTC)).total_seconds()
    return min(max(wait_s, 0.0), _RETRY_AFTER_MAX_S)


def e164(phone: str, country_code: str) -> str | None:
    """A number as riders write it in international form, None if it is none.

    Args:
        phone: Such as `02521 / 123 45` or `+49 (0)2521 12345`.
        country_code: For numbers without one, such as `+49`.
    """
    text = phone.strip().replace("(0)", "")
    digits = re.sub(r"[^0-9]", "", text)
    if text.startswith("+"):
        number = f"+{digits}"
    elif digits.startswith("00"):
        number = f"+{digits[2:]}"
    else:
        number = f"{country_code}{digits.removeprefix('0')}"
    return number if _NUMBER.fullmatch(number) else None


def _filled(templates: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str] | None:
    return {key: _put_in(raw, values) for key, raw in templates.items()} or None


def _put_in(template: str, values: Mapping[str, str]) -> str:
    """A template with its values, each put in once."""
    return PLACEHOLDER.sub(lambda match: values[match[1]], template)
