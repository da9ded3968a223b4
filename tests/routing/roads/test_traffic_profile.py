"""Driving through hours of different traffic: first in, first out, and exact in integers."""

from datetime import date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.roads.traffic import TrafficProfile, drive, profile_for

BASE_S = 1_800_000_000 - 1_800_000_000 % 3600

speeds = st.lists(st.integers(1, 2000), min_size=1, max_size=30)
starts = st.integers(BASE_S - 10_000, BASE_S + 120_000)
legs = st.integers(0, 20_000)


def exactly(profile: TrafficProfile, depart_s: int, free_flow_s: int) -> int:
    """The same by rational numbers, second hour by second hour."""
    now, todo = Fraction(depart_s), Fraction(free_flow_s)
    last = len(profile.speed_permille) - 1
    while todo > 0:
        hour = int((now - profile.base_s) // 3600)
        speed = Fraction(int(profile.speed_permille[min(max(hour, 0), last)]), 1000)
        end = profile.base_s + 3600 * (hour + 1)
        if hour >= last or (end - now) * speed >= todo:
            return -int(-(now + todo / speed) // 1)
        todo -= (end - now) * speed
        now = Fraction(end)
    return int(now)


def profile(values: list[int]) -> TrafficProfile:
    return TrafficProfile(BASE_S, np.array(values, np.int32))


@given(speeds, starts, legs)
def test_drive_is_exact(values: list[int], start: int, leg: int) -> None:
    assert profile(values).drive(start, leg) == exactly(profile(values), start, leg)


@given(speeds, starts, legs)
def test_compiled_and_plain_python_agree(values: list[int], start: int, leg: int) -> None:
    array = np.array(values, np.int32)
    assert drive(start, leg, BASE_S, array) == drive.py_func(start, leg, BASE_S, array)


@given(speeds, starts, st.integers(0, 8000), legs)
def test_leaving_later_never_means_arriving_earlier(
    values: list[int], start: int, wait: int, leg: int
) -> None:
    p = profile(values)
    assert p.drive(start + wait, leg) >= p.drive(start, leg)


@given(speeds, starts, legs, legs)
def test_a_leg_in_two_parts_takes_no_less_and_hardly_more(
    values: list[int], start: int, first: int, second: int
) -> None:
    p = profile(values)
    whole = p.drive(start, first + second)
    parts = p.drive(p.drive(start, first), second)
    assert whole <= parts <= whole + 1 + max(values) // min(values)


def test_free_flow_and_slow_hours() -> None:
    p = profile([1000, 500])
    assert p.drive(BASE_S, 600) == BASE_S + 600
    assert p.drive(BASE_S - 7200, 600) == BASE_S - 6600, "before the profile its first hour holds"
    assert p.drive(BASE_S + 3600, 600) == BASE_S + 4800
    assert p.drive(BASE_S + 3300, 600) == BASE_S + 3600 + 600, "half of it in each hour"
    assert p.drive(BASE_S + 10**6, 600) == BASE_S + 10**6 + 1200, "after it its last"
    assert p.drive(BASE_S, 0) == BASE_S


def test_factors_follow_the_local_clock_and_the_day() -> None:
    weekday = [1.0] * 24
    weekday[8] = 1.25
    factors = {"weekday": weekday, "saturday": [1.1] * 24, "sunday": [0.8] * 24}
    friday_7_utc = 1_761_894_000 - 1_761_894_000 % 86_400 + 7 * 3600  # 31 October 2025
    p = profile_for(factors, "Europe/Berlin", friday_7_utc + 1234, 24 * 3)
    assert p.base_s == friday_7_utc
    assert p.speed_permille[0] == 800, "8 h local time in winter"
    assert p.speed_permille[1] == 1000
    assert p.speed_permille[16] == 909, "Saturday begins at 23 h UTC"
    assert p.speed_permille[16 + 24] == 1250, "then Sunday"
    assert p.speed_permille[16 + 48] == 1000


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.25, 3.0])
def test_a_factor_lengthens_a_leg_accordingly(factor: float) -> None:
    factors = {day: [factor] * 24 for day in ("weekday", "saturday", "sunday")}
    p = profile_for(factors, "Europe/Berlin", BASE_S, 24)
    assert p.drive(BASE_S, 6000) - BASE_S == pytest.approx(6000 * factor, rel=2e-3)


@given(
    depart_s=st.integers(-10_000, 40_000),
    free_flow_s=st.integers(1, 20_000),
    speeds=st.lists(st.integers(200, 1500), min_size=1, max_size=8),
)
def test_progress_is_the_inverse_of_drive(
    depart_s: int, free_flow_s: int, speeds: list[int]
) -> None:
    profile = TrafficProfile(0, np.array(speeds, np.int32))
    arrival_s = profile.drive(depart_s, free_flow_s)
    assert profile.progress_ms(depart_s, arrival_s) >= free_flow_s * 1000
    assert profile.progress_ms(depart_s, arrival_s - 1) < free_flow_s * 1000


def test_a_holiday_has_the_traffic_of_a_sunday() -> None:
    factors = {"weekday": [2.0] * 24, "saturday": [1.5] * 24, "sunday": [1.0] * 24}
    zone = "Europe/Berlin"
    midnight_s = int(datetime(2026, 4, 3, tzinfo=ZoneInfo(zone)).timestamp())  # Good Friday
    usual = profile_for(factors, zone, midnight_s, 24)
    holiday = profile_for(factors, zone, midnight_s, 48, {date(2026, 4, 3)})
    assert set(usual.speed_permille.tolist()) == {500}
    assert holiday.speed_permille.tolist() == [1000] * 24 + [667] * 24
