"""Road works in a scenario: the engine's own closures, for a part of the day."""

from pathlib import Path
from typing import Any

import pytest
from grid_network import grid_network
from grid_scenario import grid_scenario
from tiny_town import grid_config

from dispatch.domain import events as ev
from dispatch.engine import Network
from simulations.runner import event_log, run_in
from simulations.scenario import Scenario, ScenarioError, changed

MORNING = {"road": "Querweg 4", "begins": "08:00", "ends": "12:00", "known": "08:00"}


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder: Path = tmp_path_factory.mktemp("grid")
    return grid_network(folder)


def closed(*closures: dict[str, Any], requests: int = 60) -> Scenario:
    return changed(grid_scenario(requests), {"world.closures": list(closures)})


def test_a_closure_comes_and_goes_and_vehicles_drive_around_it(grid: Network) -> None:
    result = run_in(closed(MORNING), grid_config(), grid, seed=5, check=True)
    at = {type(event): at_s for at_s, event in result.day.events}
    begins_s = result.midnight_s + 8 * 3600
    assert at[ev.ClosureRecorded] == begins_s
    assert begins_s + 4 * 3600 <= at[ev.ClosureEnded] <= begins_s + 4 * 3600 + 300
    graph = grid.graph
    row = {a for a in range(graph.arcs) if graph.name_of(a) == "Querweg 4"}
    lat = {round(float(graph.arc_geometry(a)[1][0]), 6) for a in row}
    assert len(lat) == 1

    def on_it(from_s: int, to_s: int) -> int:
        """How many stretches of the closed road vehicles set out to drive."""
        legs = [leg for leg in result.day.legs if from_s <= leg.from_s < to_s]
        return sum(
            round(a[1], 6) == round(b[1], 6) == next(iter(lat)) and abs(a[0] - b[0]) > 1e-3
            for leg in legs
            for a, b in zip(leg.lonlat, leg.lonlat[1:], strict=False)
        )

    assert on_it(begins_s + 60, at[ev.ClosureEnded]) == 0
    assert on_it(at[ev.ClosureEnded], begins_s + 24 * 3600) > 0
    usual = run_in(closed(), grid_config(), grid, seed=5).figures
    assert result.figures["events_sha256"] != usual["events_sha256"]


def test_the_same_seed_gives_the_same_bytes(grid: Network) -> None:
    stop = next(s.id for s in grid.stops if s.bookable)
    scenario = closed(MORNING, {"stop": stop, "begins": "09:00"}, requests=40)
    days = [run_in(scenario, grid_config(), grid, seed=4, check=True) for _ in "ab"]
    assert event_log(days[0].day) == event_log(days[1].day)
    closed_stop = [e for _, e in days[0].day.events if isinstance(e, ev.BookingMade)]
    assert len(closed_stop) > 10


@pytest.mark.parametrize(
    ("closure", "message"),
    [
        ({"road": "Nirgendweg", "begins": "08:00"}, "no road or stop 'Nirgendweg'"),
        ({"stop": "nowhere", "begins": "08:00"}, "no road or stop 'nowhere'"),
        ({"line": [[51.75, 8.0], [51.76, 8.0]], "begins": "08:00"}, "'the line'"),
    ],
)
def test_places_that_are_not_there(grid: Network, closure: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        run_in(closed(closure, requests=0), grid_config(), grid, seed=1)


@pytest.mark.parametrize(
    "closure",
    [
        {"begins": "08:00"},
        {"road": "Querweg 4", "stop": "x", "begins": "08:00"},
        {"road": "Querweg 4"},
        {"road": "Querweg 4", "begins": "8 Uhr"},
        {"road": "Querweg 4", "begins": "08:00", "ends": "07:00"},
    ],
)
def test_closures_that_make_no_sense(closure: dict[str, Any]) -> None:
    with pytest.raises(ScenarioError):
        closed(closure)
