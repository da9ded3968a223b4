"""Proposed plans: taken when they are better and keep every promise, brought up to date first."""

from dataclasses import replace

import pytest
from desk import Desk
from tiny_town import grid_config

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import ActionKind, Booking, BookingStatus, Shift
from dispatch.domain.rules import Rules
from dispatch.domain.state import State, apply
from dispatch.engine import Network
from dispatch.engine.draft import Draft
from dispatch.engine.invariants import broken_promises, broken_rules
from dispatch.engine.problem import planning, route_of
from dispatch.engine.proposals import Proposals, rebased

LATER_S = 3 * 3600


@pytest.fixture
def desk(grid: Network) -> Desk:
    return Desk(grid, grid_config(rules=Rules(shifts_ahead_days=1)))


def routes(desk: Desk, *shifts: Shift) -> dict[str, tuple[tuple[str, str], ...]]:
    return {s.id: tuple(map(tuple, route_of(desk.state.shifts[s.id]))) for s in shifts}


def proposal(
    desk: Desk, wanted: dict[str, tuple[tuple[str, str], ...]], **changes: int
) -> cmd.ProposePlans:
    proposed = tuple(
        cmd.ProposedRoute(shift_id, desk.state.shifts[shift_id].version, actions)
        for shift_id, actions in wanted.items()
    )
    return replace(cmd.ProposePlans(proposed, desk.now_s + 30), **changes)


def force(desk: Desk, wanted: dict[str, tuple[tuple[str, str], ...]]) -> None:
    """Put plans in force although they are worse: what an unlucky order of requests leads to."""
    proposals = Proposals(desk.config, desk.network)
    draft = Draft(desk.state, desk.now_s, desk.rng)
    shifts = [desk.state.shifts[shift_id] for shift_id in wanted]
    now = planning(desk.config, desk.network, desk.state, shifts, desk.now_s)
    worse = rebased(now.problem, {key: tuple(map(_action, r)) for key, r in wanted.items()})
    assert worse is not None
    proposals.put(draft, now, worse)
    for event in draft.events:
        apply(desk.state, event)
    desk.log += draft.events


def _action(pair: tuple[str, str]) -> object:
    from routing.plans import Action  # noqa: PLC0415 - beside its only use

    return Action(pair[0], pair[1])  # type: ignore[arg-type]


def refusal(desk: Desk, proposed: cmd.ProposePlans) -> ErrorCode:
    before = len(desk.log)
    with pytest.raises(DomainError) as caught:
        desk.do(proposed)
    assert len(desk.log) == before
    return caught.value.code


def apart(desk: Desk) -> tuple[Booking, Booking, dict[str, tuple[tuple[str, str], ...]]]:
    """Two riders who go the same way at the same time, one in each van, and the better plan."""
    shift_1, shift_2 = sorted(desk.active(), key=lambda s: s.id)
    at_s = desk.now_s + LATER_S // 2
    first = desk.take(desk.ask(0, 40, depart_at_s=at_s).offers[0])
    second = desk.take(desk.ask(0, 40, depart_at_s=at_s).offers[0])
    together = routes(desk, shift_1, shift_2)
    assert desk.booking(first).shift_id == desk.booking(second).shift_id
    alone = {b.id: (("pickup", b.id), ("dropoff", b.id)) for b in (first, second)}
    force(desk, {shift_1.id: alone[first.id], shift_2.id: alone[second.id]})
    assert desk.booking(first).shift_id != desk.booking(second).shift_id
    return first, second, together


def in_order(desk: Desk) -> None:
    assert broken_rules(desk.config, desk.network, desk.state, desk.now_s) == []
    assert broken_promises(desk.state) == {}
    folded = State()
    for event in desk.log:
        apply(folded, event)
    assert folded == desk.state


def test_a_better_plan_is_taken_and_the_rider_moves(desk: Desk) -> None:
    first, second, together = apart(desk)
    events = desk.do(proposal(desk, together))
    moved = [e for e in events if isinstance(e, ev.BookingMoved)]
    assert len(moved) == 1
    assert desk.booking(first).shift_id == desk.booking(second).shift_id == moved[0].shift_id
    changed = {e.shift_id for e in events if isinstance(e, ev.PlanChanged)}
    assert changed == set(together)
    assert desk.booking(first).promise == first.promise
    in_order(desk)


