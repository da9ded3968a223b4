"""Routes that have been checked and laid out before: for callers that build problem after problem.

Records are immutable, so what has been found out about one holds for as long as it is the same
object. Nothing here changes what a problem looks like, only how long it takes to build.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from operator import is_
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from routing.plans import kernel
from routing.plans.checks import check_booking, check_route, require
from routing.plans.records import Action, Booking, Break, Vehicle, Weights
from routing.plans.rows import booking_rows, break_row, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from routing.plans.kernel import Ints, ShortInts

_REMEMBERED_MAX = 20_000
_NOBODY = Vehicle("", 0, 0, 0, 0, ())
_NO_ROWS = np.empty((0, kernel.NODE_COLUMNS), np.int64)


class Block(NamedTuple):
    """A vehicle's share of the node table: its bookings, then its breaks, numbered from 0.

    Attributes:
        route: what it was made from, like `breaks` and `bookings`, which are in order of the route.
        breaks: those of the vehicle.
        ids: of the bookings.
        bookings: those on the route.
        rows: int64[N, 12].
        numbers: of the actions.
        nodes: int32[len(route)], the route as numbers.
        load: (seats, wheelchairs) of who is on board.
    """

    route: tuple[Action, ...]
    breaks: tuple[Break, ...]
    ids: tuple[str, ...]
    bookings: tuple[Booking, ...]
    rows: Ints
    numbers: dict[Action, int]
    nodes: ShortInts
    load: tuple[int, int]


class Numbers(Mapping[Action, int]):
    """The node of each action: of blocks one after the other.

    Args:
        blocks: numbers within a block, and its first node.
    """

    def __init__(self, blocks: Sequence[tuple[Mapping[Action, int], int]]) -> None:
        self._blocks = tuple(blocks)

    def __getitem__(self, action: Action) -> int:
        for numbers, first in self._blocks:
            number = numbers.get(action)
            if number is not None:
                return first + number
        raise KeyError(action)

    def __iter__(self) -> Iterator[Action]:
        return chain.from_iterable(numbers for numbers, _ in self._blocks)

    def __len__(self) -> int:
        return sum(len(numbers) for numbers, _ in self._blocks)

    def and_also(self, more: Mapping[Action, int]) -> Numbers:
        """With the nodes of further actions."""
        return Numbers((*self._blocks, (more, 0))) if more else self


class Seen:
    """What has been seen so far; hand the same one to `build_problem` again and again."""

    def __init__(self) -> None:
        self._matrix: tuple[npt.ArrayLike, ShortInts] | None = None
        self._weights: Weights | None = None
        self._blocks: dict[str, Block] = {}
        self._rows: dict[str, tuple[Booking, Ints]] = {}

    def begin(self, matrix_s: npt.ArrayLike, weights: Weights) -> ShortInts:
        """Begin a problem with these; the matrix for the kernels, int32[S, S].

        Raises:
            InvalidProblemError: the matrix's shape or an entry is wrong.
        """
        if self._matrix is None or self._matrix[0] is not matrix_s:
            matrix: ShortInts = frozen(matrix_s, np.int32)
            square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] > 0  # noqa: PLR2004 - dimensions
            require(square, "matrix is not square")
            require(bool((matrix >= 0).all()), "matrix has negative entries")
            require(not matrix.diagonal().any(), "matrix diagonal is not zero")
            self._forget()
            self._matrix = (matrix_s, matrix)
        if weights != self._weights or len(self._blocks) + len(self._rows) > _REMEMBERED_MAX:
            self._forget()
            self._weights = weights
        return self._matrix[1]

    def _forget(self) -> None:
        self._blocks.clear()
        self._rows.clear()

    def block(
        self, vehicle: Vehicle, bookings: Mapping[str, Booking], stops: int, weights: Weights
    ) -> Block:
        """A vehicle's block, checked and laid out once for each route and its bookings.

        Raises:
            InvalidProblemError: an action is missing, twice, or in the wrong order, or a booking is
                out of range.
        """
        known = self._blocks.get(vehicle.id)
        if (
            known is None
            or known.route is not vehicle.route
            or known.breaks != vehicle.breaks
            or not all(map(is_, map(bookings.get, known.ids), known.bookings))
        ):
            check_route(vehicle, bookings)
            ids = dict.fromkeys(a.booking for a in vehicle.route if a.kind != "break")
            used = tuple(bookings[name] for name in ids)
            known = self._blocks[vehicle.id] = self._laid_out(vehicle, used, stops, weights)
        return known

    def unplanned(self, bookings: Iterable[Booking], stops: int, weights: Weights) -> Block:
        """The block of bookings that are on no route.

        Raises:
            InvalidProblemError: one is out of range.
        """
        return self._laid_out(_NOBODY, tuple(bookings), stops, weights)

    def _laid_out(
        self, vehicle: Vehicle, bookings: tuple[Booking, ...], stops: int, weights: Weights
    ) -> Block:
        numbers: dict[Action, int] = {}
        for number, booking in enumerate(bookings):
            numbers[Action("pickup", booking.id)] = 2 * number
            numbers[Action("dropoff", booking.id)] = 2 * number + 1
        for number, pause in enumerate(vehicle.breaks, 2 * len(bookings)):
            numbers[Action("break", pause.id)] = number
        rows = [_NO_ROWS, *(self._rows_of(booking, stops, weights) for booking in bookings)]
        if vehicle.breaks:
            rows.append(np.array([break_row(pause) for pause in vehicle.breaks], np.int64))
        table = np.concatenate(rows)
        partners = table[:, kernel.PARTNER]
        partners += np.where(partners == kernel.NO_PARTNER, 0, np.arange(len(table)) - 1)
        return Block(
            vehicle.route,
            vehicle.breaks,
            tuple(booking.id for booking in bookings),
            bookings,
            table,
            numbers,
            np.array([numbers[action] for action in vehicle.route], dtype=np.int32),
            load_of(vehicle.route, {booking.id: booking for booking in bookings}),
        )

    def _rows_of(self, booking: Booking, stops: int, weights: Weights) -> Ints:
        """int64[2, 12]: both nodes of a booking, the first of them numbered 0."""
        known = self._rows.get(booking.id)
        if known is None or known[0] is not booking:
            check_booking(booking, stops)
            rows = np.array(booking_rows(booking, weights, 0), np.int64)
            known = self._rows[booking.id] = (booking, rows)
        return known[1]


def joined(blocks: Sequence[Block]) -> tuple[Ints, Numbers, list[int]]:
    """The node table of all blocks, int64[N, 12], the nodes of actions, and each block's first."""
    lengths = [len(block.rows) for block in blocks]
    ends = np.cumsum(lengths, dtype=np.int64)
    firsts = ends - lengths
    table = np.concatenate([block.rows for block in blocks])
    partners = table[:, kernel.PARTNER]
    partners += np.where(partners == kernel.NO_PARTNER, 0, np.repeat(firsts, lengths))
    starts = firsts.tolist()
    named = [(block.numbers, first) for block, first in zip(blocks, starts, strict=True)]
    return frozen(table, np.int64), Numbers(named), starts


def load_of(route: Iterable[Action], bookings: Mapping[str, Booking]) -> tuple[int, int]:
    """(seats, wheelchairs) of the bookings on a route that are on board."""
    alighting = (bookings[a.booking] for a in route if a.kind == "dropoff")
    on_board = [b for b in alighting if b.boarded_at_s is not None]
    return sum(b.seats for b in on_board), sum(b.wheelchairs for b in on_board)
