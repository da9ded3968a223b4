"""Scenario files: inheritance, what is laid over the town, and errors that name the right key."""

import json
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from running_service import rufbus

from dispatch.options import DATA
from simulations.scenario import ScenarioError, changed, load_scenario
from simulations.town import as_wanted, config_of, town_of, with_fleet

FOLDER = DATA.parent / "simulations" / "scenarios"
WEEKDAY = FOLDER / "beckum-weekday.toml"


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_what_ships_can_be_used(path: Path) -> None:
    scenario = load_scenario(path)
    assert scenario.name
    assert scenario.description
    assert config_of(scenario).vehicles


def test_a_scenario_extends_another_table_by_table(tmp_path: Path) -> None:
    base = written(tmp_path, f'extends = "{WEEKDAY}"\n[fleet]\nvehicles = 3\n', "base.toml")
    mine = written(
        tmp_path,
        f'extends = "{base.name}"\nname = "Mine"\n[rules]\nimmediate_wait_max_s = 900\n'
        "[demand]\nrequests = 7\n[costs]\ndriver_hour_eur = 40\n",
    )
    scenario, weekday = load_scenario(mine), load_scenario(WEEKDAY)
    assert scenario.name == "Mine"
    assert scenario.fleet.vehicles == 3
    assert scenario.demand.requests == 7
    assert scenario.demand.model_dump()["flows"] == weekday.demand.model_dump()["flows"]
    assert scenario.costs.driver_hour_eur == 40
    assert scenario.costs.vehicle_km_eur == weekday.costs.vehicle_km_eur
    config = config_of(scenario)
    assert config.rules.immediate_wait_max_s == 900
    assert config.rules.max_walk_m == config_of(weekday).rules.max_walk_m


def test_another_source_of_demand_replaces_the_first(tmp_path: Path) -> None:
    text = f'extends = "{WEEKDAY}"\n[demand]\nsource = "synthetic"\nrequests = 9\n'
    assert load_scenario(written(tmp_path, text)).demand.source == "synthetic"


