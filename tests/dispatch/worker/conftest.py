"""The inbox of the dispatchers under test."""

import pytest
from inbox_desk import Desk


@pytest.fixture
def desk(town_dsn: str) -> Desk:
    return Desk(town_dsn)
