"""What tags say of attractors and houses, and the real extract."""

from pathlib import Path

import pytest

from simulations.demand.attractors import draws_of, dwellings_of, read_surroundings
from simulations.demand.profiles import PURPOSES

HEIDELBERG = Path(__file__).resolve().parents[4] / "shared" / "osm" / "heidelberg.osm.pbf"


@pytest.mark.parametrize(
    ("tags", "purposes"),
    [
        ("shop=bakery", {"work", "shopping"}),
        ("shop=vacant", set()),
        ("office=lawyer", {"work"}),
        ("amenity=school", {"work", "school"}),
        ("amenity=hospital healthcare=hospital", {"work", "health"}),
        ("railway=station", {"work", "station"}),
        ("railway=station station=miniature", set()),
        ("railway=station disused=yes", set()),
        ("railway=signal", set()),
        ("leisure=sports_centre", {"work", "leisure"}),
        ("amenity=bench", set()),
        ("landuse=industrial", {"work"}),
    ],
)
def test_tags_say_what_people_come_for(tags: str, purposes: set[str]) -> None:
    given = dict(tag.split("=") for tag in tags.split())
    assert set(draws_of(given, area_m2=20_000)) == purposes


def test_a_supermarket_draws_more_than_a_shop_and_an_estate_by_its_area() -> None:
    assert draws_of({"shop": "supermarket"})["shopping"] > draws_of({"shop": "books"})["shopping"]
    small, large = (draws_of({"landuse": "industrial"}, m2)["work"] for m2 in (1e4, 3e4))
    assert large == pytest.approx(3 * small)


@pytest.mark.parametrize(
    ("tags", "dwellings"),
    [
        ("building=house", 1),
        ("building=apartments", 6),
        ("building=apartments building:flats=12", 12),
        ("building=apartments building:flats=99999", 500),
        ("building=yes", 0),
        ("building=yes addr:housenumber=3", 1),
        ("building=yes addr:housenumber=3 shop=bakery", 0),
        ("building=garage", 0),
        ("amenity=school", 0),
    ],
)
def test_how_many_live_in_a_building(tags: str, dwellings: int) -> None:
    assert dwellings_of(dict(tag.split("=") for tag in tags.split())) == dwellings


@pytest.mark.skipif(not HEIDELBERG.is_file(), reason="needs the shared extract")
def test_a_real_town_has_something_of_everything() -> None:
    bounds = (8.57, 49.35, 8.80, 49.46)
    found = read_surroundings(HEIDELBERG, bounds)
    drawn = {purpose for attractor in found.attractors for purpose in attractor.draws}
    assert drawn >= set(PURPOSES) - {"home"}
    assert all(
        bounds[0] <= a.lon <= bounds[2] and bounds[1] <= a.lat <= bounds[3]
        for a in found.attractors
    )
    names = {a.name for a in found.attractors if "station" in a.draws}
    assert "Heidelberg Hauptbahnhof" in names or any("Heidelberg" in name for name in names)
    assert len(read_surroundings(HEIDELBERG, (8.6, 49.4, 8.65, 49.42)).attractors) < len(
        found.attractors
    )
