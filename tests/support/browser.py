"""Chromium for tests of the pages, and a witness of what they should not do."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Page

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Request, Response

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--enable-unsafe-swiftshader",
    "--use-angle=swiftshader",
]
SCREENS = {
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
    "desktop": {"viewport": {"width": 1440, "height": 900}},
}
PATIENCE_MS = 30_000


@dataclass
class Witness:
    """Notes what a page should not do."""

    origin: str
    strangers: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("request", self._request)
        page.on("response", self._response)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _request(self, request: "Request") -> None:
        if not request.url.startswith((self.origin, "data:", f"blob:{self.origin}")):
            self.strangers.append(request.url)

    def _response(self, response: "Response") -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status} {response.url}")

    def _console(self, message: "ConsoleMessage") -> None:
        # Without a graphics card, Chromium remarks on its own slowness.
        if message.type == "error" or (message.type == "warning" and "GPU" not in message.text):
            self.errors.append(message.text)

    def forgive(self, response: "Response") -> None:
        """An answer that has to be expected, and the browser's remark about it."""
        self.errors.remove(f"{response.status} {response.url}")
        self.errors = [e for e in self.errors if f"status of {response.status}" not in e]

    def is_content(self) -> None:
        assert self.strangers == []
        assert self.errors == []


def stays_within_the_screen(page: Page) -> None:
    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(width) <= 0, "nothing to scroll sideways"
