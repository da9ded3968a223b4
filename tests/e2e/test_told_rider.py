"""What `rufbus serve` tells a rider, with nothing configured: e-mails as files, seen by control."""

import time
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from running_service import RunningService, ask, book

pytestmark = pytest.mark.slow

PATIENCE_S = 30.0


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)
    return found


def letters(service: RunningService, code: str) -> list[EmailMessage]:
    """The e-mails that name a booking's code, oldest first."""
    found = []
    paths = sorted((service.var / "messages").glob("*.eml"), key=lambda p: p.stat().st_mtime_ns)
    for path in paths:
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        assert isinstance(message, EmailMessage)
        text = message.get_body(("plain",))
        assert text is not None
        if code in text.get_content():
            found.append(message)
    return found


def test_a_rider_is_told_and_the_control_room_sees_it(demo_service: RunningService) -> None:
    control = {"Authorization": f"Bearer {demo_service.control_token}"}
    with httpx.Client(base_url=demo_service.url, timeout=20) as client:
        stops = client.get("/api/v1/stops").json()["stops"]
        asked = ask(client, stops, 15).json()
        booking = book(client, asked["offers"][0]["id"], "told-1").json()
        url = f"/api/v1/messages?booking={booking['id']}"

        def told() -> list[tuple[str, str, str]]:
            body = client.get(url, headers=control).json()
            return [(m["kind"], m["state"], m["channel"]) for m in reversed(body["messages"])]

        until(lambda: told() == [("confirmed", "sent", "file")])
        (confirmed,) = letters(demo_service, booking["code"])
        assert confirmed["To"] == "Test <test@example.org>"
        assert "gebucht" in str(confirmed["Subject"])
        assert client.get(url).status_code == 401
        # a killed messenger is replaced, and goes on
        killed = demo_service.kill("messenger")
        gone = client.delete(f"/api/v1/bookings/{booking['id']}")
        assert gone.status_code == 200
        until(lambda: told()[1:] == [("cancelled", "sent", "file")])
        assert killed
    assert demo_service.audit().returncode == 0
