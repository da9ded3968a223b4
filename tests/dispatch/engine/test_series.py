"""Standing orders: booked ahead once a day, skipped, retried, and ended."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from desk import TUESDAY_9_S, Desk
from tiny_town import ZONE, grid_config

from dispatch.domain import booking_commands as bc
from dispatch.domain import booking_events as be
from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.life import DayStatus, Series, SeriesCalendar, SeriesDay, SeriesWish
from dispatch.domain.model import BookingStatus, Party
from dispatch.domain.rules import Rules
from dispatch.domain.state import forget_closed
from dispatch.engine import Network
from dispatch.engine.invariants import broken_rules
from dispatch.engine.series import falls_on, wish_instant

TUESDAY = date(2026, 3, 10)
DAY_S = 86_400


@pytest.fixture
def desk(grid: Network) -> Desk:
    return Desk(grid)


def order(
    desk: Desk, *, party: Party | None = None, arrive_min: int | None = None, **more: Any
) -> Series:
    depart_min = 10 * 60 if arrive_min is None else None
    wish = SeriesWish(desk.stop(0), desk.stop(30), party or Party(1), depart_min, arrive_min)
    calendar = {"weekdays": (2, 4), "from_day": TUESDAY} | more
    (event,) = desk.do(bc.CreateSeries(wish, SeriesCalendar(**calendar), "rd_gran"))
    assert isinstance(event, be.SeriesCreated)
    return event.series


def ticks(desk: Desk, count: int = 6) -> None:
    for _ in range(count):
        desk.do(cmd.Tick())


def days(desk: Desk) -> dict[date, SeriesDay]:
    return {day.day: day for day in desk.state.series_days.values()}


def test_the_days_that_can_be_booked_are_booked_once(desk: Desk) -> None:
    series = order(desk)
    ticks(desk)
    found = days(desk)
    assert list(found) == [TUESDAY, date(2026, 3, 12)]
    for day in found.values():
        booking = desk.state.bookings[day.booking_id or ""]
        assert day.status is DayStatus.BOOKED
        assert (booking.rider_id, booking.series_id) == ("rd_gran", series.id)
        assert 0 <= booking.promise.pickup_from_s - day.wish_s <= 1800
    before = len(desk.log)
    ticks(desk)
    assert len(desk.log) == before
    desk.now_s += 2 * 3600
    ticks(desk)
    assert list(days(desk))[-1] == date(2026, 3, 17), "next week's, as soon as it can be booked"
    assert not broken_rules(desk.config, desk.network, desk.state, desk.now_s)


def test_a_memory_that_was_emptied_books_nothing_twice(desk: Desk) -> None:
    order(desk)
    ticks(desk)
    desk.now_s += 3 * 3600
    ticks(desk)
    made = sum(isinstance(e, ev.BookingMade) for e in desk.log)
    forget_closed(desk.state, desk.now_s)
    ticks(desk)
    assert sum(isinstance(e, ev.BookingMade) for e in desk.log) == made


def test_work_in_one_tick_is_bounded(desk: Desk) -> None:
    for _ in range(3):
        order(desk, weekdays=(1, 2, 3, 4, 5, 6, 7))
    desk.do(cmd.Tick())
    assert len(days(desk)) <= len(desk.state.series_days) == desk.config.rules.series_tries_per_tick


def test_arrive_by(desk: Desk) -> None:
    order(desk, arrive_min=11 * 60)
    ticks(desk)
    booking = desk.state.bookings[days(desk)[TUESDAY].booking_id or ""]
    assert booking.promise.arrival_latest_s <= TUESDAY_9_S + 2 * 3600


def test_a_day_is_skipped_before_and_after_it_is_booked(desk: Desk) -> None:
    series = order(desk, except_days=(date(2026, 3, 12),))
    ticks(desk)
    assert list(days(desk)) == [TUESDAY]
    booking_id = days(desk)[TUESDAY].booking_id or ""
    desk.do(bc.SkipSeriesDay(series.id, TUESDAY, "rider"))
    assert desk.do(bc.SkipSeriesDay(series.id, TUESDAY, "rider")) == []
    assert desk.state.bookings[booking_id].status is BookingStatus.CANCELLED
    later = date(2026, 3, 24)
    desk.do(bc.SkipSeriesDay(series.id, later, "control"))
    desk.now_s += 8 * DAY_S
    ticks(desk)
    assert days(desk)[later].status is DayStatus.SKIPPED
    assert days(desk)[TUESDAY].status is DayStatus.SKIPPED


@pytest.mark.parametrize("day", [date(2026, 3, 11), date(2026, 3, 3), date(2026, 3, 12)])
def test_a_day_that_is_none_of_it_cannot_be_skipped(desk: Desk, day: date) -> None:
    series = order(desk, to_day=TUESDAY)
    with pytest.raises(DomainError) as caught:
        desk.do(bc.SkipSeriesDay(series.id, day, "rider"))
    assert caught.value.code is ErrorCode.SERIES_INVALID


def test_a_booking_the_rider_gave_up_is_not_made_again(desk: Desk) -> None:
    order(desk)
    ticks(desk)
    desk.do(cmd.CancelBooking(days(desk)[TUESDAY].booking_id or "", "rider"))
    desk.now_s += 3700
    ticks(desk)
    made = [e.booking for e in desk.log if isinstance(e, ev.BookingMade)]
    assert len(made) >= 2
    assert len({b.promise.pickup_from_s // DAY_S for b in made}) == len(made)


def test_holidays_are_left_out_unless_wanted(grid: Network) -> None:
    config = grid_config()
    config = replace(config, hours=replace(config.hours, holidays=frozenset({TUESDAY})))
    for wanted, status in ((False, DayStatus.SKIPPED), (True, DayStatus.BOOKED)):
        desk = Desk(grid, config)
        order(desk, on_holidays=wanted)
        ticks(desk)
        assert days(desk)[TUESDAY].status is status


def test_a_day_without_room_is_reported_and_tried_again(grid: Network) -> None:
    desk = Desk(grid, grid_config(vehicles=1, rules=Rules(series_retry_s=600)))
    blockers = []
    for ahead_s in range(3000, 6300, 300):
        for start, end in ((40, 3), (3, 40)):
            offers = desk.ask(start, end, party=Party(4), depart_at_s=desk.now_s + ahead_s).offers
            blockers += [desk.take(offer) for offer in offers[:1]]
    order(desk, party=Party(4), weekdays=(2,), to_day=TUESDAY)
    desk.do(cmd.Tick())
    first = days(desk)[TUESDAY]
    assert (first.status, first.code, first.tries) == (DayStatus.UNPLANNED, "no_capacity", 1)
    refused = desk.state.requests[first.request_id or ""]
    assert refused.refusal is not None
    assert refused.channel == "series"
    ticks(desk)
    assert days(desk)[TUESDAY].tries == 1, "not tried at every tick"
    desk.now_s += 601
    ticks(desk)
    assert days(desk)[TUESDAY].tries == 2
    assert (
        sum(isinstance(e, ev.RideRefused) and e.request.channel == "series" for e in desk.log) == 1
    )
    for booking in blockers:
        if desk.booking(booking).status is BookingStatus.CONFIRMED:
            desk.do(cmd.CancelBooking(booking.id, "rider"))
    desk.now_s += 601
    ticks(desk)
    day = days(desk)[TUESDAY]
    assert (day.status, day.tries) == (DayStatus.BOOKED, 3)


def test_an_ended_order_carries_nobody_unless_told_to(desk: Desk) -> None:
    for keep in (False, True):
        series = order(desk)
        ticks(desk)
        desk.do(bc.EndSeries(series.id, "rider", keep_bookings=keep))
        assert desk.do(bc.EndSeries(series.id, "rider")) == []
        mine = [b for b in desk.state.bookings.values() if b.series_id == series.id]
        expected = BookingStatus.CONFIRMED if keep else BookingStatus.CANCELLED
        assert {b.status for b in mine} == {expected}
        known = len(desk.state.series_days)
        desk.now_s += 3600
        ticks(desk)
        assert len(desk.state.series_days) == known
        with pytest.raises(DomainError) as caught:
            desk.do(bc.SkipSeriesDay(series.id, date(2026, 3, 17), "rider"))
        assert caught.value.code is ErrorCode.SERIES_ENDED


@pytest.mark.parametrize(
    ("hurt", "reason"),
    [
        ({"weekdays": ()}, "weekdays"),
        ({"weekdays": (0, 8)}, "weekdays"),
        ({"from_day": TUESDAY - timedelta(1)}, "from_day"),
        ({"to_day": TUESDAY - timedelta(1)}, "to_day"),
        ({"arrive_min": 24 * 60}, "time"),
    ],
)
def test_a_bad_order_changes_nothing(desk: Desk, hurt: dict[str, Any], reason: str) -> None:
    before = repr(desk.state)
    with pytest.raises(DomainError) as caught:
        order(desk, **hurt)
    assert caught.value.code is ErrorCode.SERIES_INVALID
    assert caught.value.params == {"reason": reason}
    assert repr(desk.state) == before


def test_a_ride_that_can_never_be_is_no_order(desk: Desk) -> None:
    with pytest.raises(DomainError) as caught:
        order(desk, party=Party(6))
    assert caught.value.params == {"reason": "no_suitable_vehicle"}


def test_clock_times_are_local_in_summer_and_winter(desk: Desk) -> None:
    hours, wish = desk.config.hours, SeriesWish(desk.stop(0), desk.stop(30), Party(1), 7 * 60 + 30)
    for day in (date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 24), date(2026, 10, 25)):
        local = datetime.fromtimestamp(wish_instant(hours, wish, day), ZONE)
        assert (local.date(), local.hour, local.minute) == (day, 7, 30)
    night = replace(wish, depart_min=2 * 60 + 30)
    skipped = datetime.fromtimestamp(wish_instant(hours, night, date(2026, 3, 29)), ZONE)
    assert (skipped.hour, skipped.minute) == (3, 30)


def test_which_days_an_order_falls_on() -> None:
    calendar = SeriesCalendar((1, 3), date(2026, 3, 10), date(2026, 3, 18), (date(2026, 3, 16),))
    found = [
        day
        for day in (date(2026, 3, 1) + timedelta(n) for n in range(31))
        if falls_on(calendar, day)
    ]
    assert found == [date(2026, 3, 11), date(2026, 3, 18)]
