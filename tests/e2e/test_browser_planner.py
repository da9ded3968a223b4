"""A planner runs real scenarios in a real browser: copy, change, run, read, compare."""

import re
from typing import Any

import pytest
from browser import PATIENCE_MS, Witness, stays_within_the_screen
from playwright.sync_api import BrowserContext, Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RUN_MS = 240_000  # two small days at the lowest priority, beside a demo at twenty times real time


def sign_in(page: Page, token: str) -> None:
    page.goto("/planner")
    page.get_by_label("Zugangstoken").fill(token)
    page.get_by_role("button", name="Anmelden").click()
    expect(page.locator("html")).to_have_attribute("data-ready", "true", timeout=PATIENCE_MS)


def scenario(page: Page, name: str) -> Locator:
    title = page.get_by_role("heading", name=name, exact=True)
    return page.locator("#scenarios .scenario").filter(has=title)


def run(page: Page, name: str) -> Locator:
    return page.locator("#runs .job").filter(has_text=name)


def opened(context: BrowserContext, link: Locator, witness: Witness) -> Page:
    """The page that a link opens."""
    with context.expect_page() as waiting:
        link.click()
    page = waiting.value
    witness.watch(page)
    return page


def copy_with(page: Page, original: str, name: str, vehicles: str) -> None:
    scenario(page, original).get_by_role("link", name=re.compile("^Kopie bearbeiten")).click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Fahrzeuge", exact=True).fill(vehicles)
    stays_within_the_screen(page)
    page.get_by_role("button", name="Speichern und rechnen").click()
    page.wait_for_url(re.compile("/planner#runs-title$"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", ["desktop"], indirect=True)  # simulations take their time
def test_a_planner_compares_two_variants(page: Page, witness: Witness, demo_service: Any) -> None:
    sign_in(page, demo_service.control_token)
    copy_with(page, "Beckum, two vans", "Drei Wagen", "3")
    expect(run(page, "Drei Wagen").locator("progress")).to_be_visible(timeout=PATIENCE_MS)
    copy_with(page, "Beckum, two vans", "Vier Wagen", "4")
    expect(run(page, "Vier Wagen")).to_contain_text("wartet")
    page.reload()
    for name in ("Drei Wagen", "Vier Wagen"):
        expect(run(page, name)).to_contain_text("fertig", timeout=RUN_MS)
        expect(run(page, name).locator("dd").first).to_have_text(re.compile(r"^[\d,]+\s%$"))
        run(page, name).get_by_role("checkbox").check()
    stays_within_the_screen(page)
    link = run(page, "Drei Wagen").get_by_role("link", name=re.compile("^Bericht"))
    report = opened(page.context, link, witness)
    expect(report.locator("h1")).to_have_text("Drei Wagen")
    compared = opened(page.context, page.get_by_role("button", name="Vergleichen"), witness)
    expect(compared.get_by_text("Vier Wagen").first).to_be_attached(timeout=RUN_MS)
    expect(compared).to_have_title(re.compile("ergleich"), timeout=RUN_MS)
    witness.is_content()


def test_a_run_is_cancelled_and_deleted(page: Page, witness: Witness, demo_service: Any) -> None:
    sign_in(page, demo_service.control_token)
    card = scenario(page, "Beckum, snow")
    card.get_by_label("Startwert").fill("77")
    card.get_by_role("button", name=re.compile("^Rechnen")).click()
    job = run(page, "Startwert 77").first
    job.get_by_role("button", name=re.compile("^Abbrechen")).click()
    expect(job).to_contain_text("abgebrochen", timeout=PATIENCE_MS * 2)
    stays_within_the_screen(page)
    job.get_by_role("button", name=re.compile("^Löschen")).click()
    page.get_by_role("button", name="Ja, löschen").click()
    expect(run(page, "Startwert 77")).to_have_count(0)
    witness.is_content()


@pytest.mark.parametrize("page", ["phone"], indirect=True)
def test_a_wrong_value_is_said_at_its_field(page: Page, demo_service: Any) -> None:
    sign_in(page, demo_service.control_token)
    scenario(page, "Beckum, two vans").get_by_role("link").click()
    vehicles = page.get_by_label("Fahrzeuge", exact=True)
    vehicles.fill("0")
    page.get_by_role("button", name="Speichern", exact=True).click()
    expect(vehicles).to_be_focused()
    expect(page.locator("#fleet-vehicles-error")).to_have_text(
        "Bitte einen Wert von 1 bis 1000 eingeben."
    )
    vehicles.fill("")
    page.get_by_text("Für Fortgeschrittene").click()
    text = page.get_by_label("Die Kopie als TOML")
    text.fill(text.input_value() + "fleet.vehicels = 3\n")
    page.get_by_role("button", name="Speichern", exact=True).click()
    expect(page.locator("#toml-error")).to_contain_text("vehicels", timeout=PATIENCE_MS)
    expect(text).to_be_focused()
    stays_within_the_screen(page)


@pytest.mark.parametrize("width", [320, 360])
def test_the_bar_fits_narrow_screens(page: Page, demo_service: Any, width: int) -> None:
    sign_in(page, demo_service.control_token)
    page.set_viewport_size({"width": width, "height": 640})
    for path in ("/planner", "/planner/edit/shipped:beckum-small", "/control"):
        page.goto(path)
        expect(page.locator("h1").first).to_be_visible()
        stays_within_the_screen(page)
        edges = page.locator(".bar :is(a, button)").evaluate_all(
            "nodes => nodes.map(node => node.getBoundingClientRect().right)"
        )
        assert max(edges) <= width
