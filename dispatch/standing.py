"""What a process that is started by itself needs, and a clear word where something is missing."""

import os
import time
from collections.abc import Callable
from typing import Final, NamedTuple, NoReturn

from dispatch.config import TownConfig
from dispatch.store.connect import connect, unavailable
from dispatch.store.errors import StoreUnavailableError
from dispatch.store.migrate import check_schema

_PATIENCE_S: Final = 30.0
_RETRY_S: Final = 0.25
_ROADS: Final = "SELECT roads_sha256 FROM service_area WHERE id = %s"


class AddressMissingError(Exception):
    """Nobody has said where the database is, or Redis."""

    code = "address_missing"


class RoadsDifferError(Exception):
    """The stored plans were made on another road graph than the one on this host."""

    code = "roads_differ"


class Servers(NamedTuple):
    """Where the database and Redis are."""

    database_url: str
    redis_url: str


def servers() -> Servers:
    """The servers that the environment names.

    Raises:
        AddressMissingError: it names none.
    """
    named = {name: os.environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL")}
    for name, url in named.items():
        if not url:
            raise AddressMissingError(
                f"{name} is not set: a process that runs by itself needs the servers that all of "
                "them share (`rufbus serve` brings its own)"
            )
    return Servers(*named.values())


def check_database(dsn: str, town: TownConfig, roads_sha256: str, *, new_roads: bool) -> None:
    """Make sure that the tables are those of this version, and the plans those of these roads.

    Args:
        dsn: the database; waited for half a minute.
        town: whose plans.
        roads_sha256: the road graph on this host.
        new_roads: it may be another one than that of the stored plans.

    Raises:
        StoreUnavailableError: the database does not come.
        SchemaBehindError, NewerSchemaError: the tables are those of another version.
        RoadsDifferError: the plans are on another road graph.
    """
    area = town.config.area_id

    def look() -> str:
        with unavailable(), connect(dsn) as connection:
            check_schema(connection)
            row = connection.execute(_ROADS, [area]).fetchone()
            return "" if row is None else str(row[0])

    stored = _patiently(look)
    if stored and stored != roads_sha256 and not new_roads:
        refuse_other_roads(area)


def refuse_other_roads(area: str) -> NoReturn:
    """Say what to do about plans on another road graph.

    Raises:
        RoadsDifferError: always.
    """
    raise RoadsDifferError(
        f"the plans of {area} were made on another road graph than the one on this host: copy "
        "var/roads from a host that serves it; or, if the roads shall be replaced, carry the plans "
        "over with `rufbus dispatcher --new-roads`"
    )


def _patiently(look: Callable[[], str]) -> str:
    """Ask until there is an answer: servers may just be starting, too."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return look()
        except StoreUnavailableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_S)
