"""Commands decided together: never worse than one by one, and sometimes better."""

from collections.abc import Callable, Collection
from functools import partial
from random import Random

import pytest
from desk import Desk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_town import grid_config

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import Party, RequestStatus, Spot
from dispatch.domain.rules import Rules
from dispatch.domain.state import State, apply
from dispatch.engine import Network, batching
from dispatch.engine.batching import grouped
from dispatch.engine.invariants import broken_promises, broken_rules
from dispatch.engine.problem import planning
from dispatch.engine.rides import Asked
from routing import plans

Outcome = list[ev.Event] | DomainError


def desk_with(grid: Network, iterations: int, vehicles: int = 1) -> Desk:
    config = grid_config(vehicles, rules=Rules(joint_iterations=iterations))
    return Desk(grid, config)


def ask(desk: Desk, origin: int, destination: int, seats: int = 1, **times: int) -> cmd.RequestRide:
    return cmd.RequestRide(desk.stop(origin), desk.stop(destination), Party(seats), **times)


def together(desk: Desk, commands: list[cmd.Command]) -> list[Outcome]:
    outcomes = desk.engine.decide_batch(desk.state, commands, desk.now_s, desk.rng)
    assert len(outcomes) == len(commands)
    for outcome in outcomes:
        if not isinstance(outcome, DomainError):
            for event in outcome:
                apply(desk.state, event)
            desk.log += outcome
    return outcomes


def one_by_one(desk: Desk, commands: list[cmd.Command]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for command in commands:
        try:
            outcomes.append(desk.do(command))
        except DomainError as error:
            outcomes.append(error)
    return outcomes


def cost(desk: Desk, left_out: int) -> int:
    """The objective: all open plans, and those who are left without a ride."""
    shifts = [s for s in desk.state.shifts.values() if s.status.value != "ended"]
    problem = planning(desk.config, desk.network, desk.state, shifts, desk.now_s).problem
    weights = problem.weights
    return plans.plan_cost(problem) + left_out * weights.drive * weights.unserved_s


def offers(outcomes: list[Outcome]) -> list[cmd.Command]:
    first = []
    for outcome in outcomes:
        assert not isinstance(outcome, DomainError)
        answer = outcome[0]
        assert isinstance(answer, ev.RideOffered | ev.RideRefused)
        first += [cmd.AcceptOffer(o.id, "rd_1") for o in answer.request.offers[:1]]
    return first


def booked(outcomes: list[Outcome]) -> int:
    return sum(not isinstance(outcome, DomainError) for outcome in outcomes)


def copy_of(desk: Desk, grid: Network, iterations: int) -> Desk:
    """Another desk in the same situation."""
    other = desk_with(grid, iterations, vehicles=len(desk.config.vehicles))
    other.state = State(
        dict(desk.state.requests),
        dict(desk.state.bookings),
        dict(desk.state.shifts),
        dict(desk.state.fixes),
        dict(desk.state.offers),
    )
    other.now_s, other.rng = desk.now_s, Random(5)
    return other


def test_only_neighbours_of_a_kind_are_decided_together(grid: Network) -> None:
    desk = desk_with(grid, 0)
    one, take, tick = ask(desk, 0, 20), cmd.AcceptOffer("of_1", "rd_1"), cmd.Tick()
    assert grouped([one, one, take, take, tick, tick, one]) == [
        [one, one],
        [take, take],
        [tick],
        [tick],
        [one],
    ]


def test_outcomes_come_in_order_and_errors_stay_where_they_belong(grid: Network) -> None:
    desk = desk_with(grid, 50)
    good, empty = ask(desk, 0, 40), ask(desk, 0, 40, seats=0)
    outcomes = together(desk, [good, empty, good, cmd.Tick(), cmd.AcceptOffer("of_none", "rd_1")])
    codes = [o.code if isinstance(o, DomainError) else None for o in outcomes]
    assert codes == [None, ErrorCode.EMPTY_PARTY, None, None, ErrorCode.OFFER_NOT_FOUND]


def test_an_offer_taken_twice_in_a_batch_is_booked_once(grid: Network) -> None:
    desk = desk_with(grid, 50)
    (take,) = offers(together(desk, [ask(desk, 0, 40)]))
    outcomes = together(desk, [take, take])
    assert booked(outcomes) == 1
    error = outcomes[1]
    assert isinstance(error, DomainError)
    assert error.code == ErrorCode.ALREADY_BOOKED


def two_at_a_corner(grid: Network, iterations: int) -> tuple[Desk, list[cmd.Command]]:
    """Four who can ride with either van, and one in a wheelchair who needs the one that is there.

    The other van waits at the depot, so alone the four take the nearer one, too.
    """
    desk = desk_with(grid, iterations, vehicles=2)
    matrix = grid.travel.matrix_s
    bookable = [i for i, stop in enumerate(grid.stops) if stop.bookable]
    corner, far = max(
        ((i, j) for i in bookable for j in bookable), key=lambda p: int(matrix[p[0], p[1]])
    )
    (van,) = [s for s in desk.active() if s.vehicle_id == "van-2"]
    anchor = grid.anchor_at_stop(grid.stops[corner].id, desk.now_s)
    change = ev.PlanChanged(van.id, van.version + 1, anchor, van.visits)
    apply(desk.state, change)
    desk.log.append(change)
    ends = [Spot(grid.stops[i].lon, grid.stops[i].lat, grid.stops[i].id) for i in (corner, far)]
    return desk, [
        cmd.RequestRide(ends[0], ends[1], Party(4)),
        cmd.RequestRide(ends[0], ends[1], Party(0, 1)),
    ]


def test_one_by_one_the_second_is_left_behind_together_both_ride(grid: Network) -> None:
    desk, asks = two_at_a_corner(grid, 0)
    takes = offers(one_by_one(desk, asks))
    outcomes = one_by_one(desk, takes)
    assert booked(outcomes) == 1
    assert isinstance(outcomes[1], DomainError)
    desk, asks = two_at_a_corner(grid, 100)
    takes = offers(together(desk, asks))
    assert len(takes) == 2
    assert booked(together(desk, takes)) == 2
    assert {b.shift_id.split("-2026")[0] for b in desk.state.bookings.values()} == {
        "van-1",
        "van-2",
    }
    assert broken_rules(desk.config, grid, desk.state, desk.now_s) == []


@pytest.mark.parametrize("iterations", [0, 200])
def test_the_batch_keeps_every_rule_after_its_last_event(grid: Network, iterations: int) -> None:
    desk = desk_with(grid, iterations, vehicles=2)
    rng = Random(3)
    for _ in range(6):
        asks = [ask(desk, rng.randrange(44), rng.randrange(44), rng.randint(1, 3)) for _ in "abc"]
        taken = offers(together(desk, list(asks)))
        together(desk, taken)
        assert broken_rules(desk.config, grid, desk.state, desk.now_s) == []
        assert broken_promises(desk.state) == {}
    booked_ids = {b.id for b in desk.state.bookings.values()}
    assert booked_ids
    folded = State()
    for event in desk.log:
        apply(folded, event)
    assert folded == desk.state


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000), size=st.integers(1, 4), vehicles=st.integers(1, 2))
def test_together_never_costs_more_than_one_by_one(
    grid: Network, seed: int, size: int, vehicles: int
) -> None:
    rng = Random(seed)
    desk = desk_with(grid, 0, vehicles)
    for _ in range(8):  # a plan that is nearly full
        wish = ask(desk, rng.randrange(44), rng.randrange(44), rng.randint(1, 3))
        one_by_one(desk, offers(one_by_one(desk, [wish]))) if wish.origin != wish.destination else 0
    wishes = [ask(desk, rng.randrange(44), rng.randrange(44), rng.randint(1, 3)) for _ in range(9)]
    takes = offers([o for o in one_by_one(desk, list(wishes)) if not isinstance(o, DomainError)])
    takes = takes[:size]
    singly, jointly = copy_of(desk, grid, 0), copy_of(desk, grid, 60)
    left_out = len(takes) - booked(one_by_one(singly, takes))
    left_out_jointly = len(takes) - booked(together(jointly, takes))
    assert cost(jointly, left_out_jointly) <= cost(singly, left_out)
    assert broken_promises(jointly.state) == {}
    assert broken_rules(jointly.config, grid, jointly.state, jointly.now_s) == []


