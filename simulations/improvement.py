"""Improving the open plan in a simulation: the search of the live optimiser, counted in iterations.

What it finds goes the way of every decision, as a command.
"""

from dispatch.domain.commands import ProposePlans
from dispatch.domain.model import Shift, ShiftStatus
from dispatch.domain.state import State
from dispatch.engine import Engine
from dispatch.engine.closed_roads import by_roads
from dispatch.engine.problem import planning
from dispatch.engine.proposals import propose
from routing import plans


def proposal(
    engine: Engine, state: State, now_s: int, *, iterations: int, seed: int
) -> ProposePlans | None:
    """Better routes for the open shifts, None if none were found.

    Args:
        engine: its town.
        state: is not changed.
        now_s: the instant of the decision.
        iterations: how long to search.
        seed: of the search.
    """
    shifts = _concerned(state, now_s)
    if not shifts:
        return None
    groups = by_roads(engine.network, state.closures, shifts)
    _, shifts = max(groups, key=lambda group: sum(len(s.visits) for s in group[1]))
    now = planning(engine.config, engine.network, state, shifts, now_s)
    found = plans.improve(now.problem, iterations=iterations, seed=seed)
    if found.cost >= found.cost_before:
        return None
    return propose(now, found.problem, expires_at_s=now_s)


def _concerned(state: State, now_s: int) -> list[Shift]:
    """The shifts that have riders, and those that could take some of them over."""
    open_shifts = [s for s in state.shifts.values() if s.status is not ShiftStatus.ENDED]
    busy = [visit for s in open_shifts for visit in s.visits if visit.actions]
    if not busy:
        return []
    until_s = max(visit.depart_s for visit in busy)
    return [s for s in open_shifts if s.start_s <= until_s and (s.end_s > now_s or s.visits)]
