"""SMS gateways and push services, each a real HTTP server on this machine."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from post_office import Browser, Gateway, http_gateway, silent_server
from py_vapid import Vapid02

from dispatch.messaging.channels.base import Parcel
from dispatch.messaging.channels.http import retry_after_s
from dispatch.messaging.channels.push import PushChannel
from dispatch.messaging.channels.sms import SmsChannel
from dispatch.messaging.settings import PushSettings, SmsSettings
from dispatch.messaging.vapid import fresh_pem, is_usable, public_key
from dispatch.messaging.words import Letter
from dispatch.store.recipients import Subscription

LETTER = Letter("Ihr Shuttle kommt", "lang", "<p>", 'Grüße & "mehr" {to}', "https://x.org/b/bk_1")
PARCEL = Parcel("ms_1", LETTER, "Erika", phone="02521 / 123 45", life_s=240, urgent=True)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with http_gateway(Gateway()) as gateway:
        yield gateway


def sms(gateway: Gateway, **changes: Any) -> SmsSettings:
    values: dict[str, Any] = {
        "url": f"http://127.0.0.1:{gateway.port}/send",
        "headers": {"Authorization": "Bearer {token}"},
        "json": {"to": "{to}", "message": "{text}", "ref": "{id}"},
        "timeout_s": 5,
    }
    return SmsSettings.model_validate(values | changes)


def test_a_gateway_that_wants_json(gateway: Gateway) -> None:
    assert SmsChannel(sms(gateway), "geheim").send(PARCEL).outcome == "sent"
    (request,) = gateway.received
    assert (request.method, request.path) == ("POST", "/send")
    assert request.headers["authorization"] == "Bearer geheim"
    sent = json.loads(request.body)
    assert sent == {"to": "+49252112345", "message": LETTER.short, "ref": "ms_1"}


def test_a_gateway_that_wants_a_form(gateway: Gateway) -> None:
    form = {"json": {}, "form": {"to": "{to}", "text": "{text}"}, "headers": {}}
    assert SmsChannel(sms(gateway, **form)).send(PARCEL).outcome == "sent"
    sent = parse_qs(gateway.received[0].body.decode())
    assert sent == {"to": ["+49252112345"], "text": [LETTER.short]}


def test_a_gateway_that_wants_it_in_its_address(gateway: Gateway) -> None:
    url = f"http://127.0.0.1:{gateway.port}/s?t={{to}}&m={{text}}&k={{token}}"
    settings = sms(gateway, method="GET", url=url, json={}, headers={})
    assert SmsChannel(settings, "a&b").send(PARCEL).outcome == "sent"
    query = parse_qs(urlsplit(gateway.received[0].path).query)
    assert query == {"t": ["+49252112345"], "m": [LETTER.short], "k": ["a&b"]}


@pytest.mark.parametrize(
    ("status", "outcome", "down"),
    [
        (202, "sent", False),
        (302, "later", True),
        (400, "never", False),
        (404, "never", False),
        (401, "later", True),
        (429, "later", True),
        (500, "later", True),
        (503, "later", True),
    ],
)
def test_what_the_gateway_answers_decides(
    gateway: Gateway, status: int, outcome: str, *, down: bool
) -> None:
    gateway.always = (status, {"Location": "http://127.0.0.1:1/"})
    gateway.body = b"no: +49252112345 or erika@example.org"
    result = SmsChannel(sms(gateway), "x").send(PARCEL)
    assert (result.outcome, result.channel_down) == (outcome, down)
    assert len(gateway.received) == 1  # a redirect is not followed
    assert "2521" not in result.detail
    assert "erika" not in result.detail


def test_retry_after_is_heeded(gateway: Gateway) -> None:
    gateway.always = (429, {"Retry-After": "77"})
    assert SmsChannel(sms(gateway), "x").send(PARCEL).after_s == 77


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("12", 12, 12),
        ("999999999999", 3600, 3600),
        ("-5", 0, 0),
        ("soon", 0, 0),
        ("", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 3600, 3600),
    ],
)
def test_both_forms_of_retry_after(value: str, low: float, high: float) -> None:
    assert low <= retry_after_s({"retry-after": value}) <= high


@pytest.mark.parametrize("drip_s", [0.0, 0.05])
def test_a_gateway_that_hangs_or_dawdles(drip_s: float) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" if drip_s else b""
    with silent_server(head, drip_s=drip_s) as port:
        channel = SmsChannel(sms(Gateway(port=port), timeout_s=0.5), "x")
        began = time.monotonic()
        result = channel.send(PARCEL)
        assert time.monotonic() - began < channel.deadline_s
    assert result.outcome == ("sent" if drip_s else "later")


def test_headers_that_never_end_are_cut_off() -> None:
    with silent_server(b"HTTP/1.1 200 OK\r\nX-Slow: ", drip_s=0.05) as port:
        channel = SmsChannel(sms(Gateway(port=port), timeout_s=0.5), "x")
        began = time.monotonic()
        result = channel.send(PARCEL)
        assert time.monotonic() - began < channel.deadline_s
    assert result.outcome == "later"


def test_a_number_from_elsewhere(gateway: Gateway) -> None:
    settings = sms(gateway, country_code="+43")
    for written in ("0660 1234567", "+31 20 123 4567"):
        parcel = Parcel("ms_1", LETTER, "Erika", phone=written)
        assert SmsChannel(settings, "x").send(parcel).outcome == "sent"
    sent = [json.loads(request.body)["to"] for request in gateway.received]
    assert sent == ["+436601234567", "+31201234567"]


def test_no_number_no_request(gateway: Gateway) -> None:
    parcel = Parcel("ms_1", LETTER, "Erika", phone="110")
    assert SmsChannel(sms(gateway), "x").send(parcel).outcome == "never"
    assert gateway.received == []


# -- push


def push(gateway: Gateway) -> PushSettings:
    return PushSettings(
        contact="mailto:rufbus@example.org", hosts=[f"127.0.0.1:{gateway.port}"], timeout_s=5
    )


def to(*browsers: Browser) -> Parcel:
    subscriptions = tuple(browser.subscription for browser in browsers)
    return Parcel(
        "ms_" + "a" * 32, LETTER, "Erika", subscriptions=subscriptions, life_s=240, urgent=True
    )


def test_a_push_can_be_read_by_the_browser_and_by_nobody_else(gateway: Gateway) -> None:
    browser = Browser(f"http://127.0.0.1:{gateway.port}/push/1")
    pem = fresh_pem()
    assert PushChannel(push(gateway), pem).send(to(browser)).outcome == "sent"
    (request,) = gateway.received
    assert LETTER.short.encode() not in request.body
    assert browser.read(request.body) == {
        "tag": "ms_" + "a" * 32,
        "title": LETTER.subject,
        "body": LETTER.short,
        "url": "/b/bk_1",
    }
    headers = request.headers
    assert headers["content-encoding"] == "aes128gcm"
    assert (headers["ttl"], headers["urgency"], headers["topic"]) == ("240", "high", "a" * 32)
    assert Vapid02.verify(headers["authorization"])
    assert f"k={public_key(pem)}" in headers["authorization"]
    token = headers["authorization"].split("t=")[1].split(",")[0].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(token + "=="))
    assert claims["aud"] == f"http://127.0.0.1:{gateway.port}"
    assert claims["sub"] == "mailto:rufbus@example.org"
    assert 0 < claims["exp"] - time.time() < 24 * 3600


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_is_gone_is_given_up_and_the_other_one_told(
    gateway: Gateway, status: int
) -> None:
    gone, there = (Browser(f"http://127.0.0.1:{gateway.port}/push/{n}") for n in (1, 2))
    gateway.answers = [(status, {}), (201, {})]
    result = PushChannel(push(gateway), fresh_pem()).send(to(gone, there))
    assert (result.outcome, result.lost) == ("sent", (gone.subscription.endpoint,))
    gateway.answers = [(status, {})]
    result = PushChannel(push(gateway), fresh_pem()).send(to(gone))
    assert (result.outcome, result.lost) == ("gone", (gone.subscription.endpoint,))


def test_a_push_service_that_is_busy(gateway: Gateway) -> None:
    gateway.always = (429, {"Retry-After": "30"})
    browser = Browser(f"http://127.0.0.1:{gateway.port}/push/1")
    result = PushChannel(push(gateway), fresh_pem()).send(to(browser))
    assert (result.outcome, result.after_s, result.lost) == ("later", 30, ())


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:1/inside",
        "https://127.0.0.1/",
        "https://10.0.0.1/admin",
        "https://fcm.googleapis.com.evil.example/",
        "http://fcm.googleapis.com/x",
        "https://fcm.googleapis.com:8443/x",
        "https://user@fcm.googleapis.com/x",
        "https://evil.example/fcm.googleapis.com",
        "https://[::1",
        "ftp://fcm.googleapis.com/x",
        "",
    ],
)
def test_nobody_but_a_push_service_is_called(gateway: Gateway, endpoint: str) -> None:
    settings = PushSettings(contact="mailto:a@example.org")
    assert not settings.allows(endpoint)
    result = PushChannel(settings, fresh_pem()).send(to(Browser(endpoint)))
    assert (result.outcome, result.lost) == ("gone", (endpoint,))
    assert gateway.received == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/abc",
        "https://updates.push.services.mozilla.com/wpush/v2/abc",
        "https://wns2-by3p.notify.windows.com/w/?token=abc",
        "https://web.push.apple.com/abc",
    ],
)
def test_the_push_services_of_the_browsers_are_known(endpoint: str) -> None:
    assert PushSettings(contact="mailto:a@example.org").allows(endpoint)


def test_subscriptions_that_cannot_be_used(gateway: Gateway) -> None:
    good = Browser(f"http://127.0.0.1:{gateway.port}/").subscription
    assert is_usable(good)
    bad = [
        Subscription(good.endpoint, good.p256dh, "c2hvcnQ"),
        Subscription(good.endpoint, good.auth, good.auth),
        Subscription(good.endpoint, good.p256dh[:-4] + "AAAA", good.auth),
        Subscription(good.endpoint, "!", good.auth),
    ]
    for subscription in bad:
        assert not is_usable(subscription)
        parcel = Parcel("ms_1", LETTER, "Erika", subscriptions=(subscription,))
        result = PushChannel(push(gateway), fresh_pem()).send(parcel)
        assert (result.outcome, result.lost) == ("gone", (good.endpoint,))
    assert gateway.received == []
