"""Best insertion of a request over all vehicles, for callers: what it costs and where it goes.

Method: exhaustive over positions with exact cuts (`search.py`), after Jaw et al. 1986 and, for
ride limits as a fixed point instead of forward slack, Cordeau and Laporte 2003.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from routing.plans import in_full, kernel, search
from routing.plans.checks import require
from routing.plans.problem import Problem, replace_vehicle, request_nodes
from routing.plans.records import Action, Request
from routing.plans.schedules import RouteSchedule, evaluate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from routing.plans.kernel import Ints


_SLOTS_MAX = 64


class Insertion(NamedTuple):
    """One way to serve a request; positions count the actions of the vehicle's present route.

    The pick-up goes before action `pickup_position`, the drop-off before `dropoff_position`, which
    is no smaller; if both are equal, directly after the pick-up.
    """

    vehicle: int
    pair: int
    pickup_position: int
    dropoff_position: int
    cost: int
    pickup_start_s: int
    pickup_end_s: int
    dropoff_start_s: int


@dataclass(frozen=True, eq=False)
class Insertions:
    """Feasible insertions, cheapest first; all arrays int64[found]. Index it for an `Insertion`.

    `cost` is what the insertion adds to the objective (millicost). Ties are broken by vehicle,
    pair, pick-up position, drop-off position, each ascending.
    """

    vehicle: Ints
    pair: Ints
    pickup_position: Ints
    dropoff_position: Ints
    cost: Ints
    pickup_start_s: Ints
    pickup_end_s: Ints
    dropoff_start_s: Ints

    def __len__(self) -> int:
        return len(self.cost)

    def __getitem__(self, index: int) -> Insertion:
        return Insertion(
            int(self.vehicle[index]),
            int(self.pair[index]),
            int(self.pickup_position[index]),
            int(self.dropoff_position[index]),
            int(self.cost[index]),
            int(self.pickup_start_s[index]),
            int(self.pickup_end_s[index]),
            int(self.dropoff_start_s[index]),
        )

    def __iter__(self) -> Iterator[Insertion]:
        return (self[index] for index in range(len(self)))


class NewRoute(NamedTuple):
    """A vehicle's route after an insertion, and the problem with it in place."""

    actions: tuple[Action, ...]
    schedule: RouteSchedule
    problem: Problem


def best_insertions(problem: Problem, request: Request, apart_s: int | None = None) -> Insertions:
    """The cheapest feasible ways to serve a request.

    Vehicles whose present route breaks a limit take part only after `relaxed`.

    Args:
        problem: stays as it is.
        request: with at least one stop pair.
        apart_s: None for the best position of every stop pair in every vehicle's route. Else the
            best of all vehicles for every stop pair and every slot of so many seconds in which the
            pick-up may lie (before ride caps push it): choices that differ in time, found sooner.

    Returns:
        At most one insertion per (vehicle, pair) or per (pair, slot); none where no position is
        feasible.

    Raises:
        InvalidProblemError: a pair or the party is out of range, or `apart_s` is not positive.
    """
    asks = request_nodes(request, len(problem.matrix_s), problem.weights)
    slots, width = 0, kernel.FOREVER
    if apart_s is not None:
        require(apart_s > 0, "apart_s is not positive")
        window = int((asks[::2, kernel.LATEST] - asks[::2, kernel.EARLIEST]).max())
        slots, width = min(window // apart_s + 1, _SLOTS_MAX), apart_s
    found = search.search(problem.arrays, problem.routes, asks, width, slots)
    order = np.lexsort(
        (found[:, in_full.R_PAIR], found[:, in_full.R_VEHICLE], found[:, in_full.R_COST])
    )
    return Insertions(*np.ascontiguousarray(found[order].T))


def route_with(problem: Problem, vehicle: int, request: Request, insertion: Insertion) -> NewRoute:
    """Insert the request into the vehicle's route.

    Args:
        problem: stays as it is.
        vehicle: index of the vehicle, the insertion's own.
        request: the one the insertion was found for.
        insertion: where; need not be feasible, the schedule says so.

    Raises:
        InvalidProblemError: the positions do not fit the route, or the booking is on one already.
    """
    record = problem.vehicles[vehicle]
    i, j = insertion.pickup_position, insertion.dropoff_position
    actions = (
        *record.route[:i],
        Action("pickup", request.id),
        *record.route[i:j],
        Action("dropoff", request.id),
        *record.route[j:],
    )
    booking = request.booking(insertion.pair)
    changed = replace_vehicle(problem, vehicle, replace(record, route=actions), [booking])
    return NewRoute(actions, evaluate(changed, vehicle), changed)
