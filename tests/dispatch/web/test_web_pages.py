import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from dispatch.api.settings import RoadsInfo

Fetch = Callable[..., Any]
CONTROL = {"Cookie": "rufbus_control=tok-control"}
SIGNED_IN = ("/", "/b/bk_1", "/control", "/control/phone", "/cancel")


@pytest.mark.parametrize(
    ("url", "headers", "language"),
    [
        ("/", {}, "de"),
        ("/", {"Accept-Language": "en-GB,en;q=0.9,de;q=0.8"}, "en"),
        ("/", {"Accept-Language": "fr"}, "de"),
        ("/", {"Accept-Language": "en;q=0, de;q=0.1"}, "de"),
        ("/", {"Accept-Language": "en;q=x,;;,"}, "de"),
        ("/?lang=en", {"Accept-Language": "de"}, "en"),
        ("/?lang=xx", {}, "de"),
        ("/", {"Cookie": "rufbus_lang=en", "Accept-Language": "de"}, "en"),
        ("/?lang=de", {"Cookie": "rufbus_lang=en"}, "de"),
        ("/control", {"Accept-Language": "en"}, "en"),
        ("/b/bk_1?lang=en", {}, "en"),
    ],
)
def test_the_visitors_language(fetch: Fetch, url: str, headers: Any, language: str) -> None:
    response = fetch(url, headers=headers)
    assert response.headers["content-language"] == language
    assert f'<html lang="{language}">' in response.text
    assert "Cookie" in response.headers["vary"]
    title = {"de": ("Fahrt buchen", "Ihre Fahrt", "Leitstelle")}
    title["en"] = ("Book a ride", "Your ride", "Control room")
    assert any(f"<title>{words}" in response.text for words in title[language])


def test_a_chosen_language_is_remembered(fetch: Fetch) -> None:
    assert "rufbus_lang=en" in fetch("/?lang=en").headers["set-cookie"]
    assert "set-cookie" not in fetch("/").headers


def test_the_page_hands_its_scripts_what_they_need(fetch: Fetch) -> None:
    text = fetch("/b/bk_1").text
    [raw] = re.findall(r'id="rufbus-config">(.*?)</script>', text)
    config = json.loads(raw)
    assert config["page"] == {"booking_id": "bk_1"}
    assert config["service"]["timezone"] == "Europe/Berlin"
    assert config["words"]["booking.title"] == "Fahrt buchen"


@pytest.mark.parametrize("bad", ["<script>", "a%22b", "x" * 101, "a.b"])
def test_the_rides_address_cannot_carry_markup(fetch: Fetch, bad: str) -> None:
    response = fetch(f"/b/{bad}")
    assert response.status_code == 422
    assert "<script>" not in response.text


def test_ones_own_ride_is_not_for_search_engines(fetch: Fetch) -> None:
    assert fetch("/b/bk_1").headers["x-robots-tag"] == "noindex"


def test_the_control_room_asks_who_is_there(fetch: Fetch) -> None:
    stranger = fetch("/control").text
    assert 'id="sign-in"' in stranger
    assert "js/control.js" not in stranger
    cookie = {"Cookie": "rufbus_control=tok-control"}
    assert "js/control.js" in fetch("/control", headers=cookie).text
    driver = {"Cookie": "rufbus_control=tok-vehicle"}
    assert 'id="sign-in"' in fetch("/control", headers=driver).text


def test_the_telephone_asks_who_is_there(fetch: Fetch) -> None:
    stranger = fetch("/control/phone").text
    assert 'id="sign-in"' in stranger
    assert "js/phone.js" not in stranger
    signed_in = fetch("/control/phone", headers=CONTROL).text
    assert "js/phone.js" in signed_in
    assert "<title>Telefon" in signed_in
    assert 'href="/control"' in signed_in
    assert 'href="/control/phone"' in fetch("/control", headers=CONTROL).text


def test_giving_up_by_code_is_linked_and_for_everybody(fetch: Fetch) -> None:
    assert 'href="/cancel"' in fetch("/").text
    page = fetch("/cancel", headers={"Accept-Language": "en"})
    assert page.status_code == 200
    assert "<title>Cancel a ride by its code" in page.text


def test_where_the_map_is_from_is_always_said(fetch: Fetch) -> None:
    for url in ("/", "/b/bk_1"):
        text = fetch(url).text
        assert "© OpenStreetMap contributors" in text
        assert "rufbus roads fetch" not in text
        drawn = fetch(url, settings={"roads": RoadsInfo("beckum", schematic=True)}).text
        assert "Schematisch" in drawn
        assert "rufbus roads fetch" in drawn


def test_a_demo_says_so(fetch: Fetch) -> None:
    pill = '<span class="pill warn">Demo</span>'
    assert pill not in fetch("/").text
    assert pill in fetch("/", settings={"demo": True}).text


def test_every_field_has_a_label_and_every_button_a_name(fetch: Fetch) -> None:
    for url in SIGNED_IN:
        text = fetch(url, headers=CONTROL).text
        labelled = set(re.findall(r'<label for="([\w-]+)"', text))
        for tag in re.findall(r"<(?:input|select)\b[^>]*>", text):
            if 'type="radio"' in tag or 'type="checkbox"' in tag:
                continue  # inside their labels
            [name] = re.findall(r'\bid="([\w-]+)"', tag)
            assert name in labelled, tag
        for tag, content in re.findall(r"<button\b([^>]*)>(.*?)</button>", text, re.DOTALL):
            words = re.sub(r"<svg.*?</svg>", "", content, flags=re.DOTALL).strip()
            assert words or "aria-label=" in tag, tag


def test_ids_are_unique_and_references_resolve(fetch: Fetch) -> None:
    for url in SIGNED_IN:
        text = fetch(url, headers=CONTROL).text
        ids = re.findall(r'\bid="([\w-]+)"', text)
        assert len(ids) == len(set(ids))
        pattern = r'\baria-(?:labelledby|describedby|controls)="([\w -]+)"'
        for names in re.findall(pattern, text):
            assert set(names.split()) <= set(ids), names


def test_without_scripts_the_page_says_what_is_missing(fetch: Fetch) -> None:
    for url in SIGNED_IN:
        assert "<noscript>" in fetch(url).text


def test_people_get_a_page_where_programs_get_a_problem(fetch: Fetch) -> None:
    browser = {"Accept": "text/html,*/*", "Accept-Language": "en"}
    page = fetch("/nowhere", headers=browser)
    assert page.status_code == 404
    assert "<h1>Not found</h1>" in page.text
    assert fetch("/nowhere").json()["code"] == "not_found"
    assert fetch("/api/v1/nowhere", headers=browser).json()["code"] == "not_found"
