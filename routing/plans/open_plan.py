"""A plan in the hands of the search: steps of `lns.py`, and recombination of the routes seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from routing.plans import kernel, lns, memory, moves, scratch
from routing.plans.columns import columns_of
from routing.plans.in_full import RESULT_COLUMNS
from routing.plans.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from routing.plans.kernel import Arrays, Ints, Routes, Work
    from routing.plans.problem import Problem
    from routing.plans.records import Request

    Tables = tuple[
        Arrays, Routes, Routes, Work, memory.Jobs, memory.Cache, memory.State, memory.Pool
    ]

_UNKNOWN = np.int64(-2)  # fingerprint of routes not looked at yet; caches begin with -1
_POOL_BITS = 16  # of the number of routes remembered at most
_GOAL_SHARE, _GOAL_MAX = 0.35, 14  # of the jobs, and how many at most are taken out at once


class OpenPlan:
    """What can still be changed of a plan.

    Args:
        problem: whose routes to start from; routes that break a limit are left alone.
        requests: to be served besides, if that pays.
        seed: of the random numbers.
        pooled: whether to remember the routes seen, for `combine`.
    """

    def __init__(
        self, problem: Problem, requests: Sequence[Request], seed: int, *, pooled: bool
    ) -> None:
        vehicles = np.flatnonzero(problem.routes.cost < kernel.FOREVER)
        random = np.random.default_rng(seed)
        self._layout = layout = Layout(problem, requests, vehicles)
        self._arrays = layout.arrays()
        self._kept = layout.routes()
        room = self._kept.nodes.shape[1]
        self._work = scratch.make_work(room, len(layout.nodes))
        scratch.rebuild_all(self._arrays, self._kept)
        self._routes = scratch.copy_routes(self._kept, room)
        self._jobs = layout.jobs(random)
        count, fleet = len(layout.penalty), len(vehicles)
        self._cache = memory.Cache(*(np.full((count, fleet), -1, np.int64) for _ in range(5)))
        self._state = _state(self._kept, layout.where, int(random.integers(1, 1 << 62)))
        self._pool = _pool(_POOL_BITS if pooled else 0, room)
        totals = self._state.totals
        totals[memory.T_COST] = lns.total_cost(self._kept, self._jobs, self._state.where)
        totals[memory.T_BEST] = totals[memory.T_COST]
        totals[memory.T_ABSENT] = int((layout.where == memory.NOWHERE).sum())
        self._goal = max(2, min(_GOAL_MAX, int(_GOAL_SHARE * count)))

    @property
    def cost(self) -> int:
        """Cost of the best plan so far: of the routes that take part, and of who is left out."""
        return int(self._state.totals[memory.T_BEST])

    @property
    def jobs(self) -> int:
        """How many things can be moved."""
        return len(self._jobs.penalty)

    @property
    def cost_per_job(self) -> float:
        """What a job adds to the routes on average: the scale of the search's temperatures."""
        served = self._state.best_where != memory.NOWHERE
        left_out = float(self._jobs.penalty[~served].sum())
        return max(1.0, (self.cost - left_out) / max(1, int(served.sum())))

    def fill(self) -> None:
        """Serve whom it pays to serve, without moving anybody yet."""
        if self._state.totals[memory.T_ABSENT] > 0:
            lns.insert_all(*self._tables())

    def search(self, iterations: int, hot: float, cold: float) -> None:
        """Some iterations, cooling from `hot` to `cold` (millicost)."""
        lns.improve_routes(*self._tables(), iterations, hot, cold, self._goal)

    def result(self) -> tuple[Problem, Mapping[str, int]]:
        """The best plan as a problem, and the pair with which each request is served."""
        return self._layout.problem_with(self._state.best_nodes, self._state.best_length)

    def combine(self, *, seconds: float | None = None, effort: float | None = None) -> None:
        """Look for the best combination of the routes seen, and go on from it if it is better."""
        from routing.plans.partition import choose_routes  # noqa: PLC0415 - OR-Tools loads slowly

        if not (self._jobs.tied == memory.ANY).any():
            return
        best = scratch.copy_routes(self._kept, self._kept.nodes.shape[1])
        best.nodes[:], best.length[:] = self._state.best_nodes, self._state.best_length
        scratch.rebuild_all(self._arrays, best)
        seen = columns_of(self._arrays, self._jobs, self._pool, best, self._idle_costs())
        if len(seen.pool.costs) == 0:
            return
        chosen = choose_routes(
            seen.pool,
            seen.class_sizes,
            seen.penalties,
            seen.incumbent,
            seconds=seconds,
            effort=effort,
        )
        if chosen is not None:
            tables = (self._arrays, self._kept, self._routes, self._work, self._jobs)
            lns.take_over(*tables, self._state, self._pool, *seen.routes(chosen))

    def _idle_costs(self) -> Ints:
        """int64[F]: what each vehicle costs without anybody whom another could serve."""
        idle = scratch.copy_routes(self._kept, self._kept.nodes.shape[1])
        marked = (self._jobs.tied == memory.ANY).astype(np.int64)
        for v in range(len(idle.length)):
            moves.take_out(idle, v, self._jobs, marked)
        scratch.rebuild_all(self._arrays, idle)
        return idle.cost

    def _tables(self) -> Tables:
        tables = (self._arrays, self._kept, self._routes, self._work, self._jobs)
        return (*tables, self._cache, self._state, self._pool)


def _state(routes: Routes, where: Ints, seed: int) -> memory.State:
    fleet, count = len(routes.length), len(where)
    return memory.State(
        where=where.copy(),
        kept_where=where.copy(),
        version=np.full(fleet, _UNKNOWN),
        kept_version=np.full(fleet, _UNKNOWN),
        best_nodes=routes.nodes.copy(),
        best_length=routes.length.copy(),
        best_where=where.copy(),
        totals=np.zeros(3, np.int64),
        random=np.array([seed], np.int64),
        touched=np.zeros(fleet, np.int64),
        marked=np.zeros(count, np.int64),
        absent=np.zeros(count, np.int64),
        order=np.zeros(max(count, fleet, routes.nodes.shape[1]), np.int64),
        best=np.zeros((fleet, 1), np.int64),
        out=np.zeros((fleet, 1, RESULT_COLUMNS), np.int64),
    )


def _pool(bits: int, room: int) -> memory.Pool:
    size = 1 << bits
    key, cost, vehicle, length = (np.zeros(size, np.int64) for _ in range(4))
    return memory.Pool(key, cost, vehicle, length, np.zeros((size, room), np.int32))
