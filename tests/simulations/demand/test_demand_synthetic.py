"""A synthetic town: what the planner gives is met, and people go where they are drawn."""

from collections import Counter
from collections.abc import Callable, Iterable
from math import sqrt
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from grid_network import grid_network
from grid_scenario import grid_scenario
from pydantic import ValidationError
from tiny_town import SOUTH, STEP_LAT, STEP_LON, WEST, grid_config

from dispatch.domain.model import Spot
from dispatch.engine import Network
from simulations.demand import Demand, DemandError, Trip
from simulations.demand.profiles import PURPOSES
from simulations.demand.synthetic import SyntheticDemand
from simulations.runner import prepare
from simulations.scenario import changed

Make = Callable[..., Demand]

MIDDLE = 8.016
"""West of it is West, the rest is Ost: see the fixture."""
SHOP = (8.0013, 51.7511)
STATION = (8.0301, 51.7689)
PLACES = {"shop": SHOP, "station": STATION}
AT_NINE = [0] * 9 + [1] + [0] * 14
ONLY_SHOP: dict[str, Any] = {
    "purposes": {name: {"share": 0} for name in PURPOSES if name != "shopping"},
    "attractors": {"shopping": ["shop"]},
}


@pytest.fixture
def town(make: Make, two_towns: Network) -> Callable[..., SyntheticDemand]:
    def made(requests: int = 4000, **keys: Any) -> SyntheticDemand:
        found = make(two_towns, PLACES, source="synthetic", requests=requests, **keys)
        assert isinstance(found, SyntheticDemand)
        return found

    return made


Town = Callable[..., SyntheticDemand]


def nearest_stop(network: Network, lon: float, lat: float) -> int:
    """Index of the bookable stop nearest to a point."""
    squeeze = np.cos(np.radians(lat))
    gaps = [
        np.hypot((s.lon - lon) * squeeze, s.lat - lat) if s.bookable else np.inf
        for s in network.stops
    ]
    return int(np.argmin(gaps))


def spots(trips: Iterable[Trip]) -> list[tuple[Spot, Spot]]:
    return [(trip.ask.origin, trip.ask.destination) for trip in trips]


def lonlat(spot: Spot) -> tuple[float, float]:
    return spot.lon, spot.lat


def by_zone(network: Network, trips: Iterable[Trip]) -> Counter[tuple[str, str]]:
    """Trips by the settlements of their ends' nearest stops."""
    zone: dict[tuple[float, float], str] = {}
    for spot in (spot for pair in spots(trips) for spot in pair):
        if lonlat(spot) not in zone:
            zone[lonlat(spot)] = network.stops[nearest_stop(network, *lonlat(spot))].zone
    return Counter((zone[lonlat(o)], zone[lonlat(d)]) for o, d in spots(trips))


def test_a_seed_gives_the_same_day_and_another_seed_another(town: Town, midnight_s: int) -> None:
    demand = town(300, population={"West": 900, "Ost": 100})
    first = demand.day(midnight_s, Random(1))
    assert first == demand.day(midnight_s, Random(1))
    assert first == town(300, population={"West": 900, "Ost": 100}).day(midnight_s, Random(1))
    assert first != demand.day(midnight_s, Random(2))
    assert len(first) == 300
    assert [t.asked_at_s for t in first] == sorted(t.asked_at_s for t in first)
    assert town(0).day(midnight_s, Random(1)) == []


def test_traits_are_those_given(town: Town, midnight_s: int) -> None:
    trips = town(
        party_sizes=[1, 1], wheelchair_share=0.2, prebooked_share=0.5, arrive_by_share=0.5
    ).day(midnight_s, Random(4))
    shares = {
        "two": sum(t.ask.party.persons == 2 for t in trips),
        "wheelchair": sum(t.ask.party.wheelchairs for t in trips) * 2.5,
        "ahead": sum((t.ask.depart_at_s or t.ask.arrive_by_s) is not None for t in trips),
        "by arrival": sum(t.ask.arrive_by_s is not None for t in trips) * 2,
        "phone": sum(t.ask.channel == "phone" for t in trips) * 2,
    }
    assert {name: round(n / len(trips), 1) for name, n in shares.items()} == dict.fromkeys(
        shares, 0.5
    )


