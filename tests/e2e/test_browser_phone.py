"""Dispatchers book for callers by keyboard, move bookings, and riders give one up by its code."""

import itertools
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from browser import PATIENCE_MS, Witness, stays_within_the_screen
from playwright.sync_api import Locator, Page, Route, expect
from running_service import RunningService

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CALL_S = 10.0  # by a script that neither thinks nor speaks
CODE = re.compile(r"^[A-Z0-9]{6}$")
WHEELCHAIR = {"seats": 0, "wheelchairs": 1}
at_a_desk = pytest.mark.parametrize("page", ["desktop"], indirect=True)
_numbers = itertools.count(100)


class Town:
    """What the tests prepare through the API, as other callers would."""

    def __init__(self, service: RunningService) -> None:
        self.client = httpx.Client(base_url=service.url, timeout=60)
        self.control = {"Authorization": f"Bearer {service.control_token}"}
        stops = self.client.get("/api/v1/stops").json()["stops"]
        names = [stop["name"] for stop in stops]
        unique = [stop for stop in stops if names.count(stop["name"]) == 1]
        self.start = min(unique, key=lambda s: abs(s["lon"] - 8.02) + abs(s["lat"] - 51.80))
        self.end = min(unique, key=lambda s: abs(s["lon"] - 8.04) + abs(s["lat"] - 51.755))

    def ask(self, hour: int, **wish: Any) -> dict[str, Any]:
        """A ride tomorrow at an hour."""
        now = datetime.fromisoformat(self.client.get("/api/v1/service").json()["now"])
        at = (now + timedelta(days=1)).replace(hour=hour, minute=0, second=0, microsecond=0)
        body = {
            "origin": {"stop_id": self.start["id"]},
            "destination": {"stop_id": self.end["id"]},
            "depart_at": at.isoformat(),
        }
        answer: dict[str, Any] = self.client.post("/api/v1/ride-requests", json=body | wish).json()
        return answer

    def take(self, request: dict[str, Any], name: str, phone: str) -> dict[str, Any]:
        wish = {
            "offer_id": request["offers"][0]["id"],
            "contact": {"name": name, "phone": phone},
        }
        booking: dict[str, Any] = self.client.post("/api/v1/bookings", json=wish).json()
        return booking

    def booking(self, booking_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/api/v1/bookings/{booking_id}").json()
        return found

    def trips(self, phone: str) -> list[dict[str, Any]]:
        found = self.client.get("/api/v1/riders", params={"phone": phone}, headers=self.control)
        trips: list[dict[str, Any]] = found.json()["trips"]
        return trips


@pytest.fixture(scope="module")
def town(demo_service: RunningService) -> Iterator[Town]:
    town = Town(demo_service)
    yield town
    town.client.close()


@pytest.fixture
def phone() -> str:
    """A number nobody has called from yet."""
    return f"02521 880{next(_numbers)}"


@pytest.fixture
def desk(page: Page, demo_service: RunningService) -> Page:
    """The telephone's page, signed in."""
    page.goto("/control/phone")
    page.get_by_label("Zugangstoken").fill(demo_service.control_token)
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-ready", "true", timeout=PATIENCE_MS)
    expect(page.get_by_label("Telefonnummer")).to_be_focused()
    return page


def dial(desk: Page, phone: str) -> None:
    desk.keyboard.type(phone)
    desk.keyboard.press("Enter")


def tomorrow_at(desk: Page, clock: str) -> None:
    """From `now`, which has the focus, to a departure tomorrow; the clock has it then."""
    expect(desk.get_by_role("radio", name="Jetzt")).to_be_focused()
    desk.keyboard.press("ArrowRight")
    desk.keyboard.press("Tab")
    desk.keyboard.type("Morgen")
    desk.keyboard.press("Tab")
    desk.keyboard.type(clock)


def search(desk: Page) -> Locator:
    desk.keyboard.press("Enter")
    offer = desk.locator("#outcome .choice").first
    expect(offer).to_be_visible(timeout=PATIENCE_MS)
    return offer


def take_first(desk: Page) -> str:
    """Press 1; the code that is read back."""
    desk.keyboard.press("1")
    read = desk.locator("#outcome .read")
    expect(read).to_contain_text("Ihr Buchungscode ist:", timeout=PATIENCE_MS)
    code = desk.locator("#outcome .code")
    expect(code).to_have_text(CODE)
    text: str = code.inner_text()
    return text


@at_a_desk
def test_a_stranger_then_a_known_caller_books_by_keyboard_alone(
    desk: Page, witness: Witness, town: Town, phone: str
) -> None:
    dial(desk, phone)
    expect(desk.get_by_label("Name", exact=True)).to_be_focused()
    desk.keyboard.type("Agnes Lütke")
    desk.keyboard.press("Enter")
    for place in (town.start["name"], town.end["name"]):
        desk.keyboard.type(place)
        desk.keyboard.press("Enter")
    tomorrow_at(desk, "915")
    offer = search(desk)
    expect(desk.get_by_label("Uhrzeit")).to_have_value("09:15")
    expect(offer).to_contain_text(re.compile(r"Abholung morgen zwischen \d\d:\d\d und \d\d:\d\d"))
    expect(offer).to_contain_text(f"an der Haltestelle {town.start['name']}, Ankunft spätestens")
    first = take_first(desk)

    desk.keyboard.press("F2")
    expect(desk.locator("#elapsed")).to_have_text("0:00")
    began = time.monotonic()
    dial(desk, phone)
    expect(desk.locator(".trip")).to_be_focused()
    desk.keyboard.press("r")
    expect(desk.get_by_role("combobox", name="Von", exact=True)).to_have_value(town.end["name"])
    tomorrow_at(desk, "13 Uhr")
    search(desk)
    second = take_first(desk)
    assert time.monotonic() - began < CALL_S
    expect(desk.locator("#call-clock")).to_have_class(re.compile("done"))
    spelled = desk.locator("#outcome .read").inner_text()
    assert all(f"{letter} wie" in spelled for letter in second if letter.isalpha())

    trips = town.trips(phone)
    assert [trip["booking"]["code"] for trip in trips] == [second, first]
    assert [trip["request"]["status"] for trip in trips] == ["booked", "booked"]
    witness.is_content()


def test_an_earlier_trip_is_repeated_by_one_key(
    desk: Page, witness: Witness, town: Town, phone: str
) -> None:
    booking = town.take(town.ask(9), "Agnes Lütke", phone)
    town.client.delete(f"/api/v1/bookings/{booking['id']}")
    dial(desk, phone)
    expect(desk.get_by_role("radio", name="Agnes Lütke")).to_be_checked()
    expect(desk.locator(".trip")).to_be_focused()
    stays_within_the_screen(desk)
    desk.keyboard.press("1")
    expect(desk.get_by_role("combobox", name="Nach", exact=True)).to_have_value(town.end["name"])
    tomorrow_at(desk, "10.30")
    search(desk)
    stays_within_the_screen(desk)
    code = take_first(desk)
    stays_within_the_screen(desk)
    (latest, _) = town.trips(phone)
    assert latest["booking"]["code"] == code
    witness.is_content()


@at_a_desk
def test_who_finds_no_room_is_put_on_the_waiting_list(
    desk: Page, witness: Witness, town: Town, phone: str
) -> None:
    request = town.ask(22, party=WHEELCHAIR)
    while request["offers"]:  # one vehicle with one place runs so late
        town.take(request, "Somebody", "02521 4711")
        request = town.ask(22, party=WHEELCHAIR)
    assert request["refusal"]["code"] == "no_capacity"
    dial(desk, phone)
    expect(desk.get_by_label("Name", exact=True)).to_be_focused()
    desk.keyboard.type("Agnes Lütke")
    desk.keyboard.press("Enter")
    for place in (town.start["name"], town.end["name"]):
        desk.keyboard.type(place)
        desk.keyboard.press("Enter")
    tomorrow_at(desk, "22")
    for count in ("0", "1"):
        desk.keyboard.press("Tab")
        while desk.evaluate("document.activeElement.type") != "number":
            desk.keyboard.press("Tab")
        desk.keyboard.type(count)
    desk.keyboard.press("Enter")
    outcome = desk.locator("#outcome")
    expect(outcome).to_contain_text("Zu dieser Zeit sind alle Fahrzeuge ausgebucht.")
    desk.keyboard.press("w")
    expect(outcome).to_contain_text("Sie stehen auf der Warteliste.", timeout=PATIENCE_MS)
    waiting = town.client.get("/api/v1/waiting", headers=town.control).json()["waiting"]
    assert waiting[-1]["request"]["party"] == WHEELCHAIR
    witness.is_content()


@at_a_desk
def test_a_lost_answer_and_a_hasty_finger_book_once(desk: Page, town: Town, phone: str) -> None:
    lost: list[str] = []

    def lose_the_first(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.request.headers["idempotency-key"])
        route.fetch()  # it is carried out, and nobody hears of it
        route.abort()

    town.client.delete(f"/api/v1/bookings/{town.take(town.ask(9), 'Eva', phone)['id']}")
    dial(desk, phone)
    expect(desk.locator(".trip")).to_be_focused()
    desk.keyboard.press("1")
    desk.route("**/api/v1/ride-requests", lambda route: route.abort())
    tomorrow_at(desk, "1130")
    desk.keyboard.press("Enter")
    expect(desk.locator("#message")).to_contain_text("Es ist nichts verloren", timeout=PATIENCE_MS)
    desk.unroute("**/api/v1/ride-requests")
    expect(desk.get_by_label("Uhrzeit")).to_have_value("11:30")
    expect(desk.get_by_label("Uhrzeit")).to_be_focused()
    desk.route("**/api/v1/bookings", lose_the_first)
    search(desk)
    desk.keyboard.press("1")
    take_first(desk)
    assert len(lost) == 1
    held = [trip for trip in town.trips(phone) if trip["booking"]["status"] == "confirmed"]
    assert len(held) == 1


@at_a_desk
def test_what_was_typed_outlives_a_reload(desk: Page, town: Town, phone: str) -> None:
    dial(desk, phone)
    expect(desk.get_by_label("Name", exact=True)).to_be_focused()
    desk.keyboard.type("Agnes Lütke")
    desk.keyboard.press("Enter")
    desk.keyboard.type(town.start["name"])
    desk.keyboard.press("Enter")
    desk.keyboard.type("x")
    desk.reload()
    expect(desk.locator("html")).to_have_attribute("data-ready", "true", timeout=PATIENCE_MS)
    expect(desk.get_by_label("Telefonnummer")).to_have_value(phone)
    expect(desk.get_by_label("Name", exact=True)).to_have_value("Agnes Lütke")
    expect(desk.get_by_role("combobox", name="Von", exact=True)).to_have_value(town.start["name"])
    desk.keyboard.press("F2")
    desk.reload()
    expect(desk.locator("html")).to_have_attribute("data-ready", "true", timeout=PATIENCE_MS)
    expect(desk.get_by_label("Telefonnummer")).to_have_value("")


@at_a_desk
def test_a_booking_is_found_told_changed_and_cancelled(
    desk: Page, town: Town, phone: str, witness: Witness
) -> None:
    booking = town.take(town.ask(11), "Agnes Lütke", phone)
    desk.keyboard.press("F4")
    desk.keyboard.type(booking["code"].lower())
    desk.keyboard.press("Enter")
    outcome = desk.locator("#outcome")
    expect(outcome).to_contain_text("Ihr Shuttle kommt morgen um", timeout=PATIENCE_MS)
    expect(outcome).to_contain_text(f"Agnes Lütke · {phone}")
    desk.keyboard.press("a")
    expect(desk.locator("#changing")).to_contain_text(booking["code"])
    expect(desk.get_by_label("Uhrzeit")).to_have_value("11:00")
    desk.get_by_label("Uhrzeit").fill("13:30")
    search(desk)
    assert take_first(desk) == booking["code"]
    changed = town.booking(booking["id"])
    assert changed["changed_at"] is not None
    assert changed["promise"]["pickup_window"] != booking["promise"]["pickup_window"]
    expect(desk.locator("#changing")).to_be_hidden()
    desk.keyboard.press("s")
    expect(outcome.locator(".news")).to_be_visible(timeout=PATIENCE_MS)
    desk.keyboard.press("c")
    desk.get_by_label("Warum?").select_option("Fährt anders")
    desk.get_by_role("button", name="Ja, stornieren").press("Enter")
    expect(outcome).to_contain_text("ist storniert.", timeout=PATIENCE_MS)
    gone = town.booking(booking["id"])
    assert (gone["status"], gone["cancelled_by"]) == ("cancelled", "control")
    assert gone["cancel_reason"] == "other_transport"
    witness.is_content()


def test_the_control_room_moves_a_booking_after_a_preview(
    page: Page, witness: Witness, town: Town, phone: str, demo_service: RunningService
) -> None:
    booking = town.take(town.ask(12), "Agnes Lütke", phone)
    page.goto("/control")
    page.get_by_label("Zugangstoken").fill(demo_service.control_token)
    page.keyboard.press("Enter")
    row = page.locator("#bookings li").filter(has_text=booking["code"])
    row.get_by_role("button").click(timeout=PATIENCE_MS)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Agnes Lütke · {phone}")
    dialog.get_by_role("button", name="Festhalten").click()
    expect(dialog.get_by_role("button", name="Freigeben")).to_be_visible(timeout=PATIENCE_MS)
    assert town.booking(booking["id"])["pinned"]
    dialog.get_by_role("button", name="Freigeben").click()
    expect(dialog.get_by_role("button", name="Festhalten")).to_be_visible(timeout=PATIENCE_MS)
    choice = dialog.get_by_label("Auf ein anderes Fahrzeug setzen")
    there = town.booking(booking["id"])["vehicle"]["name"]
    target = choice.locator("option", has_text="Shuttle").first
    name = target.inner_text().split(" · ")[0]
    assert name != there
    choice.select_option(target.get_attribute("value"))
    preview = dialog.locator("#move-preview")
    expect(preview).to_contain_text("Alle Zusagen werden eingehalten", timeout=PATIENCE_MS)
    expect(preview).to_contain_text(re.compile(rf"{re.escape(name)}: \d+ Minuten? mehr"))
    expect(preview).to_contain_text(re.compile("· diese Buchung|ändert sich für niemanden etwas"))
    assert town.booking(booking["id"])["vehicle"]["name"] == there, "a look changes nothing"
    stays_within_the_screen(page)
    put_in_force(page, witness)
    expect(dialog).to_contain_text(f"übernimmt jetzt: {name}", timeout=PATIENCE_MS)
    moved = town.booking(booking["id"])
    assert moved["vehicle"]["name"] == name
    assert moved["promise"] == booking["promise"]
    assert moved["pinned"]
    page.keyboard.press("Escape")
    expect(row).to_contain_text(name)
    witness.is_content()


def put_in_force(page: Page, witness: Witness) -> None:
    """Carry a move out; where plans have changed since it was weighed, it is weighed anew."""
    button = page.get_by_role("dialog").get_by_role("button", name="Umsetzen")
    for _ in range(5):
        with page.expect_response(lambda answer: answer.url.endswith("/move")) as answered:
            button.click(timeout=PATIENCE_MS)
        if answered.value.ok:
            return
        assert "preview_stale" in answered.value.text()
        expect(page.locator("#booking-message")).to_contain_text("inzwischen geändert")
        witness.forgive(answered.value)
    pytest.fail("the plans have changed five times in a row")


def test_a_rider_cancels_by_code_and_name(
    page: Page, witness: Witness, town: Town, phone: str
) -> None:
    booking = town.take(town.ask(14), "Agnes Lütke", phone)
    page.goto("/")
    page.get_by_role("link", name="Gebuchte Fahrt mit Code stornieren").click()
    page.get_by_role("button", name="Fahrt stornieren").click()
    expect(page.get_by_label("Buchungscode")).to_be_focused()
    page.get_by_label("Buchungscode").fill(booking["code"].lower())
    page.get_by_label("Letzte vier Ziffern").fill("agnes lütke")
    stays_within_the_screen(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Fahrt storniert")).to_be_focused(timeout=PATIENCE_MS)
    assert town.booking(booking["id"])["status"] == "cancelled"
    witness.is_content()


@at_a_desk
def test_guessing_a_code_is_locked_out(page: Page, town: Town, phone: str) -> None:
    booking = town.take(town.ask(15), "Agnes Lütke", phone)
    page.goto("/cancel")
    page.get_by_label("Buchungscode").fill(booking["code"])
    for wrong in ("1111", "2222", "3333", "4444", "5555"):
        page.get_by_label("Letzte vier Ziffern").fill(wrong)
        with page.expect_response("**/cancel"):
            page.keyboard.press("Enter")
        expect(page.locator("#message")).to_contain_text("passen zu keiner offenen Fahrt")
        expect(page.get_by_role("button", name="Fahrt stornieren")).to_be_enabled()
    page.get_by_label("Letzte vier Ziffern").fill(phone[-4:])
    page.keyboard.press("Enter")
    expect(page.locator("#message")).to_contain_text(
        "Zu viele Versuche. Bitte in einer Viertelstunde noch einmal"
    )
    assert town.booking(booking["id"])["status"] == "confirmed"
