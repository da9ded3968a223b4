"""The dispatcher's side of Redis, alone."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis
from tiny_engine import ride

from dispatch.domain.commands import ReportPosition
from dispatch.domain.model import Fix, Sighting
from dispatch.embedded import EmbeddedRedis
from dispatch.live.gateway import Gateway
from dispatch.live.keys import POSITIONS_MAX, Keys
from dispatch.live.link import RETRY_AFTER_S, Link
from dispatch.live.notices import POLL, VehicleFix, notice_from_json
from dispatch.store.codec import command_to_json

KEYS = Keys("town")


@pytest.fixture
def link(redis_url: str) -> Iterator[Link]:
    made = Link(redis_url, "town")
    yield made
    made.close()


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as made:
        yield made


def report(vehicle_id: str, at_s: int) -> ReportPosition:
    return ReportPosition(vehicle_id, 8.0, 51.7, at_s)


def test_the_reports_of_each_vehicle_come_as_one_in_order(link: Link, client: redis.Redis) -> None:
    sent = [report("a", 1), report("b", 5), report("a", 3), report("a", 2)]
    for one in sent:
        client.rpush(KEYS.reports, json.dumps(command_to_json(one)))
    for junk in (b"\xff", b"[]", b'{"type": "Teleport"}', json.dumps(command_to_json(ride()))):
        client.rpush(KEYS.reports, junk)
    trail = (Sighting(1, 8.0, 51.7), Sighting(2, 8.0, 51.7))
    assert link.take_reports() == [replace(report("a", 3), trail=trail), report("b", 5)]
    assert link.take_reports() == []


def test_reports_do_not_pile_up(link: Link, client: redis.Redis, redis_url: str) -> None:
    async def send() -> None:
        gateway = Gateway("", redis_url, "town")
        client.rpush(KEYS.reports, *[b"old"] * POSITIONS_MAX)
        await gateway.report_position(report("a", 1))
        await gateway._redis.aclose()

    asyncio.run(send())
    assert client.llen(KEYS.reports) == POSITIONS_MAX
    taken = [link.take_reports() for _ in range(POSITIONS_MAX // 100)]
    assert [batch for batch in taken if batch] == [[report("a", 1)]]


def test_fixes_are_kept_for_the_next_leader_on_the_same_roads(
    link: Link, client: redis.Redis
) -> None:
    fixes = [VehicleFix(f"s{n}", f"v{n}", Fix(n, 8.1, 51.7, n, 0)) for n in range(3)]
    link.publish({}, [], fixes, [], "roads")
    link.publish({}, [], [], ["s1"], "roads")
    client.hset(KEYS.fixes, "junk", b"{}")
    assert sorted(link.latest_fixes("roads"), key=lambda f: f.shift_id) == [fixes[0], fixes[2]]
    assert link.latest_fixes("other roads") == []


def test_a_wake_up_ends_the_sleep(link: Link, client: redis.Redis) -> None:
    link.wait(5, 5)  # subscribes, and looks at once for what came before
    for _ in range(3):
        client.publish(KEYS.wake, b"")
    began = time.monotonic()
    link.wait(5, 5)
    assert time.monotonic() - began < 1
    link.wait(0.2, 0.2)  # the other two were swallowed with the first
    assert time.monotonic() - began > 0.19


def test_who_returns_hears_that_something_was_missed(
    link: Link, redis_server: EmbeddedRedis
) -> None:
    assert redis_server.pid is not None
    link.publish({}, [], [], [], "")
    os.kill(redis_server.pid, signal.SIGKILL)
    while redis_server.is_alive():
        time.sleep(0.01)
    link.publish({}, [POLL], [], [], "")
    assert not link.is_up
    assert link.take_reports() == []
    assert link.latest_fixes("") == []
    began = time.monotonic()
    link.wait(5, 0.05)
    assert time.monotonic() - began < 1
    with redis.Redis.from_url(redis_server.start()) as client, client.pubsub() as ear:
        ear.subscribe(KEYS.live)
        ear.get_message(timeout=1)
        time.sleep(RETRY_AFTER_S)
        link.publish({}, [], [], [], "")
        link.publish({}, [], [], [], "")
        heard = [ear.get_message(timeout=0.5) for _ in range(2)]
    assert heard[0] is not None
    assert notice_from_json(heard[0]["data"]) == POLL
    assert heard[1] is None