def test_files_lie_beside_the_scenario_that_names_them(tmp_path: Path) -> None:
    text = f'extends = "{WEEKDAY}"\n[demand]\nsource = "file"\npath = "asked.csv"\n'
    written(tmp_path, text, "base.toml")
    below = tmp_path / "below"
    below.mkdir()
    mine = load_scenario(written(below, 'extends = "../base.toml"'))
    assert mine.demand.model_dump()["path"] == tmp_path / "asked.csv"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[fleet]\nvehicels = 3", r"fleet\.vehicels: unknown key; did you mean 'vehicles'"),
        ("[world]\nno_show = 0.1", r"world\.no_show: unknown key; did you mean 'no_show_share'"),
        (
            "[demand]\nphone_shar = 0",
            r"demand\.\S*phone_shar: unknown key; did you mean 'phone_share'",
        ),
        (
            "[rules]\nimmediate_wait_max = 1",
            r"rules\.immediate_wait_max: unknown key; did you mean",
        ),
        ("fleets = 3", r"fleets: unknown key; did you mean 'fleet'"),
        ("[fleet]\nvehicles = 0", r"fleet\.vehicles: .*greater than or equal to 1"),
        ("[world]\nbreakdown_s = [9, 3]", r"world: breakdown_s: the shortest comes first"),
        ("[hours]\nweekday = ['9', '10:00']", r"hours\.weekday.*not a time"),
        ("town = 'nowhere'", r"town: there is no folder data/nowhere"),
        ("folder = '/tmp'", r"folder: unknown key"),
        ("[world\n", r"mine\.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, f'extends = "{WEEKDAY}"\n{text}\n')
    with pytest.raises(ScenarioError, match=message):
        config_of(load_scenario(path))


def test_one_that_ships_is_known_by_its_name() -> None:
    assert (
        load_scenario(Path("beckum-small")).name == load_scenario(FOLDER / "beckum-small.toml").name
    )
    with pytest.raises(ScenarioError, match=r"beckum-smal: no such file; these ship: beckum-b"):
        load_scenario(Path("beckum-smal"))


def test_files_cannot_extend_each_other_in_a_circle(tmp_path: Path) -> None:
    written(tmp_path, 'extends = "b.toml"', "a.toml")
    with pytest.raises(ScenarioError, match="circle"):
        load_scenario(written(tmp_path, 'extends = "a.toml"', "b.toml"))
    with pytest.raises(ScenarioError, match=r"missing\.toml"):
        load_scenario(written(tmp_path, 'extends = "missing.toml"'))
    with pytest.raises(ScenarioError, match="extends: has to be"):
        load_scenario(written(tmp_path, "extends = 3"))


def test_values_can_be_set_by_dotted_key() -> None:
    set_to: dict[str, Any] = {"fleet.vehicles": 2, "rules.ride_factor": 1.4}
    loaded, later = load_scenario(WEEKDAY, set_to), changed(load_scenario(WEEKDAY), set_to)
    assert loaded == later
    assert config_of(later).rules.ride_factor == 1.4
    with pytest.raises(ScenarioError, match="vehicles"):
        changed(loaded, {"fleet.vehicle": 3})


def test_a_fleet_beyond_the_towns_own_is_copied_with_its_shifts() -> None:
    town = config_of(load_scenario(WEEKDAY))
    staffed = {shift.vehicle_id for shift in town.shifts}
    few, many = with_fleet(town, 2), with_fleet(town, 3 * len(staffed))
    assert len(few.vehicles) == len({s.vehicle_id for s in few.shifts}) == 2
    assert len(many.vehicles) == len({v.id for v in many.vehicles}) == 3 * len(staffed)
    of_town = [s for s in town.shifts if s.vehicle_id in staffed]
    assert len(many.shifts) == 3 * len(of_town)
    assert with_fleet(town, None) is town


def test_a_sundays_fleet_is_of_those_that_work_on_sundays() -> None:
    town = config_of(load_scenario(WEEKDAY))
    on_sundays = [s.vehicle_id for s in town.shifts if "sunday" in s.days]
    assert 0 < len(set(on_sundays)) < len({s.vehicle_id for s in town.shifts})
    fleet = with_fleet(town, len(set(on_sundays)) + 1, "sunday")
    staffed = {s.vehicle_id for s in fleet.shifts if "sunday" in s.days}
    assert staffed == {v.id for v in fleet.vehicles} > set(on_sundays)
    sunday = changed(load_scenario(WEEKDAY), {"date": date(2026, 3, 15), "fleet.vehicles": 1})
    wanted = as_wanted(config_of(sunday), sunday)
    assert [v.id for v in wanted.vehicles] == on_sundays[:1]


def test_no_shifts_at_all_can_be_said() -> None:
    nobody = changed(load_scenario(WEEKDAY), {"shifts": []})
    assert nobody.service["shifts"] == []
    assert "shifts" not in load_scenario(WEEKDAY).service


@pytest.mark.slow
def test_roads_can_be_closed_and_depots_added_without_touching_the_real_ones(
    tmp_path: Path,
) -> None:
    scenario = load_scenario(WEEKDAY)
    usual = town_of(scenario, tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "roads").iterdir()}
    closed = town_of(changed(scenario, {"world.closed_roads": ["Hauptstraße"]}), tmp_path)
    stops = zip(usual.network.stops, closed.network.stops, strict=True)
    left = [i for i, (then, now) in enumerate(stops) if then == now]
    assert len(left) < len(usual.network.stops), "nobody boards on a road that is closed"
    detour = closed.network.travel.matrix_s - usual.network.travel.matrix_s
    assert detour[left][:, left].max() > 0
    assert detour[left][:, left].min() == 0
    depots = [
        {"id": "grevenbrede", "name": "Grevenbrede", "lon": 8.0377, "lat": 51.7746},
        {"id": "north", "name": "Nord", "lon": 8.0209, "lat": 51.8018},
    ]
    moved = town_of(changed(scenario, {"depots": depots}), tmp_path)
    assert moved.network.stop("north") is not None
    assert before == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "roads").iterdir()}
    with pytest.raises(ScenarioError, match="did you mean 'Hauptstraße'"):
        town_of(changed(scenario, {"world.closed_roads": ["Hauptstrasse"]}), tmp_path)


def test_the_command_checks_a_file_and_shows_all_its_values(tmp_path: Path) -> None:
    done = rufbus("scenario", "check", str(WEEKDAY), "--json", env={})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["fleet"] == {"vehicles": 5}
    path = written(tmp_path, f'extends = "{WEEKDAY}"\n[fleet]\nvehicels = 3\n')
    wrong = rufbus("scenario", "check", str(path), env={})
    assert wrong.returncode == 1
    assert "[scenario_invalid]" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    assert rufbus("simulate", str(WEEKDAY), "--set", "nonsense", env={}).returncode == 2


@pytest.mark.slow
def test_an_interrupt_leaves_the_day_as_far_as_it_went(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [
        *(sys.executable, "-m", "dispatch.cli", "simulate", str(WEEKDAY)),
        *("--set", "demand.requests=1500", "--set", "fleet.vehicles=15"),
        *("--out", str(out), "--progress", "json", "--var", str(tmp_path / "var"), "--lang", "en"),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            told = json.loads(line)
            if told["stage"] == "simulation" and told["done"] > 0.6:
                break
        running.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert time.monotonic() - began < 50
    assert "interrupted" in said
    figures = json.loads((out / "kpis.json").read_text(encoding="utf-8"))["figures"]
    assert figures["complete"] is False
    assert 0 < figures["served"] < figures["requests"]
    assert (out / "report.html").stat().st_size > 10_000
