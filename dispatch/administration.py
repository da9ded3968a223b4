"""What an administrator does from the command line, on a running service or a stopped one."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dispatch.config import TownConfig
from dispatch.domain.closures import Closure
from dispatch.domain.commands import Command
from dispatch.embedded import EmbeddedPostgres
from dispatch.store import inbox
from dispatch.store.connect import connect
from dispatch.store.load import load_open_plans
from dispatch.store.migrate import HEAD, migrate
from dispatch.store.tokens import create_token
from dispatch.supervisor import ServiceState

if TYPE_CHECKING:
    from dispatch.audit import Report, Roads

_PATIENCE_S: Final = 60.0
_POLL_S: Final = 0.1


class NothingStoredError(Exception):
    """There is no database to look at."""

    code = "nothing_stored"


class ServiceNotRunningError(Exception):
    """What only a running service can decide was asked of one that does not run."""

    code = "service_not_running"


class RefusedError(Exception):
    """The service has said no.

    Attributes:
        code: why, as in the API.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


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


def migrated(var: Path) -> str:
    """Create or update the tables; returns the revision they are at.

    Raises:
        EmbeddedError, StoreUnavailableError, NewerSchemaError: that cannot be done.
    """
    with database(var) as dsn:
        migrate(dsn)
    return HEAD


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
    from routing.roads.files import graph_path  # noqa: PLC0415
    from routing.roads.graph import RoadGraph  # noqa: PLC0415

    path = graph_path(var, town.config.roads)
    if not path.is_file():
        return None
    return Roads(town.config, load_network(town, var, RoadGraph.load(path), _silent))


def _silent(_line: str) -> None:
    """Progress is of no interest here."""


def decided_by_service(var: Path, town: TownConfig, command: Command) -> dict[str, Any]:
    """Have the running service decide a command, and wait for its answer.

    Raises:
        ServiceNotRunningError: nobody answers.
        RefusedError: the command changed nothing.
        StoreUnavailableError: the database cannot be reached.
    """
    if "DATABASE_URL" not in os.environ and ServiceState.read(var) is None:
        raise ServiceNotRunningError(f"no service runs on {var}: start it with `rufbus serve`")
    key = f"once-{secrets.token_hex(16)}"
    deadline = time.monotonic() + _PATIENCE_S
    with database(var) as dsn, connect(dsn) as connection:
        row_id = inbox.put(connection, served_area(var, town), key, command)
        while time.monotonic() < deadline:
            for _, stored, _ in connection.execute(inbox.OUTCOMES, {"ids": [row_id]}):
                outcome = inbox.Outcome.from_json(stored)
                if outcome.error is not None:
                    raise RefusedError(outcome.error.code, _explained(outcome.error))
                return outcome.body or {}
            time.sleep(_POLL_S)
    raise ServiceNotRunningError("the service has not answered; it may still carry it out")


def _explained(error: inbox.ErrorInfo) -> str:
    row = error.params.get("row")
    return error.detail if row is None else f"entry {row}: {error.detail}"


def known_closures(var: Path, town: TownConfig) -> list[Closure]:
    """The closures that are not over, in order of their beginning.

    Raises:
        NothingStoredError: no service has ever run on the folder.
        EmbeddedError, StoreUnavailableError: the database cannot be reached.
    """
    if "DATABASE_URL" not in os.environ and not (var / "postgres").is_dir():
        raise NothingStoredError(f"no service has run on {var} yet: nothing is closed")
    with database(var) as dsn:
        migrate(dsn)
        with connect(dsn) as connection:
            state = load_open_plans(connection, served_area(var, town))
    return sorted(state.closures.values(), key=lambda c: (c.from_s, c.id))
