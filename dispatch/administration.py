"""What an administrator does from the command line, on a running service or a stopped one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dispatch.config import TownConfig
from dispatch.embedded import EmbeddedPostgres
from dispatch.store.connect import connect
from dispatch.store.migrate import migrate
from dispatch.store.tokens import create_token
from dispatch.supervisor import ServiceState

if TYPE_CHECKING:
    from dispatch.audit import Report, Roads


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


def served_town(var: Path, town: TownConfig) -> TownConfig:
    """The town as it is served: as that of the demo while one runs on the folder."""
    state = ServiceState.read(var)
    if state is not None and state.env.get("RUFBUS_DEMO"):
        return town.for_demo()
    return town


def served_area(var: Path, town: TownConfig) -> str:
    """The town's service area: that of the demo while one runs on the folder."""
    return served_town(var, town).config.area_id


def create_access_token(var: Path, town: TownConfig, role: str, label: str) -> str:
    """Make a bearer token; for the demo's area while a demo runs on the folder.

    Raises:
        EmbeddedError, StoreUnavailableError: the database cannot be reached.
    """
    with database(var) as dsn:
        migrate(dsn)
        return create_token(dsn, role, label, area=served_area(var, town))


def audited(var: Path, town: TownConfig) -> "Report":
    """Check everything that is stored, on a running service or a stopped one.

    Plans are checked on the road graph that lies there; without one, that is left out.

    Raises:
        NothingStoredError: no service has ever run on the folder.
        EmbeddedError, StoreUnavailableError: the database cannot be reached.
    """
    if "DATABASE_URL" not in os.environ and not (var / "postgres").is_dir():
        raise NothingStoredError(f"no service has run on {var} yet: there is nothing to check")
    from dispatch.audit import audit  # noqa: PLC0415 - numba and scipy are slow to import

    with database(var) as dsn:
        migrate(dsn)
        served = served_town(var, town)
        with connect(dsn) as connection:
            return audit(connection, served.config.area_id, _roads(var, served))


def _roads(var: Path, town: TownConfig) -> "Roads | None":
    from dispatch.audit import Roads  # noqa: PLC0415 - numba and scipy are slow to import
    from dispatch.networks import load_network  # noqa: PLC0415
    from routing.roads.graph import RoadGraph  # noqa: PLC0415
    from routing.roads.importing import graph_path  # noqa: PLC0415

    path = graph_path(var, town.config.roads)
    if not path.is_file():
        return None
    return Roads(town.config, load_network(town, var, RoadGraph.load(path), _silent))


def _silent(_line: str) -> None:
    """Progress is of no interest here."""
