"""A town's folder: what is read, and what is said about mistakes in it."""

from pathlib import Path

import pytest
from running_service import write_grid_town

from dispatch.cli import DATA
from dispatch.config import ConfigError, load_town
from dispatch.domain.model import Party


@pytest.mark.parametrize("name", ["beckum", "heidelberg"])
def test_the_towns_that_ship_are_sound(name: str) -> None:
    town = load_town(DATA / name)
    assert town.config.area_id == name
    staffed = {shift.vehicle_id for shift in town.config.shifts}
    assert staffed <= {vehicle.id for vehicle in town.config.vehicles}
    assert town.config.largest_fit(Party(1, 1)) is not None
    assert town.area is not None
    assert all(len(factors) == 24 for factors in town.config.traffic.values())


@pytest.mark.parametrize("name", ["beckum", "heidelberg"])
def test_somebody_is_on_duty_whenever_the_service_runs(name: str) -> None:
    config = load_town(DATA / name).config
    for kind in ("weekday", "saturday", "sunday"):
        opens, closes = getattr(config.hours, kind)
        for minute in range(opens, closes):
            assert any(
                kind in shift.days and shift.start_min <= minute < shift.end_min
                for shift in config.shifts
            ), f"{kind}, minute {minute}"


@pytest.mark.parametrize("name", ["beckum", "heidelberg"])
def test_no_shift_is_longer_than_the_law_allows(name: str) -> None:
    for shift in load_town(DATA / name).config.shifts:
        assert shift.end_min - shift.start_min <= 10 * 60


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[map]", "[map]\nzom = 12", "map.zom: unknown key; did you mean 'zoom'?"),
        ("[hours]", "[rules]\nmax_walk = 3\n[hours]", "did you mean 'max_walk_m'?"),
        ("[hours]", "[rules]\nmax_walk_m = -3\n[hours]", "at least 0"),
        ("[hours]", "[rules]\nmax_walk_m = 3.5\n[hours]", "a whole number"),
        ("[hours]", "[rules]\nwalk_speed_mps = 0\n[hours]", "more than 0"),
        ("[hours]", "[fares]\nadult = 3\n[hours]", "did you mean 'adult_cents'?"),
        ('weekday = ["06:00"', 'weekday = ["6 Uhr"', "hours.weekday"),
        ('depot = "depot"', 'depot = "depott"', "did you mean 'depot'?"),
        ('vehicle = "van-1"', 'vehicle = "van-9"', "no vehicle 'van-9'"),
        ('end = "22:00"', 'end = "05:00"', "a shift ends after it starts"),
        ("Europe/Berlin", "Europe/Beckum", "unknown zone"),
        ("[map]", "[map", "service.toml"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = write_grid_town(tmp_path) / "service.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_town(tmp_path)
    assert said in str(caught.value)


def test_a_folder_without_a_service_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_town(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"type": "Point", "coordinates": [8, 51]}'])
def test_a_broken_area(tmp_path: Path, text: str) -> None:
    write_grid_town(tmp_path)
    (tmp_path / "area.geojson").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"GeoJSON|polygon"):
        load_town(tmp_path)
