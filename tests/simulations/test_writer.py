"""What is handed over to the process that writes is all that it needs."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from grid_network import grid_network
from grid_scenario import EVERYTHING, grid_scenario
from tiny_town import grid_config

from simulations.output import as_csv, write_result
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


@pytest.mark.parametrize("timezone", ["Europe/Berlin", "America/St_Johns", "Asia/Kolkata", "UTC"])
def test_times_are_written_as_pandas_would(timezone: str) -> None:
    winter, summer, never = 1_774_743_000, 1_774_746_600, None  # around a change of the clocks
    instants = pd.to_datetime(pd.Series([winter, summer, never]), unit="s", utc=True)
    table = pd.DataFrame({"at": instants.dt.tz_convert(timezone), "name": ["a", "b", None]})
    for rows in (table, table.iloc[2:], table.iloc[:0]):
        assert as_csv(rows).to_csv(index=False) == rows.to_csv(index=False)
