"""Other terms for a booking: swapped as a whole, or everything stays as it was."""

from random import Random
from typing import Any

import pytest
from desk import Desk
from tiny_town import grid_config

from dispatch.domain import booking_commands as bc
from dispatch.domain import booking_events as be
from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import BookingStatus, Party, RequestStatus, RideRequest
from dispatch.domain.rules import Rules
from dispatch.engine import Network
from dispatch.engine.invariants import broken_promises, broken_rules

HOUR_S = 3600


@pytest.fixture
def desk(grid: Network) -> Desk:
    return Desk(grid)


def full(grid: Network) -> Desk:
    """One vehicle with room for one party at a time."""
    return Desk(grid, grid_config(vehicles=1, rules=Rules(joint_iterations=50)))


def wish(desk: Desk, booking_id: str, **more: Any) -> cmd.RequestRide:
    return cmd.RequestRide(desk.stop(0), desk.stop(30), Party(1), replaces=booking_id, **more)


def asked(desk: Desk, command: cmd.RequestRide) -> RideRequest:
    event = desk.do(command)[0]
    assert isinstance(event, ev.RideOffered | ev.RideRefused)
    return event.request


def plans(desk: Desk) -> tuple[object, ...]:
    """What a failed change must leave as it was, to the byte."""
    state = desk.state
    return repr((state.bookings, state.shifts, state.offers, state.waiting)), len(state.bookings)


def test_a_rider_sees_the_new_terms_and_then_swaps(desk: Desk) -> None:
    booking = desk.book(0, 30)
    request = asked(desk, wish(desk, booking.id, depart_at_s=desk.now_s + 2 * HOUR_S))
    assert request.replaces == booking.id
    assert desk.booking(booking) == booking, "an offer changes nothing"
    events = desk.do(cmd.AcceptOffer(request.offers[0].id, ""))
    (changed,) = (e for e in events if isinstance(e, be.BookingChanged))
    now = desk.booking(booking)
    assert (now.id, now.code, now.rider_id) == (booking.id, booking.code, booking.rider_id)
    assert now.promise == request.offers[0].promise == changed.new.promise
    assert changed.old == booking.terms
    assert now.changed_at_s == desk.now_s
    assert desk.state.requests[request.id].status is RequestStatus.BOOKED
    assert len(desk.state.bookings) == 1
    assert not broken_rules(desk.config, desk.network, desk.state, desk.now_s)
    with pytest.raises(DomainError) as again:
        desk.do(cmd.AcceptOffer(request.offers[0].id, ""))
    assert again.value.code is ErrorCode.ALREADY_BOOKED


def test_the_old_booking_is_kept_when_the_offer_lapses(desk: Desk) -> None:
    booking = desk.book(0, 30)
    request = asked(desk, wish(desk, booking.id, depart_at_s=desk.now_s + 2 * HOUR_S))
    desk.now_s += desk.config.rules.offer_valid_s + 1
    with pytest.raises(DomainError) as late:
        desk.do(cmd.AcceptOffer(request.offers[0].id, ""))
    assert late.value.code is ErrorCode.OFFER_EXPIRED
    assert desk.booking(booking).promise == booking.promise


def test_a_full_vehicle_can_be_shifted_by_ten_minutes(grid: Network) -> None:
    """Its own place counts as free: nobody else could have a ride then."""
    desk = full(grid)
    at_s = desk.now_s + 2 * HOUR_S
    offer = desk.ask(0, 40, party=Party(4), depart_at_s=at_s).offers[0]
    booking = desk.take(offer)
    other = desk.ask(0, 40, party=Party(4), depart_at_s=at_s + 600)
    straight = [o for o in other.offers if o.planned_pickup_s < booking.promise.arrival_latest_s]
    change = bc.ChangeBooking(booking.id, "control", depart_at_s=at_s + 600)
    events = desk.do(change)
    assert any(isinstance(e, be.BookingChanged) for e in events)
    assert desk.booking(booking).promise.pickup_from_s > booking.promise.pickup_from_s
    assert not broken_rules(desk.config, desk.network, desk.state, desk.now_s)
    assert not straight or straight[0].planned_pickup_s != desk.booking(booking).wish_earliest_s


def test_what_is_not_said_stays(desk: Desk) -> None:
    request = desk.ask(0, 30, party=Party(2), depart_at_s=desk.now_s + HOUR_S)
    booking = desk.take(request.offers[0])
    desk.do(bc.ChangeBooking(booking.id, "control", party=Party(3)))
    now = desk.booking(booking)
    assert now.party == Party(3)
    assert now.price_cents == desk.config.fares.price_cents(Party(3)) > booking.price_cents
    asked_now = desk.state.requests[now.request_id]
    assert asked_now.depart_at_s == request.depart_at_s
    assert (asked_now.origin, asked_now.destination) == (request.origin, request.destination)


