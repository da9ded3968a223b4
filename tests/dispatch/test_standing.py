"""Processes that are started by themselves say what they lack, in one line with a code."""

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from running_service import write_grid_town
from tiny_town import grid_osm

from dispatch import standing
from dispatch.cli import main
from dispatch.config import load_town
from dispatch.store.migrate import HEAD, migrate
from routing.roads.importing import import_extract

ROLES = ("web", "dispatcher", "optimiser", "messenger")


@pytest.fixture
def grid(tmp_path: Path) -> dict[str, str]:
    """An environment with a town whose roads are there."""
    var = tmp_path / "var"
    var.mkdir()
    import_extract(grid_osm(tmp_path / "grid.osm"), var=var, name="grid", progress=lambda _: None)
    town = write_grid_town(tmp_path / "grid", vehicles=1)
    return {"RUFBUS_VAR": str(var), "RUFBUS_TOWN": str(town)}


@pytest.fixture(autouse=True)
def restored_logging() -> object:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield None
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)


def rufbus(*arguments: str, **env: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env=env)


def fails(result: Result, code: str) -> str:
    assert result.exit_code == 1, result.output
    assert f"error: [{code}]" in result.output
    return result.output


@pytest.mark.parametrize("role", ROLES)
def test_servers_that_are_not_named(role: str, grid: dict[str, str]) -> None:
    assert "DATABASE_URL" in fails(rufbus(role, **grid, DATABASE_URL=""), "address_missing")
    result = rufbus(role, **grid, DATABASE_URL="postgresql:///x", REDIS_URL="")
    assert "REDIS_URL" in fails(result, "address_missing")


@pytest.mark.parametrize("role", ROLES)
def test_roads_schema_and_plans_that_do_not_fit(
    role: str, grid: dict[str, str], database_url: str, redis_url: str, tmp_path: Path
) -> None:
    env = grid | {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    bare = env | {"RUFBUS_VAR": str(tmp_path / "bare")}
    assert "rufbus prepare" in fails(rufbus(role, **bare), "roads_missing")
    assert "rufbus migrate" in fails(rufbus(role, **env), "schema_not_migrated")
    assert rufbus("migrate", **env).output == f"the tables are at revision {HEAD}\n"
    assert rufbus("migrate", **env).exit_code == 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO service_area (id, roads_sha256) VALUES ('grid', 'other')")
        assert "--new-roads" in fails(rufbus(role, **env), "roads_differ")
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        fails(rufbus(role, **env), "schema_too_new")


def test_new_roads_are_taken_when_asked_for(
    database_url: str, grid: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "_PATIENCE_S", 0.0)
    town = load_town(Path(grid["RUFBUS_TOWN"]))
    migrate(database_url)
    standing.check_database(database_url, town, "any", new_roads=False)  # nothing stored yet
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO service_area (id, roads_sha256) VALUES ('grid', 'a')")
    standing.check_database(database_url, town, "a", new_roads=False)
    standing.check_database(database_url, town, "b", new_roads=True)
    with pytest.raises(standing.RoadsDifferError):
        standing.check_database(database_url, town, "b", new_roads=False)
    with pytest.raises(standing.StoreUnavailableError):
        standing.check_database("postgresql:///x?host=/nowhere", town, "a", new_roads=False)


def test_all_processes_log_in_one_format() -> None:
    code = (
        "import logging; from dispatch import logs; logs.set_up('web');"
        "logging.getLogger('x').info('hello'); logging.getLogger('uvicorn.error').info('chatter')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ INFO web\[\d+\] hello\n", done.stderr), (
        done.stderr
    )
