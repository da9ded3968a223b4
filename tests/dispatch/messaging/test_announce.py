"""What riders are told, decided by the real engine on the tiny town and written with its events."""

import logging
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import psycopg
import pytest
from desk import Desk
from told_town import ToldTown

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.model import Booking, BookingStatus
from dispatch.domain.state import State
from dispatch.engine import Network
from dispatch.messaging.announce import Announcer
from dispatch.messaging.policy import Policy
from dispatch.messaging.told import Told
from dispatch.store import outbox
from dispatch.store.changes import Changes
from dispatch.store.connect import connect
from dispatch.store.errors import LeadershipLostError
from dispatch.store.outbox import NewMessage
from dispatch.worker.dispatcher import Dispatcher

HOUR_S = 3600


def test_a_ride_for_now_is_confirmed_and_announced(town: ToldTown) -> None:
    booking = town.book()
    assert town.told(booking.id) == ["confirmed"]
    planned_s = town.planned_s(booking.id)
    assert town.facts(booking.id)["told"] == [planned_s, planned_s]
    town.until(planned_s)
    kinds = town.told(booking.id)
    near = planned_s - booking.booked_at_s <= 300
    assert kinds == (["confirmed"] if near else ["confirmed", "coming"])
    assert town.facts(booking.id)["told_vehicle_id"] == town.shift(booking.id).vehicle_id
    assert town.differences() == []


def test_a_ride_booked_ahead_is_told_as_a_window_then_reminded_then_announced(
    town: ToldTown,
) -> None:
    booking = town.book(depart_at_s=town.now_s + 3 * HOUR_S)
    window = [booking.promise.pickup_from_s, booking.promise.pickup_to_s]
    assert town.facts(booking.id)["told"] == window
    town.until(window[0] - HOUR_S - 30, step_s=600)
    assert town.told(booking.id) == ["confirmed"]
    town.later(30)
    assert town.told(booking.id) == ["confirmed", "reminder"]
    town.until(town.planned_s(booking.id) - 301, step_s=60)
    assert town.told(booking.id) == ["confirmed", "reminder"]
    town.later(1)
    assert town.told(booking.id) == ["confirmed", "reminder", "coming"]
    town.later(200)
    assert town.told(booking.id) == ["confirmed", "reminder", "coming"]


def test_who_books_within_the_lead_is_not_reminded(town: ToldTown) -> None:
    booking = town.book(depart_at_s=town.now_s + HOUR_S)
    town.until(town.planned_s(booking.id) - 301, step_s=60)
    assert town.told(booking.id) == ["confirmed"]


def test_reminders_can_be_switched_off(make_town: Callable[..., ToldTown]) -> None:
    town = make_town(policy=Policy(reminder_s=0))
    booking = town.book(depart_at_s=town.now_s + 2 * HOUR_S)
    town.until(town.planned_s(booking.id) - 301, step_s=300)
    assert town.told(booking.id) == ["confirmed"]


def test_a_driver_who_does_not_come_moves_riders_more_than_three_minutes_at_a_time(
    town: ToldTown,
) -> None:
    booking = town.book(0, 40)
    visit = town.shift(booking.id).visits[0]
    first_s = town.planned_s(booking.id)
    # the vehicle stands still at the depot: each tick finds that it will be later
    moved = []
    while town.clock.at_s < visit.arrive_s + 900:
        before = len(town.told(booking.id))
        told = town.facts(booking.id)["told"][0]
        town.later(20)
        if len(town.told(booking.id)) > before and town.told(booking.id)[-1] == "moved":
            moved.append(town.facts(booking.id)["told"][0] - told)
        planned_s = town.planned_s(booking.id)
        last_told_s = town.facts(booking.id)["told"][0]
        assert planned_s - last_told_s <= 180
    assert town.planned_s(booking.id) > first_s + 600
    assert moved
    assert all(moved_s > 180 for moved_s in moved)


@pytest.mark.parametrize(("by", "shown"), [("rider", "rider"), ("control", "control")])
def test_a_cancellation_is_told_once(town: ToldTown, by: str, shown: str) -> None:
    booking = town.book()
    for _ in range(2):
        town.do(cmd.CancelBooking(booking.id, by))
    town.later(600)
    assert town.told(booking.id) == ["confirmed", "cancelled"]
    assert town.facts(booking.id)["by"] == shown


