"""Shared fixtures: one private PostgreSQL and Redis per test session, a fresh database per test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
import redis
from hypothesis import settings
from psycopg import sql
from running_service import KERNELS

from dispatch.embedded import EmbeddedPostgres, EmbeddedRedis

# Kernels are compiled once for all tests, those that start a service included.
os.environ.setdefault("NUMBA_CACHE_DIR", str(KERNELS))

# Cores are shared and the first call of a kernel compiles it: time limits per example would flake.
settings.register_profile("rufbus", deadline=None)
settings.load_profile("rufbus")

_database_numbers = count(1)


@pytest.fixture(scope="session")
def session_var() -> Iterator[Path]:
    """A var folder for the whole session."""
    path = Path(tempfile.mkdtemp(prefix="rufbus-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(session_var: Path) -> Iterator[EmbeddedPostgres]:
    """The session's PostgreSQL; `postgres_server.dsn(name)` addresses any database of it."""
    with EmbeddedPostgres(session_var) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(session_var: Path) -> Iterator[EmbeddedRedis]:
    """The session's Redis."""
    with EmbeddedRedis(session_var) as server:
        yield server


@pytest.fixture
def database_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """The DSN of an empty database of its own for one test (about 20 ms)."""
    name = f"test_{next(_database_numbers)}"
    postgres_server.start()  # without effect unless a test has killed it
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield postgres_server.dsn(name)
    postgres_server.start()
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> str:
    """The URL of an empty Redis for one test."""
    url = redis_server.start()
    with redis.Redis.from_url(url) as client:
        client.flushall()
    return url
