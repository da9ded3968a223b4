"""The search for plans under which fewer promises break: nobody is later for it than otherwise.

A problem for planning has broken limits raised to what will happen, so its objective sees no
lateness. Here the limits are set back to the promises, everybody who can still be placed otherwise
is taken out of the plan in danger, and a search puts them back.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from dispatch.engine.breaches import SAVED_MIN_S, Breach, breaches
from dispatch.engine.problem import Planning, request_for, rests_on_the_road
from routing import plans

Share = tuple[int, int]
_NONE: Final[Share] = (0, 1)
_SHARES: Final[tuple[Share, ...]] = (_NONE, (1, 2))
"""How much of the present lateness is allowed, first and second: none, half."""
_TRIES: Final = 3
_UNSERVED_S: Final = 1_000_000


def rescued(
    now: Planning, shift_id: str, *, deserted: bool, seed: int, iterations: int
) -> plans.Problem | None:
    """Better plans for a shift in danger and those around it.

    Args:
        now: these shifts as things stand.
        shift_id: whose plan breaks promises, or who has no driver.
        deserted: whether the latter.
        seed: of the searches.
        iterations: of each of a few searches.

    Returns:
        The problem with other routes, under which no promise is missed by more than as things
        stand and some by less; None if none was found.
    """
    index = next(v for v, shift in enumerate(now.shifts) if shift.id == shift_id)
    before = breaches(now.promised, now.problem)
    if deserted:
        found = _elsewhere(now, index, iterations, seed)
        moved = found.vehicles[index].route != now.problem.vehicles[index].route
        return found if moved and not _is_worse(now, before, found) else None
    for found in _attempts(now, index, iterations, seed):
        after = breaches(now.promised, found)
        saved_s = sum(before.values()) - sum(after.values())
        if saved_s >= SAVED_MIN_S and not _is_worse(now, before, found):
            return found
    return None


def _is_worse(now: Planning, before: Mapping[Breach, int], found: plans.Problem) -> bool:
    after = breaches(now.promised, found)
    return rests_on_the_road(found) or any(
        late_s > before.get(key, 0) for key, late_s in after.items()
    )


def _attempts(now: Planning, index: int, iterations: int, seed: int) -> Iterator[plans.Problem]:
    """Plans to consider, those that change least first."""
    yield _sooner(now, index)
    taken = _movable(now.problem.vehicles[index])
    for share in _SHARES if taken else ():
        problem = _tightened(now, share)
        vehicles = list(problem.vehicles)
        vehicles[index] = _without(vehicles[index], taken)
        found = _placed(now, problem, vehicles, (taken, iterations, seed))
        if found.served.keys() == taken:
            yield found.problem


def _sooner(now: Planning, index: int) -> plans.Problem:
    """The same with one stop of somebody who would be late made sooner, where that is best."""
    best, least = now.problem, sum(breaches(now.promised, now.problem).values())
    record = now.problem.vehicles[index]
    for k, action in enumerate(record.route):
        if action.kind != "dropoff" or k <= record.locked:
            continue
        rest = (*record.route[:k], *record.route[k + 1 :])
        for position in range(record.locked, k):
            route = (*rest[:position], action, *rest[position:])
            if plans.Action("pickup", action.booking) in route[position:]:
                continue
            changed = replace(now.promised.vehicles[index], route=route)
            trial = plans.relaxed(plans.replace_vehicle(now.problem, index, changed), index)
            if not plans.evaluate(trial, index).feasible:
                continue
            late_s = sum(breaches(now.promised, trial).values())
            if late_s < least:
                best, least = trial, late_s
    return best


def _elsewhere(now: Planning, index: int, iterations: int, seed: int) -> plans.Problem:
    """As many riders of a shift without a driver as possible on others; the rest stay."""
    problem, taken = _tightened(now, _NONE), _movable(now.problem.vehicles[index])
    vehicles = list(problem.vehicles)
    deserted = vehicles.pop(index)
    found = _placed(now, problem, vehicles, (taken, iterations, seed))
    vehicles = list(found.problem.vehicles)
    vehicles.insert(index, _without(deserted, set(found.served)))
    bookings = {**now.problem.bookings, **found.problem.bookings}
    return plans.relaxed_all(_problem(problem, vehicles, bookings.values()))


def _placed(
    now: Planning,
    problem: plans.Problem,
    vehicles: Iterable[plans.Vehicle],
    wanted: tuple[set[str], int, int],
) -> plans.Improvement:
    """The vehicles with all riders taken out, or most; who fits nowhere may be as late as now.

    Args:
        now: as things stand.
        problem: the limits to keep.
        vehicles: without those who are to be placed.
        wanted: the bookings to be placed, iterations and seed of the search.
    """
    taken, iterations, seed = wanted
    stay = (b for b in problem.bookings.values() if b.id not in taken)
    rest = plans.relaxed_all(_problem(problem, vehicles, stay))
    limits = {b: problem.bookings[b] for b in sorted(taken)}
    for attempt in range(_TRIES):
        requests = [request_for(limit) for limit in limits.values()]
        found = plans.improve(rest, requests, iterations=iterations, seed=seed + attempt)
        missing = limits.keys() - found.served.keys()
        if not missing:
            break
        limits |= {b: now.problem.bookings[b] for b in missing}
    return found


def _without(vehicle: plans.Vehicle, bookings: set[str]) -> plans.Vehicle:
    route = tuple(action for action in vehicle.route if action.booking not in bookings)
    return replace(vehicle, route=route)


def _movable(vehicle: plans.Vehicle) -> set[str]:
    """The bookings of a route that are neither on board nor about to be, nor pinned to it."""
    ahead = vehicle.route[vehicle.locked :]
    return {action.booking for action in ahead if action.kind == "pickup"} - vehicle.pinned


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
