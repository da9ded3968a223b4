"""A rider chooses how to be told, also on this very device; what is pushed there is shown."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from browser import PATIENCE_MS, Witness, stays_within_the_screen
from playwright.sync_api import Page, expect
from running_service import ask, book

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# No push service can be reached: the browser's part of subscribing is stood in for, with real keys.
SUBSCRIBED = """
const text = (bytes) => {
  const plain = btoa(String.fromCharCode(...bytes));
  return plain.replace(/[+]/g, "-").replace(/[/]/g, "_").replace(/=+$/, "");
};
PushManager.prototype.subscribe = async function ({ applicationServerKey }) {
  const ec = { name: "ECDH", namedCurve: "P-256" };
  if (applicationServerKey.length !== 65) throw new Error("not a key");
  const { publicKey } = await crypto.subtle.generateKey(ec, true, ["deriveBits"]);
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", publicKey));
  const keys = { p256dh: text(raw), auth: text(crypto.getRandomValues(new Uint8Array(16))) };
  const endpoint = "https://fcm.googleapis.com/fcm/send/test";
  return { endpoint, toJSON: () => ({ endpoint, keys }), unsubscribe: async () => true };
};
Notification.requestPermission = async () => "granted";
"""


@pytest.fixture
def client(demo_service: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=demo_service.url, timeout=20) as client:
        yield client


@pytest.fixture
def booking(client: httpx.Client) -> dict[str, Any]:
    stops = client.get("/api/v1/stops").json()["stops"]
    offer = ask(client, stops, 15).json()["offers"][0]
    booked: dict[str, Any] = book(client, offer["id"], f"news-{time.monotonic_ns()}").json()
    return booked


def told(client: httpx.Client, booking: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(f"/api/v1/bookings/{booking['id']}/notifications").json()
    return answer


def test_channel_and_language_are_chosen(
    page: Page, witness: Witness, client: httpx.Client, booking: dict[str, Any]
) -> None:
    page.goto(f"/b/{booking['id']}")
    news = page.locator("#news")
    expect(news).to_be_visible(timeout=PATIENCE_MS)
    expect(news.get_by_label("Weg").locator("option").first).to_contain_text("E-Mail")
    news.get_by_label("Weg").select_option(label="gar nicht")
    expect(news.locator("#news-message")).to_contain_text("Gemerkt")
    assert told(client, booking)["channel"] == "none"
    news.get_by_label("Sprache").select_option(value="en")
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while (known := told(client, booking))["language"] != "en":
        assert time.monotonic() < deadline, known
    assert (known["channel"], known["effective"]) == ("none", "none")
    expect(news.get_by_label("Weg")).to_have_value("none")
    stays_within_the_screen(page)
    witness.is_content()


def test_this_device_is_notified_until_it_no_longer_wants_to_be(
    page: Page, client: httpx.Client, booking: dict[str, Any]
) -> None:
    page.add_init_script(SUBSCRIBED)
    page.goto(f"/b/{booking['id']}")
    on = page.get_by_role("button", name="Auf diesem Gerät benachrichtigen")
    on.click(timeout=PATIENCE_MS)
    off = page.get_by_role("button", name="Auf diesem Gerät nicht mehr")
    expect(off).to_be_visible(timeout=PATIENCE_MS)
    assert told(client, booking)["effective"] == "push"
    assert told(client, booking)["push_subscriptions"] == 1
    stays_within_the_screen(page)
    off.click()
    expect(on).to_be_visible(timeout=PATIENCE_MS)
    assert told(client, booking)["effective"] == "email"
    assert told(client, booking)["push_subscriptions"] == 0


def test_a_browser_without_a_push_service_says_so(page: Page, booking: dict[str, Any]) -> None:
    page.context.grant_permissions(["notifications"])
    page.goto(f"/b/{booking['id']}")
    page.get_by_role("button", name="Auf diesem Gerät benachrichtigen").click(timeout=PATIENCE_MS)
    said = page.locator("#news-message .bad")
    expect(said).to_contain_text("keine Mitteilungen", timeout=PATIENCE_MS)


def test_what_is_pushed_is_shown_once(page: Page, demo_service: Any) -> None:
    """The worker gets what the service sends (`PushChannel`), as if from a push service."""
    page.context.grant_permissions(["notifications"])
    devtools = page.context.new_cdp_session(page)
    registered: list[str] = []
    devtools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: registered.extend(r["registrationId"] for r in event["registrations"]),
    )
    devtools.send("ServiceWorker.enable")
    page.goto("/")
    page.evaluate(
        """async () => {
          await navigator.serviceWorker.register("/push-worker.js");
          await navigator.serviceWorker.ready;
        }"""
    )
    message = {"tag": "ms_1", "title": "Ihr Shuttle kommt", "body": "In 5 min", "url": "/b/bk_1"}
    for _ in "ab":
        devtools.send(
            "ServiceWorker.deliverPushMessage",
            {
                "origin": demo_service.url,
                "registrationId": registered[-1],
                "data": json.dumps(message),
            },
        )
    page.wait_for_function(
        """async () => {
          const { length } = await (await navigator.serviceWorker.ready).getNotifications();
          return length === 1;
        }"""
    )
    shown = page.evaluate(
        """async () => {
          const [one] = await (await navigator.serviceWorker.ready).getNotifications();
          return { title: one.title, body: one.body, tag: one.tag, url: one.data.url };
        }"""
    )
    assert shown == message
