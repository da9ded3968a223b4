"""What is due when in a simulated week; moves the clock of all processes from one to the next.

Time stands still while everybody acts who is due, however long the service takes to answer. But
whoever waits longer than usual, because something has been killed, sees it pass.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Final

from dispatch.clock import ClockHand

Act = Callable[[], Awaitable[None]]

TOGETHER_S: Final = 4
"""What is due within so many seconds happens at the same instant."""
_LEAP_S: Final = 900
_LEAP_REAL_S: Final = 0.6  # longer than the dispatcher sleeps
_PATIENCE_S: Final = 0.5
_CREEP_S: Final = 5


class Timeline:
    """Acts in order of their time.

    Args:
        hand: moves the clock.
        at_once: how many act at the same time.
    """

    def __init__(self, hand: ClockHand, at_once: int = 8) -> None:
        self._hand = hand
        self._heap: list[tuple[int, int, Act]] = []
        self._order = count()
        self._at_once = asyncio.Semaphore(at_once)

    @property
    def now_s(self) -> int:
        """Service time, epoch seconds."""
        return int(self._hand.now_s)

    def at(self, due_s: float, act: Act) -> None:
        """Have something done as soon as it is `due_s`, epoch seconds."""
        heapq.heappush(self._heap, (int(due_s), next(self._order), act))

    async def run_until(self, end_s: int) -> None:
        """Let time pass up to `end_s`, and whatever is due by then happen."""
        while self._heap and self._heap[0][0] <= end_s:
            await self._pass_until(self._heap[0][0])
            due = []
            while self._heap and self._heap[0][0] <= min(end_s, self.now_s + TOGETHER_S):
                due.append(heapq.heappop(self._heap)[2])
            await self._together(due)
        await self._pass_until(end_s)

    async def _pass_until(self, due_s: int) -> None:
        """Let idle time pass in leaps after each of which the dispatcher looks at its clock."""
        while due_s - self.now_s > _LEAP_S:
            self._hand.move(self.now_s + _LEAP_S)
            await asyncio.sleep(_LEAP_REAL_S)
        self._hand.move(due_s)

    async def _together(self, acts: list[Act]) -> None:
        pending = {asyncio.create_task(self._one(act)) for act in acts}
        try:
            while pending:
                done, pending = await asyncio.wait(pending, timeout=_PATIENCE_S)
                for task in done:
                    task.result()
                if pending:
                    self._hand.move(self.now_s + _CREEP_S)
        finally:
            for task in pending:
                task.cancel()

    async def _one(self, act: Act) -> None:
        async with self._at_once:
            await act()
