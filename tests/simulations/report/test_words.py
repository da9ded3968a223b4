"""Numbers as people write them."""

import pytest

from simulations.report.words import NOTHING, Words, words


@pytest.fixture
def german() -> Words:
    return words("de")


@pytest.fixture
def english() -> Words:
    return words("en")


@pytest.mark.parametrize(
    ("value", "de", "en"),
    [
        (1234.5, "1.235", "1,235"),
        (-0.001, "0,00", "0.00"),
        (-2.5, "\N{MINUS SIGN}2,50", "\N{MINUS SIGN}2.50"),
        (0, "0", "0"),
    ],
)
def test_numbers(value: float, de: str, en: str, german: Words, english: Words) -> None:
    assert german.number(value) == de
    assert english.number(value) == en


def test_half_a_euro_is_rounded_up(german: Words) -> None:
    assert german.money(586.5) == "587\N{NO-BREAK SPACE}€"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.0, "100 %"),
        (0.0, "0 %"),
        (0.975, "97,5 %"),
        (0.99996, "> 99,9 %"),
        (0.0001, "< 0,1 %"),
        (None, NOTHING),
    ],
)
def test_nearly_all_is_not_all(value: float | None, shown: str, german: Words) -> None:
    assert german.share(value).replace("\N{NO-BREAK SPACE}", " ") == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(99, "99 s"), (100, "1.7 min"), (3600 * 4, "4.0 h"), (None, NOTHING)],
)
def test_durations(seconds: float | None, shown: str, english: Words) -> None:
    assert english.duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == shown


def test_what_is_nothing_is_a_dash(english: Words) -> None:
    for name in english.figures:
        assert english.figure(name, None) == NOTHING
