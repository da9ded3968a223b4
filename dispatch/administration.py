"""What an administrator does from the command line, on a running service or a stopped one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dispatch.embedded import EmbeddedPostgres
from dispatch.store.audit import differences
from dispatch.store.connect import connect
from dispatch.store.migrate import migrate
from dispatch.store.tokens import create_token
from dispatch.supervisor import ServiceState


@contextmanager
def database(var: Path) -> Iterator[str]:
    """The DSN of the service's database; the embedded server is started if nothing runs."""
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    state = ServiceState.read(var)
    if state is not None:
        yield state.database_url
        return
    with EmbeddedPostgres(var) as server:
        yield server.start()


def create_access_token(var: Path, area: str, role: str, label: str) -> str:
    """Make a bearer token.

    Raises:
        EmbeddedError, StoreUnavailableError: the database cannot be reached.
    """
    with database(var) as dsn:
        migrate(dsn)
        return create_token(dsn, role, label, area=area)


def find_differences(var: Path, area: str) -> list[str]:
    """Where the folded event log and the tables differ; empty if they agree.

    Raises:
        EmbeddedError, StoreUnavailableError: the database cannot be reached.
    """
    with database(var) as dsn:
        migrate(dsn)
        with connect(dsn) as connection:
            return differences(connection, area)
