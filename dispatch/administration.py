"""What an administrator does from the command line, on a running service or a stopped one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dispatch.config import TownConfig
from dispatch.embedded import EmbeddedPostgres
from dispatch.store.audit import differences
from dispatch.store.connect import connect
from dispatch.store.migrate import migrate
from dispatch.store.tokens import create_token
from dispatch.supervisor import ServiceState


class NothingStoredError(Exception):
    """There is no database to look at."""

    code = "nothing_stored"


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


def served_area(var: Path, town: TownConfig) -> str:
    """The town's service area: that of the demo while one runs on the folder."""
    state = ServiceState.read(var)
    if state is not None and state.env.get("RUFBUS_DEMO"):
        return town.for_demo().config.area_id
    return town.config.area_id


def create_access_token(var: Path, town: TownConfig, role: str, label: str) -> str:
    """Make a bearer token; for the demo's area while a demo runs on the folder.

    Raises:
        EmbeddedError, StoreUnavailableError: the database cannot be reached.
    """
    with database(var) as dsn:
        migrate(dsn)
        return create_token(dsn, role, label, area=served_area(var, town))


def find_differences(var: Path, town: TownConfig) -> list[str]:
    """Where the folded event log and the tables differ; empty if they agree.

    Raises:
        NothingStoredError: no service has ever run on the folder.
        EmbeddedError, StoreUnavailableError: the database cannot be reached.
    """
    if "DATABASE_URL" not in os.environ and not (var / "postgres").is_dir():
        raise NothingStoredError(f"no service has run on {var} yet: there is nothing to check")
    with database(var) as dsn:
        migrate(dsn)
        with connect(dsn) as connection:
            return differences(connection, served_area(var, town))
