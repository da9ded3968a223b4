"""A database of the first version, with a day in it, is brought up to this one and served on.

`data/first_schema.json` was written by that very version: real commands to its engine and tables.
"""

import json
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory
from audited_town import AREA, Hand
from psycopg import sql

from dispatch.audit import Roads, audit
from dispatch.domain import commands as co
from dispatch.domain.model import BookingStatus, Party, ShiftStatus, Spot
from dispatch.engine import Engine
from dispatch.store import inbox
from dispatch.store.connect import connect
from dispatch.store.migrate import HEAD, MIGRATIONS, migrate, schema_revision, upgrade_to
from dispatch.town import Town
from dispatch.views import answer
from dispatch.worker.dispatcher import Dispatcher

DATA = Path(__file__).parent / "data" / "first_schema.json"
_ROWS = (
    "INSERT INTO {0} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(null::{0}, %s)"
)
_NEXT = "SELECT setval(pg_get_serial_sequence({0}, {1}), (SELECT max({2}) FROM {3}))"


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DATA.read_text("utf-8"))
    return document


def fill(connection: psycopg.Connection, stored: dict[str, Any]) -> None:
    """Put the rows into the tables as they were then."""
    for table, rows in stored.items():
        if table != "at_s":
            statement = sql.SQL(_ROWS).format(sql.Identifier(table))
            connection.execute(statement, [json.dumps(rows)])
    for table, column in (("inbox", "id"), ("event", "seq")):
        names = [sql.Literal(table), sql.Literal(column), sql.Identifier(column)]
        connection.execute(sql.SQL(_NEXT).format(*names, sql.Identifier(table)))


def revisions() -> list[str]:
    scripts = ScriptDirectory(str(MIGRATIONS))
    return [script.revision for script in scripts.walk_revisions()][::-1]


@pytest.fixture(params=["at once", "one by one"])
def dsn(database_url: str, stored: dict[str, Any], request: pytest.FixtureRequest) -> str:
    """A database of the first version, migrated."""
    first, *later = revisions()
    upgrade_to(database_url, first)
    with connect(database_url) as connection:
        fill(connection, stored)
    if request.param == "one by one":
        for revision in later:
            upgrade_to(database_url, revision)
    migrate(database_url)
    with connect(database_url) as connection:
        assert schema_revision(connection) == HEAD
    return database_url


def clean(dsn: str, roads: Roads) -> tuple[str, ...]:
    """Nothing is wrong; what could not be checked."""
    with connect(dsn) as connection:
        report = audit(connection, AREA, roads)
    assert report.findings == ()
    return report.notes


def today(dsn: str, redis_url: str, roads: Roads, at_s: int) -> Dispatcher:
    engine = Engine(roads.config, roads.network)
    names = Town.of(roads.config, roads.network.stops)
    return Dispatcher(
        dsn,
        redis_url,
        AREA,
        decide=engine.decide,
        answer=lambda command, events, state: answer(command, events, state, names),
        clock=Hand(at_s),
        rng=Random(9),
        roads_sha256=roads.network.graph.digest,
        adopt=engine.adopt,
        decide_batch=engine.decide_batch,
    )


def test_it_is_served_on(dsn: str, redis_url: str, roads: Roads, stored: dict[str, Any]) -> None:
    clean(dsn, roads)
    dispatcher = today(dsn, redis_url, roads, stored["at_s"] + 20)
    try:
        assert dispatcher.lead()
        bookings = {row["id"]: row["status"] for row in stored["booking"]}
        assert set(bookings.values()) >= {"confirmed", "completed", "cancelled", "no_show"}
        assert {b.id: b.status for b in dispatcher.state.bookings.values()} == bookings
        while dispatcher.round():
            pass
        assert clean(dsn, roads) == ()
        with connect(dsn) as connection:
            answers = dict(
                connection.execute("SELECT idempotency_key, outcome FROM inbox").fetchall()
            )
        open_then = [r["idempotency_key"] for r in stored["inbox"] if r["outcome"] is None]
        assert [key for key in open_then if answers[key]["body"]["id"]] == ["key-open"]
        for row in stored["inbox"]:
            if row["outcome"] is not None:
                assert answers.get(row["idempotency_key"], row["outcome"]) == row["outcome"]
        _go_on(dsn, dispatcher, roads)
    finally:
        dispatcher.close(resign=True)
    assert clean(dsn, roads) == ()


def _go_on(dsn: str, dispatcher: Dispatcher, roads: Roads) -> None:
    """Somebody books, and a vehicle makes its next halt."""

    def do(command: co.Command) -> dict[str, Any]:
        with connect(dsn) as connection:
            row = inbox.put(connection, AREA, f"later-{len(done)}", command)
            while dispatcher.round():
                pass
            (outcome,) = connection.execute("SELECT outcome FROM inbox WHERE id = %s", [row])
        done.append(outcome[0])
        return dict(outcome[0]["body"])

    done: list[Any] = []
    stops = [stop for stop in roads.network.stops if stop.bookable]
    spots = [Spot(stop.lon, stop.lat, stop.id) for stop in stops]
    offers = do(co.RequestRide(spots[6], spots[26], Party(1)))["offers"]
    booked = do(co.AcceptOffer(offers[0]["id"], "rd_later"))
    assert dispatcher.state.bookings[booked["id"]].status is BookingStatus.CONFIRMED
    active = (s for s in dispatcher.state.shifts.values() if s.status is ShiftStatus.ACTIVE)
    shift = next(s for s in active if s.visits and s.current_visit is None)
    do(co.ReportArrived(shift.vehicle_id, shift.visits[0].id))
