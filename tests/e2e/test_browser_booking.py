"""People use the pages in a real browser, on a phone and at a desk, against a running demo."""

import re
from typing import Any

import pytest
from browser import PATIENCE_MS, Witness, stays_within_the_screen
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RIDE_MS = 150_000  # a ride of at most 50 min, twenty times as fast


def stops_of(page: Page) -> list[dict[str, Any]]:
    stops: list[dict[str, Any]] = page.request.get("/api/v1/stops").json()["stops"]
    return stops


def far_apart(stops: list[dict[str, Any]]) -> tuple[str, str]:
    """Two names that are unique, of stops that are worth a ride."""
    names = [stop["name"] for stop in stops]
    unique = [stop for stop in stops if names.count(stop["name"]) == 1]
    start = min(unique, key=lambda stop: abs(stop["lon"] - 8.02) + abs(stop["lat"] - 51.80))
    end = min(unique, key=lambda stop: abs(stop["lon"] - 8.04) + abs(stop["lat"] - 51.755))
    return start["name"], end["name"]


def choose_stop(page: Page, label: str, name: str) -> None:
    field = page.get_by_role("combobox", name=label, exact=True)
    field.fill(name)
    option = page.get_by_role("option").filter(has_text=name).first
    expect(option).to_be_visible()
    field.press("ArrowDown")
    field.press("Enter")
    expect(field).to_have_value(name)
    expect(field).to_have_attribute("aria-expanded", "false")


def open_booking(page: Page, path: str = "/") -> None:
    page.goto(path)
    expect(page.locator("html")).to_have_attribute("data-ready", "true", timeout=PATIENCE_MS)


def search(page: Page) -> None:
    """Ask for a ride now; where everything is taken, take the first alternative time."""
    page.get_by_role("button", name="Fahrt suchen").click()
    results = page.locator("#offers > *").first
    expect(results).to_be_visible(timeout=PATIENCE_MS)
    offers = page.locator("article.offer")
    if not offers.count():
        page.locator(".alternatives button").first.click()
        expect(offers.first).to_be_visible(timeout=PATIENCE_MS)


def book(page: Page, *, tomorrow: bool = False) -> None:
    start, end = far_apart(stops_of(page))
    open_booking(page)
    choose_stop(page, "Von", start)
    choose_stop(page, "Nach", end)
    if tomorrow:
        page.get_by_role("radio", name="Abfahrt um").check()
        page.get_by_label("Tag").select_option("Morgen")
        page.get_by_label("Uhrzeit").fill("10:00")
    search(page)
    offer = page.locator("article.offer").first
    expect(offer.locator(".times")).to_have_text(re.compile(r"^\d\d:\d\d\u2013\d\d:\d\d$"))
    expect(offer.locator(".price")).to_have_text(re.compile(r"^\d+,\d\d\s\u20ac$"))
    expect(offer).to_contain_text("Gilt noch")
    offer.get_by_role("button", name="Diese Fahrt nehmen").click()
    page.get_by_label("Name").fill("Erika Muster")
    page.get_by_label("Telefon", exact=True).fill("02521 12345")
    page.get_by_role("button", name="Verbindlich buchen").click()
    page.wait_for_url(re.compile(r"/b/bk_\w+$"), timeout=PATIENCE_MS)


def cancel(page: Page) -> None:
    page.get_by_role("button", name="Fahrt stornieren").click()
    page.get_by_role("button", name="Ja, stornieren").click()
    expect(page.locator("#status-title")).to_have_text("Fahrt storniert", timeout=PATIENCE_MS)


@pytest.mark.parametrize("page", ["phone"], indirect=True)  # a whole ride takes its time
def test_a_ride_is_booked_and_watched_to_its_end(page: Page, witness: Witness) -> None:
    book(page)
    expect(page.locator("#code")).to_have_text(re.compile(r"^[A-Z0-9]{6}$"))
    expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
    expect(page.locator("#legs li")).to_have_count(2)
    expect(page.locator("#map canvas")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(".pin")).to_have_count(2)
    expect(page.locator(".shuttle")).to_be_visible(timeout=RIDE_MS)
    stays_within_the_screen(page)
    title = page.locator("#status-title")
    expect(title).to_have_text("Sie sind unterwegs", timeout=RIDE_MS)
    expect(page.get_by_role("button", name="Fahrt stornieren")).to_be_hidden()
    expect(title).to_have_text("Angekommen", timeout=RIDE_MS)
    expect(page.locator("#live-state")).to_have_text("Fahrt beendet")
    expect(page.locator(".shuttle")).to_have_count(0)
    witness.is_content()


def test_a_ride_for_tomorrow_is_booked_kept_and_given_up(page: Page, witness: Witness) -> None:
    book(page, tomorrow=True)
    title = page.locator("#status-title")
    expect(title).to_have_text("Ihre Fahrt ist gebucht", timeout=PATIENCE_MS)
    expect(page.locator("#ride-day")).to_have_text("Morgen")
    page.get_by_role("button", name="Fahrt stornieren").click()
    page.get_by_role("button", name="Nein, behalten").click()
    expect(title).to_have_text("Ihre Fahrt ist gebucht")
    cancel(page)
    expect(page.get_by_role("button", name="Fahrt stornieren")).to_be_hidden()
    witness.is_content()