@pytest.mark.parametrize("mean_km", [1.3, 1.7])
def test_the_mean_distance_by_road_is_the_one_given(
    town: Town, two_towns: Network, midnight_s: int, mean_km: float
) -> None:
    trips = town(5000, mean_distance_km=mean_km).day(midnight_s, Random(3))
    shortest_m = two_towns.travel.shortest_m
    far_m = np.array(
        [
            shortest_m[nearest_stop(two_towns, *lonlat(o)), nearest_stop(two_towns, *lonlat(d))]
            for o, d in spots(trips)
        ]
    )
    # Points just between two stops may be counted to the other one here.
    assert (far_m < 800).mean() < 0.02
    # Those who ride back as well count twice, so the sample is not larger than their number.
    tolerance_m = 4 * float(far_m.std()) / sqrt(len(far_m) / 2)
    assert tolerance_m < 60
    assert abs(far_m.mean() - mean_km * 1000) < tolerance_m


@pytest.mark.parametrize("mean_km", [0.5, 3])
def test_a_mean_distance_that_cannot_be_is_refused(town: Town, mean_km: float) -> None:
    with pytest.raises(DemandError, match=rf"mean_distance_km: {mean_km:g} cannot be; .* between"):
        town(mean_distance_km=mean_km)


def test_the_decay_can_be_given_instead(town: Town) -> None:
    near, far = (town(decay_km=km).fitted.mean_distance_m for km in (0.3, 30))
    assert near + 200 < far
    with pytest.raises(ValidationError, match="mean_distance_km or decay_km, not both"):
        town(decay_km=1, mean_distance_km=1.5)


TOTALS = [
    {"origin": "West", "destination": "Ost", "requests": 1600},
    {"origin": "Ost", "destination": "West", "share": 0.2},
    {"origin": "Ost", "destination": "Ost", "requests": 400},
]


@pytest.mark.parametrize("more", [{}, {"mean_distance_km": 1.6}])
def test_totals_between_settlements_are_met(
    town: Town, two_towns: Network, midnight_s: int, more: dict[str, Any]
) -> None:
    """Also where more ride one way than the other, and together with a mean distance."""
    demand = town(4000, totals=TOTALS, **more)
    expected = {("West", "Ost"): 1600, ("Ost", "West"): 800, ("Ost", "Ost"): 400}
    expected["West", "West"] = 4000 - sum(expected.values())
    for pair, number in expected.items():
        assert demand.expected(*pair) == pytest.approx(number, rel=1e-4)
    free = town(4000)
    assert abs(free.expected("West", "Ost") - 1600) > 300
    found = by_zone(two_towns, demand.day(midnight_s, Random(8)))
    for pair, number in expected.items():
        assert found[pair] == pytest.approx(number, abs=5 * sqrt(number))


def test_totals_from_anywhere_may_overlap(town: Town) -> None:
    demand = town(
        1000,
        totals=[
            {"origin": "West", "destination": "*", "requests": 700},
            {"origin": "*", "destination": "Ost", "requests": 450},
        ],
    )
    assert demand.expected("West", "*") == pytest.approx(700, rel=1e-4)
    assert demand.expected("*", "Ost") == pytest.approx(450, rel=1e-4)
    assert demand.expected("*", "*") == pytest.approx(1000)


@pytest.mark.parametrize(
    ("totals", "message"),
    [
        ([("West", "Ost", 5000)], "West to Ost: that is more than there are requests"),
        ([("West", "Ost", 3000), ("Ost", "Ost", 2000)], "together that is more than there are"),
        ([("Wesst", "Ost", 1)], "there is no settlement Wesst; there are Ost, West"),
        ([("West", "*", 3000), ("*", "West", 3000), ("West", "West", 100)], "contradicts"),
        (
            [(a, b, 500) for a in ("West", "Ost") for b in ("West", "Ost")],
            "all other trips: no trips are possible there",
        ),
    ],
)
def test_totals_that_cannot_be_are_refused(
    town: Town, totals: list[tuple[str, str, int]], message: str
) -> None:
    rows = [{"origin": a, "destination": b, "requests": n} for a, b, n in totals]
    with pytest.raises(DemandError, match=message):
        town(4000, totals=rows)


