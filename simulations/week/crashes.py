"""Processes that are killed at seeded instants while everybody uses the service."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final

import httpx

from simulations.benchmarks.live_town import LiveService
from simulations.week.ledger import Ledger

POWER: Final = "everything"
FREEZE: Final = "dispatcher frozen"
RESTART: Final = "postgres restarted"
VICTIMS: Final = (
    "dispatcher",
    "web",
    "redis",
    "postgres",
    "optimiser",
    "messenger",
    FREEZE,
    RESTART,
    POWER,
)
_NEW_LEADER: Final = frozenset({"dispatcher", "postgres", RESTART, POWER})
_LATE_S: Final = 0.15
_FROZEN_S: Final = 2.0
_BACK_WITHIN_S: Final = 60.0
_LOOK_S: Final = 0.05
_AFTERMATH_S: Final = 20.0  # longer than any call takes


@dataclass(slots=True)
class Survived:
    """What was done to the service.

    Attributes:
        kills: how often, by victim.
        back_s: real seconds until all was well again, by victim.
    """

    kills: Counter[str] = field(default_factory=Counter)
    back_s: dict[str, list[float]] = field(default_factory=dict)


class Crashes:
    """Kills what keeps the service alive, and waits until it is well again.

    Args:
        service: which.
        ledger: takes note if it never is.
        rng: how long after the instant that was planned.
        say: told what has been killed.
    """

    def __init__(
        self, service: LiveService, ledger: Ledger, rng: Random, say: Callable[[str], None]
    ) -> None:
        self._service = service
        self._ledger = ledger
        self._rng = rng
        self._say = say
        self._under_way: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()
        self._over_s = float("-inf")
        self.survived = Survived()

    def is_excuse(self) -> bool:
        """Whether connections may break: something is being killed, or was a moment ago."""
        return bool(self._under_way) or time.monotonic() < self._over_s + _AFTERMATH_S

    async def strike(self, victim: str) -> None:
        """Kill somebody a moment from now, in the midst of what happens then."""
        task = asyncio.create_task(self._strike(victim))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def settle(self) -> None:
        """Wait until all is well."""
        while self._under_way:
            await asyncio.gather(*self._under_way)

    async def _strike(self, victim: str) -> None:
        async with self._one_at_a_time:
            await asyncio.sleep(self._rng.uniform(0.0, _LATE_S))
            began = time.monotonic()
            before, epoch = self._service.pids(), await self._epoch()
            if not await self._hit(victim, before):
                return
            self.survived.kills[victim] += 1
            if await self._is_well(victim, before, epoch):
                took_s = time.monotonic() - began
                self.survived.back_s.setdefault(victim, []).append(took_s)
            else:
                self._ledger.violate(f"{victim}: not well again after {_BACK_WITHIN_S:g} s")
            self._over_s = time.monotonic()

    async def _hit(self, victim: str, pids: dict[str, int]) -> bool:
        if victim == POWER:
            await asyncio.to_thread(self._service.lose_power)
            self._service.launch()
            return True
        name, _, what = victim.partition(" ")
        pid = pids.get(name)
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            if what == "frozen":
                os.kill(pid, signal.SIGSTOP)
                await asyncio.sleep(_FROZEN_S)
                os.kill(pid, signal.SIGCONT)
            else:
                os.kill(pid, signal.SIGINT if what else signal.SIGKILL)
            return True
        return False

    async def _is_well(self, victim: str, before: dict[str, int], epoch: int) -> bool:
        """Whether the victim is replaced, if it was killed, and somebody decides again."""
        name = "" if victim in {POWER, FREEZE} else victim.partition(" ")[0]
        least = epoch + (victim in _NEW_LEADER)
        deadline = time.monotonic() + _BACK_WITHIN_S
        while time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_S)
            if not self._service.is_up():
                continue
            if name and self._service.pids().get(name) in {None, before.get(name)}:
                continue
            if await self._epoch() >= max(1, least):
                return True
        return False

    async def _epoch(self) -> int:
        """How many leaders there have been, 0 while rides cannot be booked."""
        with suppress(httpx.HTTPError):
            async with httpx.AsyncClient(timeout=2.0) as client:
                answer = await client.get(f"{self._service.url}/healthz")
            if answer.is_success:
                return int(answer.json()["parts"]["dispatcher"]["epoch"])
        return 0
