"""Who is there: each process counts as what it is now, for as long as it shows itself."""

import asyncio

import redis

from dispatch.live import presence
from dispatch.live.gateway import Gateway
from dispatch.live.keys import Keys
from dispatch.live.link import Link

KEYS = Keys("town")


def test_a_process_counts_as_what_it_is_now(redis_url: str, town_dsn: str) -> None:
    link = Link(redis_url, "town")
    link.show("standby")
    link.show("dispatcher")
    Link(redis_url, "elsewhere").show("dispatcher")
    with redis.Redis.from_url(redis_url) as client:
        assert presence.present(client.hgetall(KEYS.processes)) == {"dispatcher": 1}
        now_s = int(presence.real_time_s())
        client.hset(KEYS.processes, "far:1", f"optimiser {now_s - 5}")
        client.hset(KEYS.processes, "far:2", f"optimiser {now_s - 60}")
        client.hset(KEYS.processes, "far:3", f"web {now_s - 7200}")
        client.hset(KEYS.processes, "far:4", "nonsense")

    async def story() -> None:
        async with Gateway(town_dsn, redis_url, "town") as gateway:
            health = await gateway.health()
            assert health["processes"] == {"dispatcher": 1, "optimiser": 1}
            assert health["optimiser"]["status"] == "up"
            assert 4 <= health["optimiser"]["heartbeat_age_s"] <= 20
            for _ in range(200):
                if (await gateway.health())["processes"].get("web") == 1:
                    return
                await asyncio.sleep(0.05)
            raise AssertionError("a web process does not show itself")

    # This very process is a dispatcher and a web by turns: one sign, one process.
    asyncio.run(asyncio.wait_for(story(), 60))
    with redis.Redis.from_url(redis_url) as client:
        assert sorted(client.hkeys(KEYS.processes))[:2] == [b"far:1", b"far:2"]
        assert b"far:3" not in client.hkeys(KEYS.processes)
    link.close()


def test_without_redis_nobody_is_seen(town_dsn: str) -> None:
    link = Link("redis://127.0.0.1:1", "town")
    link.show("dispatcher")
    link.close()

    async def story() -> None:
        async with Gateway(town_dsn, "redis://127.0.0.1:1", "town") as gateway:
            health = await gateway.health()
            assert (health["redis"], health["processes"]) == ("down", {})

    asyncio.run(asyncio.wait_for(story(), 60))
