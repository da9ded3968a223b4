"""Fixtures of the sweep tests: roads drawn once, and a sweep over a scenario of its own."""

import os
from pathlib import Path

import pytest

from dispatch.options import DATA
from simulations.sweeps.versions import inputs_digest

WEEKDAY = DATA.parent / "simulations" / "scenarios" / "beckum-weekday.toml"
SUPPORT = Path(__file__).resolve().parents[2] / "support"


@pytest.fixture(scope="session")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A var folder with the roads of Beckum."""
    folder = tmp_path_factory.mktemp("sweep-var")
    inputs_digest("beckum", folder)
    return folder


@pytest.fixture
def sweep_file(tmp_path: Path) -> Path:
    """2 fleets x 2 promises x 3 seeds; the scenario lies beside it, and so will `calls`."""
    (tmp_path / "day.toml").write_text(f'extends = "{WEEKDAY}"\n', encoding="utf-8")
    path = tmp_path / "sweep.toml"
    path.write_text(
        """
        scenario = "day.toml"
        seeds = 3
        [parameters]
        "fleet.vehicles" = [3, 4]
        "rules.immediate_wait_max_s" = [900, 1800]
        [goal]
        figure = "acceptance"
        at_least = 0.7
        """,
        encoding="utf-8",
    )
    return path


@pytest.fixture
def environment() -> dict[str, str]:
    """Of child processes that import the tests' support code."""
    paths = [str(SUPPORT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
