"""Makes the engine's double importable, and a migrated database with one service area."""

import sys
from pathlib import Path

import pytest

from dispatch.store.connect import connect
from dispatch.store.migrate import migrate

sys.path.append(str(Path(__file__).parents[1] / "doubles"))

AREA = "town"


@pytest.fixture
def area_dsn(database_url: str) -> str:
    migrate(database_url)
    with connect(database_url) as connection:
        connection.execute("INSERT INTO service_area (id) VALUES (%s)", [AREA])
    return database_url
