"""Promises in danger: riders are moved at once, if that keeps what everybody was told."""

from collections.abc import Iterator
from typing import Final

from dispatch.domain.model import Shift, ShiftStatus
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State
from dispatch.engine.breaches import planned_breaches
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.problem import planning, takes_riders
from dispatch.engine.proposals import Proposals
from dispatch.engine.rescue_search import rescued

_SHIFTS_MAX: Final = 12
"""Plans that are looked at for one in danger, itself among them."""
_ENDANGERED_MAX: Final = 2
"""Plans in danger looked at in one decision; riders' answers wait meanwhile."""
_AGAIN_S: Final = 10
"""What could not be saved is tried again after this time, or when its plan has changed."""
_AHEAD_S: Final = 3600
"""A plan that begins later than in an hour is saved by the optimiser, in peace."""


class Rescuer:
    """Saves promises, as far as moving riders helps."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._proposals = Proposals(config, network)
        self._tried: dict[str, tuple[int, int]] = {}

    def tick(self, draft: Draft) -> None:
        """Try to save what the present plans would break."""
        if self._config.rules.rescue_iterations:
            soon_s = draft.now_s + _AHEAD_S
            danger = endangered(self._config, draft.state, draft.now_s)
            near = [shift for shift in danger if shift.visits[0].arrive_s <= soon_s]
            self._tried = {s.id: self._tried[s.id] for s in near if s.id in self._tried}
            due = [shift.id for shift in near if self._is_due(shift, draft.now_s)]
            for shift_id in due[:_ENDANGERED_MAX]:
                shift = draft.state.shifts[shift_id]
                if _in_danger(self._config, draft.state, shift, draft.now_s):
                    self._save(draft, shift)  # nobody has been saved with another one

    def _is_due(self, shift: Shift, now_s: int) -> bool:
        """Whether it is time to try; trying in vain every second would cost everybody else's."""
        tried_s, version = self._tried.get(shift.id, (-_AGAIN_S, -1))
        return version != shift.version or not 0 <= now_s - tried_s < _AGAIN_S

    def _save(self, draft: Draft, shift: Shift) -> None:
        self._tried[shift.id] = (draft.now_s, shift.version)
        around = concerned(self._config, self._network, draft.state, shift, draft.now_s)
        now = planning(self._config, self._network, draft.state, around, draft.now_s)
        iterations = self._config.rules.rescue_iterations
        deserted = not takes_riders(self._config, draft.state, shift, draft.now_s)
        better = rescued(now, shift.id, deserted=deserted, seed=draft.now_s, iterations=iterations)
        if better is not None:
            self._proposals.put(draft, now, better)


def endangered(config: ServiceConfig, state: State, now_s: int) -> list[Shift]:
    """The shifts whose plans break promises or have no driver, the soonest first."""
    found = (s for s in state.shifts.values() if _in_danger(config, state, s, now_s))
    return sorted(found, key=lambda s: (s.visits[0].arrive_s, s.id))


def _in_danger(config: ServiceConfig, state: State, shift: Shift, now_s: int) -> bool:
    if shift.status is ShiftStatus.ENDED or not any(v.actions for v in shift.visits):
        return False
    deserted = not takes_riders(config, state, shift, now_s)
    return deserted or any(planned_breaches(state, shift).values())


def concerned(
    config: ServiceConfig, network: Network, state: State, shift: Shift, now_s: int
) -> list[Shift]:
    """A shift in danger and those around it that may take riders and come nearest to its stops.

    All drive on the same roads: one problem can have one set of roads only.
    """
    roads = network.for_shift(shift, state.closures)
    ahead = [visit for visit in shift.visits if visit.actions]
    from_s, to_s = min(now_s, ahead[0].arrive_s), ahead[-1].depart_s
    index, matrix = network.stop_index, roads.travel.matrix_s
    stops = [index[visit.stop_id] for visit in ahead]

    def on_same(other: Shift) -> bool:
        return network.for_shift(other, state.closures) is roads

    def others() -> Iterator[tuple[int, str]]:
        for other in state.shifts.values():
            together = other.start_s <= to_s and other.end_s > from_s and other.id != shift.id
            if together and takes_riders(config, state, other, now_s) and on_same(other):
                halts = [v.stop_id for v in other.visits if v.arrive_s <= to_s]
                places = [*halts, other.anchor.stop_id or other.depot_stop_id]
                away_s = matrix[[index[stop_id] for stop_id in places]][:, stops].min()
                yield int(away_s), other.id

    return [shift, *(state.shifts[i] for _, i in sorted(others())[: _SHIFTS_MAX - 1])]
