"""PostgreSQL and Redis fail in every way under riders: never a false yes, and all comes back."""

import asyncio
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from crash_town import Site, Town
from storm import CREATED, UNAVAILABLE, Storm, storm

from dispatch.embedded import EmbeddedError, EmbeddedPostgres
from dispatch.store.connect import connect
from dispatch.store.migrate import migrate

pytestmark = [pytest.mark.crash, pytest.mark.slow]

CALM_S, TROUBLE_S = 0.7, 3.0
BACK_S = 12.0
IN_FLIGHT_S = 0.5
"""What had been committed before the trouble may still be answered after it has begun."""
Story = Callable[[Storm], Coroutine[Any, Any, None]]


def tell(town: Town, story: Story) -> None:
    """A story among riders; they begin when the first has booked."""

    async def whole() -> None:
        async with storm(town) as riders:
            await riders.calm_again(BACK_S)
            await asyncio.sleep(CALM_S)
            await story(riders)
            await riders.calm_again(BACK_S)
            riders.stop.set()
        async with storm(town, riders=0) as after:
            after.answers, after.booked, after.unsure = riders.answers, riders.booked, riders.unsure
            await after.settle()

    town.start("dispatcher", limits={})
    try:
        asyncio.run(asyncio.wait_for(whole(), 90))
    finally:
        town.close()


async def turned_away(riders: Storm, began: float) -> None:
    """All who are answered are told to come back; a busy machine is slow to say even that."""
    await asyncio.sleep(TROUBLE_S)
    while not riders.since(began):
        assert time.monotonic() < began + BACK_S
        await asyncio.sleep(0.1)
    assert {a.status_code for a in riders.since(began)} == {UNAVAILABLE}


def command(site: Site, statement: str) -> None:
    with psycopg.connect(site.dsn, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(statement)
        connection.execute("SELECT pg_reload_conf()")


def test_a_read_only_database(site: Site) -> None:
    """As after a failover to a replica: reading goes on, writing is refused for now."""

    async def story(riders: Storm) -> None:
        (booking,) = riders.town.sql("SELECT id FROM booking WHERE area = %(area)s LIMIT 1")
        command(site, "ALTER SYSTEM SET default_transaction_read_only = on")
        try:
            await asyncio.sleep(0.5)
            began = time.monotonic()
            await turned_away(riders, began)
            seen = await riders.client.get(f"/api/v1/bookings/{booking[0]}")
            assert seen.status_code == 200
        finally:
            command(site, "ALTER SYSTEM RESET default_transaction_read_only")

    tell(site.town(), story)


def test_a_database_without_free_connections(site: Site) -> None:
    """Whoever has a connection keeps on; whoever lost it waits for one."""

    async def story(riders: Storm) -> None:
        hogs = list(all_connections(site))
        try:
            began = time.monotonic()
            await asyncio.sleep(CALM_S)
            assert CREATED in {a.status_code for a in riders.since(began)}
            hogs[0].execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name IN ('rufbus-web', 'rufbus-dispatcher', 'rufbus-leader')"
            )
            hogs += all_connections(site)
            began = time.monotonic() + IN_FLIGHT_S
            await turned_away(riders, began)
        finally:
            for hog in hogs:
                hog.close()

    tell(site.town(), story)


def all_connections(site: Site) -> Iterator[psycopg.Connection]:
    while True:
        try:
            yield psycopg.connect(site.dsn, autocommit=True)
        except psycopg.OperationalError:
            return


def test_a_database_that_is_killed(site: Site) -> None:
    async def story(riders: Storm) -> None:
        kill(site.postgres.pid)
        began = time.monotonic() + IN_FLIGHT_S
        await turned_away(riders, began)
        site.postgres.start()

    tell(site.town(), story)


def kill(pid: int | None, number: int = signal.SIGKILL) -> None:
    assert pid is not None
    os.kill(pid, number)


@contextmanager
def small_disk(folder: Path, size_mb: int) -> Iterator[Path]:
    """A file system of its own; skips where one may not be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=755", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("a small disk needs `mount`")
    if done.returncode != 0:
        pytest.skip(f"a small disk needs the right to mount one: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def kept_running(server: EmbeddedPostgres) -> Iterator[None]:
    """What the supervisor does: start it again whenever it has died."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            if not server.is_alive():
                try:
                    server.start()
                except EmbeddedError:
                    over.wait(0.5)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def fill(disk: Path) -> Path:
    """Take all the room that is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            block = b"\0" * size
            try:
                while file.write(block) == size:
                    pass
            except OSError:
                continue
    return ballast


def test_a_full_disk(site: Site, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 160) as disk, EmbeddedPostgres(disk) as server:
        migrate(server.address)
        small = Site(site.zygote, server.address, site.redis_url, site.folder, server, site.redis)

        async def story(riders: Storm) -> None:
            ballast = fill(disk)
            try:
                assert shutil.disk_usage(disk).free < 4096
                await first_refusal(riders)
                began = time.monotonic()
                await asyncio.sleep(TROUBLE_S)
                assert CREATED not in {a.status_code for a in riders.since(began)}
            finally:
                ballast.unlink()

        with kept_running(server):
            tell(small.town(), story)


async def first_refusal(riders: Storm) -> None:
    """What is at hand lasts for a while: pages not full yet, the log's present segment."""
    began = time.monotonic()
    while not any(a.status_code == UNAVAILABLE for a in riders.since(began)):
        await asyncio.sleep(0.05)
        assert time.monotonic() < began + 30


def test_a_redis_that_is_emptied_again_and_again(site: Site) -> None:
    async def story(riders: Storm) -> None:
        began = time.monotonic()
        with redis.Redis.from_url(site.redis_url) as client:
            while time.monotonic() < began + TROUBLE_S:
                client.flushall()
                await asyncio.sleep(0.02)
        assert {a.status_code for a in riders.since(began)} == {CREATED}

    tell(site.town(), story)


def test_a_redis_that_hangs(site: Site) -> None:
    """It takes connections and answers nothing: bookings succeed, and pages are told to look."""

    async def story(riders: Storm) -> None:
        notices = riders.gateway.listen()
        kill(site.redis.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            await polled_twice(notices)
            answers = riders.since(began)
            assert {a.status_code for a in answers} == {CREATED}
            assert len(answers) >= 10
            assert max(took_s for at, _, took_s in riders.answers if at >= began) < 3
        finally:
            kill(site.redis.pid, signal.SIGCONT)
        async with asyncio.timeout(BACK_S):
            while (await anext(notices)).kind != "changed":
                pass

    tell(site.town(), story)


async def polled_twice(notices: Any) -> None:
    """The first is the greeting; the second says that nothing can be heard."""
    async with asyncio.timeout(15):
        assert (await anext(notices)).kind == "poll"
        while (await anext(notices)).kind != "poll":
            pass


def test_a_redis_that_is_killed_and_returns(site: Site) -> None:
    async def story(riders: Storm) -> None:
        kill(site.redis.pid)
        began = time.monotonic()
        await asyncio.sleep(TROUBLE_S)
        assert {a.status_code for a in riders.since(began)} == {CREATED}
        site.redis.start()

    tell(site.town(), story)


def test_nothing_is_left_of_the_trouble(site: Site) -> None:
    with connect(site.dsn) as connection:
        assert connection.execute("SHOW default_transaction_read_only").fetchone() == ("off",)
