"""What the optimiser thinks about first: plans that break promises which the dispatcher left so.

The dispatcher tries at once and shortly. Here is time for a long search, and for plans that begin
later than it looks.
"""

from typing import Final

from dispatch.domain.commands import ProposePlans
from dispatch.domain.model import Shift
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State
from dispatch.engine.network import Network
from dispatch.engine.problem import planning, takes_riders
from dispatch.engine.proposals import propose
from dispatch.engine.rescue import concerned, endangered
from dispatch.engine.rescue_search import rescued

_THOROUGH: Final = 20
"""How many times as long as the dispatcher it searches."""


class Danger:
    """Which plan in danger to think about, each version of it once."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._tried: dict[str, int] = {}

    def next(self, state: State, now_s: int) -> Shift | None:
        """The soonest plan in danger that has not been thought about, None if there is none."""
        if not self._config.rules.rescue_iterations:
            return None
        found = endangered(self._config, state, now_s)
        self._tried = {s.id: self._tried[s.id] for s in found if s.id in self._tried}
        return next((s for s in found if self._tried.get(s.id) != s.version), None)

    def rescue(
        self, state: State, shift: Shift, now_s: int, expires_at_s: int
    ) -> ProposePlans | None:
        """Better plans for it and those around it, None if none were found.

        Args:
            state: open plans and bookings.
            shift: in danger.
            now_s: when the proposal will be looked at.
            expires_at_s: when it is no longer to be taken.
        """
        self._tried[shift.id] = shift.version
        around = concerned(self._config, self._network, state, shift, now_s)
        now = planning(self._config, self._network, state, around, now_s)
        iterations = _THOROUGH * self._config.rules.rescue_iterations
        deserted = not takes_riders(self._config, state, shift, now_s)
        better = rescued(now, shift.id, deserted=deserted, seed=now_s, iterations=iterations)
        return None if better is None else propose(now, better, expires_at_s)
