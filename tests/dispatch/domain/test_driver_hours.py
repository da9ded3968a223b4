"""Breaks of shifts: the law, checked minute by minute from its text alone."""

from itertools import product

import pytest
from working_hours import HOUR, MIN, breaches

from dispatch.domain.driver_hours import MAX_WORK_S, breaks_for, work_s
from dispatch.domain.model import PlannedBreak

START_S = 1_773_118_800


def corners(planned: PlannedBreak) -> list[tuple[int, int]]:
    """The break begun as early and as late as its window allows, and in between."""
    middle_s = (planned.earliest_s + planned.latest_s) // 2
    begins = [b - START_S for b in (planned.earliest_s, middle_s, planned.latest_s)]
    return [(begin, begin + planned.duration_s) for begin in begins]


@pytest.mark.parametrize(
    ("clock", "blocks_min", "work_min"),
    [
        ("4:00", [], 240),
        ("6:00", [], 360),
        ("6:01", [30], 331),
        ("6:30", [30], 360),
        ("8:00", [30], 450),
        ("9:00", [30], 510),
        ("9:30", [30], 540),
        ("9:31", [30, 15], 526),
        ("10:00", [30, 15], 555),
        ("10:45", [30, 15], 600),
    ],
)
def test_the_table_of_the_law(clock: str, blocks_min: list[int], work_min: int) -> None:
    hours, minutes = map(int, clock.split(":"))
    end_s = START_S + hours * HOUR + minutes * MIN
    assert [b.duration_s // MIN for b in breaks_for(START_S, end_s)] == blocks_min
    assert work_s(START_S, end_s) == work_min * MIN


@pytest.mark.parametrize("length_s", range(4 * HOUR, 10 * HOUR + 46 * MIN, MIN))
def test_every_choice_inside_the_windows_keeps_the_law(length_s: int) -> None:
    planned = breaks_for(START_S, START_S + length_s)
    for b in planned:
        assert b.earliest_s + HOUR <= b.latest_s, "a window of less than an hour is no choice"
    for choice in product(*map(corners, planned)):
        assert breaches(length_s, choice) == []


def test_what_the_checker_finds_wrong() -> None:
    assert breaches(8 * HOUR, [])
    assert breaches(8 * HOUR, [(7 * HOUR, 7 * HOUR + 30 * MIN)])
    assert breaches(10 * HOUR, [(5 * HOUR, 5 * HOUR + 30 * MIN)])
    assert breaches(11 * HOUR, [(5 * HOUR, 5 * HOUR + 45 * MIN)])


def test_blocks_have_names_of_their_own() -> None:
    planned = breaks_for(START_S, START_S + 10 * HOUR)
    assert len({b.id for b in planned}) == len(planned) == 2


@pytest.mark.parametrize("length_s", [10 * HOUR + 46 * MIN, 12 * HOUR])
def test_longer_shifts_are_too_much_work(length_s: int) -> None:
    assert work_s(START_S, START_S + length_s) > MAX_WORK_S
