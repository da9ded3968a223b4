"""Riders' commands that arrive together, decided together: never worse than one by one.

Each is decided on its own first. Where that leaves somebody without a ride, or several riders are
to be placed, the whole open plan is searched with all of them in it; what is found counts only if
it is better by the objective. A single rider for whom there is no room is a batch, too: the others'
rides may be moved inside their promises to make some.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from random import Random
from typing import NamedTuple, TypeVar

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.events import Event
from dispatch.domain.model import Booking, Party, Shift
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State
from dispatch.engine.closed_roads import by_roads
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.offers import Candidate, candidate
from dispatch.engine.problem import (
    Planning,
    plan_booking,
    planning,
    request_for,
    rests_on_the_road,
    suitable_shifts,
)
from dispatch.engine.proposals import Proposals
from dispatch.engine.rides import Asked, Rides
from routing import plans

Outcome = list[Event] | DomainError
_Command = TypeVar("_Command", bound=cmd.Command)
_ANYBODY = Party(1)
_NEAR_MAX = 12
"""Shifts among which room is looked for, for each party; of these so many can carry it:"""
_ABLE_MAX = 8
_AROUND_S = 1800
_ATTEMPTS = 3
"""How often room is looked for, longer each time, before an offer is said to be gone."""


class _Need(NamedTuple):
    """When and where (stop index) a party wants to board."""

    span_s: tuple[int, int]
    stop: int
    party: Party


class Batches:
    """Decides riders' commands in groups."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._rides = Rides(config, network)
        self._proposals = Proposals(config, network)

    def request(
        self, state: State, asks: Sequence[cmd.RequestRide], now_s: int, rng: Random
    ) -> list[Outcome]:
        """Answer requests with offers that fit together, if that lets more of them ride."""
        looked: list[Asked | DomainError] = []
        for ask in asks:
            try:
                looked.append(self._rides.look(Draft(state, now_s, rng), ask))
            except DomainError as error:
                looked.append(error)
        known = [asked for asked in looked if isinstance(asked, Asked)]
        together = self._fitting(state, known, now_s)
        outcomes: list[Outcome] = []
        for asked in looked:
            if isinstance(asked, DomainError):
                outcomes.append(asked)
                continue
            draft = Draft(state, now_s, rng)
            self._rides.answer(draft, asked, together.get(asked.request.id))
            outcomes.append(draft.events)
        return outcomes

    def accept(
        self, state: State, takes: Sequence[cmd.AcceptOffer], now_s: int, rng: Random
    ) -> list[Outcome]:
        """Turn offers into bookings, all of them if there is a way."""
        outcomes, after = _one_by_one(self._rides.accept, state, takes, now_s, rng)
        if not self._config.rules.joint_iterations:
            return outcomes
        missed = [o for o in outcomes if _has_no_room(o)]
        placed = [k for k, o in enumerate(outcomes) if not isinstance(o, DomainError)]
        if missed:
            return self._all_placed(state, after, takes, outcomes, Draft(state, now_s, rng))
        if len(placed) > 1:
            more = self._improved(Draft(after, now_s, rng), _bookings(outcomes))
            last = outcomes[placed[-1]]
            if not isinstance(last, DomainError):
                outcomes[placed[-1]] = [*last, *more]
        return outcomes

    def around(self, state: State, bookings: Sequence[Booking], now_s: int) -> Planning | None:
        """The shifts that pass by where and when these bookings are to be picked up.

        None where closures have them drive on different roads, or cut a stop of theirs off.
        """
        now = self._planning(state, map(self._need, bookings), now_s)
        reached = now is not None and _reaches(now.network, map(self._wanted, bookings))
        return now if reached else None

    def squeeze(self, draft: Draft, booking: Booking, placed: Callable[[Booking], Event]) -> bool:
        """Put a booking somewhere by moving others inside their promises.

        Args:
            draft: to write to; untouched if there is no way.
            booking: on no shift's plan.
            placed: makes the event from the booking with its shift; the plans follow it.

        Returns:
            Whether there was a way.
        """
        if not self._config.rules.joint_iterations:
            return False
        now = self._planning(draft.state, [self._need(booking)], draft.now_s)
        wanted = self._wanted(booking)
        if now is None or not _reaches(now.network, [wanted]):
            return False
        found = self._best_of(now.problem, [wanted], draft.now_s)
        if booking.id not in found.served or rests_on_the_road(found.problem):
            return False
        draft.emit(placed(replace(booking, shift_id=_carriers(now, found.problem)[booking.id])))
        self._proposals.put(draft, now, found.problem)
        return True

    def _fitting(self, state: State, known: Sequence[Asked], now_s: int) -> dict[str, Candidate]:
        """What to offer so that more of the requests can ride than if each took its own best."""
        rules = self._config.rules
        asked = {a.request.id: a for a in known if a.wanted is not None}
        if not rules.joint_iterations or not asked or _apart(asked.values()):
            return {}
        now = self._planning(state, [_need_of(a) for a in asked.values()], now_s)
        wanted = [replace(a.wanted, id=key) for key, a in asked.items() if a.wanted is not None]
        if now is None or not _reaches(now.network, wanted):
            return {}
        in_turn, cost = _in_turn(now.problem, wanted)
        if len(in_turn) == len(wanted):
            return {}
        found = plans.improve(now.problem, wanted, iterations=rules.joint_iterations, seed=now_s)
        better = len(found.served) > len(in_turn) and found.cost < cost
        if not better or rests_on_the_road(found.problem):
            return {}
        return self._candidates(found, asked)

    def _candidates(
        self, found: "plans.Improvement", asked: dict[str, Asked]
    ) -> dict[str, Candidate]:
        starts = _starts(found.problem, found.served)
        result = {}
        for key, pair in found.served.items():
            a = asked[key]
            if a.wanted is None or a.ends is None:
                continue
            cost = a.found[0].cost if a.found else 0
            times_s = (starts[plans.Action("pickup", key)], starts[plans.Action("dropoff", key)])
            rules = self._config.rules
            result[key] = candidate(rules, a.wanted.pairs[pair], a.ends, cost, times_s)
        return result

    def _all_placed(
        self,
        state: State,
        after: State,
        takes: Sequence[cmd.AcceptOffer],
        outcomes: list[Outcome],
        draft: Draft,
    ) -> list[Outcome]:
        """Place all who have taken an offer anew, with the whole open plan; if that is better."""
        bookings = self._to_place(draft, takes, outcomes)
        now = self._planning(state, map(self._need, bookings.values()), draft.now_s)
        wanted = [self._wanted(booking) for booking in bookings.values()]
        if now is None or not _reaches(now.network, wanted):
            return outcomes
        found = self._best_of(now.problem, wanted, draft.now_s)
        left_out = sum(_has_no_room(outcomes[k]) for k in bookings)
        shifts = [after.shifts[shift.id] for shift in now.shifts]
        singly = planning(self._config, self._network, after, shifts, draft.now_s).problem
        worse = found.cost >= plans.plan_cost(singly) + left_out * _unserved_cost(singly)
        if worse or rests_on_the_road(found.problem):
            return outcomes
        result = list(outcomes)
        carrier = _carriers(now, found.problem)
        last = None
        for k, booking in bookings.items():
            if booking.id not in found.served:
                result[k] = DomainError(
                    ErrorCode.OFFER_NO_LONGER_AVAILABLE, "the room was taken meanwhile"
                )
                continue
            draft.emit(ev.BookingMade(replace(booking, shift_id=carrier[booking.id])))
            result[k], last = draft.events[-1:], k
        made = len(draft.events)
        self._proposals.put(draft, now, found.problem)
        if last is not None:
            result[last] = [draft.events[made - 1], *draft.events[made:]]
        return result

    def _best_of(
        self, problem: plans.Problem, wanted: Sequence[plans.Request], seed: int
    ) -> "plans.Improvement":
        """A search that does not give up at once where an offer has been made."""
        best = None
        for attempt in range(_ATTEMPTS):
            iterations = (attempt + 1) * self._config.rules.joint_iterations
            found = plans.improve(problem, wanted, iterations=iterations, seed=seed + attempt)
            best = found if best is None or found.cost < best.cost else best
            if len(best.served) == len(wanted):
                break
        if best is None:
            raise ValueError("a search needs an attempt")
        return best

    def _to_place(
        self, draft: Draft, takes: Sequence[cmd.AcceptOffer], outcomes: Sequence[Outcome]
    ) -> dict[int, Booking]:
        """The bookings to be placed by command; one for each request, rather one that had room."""
        chosen: dict[str, int] = {}
        bookings: dict[int, Booking] = {}
        for k, (take, outcome) in enumerate(zip(takes, outcomes, strict=True)):
            if isinstance(outcome, DomainError) and not _has_no_room(outcome):
                continue
            booking = self._rides.booking_for(draft, take)
            other = chosen.get(booking.request_id)
            if other is not None:
                if isinstance(outcome, DomainError):
                    continue
                del bookings[other]
            chosen[booking.request_id] = k
            bookings[k] = booking
        return bookings

    def _improved(self, draft: Draft, bookings: Iterable[Booking]) -> list[Event]:
        """What makes the plan better after several bookings have been placed in it."""
        rules = self._config.rules
        now = self._planning(draft.state, map(self._need, bookings), draft.now_s)
        if now is None:
            return draft.events
        found = plans.improve(now.problem, iterations=rules.joint_iterations, seed=draft.now_s)
        least = self._config.weights.drive * rules.replan_gain_min_s
        better = found.cost_before - found.cost >= max(1, least)
        if better and not rests_on_the_road(found.problem):
            self._proposals.put(draft, now, found.problem)
        return draft.events

    def _wanted(self, booking: Booking) -> plans.Request:
        return request_for(plan_booking(self._config, self._network, booking))

    def _need(self, booking: Booking) -> _Need:
        terms = booking.in_force
        span_s = (terms.pickup_from_s, terms.pickup_to_s)
        return _Need(span_s, self._network.stop_index[terms.pickup_stop_id], booking.party)

    def _planning(self, state: State, needs: Iterable[_Need], now_s: int) -> Planning | None:
        """The shifts that pass by at these times: who can carry the riders, and who can make room.

        In a large fleet only the nearest ones, so that the time this takes does not grow with it.
        None where closures have them drive on different roads.
        """
        shifts: dict[str, Shift] = {}
        for need in needs:
            able = suitable_shifts(self._config, state, need.party, need.span_s, now_s)
            others = suitable_shifts(self._config, state, _ANYBODY, need.span_s, now_s)
            near = self._nearest(able, need)[:_ABLE_MAX]
            near += [s for s in self._nearest(others, need)[:_NEAR_MAX] if s not in near]
            shifts |= {shift.id: shift for shift in near[:_NEAR_MAX]}
        if len(by_roads(self._network, state.closures, shifts.values())) > 1:
            return None
        return planning(self._config, self._network, state, shifts.values(), now_s)

    def _nearest(self, shifts: Iterable[Shift], need: _Need) -> list[Shift]:
        """Shifts by how near their plans come to a stop around a time."""
        from_s, to_s = need.span_s[0] - _AROUND_S, need.span_s[1] + _AROUND_S
        index, matrix = self._network.stop_index, self._network.travel.matrix_s

        def away_s(shift: Shift) -> int:
            places = [
                index[visit.stop_id]
                for visit in shift.visits
                if visit.depart_s >= from_s and visit.arrive_s <= to_s
            ]
            if not places:
                before = [v.stop_id for v in shift.visits if v.depart_s < from_s][-1:]
                places = [index[(*before, shift.anchor.stop_id or shift.depot_stop_id)[0]]]
            return int(min(matrix[place, need.stop] for place in places))

        return sorted(shifts, key=lambda shift: (away_s(shift), shift.id))


