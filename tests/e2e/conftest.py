"""A real demo service on the schematic Beckum, everything that `make run` starts; and a browser."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import ARGUMENTS, CHROMIUM, PATIENCE_MS, SCREENS, Witness
from playwright.sync_api import Browser, Page, sync_playwright
from running_service import RunningService

from dispatch.options import DATA


@pytest.fixture(scope="session")
def demo_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """`rufbus serve --demo` at twenty times real time, from an empty var folder, offline."""
    folder: Path = tmp_path_factory.mktemp("demo")
    folder.joinpath("var").mkdir()
    town = shutil.copytree(DATA / "beckum", folder / "beckum")
    with (town / "service.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[messages.push]\ncontact = "mailto:rufbus@example.org"\n')
    service = RunningService(
        folder / "var", town, arguments=("--demo", "--speed", "20"), speed=20.0
    )
    with service:
        yield service


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.is_file():
        pytest.skip(f"needs a browser at {CHROMIUM} (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(params=SCREENS)
def page(request: pytest.FixtureRequest, browser: Browser, demo_service: Any) -> Iterator[Page]:
    context = browser.new_context(
        base_url=demo_service.url, locale="de-DE", **SCREENS[request.param]
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    yield page
    context.close()


@pytest.fixture
def witness(page: Page, demo_service: Any) -> Witness:
    witness = Witness(demo_service.url)
    witness.watch(page)
    return witness
