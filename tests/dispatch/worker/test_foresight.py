"""What the live service expects: the mean of past days, today and known rides left out."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from desk import TUESDAY_9_S
from grid_network import grid_network
from tiny_town import grid_config

from dispatch.domain.rules import DAY_S, Repositioning, ServiceConfig
from dispatch.engine import Network
from dispatch.store.connect import connect
from dispatch.worker.foresight import learn

_ASK = """
INSERT INTO ride_request (
    area, id, received_at_s, origin_lon, origin_lat, destination_lon, destination_lat,
    depart_at_s, arrive_by_s, seats, wheelchairs, max_walk_m, channel, status, refusal_code,
    alternatives)
VALUES ('grid', %s, %s, %s, %s, 8, 51.75, %s, %s, 1, 0, 300, 'web', %s, %s, %s)
"""


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder: Path = tmp_path_factory.mktemp("grid")
    return grid_network(folder)


def config(idle: str = "demand") -> ServiceConfig:
    return replace(grid_config(), repositioning=Repositioning(idle=idle))


class Book:
    """Puts requests into the table."""

    def __init__(self, connection: psycopg.Connection, grid: Network) -> None:
        self.connection = connection
        self.stop = next(stop for stop in grid.stops if stop.bookable)
        self.asked = 0

    def ask(
        self,
        received_at_s: int,
        *,
        depart_at_s: int | None = None,
        arrive_by_s: int | None = None,
        refused: bool = False,
    ) -> None:
        self.asked += 1
        spot = (self.stop.lon, self.stop.lat)
        fate = ("refused", "no_capacity", "[]") if refused else ("lapsed", None, None)
        row = (f"rq_{self.asked}", received_at_s, *spot, depart_at_s, arrive_by_s, *fate)
        self.connection.execute(_ASK, row)


@pytest.fixture
def connection(town_dsn: str) -> Iterator[psycopg.Connection]:
    with connect(town_dsn) as connection:
        connection.execute("INSERT INTO service_area (id) VALUES ('grid')")
        yield connection


def test_spontaneous_requests_of_past_days_are_expected_the_refused_ones_too(
    connection: psycopg.Connection, grid: Network
) -> None:
    book = Book(connection, grid)
    monday_s = TUESDAY_9_S - DAY_S
    book.ask(monday_s - 7 * DAY_S)  # the first day may not have been a whole one
    book.ask(monday_s)
    book.ask(monday_s + 60, refused=True)
    book.ask(monday_s, depart_at_s=monday_s + 600)
    book.ask(monday_s, depart_at_s=monday_s + 7200)  # known ahead
    book.ask(monday_s, arrive_by_s=monday_s + 1800)  # known ahead
    book.ask(TUESDAY_9_S - 3600)  # today
    forecast = learn(connection, config(), grid, TUESDAY_9_S)
    assert forecast is not None
    weekday = forecast.per_hour["weekday"]
    assert weekday[9, grid.stop_index[book.stop.id]] == pytest.approx(3 / 5)
    assert weekday.sum() == pytest.approx(3 / 5)
    assert forecast.per_hour["saturday"].sum() == 0


def test_a_new_service_expects_nothing_yet(connection: psycopg.Connection, grid: Network) -> None:
    assert learn(connection, config(), grid, TUESDAY_9_S) is None
    Book(connection, grid).ask(TUESDAY_9_S - 3600)
    assert learn(connection, config(), grid, TUESDAY_9_S) is None


def test_nobody_is_asked_where_vehicles_stay(connection: psycopg.Connection, grid: Network) -> None:
    Book(connection, grid).ask(TUESDAY_9_S - 7 * DAY_S)
    assert learn(connection, config("stay"), grid, TUESDAY_9_S) is None
