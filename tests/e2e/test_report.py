"""A planner opens the report of a simulated day in a real browser, prints it, plays the day."""

import re
from pathlib import Path
from typing import Any

import pytest
from grid_network import grid_network
from playwright.sync_api import Browser, Page, expect
from tiny_town import grid_config

from simulations.output import kpis_of, write_result
from simulations.report import report_html
from simulations.runner import run_in
from simulations.scenario import Scenario

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
A4_PX = {"width": 688, "height": 1020}  # what A4 portrait leaves between the margins, at 96 dpi
DEMAND = {
    "requests": 120,
    "flows": [{"origin": "*", "destination": "*", "share": 1}],
    "hours": [0] * 7 + [1] * 13 + [0] * 4,
    "party_sizes": [82, 13, 3, 2],
    "wheelchair_share": 0.03,
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `de.html` and `en.html`."""
    folder: Path = tmp_path_factory.mktemp("report")
    network = grid_network(folder)
    world = {"breakdowns_per_vehicle_day": 2, "no_show_share": 0.1}
    raw = {"name": "Gitter", "town": "grid", "date": "2026-03-10", "demand": DEMAND}
    scenario = Scenario.model_validate(raw | {"world": world})
    result = run_in(scenario, grid_config(), network, seed=3)
    write_result(result, folder / "out", "de")
    assert kpis_of(result)["figures"]["requests"] == 120
    for language in ("de", "en"):
        folder.joinpath(f"{language}.html").write_text(report_html(result, language), "utf-8")
    return folder


def opened(browser: Browser, file: Path, size: dict[str, int], **options: Any) -> Page:
    """The report, with a note of all that goes wrong or out."""
    page = browser.new_context(viewport=size, **options).new_page()
    page.trouble = []
    page.on("pageerror", lambda error: page.trouble.append(str(error)))
    page.on("console", lambda message: page.trouble.append(message.text))
    page.on("request", lambda request: page.trouble.append(request.url))
    page.goto(file.as_uri())
    page.trouble.remove(file.as_uri())
    return page


def too_wide(page: Page) -> list[str]:
    """Elements that reach beyond the right edge of the page."""
    script = """() => [...document.querySelectorAll("main *, header *")]
        .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
        .filter((e) => !e.closest(".scroll, details, svg svg") || matchMedia("print").matches)
        .map((e) => e.outerHTML.slice(0, 80))"""
    found: list[str] = page.evaluate(script)
    return found


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("language", ["de", "en"])
def test_the_report_fits_the_screen_and_asks_nobody(
    browser: Browser, reports: Path, language: str, size: dict[str, int]
) -> None:
    page = opened(browser, reports / f"{language}.html", size)
    expect(page.locator(".card")).to_have_count(6)
    assert too_wide(page) == []
    assert page.trouble == []
    page.context.close()


def test_the_day_is_played(browser: Browser, reports: Path) -> None:
    page = opened(browser, reports / "en.html", DESK)
    stage, slider = page.locator("#replay-stage"), page.get_by_role("slider")
    expect(stage).to_be_visible()
    begun = int(stage.get_attribute("data-at") or 0)
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.wait_for_function(
        f"Number(document.querySelector('[data-at]').dataset.at) > {begun + 300}"
    )
    page.get_by_role("button", name="Pause").click()
    before = page.locator("canvas").screenshot()
    slider.fill(str(12 * 3600))
    expect(page.locator("[data-replay=clock]")).to_have_text("12:00")
    assert page.locator("canvas").screenshot() != before
    slider.press("ArrowRight")
    expect(stage).to_have_attribute("data-at", str(12 * 3600 + 30))
    page.get_by_text("Vehicles as a list").click()
    expect(page.locator("[data-replay=list] tbody tr")).to_have_count(2)
    assert page.trouble == []
    page.context.close()


def test_without_scripts_all_but_the_replay_is_there(browser: Browser, reports: Path) -> None:
    page = opened(browser, reports / "en.html", DESK, java_script_enabled=False)
    expect(page.locator("#replay-stage")).to_be_hidden()
    expect(page.locator("noscript p")).to_be_visible()
    figures = page.locator("figure").count()
    assert figures >= 7
    expect(page.locator("figure svg[role=img]")).to_have_count(figures)
    expect(page.locator("#glossary tbody tr").last).to_be_visible()
    page.context.close()


@pytest.mark.parametrize("language", ["de", "en"])
def test_on_paper_nothing_is_cut(browser: Browser, reports: Path, language: str) -> None:
    page = opened(browser, reports / f"{language}.html", A4_PX)
    page.emulate_media(media="print")
    assert too_wide(page) == []
    expect(page.locator("#replay")).to_be_hidden()
    pages = re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))
    assert 5 <= len(pages) <= 14
    assert page.trouble == []
    page.context.close()
