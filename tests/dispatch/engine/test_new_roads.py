"""A new road graph under an open plan: places and times anew, promises as they were."""

from dataclasses import replace

import pytest
from desk import Desk

from dispatch.domain import commands as cmd
from dispatch.domain.errors import StrandedRiderError
from dispatch.domain.model import BookingStatus
from dispatch.domain.state import apply
from dispatch.engine import Engine, Network
from dispatch.engine.invariants import broken_rules


def adopt(desk: Desk, network: Network) -> None:
    desk.network = network
    desk.engine = Engine(desk.config, network)
    for event in desk.engine.adopt(desk.state, desk.now_s, desk.rng):
        apply(desk.state, event)
        desk.log.append(event)


def without(network: Network, stop_id: str) -> Network:
    """The same town with one stop renamed: its old id is gone."""
    stops = [replace(s, id="new") if s.id == stop_id else s for s in network.stops]
    return replace(network, stops=stops)


def test_plans_are_carried_over(grid: Network) -> None:
    desk = Desk(grid)
    bookings = [desk.book(n, n + 25) for n in range(4)]
    promises = [b.promise for b in bookings]
    adopt(desk, replace(grid))
    assert [desk.booking(b).promise for b in bookings] == promises
    assert broken_rules(desk.config, desk.network, desk.state, desk.now_s) == []


def test_bookings_at_lost_stops_are_cancelled_in_the_services_name(grid: Network) -> None:
    desk = Desk(grid)
    lost, kept = desk.book(0, 30), desk.book(5, 35)
    adopt(desk, without(grid, lost.promise.pickup_stop_id))
    assert desk.booking(lost).status is BookingStatus.CANCELLED
    assert desk.booking(lost).cancelled_by == "service"
    assert desk.booking(kept).status is BookingStatus.CONFIRMED
    assert broken_rules(desk.config, desk.network, desk.state, desk.now_s) == []


def test_nobody_on_board_is_left_without_a_destination(grid: Network) -> None:
    desk = Desk(grid)
    booking = desk.book(0, 30)
    desk.arrive(desk.shift(booking))
    desk.do(cmd.ReportBoarded(booking.id))
    with pytest.raises(StrandedRiderError, match="this ride first"):
        adopt(desk, without(grid, booking.promise.dropoff_stop_id))
