"""From a problem and unserved requests to the tables of the search in `lns.py`, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from routing.plans import kernel, memory, scratch
from routing.plans.problem import Problem, with_routes
from routing.plans.records import Action
from routing.plans.rows import booking_rows, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from routing.plans.kernel import Arrays, Ints, Routes, ShortInts
    from routing.plans.memory import Jobs
    from routing.plans.records import Booking, Request

_NEAR = 60  # how many related jobs are known of each
_ROOM_MIN = 48
_BLOCK = 512  # rows of the relatedness computed at a time


class Layout:
    """Nodes numbered for the search (pairs first, breaks last), and which of them can move.

    Args:
        problem: whose routes to start from.
        requests: on none of them.
        vehicles: int64[F], which vehicles take part; the others stay as they are.
    """

    def __init__(self, problem: Problem, requests: Sequence[Request], vehicles: Ints) -> None:
        self._problem, self._requests, self._vehicles = problem, requests, vehicles
        self._numbers: dict[Action, int] = {}
        self._meaning: list[tuple[Action, int]] = []  # of each node: action, pair of the request
        self._begin = [0]
        self._node: list[int] = []
        self._penalty: list[int] = []
        self._tied: list[int] = []
        self._where: list[int] = []
        self.nodes = frozen(self._number_nodes(), np.int64)
        for index, v in enumerate(vehicles):
            self._add_planned(index, int(v))
        for request, first in zip(requests, self._first_nodes, strict=True):
            nodes = range(first, first + 2 * len(request.pairs), 2)
            self._add_job(list(nodes), problem.weights.unserved, memory.ANY, memory.NOWHERE)
        self.penalty = np.array(self._penalty, np.int64)
        self.where = np.array(self._where, np.int64)

    def arrays(self) -> Arrays:
        """The problem for the kernels, with these nodes and vehicles."""
        table, legs = self._problem.vehicle_table, self._problem.start_legs_s
        return self._problem.arrays._replace(
            vehicles=frozen(table[self._vehicles], np.int64),
            start_legs_s=frozen(legs[self._vehicles], np.int32),
            nodes=self.nodes,
        )

    def routes(self) -> Routes:
        """The present routes; their bounds are still to be built."""
        chosen = [self._problem.vehicles[v].route for v in self._vehicles]
        movable = sum(2 if tied == memory.ANY else 1 for tied in self._tied)
        longest = max((len(route) for route in chosen), default=0)
        usual = 3 * -(-movable // max(1, len(chosen)))
        room = min(longest + movable, max(_ROOM_MIN, usual + longest)) + 2
        routes = scratch.empty_routes(len(chosen), room)
        for index, route in enumerate(chosen):
            routes.length[index] = len(route)
            routes.nodes[index, : len(route)] = [self._numbers[action] for action in route]
        return routes

    def jobs(self, random: np.random.Generator) -> Jobs:
        """What can be moved."""
        of_node = np.full(max(1, len(self.nodes)), memory.NOWHERE, np.int64)
        begin, node = np.array(self._begin, np.int64), np.array(self._node, np.int64)
        tied = np.array(self._tied, np.int64)
        owner = np.repeat(np.arange(len(tied)), np.diff(begin))
        of_node[node] = owner
        pairs = tied[owner] == memory.ANY
        of_node[node[pairs] + 1] = owner[pairs]
        keys = random.integers(-(1 << 62), 1 << 62, size=len(tied), dtype=np.int64)
        return memory.Jobs(begin, node, self.penalty, tied, of_node, self._related(), keys)

    def problem_with(self, nodes: ShortInts, length: Ints) -> tuple[Problem, Mapping[str, int]]:
        """The problem with these routes, and the pair with which each request is served."""
        routes = [vehicle.route for vehicle in self._problem.vehicles]
        served: dict[str, int] = {}
        bookings: list[Booking] = []
        by_id = {request.id: request for request in self._requests}
        for index, v in enumerate(self._vehicles):
            steps = [self._meaning[node] for node in nodes[index, : length[index]]]
            routes[v] = tuple(action for action, _ in steps)
            for action, pair in steps:
                if action.kind == "pickup" and action.booking in by_id:
                    served[action.booking] = pair
                    bookings.append(by_id[action.booking].booking(pair))
        return with_routes(self._problem, routes, bookings), served

    def _number_nodes(self) -> Ints:
        """int64[N, 12]: all nodes, taken over from the problem but for those of the requests."""
        vehicles = [self._problem.vehicles[v] for v in self._vehicles]
        names = dict.fromkeys(
            a.booking for vehicle in vehicles for a in vehicle.route if a.kind != "break"
        )
        for name in names:
            self._note_pair(name, 0)
        planned = self._taken_over(list(self._numbers))
        pickups = np.arange(len(planned)) - 1
        partners = planned[:, kernel.PARTNER]
        planned[:, kernel.PARTNER] = np.where(partners == kernel.NO_PARTNER, partners, pickups)
        rows: list[tuple[int, ...]] = []
        self._first_nodes = []
        for request in self._requests:
            self._first_nodes.append(len(self._meaning))
            for pair in range(len(request.pairs)):
                number = len(self._meaning)
                rows += booking_rows(request.booking(pair), self._problem.weights, number)
                self._note_pair(request.id, pair)
        asked = np.array(rows, np.int64).reshape(-1, kernel.NODE_COLUMNS)
        pauses = [Action("break", pause.id) for vehicle in vehicles for pause in vehicle.breaks]
        for action in pauses:
            self._note(action, 0)
        return np.concatenate((planned, asked, self._taken_over(pauses)))

    def _taken_over(self, actions: Sequence[Action]) -> Ints:
        numbers = self._problem.numbers
        return self._problem.nodes[[numbers[action] for action in actions]]

    def _note_pair(self, name: str, pair: int) -> None:
        self._note(Action("pickup", name), pair)
        self._note(Action("dropoff", name), pair)

    def _note(self, action: Action, pair: int) -> None:
        self._numbers[action] = len(self._meaning)
        self._meaning.append((action, pair))

    def _add_planned(self, index: int, v: int) -> None:
        """Jobs of a route: pairs, and actions that only this vehicle can do.

        Who is pinned to it is no job: they stay in their order, and others come between them.
        """
        vehicle = self._problem.vehicles[v]
        free = vehicle.route[vehicle.locked :]
        boarding = {a.booking for a in free if a.kind == "pickup"}
        for action in free:
            if action.booking in vehicle.pinned and action.kind != "break":
                continue
            node = self._numbers[action]
            if action.kind == "pickup":
                self._add_job([node], kernel.FOREVER, memory.ANY, index)
            elif action.kind == "break" or action.booking not in boarding:
                self._add_job([node], kernel.FOREVER, index, index)

    def _add_job(self, nodes: list[int], penalty: int, tied: int, where: int) -> None:
        self._node += nodes
        self._begin.append(len(self._node))
        self._penalty.append(penalty)
        self._tied.append(tied)
        self._where.append(where)

    def _related(self) -> ShortInts:
        """int32[J, K]: by the ways between their stops and the time between their windows."""
        count = len(self._tied)
        near = min(_NEAR, max(count - 1, 0))
        if near == 0:
            return np.zeros((count, 0), np.int32)
        first = np.array([self._node[begin] for begin in self._begin[:-1]])
        single = np.array(self._tied) != memory.ANY
        last = np.where(single, first, np.minimum(first + 1, len(self.nodes) - 1))
        pickup = np.maximum(self.nodes[first, kernel.STOP], 0)
        dropoff = np.maximum(self.nodes[last, kernel.STOP], 0)
        due = self.nodes[last, kernel.LATEST].astype(np.float64)
        matrix = self._problem.matrix_s
        result = np.empty((count, near), np.int32)
        for begin in range(0, count, _BLOCK):
            rows = slice(begin, min(begin + _BLOCK, count))
            apart = np.abs(due[rows, None] - due[None, :])
            for stop in (pickup, dropoff):
                apart += matrix[np.ix_(stop[rows], stop)]
                apart += matrix[np.ix_(stop, stop[rows])].T
            apart[np.arange(rows.stop - begin), np.arange(begin, rows.stop)] = np.inf
            result[rows] = np.argsort(apart, axis=1, kind="stable")[:, :near]
        return result
