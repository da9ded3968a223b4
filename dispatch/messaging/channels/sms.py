"""SMS by a gateway that takes an HTTP request per message (contract: docs/messages.md)."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import httpx

from dispatch.domain.phone import e164
from dispatch.messaging.channels.base import Parcel, Result, scrubbed
from dispatch.messaging.channels.http import HttpSender
from dispatch.messaging.settings import PLACEHOLDER, SmsSettings

_HEADROOM_S: Final = 2.0


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
        self._sender = HttpSender(settings.timeout_s)

    @property
    def deadline_s(self) -> float:
        """The longest that `send` takes, real seconds."""
        return self._settings.timeout_s + _HEADROOM_S

    def send(self, parcel: Parcel) -> Result:
        """Try once to hand an SMS over."""
        settings = self._settings
        number = e164(parcel.phone, settings.country_code.removeprefix("+"))
        if number is None:
            return Result("never", "not a telephone number")
        values = {
            "to": number,
            "text": parcel.letter.short,
            "id": parcel.id,
            "token": self._token,
        }
        try:
            request = self._sender.request(
                settings.method,
                _put_in(settings.url, {k: quote(v, safe="") for k, v in values.items()}),
                headers={name: _put_in(raw, values) for name, raw in settings.headers.items()},
                json=_filled(settings.json_body, values),
                data=_filled(settings.form, values),
            )
        except httpx.InvalidURL as error:
            return Result("never", scrubbed(str(error)))
        return self._sender.send(request)

    def close(self) -> None:
        """Hang up."""
        self._sender.close()


def _filled(templates: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str] | None:
    return {key: _put_in(raw, values) for key, raw in templates.items()} or None


def _put_in(template: str, values: Mapping[str, str]) -> str:
    """A template with its values, each put in once."""
    return PLACEHOLDER.sub(lambda match: values[match[1]], template)
