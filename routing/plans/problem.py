"""The dial-a-ride problem as a struct of arrays, and the checked way to build one from records.

A `Problem` is immutable; `replace_vehicle` gives the next one after a decision without rebuilding
the others. Stops are indices into the matrix, vehicles are indices into `vehicles`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from routing.plans import kernel, scratch
from routing.plans.checks import check_booking, check_route, check_vehicle, require
from routing.plans.kernel import Arrays, Ints, Routes, ShortInts
from routing.plans.records import Action, Booking, Request, Vehicle, Weights
from routing.plans.rows import booking_rows, break_row, frozen
from routing.plans.seen import Numbers, Seen, joined, load_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Profile(Protocol):
    """The traffic profile as far as plans need it: `routing.roads.traffic.TrafficProfile`."""

    @property
    def base_s(self) -> int:
        """First second of the first hour."""

    @property
    def speed_permille(self) -> ShortInts:
        """Driving progress per wall second in each hour, int32[H], 1000 = free flow."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Fleet, routes and travel times, ready for the kernels; build it with `build_problem`.

    Attributes:
        matrix_s: int32[S, S], free-flow seconds between stops; obeys the triangle inequality.
        base_s: first second of the traffic profile.
        speed_permille: int32[H], traffic by hour.
        setup_s: seconds to open and close at a stop.
        weights: of the objective.
        vehicles: the records behind the tables, routes included.
        bookings: all bookings by id, those on no route too.
        vehicle_table: int64[V, 12], columns as numbered in `kernel`.
        start_legs_s: int32[V, S], from each vehicle to every stop.
        configurations: int64[C, 2], (seats, wheelchairs).
        nodes: int64[N, 12], columns as numbered in `kernel`; a drop-off follows its pick-up.
        numbers: the node of each action.
        routes: the vehicles' routes as nodes, with costs and bounds.
    """

    matrix_s: ShortInts
    base_s: int
    speed_permille: ShortInts
    setup_s: int
    weights: Weights
    vehicles: tuple[Vehicle, ...]
    bookings: Mapping[str, Booking]
    vehicle_table: Ints
    start_legs_s: ShortInts
    configurations: Ints
    nodes: Ints
    numbers: Numbers
    routes: Routes

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Pickling forgets that arrays are read-only, and the kernels would compile once more.
        state.pop("arrays", None)
        for value in state.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        self.__dict__.update(state)

    @cached_property
    def arrays(self) -> Arrays:
        """The tables as the kernels take them."""
        return Arrays(
            self.matrix_s,
            self.base_s,
            self.speed_permille,
            bool((self.speed_permille == kernel.PERMILLE).all()),
            int(self.speed_permille.max()),
            self.setup_s,
            self.weights.drive,
            self.weights.wait >= self.weights.ride,
            self.vehicle_table,
            self.start_legs_s,
            self.configurations,
            self.nodes,
        )


def build_problem(
    *,
    matrix_s: npt.ArrayLike,
    profile: Profile,
    vehicles: Sequence[Vehicle],
    bookings: Iterable[Booking],
    weights: Weights,
    setup_s: int,
    seen: Seen | None = None,
) -> Problem:
    """Check the parts and lay them out for the kernels.

    Args:
        matrix_s: [S, S] free-flow driving seconds between stops, rounded up from true shortest
            paths: the triangle inequality is taken for granted (checking it costs S³).
        profile: the traffic.
        vehicles: in the order in which ties are broken; sort them by id.
        bookings: every booking on a route, and any others.
        weights: of the objective.
        setup_s: seconds to open and close at a stop, once per stay.
        seen: what earlier problems were built of; saves time where records are the same objects.

    Raises:
        InvalidProblemError: a shape, a range or a reference is wrong; the message says which.
    """
    known = seen or Seen()
    matrix = known.begin(matrix_s, weights)
    speed = frozen(profile.speed_permille, np.int32)
    require(speed.ndim == 1 and len(speed) > 0, "traffic profile has no hours")
    require(bool((speed > 0).all()), "traffic stands still for an hour")
    require(setup_s >= 0, "setup_s is negative")
    rates = (weights.drive, weights.wait, weights.ride, weights.walk, weights.unserved_s)
    require(min(rates) >= 0, "negative weight")
    given = tuple(bookings)
    by_id = {booking.id: booking for booking in given}
    require(len(by_id) == len(given), "a booking was given twice")
    require(len({v.id for v in vehicles}) == len(vehicles), "two vehicles with the same id")
    breaks = [b for vehicle in vehicles for b in vehicle.breaks]
    require(len({b.id for b in breaks}) == len(breaks), "two breaks with the same id")
    for vehicle in vehicles:
        check_vehicle(vehicle, len(matrix))
    return _assemble(
        matrix=matrix,
        base_s=int(profile.base_s),
        speed=speed,
        setup_s=setup_s,
        weights=weights,
        vehicles=tuple(vehicles),
        bookings=by_id,
        seen=known,
    )


def replace_vehicle(
    problem: Problem, index: int, vehicle: Vehicle, bookings: Iterable[Booking] = ()
) -> Problem:
    """The problem with one vehicle (its route, place or limits) exchanged.

    Args:
        problem: stays as it is.
        index: which vehicle.
        vehicle: its new record.
        bookings: new bookings, or new versions of known ones on this vehicle's route.

    Raises:
        InvalidProblemError: as in `build_problem`, as far as this vehicle goes.
    """
    return replace_vehicles(problem, {index: vehicle}, bookings)


def replace_vehicles(
    problem: Problem, changed: Mapping[int, Vehicle], bookings: Iterable[Booking] = ()
) -> Problem:
    """As `replace_vehicle`, for several vehicles by index."""
    known, newer = dict(problem.bookings), {booking.id: booking for booking in bookings}
    for booking in newer.values():
        check_booking(booking, len(problem.matrix_s))
    known |= newer
    vehicles = tuple(changed.get(index, vehicle) for index, vehicle in enumerate(problem.vehicles))
    _check_changed(problem, changed, vehicles, known)
    nodes, numbers = _changed_nodes(problem, newer.values(), changed.values())
    configurations, spans = _configurations(vehicles)
    table, legs = problem.vehicle_table.copy(), problem.start_legs_s.copy()
    table[:, kernel.CONFIG_BEGIN : kernel.CONFIG_END + 1] = spans
    longest = max((len(vehicle.route) for vehicle in changed.values()), default=0)
    routes = scratch.copy_routes(problem.routes, max(problem.routes.nodes.shape[1], longest))
    for index, vehicle in changed.items():
        load = load_of(vehicle.route, known)
        table[index] = _vehicle_rows([vehicle], [load], spans[index : index + 1])
        legs[index] = _start_legs(vehicle, problem.matrix_s)
        routes.nodes[index, : len(vehicle.route)] = [numbers[a] for a in vehicle.route]
        routes.length[index] = len(vehicle.route)
    table[:, kernel.KIN] = _kin(vehicles)
    after = replace(
        problem,
        vehicles=vehicles,
        bookings=known,
        vehicle_table=frozen(table, np.int64),
        start_legs_s=frozen(legs, np.int32),
        configurations=configurations,
        nodes=nodes,
        numbers=numbers,
        routes=routes,
    )
    for index in changed:
        scratch.rebuild_one(after.arrays, routes, index)
    return after


def alone(problem: Problem, index: int) -> Problem:
    """The problem with one of its vehicles only, and the bookings on its route."""
    vehicle, one = problem.vehicles[index], slice(index, index + 1)
    names = dict.fromkeys(a.booking for a in vehicle.route if a.kind != "break")
    configurations, spans = _configurations([vehicle])
    table = problem.vehicle_table[one].copy()
    table[:, kernel.CONFIG_BEGIN : kernel.CONFIG_END + 1] = spans
    table[:, kernel.KIN] = 0
    return replace(
        problem,
        vehicles=(vehicle,),
        bookings={name: problem.bookings[name] for name in names},
        vehicle_table=frozen(table, np.int64),
        start_legs_s=frozen(problem.start_legs_s[one], np.int32),
        configurations=configurations,
        routes=kernel.Routes._make(column[one].copy() for column in problem.routes),
    )


def with_routes(
    problem: Problem, routes: Sequence[tuple[Action, ...]], bookings: Iterable[Booking] = ()
) -> Problem:
    """The problem with other routes for all vehicles.

    Args:
        problem: stays as it is.
        routes: one per vehicle.
        bookings: new ones that the routes serve.

    Raises:
        InvalidProblemError: a route makes no sense, or a booking is on two.
    """
    pairs = enumerate(zip(problem.vehicles, routes, strict=True))
    changed = {index: replace(v, route=r) for index, (v, r) in pairs if v.route != r}
    return replace_vehicles(problem, changed, bookings)


def request_nodes(request: Request, stops: int, weights: Weights) -> Ints:
    """The request for the kernels: int64[2 P, 12], two nodes for each stop pair.

    Raises:
        InvalidProblemError: a pair or the party is out of range.
    """
    require(len(request.pairs) > 0, "request {} has no stop pair", request.id)
    rows: list[tuple[int, ...]] = []
    for pair in range(len(request.pairs)):
        booking = request.booking(pair)
        check_booking(booking, stops)
        rows += booking_rows(booking, weights, 2 * pair)
    return np.array(rows, dtype=np.int64)


def _assemble(
    *,
    matrix: ShortInts,
    base_s: int,
    speed: ShortInts,
    setup_s: int,
    weights: Weights,
    vehicles: tuple[Vehicle, ...],
    bookings: Mapping[str, Booking],
    seen: Seen,
) -> Problem:
    stops = len(matrix)
    blocks = [seen.block(vehicle, bookings, stops, weights) for vehicle in vehicles]
    planned = [name for block in blocks for name in block.ids]
    on_routes = frozenset(planned)
    require(len(on_routes) == len(planned), "a booking is on two routes")
    others = [b for name, b in bookings.items() if name not in on_routes]
    nodes, numbers, firsts = joined([*blocks, seen.unplanned(others, stops, weights)])
    configurations, spans = _configurations(vehicles)
    table = _vehicle_rows(vehicles, [block.load for block in blocks], spans)
    table[:, kernel.KIN] = _kin(vehicles)
    legs = np.zeros((len(vehicles), stops), dtype=np.int32)
    room = max((len(vehicle.route) for vehicle in vehicles), default=0)
    routes = scratch.empty_routes(len(vehicles), room)
    for index, (vehicle, block) in enumerate(zip(vehicles, blocks, strict=True)):
        legs[index] = _start_legs(vehicle, matrix)
        routes.length[index] = len(vehicle.route)
        routes.nodes[index, : len(vehicle.route)] = block.nodes + firsts[index]
    problem = Problem(
        matrix_s=matrix,
        base_s=base_s,
        speed_permille=speed,
        setup_s=setup_s,
        weights=weights,
        vehicles=vehicles,
        bookings=bookings,
        vehicle_table=frozen(table, np.int64),
        start_legs_s=frozen(legs, np.int32),
        configurations=configurations,
        nodes=nodes,
        numbers=numbers,
        routes=routes,
    )
    scratch.rebuild_all(problem.arrays, routes)
    return problem


def _check_changed(
    problem: Problem,
    changed: Mapping[int, Vehicle],
    vehicles: Sequence[Vehicle],
    bookings: Mapping[str, Booking],
) -> None:
    """What has to hold of vehicles that are exchanged, and of all together."""
    for vehicle in changed.values():
        check_vehicle(vehicle, len(problem.matrix_s))
        check_route(vehicle, bookings)
    require(len({v.id for v in vehicles}) == len(vehicles), "two vehicles with the same id")
    kept = [v for index, v in enumerate(vehicles) if index not in changed]
    planned = set(chain.from_iterable(v.route for v in changed.values()))
    own = sum(len(v.route) for v in changed.values())
    shared = any(not planned.isdisjoint(v.route) for v in kept)
    require(len(planned) == own and not shared, "a booking is on two routes")
    breaks = [b.id for v in vehicles for b in v.breaks]
    require(len(set(breaks)) == len(breaks), "two breaks with the same id")


def _changed_nodes(
    problem: Problem, bookings: Iterable[Booking], vehicles: Iterable[Vehicle]
) -> tuple[Ints, Numbers]:
    """The node table with these bookings and the vehicles' breaks anew; new ones at the end."""
    table, numbers = problem.nodes.copy(), problem.numbers
    more: dict[Action, int] = {}
    added: list[tuple[int, ...]] = []
    for b in bookings:
        pickup = Action("pickup", b.id)
        number = numbers.get(pickup)
        if number is None:
            number = more[pickup] = len(table) + len(added)
            more[Action("dropoff", b.id)] = number + 1
            added += booking_rows(b, problem.weights, number)
        else:
            table[number : number + 2] = booking_rows(b, problem.weights, number)
    for pause in (pause for vehicle in vehicles for pause in vehicle.breaks):
        action = Action("break", pause.id)
        number = numbers.get(action)
        if number is None:
            more[action] = len(table) + len(added)
            added.append(break_row(pause))
        else:
            table[number] = break_row(pause)
    if added:
        table = np.concatenate((table, np.array(added, dtype=np.int64)))
    return frozen(table, np.int64), numbers.and_also(more)


