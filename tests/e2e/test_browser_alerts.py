"""The control room sees that vehicles are not heard of, and says that somebody has seen it."""

import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from browser import PATIENCE_MS, Witness, stays_within_the_screen
from playwright.sync_api import Page, expect

from dispatch.supervisor import ServiceState

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def silent_drivers(demo_service: Any) -> Iterator[None]:
    """All virtual drivers fall asleep, and wake up again after the test."""
    state = ServiceState.read(demo_service.var)
    assert state is not None
    pid = int(state.processes["demo"])
    headers = {"Authorization": f"Bearer {demo_service.control_token}"}
    with httpx.Client(base_url=f"{demo_service.url}/api/v1", headers=headers) as client:
        for _ in range(600):
            fleet = client.get("/fleet").json()["vehicles"]
            if any(vehicle["state"] == "driving" for vehicle in fleet):
                break
            signal.sigtimedwait([], 0.1)
    os.kill(pid, signal.SIGSTOP)
    yield
    os.kill(pid, signal.SIGCONT)


@pytest.mark.usefixtures("silent_drivers")
def test_a_silent_vehicle_is_an_alert_that_can_be_acknowledged(
    page: Page, witness: Witness, demo_service: Any
) -> None:
    page.goto(f"/control#token={demo_service.control_token}")
    # Only this kind lasts while the drivers sleep: a danger may be over before it is acknowledged.
    alert = page.locator('#alerts > li[data-alert^="position_stale:"]:not(.seen)').first
    expect(alert).to_be_visible(timeout=3 * PATIENCE_MS)
    expect(page.locator("#no-alerts")).to_be_hidden()
    expect(alert.locator(".name")).to_have_text(re.compile(r"^Shuttle \d"))
    stays_within_the_screen(page)
    name = alert.get_attribute("data-alert")
    button = page.locator(f'[data-alert="{name}"]').get_by_role("button", name="Gesehen")
    button.focus()
    page.keyboard.press("Enter")
    seen = page.locator(f'[data-alert="{name}"].seen')
    expect(seen).to_contain_text("Gesehen um", timeout=PATIENCE_MS)
    expect(seen.get_by_role("button", name="Gesehen")).to_have_count(0)
    witness.is_content()
