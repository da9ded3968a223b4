"""Better plans proposed from outside a decision: worked into the present, or turned down.

A proposal was made on plans as they were some seconds ago. What has happened since is kept: what is
done is dropped from it, who is on board stays there, whoever came since then is added.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, cast

from dispatch.domain.commands import ProposedRoute, ProposePlans
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.events import BookingMoved
from dispatch.domain.model import Shift, ShiftStatus
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.breaches import SAVED_MIN_S, breaches
from dispatch.engine.closed_roads import by_roads
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.problem import (
    Planning,
    planning,
    request_for,
    rests_on_the_road,
    takes_riders,
)
from dispatch.engine.visits import PlanWriter, scheduled
from routing import plans

Route = tuple[plans.Action, ...]


class Proposals:
    """Decides whether proposed plans are taken."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._writer = PlanWriter(config, network)

    def take(self, draft: Draft, proposal: ProposePlans) -> None:
        """Put proposed plans in force, all of them, as they fit into the present.

        Raises:
            DomainError: too old, against a promise or a rule, or not worth the change.
        """
        if draft.now_s > proposal.expires_at_s:
            raise DomainError(ErrorCode.PROPOSAL_STALE, "the proposal has expired")
        shifts = self._shifts(draft, proposal)
        now = planning(self._config, self._network, draft.state, shifts, draft.now_s)
        routes = {route.shift_id: _actions(route.actions) for route in proposal.routes}
        better = rebased(now.problem, routes)
        if better is None or rests_on_the_road(better) or not self._may_move(draft, now, better):
            raise DomainError(ErrorCode.PROPOSAL_INFEASIBLE, "the plans would break a promise")
        saved = _cost(now.problem) - _cost(better)
        least = max(1, self._config.weights.drive * self._config.rules.replan_gain_min_s)
        if saved < least and not self._saves_promises(draft, now, better):
            raise DomainError(ErrorCode.PROPOSAL_NOT_BETTER, "the plans are not better by enough")
        self.put(draft, now, better)

    def _shifts(self, draft: Draft, proposal: ProposePlans) -> list[Shift]:
        ids = {route.shift_id for route in proposal.routes}
        known = [draft.state.shifts[i] for i in ids if i in draft.state.shifts]
        if len(known) < len(ids) or any(s.status is ShiftStatus.ENDED for s in known):
            raise DomainError(ErrorCode.PROPOSAL_STALE, "a shift is over")
        if len(by_roads(self._network, draft.state.closures, known)) > 1:
            raise DomainError(ErrorCode.PROPOSAL_STALE, "the shifts drive on different roads")
        return known

    def _may_move(self, draft: Draft, now: Planning, better: plans.Problem) -> bool:
        """Whether all that move go to shifts that may be given riders."""
        receivers = {to for _, _, to in _moves(now.problem, better)}
        config, state, now_s = self._config, draft.state, draft.now_s
        return all(takes_riders(config, state, now.shifts[v], now_s) for v in receivers)

    def _saves_promises(self, draft: Draft, now: Planning, better: plans.Problem) -> bool:
        """Whether a promise is missed by less, or somebody gets a driver; none is missed by more.

        The limits that `better` keeps are the promises, as far as they can be kept at all.
        """
        late_s = sum(breaches(now.promised, now.problem).values())
        saved_s = late_s - sum(breaches(now.promised, better).values())
        leaves = {origin for _, origin, _ in _moves(now.problem, better)}
        config, state, now_s = self._config, draft.state, draft.now_s
        deserted = any(not takes_riders(config, state, now.shifts[v], now_s) for v in leaves)
        return saved_s >= SAVED_MIN_S or deserted

    def put(self, draft: Draft, now: Planning, better: plans.Problem) -> None:
        """Put routes in force as they are; `better` has the vehicles of `now`, in order."""
        for booking_id, old, new in _moves(now.problem, better):
            moved = BookingMoved(booking_id, now.shifts[old].id, now.shifts[new].id, draft.now_s)
            draft.emit(moved)
        for v, shift_before in enumerate(now.problem.vehicles):
            if shift_before.route != better.vehicles[v].route:
                actions = scheduled(self._network, better, v, plans.evaluate(better, v))
                self._writer.adopt(draft, now.shifts[v], now.where[v], actions)


def propose(now: Planning, better: plans.Problem, expires_at_s: int) -> ProposePlans:
    """The command that puts the routes of `better` that differ from those of `now` in force.

    Args:
        now: the shifts as they were when `better` was looked for.
        better: has the vehicles of `now`, in order.
        expires_at_s: when it is no longer to be taken.
    """
    routes = (
        ProposedRoute(shift.id, shift.version, tuple((a.kind, a.booking) for a in new.route))
        for shift, old, new in zip(now.shifts, now.problem.vehicles, better.vehicles, strict=True)
        if old.route != new.route
    )
    return ProposePlans(tuple(routes), expires_at_s)


