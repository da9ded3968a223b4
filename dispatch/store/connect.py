"""How we connect to PostgreSQL: bounded waits everywhere, one error for "not there"."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from dispatch.store.breakable import cursor_factory
from dispatch.store.errors import StoreUnavailableError

CONNECT_TIMEOUT_S: Final = 5
STATEMENT_TIMEOUT_MS: Final = 15_000
LOCK_TIMEOUT_MS: Final = 5_000

# A peer that vanished without a word is noticed within seconds; without effect on unix sockets.
OPTIONS: Final[dict[str, Any]] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_OUTAGES: Final = frozenset(
    {
        "08",  # connection exception
        "25",  # invalid transaction state: read-only, timed out
        "28",  # not let in
        "3D",  # no such database
        "40",  # rolled back: serialization, deadlock
        "53",  # insufficient resources: disk full, too many connections
        "55",  # a lock not given in time, an object not ready
        "57",  # operator intervention: shut down, cancelled, time-out
        "58",  # system error: input and output
        "XX",  # damaged
    }
)
SETTINGS: Final = (
    f"SET statement_timeout = {STATEMENT_TIMEOUT_MS};"
    f"SET lock_timeout = {LOCK_TIMEOUT_MS};"
    "SET idle_in_transaction_session_timeout = 10000;"
    "SET timezone = 'UTC'"
)


def connect(dsn: str, application: str = "rufbus") -> psycopg.Connection:
    """A connection in autocommit mode with time-outs set.

    Args:
        dsn: The database.
        application: Name shown in `pg_stat_activity`.

    Raises:
        psycopg.OperationalError: the database cannot be reached.
    """
    try:
        connection = psycopg.connect(
            dsn,
            autocommit=True,
            application_name=application,
            cursor_factory=cursor_factory(application.removeprefix("rufbus-")),
            **OPTIONS,
        )
    except psycopg.ProgrammingError as error:
        raise psycopg.OperationalError(f"no address of a database: {error}") from error
    try:
        connection.execute(SETTINGS)
    except BaseException:
        connection.close()
        raise
    return connection


def is_outage(error: psycopg.Error) -> bool:
    """Whether the database cannot work now, whatever it is asked; else it is what was asked.

    Gone, shutting down, read-only, out of connections, disk or memory, too slow, a lock not given,
    damaged: SQLSTATE classes of the PostgreSQL manual, appendix A.
    """
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate[:2] in _OUTAGES


@contextmanager
def unavailable() -> Iterator[None]:
    """Turns the driver's "not there" into `StoreUnavailableError`."""
    try:
        yield
    except psycopg.Error as error:
        if not is_outage(error):
            raise
        raise StoreUnavailableError(str(error).strip()) from error
