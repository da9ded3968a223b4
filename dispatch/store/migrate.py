"""Brings a database to the schema of this version; safe to run from many processes at once."""

from pathlib import Path
from typing import Final

import psycopg

from dispatch.store.connect import connect, unavailable
from dispatch.store.errors import StoreError

HEAD: Final = "0007"
"""The newest revision, kept here so that an up-to-date database costs no import of Alembic."""

MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = "rufbus:migrate"


class NewerSchemaError(StoreError):
    """The database was migrated by a newer version of the program."""

    code = "schema_too_new"


class SchemaBehindError(StoreError):
    """The database has not been brought to the schema of this program yet."""

    code = "schema_not_migrated"


def check_schema(connection: psycopg.Connection) -> None:
    """Make sure that the tables are those of this version; changes nothing.

    Raises:
        SchemaBehindError, NewerSchemaError: they are not.
    """
    revision = schema_revision(connection)
    if revision is None or revision < HEAD:
        raise SchemaBehindError(
            f"the database is at revision {revision or 'none'}, this program needs {HEAD}: "
            "run `rufbus migrate` once"
        )
    if revision > HEAD:
        raise NewerSchemaError(
            f"the database is at revision {revision}, this program knows {HEAD}: "
            "a newer version has migrated it; start that one"
        )


def migrate(dsn: str) -> None:
    """Create or update the tables; without effect when they are up to date.

    Args:
        dsn: The database.

    Raises:
        StoreUnavailableError: it cannot be reached.
        NewerSchemaError: its schema is newer than this program.
    """
    with unavailable(), connect(dsn) as connection:
        # a migration may rightly take long, and so may waiting for somebody else's
        connection.execute("SET statement_timeout = 0")
        connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [_LOCK])
        if schema_revision(connection) != HEAD:
            upgrade_to(dsn, HEAD)


def schema_revision(connection: psycopg.Connection) -> str | None:
    """The revision a database is at, None for an empty one."""
    found = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()
    if found is None or not found[0]:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def upgrade_to(dsn: str, revision: str) -> None:
    """Run the migrations up to a revision, without a lock: `migrate` is what programs call.

    Raises:
        NewerSchemaError: the database is at a revision that is unknown here.
    """
    # Imported here because it takes longer than everything else a warm start does.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415
    from sqlalchemy import create_engine  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool
    )
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except CommandError as error:
            raise NewerSchemaError(str(error)) from error
