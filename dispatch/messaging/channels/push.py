"""Web Push (RFC 8030, 8291, 8292): encrypted for the rider's browser, signed with our key."""

import json
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from py_vapid import Vapid02
from pywebpush import WebPusher

from dispatch.clock import real_time_s
from dispatch.messaging.channels.base import Parcel, Result
from dispatch.messaging.channels.http import HttpSender
from dispatch.messaging.settings import PushSettings
from dispatch.messaging.vapid import is_usable
from dispatch.store.recipients import SUBSCRIPTIONS_MAX, Subscription

_HEADROOM_S: Final = 2.0
_TOKEN_LIFE_S: Final = 12 * 3600  # RFC 8292 allows 24 h
_GONE: Final = frozenset({404, 410})
_TOPIC_CHARS: Final = 32
_LONGEST_TTL_S: Final = 24 * 3600


class PushChannel:
    """Sends to every browser that a rider has subscribed.

    Args:
        settings: Whom we may call, and who asks.
        private_pem: The area's key.
    """

    name: Final = "push"

    def __init__(self, settings: PushSettings, private_pem: str) -> None:
        self._settings = settings
        self._vapid = Vapid02.from_pem(private_pem.encode())
        self._sender = HttpSender(settings.timeout_s)

    @property
    def deadline_s(self) -> float:
        """The longest that `send` takes, real seconds."""
        return self._settings.timeout_s * SUBSCRIPTIONS_MAX + _HEADROOM_S

    def send(self, parcel: Parcel) -> Result:
        """Try once to hand a push over: sent as soon as one browser's service has taken it."""
        results = [self._send_to(s, parcel) for s in parcel.subscriptions]
        lost = tuple(
            s.endpoint
            for s, r in zip(parcel.subscriptions, results, strict=True)
            if r.outcome == "gone"
        )
        for outcome in ("sent", "later", "never"):
            for result in results:
                if result.outcome == outcome:
                    return Result(
                        result.outcome,
                        result.detail,
                        result.after_s,
                        channel_down=result.channel_down,
                        lost=lost,
                    )
        return Result("gone", "no browser is subscribed any more", lost=lost)

    def _send_to(self, subscription: Subscription, parcel: Parcel) -> Result:
        if not self._settings.allows(subscription.endpoint):
            return Result("gone", "not a push service that may be called")
        if not is_usable(subscription):
            return Result("gone", "not a subscription that can be encrypted for")
        result = self._sender.send(self._request(subscription, parcel))
        if result.status in _GONE:
            return Result("gone", result.detail)
        return result

    def _request(self, subscription: Subscription, parcel: Parcel) -> httpx.Request:
        info = {
            "endpoint": subscription.endpoint,
            "keys": {"p256dh": subscription.p256dh, "auth": subscription.auth},
        }
        body = WebPusher(info).encode(json.dumps(payload(parcel)).encode())["body"]
        parts = urlsplit(subscription.endpoint)
        claims: dict[str, Any] = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "sub": self._settings.contact,
            "exp": int(real_time_s()) + _TOKEN_LIFE_S,
        }
        headers = {
            **self._vapid.sign(claims),
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "aes128gcm",
            "TTL": str(min(max(parcel.life_s, 0), _LONGEST_TTL_S)),
            "Urgency": "high" if parcel.urgent else "normal",
            # what has not been fetched yet is replaced by a repetition, not joined by it
            "Topic": parcel.id.removeprefix("ms_")[:_TOPIC_CHARS],
        }
        return self._sender.request("POST", subscription.endpoint, headers=headers, content=body)

    def close(self) -> None:
        """Hang up."""
        self._sender.close()


def payload(parcel: Parcel) -> dict[str, str]:
    """What the browser gets; `tag` lets a repetition replace what is shown."""
    letter = parcel.letter
    return {
        "tag": parcel.id,
        "title": letter.subject,
        "body": letter.short,
        "url": urlsplit(letter.link).path if letter.link else "",
    }