def test_a_no_show_is_told_once(town: ToldTown) -> None:
    booking = town.book()
    shift = town.shift(booking.id)
    town.until(max(town.planned_s(booking.id), booking.promise.pickup_from_s))
    town.do(cmd.ReportArrived(shift.vehicle_id, town.shift(booking.id).visits[0].id))
    town.later(200)
    for _ in range(2):
        town.do(cmd.ReportNoShow(booking.id))
    assert [k for k in town.told(booking.id) if k != "coming"] == ["confirmed", "no_show"]


def test_while_the_vehicle_waits_at_the_stop_nothing_is_moved(town: ToldTown) -> None:
    booking = town.book()
    shift = town.shift(booking.id)
    town.until(town.planned_s(booking.id))
    town.do(cmd.ReportArrived(shift.vehicle_id, town.shift(booking.id).visits[0].id))
    before = town.told(booking.id)
    town.until(town.clock.at_s + 900)
    assert town.booking(booking.id).status is BookingStatus.CONFIRMED
    assert town.told(booking.id) == before


def test_a_vehicle_that_is_early_says_that_it_is_there(town: ToldTown) -> None:
    booking = town.book(depart_at_s=town.now_s + 2 * HOUR_S)
    town.until(booking.promise.pickup_from_s - 1200, step_s=120)
    shift = town.shift(booking.id)
    town.do(cmd.ReportArrived(shift.vehicle_id, shift.visits[0].id))
    assert town.told(booking.id) == ["confirmed", "reminder", "coming"]
    assert town.facts(booking.id)["is_here"]


class Batches:
    """The engine, and an announcer that sees the events of several commands at once."""

    def __init__(self, grid: Network) -> None:
        self.desk = Desk(grid)
        self.announcer = Announcer("grid")
        self.changes = Changes()

    def do(self, command: cmd.Command) -> list[ev.Event]:
        desk = self.desk
        events = desk.engine.decide(desk.state, command, desk.now_s, desk.rng)
        for event in events:
            self.changes.apply(desk.state, event, desk.now_s)
        return events

    def book(self, origin: int = 0, destination: int = 30) -> Booking:
        request = self.desk.ask(origin, destination)
        event = self.do(cmd.AcceptOffer(request.offers[0].id, "rd_1"))[0]
        assert isinstance(event, ev.BookingMade)
        return event.booking

    def commit(self) -> list[NewMessage]:
        changes, self.changes = self.changes, Changes()
        return self.announcer.after(changes, self.desk.state, self.desk.now_s)


def test_what_happens_in_one_batch_is_told_once_as_it_ended(grid: Network) -> None:
    batches = Batches(grid)
    booking = batches.book()
    batches.do(cmd.CancelBooking(booking.id, "rider"))
    (message,) = batches.commit()
    assert (message.kind, message.booking_id, message.ordinal) == ("cancelled", booking.id, 1)
    assert batches.commit() == []


def test_a_plan_that_moves_there_and_back_in_one_batch_is_no_news(grid: Network) -> None:
    batches = Batches(grid)
    first = batches.book()
    assert [m.kind for m in batches.commit()] == ["confirmed"]
    second = batches.book(1, 31)
    third = batches.book(2, 32)
    batches.do(cmd.CancelBooking(second.id, "rider"))
    batches.do(cmd.CancelBooking(third.id, "rider"))
    kinds = {m.booking_id: m.kind for m in batches.commit()}
    assert kinds == {second.id: "cancelled", third.id: "cancelled"}
    assert batches.desk.booking(first).status is BookingStatus.CONFIRMED


def test_the_same_message_has_the_same_id_and_the_next_has_another(grid: Network) -> None:
    ids = []
    for _ in range(2):
        batches = Batches(grid)
        batches.book()
        (message,) = batches.commit()
        ids.append(message.id)
    assert ids[0] == ids[1]
    batches.do(cmd.CancelBooking(str(message.booking_id), "rider"))
    assert batches.commit()[0].id != ids[0]


def test_what_was_told_is_an_interval() -> None:
    window = Told(1, 0, 1000, 1600)
    assert [window.distance_s(at) for at in (900, 1000, 1300, 1600, 1700)] == [100, 0, 0, 0, 100]
    assert not window.is_exact
    assert Told(1, 0, 1000, 1000).is_exact