def test_a_refused_change_is_kept_as_a_wish_and_moves_nothing(desk: Desk) -> None:
    booking = desk.book(0, 30)
    before = plans(desk)
    late_s = desk.config.hours.instant(desk.config.hours.local_date(desk.now_s), 23 * 60)
    events = desk.do(bc.ChangeBooking(booking.id, "control", depart_at_s=late_s))
    assert [type(e) for e in events] == [ev.RideRefused]
    assert plans(desk) == before


@pytest.mark.parametrize(
    "hurt",
    [
        {"party": Party(0)},
        {"party": Party(99)},
        {"depart_at_s": 1},
        {"arrive_by_s": 1},
        {"depart_at_s": 2**40},
    ],
)
def test_a_bad_change_is_no_change(desk: Desk, hurt: dict[str, Any]) -> None:
    booking = desk.book(0, 30)
    before, log = repr(desk.state), len(desk.log)
    with pytest.raises(DomainError):
        desk.do(bc.ChangeBooking(booking.id, "control", **hurt))
    assert (repr(desk.state), len(desk.log)) == (before, log)


def test_nobody_on_board_changes(desk: Desk) -> None:
    booking = desk.book(0, 30)
    request = asked(desk, wish(desk, booking.id, depart_at_s=desk.now_s + HOUR_S))
    desk.arrive(desk.shift(booking))
    desk.do(cmd.ReportBoarded(booking.id))
    desk.now_s = min(desk.now_s, request.offers[0].expires_at_s)
    before = repr(desk.state)
    for command in (
        wish(desk, booking.id, depart_at_s=desk.now_s + HOUR_S),
        bc.ChangeBooking(booking.id, "control", party=Party(2)),
        cmd.AcceptOffer(request.offers[0].id, ""),
    ):
        with pytest.raises(DomainError) as caught:
            desk.do(command)
        assert caught.value.code is ErrorCode.BOOKING_STATE
        assert repr(desk.state) == before


def test_a_change_of_nothing_known(desk: Desk) -> None:
    for command in (wish(desk, "bk_none"), bc.ChangeBooking("bk_none", "control")):
        with pytest.raises(DomainError) as caught:
            desk.do(command)
        assert caught.value.code is ErrorCode.BOOKING_NOT_FOUND


def test_a_new_booking_needs_somebody_to_reach(desk: Desk) -> None:
    request = desk.ask(0, 30)
    with pytest.raises(DomainError) as caught:
        desk.do(cmd.AcceptOffer(request.offers[0].id, ""))
    assert caught.value.code is ErrorCode.CONTACT_REQUIRED


def test_changes_in_a_batch_with_others_keep_their_own_outcomes(desk: Desk) -> None:
    booking = desk.book(0, 30)
    new = cmd.RequestRide(desk.stop(5), desk.stop(25), Party(1))
    commands = [new, wish(desk, booking.id, depart_at_s=desk.now_s + HOUR_S), wish(desk, "bk_none")]
    outcomes = desk.engine.decide_batch(desk.state, commands, desk.now_s, desk.rng)
    kinds = [o.code if isinstance(o, DomainError) else type(o[0]) for o in outcomes]
    assert kinds == [ev.RideOffered, ev.RideOffered, ErrorCode.BOOKING_NOT_FOUND]


@pytest.mark.parametrize("seed", range(6))
def test_random_changes_are_whole_or_nothing(grid: Network, seed: int) -> None:
    """Whatever is asked: the booking has new terms and a lawful plan, or all is as it was."""
    desk, rng = full(grid), Random(seed)
    bookings = []
    for _ in range(8):
        at_s = desk.now_s + rng.randrange(600, 3 * HOUR_S)
        start = rng.randrange(40)
        request = desk.ask(
            start, start + rng.randrange(5, 30), party=Party(rng.randint(1, 3)), depart_at_s=at_s
        )
        bookings += [desk.take(o) for o in request.offers[:1]]
    outcomes = set()
    for _ in range(15):
        booking = rng.choice(bookings)
        change = bc.ChangeBooking(
            booking.id,
            "control",
            destination=rng.choice([None, desk.stop(rng.randrange(44))]),
            party=rng.choice([None, Party(rng.randint(0, 6))]),
            depart_at_s=desk.now_s + rng.choice([-HOUR_S, 900, 5000, 40_000]),
        )
        before, was = plans(desk), desk.booking(booking)
        late = broken_promises(desk.state)
        try:
            events = desk.do(change)
        except DomainError as error:
            outcomes.add(str(error.code))
            assert plans(desk) == before
            continue
        if not any(isinstance(e, be.BookingChanged) for e in events):
            outcomes.add("refused")
            assert plans(desk) == before
            continue
        outcomes.add("changed")
        now = desk.booking(booking)
        assert (now.id, now.code, now.status) == (was.id, was.code, BookingStatus.CONFIRMED)
        assert broken_promises(desk.state) == late == {}
        assert not broken_rules(desk.config, desk.network, desk.state, desk.now_s)
    assert "changed" in outcomes
    assert len(outcomes) > 1
