"""The report as a document: self-contained, reproducible, every figure explained."""

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from simulations.report import report_html
from simulations.report.headline import NAMES
from simulations.report.words import words
from simulations.runner import Result


class Document(HTMLParser):
    """What of a page matters here."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.unnamed_images = 0
        self.text = ""
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(given["id"] or "")
        for name in ("src", "href", "xlink:href", "action", "srcset", "data"):
            if name in given:
                self.references.append(given[name] or "")
        if given.get("role") == "img" and not given.get("aria-label"):
            self.unnamed_images += 1
        self._hidden += tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text += data


@pytest.fixture(scope="module", params=["de", "en"])
def document(request: pytest.FixtureRequest, small_day: Result) -> Document:
    return Document(report_html(small_day, request.param))


def test_the_same_day_gives_the_same_bytes(small_day: Result) -> None:
    assert report_html(small_day, "de") == report_html(small_day, "de")


def test_nothing_is_fetched_from_anywhere(small_day: Result, document: Document) -> None:
    assert all(reference.startswith("#") for reference in document.references)
    html = report_html(small_day, "de")
    assert not re.search(r"@import|url\((?!#)|\bfetch\(|XMLHttpRequest|\bimport\(", html)


def test_every_reference_leads_somewhere_and_no_id_stands_twice(document: Document) -> None:
    targets = {reference.removeprefix("#") for reference in document.references}
    assert targets <= set(document.ids)
    assert [i for i, count in Counter(document.ids).items() if count > 1] == []


def test_every_figure_is_explained(document: Document) -> None:
    assert {f"def-{name}" for name in words("de").figures} <= set(document.ids)
    assert {f"#def-{name}" for name in NAMES} <= set(document.references)


def test_drawings_have_text_alternatives(document: Document) -> None:
    assert document.unnamed_images == 0


def test_names_are_escaped(small_day: Result) -> None:
    html = report_html(small_day, "en")
    assert "<b>im</b>" not in html
    assert "Tag &lt;b&gt;im&lt;/b&gt; Gitter" in html


def test_a_part_of_a_day_is_marked_as_such(small_day: Result) -> None:
    part = replace(small_day, complete=False)
    assert "Teilergebnis" in Document(report_html(part, "de")).text
    assert "Teilergebnis" not in Document(report_html(small_day, "de")).text


def test_a_day_cut_short_at_any_time_has_a_report(small_day: Result) -> None:
    noon_s = small_day.midnight_s + 12 * 3600
    day = replace(small_day.day, done_s=noon_s)
    assert "12:00" in Document(report_html(replace(small_day, day=day, complete=False), "de")).text


def test_schematic_roads_are_warned_of(small_day: Result) -> None:
    drawn = replace(small_day, roads="schematic", attribution="© Wir")
    text = Document(report_html(drawn, "en")).text
    assert "Schematic roads:" in text
    assert "© Wir" in text
    assert "Schematic roads:" not in Document(report_html(small_day, "en")).text


@pytest.mark.parametrize("language", ["de", "en"])
def test_an_empty_day_has_a_report_without_shares(empty_day: Result, language: str) -> None:
    text = Document(report_html(empty_day, language)).text
    assert words(language)("empty_day") in text
    assert words(language)("no_refusals") in text
    assert "nan" not in text
    assert "None" not in text


def test_the_languages_say_the_same_things() -> None:
    german, english = words("de").texts, words("en").texts
    assert german.keys() == english.keys()
    for key, text in german.items():
        blanks = re.findall(r"\{\w+\}", text)
        assert sorted(set(blanks)) == sorted(set(re.findall(r"\{\w+\}", english[key]))), key
