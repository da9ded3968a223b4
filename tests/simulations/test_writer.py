"""What is handed over to the process that writes is all that it needs."""

from dataclasses import replace
from pathlib import Path

from grid_network import grid_network
from grid_scenario import EVERYTHING, grid_scenario
from tiny_town import grid_config

from simulations.output import write_result
from simulations.runner import run_in
from simulations.writer import told


def test_the_files_are_the_same_without_the_other_events(tmp_path: Path) -> None:
    network = grid_network(tmp_path)
    scenario = grid_scenario(60, **EVERYTHING)
    result = run_in(scenario, grid_config(vehicles=3), network, seed=7)
    slim = replace(result, day=told(result.day))
    assert 0 < len(slim.day.events) < len(result.day.events)
    for name, each in (("all", result), ("told", slim)):
        write_result(each, tmp_path / name, "de")
    names = {path.name for path in (tmp_path / "all").iterdir()}
    assert "report.html" in names
    assert {path.name for path in (tmp_path / "told").iterdir()} == names
    for name in names:
        one, other = ((tmp_path / folder / name).read_bytes() for folder in ("all", "told"))
        assert one == other, name
