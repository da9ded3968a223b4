"""Flows: the trips of before, plus who phones; and what a section may not say."""

import hashlib
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import ValidationError
from tiny_town import ZONE, grid_config

from dispatch.engine import Network
from simulations.demand import DemandFile, Trip, make_demand
from simulations.demand.trips import LocalDay

PLACES = {"station": [8.02, 51.76]}
FLOWS: dict[str, Any] = {
    "requests": 60,
    "flows": [
        {"origin": "*", "destination": "*", "share": 0.7},
        {"origin": "station", "destination": "*", "share": 0.3},
    ],
    "hours": [0] * 7 + [1] * 13 + [0] * 4,
    "party_sizes": [82, 13, 3, 2],
    "wheelchair_share": 0.03,
}


def flows(grid: Network, **changes: Any) -> Any:
    return make_demand(DemandFile.model_validate(FLOWS | changes), PLACES, grid, Path())


def fingerprint(trips: list[Trip], midnight_s: int) -> str:
    """Of everything but the channel."""
    rows = [
        (
            trip.asked_at_s - midnight_s,
            *(trip.ask.origin.lon, trip.ask.origin.lat),
            *(trip.ask.destination.lon, trip.ask.destination.lat),
            *(trip.ask.party.seats, trip.ask.party.wheelchairs),
            trip.ask.depart_at_s and trip.ask.depart_at_s - midnight_s,
            trip.ask.arrive_by_s and trip.ask.arrive_by_s - midnight_s,
        )
        for trip in trips
    ]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (1, "ab5f994e6d924210fc4cf09f3b0c3aeb489e1c1b7f982018c4bdb0030c917f99"),
        (2, "17e09fe5a7bb74499dba598ea43e2c39e3c4a2d081a03adde9987c0074d848c4"),
    ],
)
def test_published_figures_rest_on_these_trips(
    grid: Network, midnight_s: int, seed: int, expected: str
) -> None:
    trips = flows(grid).day(midnight_s, Random(seed))
    assert fingerprint(trips, midnight_s) == expected


def test_a_share_phones_and_nothing_else_depends_on_it(grid: Network, midnight_s: int) -> None:
    quiet = flows(grid, requests=2000, phone_share=0).day(midnight_s, Random(5))
    some = flows(grid, requests=2000).day(midnight_s, Random(5))
    assert fingerprint(quiet, midnight_s) == fingerprint(some, midnight_s)
    assert {trip.ask.channel for trip in quiet} == {"web"}
    phoned = sum(trip.ask.channel == "phone" for trip in some)
    assert 0.22 < phoned / 2000 < 0.28
    assert {trip.ask.channel for trip in some} == {"web", "phone"}


def test_hours_are_those_of_the_clock_when_it_is_changed(grid: Network) -> None:
    """On 29 March 2026 there is no hour from 2 to 3."""
    midnight_s = grid_config().hours.instant(date(2026, 3, 29), 0)
    at_ten = {"hours": [0] * 10 + [1] + [0] * 13, "prebooked_share": 0}
    trips = flows(grid, **at_ten).day(midnight_s, Random(1))
    assert all(midnight_s + 9 * 3600 <= trip.asked_at_s < midnight_s + 10 * 3600 for trip in trips)


def test_clock_times_of_the_long_day() -> None:
    """On 25 October 2026 the hour from 2 to 3 comes twice: the first one counts."""
    midnight_s = grid_config().hours.instant(date(2026, 10, 25), 0)
    day = LocalDay(midnight_s, ZONE)
    assert [day.at(h * 3600) - midnight_s for h in (1, 2, 3)] == [3600, 7200, 4 * 3600]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hours": [0] * 24}, "all weights are 0"),
        ({"party_sizes": [0, 0]}, "all weights are 0"),
        ({"flows": [{"origin": "*", "destination": "*", "share": 0}]}, "all shares are 0"),
        ({"prebooked_lead_h": [5, 1]}, "the smaller comes first"),
        ({"phone_share": 1.5}, "less than or equal to 1"),
        ({"phon_share": 0.5}, "Extra inputs are not permitted"),
        ({"party_sizes": [float("nan")]}, "finite number"),
    ],
)
def test_a_section_that_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DemandFile.model_validate(FLOWS | changes)