def test_both_ends_can_be_tapped_on_the_map(page: Page, witness: Witness) -> None:
    open_booking(page)
    canvas = page.locator("#map canvas")
    expect(canvas).to_be_visible(timeout=PATIENCE_MS)
    box = canvas.bounding_box()
    assert box is not None
    for part in (0.4, 0.6):
        canvas.click(position={"x": box["width"] * part, "y": box["height"] * 0.6})
    for label in ("Von", "Nach"):
        field = page.get_by_role("combobox", name=label, exact=True)
        expect(field).not_to_have_value("")
    expect(page.locator(".pin")).to_have_count(2)
    stays_within_the_screen(page)
    witness.is_content()


def test_what_is_missing_is_said_at_the_field(page: Page, witness: Witness) -> None:
    open_booking(page)
    page.get_by_role("button", name="Fahrt suchen").click()
    field = page.get_by_role("combobox", name="Von", exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(page.locator("#origin-error")).to_contain_text("Bitte eine Haltestelle")
    witness.is_content()


@pytest.mark.parametrize("page", ["phone"], indirect=True)  # where the answer is below the fold
def test_why_a_wish_is_not_accepted_is_in_sight(page: Page) -> None:
    start, end = far_apart(stops_of(page))
    open_booking(page)
    choose_stop(page, "Von", start)
    choose_stop(page, "Nach", end)
    page.get_by_role("radio", name="Ankunft bis").check()
    page.get_by_label("Uhrzeit").fill("")
    page.get_by_role("button", name="Fahrt suchen").click()
    expect(page.get_by_label("Uhrzeit")).to_be_focused()
    page.get_by_label("Uhrzeit").fill("00:01")
    page.get_by_role("button", name="Fahrt suchen").click()
    expect(page.get_by_text("Bitte eine spätere Ankunftszeit wählen.")).to_be_in_viewport(
        timeout=PATIENCE_MS
    )


def test_a_ride_at_a_closed_hour_is_refused_with_a_reason(page: Page, witness: Witness) -> None:
    start, end = far_apart(stops_of(page))
    open_booking(page, "/?lang=en")
    choose_stop(page, "From", start)
    choose_stop(page, "To", end)
    page.get_by_role("radio", name="Depart at").check()
    page.get_by_label("Day").select_option(index=1)
    page.get_by_label("Time").fill("03:30")
    page.get_by_role("button", name="Find a ride").click()
    expect(page.locator("#results-title")).to_have_text("No ride, sorry", timeout=PATIENCE_MS)
    expect(page.locator("#offers")).to_contain_text("does not run at that time")
    witness.is_content()


def test_the_pages_work_without_a_map(page: Page) -> None:
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    book(page, tomorrow=True)
    expect(page.locator("#map-note")).to_contain_text("Alles andere funktioniert")
    expect(page.locator("#code")).to_have_text(re.compile(r"^[A-Z0-9]{6}$"), timeout=PATIENCE_MS)
    cancel(page)


def test_without_live_events_the_page_polls(page: Page) -> None:
    page.route("**/events", lambda route: route.abort())
    book(page, tomorrow=True)
    live = page.locator("#live-state")
    expect(live).to_have_attribute("data-state", "polling", timeout=PATIENCE_MS)
    cancel(page)


def test_an_unknown_ride_is_said_kindly(page: Page) -> None:
    page.goto("/b/bk_nosuchride")
    expect(page.locator("#status-title")).to_have_text("Diese Fahrt gibt es nicht")
    expect(page.locator("#live-state")).to_be_hidden()


def test_the_control_room_shows_shuttles_on_the_move(
    page: Page, witness: Witness, demo_service: Any
) -> None:
    page.goto("/control")
    page.get_by_label("Zugangstoken").fill(demo_service.token("control"))
    page.get_by_role("button", name="Anmelden").click()
    expect(page.locator("#live-state")).to_have_text("Live", timeout=PATIENCE_MS)
    expect(page.locator("#fleet .vehicle").first).to_be_visible()
    shuttles = page.locator(".shuttle")
    expect(shuttles.first).to_be_attached(timeout=PATIENCE_MS)
    places = "nodes => nodes.map(node => [node.dataset.lon, node.dataset.lat].join())"
    before = shuttles.evaluate_all(places)
    page.wait_for_function(
        "before => [...document.querySelectorAll('.shuttle')]"
        ".some(node => !before.includes([node.dataset.lon, node.dataset.lat].join()))",
        arg=before,
        timeout=120_000,
    )
    stays_within_the_screen(page)
    page.get_by_role("button", name="Abmelden").click()
    expect(page.get_by_label("Zugangstoken")).to_be_visible()
    witness.is_content()


@pytest.mark.parametrize("width", [320, 360])
@pytest.mark.parametrize("path", ["/", "/?lang=en", "/b/bk_nosuchride", "/control", "/nowhere"])
def test_narrow_screens_need_no_sideways_scrolling(
    browser: Browser, demo_service: Any, width: int, path: str
) -> None:
    size = {"width": width, "height": 640}
    with browser.new_context(base_url=demo_service.url, locale="de-DE", viewport=size) as context:
        page = context.new_page()
        page.goto(path)
        expect(page.locator("h1").first).to_be_visible()
        stays_within_the_screen(page)
        edges = page.locator(".bar :is(a, button)").evaluate_all(
            "nodes => nodes.map(node => node.getBoundingClientRect().right)"
        )
        assert max(edges) <= width


def test_a_wrong_token_opens_nothing(page: Page) -> None:
    page.goto("/control")
    page.get_by_label("Zugangstoken").fill("wrong")
    page.get_by_role("button", name="Anmelden").click()
    expect(page.locator("#token-error")).to_contain_text("gilt nicht")