def test_people_live_where_the_population_says(
    town: Town, two_towns: Network, midnight_s: int
) -> None:
    demand = town(
        3000, population={"West": 100, "Ost": 900}, decay_km=1000, min_distance_m=0, **ONLY_SHOP
    )
    homes = [
        spot
        for trip in demand.day(midnight_s, Random(1))
        for spot in (trip.ask.origin, trip.ask.destination)
        if lonlat(spot) != SHOP
    ]
    assert len(homes) == 3000
    east = sum(
        two_towns.stops[nearest_stop(two_towns, *lonlat(home))].zone == "Ost" for home in homes
    )
    assert 0.87 < east / len(homes) < 0.93


def test_a_settlement_left_out_is_as_dense_as_the_others(town: Town) -> None:
    """So that giving one alone changes nothing."""
    free, given = town(1000), town(1000, population={"West": 5000})
    for pair in (("West", "Ost"), ("Ost", "Ost")):
        assert given.expected(*pair) == pytest.approx(free.expected(*pair))
    with pytest.raises(DemandError, match="no settlement Nord; there are Ost, West"):
        town(population={"Nord": 1})


def test_who_stays_an_hour_rides_back_an_hour_later(town: Town, midnight_s: int) -> None:
    shopping = {"shopping": {"share": 1, "hours": AT_NINE, "stay_h": [1, 1]}}
    keys = ONLY_SHOP | {"purposes": ONLY_SHOP["purposes"] | shopping}
    trips = town(200, round_trip_share=1, prebooked_share=0, **keys).day(midnight_s, Random(2))
    out = Counter((t.ask.origin, t.asked_at_s) for t in trips if lonlat(t.ask.destination) == SHOP)
    back = Counter(
        (t.ask.destination, t.asked_at_s - 3600) for t in trips if lonlat(t.ask.origin) == SHOP
    )
    assert out == back
    assert out.total() == 100
    assert all(9 * 3600 <= at_s - midnight_s < 10 * 3600 for _, at_s in out)


def test_of_one_way_riders_half_ride_out(town: Town, midnight_s: int) -> None:
    trips = town(3000, round_trip_share=0, **ONLY_SHOP).day(midnight_s, Random(2))
    out = sum(lonlat(trip.ask.destination) == SHOP for trip in trips)
    assert 0.46 < out / 3000 < 0.54


def test_the_more_attractive_place_draws_more(
    make: Make, two_towns: Network, tmp_path: Path, midnight_s: int
) -> None:
    """Two schools of an extract, as far from everybody: one of 500 pupils, one of 30 children."""
    write_extract(
        tmp_path, [((8.016, 51.751), "amenity=school"), ((8.016, 51.769), "amenity=kindergarten")]
    )
    only_school = {name: {"share": 0} for name in PURPOSES if name != "school"}
    keys: dict[str, Any] = {"source": "synthetic", "requests": 2000, "min_distance_m": 0}
    keys["purposes"] = only_school
    demand = make(two_towns, **keys, extract="x.osm", decay_km=1000)
    ends = Counter(
        lonlat(spot) for pair in spots(demand.day(midnight_s, Random(1))) for spot in pair
    )
    large, small = ends[8.016, 51.751], ends[8.016, 51.769]
    assert large + small == 2000
    assert large / small == pytest.approx(500 / 30, rel=0.3)
    named = make(two_towns, PLACES, **keys, extract="x.osm", attractors={"school": ["shop"]})
    assert all(SHOP in map(lonlat, pair) for pair in spots(named.day(midnight_s, Random(1))))
    without = make(two_towns, **keys).day(midnight_s, Random(1))
    assert max(Counter(lonlat(s) for pair in spots(without) for s in pair).values()) < 30


