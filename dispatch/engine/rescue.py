"""Promises in danger: riders are moved at once, if that keeps what they and all others were told.

A problem for planning has broken limits raised to what will happen, so its objective sees no
lateness. Here the limits are set back to the promises, everybody who can still be placed otherwise
is taken out of the plans in danger, and a search puts them back. What it finds is taken only if
nobody is later than now and somebody is saved some of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from dispatch.domain.model import Shift, ShiftStatus
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.breaches import breaches, planned_breaches
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.problem import (
    Planning,
    planning,
    request_for,
    rests_on_the_road,
    takes_riders,
)
from dispatch.engine.proposals import Proposals
from routing import plans

_SHIFTS_MAX: Final = 12
"""Plans that are looked at for one in danger, itself among them."""
_ENDANGERED_MAX: Final = 3
"""Plans in danger looked at in one decision; riders' answers wait meanwhile."""
_AGAIN_S: Final = 10
"""What could not be saved is tried again after this time, or when its plan has changed."""
_SAVED_MIN_S: Final = 15
"""A rescue that saves less than this in all is not worth changing plans."""
Share = tuple[int, int]
_NONE: Final[Share] = (0, 1)
_SHARES: Final[tuple[Share, ...]] = (_NONE, (1, 2))
"""How much of the present lateness is allowed, first and second: none, half."""
_TRIES: Final = 3
_UNSERVED_S: Final = 1_000_000
_TOO_FAR_S: Final = 3600
"""Who is to be picked up later than in an hour is saved by the optimiser, in peace."""


class Rescuer:
    """Saves promises, as far as moving riders helps."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._proposals = Proposals(config, network)
        self._vain: dict[str, tuple[int, int]] = {}

    def tick(self, draft: Draft) -> None:
        """Try to save what the present plans would break."""
        if not self._config.rules.rescue_iterations:
            return
        tried = 0
        for shift_id in self._endangered(draft):
            if tried == _ENDANGERED_MAX:
                return
            version = draft.state.shifts[shift_id].version
            last_s, last = self._vain.get(shift_id, (-_AGAIN_S, -1))
            if last == version and 0 <= draft.now_s - last_s < _AGAIN_S:
                continue
            self._vain[shift_id] = (draft.now_s, version)
            concerned = self._concerned(draft, draft.state.shifts[shift_id])
            tried += 1
            self._save(draft, shift_id, concerned)

    def _endangered(self, draft: Draft) -> list[str]:
        """The shifts whose plans break promises, the soonest breach first; driverless ones too."""
        found = []
        for shift in draft.state.shifts.values():
            if shift.status is ShiftStatus.ENDED or not any(v.actions for v in shift.visits):
                self._vain.pop(shift.id, None)
                continue
            soonest_s = shift.visits[0].arrive_s
            if soonest_s - draft.now_s > _TOO_FAR_S:
                continue
            deserted = not takes_riders(self._config, shift, draft.now_s)
            if deserted or any(planned_breaches(draft.state, shift).values()):
                found.append((soonest_s, shift.id))
            else:
                self._vain.pop(shift.id, None)
        return [shift_id for _, shift_id in sorted(found)]

    def _concerned(self, draft: Draft, endangered: Shift) -> list[Shift]:
        """The plan in danger and those of the shifts that come nearest to its riders' stops."""
        ahead = [visit for visit in endangered.visits if visit.actions]
        from_s = min(draft.now_s, ahead[0].arrive_s)
        others = [
            shift
            for shift in draft.state.shifts.values()
            if shift.id != endangered.id
            and shift.start_s <= ahead[-1].depart_s
            and shift.end_s > from_s
            and takes_riders(self._config, shift, draft.now_s)
        ]
        index, matrix = self._network.stop_index, self._network.travel.matrix_s
        stops = [index[visit.stop_id] for visit in ahead]

        def away(shift: Shift) -> tuple[int, str]:
            where = [v.stop_id for v in shift.visits if v.arrive_s <= ahead[-1].depart_s]
            places = [index[i] for i in (*where, shift.anchor.stop_id or shift.depot_stop_id)]
            return int(matrix[places][:, stops].min()), shift.id

        return [endangered, *sorted(others, key=away)[: _SHIFTS_MAX - 1]]

    def _save(self, draft: Draft, shift_id: str, concerned: Iterable[Shift]) -> bool:
        now = planning(self._config, self._network, draft.state, concerned, draft.now_s)
        index = next(v for v, shift in enumerate(now.shifts) if shift.id == shift_id)
        before = breaches(now.promised, now.problem)
        staffed = takes_riders(self._config, now.shifts[index], draft.now_s)
        for share in _SHARES if staffed else _SHARES[:1]:
            if staffed:
                found = self._search(now, index, share, draft.now_s)
            else:
                found = self._search_elsewhere(now, index, draft.now_s)
            if found is None or rests_on_the_road(found):
                continue
            after = breaches(now.promised, found)
            worse = any(late_s > before.get(key, 0) for key, late_s in after.items())
            saved_s = sum(before.values()) - sum(after.values())
            moved = not staffed and found.vehicles[index].route != now.problem.vehicles[index].route
            if not worse and (saved_s >= _SAVED_MIN_S or moved):
                self._proposals.put(draft, now, found)
                return True
        return False

    def _search(self, now: Planning, index: int, share: Share, seed: int) -> plans.Problem | None:
        """The plans with those taken out who can be moved, put back under stricter limits."""
        problem, taken = _tightened(now, share), _movable(now.problem.vehicles[index])
        if not taken:
            return None
        vehicles = list(problem.vehicles)
        vehicles[index] = _without(vehicles[index], taken)
        rest = plans.relaxed_all(_problem(problem, vehicles, problem.bookings.values()))
        limits = {b: problem.bookings[b] for b in taken}
        found = self._placed(rest, limits, now.problem.bookings, seed)
        return found.problem if limits.keys() == found.served.keys() else None

    def _search_elsewhere(self, now: Planning, index: int, seed: int) -> plans.Problem | None:
        """As many riders of a shift without a driver as possible on others; the rest stay."""
        problem, taken = _tightened(now, _NONE), _movable(now.problem.vehicles[index])
        vehicles = list(problem.vehicles)
        deserted = vehicles.pop(index)
        rest = plans.relaxed_all(_problem(problem, vehicles, problem.bookings.values()))
        limits = {b: problem.bookings[b] for b in taken}
        found = self._placed(rest, limits, now.problem.bookings, seed)
        vehicles = list(found.problem.vehicles)
        vehicles.insert(index, _without(deserted, set(found.served)))
        bookings = {**now.problem.bookings, **found.problem.bookings}
        return plans.relaxed_all(_problem(problem, vehicles, bookings.values()))

    def _placed(
        self,
        rest: plans.Problem,
        limits: dict[str, plans.Booking],
        loose: Mapping[str, plans.Booking],
        seed: int,
    ) -> plans.Improvement:
        """The search's best with all of them; who fits nowhere in time may be as late as now."""
        stay = [b for b in rest.bookings.values() if b.id not in limits]
        rest = _problem(rest, rest.vehicles, stay)
        iterations = self._config.rules.rescue_iterations
        for attempt in range(_TRIES):
            requests = [request_for(limits[b]) for b in sorted(limits)]
            found = plans.improve(rest, requests, iterations=iterations, seed=seed + attempt)
            missing = limits.keys() - found.served.keys()
            if not missing:
                break
            limits = limits | {b: loose[b] for b in missing}
        return found