def _apart(asked: Collection[Asked]) -> bool:
    """Whether all can ride as suits best, for each would be in another vehicle."""
    vehicle_ids = {a.vehicle_id for a in asked if a.found}
    return len(vehicle_ids) == len(asked)


def _carriers(now: Planning, problem: plans.Problem) -> dict[str, str]:
    """The shift of each booking (and break)."""
    return {
        action.booking: now.shifts[v].id
        for v, vehicle in enumerate(problem.vehicles)
        for action in vehicle.route
    }


def grouped(commands: Sequence[cmd.Command]) -> list[list[cmd.Command]]:
    """Neighbouring commands that can be decided together; every other one is alone."""
    groups: list[list[cmd.Command]] = []
    for kind, neighbours in groupby(commands, type):
        members = list(neighbours)
        joint = kind in {cmd.RequestRide, cmd.AcceptOffer}
        groups += [members] if joint else [[member] for member in members]
    return groups


def _one_by_one(
    decide: Callable[[Draft, _Command], None],
    state: State,
    commands: Sequence[_Command],
    now_s: int,
    rng: Random,
) -> tuple[list[Outcome], State]:
    """Each command on the state that those before it leave, and the state after the last."""
    outcomes: list[Outcome] = []
    for command in commands:
        draft = Draft(state, now_s, rng)
        try:
            decide(draft, command)
        except DomainError as error:
            outcomes.append(error)
            continue
        outcomes.append(draft.events)
        state = draft.state
    return outcomes, state


