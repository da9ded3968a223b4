"""Whether everything that serves an area is there."""

from collections.abc import Mapping
from typing import Any, Final

import redis
import redis.asyncio

from dispatch.live.backlog import Fetch
from dispatch.live.keys import Keys
from dispatch.live.presence import GONE_AFTER_S, long_gone, present, youngest_s
from dispatch.store.errors import StoreUnavailableError

_SILENT_AFTER_S: Final = 10.0
_LEADER: Final = """
SELECT epoch, leader, extract(epoch FROM clock_timestamp() - heartbeat_at)::float8
FROM service_area WHERE id = %(area)s
"""


async def health(fetch: Fetch, client: redis.asyncio.Redis, area: str) -> dict[str, Any]:
    """Database, Redis, dispatcher and optimiser, each `up` or `down`; how many processes.

    Args:
        fetch: runs a query.
        client: Redis.
        area: the service area.
    """
    database, dispatcher = "up", "down"
    epoch, leader, age_s = 0, "", None
    try:
        for row in await fetch(_LEADER, {"area": area}):
            epoch, leader, age_s = row
            dispatcher = "up" if age_s is not None and age_s < _SILENT_AFTER_S else "down"
    except StoreUnavailableError:
        database = "down"
    seen = await _seen(client, Keys(area))
    thought_s = youngest_s(seen or {}, "optimiser")
    return {
        "database": database,
        "redis": "down" if seen is None else "up",
        "dispatcher": {
            "status": dispatcher,
            "epoch": epoch,
            "leader": leader,
            "heartbeat_age_s": None if age_s is None else round(age_s, 1),
        },
        "optimiser": {
            "status": "up" if thought_s is not None and thought_s < GONE_AFTER_S else "down",
            "heartbeat_age_s": None if thought_s is None else round(thought_s, 1),
        },
        "processes": present(seen or {}),
    }


async def _seen(client: redis.asyncio.Redis, keys: Keys) -> Mapping[Any, Any] | None:
    """When each process was last seen; None without Redis."""
    try:
        seen = await client.hgetall(keys.processes)
        if gone := long_gone(seen):
            await client.hdel(keys.processes, *gone)
    except (redis.RedisError, OSError):
        return None
    return seen