def test_visits_that_keep_their_work_keep_their_ids(desk: Desk) -> None:
    _, _, together = apart(desk)
    before = {v.id for s in desk.active() for v in s.visits}
    desk.do(proposal(desk, together))
    after = {v.id for s in desk.active() for v in s.visits}
    assert after
    assert after < before


def test_the_same_plan_is_not_better(desk: Desk) -> None:
    apart(desk)
    same = proposal(desk, routes(desk, *desk.active()))
    assert refusal(desk, same) is ErrorCode.PROPOSAL_NOT_BETTER


def test_a_worse_plan_is_not_better(desk: Desk) -> None:
    first = desk.book(0, 40)
    idle = next(s for s in desk.active() if s.id != desk.booking(first).shift_id)
    pair = (("pickup", first.id), ("dropoff", first.id))
    away = {desk.booking(first).shift_id: (), idle.id: pair}
    assert refusal(desk, proposal(desk, away)) is ErrorCode.PROPOSAL_NOT_BETTER


def test_a_plan_that_breaks_a_promise_is_not_taken(desk: Desk) -> None:
    """However much driving it saves: one rider first, far too late for the other."""
    shift = min(desk.active(), key=lambda s: s.id)
    first = desk.take(desk.ask(0, 40).offers[0])
    later = desk.take(desk.ask(3, 43, depart_at_s=desk.now_s + LATER_S).offers[0])
    both = [s for s in desk.active() if s.id != shift.id] + [shift]
    wanted = dict.fromkeys((s.id for s in both), ())
    wanted[shift.id] = tuple((kind, b.id) for b in (later, first) for kind in ("pickup", "dropoff"))
    assert refusal(desk, proposal(desk, wanted)) is ErrorCode.PROPOSAL_INFEASIBLE


def test_an_old_proposal_is_stale(desk: Desk) -> None:
    _, _, together = apart(desk)
    old = proposal(desk, together)
    desk.now_s += 31
    assert refusal(desk, old) is ErrorCode.PROPOSAL_STALE


def test_a_proposal_for_a_shift_that_is_over_is_stale(desk: Desk) -> None:
    first, _, together = apart(desk)
    assert first
    gone = cmd.ProposedRoute("van-9-20260310-0360", 0, ())
    known = proposal(desk, together)
    stale = replace(known, routes=(*known.routes, gone))
    assert refusal(desk, stale) is ErrorCode.PROPOSAL_STALE


def test_all_or_nothing(desk: Desk) -> None:
    """Half a proposal is fine, the other half breaks a promise: nothing is taken."""
    first, second, together = apart(desk)
    asleep = desk.take(desk.ask(3, 43, depart_at_s=desk.now_s + LATER_S).offers[0])
    carrier = desk.booking(asleep).shift_id
    together[carrier] = (("pickup", asleep.id), ("dropoff", asleep.id), *together[carrier])
    assert refusal(desk, proposal(desk, together)) is ErrorCode.PROPOSAL_INFEASIBLE
    assert desk.booking(first).shift_id != desk.booking(second).shift_id