def _in_turn(problem: plans.Problem, wanted: Sequence[plans.Request]) -> tuple[list[str], int]:
    """Who rides if each in turn takes the cheapest way there is, and what the plan costs then."""
    served = []
    for request in wanted:
        found = plans.best_insertions(problem, request)
        if len(found):
            problem = plans.route_with(problem, found[0].vehicle, request, found[0]).problem
            served.append(request.id)
    left_out = len(wanted) - len(served)
    return served, plans.plan_cost(problem) + left_out * _unserved_cost(problem)


def _unserved_cost(problem: plans.Problem) -> int:
    return problem.weights.drive * problem.weights.unserved_s


def _starts(problem: plans.Problem, wanted: Iterable[str]) -> dict[plans.Action, int]:
    """When the actions of some bookings begin."""
    ids = set(wanted)
    starts: dict[plans.Action, int] = {}
    for v, vehicle in enumerate(problem.vehicles):
        if not ids.isdisjoint(action.booking for action in vehicle.route):
            schedule = plans.evaluate(problem, v)
            starts |= dict(zip(vehicle.route, schedule.start_s.tolist(), strict=True))
    return starts


def _reaches(network: Network, wanted: Iterable[plans.Request]) -> bool:
    """Whether there is a road to all stops that are asked for."""
    cut_off = {network.stop_index[stop_id] for stop_id in network.cut_off}
    pairs = (pair for request in wanted for pair in request.pairs)
    return all(cut_off.isdisjoint((pair.pickup_stop, pair.dropoff_stop)) for pair in pairs)


def _has_no_room(outcome: Outcome) -> bool:
    return isinstance(outcome, DomainError) and outcome.code == ErrorCode.OFFER_NO_LONGER_AVAILABLE


def _bookings(outcomes: Sequence[Outcome]) -> list[Booking]:
    return [
        event.booking
        for outcome in outcomes
        if not isinstance(outcome, DomainError)
        for event in outcome
        if isinstance(event, ev.BookingMade)
    ]


def _need_of(asked: Asked) -> _Need:
    window, wanted = asked.window, asked.wanted
    if window is None or wanted is None:
        raise ValueError("nothing was asked of the plans")
    span_s = (window.from_s, window.board_by_s)
    return _Need(span_s, wanted.pairs[0].pickup_stop, asked.ask.party)
