"""A stored day of the tiny town, made by a real dispatcher; each test gets its own copy."""

from collections.abc import Iterator
from itertools import count

import psycopg
import pytest
from audited_town import AREA, AuditedTown, live_a_day
from grid_network import grid_network
from psycopg import sql
from tiny_town import grid_config

from dispatch.audit import Roads
from dispatch.embedded import EmbeddedPostgres, EmbeddedRedis
from dispatch.store.connect import connect
from dispatch.store.migrate import migrate

_copies = count(1)


@pytest.fixture(scope="session")
def roads(tmp_path_factory: pytest.TempPathFactory) -> Roads:
    config = grid_config(vehicles=2)
    return Roads(config, grid_network(tmp_path_factory.mktemp("grid"), config))


@pytest.fixture(scope="session")
def stored_day(roads: Roads, postgres_server: EmbeddedPostgres, redis_server: EmbeddedRedis) -> str:
    """The name of a database."""
    name = "audited_day"
    postgres_server.start()
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    migrate(postgres_server.dsn(name))
    live_a_day(postgres_server.dsn(name), redis_server.start(), roads)
    return name


@pytest.fixture
def town(stored_day: str, roads: Roads, postgres_server: EmbeddedPostgres) -> Iterator[AuditedTown]:
    name = f"audited_{next(_copies)}"
    mine, template = sql.Identifier(name), sql.Identifier(stored_day)
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(mine, template))
        with connect(postgres_server.dsn(name)) as connection:
            yield AuditedTown(connection, AREA, roads)
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(mine))