def _without(vehicle: plans.Vehicle, bookings: set[str]) -> plans.Vehicle:
    route = tuple(action for action in vehicle.route if action.booking not in bookings)
    return replace(vehicle, route=route)


def _movable(vehicle: plans.Vehicle) -> set[str]:
    """The bookings of a route that are neither on board nor about to be."""
    ahead = vehicle.route[vehicle.locked :]
    return {action.booking for action in ahead if action.kind == "pickup"}


def _tightened(now: Planning, share: Share) -> plans.Problem:
    """The problem with every limit back at its promise, but for a share of its breach."""
    told, will = now.promised, now.problem
    part, whole = share

    def between(promised: int, raised: int) -> int:
        return promised + (raised - promised) * part // whole

    bookings = (
        replace(
            b,
            pickup_latest_s=between(b.pickup_latest_s, will.bookings[b.id].pickup_latest_s),
            arrival_latest_s=between(b.arrival_latest_s, will.bookings[b.id].arrival_latest_s),
            max_ride_s=between(b.max_ride_s, will.bookings[b.id].max_ride_s),
        )
        for b in told.bookings.values()
    )
    vehicles = [
        replace(
            old,
            end_time_s=between(old.end_time_s, new.end_time_s),
            breaks=tuple(
                replace(b, latest_s=between(b.latest_s, raised.latest_s))
                for b, raised in zip(old.breaks, new.breaks, strict=True)
            ),
        )
        for old, new in zip(told.vehicles, will.vehicles, strict=True)
    ]
    return _problem(will, vehicles, bookings)


def _problem(
    like: plans.Problem, vehicles: Iterable[plans.Vehicle], bookings: Iterable[plans.Booking]
) -> plans.Problem:
    return plans.build_problem(
        matrix_s=like.matrix_s,
        profile=like,
        weights=replace(like.weights, unserved_s=_UNSERVED_S),
        setup_s=like.setup_s,
        vehicles=list(vehicles),
        bookings=list(bookings),
    )
