"""What riders are told of changed bookings, standing orders and the waiting list."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from told_town import ToldTown, sending, wait_until

from dispatch.domain import booking_commands as bc
from dispatch.domain import commands as cmd
from dispatch.domain.life import SeriesCalendar, SeriesWish
from dispatch.domain.model import Party

HOUR_S = 3600
MakeTown = Callable[..., ToldTown]


def test_a_change_is_told_once_and_reminded_anew(town: ToldTown) -> None:
    booking = town.book(depart_at_s=town.now_s + 2 * HOUR_S)
    ask = cmd.RequestRide(
        town.stop(0),
        town.stop(40),
        Party(1),
        depart_at_s=town.now_s + 3 * HOUR_S,
        replaces=booking.id,
    )
    offers = town.do(ask)["offers"]
    town.do(cmd.AcceptOffer(offers[0]["id"], ""))
    assert town.told(booking.id) == ["confirmed", "changed"]
    promise = town.booking(booking.id).promise
    assert promise.pickup_from_s > booking.promise.pickup_to_s
    assert town.facts(booking.id)["told"] == [promise.pickup_from_s, promise.pickup_to_s]
    town.until(promise.pickup_from_s - HOUR_S, step_s=600)
    assert town.told(booking.id) == ["confirmed", "changed", "reminder"]


def crowded(town: ToldTown) -> tuple[list[str], str]:
    """As many bookings for one hour as there is room for, and the first that was refused."""
    at_s, taken = town.now_s + HOUR_S, list[str]()
    for n in range(40):
        ask = cmd.RequestRide(town.stop(n), town.stop(n + 25), Party(4), depart_at_s=at_s)
        request = town.do(ask)
        if not request["offers"]:
            return taken, str(request["id"])
        booked = town.do(cmd.AcceptOffer(request["offers"][0]["id"], f"rd_{n}"))
        taken.append(booked["id"])
    raise AssertionError("there is room without end")


def test_who_waited_is_told_that_there_is_room_and_nothing_else(town: ToldTown) -> None:
    taken, refused = crowded(town)
    town.do(bc.JoinWaitingList(refused, "rd_waits"))
    for booking_id in taken:
        town.do(cmd.CancelBooking(booking_id, "rider"))
    town.later(1)
    mine = town.sql("SELECT kind FROM message WHERE rider_id = 'rd_waits'")
    assert mine == [("wait_served",)]
    assert all(town.told(b) == ["confirmed", "cancelled"] for b in taken)


def test_who_waited_in_vain_is_told_so_once(town: ToldTown, tmp_path: Path) -> None:
    _, refused = crowded(town)
    person = {"rider_id": "rd_waits", "name": "Wanda", "email": "w@example.org"}
    town.do(bc.JoinWaitingList(refused, "rd_waits"), **person)
    town.until(town.now_s + 4 * HOUR_S, step_s=600)
    statement = "SELECT kind, booking_id FROM message WHERE rider_id = 'rd_waits'"
    assert town.sql(statement) == [("wait_lapsed", None)]
    town.sql("UPDATE message SET expires_at_s = 0 WHERE rider_id <> 'rd_waits' RETURNING id")
    with sending([town.messenger(tmp_path)]):
        wait_until(lambda: not town.sql("SELECT id FROM message WHERE state = 'pending'"))
    (letter,) = tmp_path.glob("*.eml")
    assert b"frei geworden" in letter.read_bytes()


def test_a_day_of_a_standing_order_that_is_not_possible_is_told_once(town: ToldTown) -> None:
    crowded(town)
    wish = SeriesWish(town.stop(7), town.stop(33), Party(4), depart_min=10 * 60)
    today = date(2026, 3, 10)
    calendar = SeriesCalendar((today.isoweekday(),), today, today + timedelta(days=1))
    town.do(bc.CreateSeries(wish, calendar, "rd_daily"))
    for _ in range(10):
        town.later(60)
    mine = town.sql("SELECT kind, facts -> 'reason' FROM message WHERE rider_id = 'rd_daily'")
    assert mine == [("day_failed", "no_capacity")]


def test_a_day_that_becomes_a_booking_is_confirmed(town: ToldTown) -> None:
    wish = SeriesWish(town.stop(7), town.stop(33), Party(1), depart_min=13 * 60)
    today = date(2026, 3, 10)
    calendar = SeriesCalendar((today.isoweekday(),), today, today + timedelta(days=1))
    town.do(bc.CreateSeries(wish, calendar, "rd_daily"))
    town.later(60)
    assert town.sql("SELECT kind FROM message WHERE rider_id = 'rd_daily'") == [("confirmed",)]
