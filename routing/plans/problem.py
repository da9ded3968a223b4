"""The dial-a-ride problem as a struct of arrays, and the checked way to build one from records.

A `Problem` is immutable; `replace_vehicle` gives the next one after a decision without rebuilding
the others. Stops are indices into the matrix, vehicles are indices into `vehicles`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from routing.plans import kernel
from routing.plans.errors import InvalidProblemError
from routing.plans.kernel import Arrays, Ints, ShortInts
from routing.plans.records import UNDER_WAY, Action, Booking, Request, Vehicle, Weights

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
        action_table: int64[12, A], rows as numbered in `kernel`, route after route.
        weight_table: int64[4], the weights in the kernels' order.
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
    action_table: Ints
    weight_table: Ints

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Pickling forgets that arrays are read-only, and the kernels would compile once more.
        for value in state.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        self.__dict__.update(state)

    @property
    def arrays(self) -> Arrays:
        """The tables as the kernels take them."""
        return Arrays(
            self.matrix_s,
            self.base_s,
            self.speed_permille,
            self.setup_s,
            self.weight_table,
            self.vehicle_table,
            self.start_legs_s,
            self.configurations,
            self.action_table,
        )


def build_problem(
    *,
    matrix_s: npt.ArrayLike,
    profile: Profile,
    vehicles: Sequence[Vehicle],
    bookings: Iterable[Booking],
    weights: Weights,
    setup_s: int,
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

    Raises:
        InvalidProblemError: a shape, a range or a reference is wrong; the message says which.
    """
    matrix = _frozen(matrix_s, np.int32)
    speed = _frozen(profile.speed_permille, np.int32)
    _require(matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] > 0, "matrix is not square")  # noqa: PLR2004 - dimensions
    _require(bool((matrix >= 0).all()), "matrix has negative entries")
    _require(not matrix.diagonal().any(), "matrix diagonal is not zero")
    _require(speed.ndim == 1 and len(speed) > 0, "traffic profile has no hours")
    _require(bool((speed > 0).all()), "traffic stands still for an hour")
    _require(setup_s >= 0, "setup_s is negative")
    _require(min(weights.drive, weights.wait, weights.ride, weights.walk) >= 0, "negative weight")
    by_id: dict[str, Booking] = {}
    for booking in bookings:
        _require(booking.id not in by_id, f"booking {booking.id} given twice")
        _check_booking(booking, len(matrix))
        by_id[booking.id] = booking
    _require(len({v.id for v in vehicles}) == len(vehicles), "two vehicles with the same id")
    for vehicle in vehicles:
        _check_vehicle(vehicle, len(matrix))
        _check_route(vehicle, by_id)
    planned = [action for vehicle in vehicles for action in vehicle.route]
    _require(len(set(planned)) == len(planned), "a booking is on two routes")
    return _assemble(
        matrix=matrix,
        base_s=int(profile.base_s),
        speed=speed,
        setup_s=setup_s,
        weights=weights,
        vehicles=tuple(vehicles),
        bookings=by_id,
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
    known = dict(problem.bookings)
    for booking in bookings:
        _check_booking(booking, len(problem.matrix_s))
        known[booking.id] = booking
    _check_vehicle(vehicle, len(problem.matrix_s))
    _check_route(vehicle, known)
    others = problem.vehicles[:index] + problem.vehicles[index + 1 :]
    _require(all(vehicle.id != other.id for other in others), "two vehicles with the same id")
    planned = {action for other in others for action in other.route}
    _require(planned.isdisjoint(vehicle.route), "a booking is on two routes")
    table = problem.vehicle_table
    begin, end = int(table[index, kernel.ROUTE_BEGIN]), int(table[index, kernel.ROUTE_END])
    route = _route_table(vehicle, known, problem.weights)
    actions = problem.action_table
    actions = np.concatenate((actions[:, :begin], route, actions[:, end:]), axis=1)
    configurations, spans = _configurations([*problem.vehicles[:index], vehicle, *others[index:]])
    vehicles = (*problem.vehicles[:index], vehicle, *others[index:])
    new_table = table.copy()
    new_table[:, kernel.CONFIG_BEGIN : kernel.CONFIG_END + 1] = spans
    shift = route.shape[1] - (end - begin)
    new_table[index + 1 :, kernel.ROUTE_BEGIN : kernel.ROUTE_END + 1] += shift
    new_table[index] = _vehicle_row(vehicle, known, begin, begin + route.shape[1], spans[index])
    legs = problem.start_legs_s.copy()
    legs[index] = _start_legs(vehicle, problem.matrix_s)
    return replace(
        problem,
        vehicles=vehicles,
        bookings=known,
        vehicle_table=_frozen(new_table, np.int64),
        start_legs_s=_frozen(legs, np.int32),
        configurations=configurations,
        action_table=_frozen(actions, np.int64),
    )


def request_table(request: Request, stops: int) -> Ints:
    """The request for the kernels: int64[P, 12], one row per stop pair, columns ASK_*.

    Raises:
        InvalidProblemError: a pair or the party is out of range.
    """
    _require(len(request.pairs) > 0, f"request {request.id} has no stop pair")
    rows = []
    for pair in range(len(request.pairs)):
        b = request.booking(pair)
        _check_booking(b, stops)
        limits = (b.pickup_earliest_s, b.pickup_latest_s, b.arrival_latest_s, b.max_ride_s)
        party = (b.seats, b.wheelchairs, b.persons, b.board_s, b.wish_earliest_s)
        rows.append((b.pickup_stop, b.dropoff_stop, *limits, b.walk_s, *party))
    return np.array(rows, dtype=np.int64)


def _assemble(
    *,
    matrix: ShortInts,
    base_s: int,
    speed: ShortInts,
    setup_s: int,
    weights: Weights,
    vehicles: tuple[Vehicle, ...],
    bookings: dict[str, Booking],
) -> Problem:
    configurations, spans = _configurations(vehicles)
    table = np.zeros((len(vehicles), kernel.VEHICLE_COLUMNS), dtype=np.int64)
    legs = np.zeros((len(vehicles), len(matrix)), dtype=np.int32)
    routes = [_route_table(vehicle, bookings, weights) for vehicle in vehicles]
    begin = 0
    for index, vehicle in enumerate(vehicles):
        end = begin + routes[index].shape[1]
        table[index] = _vehicle_row(vehicle, bookings, begin, end, spans[index])
        legs[index] = _start_legs(vehicle, matrix)
        begin = end
    empty = np.zeros((kernel.ACTION_ROWS, 0), dtype=np.int64)
    w = (weights.drive, weights.wait, weights.ride, weights.walk)
    return Problem(
        matrix_s=matrix,
        base_s=base_s,
        speed_permille=speed,
        setup_s=setup_s,
        weights=weights,
        vehicles=vehicles,
        bookings=bookings,
        vehicle_table=_frozen(table, np.int64),
        start_legs_s=_frozen(legs, np.int32),
        configurations=configurations,
        action_table=_frozen(np.concatenate([empty, *routes], axis=1), np.int64),
        weight_table=_frozen(w, np.int64),
    )


def _route_table(vehicle: Vehicle, bookings: Mapping[str, Booking], weights: Weights) -> Ints:
    """int64[12, n]: the vehicle's actions with everything the kernels need to know of them."""
    columns = []
    picked: dict[str, int] = {}
    for position, action in enumerate(vehicle.route):
        b = bookings[action.booking]
        if action.kind == "pickup":
            picked[b.id] = position
            columns.append(
                (
                    b.pickup_stop,
                    b.pickup_earliest_s,
                    b.pickup_latest_s,
                    b.board_s,
                    b.seats,
                    b.wheelchairs,
                    kernel.NO_PARTNER,
                    b.max_ride_s,
                    b.persons * weights.wait,
                    b.wish_earliest_s,
                    b.persons * weights.walk * b.walk_s,
                    kernel.PICKUP,
                )
            )
            continue
        latest, since = b.arrival_latest_s, 0
        if b.boarded_at_s is not None:
            latest, since = min(latest, b.boarded_at_s + b.max_ride_s), b.boarded_at_s
        columns.append(
            (
                b.dropoff_stop,
                kernel.NEVER,
                latest,
                b.board_s,
                -b.seats,
                -b.wheelchairs,
                picked.get(b.id, kernel.NO_PARTNER),
                b.max_ride_s,
                b.persons * weights.ride,
                since,
                0,
                kernel.DROPOFF,
            )
        )
    table = np.array(columns, dtype=np.int64).reshape(len(columns), kernel.ACTION_ROWS)
    return np.ascontiguousarray(table.T)


def _vehicle_row(
    vehicle: Vehicle, bookings: Mapping[str, Booking], begin: int, end: int, span: Ints
) -> Ints:
    on_board = [bookings[a.booking] for a in vehicle.route if a.kind == "dropoff"]
    on_board = [b for b in on_board if b.boarded_at_s is not None]
    row = np.zeros(kernel.VEHICLE_COLUMNS, dtype=np.int64)
    row[kernel.START_TIME] = vehicle.start_time_s
    row[kernel.START_STOP] = vehicle.start_stop
    row[kernel.DWELLING] = vehicle.start_dwelling
    row[kernel.END_STOP] = vehicle.end_stop
    row[kernel.END_TIME] = vehicle.end_time_s
    row[kernel.LOCKED] = vehicle.locked
    row[kernel.ROUTE_BEGIN], row[kernel.ROUTE_END] = begin, end
    row[kernel.CONFIG_BEGIN], row[kernel.CONFIG_END] = span
    row[kernel.LOAD_SEATS] = sum(b.seats for b in on_board)
    row[kernel.LOAD_WHEELCHAIRS] = sum(b.wheelchairs for b in on_board)
    return row


def _configurations(vehicles: Sequence[Vehicle]) -> tuple[Ints, Ints]:
    """int64[C, 2] of all vehicles and int64[V, 2], the span of each."""
    rows = [c for vehicle in vehicles for c in vehicle.configurations]
    ends = np.cumsum([len(vehicle.configurations) for vehicle in vehicles], dtype=np.int64)
    begins = np.concatenate(([0], ends[:-1])) if vehicles else ends
    table = np.array(rows, dtype=np.int64).reshape(len(rows), 2)
    return _frozen(table, np.int64), np.stack((begins, ends), axis=1).astype(np.int64)


def _start_legs(vehicle: Vehicle, matrix: ShortInts) -> ShortInts:
    if vehicle.start_leg_s is None:
        row: ShortInts = matrix[vehicle.start_stop]
        return row
    return np.asarray(vehicle.start_leg_s, dtype=np.int32)


def _check_booking(booking: Booking, stops: int) -> None:
    b, name = booking, f"booking {booking.id}"
    _require(0 <= b.pickup_stop < stops and 0 <= b.dropoff_stop < stops, f"{name}: no such stop")
    _require(b.pickup_earliest_s <= b.pickup_latest_s, f"{name}: pick-up window is empty")
    _require(min(b.max_ride_s, b.board_s, b.walk_s) >= 0, f"{name}: negative duration")
    _require(min(b.seats, b.wheelchairs, b.persons) >= 0, f"{name}: negative party")
    _require(b.seats + b.wheelchairs > 0, f"{name}: takes no place")


def _check_vehicle(vehicle: Vehicle, stops: int) -> None:
    v, name = vehicle, f"vehicle {vehicle.id}"
    _require(0 <= v.end_stop < stops, f"{name}: no such depot")
    _require(v.start_stop == UNDER_WAY or 0 <= v.start_stop < stops, f"{name}: no such start")
    _require(len(v.configurations) > 0, f"{name}: no capacity configuration")
    _require(all(min(c) >= 0 for c in v.configurations), f"{name}: negative capacity")
    _require(0 <= v.locked <= len(v.route), f"{name}: locks more actions than it has")
    if v.start_leg_s is None:
        _require(v.start_stop != UNDER_WAY, f"{name}: under way without start_leg_s")
        return
    legs = np.asarray(v.start_leg_s)
    _require(legs.shape == (stops,), f"{name}: start_leg_s has shape {legs.shape}, not ({stops},)")
    _require(bool((legs >= 0).all()), f"{name}: start_leg_s has negative entries")


def _check_route(vehicle: Vehicle, bookings: Mapping[str, Booking]) -> None:
    name = f"vehicle {vehicle.id}"
    seen: set[Action] = set()
    for action in vehicle.route:
        where = f"{name}: {action.kind} of {action.booking}"
        booking = bookings.get(action.booking)
        _require(booking is not None, f"{where}: no such booking")
        _require(action.kind in {"pickup", "dropoff"}, f"{where}: no such kind")
        _require(action not in seen, f"{where}: twice")
        boarded = booking is not None and booking.boarded_at_s is not None
        if action.kind == "pickup":
            _require(not boarded, f"{where}: is on board already")
        else:
            picked = Action("pickup", action.booking) in seen
            _require(boarded or picked, f"{where}: not picked up before")
        seen.add(action)
    for action in seen:
        if action.kind == "pickup":
            _require(
                Action("dropoff", action.booking) in seen, f"{name}: {action.booking} stays aboard"
            )


def _frozen(values: npt.ArrayLike, dtype: type[Any]) -> npt.NDArray[Any]:
    """A read-only C-contiguous array: one array type, so each kernel compiles once."""
    array = np.ascontiguousarray(values, dtype=dtype).view()
    array.flags.writeable = False
    return array


def _require(condition: bool, message: str) -> None:  # noqa: FBT001 - reads like assert
    if not condition:
        raise InvalidProblemError(message)