def test_a_booking_made_meanwhile_finds_its_place(desk: Desk) -> None:
    first, second, together = apart(desk)
    made_before = proposal(desk, together)
    third = desk.take(desk.ask(5, 38, depart_at_s=desk.now_s + LATER_S // 2).offers[0])
    desk.do(made_before)
    assert desk.booking(first).shift_id == desk.booking(second).shift_id
    planned = {a.booking_id for s in desk.active() for v in s.visits for a in v.actions}
    assert planned == {first.id, second.id, third.id}
    in_order(desk)


def test_a_booking_cancelled_meanwhile_is_left_out(desk: Desk) -> None:
    first, second, together = apart(desk)
    third = desk.take(desk.ask(0, 40, depart_at_s=desk.now_s + LATER_S // 2).offers[0])
    carrier = desk.booking(third).shift_id
    together[carrier] = (("pickup", third.id), *together[carrier], ("dropoff", third.id))
    made_before = proposal(desk, together)
    desk.do(cmd.CancelBooking(third.id, "rider"))
    desk.do(made_before)
    assert desk.booking(first).shift_id == desk.booking(second).shift_id
    in_order(desk)


def test_who_has_boarded_meanwhile_stays_on_board(desk: Desk) -> None:
    """The proposal would move the first rider; by now they sit in their van."""
    first, second, together = apart(desk)
    from_id, to_id = desk.booking(first).shift_id, desk.booking(second).shift_id
    pair = (("pickup", first.id), ("dropoff", first.id))
    apart_still = {from_id: (), to_id: (*together[next(k for k, r in together.items() if r)],)}
    made_before = proposal(desk, apart_still, expires_at_s=desk.now_s + LATER_S)
    desk.arrive(desk.shift(first))
    desk.now_s += 120
    desk.do(cmd.ReportBoarded(first.id))
    assert pair[0] in apart_still[to_id]
    with pytest.raises(DomainError):  # two vans are needed now: no better than before
        desk.do(made_before)
    assert desk.booking(first).status is BookingStatus.BOARDED
    in_order(desk)


def test_a_boarding_meanwhile_does_not_spoil_the_rest(desk: Desk) -> None:
    """Somebody else has boarded; what is left of the proposal is still better and is taken."""
    first, second, together = apart(desk)
    carrier = next(key for key, route in together.items() if route)
    early = desk.take(desk.ask(20, 24).offers[0])
    vehicle = desk.booking(early).shift_id
    together[vehicle] = (("pickup", early.id), ("dropoff", early.id), *together[vehicle])
    made_before = proposal(desk, together, expires_at_s=desk.now_s + LATER_S)
    desk.arrive(desk.shift(early))
    desk.now_s += 60
    desk.do(cmd.ReportBoarded(early.id))
    desk.do(made_before)
    assert desk.booking(first).shift_id == desk.booking(second).shift_id == carrier
    assert desk.booking(early).shift_id == vehicle
    drops = desk.state.shifts[vehicle].visits[0].booking_ids(ActionKind.DROPOFF)
    assert drops == (early.id,)
    in_order(desk)


def test_the_visit_about_to_be_made_stays(desk: Desk) -> None:
    first, _, together = apart(desk)
    shift = desk.shift(first)
    desk.now_s = shift.visits[0].arrive_s - 30
    assert desk.now_s >= shift.visits[0].leave_s
    away = {
        key: () if key == shift.id else next(filter(None, together.values())) for key in together
    }
    with pytest.raises(DomainError):
        desk.do(proposal(desk, away))
    assert desk.shift(first).visits[0].id == shift.visits[0].id


def test_nobody_is_given_to_a_shift_without_a_driver(grid: Network) -> None:
    desk = Desk(grid, grid_config(rules=Rules(shifts_ahead_days=1)))
    first, second, together = apart(desk)
    carrier = next(key for key, route in together.items() if route)
    shift = desk.state.shifts[carrier]
    # as if its driver had not come: planned, and long overdue
    overdue = replace(shift, status=type(shift.status).PLANNED)
    desk.state.shifts[carrier] = replace(overdue, anchor=replace(shift.anchor, at_s=0))
    assert desk.booking(first).shift_id != desk.booking(second).shift_id
    assert refusal(desk, proposal(desk, together)) is ErrorCode.PROPOSAL_INFEASIBLE


def test_who_is_late_already_is_not_made_later(desk: Desk) -> None:
    first, _, together = apart(desk)
    shift = desk.shift(first)
    desk.now_s = shift.visits[0].arrive_s + 1500
    desk.do(cmd.Tick())
    late_s = broken_promises(desk.state)
    assert late_s
    try:
        desk.do(proposal(desk, together))
    except DomainError as error:
        assert error.code in {ErrorCode.PROPOSAL_INFEASIBLE, ErrorCode.PROPOSAL_NOT_BETTER}  # noqa: PT017
    for key, seconds in broken_promises(desk.state).items():
        assert seconds <= late_s.get(key, 0)


def test_the_same_proposal_twice_is_not_better_the_second_time(desk: Desk) -> None:
    _, _, together = apart(desk)
    proposed = proposal(desk, together)
    desk.do(proposed)
    assert refusal(desk, proposed) is ErrorCode.PROPOSAL_NOT_BETTER


def test_a_gain_too_small_for_a_change_is_left(grid: Network) -> None:
    desk = Desk(grid, grid_config(rules=Rules(shifts_ahead_days=1, replan_gain_min_s=100_000)))
    _, _, together = apart(desk)
    assert refusal(desk, proposal(desk, together)) is ErrorCode.PROPOSAL_NOT_BETTER
