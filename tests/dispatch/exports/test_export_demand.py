"""The history of requests as a file: complete, in the documented columns, and about nobody."""

import csv
import os
from collections.abc import Callable, Iterator
from datetime import date, datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from grid_network import grid_network
from pydantic import TypeAdapter
from running_service import rufbus, write_grid_town
from tiny_town import ZONE, grid_config

from dispatch.domain.model import Party, Spot
from dispatch.exports.demand import COLUMNS, DemandExport, ExportError, export_demand
from dispatch.store.connect import connect
from dispatch.store.errors import StoreUnavailableError
from dispatch.store.migrate import migrate
from simulations.demand import DemandSection, make_demand

_ASK = """
INSERT INTO ride_request (
    area, id, received_at_s, origin_lon, origin_lat, destination_lon, destination_lat,
    depart_at_s, arrive_by_s, seats, wheelchairs, max_walk_m, channel, status, refusal_code,
    alternatives)
VALUES (%s, %s, %s, 8.0012341, 51.7512341, 8.0198761, 51.7598761, %s, %s, %s, %s, %s, %s, %s,
    %s, %s)
"""
Ask = Callable[..., str]


def at(day: int, hour: int, minute: int = 0) -> int:
    return int(datetime(2026, 3, day, hour, minute, tzinfo=ZONE).timestamp())


@pytest.fixture
def dsn(database_url: str) -> str:
    migrate(database_url)
    with connect(database_url) as connection:
        connection.execute("INSERT INTO service_area (id) VALUES ('grid'), ('elsewhere')")
    return database_url


@pytest.fixture
def ask(dsn: str) -> Iterator[Ask]:
    numbers = count(1)
    with connect(dsn) as connection:
        yield lambda received_s, **more: _ask(connection, next(numbers), received_s, **more)


def _ask(connection: psycopg.Connection, number: int, received_s: int, **more: Any) -> str:
    request_id = f"rq_secret{number}"
    status = more.get("status", "offered")
    refused = ("no_vehicle", "[]") if status == "refused" else (None, None)
    values = (
        *(more.get("area", "grid"), request_id, received_s),
        *(more.get("depart_s"), more.get("arrive_s"), more.get("seats", 1)),
        *(more.get("wheelchairs", 0), more.get("max_walk_m", 300)),
        *(more.get("channel", "web"), status, *refused),
    )
    connection.execute(_ASK, values)
    return request_id


