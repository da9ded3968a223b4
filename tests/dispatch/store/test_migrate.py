"""The schema comes up in one call, many times, from many processes, and guards its log."""

import json
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory

from dispatch.domain.model import Anchor, Shift, ShiftStatus, Visit
from dispatch.store.audit import differences
from dispatch.store.connect import connect
from dispatch.store.errors import StoreUnavailableError
from dispatch.store.load import load_state
from dispatch.store.migrate import (
    HEAD,
    MIGRATIONS,
    NewerSchemaError,
    migrate,
    schema_revision,
    upgrade_to,
)


def test_head_is_the_newest_revision() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD


def test_migrating_at_once_from_several_places_and_again(database_url: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(migrate, [database_url] * 3))
    began = perf_counter()
    migrate(database_url)
    assert perf_counter() - began < 0.5
    with connect(database_url) as connection:
        assert schema_revision(connection) == HEAD


def test_a_newer_schema_is_not_touched(database_url: str) -> None:
    migrate(database_url)
    with connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NewerSchemaError):
        migrate(database_url)


def test_no_database() -> None:
    with pytest.raises(StoreUnavailableError):
        migrate("postgresql://nobody@/nothing?host=%2Fnonexistent")


@pytest.mark.parametrize(
    "attack",
    ["UPDATE event SET at_s = 0", "DELETE FROM event", "TRUNCATE event"],
)
def test_the_log_is_append_only(database_url: str, attack: str) -> None:
    migrate(database_url)
    with connect(database_url) as connection:
        connection.execute("INSERT INTO service_area (id) VALUES ('a')")
        connection.execute(
            "INSERT INTO event (area, at_s, type, payload, epoch) VALUES ('a', 1, 'X', '{}', 1)"
        )
        with pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute(attack)
        assert connection.execute("SELECT count(*), max(at_s) FROM event").fetchone() == (1, 1)


ANCHOR = {"at_s": 1000, "lon": 8.0, "lat": 51.7, "arc": 3, "offset_ms": 0, "stop_id": "a"}
"""Written by hand as the first version of the program did, so that later code cannot change it."""


def _event(connection: psycopg.Connection, kind: str, payload: dict[str, Any]) -> None:
    connection.execute(
        "INSERT INTO event (area, at_s, type, payload, epoch) VALUES ('a', 1000, %s, %s, 1)",
        [kind, json.dumps(payload)],
    )


def _a_shift_of_the_first_version(connection: psycopg.Connection) -> None:
    """One shift under way that has made one halt and stands at the next."""
    shift = {
        "id": "s1",
        "vehicle_id": "v1",
        "start_s": 1000,
        "end_s": 40_000,
        "depot_stop_id": "a",
        "status": "planned",
        "anchor": ANCHOR,
        "version": 0,
        "visits": [],
    }
    times = {"leave_s": 1100, "arrive_s": 1200, "depart_s": 1240, "arrived_at_s": None}
    visits = [
        {"id": "vs_1", "stop_id": "b", "actions": [], **times},
        {"id": "vs_2", "stop_id": "c", "actions": [], **times},
    ]
    there = {**ANCHOR, "at_s": 1210, "stop_id": "b"}
    next_ = {**ANCHOR, "at_s": 1310, "stop_id": "c"}
    _event(connection, "ShiftPlanned", {"shift": shift})
    _event(connection, "ShiftStarted", {"shift_id": "s1", "at_s": 1000})
    plan = {"shift_id": "s1", "version": 1, "anchor": ANCHOR, "visits": visits}
    _event(connection, "PlanChanged", plan)
    for visit_id, at_s, anchor in (("vs_1", 1210, there), ("vs_2", 1310, next_)):
        arrived = {"shift_id": "s1", "visit_id": visit_id, "at_s": at_s, "anchor": anchor}
        _event(connection, "VisitArrived", arrived)
        if visit_id == "vs_1":
            done = {"shift_id": "s1", "visit_id": visit_id, "at_s": at_s}
            _event(connection, "VisitCompleted", done)
    connection.execute(
        "INSERT INTO shift VALUES ('a', 's1', 'v1', 1000, 40000, 'a', 'active', %s, 1, 1000)",
        [json.dumps(next_)],
    )
    connection.execute(
        "INSERT INTO visit VALUES"
        " ('a', 'vs_1', 's1', 'done', NULL, 'b', 1100, 1200, 1240, 1210, 1210),"
        " ('a', 'vs_2', 's1', 'open', 0, 'c', 1100, 1200, 1240, 1310, NULL)"
    )


def test_a_database_of_the_first_version_is_brought_up_with_its_data(database_url: str) -> None:
    upgrade_to(database_url, "0001")
    with connect(database_url) as connection:
        assert schema_revision(connection) == "0001"
        connection.execute("INSERT INTO service_area (id) VALUES ('a')")
        _a_shift_of_the_first_version(connection)
    migrate(database_url)
    with connect(database_url) as connection:
        assert schema_revision(connection) == HEAD
        assert differences(connection, "a") == []
        loaded = load_state(connection, "a", before_s=0)
    visit = Visit("vs_2", "c", (), 1100, 1200, 1240, arrived_at_s=1310)
    anchor = Anchor(1310, 8.0, 51.7, 3, 0, "c")
    shift = Shift("s1", "v1", 1000, 40_000, "a", ShiftStatus.ACTIVE, anchor, 1, (visit,))
    assert loaded.shifts == {"s1": shift}
    assert shift.breaks == ()