def test_whoever_would_ride_in_another_vehicle_than_the_others_needs_no_search(
    grid: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers are those of the search in which all stand in the way of each other."""
    spared = 0
    for seed in range(30):
        rng = Random(seed)
        desk = desk_with(grid, 0, vehicles=4)
        for _ in range(6):
            one_by_one(desk, offers(one_by_one(desk, [somewhere(desk, rng)])))
        wishes: list[cmd.Command] = [somewhere(desk, rng) for _ in range(rng.randint(2, 3))]
        quick, thorough = copy_of(desk, grid, 60), copy_of(desk, grid, 60)
        found = together(quick, wishes)
        with monkeypatch.context() as patch:
            seen: list[bool] = []
            patch.setattr(batching, "_apart", partial(never_apart, batching._apart, seen))
            searched = together(thorough, wishes)
        spared += sum(seen)
        assert [promises(o) for o in found] == [promises(o) for o in searched]
    assert spared >= 5


def never_apart(
    really: Callable[[Collection[Asked]], bool], seen: list[bool], asked: Collection[Asked]
) -> bool:
    """Note what is so, and say that it is not."""
    seen.append(really(asked))
    return False


def somewhere(desk: Desk, rng: Random) -> cmd.RequestRide:
    origin = rng.randrange(44)
    return ask(desk, origin, origin + rng.randint(5, 30))


def promises(events: Outcome) -> list[object]:
    """What an answer offers."""
    assert not isinstance(events, DomainError)
    answer = events[0]
    assert isinstance(answer, ev.RideOffered | ev.RideRefused)
    return [offer.promise for offer in answer.request.offers]


def test_a_refused_rider_rides_when_others_are_moved_inside_their_promises(grid: Network) -> None:
    """Whoever would be refused alone is found room for: on some seed of a full morning."""
    rescued = 0
    for seed in range(12):
        rng = Random(seed)
        desk = desk_with(grid, 0, vehicles=2)
        for _ in range(10):
            wish = ask(desk, rng.randrange(22), 22 + rng.randrange(22), rng.randint(1, 3))
            one_by_one(desk, offers(one_by_one(desk, [wish])))
        wish = ask(desk, rng.randrange(22), 22 + rng.randrange(22), 2)
        alone, joint = copy_of(desk, grid, 0), copy_of(desk, grid, 300)
        (refused,) = one_by_one(alone, [wish])
        (answer,) = together(joint, [wish])
        assert not isinstance(refused, DomainError)
        assert not isinstance(answer, DomainError)
        if isinstance(refused[0], ev.RideRefused) and isinstance(answer[0], ev.RideOffered):
            taken = together(joint, offers([answer]))
            rescued += booked(taken)
            assert broken_promises(joint.state) == {}
            request = joint.state.requests[answer[0].request.id]
            assert request.status is RequestStatus.BOOKED
    assert rescued > 0
