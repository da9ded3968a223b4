"""Cordeau's dial-a-ride instances: read, put as a planning problem, and check a solution.

An instance is given in real numbers, `routing.plans` works in integers: a time unit becomes 100,000
ticks (less for long days). Lower bounds, legs and services are rounded up, upper bounds down, so
whatever is feasible in ticks is feasible as given; a leg costs at most a hundred thousandth more.

The check of a solution shares nothing with that: it goes back to the numbers as given.
"""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from routing.plans import Problem, Request, StopPair, Vehicle, Weights, build_problem
from simulations.benchmarks.errors import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_TICKS = 100_000
_LONGEST = 1 << 30
_TOLERANCE = 1e-7
BEST_KNOWN = "best_known.csv"


class Node(NamedTuple):
    """A line of the file: where, how long, how many (negative: alighting) and when."""

    x: Decimal
    y: Decimal
    service: Decimal
    load: int
    earliest: Decimal
    latest: Decimal


@dataclass(frozen=True)
class Instance:
    """One file; request i boards at node i and alights at node i + n, node 0 is the depot."""

    name: str
    vehicles: int
    max_route: Decimal
    capacity: int
    max_ride: Decimal
    nodes: tuple[Node, ...]

    @property
    def requests(self) -> int:
        """How many there are, n."""
        return len(self.nodes) // 2

    def distance(self, a: int, b: int) -> float:
        """Euclidean; travel time and cost alike."""
        p, q = self.nodes[a], self.nodes[b]
        return math.hypot(float(p.x - q.x), float(p.y - q.y))


@dataclass(frozen=True)
class Flat:
    """Free flow at all times."""

    base_s: int
    speed_permille: npt.NDArray[np.int32]


FREE_FLOW = Flat(0, np.array([1000], dtype=np.int32))


def read_folder(folder: Path, names: Sequence[str] = ()) -> list[Instance]:
    """The instances of a folder (`*.txt`), those named or all, in natural order of their names.

    Raises:
        BenchmarkError: there are none, one named is missing, or one cannot be read.
    """
    paths = sorted(folder.glob("*.txt"), key=lambda path: _natural(path.stem))
    missing = set(names) - {path.stem for path in paths}
    if missing:
        raise BenchmarkError(f"{folder}: there is no {', '.join(sorted(missing))}")
    chosen = [path for path in paths if not names or path.stem in names]
    if not chosen:
        raise BenchmarkError(f"{folder}: there are no instances (*.txt)")
    return [read_instance(path) for path in chosen]


def read_instance(path: Path) -> Instance:
    """Read one file; a depot repeated at its end is skipped.

    Raises:
        BenchmarkError: it is not in Cordeau's format; the message says where.
    """
    try:
        lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
        head, *rest = lines
        vehicles, nodes, max_route, capacity, max_ride = (Decimal(word) for word in head)
        table = [_node(words) for words in rest]
    except (ValueError, InvalidOperation) as error:
        raise BenchmarkError(f"{path}: is not in Cordeau's format: {error}") from error
    if len(table) % 2 == 0 and table:
        table.pop()
    instance = Instance(path.stem, int(vehicles), max_route, int(capacity), max_ride, tuple(table))
    n = instance.requests
    if n == 0 or nodes not in {n, 2 * n}:
        raise BenchmarkError(f"{path}: the first line says {nodes} nodes, {2 * n} follow the depot")
    if any(table[i].load <= 0 or table[i].load != -table[i + n].load for i in range(1, n + 1)):
        raise BenchmarkError(f"{path}: a pick-up's load is not what its drop-off takes away")
    return instance


def read_best_known(folder: Path) -> dict[str, float]:
    """Best known costs by instance; empty without a file `best_known.csv`.

    Raises:
        BenchmarkError: a line of it is no name and number.
    """
    path = folder / BEST_KNOWN
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    try:
        return {name: float(cost) for name, cost in rows}
    except ValueError as error:
        raise BenchmarkError(f"{path}: {error}") from error


