"""Records that have been checked and laid out before: for callers that build problem after problem.

Records are immutable, so what has been found out about one holds for as long as it is the same
object. Nothing here changes what a problem looks like, only how long it takes to build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from routing.plans import kernel
from routing.plans.checks import check_booking, check_route, require
from routing.plans.records import Action, Booking, Break, Vehicle, Weights
from routing.plans.rows import booking_rows, break_row, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from routing.plans.kernel import Ints, ShortInts

_REMEMBERED_MAX = 50_000


class _LaidOut(NamedTuple):
    """A booking's two nodes, the drop-off's partner as if it were node 0."""

    booking: Booking
    rows: Ints
    pickup: Action
    dropoff: Action


class _Checked(NamedTuple):
    """A route that makes sense with these bookings and breaks."""

    route: tuple[Action, ...]
    breaks: tuple[Break, ...]
    bookings: tuple[Booking, ...]


class Seen:
    """What has been seen so far; hand the same one to `build_problem` again and again."""

    def __init__(self) -> None:
        self._matrix: tuple[npt.ArrayLike, ShortInts] | None = None
        self._weights: Weights | None = None
        self._bookings: dict[str, _LaidOut] = {}
        self._routes: dict[str, _Checked] = {}

    def matrix(self, matrix_s: npt.ArrayLike) -> ShortInts:
        """The matrix for the kernels, int32[S, S].

        Raises:
            InvalidProblemError: its shape or an entry is wrong.
        """
        if self._matrix is None or self._matrix[0] is not matrix_s:
            matrix: ShortInts = frozen(matrix_s, np.int32)
            square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] > 0  # noqa: PLR2004 - dimensions
            require(square, "matrix is not square")
            require(bool((matrix >= 0).all()), "matrix has negative entries")
            require(not matrix.diagonal().any(), "matrix diagonal is not zero")
            self._forget()
            self._matrix = (matrix_s, matrix)
        return self._matrix[1]

    def bookings(
        self, bookings: Iterable[Booking], stops: int, weights: Weights
    ) -> dict[str, Booking]:
        """The bookings by id, each checked once.

        Raises:
            InvalidProblemError: a field is out of range, or an id is there twice.
        """
        if weights != self._weights or len(self._bookings) > _REMEMBERED_MAX:
            self._forget()
            self._weights = weights
        by_id: dict[str, Booking] = {}
        for booking in bookings:
            require(booking.id not in by_id, f"booking {booking.id} given twice")
            by_id[booking.id] = booking
            known = self._bookings.get(booking.id)
            if known is None or known.booking is not booking:
                check_booking(booking, stops)
                self._bookings[booking.id] = _laid_out(booking, weights)
        return by_id

    def check_route(self, vehicle: Vehicle, bookings: Mapping[str, Booking]) -> None:
        """As `checks.check_route`, once for each route and its bookings.

        Raises:
            InvalidProblemError: an action is missing, twice, or in the wrong order.
        """
        known = self._routes.get(vehicle.id)
        if (
            known is not None
            and known.route is vehicle.route
            and known.breaks == vehicle.breaks
            and all(bookings.get(b.id) is b for b in known.bookings)
        ):
            return
        check_route(vehicle, bookings)
        named = dict.fromkeys(a.booking for a in vehicle.route if a.kind != "break")
        used = tuple(bookings[name] for name in named)
        self._routes[vehicle.id] = _Checked(vehicle.route, vehicle.breaks, used)

    def nodes(
        self, vehicles: Sequence[Vehicle], bookings: Mapping[str, Booking]
    ) -> tuple[Ints, dict[Action, int]]:
        """int64[N, 12] and the node of each action: bookings first, then breaks.

        Args:
            vehicles: for their breaks.
            bookings: as `bookings` has returned them.
        """
        numbers: dict[Action, int] = {}
        parts: list[Ints] = []
        for booking_id in bookings:
            known = self._bookings[booking_id]
            numbers[known.pickup], numbers[known.dropoff] = len(numbers), len(numbers) + 1
            parts.append(known.rows)
        pauses = [pause for vehicle in vehicles for pause in vehicle.breaks]
        for pause in pauses:
            numbers[Action("break", pause.id)] = len(numbers)
        rows = np.array([break_row(pause) for pause in pauses], dtype=np.int64)
        table = np.concatenate([*parts, rows.reshape(len(pauses), kernel.NODE_COLUMNS)])
        partners = table[1 : 2 * len(parts) : 2, kernel.PARTNER]
        partners[:] = np.where(partners == kernel.NO_PARTNER, partners, range(0, 2 * len(parts), 2))
        return frozen(table, np.int64), numbers

    def _forget(self) -> None:
        self._bookings.clear()
        self._routes.clear()


def _laid_out(booking: Booking, weights: Weights) -> _LaidOut:
    rows = np.array(booking_rows(booking, weights, 0), dtype=np.int64)
    return _LaidOut(booking, rows, Action("pickup", booking.id), Action("dropoff", booking.id))
