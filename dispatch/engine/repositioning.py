"""Where vehicles without work wait: where they are, at the depot, or where requests are likely.

A waiting place is a visit without actions: it gives way to any work, and reaching it completes it.

Method: each request of the near future is expected to be served by the vehicle that reaches it
first. A place is worth the travel time that standing there saves the first of these requests (for
the second the vehicle will have left), and it costs the drive there, and the way back to what comes
next in case nobody asks. Greedy over vehicles and places, as for the maximum expected covering and
median problems (Daskin 1983; van Engelen et al. 2018 for ride pooling).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatch.domain.closures import stops_closed
from dispatch.domain.model import Shift, ShiftStatus, Visit
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.visits import PlanWriter, is_waiting_place
from dispatch.engine.whereabouts import Whereabouts, locate

Floats = npt.NDArray[np.float64]
Seconds = npt.NDArray[np.int32] | npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_HOUR_S = 3600
_DAY_HOURS = 24
_PERMILLE = 1000
_PLACES = 48
_APART_S = 90
_NEAR_S = 600
_MOVES_A_TICK = 4
_BREATHER_S = 300
"""A pause between two visits in which a vehicle counts as free."""
_BUFFER_S = 60
"""Kept between a waiting place and what comes after it."""


class Wish(NamedTuple):
    """A spontaneous ride request: when the ride was to begin, and where."""

    at_s: int
    lon: float
    lat: float


@dataclass(frozen=True, eq=False)
class Forecast:
    """Expected spontaneous ride requests.

    Attributes:
        per_hour: by kind of day, float64[24, S]: requests per hour whose nearest bookable stop is
            this one, by local hour.
    """

    per_hour: Mapping[str, Floats]


def forecast_from(network: Network, wishes: Iterable[Wish], days: Mapping[str, int]) -> Forecast:
    """The mean of past days.

    Args:
        network: its stops and hours.
        wishes: all spontaneous requests of these days, the refused ones too.
        days: how many days of each kind they come from; kinds without days are not forecast.
    """
    stops = [index for index, stop in enumerate(network.stops) if stop.bookable]
    kerbs = np.array([(network.stops[i].lon, network.stops[i].lat) for i in stops])
    squeeze = np.array([np.cos(np.radians(kerbs[:, 1].mean())), 1.0]) if stops else np.ones(2)
    size = (_DAY_HOURS, len(network.stops))
    counts = {kind: np.zeros(size) for kind, number in days.items() if number > 0}
    for wish in wishes:
        local = datetime.fromtimestamp(wish.at_s, network.hours.timezone)
        count = counts.get(network.hours.kind_of(local.date()))
        if count is not None and stops:
            apart = (kerbs - (wish.lon, wish.lat)) * squeeze
            count[local.hour, stops[int(np.argmin((apart**2).sum(axis=1)))]] += 1
    return Forecast({kind: count / days[kind] for kind, count in counts.items()})


@dataclass(frozen=True, eq=False)
class _Idle:
    """A vehicle that could wait elsewhere until it has to be at `next_stop` by `due_s`.

    If its driver has a break before that, it has to be there when the break begins and can go on
    when it ends; without one, `break_s` is `(due_s, now)`.
    """

    shift: Shift
    network: Network
    where: Whereabouts
    legs_s: npt.NDArray[np.int32]
    next_stop: int
    due_s: int
    break_s: tuple[int, int]


class Repositioner:
    """Sends idle vehicles to where they should wait. `forecast` may be exchanged at any time."""

    def __init__(
        self, config: ServiceConfig, network: Network, forecast: Forecast | None = None
    ) -> None:
        self.forecast = forecast
        self._config = config
        self._network = network
        self._writer = PlanWriter(config, network)
        self._places: dict[tuple[int, int], Ints] = {}

    def tick(self, draft: Draft) -> None:
        """Call off waiting that has become too late; let vehicles with nothing to do move."""
        for shift in list(draft.state.shifts.values()):
            if _is_waiting_ahead(shift) and self._is_too_late(draft, shift):
                self._writer.move_on(draft, shift)
        match self._config.repositioning.idle:
            case "depot":
                self._to_depots(draft)
            case "demand":
                self._to_demand(draft)
            case _:
                pass

    def _to_depots(self, draft: Draft) -> None:
        for idle in self._idle(draft):
            shift = idle.shift
            away = idle.where.stop_id != shift.depot_stop_id
            depot = idle.network.stop_index[shift.depot_stop_id]
            if away and not _has_rides(shift) and self._reaches(draft, idle, depot):
                self._writer.wait_at(draft, shift, idle.where, shift.depot_stop_id)

    def _to_demand(self, draft: Draft) -> None:
        rate = self._rate(draft.now_s)
        if rate is None:
            return
        idle = list(self._idle(draft))
        reach = {s.id: self._reach(draft, s, idle) for s in self._at_work(draft)} if idle else {}
        for _ in range(min(len(idle), _MOVES_A_TICK)):
            best = max(
                (self._best_move(draft, one, rate, reach) for one in idle),
                key=lambda move: move[0],
            )
            gain, one, stop = best
            if gain <= self._config.repositioning.min_gain_s * _PERMILLE:
                return
            self._writer.wait_at(draft, one.shift, one.where, self._network.stops[stop].id)
            idle.remove(one)
            reach[one.shift.id] = one.network.travel.matrix_s[stop].astype(np.float64)
            if not idle:
                return

    def _best_move(
        self, draft: Draft, one: _Idle, rate: Floats, reach: Mapping[str, Floats]
    ) -> tuple[float, _Idle, int]:
        """The best place for a vehicle given where all others are: its gain in permille-seconds."""
        config, matrix = self._config, one.network.travel.matrix_s
        others = [times for shift_id, times in reach.items() if shift_id != one.shift.id]
        longest = np.full(len(rate), float(config.rules.immediate_wait_max_s))
        without = np.minimum.reduce([longest, *others])
        gap_s = one.break_s[0] - draft.now_s
        span_s = min(config.repositioning.horizon_s, gap_s)
        expected = rate * (span_s / _HOUR_S)
        places = self._candidates(draft.now_s, rate)
        legs = one.legs_s[places].astype(np.float64)
        onward = matrix[places, one.next_stop].astype(np.float64)
        second = config.weights.drive + config.weights.wait
        value, asked = _worth(without, matrix[places], expected)
        here, _ = _worth(without, one.legs_s[np.newaxis], expected)
        unasked = np.exp(-asked * gap_s / span_s)
        cost = legs + unasked * (onward - float(one.legs_s[one.next_stop]))
        net = second * (value - here) - config.weights.drive * cost
        net[~self._in_time(draft, one, legs, onward)] = -np.inf
        if draft.state.closures:
            net[self._closed(draft, one, places)] = -np.inf
        best = int(np.argmax(net))
        return float(net[best]), one, int(places[best])

    def _closed(self, draft: Draft, one: _Idle, places: Ints) -> list[bool]:
        """At which of some places a vehicle cannot wait, for they are closed."""
        until_s = draft.now_s + self._config.repositioning.horizon_s
        closed = stops_closed(draft.state.closures, draft.now_s, until_s) | one.network.cut_off
        return [one.network.stops[int(stop)].id in closed for stop in places]

    def _idle(self, draft: Draft) -> Iterator[_Idle]:
        """Vehicles on duty that have nothing to do for a while, by shift id."""
        for shift in sorted(draft.state.shifts.values(), key=lambda s: s.id):
            ahead = shift.visits[0] if shift.visits else None
            if shift.status is not ShiftStatus.ACTIVE or shift.current_visit is not None:
                continue
            if shift.vehicle_id in draft.state.out:
                continue
            if ahead is not None and (is_waiting_place(ahead) or ahead.leave_s <= draft.now_s):
                continue
            one = self._free(draft, shift, shift.visits)
            if one.break_s[0] - draft.now_s > _BREATHER_S:
                yield one

    def _free(self, draft: Draft, shift: Shift, ahead: Sequence[Visit]) -> _Idle:
        """A vehicle until the first of these visits that is not a break."""
        breaks = list(takewhile(lambda visit: visit.break_id is not None, ahead))
        after = ahead[len(breaks)] if len(breaks) < len(ahead) else None
        next_id = after.stop_id if after else shift.depot_stop_id
        due_s = after.arrive_s if after else shift.end_s
        rest = (breaks[0].arrive_s, breaks[-1].depart_s) if breaks else (due_s, draft.now_s)
        where = locate(
            self._network, draft.state, shift, draft.now_s, self._config.rules.position_stale_s
        )
        network = self._network.for_shift(shift, draft.state.closures)
        legs_s = network.travel.times_from(where.place)
        return _Idle(shift, network, where, legs_s, network.stop_index[next_id], due_s, rest)

    def _at_work(self, draft: Draft) -> list[Shift]:
        """Shifts that could serve a request within the horizon."""
        soon_s = draft.now_s + self._config.repositioning.horizon_s
        return [
            shift
            for shift in draft.state.shifts.values()
            if shift.vehicle_id not in draft.state.out
            and (
                shift.status is ShiftStatus.ACTIVE
                or (shift.status is ShiftStatus.PLANNED and draft.now_s <= shift.start_s < soon_s)
            )
        ]

    def _reach(self, draft: Draft, shift: Shift, idle: Iterable[_Idle]) -> Floats:
        """In how many seconds the vehicle can be at each stop, at its first breather."""
        for one in idle:
            if one.shift.id == shift.id:
                return one.legs_s.astype(np.float64)
        network = self._network.for_shift(shift, draft.state.closures)
        index, matrix = network.stop_index, network.travel.matrix_s
        if not shift.visits:
            depot = index[shift.anchor.stop_id or shift.depot_stop_id]
            return _later(shift.start_s - draft.now_s, matrix[depot])
        free = shift.visits[-1]
        for visit, after in zip(shift.visits, shift.visits[1:], strict=False):
            if after.leave_s - visit.depart_s >= _BREATHER_S:
                free = visit
                break
        return _later(free.depart_s - draft.now_s, matrix[index[free.stop_id]])

    def _rate(self, now_s: int) -> Floats | None:
        """Requests per hour at each stop in the middle of the horizon."""
        if self.forecast is None:
            return None
        middle_s = now_s + self._config.repositioning.horizon_s // 2
        local = datetime.fromtimestamp(middle_s, self._network.hours.timezone)
        by_hour = self.forecast.per_hour.get(self._network.hours.kind_of(local.date()))
        return None if by_hour is None else by_hour[local.hour]

    def _candidates(self, now_s: int, rate: Floats) -> Ints:
        """The stops nearest to most of the demand, some way apart from each other; the depots."""
        middle_s = now_s + self._config.repositioning.horizon_s // 2
        key = (id(self.forecast), middle_s // _HOUR_S)
        if key not in self._places:
            self._places.clear()
            self._places[key] = self._central_stops(rate)
        return self._places[key]

    def _central_stops(self, rate: Floats) -> Ints:
        matrix = self._network.travel.matrix_s
        central = (np.maximum(0, _NEAR_S - matrix.astype(np.float64)) * rate).sum(axis=1)
        chosen = [i for i, stop in enumerate(self._network.stops) if not stop.bookable]
        for stop in np.argsort(-central, kind="stable"):
            if len(chosen) == _PLACES or central[stop] <= 0:
                break
            if all(matrix[other, stop] >= _APART_S for other in chosen):
                chosen.append(int(stop))
        return np.array(chosen, dtype=np.int64)

    def _is_too_late(self, draft: Draft, shift: Shift) -> bool:
        """Whether what comes after the waiting place could no longer be reached in time."""
        one = self._free(draft, shift, shift.visits[1:])
        return not self._reaches(draft, one, self._network.stop_index[shift.visits[0].stop_id])

    def _reaches(self, draft: Draft, one: _Idle, stop: int) -> bool:
        onward = one.network.travel.matrix_s[[stop], one.next_stop]
        return bool(self._in_time(draft, one, one.legs_s[[stop]], onward)[0])

    def _in_time(
        self, draft: Draft, one: _Idle, legs_s: Seconds, onward_s: Seconds
    ) -> npt.NDArray[np.bool_]:
        """Whether waiting places allow for what follows: bool[P], from both ways' free-flow."""
        begins_s, ends_s = one.break_s
        free_s = self._drivable_s(draft.now_s, draft.now_s, begins_s)
        if ends_s == draft.now_s:
            return legs_s + onward_s <= free_s
        ready_s = ends_s + self._config.rules.boarding_stop_s
        later_s = self._drivable_s(draft.now_s, ready_s, one.due_s)
        return (legs_s <= free_s) & (onward_s <= later_s)

    def _drivable_s(self, now_s: int, from_s: int, to_s: int) -> float:
        """Free-flow seconds that can be driven between two instants, with a minute to spare."""
        driven_ms = self._network.profile(now_s).progress_ms(from_s, max(from_s, to_s))
        return driven_ms / _PERMILLE - _BUFFER_S


def _later(wait_s: int, legs_s: npt.NDArray[np.int32]) -> Floats:
    return legs_s.astype(np.float64) + max(0, wait_s)


def _has_rides(shift: Shift) -> bool:
    return any(visit.actions for visit in shift.visits)


def _is_waiting_ahead(shift: Shift) -> bool:
    visit = shift.visits[0] if shift.visits else None
    return visit is not None and visit.arrived_at_s is None and is_waiting_place(visit)


def _worth(
    without: Floats, times: npt.NDArray[np.int32], expected: Floats
) -> tuple[Floats, Floats]:
    """What standing somewhere saves the first request for which one is the nearest vehicle.

    Args:
        without: float64[S], seconds in which the others reach each stop.
        times: int32[P, S], seconds from each place.
        expected: float64[S], requests expected.

    Returns:
        float64[P] expected seconds saved, float64[P] requests expected in one's own realm.
    """
    saved = np.maximum(0.0, without - times)
    asked = (saved > 0) @ expected
    total = saved @ expected
    first = np.divide(-np.expm1(-asked), asked, out=np.zeros_like(asked), where=asked > 0)
    return total * first, asked