def as_problem(instance: Instance) -> tuple[Problem, list[Request]]:
    """The instance in ticks: vehicles with empty routes, and every request still unserved.

    Windows are narrowed to what direct rides and the ride limit leave of them anyway.

    Raises:
        BenchmarkError: numbers too large for ticks, or pick-up and drop-off take different times.
    """
    ticks = _ticks(instance)
    matrix = _legs(instance, ticks)
    depot = instance.nodes[0]
    day_end = math.floor(depot.latest * ticks)
    vehicles = [
        Vehicle(
            id=f"{v:04d}",
            start_time_s=math.ceil(depot.earliest * ticks),
            start_stop=0,
            end_stop=0,
            end_time_s=day_end,
            configurations=((instance.capacity, 0),),
            max_route_s=math.floor(instance.max_route * ticks),
        )
        for v in range(instance.vehicles)
    ]
    problem = build_problem(
        matrix_s=matrix,
        profile=FREE_FLOW,
        vehicles=vehicles,
        bookings=[],
        weights=Weights(drive=1000, wait=0, ride=0, walk=0, unserved_s=10 * day_end),
        setup_s=0,
    )
    legs = problem.matrix_s
    return problem, [_request(instance, i, legs, ticks) for i in range(1, instance.requests + 1)]


def routes_of(instance: Instance, problem: Problem) -> list[list[int]]:
    """A solution as nodes in order of visit, depot left out, one list per vehicle."""
    n = instance.requests
    return [
        [int(a.booking) + (0 if a.kind == "pickup" else n) for a in vehicle.route]
        for vehicle in problem.vehicles
    ]


def cost_of(instance: Instance, routes: Iterable[Sequence[int]]) -> float:
    """Euclidean length of all routes, from the coordinates as given."""
    total = []
    for route in routes:
        stops = [0, *route, 0]
        total += [instance.distance(a, b) for a, b in pairwise(stops)]
    return math.fsum(total)


def violations(instance: Instance, routes: Sequence[Sequence[int]]) -> list[str]:
    """What is wrong with a solution by the definition of the problem; empty if nothing is.

    A route is right if there are times for it: services in their windows, drives in between, rides
    no longer than allowed (from the end of boarding) and the whole no longer than allowed (from a
    departure as late as one likes).
    """
    found = []
    if len(routes) > instance.vehicles:
        found.append(f"{len(routes)} routes for {instance.vehicles} vehicles")
    visits = sorted(node for route in routes for node in route)
    if visits != list(range(1, len(instance.nodes))):
        found.append("not every node is visited exactly once")
    for index, route in enumerate(routes):
        found += [f"route {index}: {text}" for text in _route_violations(instance, route)]
    return found


def _route_violations(instance: Instance, route: Sequence[int]) -> list[str]:
    n = instance.requests
    found, load, position = [], 0, {node: k for k, node in enumerate(route)}
    for k, node in enumerate(route):
        load += instance.nodes[node].load
        if load > instance.capacity:
            found.append(f"{load} on board after node {node}")
        partner = node + n if node <= n else node - n
        if partner not in position:
            found.append(f"node {node} without node {partner}")
        elif (node <= n) != (k < position[partner]):
            found.append(f"request {min(node, partner)} alights before it boards")
    if not found and route and not _has_schedule(instance, route):
        found.append("no times keep all limits")
    return found


def _has_schedule(instance: Instance, route: Sequence[int]) -> bool:
    """Bellman-Ford on `time[to] >= time[origin] + gap`; point 0 is the origin of time."""
    nodes, n = instance.nodes, instance.requests
    stops = [0, *route, 0]
    place = {node: k + 2 for k, node in enumerate(route)}
    gaps: list[tuple[int, int, float]] = []
    for k, node in enumerate(stops):
        gaps.append((0, k + 1, float(nodes[node].earliest)))
        gaps.append((k + 1, 0, -float(nodes[node].latest)))
        if k > 0:
            before = stops[k - 1]
            service = float(nodes[before].service) if k > 1 else 0.0
            gaps.append((k, k + 1, service + instance.distance(before, node)))
    for node, at in place.items():
        if node <= n:
            longest = float(nodes[node].service) + float(instance.max_ride)
            gaps.append((place[node + n], at, -longest))
    gaps.append((len(stops), 1, -float(instance.max_route)))
    times = [0.0] * (len(stops) + 1)
    for _ in range(len(times) + 1):
        changed = False
        for origin, to, gap in gaps:
            if times[origin] + gap > times[to] + _TOLERANCE:
                times[to], changed = times[origin] + gap, True
        if not changed:
            return True
    return False


