"""Maps and replay: what is where, and when."""

import json

import numpy as np
import pytest

from simulations.report.day import DayView, view_of
from simulations.report.maps import Maps, load_classes
from simulations.report.replay import replay_json
from simulations.report.words import words
from simulations.runner import Result


@pytest.fixture
def view(small_day: Result) -> DayView:
    return view_of(small_day)


@pytest.fixture
def maps(view: DayView) -> Maps:
    return Maps(view, words("en"))


def test_the_map_shows_all_stops_in_metres(view: DayView, maps: Maps) -> None:
    stops = np.array([(s.lon, s.lat) for s in view.result.network.stops])
    places = maps.frame.metres(stops)
    assert (places > 0).all()
    assert (places < (maps.frame.width_m, maps.frame.height_m)).all()
    north, south = stops[:, 1].argmax(), stops[:, 1].argmin()
    assert places[north, 1] < places[south, 1]
    apart_m = (stops[north, 1] - stops[south, 1]) * 111_195
    assert places[south, 1] - places[north, 1] == pytest.approx(apart_m, abs=2)


def test_loads_are_in_classes_without_gaps() -> None:
    stretches = np.zeros((6, 2, 2))
    found = load_classes(stretches, np.array([0, 1, 2, 7, 30, 900]))
    assert [low for low, _ in found][:2] == [0, 1]
    assert sum(len(part) for _, part in found) == 6
    assert load_classes(np.zeros((0, 2, 2)), np.zeros(0, dtype=np.int64)) == []


def test_passengers_on_roads_are_the_passenger_kilometres(maps: Maps, small_day: Result) -> None:
    stretches, loads = maps._stretches()
    lengths = np.hypot(*(np.diff(stretches, axis=1)[:, 0, :] * maps.frame.scale).T)
    served = small_day.figures["passenger_km"]
    # Riders of rides that were driven only, and straight lines between the points of a way.
    assert (lengths * loads).sum() / 1000 == pytest.approx(served, rel=0.02)


def test_the_replay_is_where_the_vehicles_were(view: DayView, maps: Maps) -> None:
    raw = replay_json(view, maps)
    assert "<" not in raw
    data = json.loads(raw)
    assert [v["name"] for v in data["vehicles"]] == [v.name for v in view.vehicles]
    for shown, vehicle in zip(data["vehicles"], view.vehicles, strict=True):
        assert len(shown["legs"]) == len(vehicle.legs)
        for (from_s, to_s, persons, way), driven in zip(shown["legs"], vehicle.legs, strict=True):
            assert from_s + view.result.midnight_s == driven.leg.from_s
            assert from_s < to_s
            assert persons == driven.persons
            ends = maps.frame.metres(np.array(driven.leg.lonlat)[[0, -1]])
            points = np.cumsum(np.array(way).reshape(-1, 2), axis=0)
            assert points[[0, -1]].tolist() == ends.tolist()


def test_riders_wait_from_their_wish_until_they_board(view: DayView, maps: Maps) -> None:
    data = json.loads(replay_json(view, maps))
    figures = view.result.figures
    assert len([r for r in data["refused"] if r[3]]) == figures["refused"]
    assert all(from_s < to_s for _, _, from_s, to_s in data["riders"])
    assert figures["served"] <= len(data["riders"]) <= figures["accepted"]