def test_one_message_that_cannot_be_made_stops_nobody(
    grid: Network, caplog: pytest.LogCaptureFixture
) -> None:
    batches = Batches(grid)
    first, second = batches.book(), batches.book(5, 35)
    batches.desk.state.bookings[first.id] = replace(first, code=object())  # type: ignore[arg-type]
    caplog.set_level(logging.CRITICAL)
    assert [m.booking_id for m in batches.commit()] == [second.id]


def test_a_new_leader_knows_what_was_told(town: ToldTown) -> None:
    booking = town.book(depart_at_s=town.now_s + 2 * HOUR_S)
    town.until(booking.promise.pickup_from_s - HOUR_S, step_s=600)
    assert town.told(booking.id) == ["confirmed", "reminder"]
    for _ in range(2):
        town.restart()
        town.later(60)
    assert town.told(booking.id) == ["confirmed", "reminder"]
    town.do(cmd.CancelBooking(booking.id, "rider"))
    ordinals = town.sql("SELECT ordinal FROM message ORDER BY ordinal")
    assert ordinals == [(1,), (2,), (3,)]


def test_a_message_that_is_there_already_stays_as_it_is(town: ToldTown) -> None:
    town.book()
    message = NewMessage("ms_1", "bk_x", 1, "rd_x", "moved", {"a": 1}, 5, 9)
    with connect(town.dsn) as connection:
        for facts in ({"a": 1}, {"a": 2}):
            outbox.add(connection, "grid", [replace(message, facts=facts)])
        outbox.add(connection, "grid", [replace(message, id="ms_2")])
    assert town.sql("SELECT id, facts FROM message WHERE rider_id = 'rd_x'") == [("ms_1", {"a": 1})]


def test_a_commit_that_fails_leaves_no_message_and_is_told_when_it_succeeds(
    town: ToldTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = town.book()
    add, calls = outbox.add, []

    def failing(connection: psycopg.Connection, area: str, messages: Any) -> None:
        add(connection, area, messages)
        if messages and not calls:
            calls.append(messages)
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr("dispatch.worker.dispatcher.outbox.add", failing)
    row_id = town.put(cmd.CancelBooking(booking.id, "rider"))
    with pytest.raises(psycopg.OperationalError):
        town.dispatcher.round()
    assert town.sql("SELECT outcome FROM inbox WHERE id = %s", row_id) == [(None,)]
    assert town.told(booking.id) == ["confirmed"]
    town.restart()
    assert town.told(booking.id) == ["confirmed", "cancelled"]
    ((again,),) = [calls[0]]
    assert town.sql("SELECT id FROM message WHERE kind = 'cancelled'") == [(again.id,)]


def test_a_deposed_leader_tells_nobody(town: ToldTown) -> None:
    booking = town.book()
    town.sql("UPDATE service_area SET epoch = epoch + 1")
    town.put(cmd.CancelBooking(booking.id, "rider"))
    with pytest.raises(LeadershipLostError):
        town.dispatcher.round()
    assert town.told(booking.id) == ["confirmed"]


def test_a_booking_from_before_there_were_messages(town: ToldTown) -> None:
    booking = town.book(depart_at_s=town.now_s + 2 * HOUR_S)
    town.sql("DELETE FROM message")
    town.restart()
    town.until(booking.promise.pickup_from_s - HOUR_S, step_s=600)
    assert town.told(booking.id) == ["reminder"]


def test_new_roads_that_lack_a_stop_are_told(town: ToldTown) -> None:
    booking = town.book()
    town.dispatcher.close()

    def adopt(state: State, now_s: int, _rng: Random) -> list[ev.Event]:
        shift = state.shifts[booking.shift_id]
        cancelled = ev.BookingCancelled(booking.id, now_s, "service")
        return [cancelled, ev.PlanChanged(shift.id, shift.version + 1, shift.anchor, ())]

    dispatcher = Dispatcher(
        town.dsn,
        town.redis_url,
        "grid",
        decide=town.engine.decide,
        answer=lambda *_: {},
        clock=town.clock,
        announcer=Announcer("grid"),
        roads_sha256="new",
        adopt=adopt,
    )
    town.sql("UPDATE service_area SET roads_sha256 = 'old'")
    assert dispatcher.lead()
    dispatcher.close()
    assert town.told(booking.id) == ["confirmed", "cancelled"]
