"""Pins hold, previews change nothing, and moves break no rule."""

from contextlib import suppress
from dataclasses import replace

import pytest
from desk import Desk
from tiny_town import grid_config

from dispatch.domain import booking_commands as bc
from dispatch.domain import booking_events as be
from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.life import MovePreview, Obstacle, PlanVersion
from dispatch.domain.model import Booking, Party, Shift
from dispatch.domain.rules import Rules
from dispatch.engine import Network
from dispatch.engine.invariants import broken_promises, broken_rules
from dispatch.engine.problem import planning
from dispatch.engine.proposals import propose
from routing.plans import improve


@pytest.fixture
def desk(grid: Network) -> Desk:
    return Desk(grid, grid_config(rules=Rules(replan_gain_min_s=0)))


def other(desk: Desk, booking: Booking) -> Shift:
    return next(s for s in desk.active() if s.id != desk.booking(booking).shift_id)


def preview(desk: Desk, booking: Booking, shift: Shift) -> MovePreview:
    before = repr(desk.state)
    (event,) = desk.do(bc.PreviewMove(booking.id, shift.id))
    assert isinstance(event, be.MovePreviewed)
    assert not ev.is_durable(event)
    assert repr(desk.state) == before
    return event.preview


def move(desk: Desk, seen: MovePreview, *, force: bool = False) -> list[ev.Event]:
    versions = tuple(PlanVersion(v.shift_id, v.version) for v in seen.vehicles)
    return desk.do(bc.MoveBooking(seen.booking_id, seen.to_shift_id, versions, force=force))


def test_a_move_does_what_the_preview_said(desk: Desk) -> None:
    booking, beside = desk.book(0, 30), desk.book(1, 31)
    shift = other(desk, booking)
    seen = preview(desk, booking, shift)
    assert seen.feasible
    assert seen.obstacle is None
    events = move(desk, seen)
    (moved,) = (e for e in events if isinstance(e, ev.BookingMoved))
    assert (moved.by, moved.forced, moved.broken) == ("control", False, ())
    now = desk.booking(booking)
    assert now.shift_id == shift.id
    assert now.pinned
    assert now.promise == booking.promise
    starts = {
        (a.booking_id, a.kind): a.start_s
        for s in desk.active()
        for v in s.visits
        for a in v.actions
    }
    for effect in seen.riders:
        assert starts[effect.booking_id, "dropoff"] == effect.arrival_after_s
    assert {effect.booking_id for effect in seen.riders} <= {booking.id, beside.id}
    assert not broken_rules(desk.config, desk.network, desk.state, desk.now_s)
    assert broken_promises(desk.state) == {}
    assert desk.do(bc.MoveBooking(booking.id, shift.id, ())) == [], "repeated"


def test_a_move_on_other_plans_is_refused(desk: Desk) -> None:
    booking = desk.book(0, 30)
    seen = preview(desk, booking, other(desk, booking))
    desk.do(bc.ChangeBooking(booking.id, "control", party=Party(2)))
    before = repr(desk.state)
    stale = replace(seen, to_shift_id=other(desk, booking).id)
    with pytest.raises(DomainError) as caught:
        move(desk, stale)
    assert caught.value.code is ErrorCode.PREVIEW_STALE
    assert repr(desk.state) == before


def test_wheelchairs_and_seats_are_never_forced(desk: Desk) -> None:
    booking = desk.book(0, 30, party=Party(1, 1))
    seen = preview(desk, booking, other(desk, booking))
    assert (seen.feasible, seen.forcible) == (False, False)
    assert seen.obstacle is Obstacle.PARTY_DOES_NOT_FIT
    with pytest.raises(DomainError) as caught:
        move(desk, seen, force=True)
    assert caught.value.code is ErrorCode.MOVE_NOT_POSSIBLE
    assert caught.value.params == {"reason": "party_does_not_fit"}


def test_a_move_to_where_it_is_or_after_the_shift(desk: Desk) -> None:
    booking = desk.book(0, 30)
    assert preview(desk, booking, desk.shift(booking)).obstacle is Obstacle.SAME_SHIFT
    afternoon = next(s for s in desk.state.shifts.values() if s.start_s > desk.now_s)
    assert preview(desk, booking, afternoon).obstacle is Obstacle.OUTSIDE_SHIFT
    with pytest.raises(DomainError) as caught:
        desk.do(bc.PreviewMove(booking.id, "nowhere"))
    assert caught.value.code is ErrorCode.SHIFT_NOT_FOUND


