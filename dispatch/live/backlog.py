"""Whether the dispatcher can keep up: else new wishes are refused at once, not in ten seconds.

Each web process looks now and then at what all of them have put into the inbox. Whoever asks for a
ride is refused first; bookings of offers, reports of drivers and the control room go on for longer.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from dispatch import limits
from dispatch.domain.booking_commands import RequestGroup
from dispatch.domain.commands import Command, RequestRide

Fetch = Callable[[Any, dict[str, Any]], Awaitable[list[tuple[Any, ...]]]]

_WISHES: Final = (RequestRide, RequestGroup)
# Only riders' commands are asked for their age: others may be held back for good reasons.
_RIDERS: Final = ["RequestRide", "RequestGroup", "AcceptOffer", "AcceptGroup", "CancelBooking"]
_LOOK: Final = """
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(received_at) FILTER (
    WHERE command ->> 'type' = ANY(%(riders)s)))::float8, 0)
FROM (SELECT received_at, command FROM inbox
    WHERE area = %(area)s AND outcome IS NULL ORDER BY id LIMIT %(most)s) waiting
"""


class Backlog:
    """What waits for the dispatcher of one service area.

    Args:
        fetch: runs a query.
        area: the service area.
    """

    def __init__(self, fetch: Fetch, area: str) -> None:
        self._fetch = fetch
        self._area = area
        self._looked_at = float("-inf")
        self._waiting = 0
        self._oldest_s = 0.0
        self.callers = 0

    async def is_full(self, command: Command) -> bool:
        """Whether one more command of this kind should not be taken.

        Raises:
            StoreUnavailableError: the database is gone.
        """
        if self.callers >= limits.CALLERS_MAX:
            return True
        await self._look()
        most = limits.BACKLOG_WISHES if isinstance(command, _WISHES) else limits.BACKLOG_ALL
        return self._waiting >= most or self._oldest_s >= limits.BACKLOG_OLDEST_S

    async def _look(self) -> None:
        """Look anew unless somebody has just done so, or is about to."""
        now = time.monotonic()
        if now - self._looked_at < limits.BACKLOG_LOOK_S:
            return
        self._looked_at = now
        parameters = {"area": self._area, "riders": _RIDERS, "most": limits.BACKLOG_ALL}
        ((self._waiting, self._oldest_s),) = await self._fetch(_LOOK, parameters)
