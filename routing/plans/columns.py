"""The routes a search has seen as columns of set partitioning, and the choice as routes again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from routing.plans import kernel, memory

if TYPE_CHECKING:
    from routing.plans.kernel import Arrays, Ints, Routes, ShortInts
    from routing.plans.partition import RoutePool

_COLUMNS_MAX = 20_000


class Columns(NamedTuple):
    """Routes by number, and what `partition.choose_routes` asks about them."""

    pool: RoutePool
    class_sizes: Ints  # int64[C]
    penalties: Ints  # int64[Q]
    incumbent: Ints  # the routes of the best plan
    nodes: ShortInts  # int32[R, room]
    length: Ints  # int64[R]
    members: list[Ints]  # of each class of vehicles

    def routes(self, chosen: Ints) -> tuple[Ints, Ints, ShortInts]:
        """Vehicles, lengths and nodes of chosen routes, no vehicle twice."""
        left = [list(members) for members in self.members]
        vehicles = [left[self.pool.vehicle_class[route]].pop(0) for route in chosen]
        return np.array(vehicles, np.int64), self.length[chosen], self.nodes[chosen]


def columns_of(
    a: Arrays, jobs: memory.Jobs, seen: memory.Pool, best: Routes, idle_cost: Ints
) -> Columns:
    """Lay out the routes of a pool and of the best plan.

    Args:
        a: the problem.
        jobs: what can be moved; only pairs are chosen, what is tied to a vehicle is in its routes.
        seen: the pool.
        best: the best plan, with costs.
        idle_cost: int64[F], what each vehicle costs without any pair.
    """
    from routing.plans.partition import MANDATORY, RoutePool  # noqa: PLC0415 - loads slowly

    used = np.flatnonzero(seen.key != 0)
    nodes = np.concatenate((best.nodes, seen.nodes[used]))
    length = np.concatenate((best.length, seen.length[used]))
    vehicle = np.concatenate((np.arange(len(best.length)), seen.vehicle[used]))
    cost = np.concatenate((best.cost, seen.cost[used])) - idle_cost[vehicle]
    owner = jobs.of_node[nodes]
    boards = (np.arange(nodes.shape[1]) < length[:, None]) & (owner != memory.NOWHERE)
    boards &= (jobs.tied[owner] == memory.ANY) & (nodes % 2 == 0)
    count = boards.sum(axis=1)
    chosen = np.flatnonzero(count > 0)
    if len(chosen) > _COLUMNS_MAX:
        chosen = _promising(chosen, owner, boards, cost, len(best.length))
    kinds, kin = np.unique(a.vehicles[:, kernel.KIN], return_inverse=True)
    numbers = np.cumsum(jobs.tied == memory.ANY) - 1
    rows = boards[chosen]
    begin = np.concatenate(([0], np.cumsum(count[chosen])))
    penalty = jobs.penalty[jobs.tied == memory.ANY]
    return Columns(
        RoutePool(cost[chosen], begin, numbers[owner[chosen][rows]], kin[vehicle[chosen]]),
        np.bincount(kin, minlength=len(kinds)),
        np.where(penalty == kernel.FOREVER, MANDATORY, penalty),
        np.flatnonzero(chosen < len(best.length)),
        nodes[chosen],
        length[chosen],
        [np.flatnonzero(kin == kind) for kind in range(len(kinds))],
    )


def _promising(chosen: Ints, owner: Ints, boards: Ints, cost: Ints, best: int) -> Ints:
    """The routes that are cheapest for whom they serve, those of the best plan among them.

    What a job is worth is its share in its route of the best plan.
    """
    worth = np.zeros(int(owner.max()) + 1)
    for route in range(best):
        served = owner[route][boards[route]]
        worth[served] = cost[route] / max(1, len(served))
    value = cost[chosen] - (worth[owner[chosen]] * boards[chosen]).sum(axis=1)
    value[chosen < best] = -np.inf
    return np.sort(chosen[np.argsort(value, kind="stable")[:_COLUMNS_MAX]])
