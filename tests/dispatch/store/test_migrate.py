"""The schema comes up in one call, many times, from many processes, and guards its log."""

from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import psycopg
import pytest
from alembic.script import ScriptDirectory

from dispatch.store.connect import connect
from dispatch.store.errors import StoreUnavailableError
from dispatch.store.migrate import HEAD, MIGRATIONS, NewerSchemaError, migrate, schema_revision


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
