"""Bounds on how often somebody may try: failed proofs over all processes, reports per vehicle."""

import contextlib
import time
from collections.abc import Sequence
from typing import Final

import redis
import redis.asyncio

from dispatch import limits
from dispatch.live.keys import Keys

# In one step, or a thousand guesses at the same moment would all be the first.
_TAKE: Final = """
for i, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[i + 1]) then return 0 end
end
for _, key in ipairs(KEYS) do
    if redis.call('INCR', key) == 1 then redis.call('EXPIRE', key, ARGV[1]) end
end
return 1
"""
_FORGIVE: Final = """
for _, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or '0') > 0 then redis.call('DECR', key) end
end
"""
Limit = tuple[str, int]
"""A scope (what, and by whom; a short name without spaces), and how many failures it may have."""


class Attempts:
    """Counts attempts to prove something, in Redis over all processes, and here in case it is away.

    While Redis is away, each process counts its own attempts as if all others had had as many.

    Args:
        client: Redis.
        keys: the service area's.
        sharers: web processes among which attempts are spread.
    """

    def __init__(self, client: redis.asyncio.Redis, keys: Keys, sharers: int = 1) -> None:
        self._client = client
        self._keys = keys
        self._here = Counts()
        self._sharers = max(1, sharers)

    async def take(self, wanted: Sequence[Limit], window_s: int) -> bool:
        """Count one attempt in each scope, unless one of them has had its number.

        Args:
            wanted: scopes and how many failures each may have.
            window_s: how long failures count, from the first one on; real seconds.

        Returns:
            Whether the attempt may be made; tell with `forgive` that it was no failure.
        """
        if any(self._here.count(scope, window_s) >= most for scope, most in wanted):
            return False
        names = [self._keys.failures(scope) for scope, _ in wanted]
        bounds = [window_s, *(most for _, most in wanted)]
        try:
            taken = await self._client.eval(_TAKE, len(names), *names, *bounds)
        except (redis.RedisError, OSError):
            taken = all(
                self._sharers * self._here.count(scope, window_s) < most for scope, most in wanted
            )
        if taken:
            for scope, _ in wanted:
                self._here.add(scope, window_s)
        return bool(taken)

    async def forgive(self, wanted: Sequence[Limit]) -> None:
        """The attempt counted last was no failure."""
        for scope, _ in wanted:
            self._here.undo(scope)
        names = [self._keys.failures(scope) for scope, _ in wanted]
        with contextlib.suppress(redis.RedisError, OSError):
            await self._client.eval(_FORGIVE, len(names), *names)


class Counts:
    """Counts by scope within windows of time; forgetful when there are too many scopes."""

    def __init__(self, kept_max: int = limits.SCOPES_REMEMBERED) -> None:
        self._counts: dict[str, tuple[float, int]] = {}
        self._kept_max = kept_max

    def count(self, scope: str, window_s: float) -> int:
        """The number within the window so far."""
        began, number = self._counts.get(scope, (0.0, 0))
        return number if time.monotonic() - began < window_s else 0

    def add(self, scope: str, window_s: float) -> None:
        """One more; the window begins with the first."""
        number = self.count(scope, window_s)
        if number == 0 and len(self._counts) >= self._kept_max:
            self._counts.clear()
        began = self._counts[scope][0] if number else time.monotonic()
        self._counts[scope] = (began, number + 1)

    def undo(self, scope: str) -> None:
        """One less."""
        began, number = self._counts.get(scope, (0.0, 0))
        if number > 1:
            self._counts[scope] = (began, number - 1)
        else:
            self._counts.pop(scope, None)


class Pace:
    """A bucket of tokens for each client: so many a second, some more at once.

    Args:
        per_s: tokens a second, > 0.
        burst: tokens of one that has not come for long.
    """

    def __init__(self, per_s: float, burst: int, kept_max: int = limits.SCOPES_REMEMBERED) -> None:
        self._per_s = per_s
        self._burst = burst
        self._buckets: dict[str, tuple[float, float]] = {}
        self._kept_max = kept_max

    def allows(self, client: str) -> bool:
        """Whether a client may do it once more now; counts if so."""
        now = time.monotonic()
        at, left = self._buckets.get(client, (now, float(self._burst)))
        left = min(float(self._burst), left + (now - at) * self._per_s)
        if client not in self._buckets and len(self._buckets) >= self._kept_max:
            self._buckets.clear()
        self._buckets[client] = (now, left - 1 if left >= 1 else left)
        return left >= 1