def _request(instance: Instance, i: int, legs: npt.NDArray[np.int32], ticks: int) -> Request:
    n = instance.requests
    origin, goal, depot = instance.nodes[i], instance.nodes[i + n], instance.nodes[0]
    if origin.service != goal.service:
        raise BenchmarkError(f"{instance.name}: request {i} boards and alights at different pace")
    service = math.ceil(origin.service * ticks)
    longest = math.floor(instance.max_ride * ticks)
    direct = int(legs[i, i + n])
    board = math.ceil(max(origin.earliest, depot.earliest) * ticks)
    board = max(board, math.ceil(depot.earliest * ticks) + int(legs[0, i]))
    due = math.floor(min(goal.latest, depot.latest) * ticks)
    due = min(due, math.floor(depot.latest * ticks) - service - int(legs[i + n, 0]))
    alight = math.ceil(goal.earliest * ticks)
    leave = math.floor(origin.latest * ticks)
    board = max(board, alight - longest - service)
    leave = min(leave, due - direct - service)
    alight = max(alight, board + service + direct)
    due = min(due, leave + service + longest)
    if board > leave or alight > due:
        raise BenchmarkError(f"{instance.name}: request {i} cannot be served at all")
    pair = StopPair(
        pickup_stop=i,
        dropoff_stop=i + n,
        pickup_earliest_s=board,
        pickup_latest_s=leave,
        arrival_latest_s=due,
        max_ride_s=longest,
        dropoff_earliest_s=alight,
    )
    return Request(str(i), (pair,), board, seats=origin.load, board_s=service)


def _legs(instance: Instance, ticks: int) -> npt.NDArray[np.int32]:
    """Int32[S, S]: exact roots rounded up, so the triangle inequality survives."""
    finest = max(0, *(-_exponent(v) for node in instance.nodes for v in (node.x, node.y)))
    grid = 10**finest
    points = [(int(node.x * grid), int(node.y * grid)) for node in instance.nodes]
    size = len(points)
    legs = np.zeros((size, size), dtype=np.int32)
    for a, (x, y) in enumerate(points):
        for b in range(a):
            square = ((x - points[b][0]) ** 2 + (y - points[b][1]) ** 2) * ticks**2
            # ceil(sqrt(square) / grid), in integers
            below = math.isqrt(max(square - 1, 0)) // grid
            legs[a, b] = legs[b, a] = below + 1 if square > 0 else 0
    return legs


def _ticks(instance: Instance) -> int:
    """Ticks per time unit, the most that fit."""
    xs, ys = [node.x for node in instance.nodes], [node.y for node in instance.nodes]
    widest = (max(xs) - min(xs)) + (max(ys) - min(ys))
    longest = max(instance.nodes[0].latest, instance.max_route, instance.max_ride, widest)
    ticks = _TICKS
    while longest * ticks >= _LONGEST and ticks > 1:
        ticks //= 10
    if longest * ticks >= _LONGEST:
        raise BenchmarkError(f"{instance.name}: numbers beyond {_LONGEST}")
    return ticks


def _node(words: Sequence[str]) -> Node:
    _, x, y, service, load, earliest, latest = words
    numbers = [Decimal(word) for word in (x, y, service, earliest, latest)]
    if not all(number.is_finite() for number in numbers):
        raise ValueError(f"node {words[0]} is not finite")
    x_, y_, service_, earliest_, latest_ = numbers
    return Node(x_, y_, service_, int(Decimal(load)), earliest_, latest_)


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _natural(name: str) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
