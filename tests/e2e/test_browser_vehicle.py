"""The control room takes a vehicle out of service, puts it back, and speaks for its driver."""

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from browser import PATIENCE_MS, Witness, stays_within_the_screen
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def desk(demo_service: Any) -> Iterator[httpx.Client]:
    """The control room by API; puts all vehicles back into service in the end."""
    headers = {"Authorization": f"Bearer {demo_service.control_token}"}
    with httpx.Client(base_url=f"{demo_service.url}/api/v1", headers=headers, timeout=20) as desk:
        yield desk
        for out in desk.get("/fleet").json()["out_of_service"]:
            desk.post(f"/vehicles/{out['vehicle']['id']}/back-in-service")


def on_duty(desk: httpx.Client) -> dict[str, Any]:
    """A vehicle that drives."""
    for _ in range(600):
        for vehicle in desk.get("/fleet").json()["vehicles"]:
            if vehicle["state"] == "driving":
                found: dict[str, Any] = vehicle
                return found
        time.sleep(0.1)
    raise AssertionError("no vehicle ever drives")


def before_a_break(desk: httpx.Client) -> tuple[dict[str, Any], str]:
    """A vehicle whose driver has a break ahead, and when the shift ends."""
    for _ in range(600):
        for shift in desk.get("/plan").json()["shifts"]:
            rests = [visit for visit in shift["visits"] if visit["kind"] == "break"]
            ahead = bool(rests) and rests[0]["arrived_at"] is None
            if shift["status"] == "active" and ahead:
                return shift["vehicle"], shift["end"]
        time.sleep(0.1)
    raise AssertionError("no driver ever has a break ahead")


def opened(page: Page, token: str, vehicle: dict[str, Any]) -> Any:
    page.goto(f"/control#token={token}")
    card = page.locator(f'[data-vehicle="{vehicle["id"]}"]')
    card.locator("summary").click()
    card.get_by_role("button", name="Eingreifen").click()
    dialog = page.locator("#vehicle-dialog")
    expect(dialog).to_be_visible()
    expect(dialog.locator("h2")).to_have_text(vehicle["name"])
    return dialog


def test_a_vehicle_breaks_down_and_comes_back(
    page: Page, witness: Witness, demo_service: Any, desk: httpx.Client
) -> None:
    vehicle = on_duty(desk)
    dialog = opened(page, demo_service.control_token, vehicle)
    out = dialog.get_by_role("button", name="Außer Betrieb nehmen")
    expect(out).to_be_disabled()
    dialog.get_by_label("Grund").select_option(label="Panne")
    expect(dialog.locator("#out-effect")).to_have_text(re.compile(r"\w"))
    stays_within_the_screen(page)
    out.click()
    expect(dialog.locator("#vehicle-message")).to_contain_text("Erledigt", timeout=PATIENCE_MS)
    fleet = desk.get("/fleet").json()
    assert [o["reason"] for o in fleet["out_of_service"]] == ["breakdown"]
    expect(dialog.locator("#back-state")).to_contain_text("Panne", timeout=PATIENCE_MS)
    expect(out).to_be_hidden()
    stays_within_the_screen(page)
    dialog.get_by_role("button", name="Wieder in Betrieb nehmen").click()
    expect(dialog.get_by_role("button", name="Außer Betrieb nehmen")).to_be_visible(
        timeout=PATIENCE_MS
    )
    assert desk.get("/fleet").json()["out_of_service"] == []
    witness.is_content()


def test_what_the_law_forbids_is_said_in_words(
    page: Page, demo_service: Any, desk: httpx.Client
) -> None:
    """A break put off beyond what the law allows is refused, and the dialog says so."""
    vehicle, end = before_a_break(desk)
    dialog = opened(page, demo_service.control_token, vehicle)
    dialog.locator("#break-until").fill(end[11:16])
    dialog.get_by_role("button", name="Verschieben").click()
    refusal = dialog.locator("#vehicle-message .bad")
    expect(refusal).to_have_text(re.compile("Pause"), timeout=PATIENCE_MS)
    stays_within_the_screen(page)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
