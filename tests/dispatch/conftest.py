"""Dispatchers in threads over the engine's double."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from tiny_engine import answer, decide

from dispatch.store.migrate import migrate
from dispatch.worker.dispatcher import Dispatcher, Limits

AREA = "town"


class FixedClock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.at_s = 1_800_000_000

    def now_s(self) -> int:
        return self.at_s


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def town_dsn(database_url: str) -> str:
    migrate(database_url)
    return database_url


MakeDispatcher = Callable[..., Dispatcher]


@pytest.fixture
def make_dispatcher(town_dsn: str, redis_url: str, clock: FixedClock) -> Iterator[MakeDispatcher]:
    made: list[Dispatcher] = []

    def make(**options: Any) -> Dispatcher:
        defaults = {
            "decide": decide,
            "answer": answer,
            "clock": clock,
            "rng": random.Random(7),
            "limits": Limits(standby_s=0.05, wait_s=0.1),
        }
        dispatcher = Dispatcher(town_dsn, redis_url, AREA, **(defaults | options))
        made.append(dispatcher)
        return dispatcher

    yield make
    for dispatcher in made:
        dispatcher.close()


@contextmanager
def _running(dispatcher: Dispatcher) -> Iterator[Dispatcher]:
    stop = threading.Event()
    thread = threading.Thread(target=dispatcher.run, args=[stop])
    thread.start()
    try:
        yield dispatcher
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def running() -> Callable[[Dispatcher], AbstractContextManager[Dispatcher]]:
    return _running
