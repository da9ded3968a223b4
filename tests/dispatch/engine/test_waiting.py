"""Whoever was refused for want of room rides as soon as there is some, first come first served."""

import pytest
from desk import Desk
from tiny_town import grid_config

from dispatch.domain import booking_commands as bc
from dispatch.domain import booking_events as be
from dispatch.domain import commands as cmd
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.life import WaitingStatus
from dispatch.domain.model import Booking, Party, RideRequest
from dispatch.domain.state import forget_closed
from dispatch.engine import Network
from dispatch.engine.invariants import broken_promises, broken_rules


@pytest.fixture
def desk(grid: Network) -> Desk:
    """One vehicle, full all morning."""
    return Desk(grid, grid_config(vehicles=1))


def fill(desk: Desk) -> list[Booking]:
    taken = []
    for ahead_s in range(2100, 6300, 300):
        for start, end in ((40, 3), (3, 40)):
            offers = desk.ask(start, end, party=Party(4), depart_at_s=desk.now_s + ahead_s).offers
            taken += [desk.take(offer) for offer in offers[:1]]
    return taken


def refused(desk: Desk, seats: int = 4) -> RideRequest:
    request = desk.ask(0, 30, party=Party(seats), depart_at_s=desk.now_s + 3600)
    assert request.refusal is not None, "the stage is set wrongly: there is room"
    assert request.refusal.code == "no_capacity"
    return request


def join(desk: Desk, request: RideRequest) -> None:
    desk.do(bc.JoinWaitingList(request.id, f"rd_{request.id}"))


def status(desk: Desk, request: RideRequest) -> WaitingStatus:
    return desk.state.waiting[request.id].status


def test_room_goes_to_those_who_wait_in_their_order(desk: Desk) -> None:
    taken = fill(desk)
    first = refused(desk)
    join(desk, first)
    desk.now_s += 1
    second = refused(desk)
    join(desk, second)
    desk.do(cmd.Tick())
    assert status(desk, first) is WaitingStatus.WAITING
    served = []
    for booking in taken:
        events = desk.do(cmd.CancelBooking(booking.id, "rider"))
        served += [e for e in events if isinstance(e, be.WaitingServed)]
        if served:
            break
    assert served[0].request_id == first.id, "in the very decision that made room"
    booking = desk.state.bookings[served[0].booking_id]
    assert booking.rider_id == f"rd_{first.id}"
    wish_s = first.depart_at_s or 0
    assert wish_s <= booking.promise.pickup_from_s <= wish_s + 1800
    for other in taken:
        if desk.booking(other).status.is_open:
            desk.do(cmd.CancelBooking(other.id, "rider"))
    assert status(desk, second) is WaitingStatus.SERVED
    assert not broken_rules(desk.config, desk.network, desk.state, desk.now_s)
    assert broken_promises(desk.state) == {}
    assert desk.do(bc.JoinWaitingList(first.id, "rd_x")) == [], "repeated"
    with pytest.raises(DomainError) as caught:
        desk.do(bc.LeaveWaitingList(first.id))
    assert caught.value.code is ErrorCode.NOT_WAITING


def test_nobody_is_tried_twice_on_the_same_plans(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(desk)
    join(desk, refused(desk))
    desk.do(cmd.Tick())
    asked = []
    ask = desk.engine._booker.ask
    monkeypatch.setattr(desk.engine._booker, "ask", lambda *a: asked.append(a) or ask(*a))
    for _ in range(5):
        desk.do(cmd.Tick())
    assert asked == []


def test_whoever_left_is_not_served_and_may_come_back(desk: Desk) -> None:
    taken = fill(desk)
    request = refused(desk)
    join(desk, request)
    desk.do(bc.LeaveWaitingList(request.id))
    assert desk.do(bc.LeaveWaitingList(request.id)) == []
    for booking in taken:
        desk.do(cmd.CancelBooking(booking.id, "rider"))
    assert status(desk, request) is WaitingStatus.LEFT
    join(desk, request)
    desk.do(cmd.Tick())
    assert status(desk, request) is WaitingStatus.SERVED


def test_waiting_ends_with_the_time_of_the_wish(desk: Desk) -> None:
    fill(desk)
    request = refused(desk)
    join(desk, request)
    desk.now_s = (request.depart_at_s or 0) + 1801
    events = desk.do(cmd.Tick())
    assert any(isinstance(e, be.WaitingLapsed) for e in events)
    assert status(desk, request) is WaitingStatus.LAPSED
    forget_closed(desk.state, desk.now_s + 1)
    assert desk.state.waiting == {}


def test_what_is_waited_for_is_not_forgotten(desk: Desk) -> None:
    fill(desk)
    request = refused(desk)
    join(desk, request)
    forget_closed(desk.state, desk.now_s + 10)
    assert request.id in desk.state.requests
    desk.now_s += 60
    desk.do(cmd.Tick())


def test_only_want_of_room_is_waited_for(desk: Desk) -> None:
    offered = desk.ask(0, 30)
    late_s = desk.config.hours.instant(desk.config.hours.local_date(desk.now_s), 23 * 60)
    closed = desk.ask(0, 30, depart_at_s=late_s)
    before = repr(desk.state)
    for request_id in (offered.id, closed.id, "rq_none"):
        with pytest.raises(DomainError) as caught:
            desk.do(bc.JoinWaitingList(request_id, "rd_1"))
        assert caught.value.code is ErrorCode.WAITING_NOT_POSSIBLE
    with pytest.raises(DomainError):
        desk.do(bc.LeaveWaitingList(offered.id))
    assert repr(desk.state) == before
