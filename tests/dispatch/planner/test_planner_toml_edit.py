import tomllib
from datetime import date
from typing import Any

import pytest

from dispatch.planner.toml_edit import TomlEditError, literal, value_at, with_value

COPY = """# Why there is a copy.
extends = "/a/b.toml"
name = "Six vans"  # of all names

[demand]
requests = 200  # a guess
hours = [
  1,
  2,
]
[[demand.flows]]
origin = "A"
"""


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("demand.requests", 250, "requests = 250  # a guess"),
        ("demand.prebooked_share", 0.3, "prebooked_share = 0.3"),
        ("fleet.vehicles", 6, "fleet.vehicles = 6"),
        ("date", date(2026, 3, 14), "date = 2026-03-14"),
        ("name", 'Say "six"', r'name = "Say \"six\""'),
    ],
)
def test_one_line_changes_and_no_other(key: str, value: Any, line: str) -> None:
    changed = with_value(COPY, key, value)
    assert value_at(tomllib.loads(changed), key) == value
    assert line in changed.splitlines()
    before, after = COPY.splitlines(), changed.splitlines()
    assert len(set(after) - set(before)) == 1
    assert len(set(before) - set(after)) <= 1


def test_a_new_key_comes_after_the_first_plain_lines() -> None:
    lines = with_value(COPY, "fleet.vehicles", 6).splitlines()
    assert lines[:3] == COPY.splitlines()[:3]
    assert lines[3] == "fleet.vehicles = 6"


def test_an_empty_text_gets_its_first_line() -> None:
    assert with_value("", "fleet.vehicles", 6) == "fleet.vehicles = 6\n"
    assert with_value("# why\n", "seed", 2) == "# why\nseed = 2\n"


def test_a_key_is_taken_away_and_put_back() -> None:
    text = 'extends = "x"\nfleet.vehicles = 6\n'
    gone = with_value(text, "fleet.vehicles", None)
    assert gone == 'extends = "x"\n'
    assert with_value(gone, "fleet.vehicles", None) == gone
    assert with_value(gone, "fleet.vehicles", 6) == text


def test_the_last_key_of_a_table_may_go() -> None:
    assert with_value("[fleet]\nvehicles = 6\n", "fleet.vehicles", None) == "[fleet]\n"


@pytest.mark.parametrize(
    "text",
    [
        "fleet = {vehicles = 5}\n",
        'note = """\nfleet.vehicles = 5\n"""\nfleet.vehicles = 5\n',
        "fleet = 3\n",
        "[fleet]\nvehicles = [\n 1\n]\n",
    ],
)
def test_what_cannot_be_done_by_lines_is_refused(text: str) -> None:
    tomllib.loads(text)
    with pytest.raises(TomlEditError) as caught:
        with_value(text, "fleet.vehicles", 6)
    assert caught.value.key == "fleet.vehicles"


def test_no_toml_is_no_toml() -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        with_value("name = \n", "seed", 1)


@pytest.mark.parametrize(
    "value",
    ["plain", 'a "b" \\ c', "Zeile\nzwei\t", "ä€😀\x7f", 0, -3, 0.015, 1e-7, date(2026, 1, 2)],
)
def test_literals_are_read_as_what_they_were(value: Any) -> None:
    assert tomllib.loads(f"x = {literal(value)}")["x"] == value