def rebased(problem: plans.Problem, proposed: Mapping[str, Route]) -> plans.Problem | None:
    """The problem with proposed routes, brought up to date with what it knows.

    Actions it does not know any more are dropped; what has to stay first or on its vehicle does;
    what the proposal does not know is put where it costs least.

    Args:
        problem: as things stand; broken limits relaxed.
        proposed: by vehicle id.

    Returns:
        None if that is not feasible.
    """
    known = {action for vehicle in problem.vehicles for action in vehicle.route}
    bound = dict(_bound(problem))
    home = {b: v for v, vehicle in enumerate(problem.vehicles) for b in vehicle.pinned}
    placed: set[plans.Action] = set()
    routes: list[Route] = []
    for v, vehicle in enumerate(problem.vehicles):
        head = vehicle.route[: vehicle.locked]
        wanted = [a for a in dict.fromkeys(proposed.get(vehicle.id, ())) if a not in head]
        own = (a for a in wanted if home.get(a.booking, v) == v)
        fits = (a for a in own if a in known - placed and _belongs(a, v, wanted, bound))
        routes.append((*head, *fits))
        placed.update(routes[v])
    return _completed(problem, routes, known - placed, bound, home)


def _bound(problem: plans.Problem) -> Iterator[tuple[plans.Action, int]]:
    """Actions that only one vehicle can do: locked ones, breaks, and setting down who is aboard."""
    for v, vehicle in enumerate(problem.vehicles):
        head = vehicle.route[: vehicle.locked]
        for action in vehicle.route:
            boards = plans.Action("pickup", action.booking)
            aboard = action.kind == "dropoff" and (boards in head or boards not in vehicle.route)
            if action in head or action.kind not in {"pickup", "dropoff"} or aboard:
                yield action, v


def _belongs(
    action: plans.Action,
    vehicle: int,
    wanted: Sequence[plans.Action],
    bound: Mapping[plans.Action, int],
) -> bool:
    """Whether a proposed action can be on this vehicle: its own, or one of a complete pair."""
    if action in bound:
        return bound[action] == vehicle
    pair = [a for a in wanted if a.booking == action.booking]
    return [a.kind for a in pair] == ["pickup", "dropoff"] and bound.keys().isdisjoint(pair)


def _completed(
    problem: plans.Problem,
    routes: list[Route],
    missing: set[plans.Action],
    bound: Mapping[plans.Action, int],
    home: Mapping[str, int],
) -> plans.Problem | None:
    """Add what the routes lack: bound actions on their vehicles, bookings where they cost least.

    Who is pinned is at `home` in one vehicle only.
    """
    late = sorted(missing & bound.keys())
    for action in late:
        routes[bound[action]] += (action,)
    current = plans.with_routes(problem, routes)
    for action in late:
        current = _settled(current, bound[action], action)
    ids = {action.booking for action in missing - bound.keys()}
    for booking in sorted(
        (problem.bookings[i] for i in ids), key=lambda b: (b.pickup_latest_s, b.id)
    ):
        request = request_for(booking)
        found = plans.best_insertions(current, request)
        fitting = (f for f in found if home.get(booking.id, f.vehicle) == f.vehicle)
        best = next(fitting, None)
        if best is None:
            return None
        current = plans.route_with(current, best.vehicle, request, best).problem
    indices = range(len(current.vehicles))
    return current if all(plans.evaluate(current, v).feasible for v in indices) else None


def _settled(problem: plans.Problem, vehicle: int, action: plans.Action) -> plans.Problem:
    """The problem with one action of a vehicle where it costs least, if there is such a place."""
    record = problem.vehicles[vehicle]
    others = [a for a in record.route if a != action]
    boards = plans.Action("pickup", action.booking)
    first = others.index(boards) + 1 if boards in others else 0
    best, least = problem, None
    for position in range(max(first, record.locked), len(others) + 1):
        route = (*others[:position], action, *others[position:])
        trial = plans.replace_vehicle(problem, vehicle, replace(record, route=route))
        schedule = plans.evaluate(trial, vehicle)
        if schedule.feasible and (least is None or schedule.cost < least):
            best, least = trial, schedule.cost
    return best


def _moves(before: plans.Problem, after: plans.Problem) -> list[tuple[str, int, int]]:
    """The bookings that change vehicles, as (booking id, from, to), by booking id; not new ones."""
    was = {a.booking: v for v, vehicle in enumerate(before.vehicles) for a in vehicle.route}
    now = {a.booking: v for v, vehicle in enumerate(after.vehicles) for a in vehicle.route}
    return [(k, was[k], now[k]) for k in sorted(now) if k in was and was[k] != now[k]]


def _cost(problem: plans.Problem) -> int:
    return sum(plans.evaluate(problem, v).cost for v in range(len(problem.vehicles)))


def _actions(pairs: Sequence[tuple[str, str]]) -> Route:
    return tuple(
        plans.Action(cast("Literal['pickup', 'dropoff']", kind), key) for kind, key in pairs
    )
