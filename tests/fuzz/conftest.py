"""One populated town for each module: bad input must leave it as it was."""

from collections.abc import Iterator

import psycopg
import pytest
import redis
from grid_network import grid_network
from served_town import CONFIG, ServedTown, served_town

from dispatch.embedded import EmbeddedPostgres, EmbeddedRedis


@pytest.fixture(scope="module")
def town(
    postgres_server: EmbeddedPostgres,
    redis_server: EmbeddedRedis,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[ServedTown]:
    name = f"fuzz_{request.module.__name__.rpartition('.')[2]}"
    postgres_server.start()
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    redis_url = redis_server.start()
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    network = grid_network(tmp_path_factory.mktemp("grid"), CONFIG)
    with served_town(postgres_server.dsn(name), redis_url, network) as town:
        yield town
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