def _vehicle_rows(
    vehicles: Sequence[Vehicle], loads: Sequence[tuple[int, int]], spans: Ints
) -> Ints:
    """int64[V, 12] but for the kin."""
    table = np.zeros((len(vehicles), kernel.VEHICLE_COLUMNS), dtype=np.int64)
    limits = [kernel.FOREVER if v.max_route_s is None else v.max_route_s for v in vehicles]
    table[:, kernel.START_TIME] = [v.start_time_s for v in vehicles]
    table[:, kernel.START_STOP] = [v.start_stop for v in vehicles]
    table[:, kernel.DWELLING] = [v.start_dwelling for v in vehicles]
    table[:, kernel.END_STOP] = [v.end_stop for v in vehicles]
    table[:, kernel.END_TIME] = [v.end_time_s for v in vehicles]
    table[:, kernel.LOCKED] = [v.locked for v in vehicles]
    table[:, kernel.CONFIG_BEGIN : kernel.CONFIG_END + 1] = spans
    table[:, kernel.LOAD_SEATS] = [seats for seats, _ in loads]
    table[:, kernel.LOAD_WHEELCHAIRS] = [wheelchairs for _, wheelchairs in loads]
    table[:, kernel.MAX_ROUTE] = limits
    return table


def _kin(vehicles: Sequence[Vehicle]) -> list[int]:
    """A number for each vehicle, shared by those whose routes could be exchanged."""
    seen: dict[object, int] = {}
    numbers = []
    for index, v in enumerate(vehicles):
        bound = v.breaks or v.locked or v.pinned or v.start_leg_s is not None
        bound = bound or len({a.booking for a in v.route}) * 2 != len(v.route)  # riders on board
        key: object = index
        if not bound:
            start = (v.start_time_s, v.start_stop, v.start_dwelling)
            key = (*start, v.end_stop, v.end_time_s, v.configurations, v.max_route_s)
        numbers.append(seen.setdefault(key, len(seen)))
    return numbers


def _configurations(vehicles: Sequence[Vehicle]) -> tuple[Ints, Ints]:
    """int64[C, 2] of all vehicles and int64[V, 2], the span of each."""
    rows = [c for vehicle in vehicles for c in vehicle.configurations]
    ends = np.cumsum([len(vehicle.configurations) for vehicle in vehicles], dtype=np.int64)
    begins = np.concatenate(([0], ends[:-1])) if vehicles else ends
    table = np.array(rows, dtype=np.int64).reshape(len(rows), 2)
    return frozen(table, np.int64), np.stack((begins, ends), axis=1).astype(np.int64)


def _start_legs(vehicle: Vehicle, matrix: ShortInts) -> ShortInts:
    if vehicle.start_leg_s is None:
        row: ShortInts = matrix[vehicle.start_stop]
        return row
    return np.asarray(vehicle.start_leg_s, dtype=np.int32)
