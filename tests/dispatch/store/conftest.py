"""A migrated database with one service area."""

import pytest

from dispatch.store.connect import connect
from dispatch.store.migrate import migrate

AREA = "town"


@pytest.fixture
def area_dsn(database_url: str) -> str:
    migrate(database_url)
    with connect(database_url) as connection:
        connection.execute("INSERT INTO service_area (id) VALUES (%s)", [AREA])
    return database_url
