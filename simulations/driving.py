"""Vehicles on the roads: when they arrive, where they are, what way they have driven.

Without chance a vehicle drives exactly as the engine expects. With it each drive takes longer or
shorter by a factor, and a broken-down vehicle stands still; then vehicles report where they are,
like the real ones, so that the engine knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dispatch.domain.model import Anchor, Fix, Shift, Visit
from dispatch.domain.state import State
from dispatch.engine.network import Network
from routing.roads.graph import Place, position_of
from simulations.processes import Processes

_MS = 1000
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Leg:
    """A piece of driving: from one place to another with the same people on board.

    `to_wait`: towards a place to wait at.

    `lonlat` is the way, ((lon, lat), ...) in degrees.
    """

    shift_id: str
    from_s: int
    to_s: int
    length_m: float
    booking_ids: tuple[str, ...]
    to_depot: bool = False
    to_wait: bool = False
    lonlat: tuple[tuple[float, float], ...] = ()


class Driving:
    """How the vehicles of a day move.

    Args:
        network: the town's roads.
        processes: what disturbs them.
        state: of the service; vehicles drive around what is closed in it.
    """

    def __init__(self, network: Network, processes: Processes, state: State) -> None:
        self._network = network
        self._processes = processes
        self._state = state
        self._halts: dict[str, int] = {}
        self._standing: dict[str, Sequence[tuple[int, int]]] = {}
        self._reported_s: dict[str, int] = {}

    @property
    def reports(self) -> bool:
        """Whether vehicles have to report where they are."""
        return self._processes.disturbs_driving

    def begin(self, shift: Shift) -> Sequence[tuple[int, int]]:
        """Draw what will happen to a shift's vehicle; returns its standstills."""
        found = self._processes.standstills(shift.id, shift.start_s, shift.end_s)
        self._standing[shift.id] = found
        return found

    def halted(self, shift_id: str) -> None:
        """A drive is over; the next one is another."""
        self._halts[shift_id] = self._halts.get(shift_id, 0) + 1

    def _roads(self, shift: Shift) -> Network:
        return self._network.for_shift(shift, self._state.closures)

    def left_s(self, anchor: Anchor, visit: Visit) -> int:
        """When a vehicle sets off, or was last known for sure, on its way to its next visit."""
        return anchor.at_s if anchor.stop_id is None else max(anchor.at_s, visit.leave_s)

    def arrival_s(self, shift: Shift, anchor: Anchor, visit: Visit, now_s: int) -> int:
        """When a vehicle gets to its next visit, left to itself."""
        network = self._roads(shift)
        stop = network.stop_index[visit.stop_id]
        leg_s = int(network.travel.times_from(Place(anchor.arc, anchor.offset_ms))[stop])
        return self._driven_s(shift.id, self.left_s(anchor, visit), leg_s, now_s)

    def _driven_s(self, shift_id: str, left_s: int, leg_s: int, now_s: int) -> int:
        """When a drive of so many free-flow seconds is over."""
        network = self._network
        if not self._processes.disturbs_driving:
            return network.drive(now_s, left_s, leg_s)
        todo_s = leg_s * self._factor(shift_id, left_s)
        for from_s, to_s in self._standing.get(shift_id, ()):
            if to_s <= left_s:
                continue
            if left_s < from_s:
                there_s = network.drive(now_s, left_s, round(todo_s))
                if there_s <= from_s:
                    return there_s
                todo_s -= network.profile(now_s).progress_ms(left_s, from_s) / _MS
            left_s = to_s
        return network.drive(now_s, left_s, max(0, round(todo_s)))

    def position(self, shift: Shift, now_s: int) -> Fix | None:
        """Where a vehicle is, if it drives and has not said so this very second."""
        if not shift.visits or shift.current_visit is not None:
            return None
        visit, anchor = shift.visits[0], shift.anchor
        left_s = self.left_s(anchor, visit)
        if left_s >= now_s or now_s == self._reported_s.get(shift.id):
            return None
        self._reported_s[shift.id] = now_s
        network = self._roads(shift)
        driven_ms = sum(
            network.profile(now_s).progress_ms(from_s, to_s)
            for from_s, to_s in self._moving(shift.id, left_s, now_s)
        )
        place = network.travel.advance(
            Place(anchor.arc, anchor.offset_ms),
            network.stop_index[visit.stop_id],
            int(driven_ms / self._factor(shift.id, left_s)),
        )
        lon, lat = position_of(network.graph, place)
        return Fix(now_s, lon, lat, place.arc, place.offset_ms)

    def leg(
        self, before: Shift, until: Anchor, now_s: int, booking_ids: tuple[str, ...]
    ) -> Leg | None:
        """What has been driven on the way to a shift's next visit, up to an anchor; None: nothing.

        Args:
            before: the shift as it was.
            until: where it has come to: the visit's stop, or the place where it turns elsewhere.
            now_s: the instant.
            booking_ids: who is on board.
        """
        network = self._roads(before)
        travel = network.travel
        anchor, visit = before.anchor, before.visits[0]
        target = network.stop_index[visit.stop_id]
        way = travel.path(Place(anchor.arc, anchor.offset_ms), target)
        length_m, rest = way.length_m, 0
        if until.stop_id is None:
            ahead = travel.path(Place(until.arc, until.offset_ms), target)
            length_m, rest = length_m - ahead.length_m, max(0, len(ahead.lons) - 1)
        left_s = self.left_s(anchor, visit)
        if visit.break_id is not None:  # it may have to wait there for the break to begin
            now_s = min(now_s, self.arrival_s(before, anchor, visit, now_s))
        if left_s >= now_s:
            return None
        if length_m <= 0:
            return None
        points = list(zip(way.lons.tolist(), way.lats.tolist(), strict=True))
        if until.stop_id is None:
            points = [*points[: max(1, len(points) - rest)], (until.lon, until.lat)]
        to_wait = not visit.actions and visit.break_id is None
        return Leg(
            before.id,
            left_s,
            now_s,
            length_m,
            booking_ids,
            to_wait=to_wait,
            lonlat=tuple(points),
        )

    def home_s(self, shift: Shift, now_s: int) -> tuple[int, int]:
        """When a vehicle without work sets off to its depot and is there: in time if it can be."""
        network = self._roads(shift)
        origin = Place(shift.anchor.arc, shift.anchor.offset_ms)
        leg_s = int(network.travel.times_from(origin)[network.stop_index[shift.depot_stop_id]])
        left_s = shift.end_s - leg_s
        for _ in range(_TRIES):
            late_s = network.drive(now_s, left_s, leg_s) - shift.end_s
            if late_s <= 0:
                break
            left_s -= late_s
        left_s = max(left_s, shift.anchor.at_s)
        return left_s, self._driven_s(shift.id, left_s, leg_s, now_s)

    def way_to_depot(self, shift: Shift, now_s: int) -> Leg | None:
        """The drive that has brought a vehicle back by now; None if it was there already."""
        network = self._roads(shift)
        depot = network.stop_index[shift.depot_stop_id]
        path = network.travel.path(Place(shift.anchor.arc, shift.anchor.offset_ms), depot)
        left_s, home_s = self.home_s(shift, now_s)
        if path.length_m <= 0 or home_s <= left_s:
            return None
        points = tuple(zip(path.lons.tolist(), path.lats.tolist(), strict=True))
        return Leg(shift.id, left_s, home_s, path.length_m, (), to_depot=True, lonlat=points)

    def _factor(self, shift_id: str, left_s: int) -> float:
        zone = self._network.hours.timezone
        hour = datetime.fromtimestamp(left_s, zone).hour
        return self._processes.drive_factor(shift_id, self._halts.get(shift_id, 0), hour)

    def _moving(self, shift_id: str, from_s: int, to_s: int) -> list[tuple[int, int]]:
        """The pieces of an interval in which a vehicle is not broken down."""
        pieces = []
        for stands_s, goes_s in self._standing.get(shift_id, ()):
            if goes_s > from_s and stands_s < to_s:
                pieces.append((from_s, max(from_s, stands_s)))
                from_s = min(goes_s, to_s)
        return [*pieces, (from_s, to_s)]
