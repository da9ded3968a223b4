"""On-line map matching on roads laid out by hand: parallel roads, carriageways, a junction."""

from collections.abc import Callable, Sequence
from random import Random

import pytest

from routing.roads.errors import OutsideNetworkError
from routing.roads.graph import Place, RoadGraph, metres_per_degree, position_of
from routing.roads.matching import Guess, Point, distance_m, match
from routing.roads.snapping import Snapper

Town = Callable[..., RoadGraph]

# A dual carriageway 16 m wide, a parallel street 40 m to the south, a street that leads north.
NODES = {
    "a": (0, 8),
    "b": (1000, 8),
    "c": (0, -8),
    "d": (1000, -8),
    "e": (0, -40),
    "f": (1000, -40),
}
NODES |= {"m": (500, 8), "n": (500, 300), "k": (500, -8)}
WAYS = [
    ("bma", "highway=secondary oneway=yes name=Westwärts"),
    ("ckd", "highway=secondary oneway=yes name=Ostwärts"),
    ("ef", "highway=residential name=Nebenan"),
    ("ac", "highway=secondary"),
    ("bd", "highway=secondary"),
    ("ce", "highway=residential"),
    ("df", "highway=residential"),
    ("mn", "highway=residential name=Nordwärts"),
    ("mk", "highway=residential"),
]


def point(at_s: int, x: float, y: float) -> Point:
    per_lon, per_lat = metres_per_degree(51.75)
    return Point(at_s, 8.0 + x / per_lon, 51.75 + y / per_lat)


@pytest.fixture
def roads(town: Town) -> RoadGraph:
    return town(NODES, WAYS)


def indifferent(places: Sequence[Place]) -> Sequence[int]:
    return [0] * len(places)


def followed(roads: RoadGraph, points: Sequence[Point]) -> list[list[Guess]]:
    snapper = Snapper(roads)
    result: list[list[Guess]] = []
    for k, each in enumerate(points):
        before = (points[k - 1], result[-1]) if k else None
        result.append(match(roads, snapper, each, indifferent, before))
    return result


def names(roads: RoadGraph, points: Sequence[Point]) -> list[str]:
    return [roads.name_of(guesses[0].place.arc) for guesses in followed(roads, points)]


def test_the_direction_of_travel_tells_carriageways_apart(roads: RoadGraph) -> None:
    """Between the two, a little nearer to the wrong one."""
    east = [point(5 * k, 100 + 60 * k, 2) for k in range(5)]
    assert names(roads, east)[1:] == ["Ostwärts"] * 4
    west = [point(5 * k, 900 - 60 * k, -2) for k in range(5)]
    assert names(roads, west)[1:] == ["Westwärts"] * 4


def test_one_stray_point_does_not_leave_the_road(roads: RoadGraph) -> None:
    trace = [point(5 * k, 100 + 60 * k, -8) for k in range(7)]
    trace[3] = point(15, 280, -34)  # six metres from the parallel street
    assert names(roads, trace)[1:] == ["Ostwärts"] * 6


def test_a_parallel_road_is_found_out_after_a_few_points(roads: RoadGraph) -> None:
    """Wrong at first, because the first point was; not for ever."""
    trace = [point(5 * k, 100 + 60 * k, -10 if k == 0 else -38) for k in range(9)]
    found = names(roads, trace)
    assert found[0] == "Ostwärts"
    assert found[-3:] == ["Nebenan"] * 3


def test_a_turn_into_another_street_is_followed(roads: RoadGraph) -> None:
    trace = [point(0, 800, 8), point(5, 740, 8), point(10, 680, 8), point(15, 620, 8)]
    trace += [point(20, 560, 8), point(26, 500, 20), point(32, 500, 80), point(38, 500, 140)]
    found = names(roads, trace)
    assert found[1:5] == ["Westwärts"] * 4
    assert found[-2:] == ["Nordwärts"] * 2


def test_standing_still_is_not_driving_to_and_fro(roads: RoadGraph) -> None:
    dice = Random(3)
    trace = [point(5 * k, 100 + 60 * k, -8) for k in range(5)]
    trace += [point(25 + 5 * k, 340 + dice.gauss(0, 5), -8 + dice.gauss(0, 5)) for k in range(20)]
    guesses = followed(roads, trace)
    places = [each[0].place for each in guesses[5:]]
    assert {roads.name_of(place.arc) for place in places} == {"Ostwärts"}
    spots = [Point(0, *position_of(roads, place)) for place in places]
    assert all(distance_m(a, b) < 25 for a in spots for b in spots)


def test_after_a_long_silence_it_begins_anew(roads: RoadGraph) -> None:
    trace = [point(0, 100, -8), point(5, 160, -8), point(600, 800, -38)]
    assert names(roads, trace)[-1] == "Nebenan"


def test_what_else_is_known_decides_between_equals(roads: RoadGraph) -> None:
    snapper = Snapper(roads)

    def rather_north(places: Sequence[Place]) -> Sequence[int]:
        lat = [float(roads.arc_geometry(place.arc)[1][-1]) for place in places]
        return [0 if each == max(lat) else 60 for each in lat]

    here = point(0, 500, 150)
    best = match(roads, snapper, here, rather_north)[0].place
    lat = roads.arc_geometry(best.arc)[1]
    assert lat[-1] > lat[0]


def test_guesses_are_few_in_order_and_repeatable(roads: RoadGraph) -> None:
    trace = [point(5 * k, 100 + 60 * k, 0) for k in range(5)]
    once, again = followed(roads, trace), followed(roads, trace)
    assert once == again
    for guesses in once:
        assert 1 <= len(guesses) <= 6
        assert guesses[0].cost == 0
        assert [g.cost for g in guesses] == sorted(g.cost for g in guesses)


def test_nowhere_near_a_road(roads: RoadGraph) -> None:
    with pytest.raises(OutsideNetworkError):
        match(roads, Snapper(roads), point(0, 500, 2000), indifferent)
