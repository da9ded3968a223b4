"""What riders are told of changed bookings, standing orders and the waiting list."""

from dataclasses import replace

import pytest
from told_town import ToldTown

from dispatch.domain import commands as cmd
from dispatch.domain.model import Party

pytest.importorskip("dispatch.domain.life")

HOUR_S = 3600


def test_a_change_is_told_once_and_reminded_anew(town: ToldTown) -> None:
    booking = town.book(depart_at_s=town.now_s + 2 * HOUR_S)
    ask = cmd.RequestRide(
        town.stop(0), town.stop(40), Party(1), depart_at_s=town.now_s + 3 * HOUR_S
    )
    offers = town.do(replace(ask, replaces=booking.id))["offers"]  # type: ignore[call-arg]
    town.do(cmd.AcceptOffer(offers[0]["id"], ""))
    assert town.told(booking.id) == ["confirmed", "changed"]
    promise = town.booking(booking.id).promise
    assert promise.pickup_from_s > booking.promise.pickup_to_s
    assert town.facts(booking.id)["told"] == [promise.pickup_from_s, promise.pickup_to_s]
    town.until(promise.pickup_from_s - HOUR_S, step_s=600)
    assert town.told(booking.id) == ["confirmed", "changed", "reminder"]
