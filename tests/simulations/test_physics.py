"""Sensible physics, over seeds: more vans, wider promises, more riders, closed roads."""

from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from grid_network import grid_network
from grid_scenario import grid_scenario
from tiny_town import grid_config

from dispatch.domain.rules import Rules, ServiceConfig
from dispatch.engine import Network
from routing.roads.travel_times import TravelTimes
from simulations.runner import Result, run_in
from simulations.scenario import Scenario

SEEDS = range(3)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder: Path = tmp_path_factory.mktemp("grid")
    return grid_network(folder)


def days(grid: Network, file: Scenario, config: ServiceConfig) -> list[Result]:
    return [run_in(file, config, grid, seed=seed) for seed in SEEDS]


def mean(results: list[Result], name: str) -> float:
    values: list[Any] = [result.figures[name] for result in results]
    return fmean(values)


def test_more_vans_never_serve_clearly_fewer(grid: Network) -> None:
    served = [
        mean(days(grid, grid_scenario(300), grid_config(vehicles=n)), "served") for n in (1, 2, 4)
    ]
    assert served[0] < served[1] < served[2] * 1.02


def test_a_wider_promise_serves_more(grid: Network) -> None:
    narrow = grid_config(rules=Rules(immediate_wait_max_s=420, prebooked_window_s=120))
    wide = grid_config(rules=Rules(immediate_wait_max_s=1800, prebooked_window_s=600))
    file = grid_scenario(250)
    assert mean(days(grid, file, wide), "served") > 1.05 * mean(days(grid, file, narrow), "served")


def test_twice_the_demand_raises_refusals_and_occupancy(grid: Network) -> None:
    usual = days(grid, grid_scenario(180), grid_config())
    twice = days(grid, grid_scenario(360), grid_config())
    assert mean(twice, "refused") > 1.5 * mean(usual, "refused")
    assert mean(twice, "occupancy") > mean(usual, "occupancy")
    assert mean(twice, "acceptance") < mean(usual, "acceptance")


def test_a_closed_main_road_makes_rides_longer(grid: Network) -> None:
    """The primary road through the middle is closed: the same town, the same wishes."""
    name = list(grid.graph.names).index("Querweg 4")
    closed = frozenset((grid.graph.arc_name == name).nonzero()[0].tolist())
    travel = TravelTimes(grid.graph, grid.travel.stops, closed_arcs=closed)
    without = replace(grid, travel=travel)
    reachable = (grid.travel.matrix_s < 10**6) & (travel.matrix_s < 10**6)
    assert (travel.matrix_s[reachable] >= grid.travel.matrix_s[reachable]).all()
    assert (travel.matrix_s[reachable] > grid.travel.matrix_s[reachable]).sum() > 100
    file = grid_scenario(60)
    usual, detour = days(grid, file, grid_config(4)), days(without, file, grid_config(4))
    assert mean(detour, "in_vehicle_mean_s") > mean(usual, "in_vehicle_mean_s")
    for stop in range(len(grid.stops)):
        way = travel.path(grid.travel.stops[0], stop).arcs.tolist() if reachable[0, stop] else []
        assert not closed.intersection(way[1:])


def test_with_ample_vans_and_no_chance_everybody_rides_straight(grid: Network) -> None:
    """Nobody is refused, rides last what driving takes, waits are short."""
    rules = Rules(immediate_wait_max_s=1800)
    town = grid_config(12, rules)
    flat = dict.fromkeys(town.traffic, (1.0,) * 24)
    weights = replace(town.weights, ride=100_000, wait=100_000)
    config = replace(town, weights=weights, traffic=flat)
    for result in days(replace(grid, traffic=flat), grid_scenario(20), config):
        rides = [r for r in result.analysis.records if r.accepted]
        possible = [r for r in result.analysis.records if r.reason in {None, "no_capacity"}]
        assert len(rides) == len(possible) > 10
        for ride in rides:
            assert ride.direct_s is not None
            assert ride.in_vehicle_s == ride.direct_s, ride
        assert result.figures["ride_time_ratio_mean"] == pytest.approx(1.0)
        assert result.figures["wait_p50_s"] < 400