def wanted(first: int = 10, last: int = 10, *, exact: bool = False) -> DemandExport:
    days = (date(2026, 3, day) for day in (first, last))
    return DemandExport("grid", grid_config().hours, 300, *days, exact=exact)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_fate_is_there_and_nothing_about_the_rider(
    dsn: str, ask: Ask, tmp_path: Path
) -> None:
    ids = [ask(at(10, 8) + n, status=s) for n, s in enumerate(["refused", "lapsed", "booked"])]
    out = tmp_path / "r.csv"
    assert export_demand(dsn, wanted(), out) == 3
    text = out.read_text(encoding="utf-8")
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert [row["request_id"] for row in rows(out)] == ["1", "2", "3"]
    assert not any(request_id in text for request_id in ids)
    assert "8.0012" not in text
    assert rows(out)[0] == {
        "request_id": "1",
        "asked_at": "2026-03-10T08:00:00+01:00",
        "depart_at": "",
        "arrive_by": "",
        "origin_lon": "8.001",
        "origin_lat": "51.751",
        "destination_lon": "8.02",
        "destination_lat": "51.76",
        "seats": "1",
        "wheelchairs": "0",
        "channel": "web",
        "max_walk_m": "",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["r.csv"]


def test_coordinates_can_be_exact(dsn: str, ask: Ask, tmp_path: Path) -> None:
    ask(at(10, 8))
    export_demand(dsn, wanted(exact=True), tmp_path / "r.csv")
    (row,) = rows(tmp_path / "r.csv")
    assert (row["origin_lon"], row["destination_lat"]) == ("8.001234", "51.759876")


def test_the_days_are_those_of_the_rides_by_the_towns_clock(
    dsn: str, ask: Ask, tmp_path: Path
) -> None:
    ask(at(8, 12), depart_s=at(10, 0), seats=1)  # the first second of the day
    ask(at(9, 23, 59), seats=2)  # the day before
    ask(at(9, 12), arrive_s=at(10, 23, 59), seats=3)
    ask(at(10, 12), depart_s=at(11, 0), seats=4)  # the day after
    ask(at(10, 12), area="elsewhere", seats=5)
    out = tmp_path / "r.csv"
    export_demand(dsn, wanted(), out)
    assert [row["seats"] for row in rows(out)] == ["1", "3"]
    export_demand(dsn, wanted(9, 11), out)
    assert [row["seats"] for row in rows(out)] == ["1", "3", "2", "4"]


def test_parquet_has_typed_columns_also_without_requests(
    dsn: str, ask: Ask, tmp_path: Path
) -> None:
    out = tmp_path / "r.parquet"
    assert export_demand(dsn, wanted(), out) == 0
    empty = pq.read_schema(out)
    ask(at(10, 8), depart_s=at(10, 9))
    export_demand(dsn, wanted(), out)
    assert pq.read_schema(out).equals(empty)
    assert tuple(empty.names) == COLUMNS
    assert empty.field("asked_at").type.tz == "Europe/Berlin"
    assert empty.field("arrive_by").type == empty.field("depart_at").type
    assert empty.field("origin_lon").type == pa.float64()


@pytest.mark.parametrize("name", ["r.csv", "r.parquet"])
def test_simulations_read_what_was_exported(dsn: str, ask: Ask, tmp_path: Path, name: str) -> None:
    ask(at(9, 20), depart_s=at(10, 9), seats=0, wheelchairs=1, max_walk_m=100, channel="phone")
    ask(at(10, 8), depart_s=at(10, 8) - 50)  # a clock that is a little late
    ask(at(10, 9), arrive_s=at(10, 11), seats=2, status="refused")
    export_demand(dsn, wanted(exact=True), tmp_path / name)
    section = TypeAdapter(DemandSection).validate_python({"source": "file", "path": name})
    demand = make_demand(section, {}, grid_network(tmp_path), tmp_path)
    trips = demand.day(at(10, 0), Random(1))
    assert [t.asked_at_s for t in trips] == [at(9, 20), at(10, 8), at(10, 9)]
    first, second, third = (trip.ask for trip in trips)
    assert (first.depart_at_s, first.party, first.max_walk_m) == (at(10, 9), Party(0, 1), 100)
    assert first.channel == "phone"
    assert first.origin == Spot(8.001234, 51.751234)
    assert (second.depart_at_s, second.arrive_by_s, second.max_walk_m) == (None, None, None)
    assert (third.arrive_by_s, third.party) == (at(10, 11), Party(2))


def test_mistakes_are_named_and_leave_the_old_file(dsn: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"r\.xlsx: has to be named like one of \.csv, \.parq"):
        export_demand(dsn, wanted(), tmp_path / "r.xlsx")
    with pytest.raises(ExportError, match="2026-03-09, is before the first, 2026-03-10"):
        export_demand(dsn, wanted(10, 9), tmp_path / "r.csv")
    (tmp_path / "r.csv").write_text("old", encoding="utf-8")
    with pytest.raises(StoreUnavailableError):
        export_demand("host=/nowhere dbname=x", wanted(), tmp_path / "r.csv")
    assert (tmp_path / "r.csv").read_text(encoding="utf-8") == "old"


def test_the_command_line_exports(dsn: str, ask: Ask, tmp_path: Path) -> None:
    ask(at(10, 8))
    out, town = tmp_path / "r.csv", write_grid_town(tmp_path / "town")
    with connect(dsn) as connection:
        connection.execute("INSERT INTO service_area (id) VALUES ('town')")
        connection.execute("UPDATE ride_request SET area = 'town'")
    days = ("--from", "2026-03-10", "--to", "2026-03-10", "--out", str(out))
    env = {"RUFBUS_TOWN": str(town), "RUFBUS_VAR": str(tmp_path / "var")}
    done = rufbus("export-demand", *days, env=env | {"DATABASE_URL": dsn})
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{out}: 1 requests\n"
    assert len(rows(out)) == 1
    assert "DATABASE_URL" not in os.environ
    nothing = rufbus("export-demand", *days, env=env)
    assert nothing.returncode == 1
    assert nothing.stderr.startswith("error: [nothing_stored] no service has run on")
