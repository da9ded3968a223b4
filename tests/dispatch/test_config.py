"""A town's folder: what is read, and what is said about mistakes in it."""

from pathlib import Path

import pytest
from running_service import write_grid_town

from dispatch.config import ConfigError, load_town
from dispatch.domain.driver_hours import work_s
from dispatch.domain.model import Party
from dispatch.options import DATA

SHIFT = '\n[[shifts]]\nvehicle = "van-1"\ndays = ["weekday"]\nstart = "{}"\nend = "{}"\n'
VAN = '\n[[vehicles]]\nid = "van-1"\nname = "x"\ndepot = "depot"\nconfigurations = [{seats = 4}]\n'
DEPOT = '\n[[depots]]\nid = "depot"\nname = "x"\nlon = 8.0\nlat = 51.7\n'


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
        assert work_s(shift.start_min * 60, shift.end_min * 60) <= 10 * 3600


def test_a_shift_of_more_than_ten_hours_of_work_is_refused(tmp_path: Path) -> None:
    path = write_grid_town(tmp_path / "grid", vehicles=1) / "service.toml"
    text = path.read_text(encoding="utf-8")
    long = SHIFT.format("00:00", "10:46").replace("van-1", "van-2") + VAN.replace("van-1", "van-2")
    path.write_text(text + long.replace("10:46", "10:45"), encoding="utf-8")
    assert len(load_town(tmp_path / "grid").config.shifts) == 3
    path.write_text(text + long, encoding="utf-8")
    with pytest.raises(ConfigError, match="'van-2' 00:00-10:46 is 10 h 01 min of work"):
        load_town(tmp_path / "grid")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[map]", "[map]\nzom = 12", "map.zom: unknown key; did you mean 'zoom'?"),
        ("[hours]", "[rules]\nmax_walk_m = -3\n[hours]", "at least 0"),
        ("[hours]", "[fares]\nadult = 3\n[hours]", "did you mean 'adult_cents'?"),
        ('weekday = ["06:00"', 'weekday = ["6 Uhr"', "hours.weekday"),
        ('depot = "depot"', 'depot = "depott"', "did you mean 'depot'?"),
        ("Europe/Berlin", "Europe/Beckum", "unknown zone"),
        ("[hours]", '[repositioning]\nidle = "home"\n[hours]', "repositioning.idle"),
        ("[hours]", "[repositioning]\nhorizon = 9\n[hours]", "did you mean 'horizon_s'?"),
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


def test_the_town_that_ships_is_read() -> None:
    town = load_town(DATA / "beckum")
    assert town.config.area_id == "beckum"
    assert town.config.hours.saturday == (7 * 60, 24 * 60)
    assert town.curated_stops is not None


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (VAN, "vehicles: 'van-1' is there twice"),
        (DEPOT, "depots: 'depot' is there twice"),
        (SHIFT.format("12:00", "20:00"), "'van-1' is on two at once"),
        (SHIFT.format("25:00", "23:00"), "start: '25:00' is not a time"),
        (SHIFT.format("23:00", "22:00"), "a shift ends after it starts"),
        (SHIFT.format("22:00", "23:00").replace("van-1", "van-9"), "no vehicle 'van-9'"),
        ("\n[rules]\nwalk_speed_mps = 0\n", "rules.walk_speed_mps: has to be more than 0"),
        ("\n[rules]\nwalk_speed_mps = nan\n", "rules.walk_speed_mps: nan is not"),
        ("\n[rules]\nalternatives_step_s = 0\n", "rules.alternatives_step_s"),
        ("\n[rules]\nlock_s = 1.5\n", "rules.lock_s: 1.5 is not a whole number"),
        ("\n[rules]\nmax_walk = 1\n", "did you mean 'max_walk_m'"),
        ("\n[rules]\nboard_s = 1\n", "rules.board_s: unknown key"),
        ("\n[rules]\n__doc__ = 1\n", "rules.__doc__: unknown key"),
        ("\n[rules]\nbookable_ahead_days = 14\n", "rules.shifts_ahead_days: has to be at least"),
        ("\n[rules]\nshifts_ahead_days = 60\n", "rules.shifts_ahead_days: has to be at most"),
        (
            "\n[optimiser]\nenable = false\n",
            "optimiser.enable: unknown key; did you mean 'enabled'?",
        ),
        ("\n[optimiser]\nround_s = 0\n", "optimiser.round_s"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, more: str, reason: str) -> None:
    path = write_grid_town(tmp_path / "grid", vehicles=1) / "service.toml"
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_town(tmp_path / "grid")
    assert reason in str(caught.value)


def test_a_service_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    path = write_grid_town(tmp_path / "grid", vehicles=1) / "service.toml"
    text = path.read_text(encoding="utf-8")
    text = text.replace('weekday = ["06:00", "22:00"]', 'weekday = ["22:00", "06:00"]')
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="ends after it begins"):
        load_town(tmp_path / "grid")


def test_the_optimiser_may_be_switched_off(tmp_path: Path) -> None:
    path = write_grid_town(tmp_path / "grid", vehicles=1) / "service.toml"
    assert load_town(tmp_path / "grid").optimiser.enabled
    more = "\n[optimiser]\nenabled = false\nround_s = 1\n"
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    optimiser = load_town(tmp_path / "grid").optimiser
    assert (optimiser.enabled, optimiser.round_s) == (False, 1.0)


def test_shifts_may_follow_each_other(tmp_path: Path) -> None:
    path = write_grid_town(tmp_path / "grid", vehicles=1) / "service.toml"
    text = path.read_text(encoding="utf-8") + SHIFT.format("22:00", "24:00")
    path.write_text(text, encoding="utf-8")
    assert [s.end_min for s in load_town(tmp_path / "grid").config.shifts] == [840, 1320, 1440]