def test_a_rider_is_not_taken_from_the_vehicle_in_front_of_them(desk: Desk) -> None:
    booking = desk.book(0, 30)
    desk.arrive(desk.shift(booking))
    assert preview(desk, booking, other(desk, booking)).obstacle is Obstacle.BOARDING


def test_promises_are_broken_by_force_only_and_that_is_recorded(desk: Desk) -> None:
    """The other vehicle is full with others whenever it would have to be there."""
    at_s = desk.now_s + 3600
    booking = desk.take(desk.ask(0, 44, depart_at_s=at_s).offers[0])
    busy = other(desk, booking)
    taken = []
    for ahead_s in range(-900, 1500, 300):
        offers = desk.ask(40, 3, party=Party(4), depart_at_s=at_s + ahead_s).offers
        if offers:
            taken.append(desk.take(offers[0]))
            if desk.booking(taken[-1]).shift_id != busy.id:
                seen = preview(desk, taken[-1], busy)
                if seen.feasible:
                    move(desk, seen)
    seen = preview(desk, booking, busy)
    assert not seen.feasible, "the stage is set wrongly: the other vehicle is in time"
    assert seen.obstacle is Obstacle.PROMISE_BROKEN
    assert seen.forcible
    assert seen.broken
    assert {limit.id for limit in seen.broken} <= {booking.id, *(b.id for b in taken)}
    with pytest.raises(DomainError) as caught:
        move(desk, seen)
    assert caught.value.code is ErrorCode.MOVE_NOT_POSSIBLE
    assert desk.shift(booking).id != busy.id
    events = move(desk, seen, force=True)
    (moved,) = (e for e in events if isinstance(e, ev.BookingMoved))
    assert moved.forced
    assert moved.broken == seen.broken
    assert desk.booking(booking).shift_id == busy.id
    assert not broken_rules(desk.config, desk.network, desk.state, desk.now_s)


def test_pins_hold_against_proposals(desk: Desk) -> None:
    """The optimiser would join the two rides; a pin keeps them apart."""
    first = desk.book(0, 30)
    second = desk.book(0, 30)
    if desk.booking(first).shift_id == desk.booking(second).shift_id:
        move(desk, preview(desk, second, other(desk, second)))
    else:
        desk.do(bc.PinBooking(second.id))
    assert desk.booking(second).pinned
    assert desk.do(bc.PinBooking(second.id)) == []
    now = planning(desk.config, desk.network, desk.state, desk.active(), desk.now_s)
    found = improve(now.problem, iterations=300, seed=1)
    home = {a.booking: v.id for v in found.problem.vehicles for a in v.route}
    assert home[second.id] == desk.booking(second).shift_id
    loose = replace(
        now.problem, vehicles=tuple(replace(v, pinned=frozenset()) for v in now.problem.vehicles)
    )
    free = improve(loose, iterations=300, seed=1)
    moved = {a.booking: v.id for v in free.problem.vehicles for a in v.route}
    assert moved[first.id] == moved[second.id], "else a pin holds nothing here"
    proposal = propose(now, free.problem, desk.now_s + 60)
    held = desk.booking(second).shift_id
    with suppress(DomainError):  # without its best move it may not be worth the change
        desk.do(proposal)
    assert desk.booking(second).shift_id == held
    desk.do(bc.UnpinBooking(second.id))
    assert not desk.booking(second).pinned
    assert not broken_rules(desk.config, desk.network, desk.state, desk.now_s)


def test_a_change_of_terms_lets_go_of_the_pin(desk: Desk) -> None:
    booking = desk.book(0, 30)
    desk.do(bc.PinBooking(booking.id))
    desk.do(bc.ChangeBooking(booking.id, "control", depart_at_s=desk.now_s + 7200))
    assert not desk.booking(booking).pinned
    desk.do(cmd.CancelBooking(booking.id, "rider"))
    with pytest.raises(DomainError) as caught:
        desk.do(bc.PinBooking(booking.id))
    assert caught.value.code is ErrorCode.BOOKING_STATE