def test_a_scenarios_day_is_made_with_its_towns_extract(tmp_path: Path) -> None:
    """What `rufbus simulate` knows of the town beyond its stops gets as far as the demand."""
    grid, school = grid_network(tmp_path), (WEST + 3 * STEP_LON, SOUTH + 3 * STEP_LAT)
    write_extract(tmp_path, [(school, "amenity=school")])
    only_school = {name: {"share": 0} for name in PURPOSES if name != "school"}
    demand = {"source": "synthetic", "requests": 50, "min_distance_m": 0, "purposes": only_school}
    scenario = changed(grid_scenario(), {"demand": demand})
    extract = tmp_path / "x.osm"
    trips = prepare(scenario, grid_config(), grid, seed=1, extract=extract).trips
    assert len(trips) == 50
    assert all(school in map(lonlat, pair) for pair in spots(trips))


def test_people_live_in_houses_where_the_extract_knows_them(
    make: Make, two_towns: Network, tmp_path: Path, midnight_s: int
) -> None:
    """West was drawn house by house, Ost was not but for one."""
    grid = [(8.0005 + 0.0006 * i, 51.7502 + 0.0008 * j) for i in range(24) for j in range(20)]
    houses = [(spot, "building=house") for spot in grid]
    flats = ((8.0004, 51.7501), "building=apartments building:flats=480")
    lonely = ((8.030, 51.760), "building=house")
    write_extract(tmp_path, [*houses, flats, lonely, ((8.002, 51.75), "building=garage")])
    keys: dict[str, Any] = {"source": "synthetic", "requests": 1000, "min_distance_m": 0}
    demand = make(
        two_towns,
        PLACES,
        **keys,
        **ONLY_SHOP,
        extract="x.osm",
        population={"West": 500, "Ost": 500},
        decay_km=1000,
    )
    homes = [
        spot
        for pair in spots(demand.day(midnight_s, Random(1)))
        for spot in pair
        if lonlat(spot) != SHOP
    ]
    west = [spot for spot in homes if spot.lon < MIDDLE - 0.002]
    known = {(round(lon, 6), round(lat, 6)) for lon, lat in [*grid, flats[0]]}
    assert 400 < len(west) < 600
    assert all(lonlat(spot) in known for spot in west)
    assert sum(lonlat(spot) == flats[0] for spot in west) / len(west) == pytest.approx(
        480 / 960, abs=0.1
    )
    assert sum(lonlat(spot) == lonely[0] for spot in homes) == 0


MINUTES = [12, 42]
TRAINS = {"place": "station", "share": 0.3, "minutes": MINUTES, "first": "06:00", "last": "20:00"}


def clock_min(at_s: int, midnight_s: int) -> int:
    assert (at_s - midnight_s) % 60 == 0
    return (at_s - midnight_s) // 60


@pytest.mark.parametrize("prebooked", [0, 0.5])
def test_trains_pull_demand(town: Town, midnight_s: int, prebooked: float) -> None:
    trips = town(3000, trains=[TRAINS], prebooked_share=prebooked).day(midnight_s, Random(1))
    arriving = [t for t in trips if lonlat(t.ask.origin) == STATION]
    leaving = [t for t in trips if lonlat(t.ask.destination) == STATION]
    assert (len(arriving) + len(leaving)) / 3000 == pytest.approx(0.3, abs=0.04)
    assert min(len(arriving), len(leaving)) > 300
    for trip in arriving:
        ready_s = trip.ask.depart_at_s or trip.asked_at_s
        train_min = clock_min(ready_s, midnight_s) - 3
        assert train_min % 60 in MINUTES
        assert 6 * 60 <= train_min <= 20 * 60
    for trip in leaving:
        assert trip.ask.arrive_by_s is not None
        train_min = clock_min(trip.ask.arrive_by_s, midnight_s) + 5
        assert train_min % 60 in MINUTES
        assert trip.asked_at_s <= trip.ask.arrive_by_s - 45 * 60
    ahead = sum(trip.ask.depart_at_s is not None for trip in arriving) / len(arriving)
    assert ahead == pytest.approx(prebooked, abs=0.08)


