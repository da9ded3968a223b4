"""The words: both languages, times and stops, nothing that a name could smuggle in, one SMS."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.domain.model import Vehicle
from dispatch.messaging.gsm7 import septets, to_gsm7
from dispatch.messaging.kinds import MessageKind
from dispatch.messaging.words import LANGUAGES, Letter, Writer, catalogue, fill
from dispatch.town import Town

NOW_S = 1_773_133_200  # Tuesday, 2026-03-10, 10:00 in Berlin
KINDS = [*map(str, MessageKind)]
_UNCHANGED = "Wort-/.,:0123456789 äöüßÄÖÜé@€{}"


@dataclass(frozen=True)
class Stop:
    id: str
    name: str
    lon: float = 8.0
    lat: float = 51.7
    zone: str = ""
    kind: str = "curated"
    bookable: bool = True


def writer(first: str = "Markt", second: str = "Bahnhof Neubeckum", **more: str) -> Writer:
    stops = {"a": Stop("a", first), "b": Stop("b", second)}
    vehicles = {"v1": Vehicle("v1", "Shuttle 1", "depot", ())}
    options = {"url": "https://rufbus.example.org", "phone": "02521 29-0"} | more
    return Writer(Town(ZoneInfo("Europe/Berlin"), stops, vehicles), "Beckum", **options)


def facts(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "code": "ABC234",
        "from": "a",
        "to": "b",
        "told": [NOW_S + 420, NOW_S + 420],
        "arrival_latest_s": NOW_S + 3000,
        "price_cents": 250,
        "was": NOW_S,
        "is_here": False,
        "told_vehicle_id": "v1",
    }
    return values | changes


Write = Callable[..., Letter]


def write(kind: str = "confirmed", by: Writer | None = None, **more: Any) -> Letter:
    values: dict[str, Any] = {
        "language": "de",
        "name": "Erika Muster",
        "booking_id": "bk_" + "0" * 26,
        "at_s": NOW_S,
        "now_s": NOW_S,
    }
    said = more.pop("facts", facts())
    return (by or writer()).write(kind, said, **(values | more))


def test_both_languages_say_the_same_things() -> None:
    german, english = catalogue("de"), catalogue("en")
    assert list(german) == list(english)
    for key, text in german.items():
        names = [set(re.findall(r"\{(\w+)\}", str(each))) for each in (text, english[key])]
        assert names[0] == names[1], key
        if isinstance(text, list):
            assert len(text) == len(english[key]), key


@pytest.mark.parametrize(("kind", "language"), list(product(KINDS, LANGUAGES)))
def test_every_kind_is_complete(kind: str, language: str) -> None:
    letter = write(kind, language=language)
    for text in (letter.subject, letter.text, letter.html, letter.short):
        assert text.strip()
        assert "{" not in text
        assert "None" not in text
    assert letter.text.startswith("Guten Tag Erika Muster," if language == "de" else "Hello Erika")
    assert septets(letter.short) <= 160
    assert to_gsm7(letter.short) == letter.short


def test_a_language_that_we_do_not_speak_is_german() -> None:
    assert write(language="fr") == write(language="de")


def test_times_are_local_and_exact_only_where_something_exact_was_told() -> None:
    window = facts(told=[NOW_S + 300, NOW_S + 900])
    assert "Dienstag, 10. März, zwischen 10:05 und 10:15 Uhr" in write(facts=window).text
    assert "etwa um 10:07 Uhr" in write().text
    summer = facts(told=[1_774_764_000] * 2)  # 2026-03-29, the clocks went forward
    assert "Sonntag, 29. März, etwa um 08:00 Uhr" in write(facts=summer).text
    assert "Sunday, 29 March, at about 08:00" in write(facts=summer, language="en").text


def test_minutes_count_from_when_it_is_sent() -> None:
    assert write("coming").subject == "Ihr Shuttle kommt in etwa 7 Minuten"
    assert "etwa einer Minute" in write("coming", now_s=NOW_S + 380).subject
    assert "etwa einer Minute" in write("coming", now_s=NOW_S + 900).subject
    assert write("coming", facts=facts(is_here=True)).subject == "Ihr Shuttle ist da"


def test_lines_without_a_value_are_left_out() -> None:
    letter = write(
        "moved", by=writer(url="", phone=""), facts=facts(was=None, told_vehicle_id=None)
    )
    assert "Bisher" not in letter.text
    assert "Fahrzeug" not in letter.text
    assert "Internet" not in letter.text
    assert "Fragen" not in letter.text
    assert "Bisher: 10:00 Uhr" in write("moved").text
    assert "Fahrzeug: Shuttle 1" in write("moved").text


@pytest.mark.parametrize(
    ("by", "beginning"),
    [
        ("rider", "Ihre Fahrt ist wie gewünscht abgesagt."),
        ("control", "Ihre Fahrt ist von der Leitstelle abgesagt"),
        ("service", "es tut uns leid"),
        ("anybody", "es tut uns leid"),
    ],
)
def test_a_cancellation_says_by_whom(by: str, beginning: str) -> None:
    assert write("cancelled", facts=facts(by=by)).text.splitlines()[2].startswith(beginning)


def test_a_reason_is_given_if_there_are_words_for_it() -> None:
    known = write("cancelled", facts=facts(by="service", reason="breakdown"))
    assert "Grund: Das Fahrzeug hat eine Panne." in known.text
    for reason in (None, "unheard_of", "service"):
        assert "Grund" not in write("cancelled", facts=facts(by="service", reason=reason)).text


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x>', "&lt;b&gt;"])
def test_nothing_becomes_html_but_our_own(evil: str) -> None:
    letter = write(name=evil, by=writer(first=evil, phone=evil), facts=facts(code=evil))
    body = letter.html.split("<body", 1)[1]
    assert "<script" not in body
    assert "<img" not in body
    assert set(re.findall(r"<(\w+)", body)) == {"p", "a"}


@pytest.mark.parametrize(
    "name", ["Gewinn: https://evil.example", "www.evil.example", "a@evil.example", "x/y", "b.de"]
)
def test_a_name_that_is_an_advertisement_is_not_repeated(name: str) -> None:
    letter = write(name=name)
    assert letter.text.startswith("Guten Tag,\n")
    assert "evil" not in letter.text + letter.html


@pytest.mark.parametrize("name", ["Erika Muster", "Dr. Anna-Lena O'Neill", "José García"])
def test_a_name_that_is_one_is_greeted(name: str) -> None:
    assert write(name=name).text.startswith(f"Guten Tag {name},")


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_name_breaks_a_line_or_a_template(name: str, stop: str) -> None:
    letter = write(name=name, by=writer(first=stop), facts=facts(code="{from}"))
    assert len(letter.subject.splitlines()) == 1
    assert len(letter.text.splitlines()) == len(write(by=writer(first="x")).text.splitlines()) - (
        0 if any(c.isprintable() and not c.isspace() for c in stop) else 1
    )
    assert "Buchungscode für den Fahrer: {from}" in letter.text
    assert septets(letter.short) <= 160


@given(st.sampled_from(KINDS), st.sampled_from(LANGUAGES), st.text(max_size=200), st.text())
def test_an_sms_always_fits_and_always_tells_the_time(
    kind: str, language: str, first: str, second: str
) -> None:
    letter = write(kind, by=writer(first, second), language=language, at_s=NOW_S - 86_400)
    assert septets(letter.short) <= 160
    assert to_gsm7(letter.short) == letter.short
    if (
        "{pickup}"
        in catalogue(language)[f"{kind if kind != 'cancelled' else 'cancelled.service'}.sms"]
    ):
        assert "10:07" in letter.short


def test_long_names_of_stops_are_cut_before_anything_else() -> None:
    long = "Bushaltestelle am Übergang der Alten Landstraße zum Gewerbegebiet Grevenbrede Nord"
    letter = write(by=writer(long, long), at_s=NOW_S - 86_400)
    assert re.fullmatch(
        r"Rufbus: gebucht\. Di 10\.3\. ca\. 10:07 Uhr ab .+\. nach .+\. Code ABC234\.", letter.short
    )


def test_the_link_is_there_if_there_is_room() -> None:
    assert write("coming").short.endswith("/b/bk_" + "0" * 26)
    assert "https" not in write("displaced", by=writer(url="https://" + "x" * 100)).short
    assert write("coming", booking_id=None).link == ""


@pytest.mark.parametrize(
    ("text", "sms"),
    [
        ("Grüße: Straße, Café", "Grüße: Straße, Café"),
        ("\u201eso\u201c \u2013 \u201aso\u2018 \u2026", "\"so\" - 'so' ..."),
        ("Łódź ž ẞ", "Lodz z SS"),
        ("Привет", "??????"),
        ("e\u0301", "é"),
        ("½", "?"),
        ("\u00a0x", " x"),
    ],
)
def test_what_sms_cannot_say_is_said_in_plain_letters(text: str, sms: str) -> None:
    assert to_gsm7(text) == sms


def test_extended_characters_count_twice() -> None:
    assert septets("a€[") == 5


@given(st.text())
def test_gsm7_is_stable(text: str) -> None:
    assert to_gsm7(to_gsm7(text)) == to_gsm7(text)


def test_values_are_put_in_once() -> None:
    assert fill("{a} {b}", {"a": "{b}", "b": "{a}"}) == "{b} {a}"
    assert fill("{a} {b}", {"a": "x"}) is None
    assert fill("{a} {b}", {"a": "x"}, keep=True) == "x "
