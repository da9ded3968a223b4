"""Services for crash tests: one real one on the tiny town, and many of forked processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from crash_town import Site, Zygote
from grid_network import grid_network
from running_service import RunningService, write_grid_town
from tiny_town import grid_config

from dispatch.audit import Roads
from dispatch.embedded import EmbeddedPostgres, EmbeddedRedis
from dispatch.store.migrate import migrate


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    folder: Path = tmp_path_factory.mktemp("crash")
    running = RunningService(folder / "var", write_grid_town(folder / "grid"))
    running.import_grid()
    with running:
        yield running


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    folder = tmp_path_factory.mktemp("zygote")
    config = grid_config(vehicles=3)
    made = Zygote(folder, Roads(config, grid_network(folder, config)))
    yield made
    made.close()


@pytest.fixture
def site(
    zygote: Zygote,
    database_url: str,
    postgres_server: EmbeddedPostgres,
    redis_url: str,
    redis_server: EmbeddedRedis,
    tmp_path: Path,
) -> Site:
    """Where towns of forked processes are founded, each its own service area."""
    migrate(database_url)
    return Site(zygote, database_url, redis_url, tmp_path, postgres_server, redis_server)
