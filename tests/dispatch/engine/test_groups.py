"""Large parties: all ride or none, from and to the same stops."""

import pytest
from desk import Desk
from hypothesis import given
from hypothesis import strategies as st
from tiny_town import grid_config

from dispatch.domain import booking_commands as bc
from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import BookingStatus, Party, RideRequest
from dispatch.engine import Network
from dispatch.engine.groups import split
from dispatch.engine.invariants import broken_rules


@pytest.fixture
def desk(grid: Network) -> Desk:
    return Desk(grid, grid_config(vehicles=3))


def ask(desk: Desk, party: Party) -> list[RideRequest]:
    events = desk.do(bc.RequestGroup(desk.stop(0), desk.stop(30), party))
    return [e.request for e in events if isinstance(e, ev.RideOffered | ev.RideRefused)]


def test_a_group_is_offered_booked_and_cancelled_as_one(desk: Desk) -> None:
    requests = ask(desk, Party(7))
    assert [r.party.seats for r in requests] == [4, 3]
    (group_id,) = {r.group_id for r in requests}
    assert len({(r.offers[0].promise.pickup_stop_id) for r in requests}) == 1
    pickups = [r.offers[0].planned_pickup_s for r in requests]
    assert max(pickups) - min(pickups) <= desk.config.rules.group_spread_s
    assert desk.state.bookings == {}
    with pytest.raises(DomainError) as caught:
        desk.do(cmd.AcceptOffer(requests[0].offers[0].id, "rd_1"))
    assert caught.value.code is ErrorCode.GROUP_OFFER
    desk.do(bc.AcceptGroup(group_id or "", "rd_1"))
    bookings = list(desk.state.bookings.values())
    assert [b.group_id for b in bookings] == [group_id] * 2
    assert len({b.code for b in bookings}) == 2
    assert not broken_rules(desk.config, desk.network, desk.state, desk.now_s)
    with pytest.raises(DomainError) as again:
        desk.do(bc.AcceptGroup(group_id or "", "rd_1"))
    assert again.value.code is ErrorCode.ALREADY_BOOKED
    desk.do(cmd.CancelBooking(bookings[0].id, "rider"))
    desk.do(bc.CancelGroup(group_id or "", "rider"))
    assert desk.do(bc.CancelGroup(group_id or "", "rider")) == []
    assert {b.status for b in desk.state.bookings.values()} == {BookingStatus.CANCELLED}


def test_all_or_nothing(desk: Desk) -> None:
    """Somebody takes a place meanwhile: then nobody of the group gets one."""
    requests = ask(desk, Party(12))
    assert len(requests) == 3
    desk.book(0, 30, party=Party(3))
    before = repr(desk.state)
    with pytest.raises(DomainError) as caught:
        desk.do(bc.AcceptGroup(requests[0].group_id or "", "rd_1"))
    assert caught.value.code is ErrorCode.OFFER_NO_LONGER_AVAILABLE
    assert repr(desk.state) == before


def test_a_group_without_room_is_one_refused_wish(desk: Desk) -> None:
    for _ in range(6):
        offers = desk.ask(0, 30, party=Party(4)).offers
        for offer in offers[:1]:
            desk.take(offer)
    (refused,) = ask(desk, Party(12))
    assert refused.refusal is not None
    assert refused.party == Party(12)
    assert refused.origin == desk.stop(0)


@pytest.mark.parametrize(
    ("party", "code"),
    [
        (Party(4), ErrorCode.GROUP_TOO_SMALL),
        (Party(0), ErrorCode.EMPTY_PARTY),
        (Party(25), ErrorCode.PARTY_TOO_LARGE),
        (Party(1, 6), ErrorCode.PARTY_TOO_LARGE),
    ],
)
def test_what_is_no_group(desk: Desk, party: Party, code: ErrorCode) -> None:
    before = repr(desk.state)
    with pytest.raises(DomainError) as caught:
        ask(desk, party)
    assert caught.value.code is code
    assert repr(desk.state) == before
    for command in (bc.AcceptGroup("gr_x", "rd"), bc.CancelGroup("gr_x", "rider")):
        with pytest.raises(DomainError) as unknown:
            desk.do(command)
        assert unknown.value.code is ErrorCode.GROUP_NOT_FOUND


@given(seats=st.integers(0, 30), chairs=st.integers(0, 5), count=st.integers(1, 6))
def test_nobody_is_lost_or_doubled(seats: int, chairs: int, count: int) -> None:
    if seats + chairs == 0:
        return
    parts = split(Party(seats, chairs), count)
    assert sum(p.seats for p in parts) == seats
    assert sum(p.wheelchairs for p in parts) == chairs
    assert 1 <= len(parts) <= count
    assert min(p.persons for p in parts) >= 1
    assert max(p.wheelchairs for p in parts) - min(p.wheelchairs for p in parts) <= 1