def test_trains_meet_their_share_whatever_the_totals(
    town: Town, two_towns: Network, midnight_s: int
) -> None:
    demand = town(4000, trains=[TRAINS], totals=TOTALS)
    trips = demand.day(midnight_s, Random(1))
    by_train = sum(STATION in map(lonlat, pair) for pair in spots(trips))
    assert by_train / 4000 == pytest.approx(0.3, abs=0.03)
    assert demand.expected("West", "Ost") == pytest.approx(1600, rel=1e-3)
    assert by_zone(two_towns, trips)["West", "Ost"] == pytest.approx(1600, abs=200)


@pytest.mark.parametrize(("calls", "side"), [("arrivals", 0), ("departures", 1)])
def test_trains_that_only_bring_or_only_take(
    town: Town, midnight_s: int, calls: str, side: int
) -> None:
    trains = {"place": "station", "share": 1.0, "every_min": 60, "calls": calls}
    trips = town(300, trains=[trains]).day(midnight_s, Random(1))
    assert {lonlat(pair[side]) for pair in spots(trips)} == {STATION}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minutes": None}, "give minutes or every_min"),
        ({"every_min": 30}, "give minutes or every_min"),
        ({"minutes": [60]}, "less than or equal to 59"),
        ({"first": "23:00", "last": "22:00"}, "no train between first and last"),
        ({"first": "5 Uhr"}, "'5 Uhr' is no clock time like 05:30"),
        ({"last": "24:30"}, "'24:30' is no clock time"),
        ({"share": 0}, "greater than 0"),
    ],
)
def test_trains_that_cannot_be_are_refused(
    town: Town, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        town(trains=[TRAINS | changes])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"trains": [TRAINS | {"place": "Bahnhof"}]}, "trains: there is no place Bahnhof"),
        ({"attractors": {"shopping": ["mall"]}}, "attractors.shopping: there is no place mall"),
        ({"attractors": {"shoping": ["shop"]}}, "attractors: shoping is no purpose"),
        ({"purposes": {"church": {"share": 1}}}, "a purpose of its own needs share, hours and"),
        ({"purposes": {name: {"share": 0} for name in PURPOSES}}, "purposes: all shares are 0"),
        ({"extract": "none.osm"}, r"none\.osm: extract: No such file"),
        ({"min_distance_m": 9999}, "no two stops are 9999 m apart"),
    ],
)
def test_what_the_town_does_not_have_is_named(
    town: Town, keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(DemandError, match=message):
        town(**keys)


def test_a_damaged_extract_is_named(town: Town, tmp_path: Path) -> None:
    (tmp_path / "bad.osm.pbf").write_bytes(b"no pbf")
    with pytest.raises(DemandError, match=r"bad\.osm\.pbf: extract: cannot be read as OSM"):
        town(extract="bad.osm.pbf")


def test_a_ride_is_one_of_a_days(town: Town) -> None:
    demand = town(10, **ONLY_SHOP)
    rides = [demand.ride(Random(seed)) for seed in range(200)]
    assert all(SHOP in (lonlat(origin), lonlat(goal)) for origin, goal, _ in rides)
    assert 50 < sum(lonlat(origin) == SHOP for origin, _, _ in rides) < 150


def write_extract(folder: Path, things: list[tuple[tuple[float, float], str]]) -> None:
    """An OSM file `x.osm` of tagged nodes."""
    lines = ['<osm version="0.6" generator="test">']
    for number, ((lon, lat), tags) in enumerate(things, 1):
        pairs = [tag.partition("=") for tag in tags.split()]
        inner = "".join(f'<tag k="{key}" v="{value}"/>' for key, _, value in pairs)
        lines.append(f'<node id="{number}" version="1" lon="{lon}" lat="{lat}">{inner}</node>')
    (folder / "x.osm").write_text("\n".join([*lines, "</osm>"]), encoding="utf-8")
