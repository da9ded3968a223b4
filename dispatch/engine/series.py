"""Standing orders: days of a recurring ride become ordinary bookings as soon as they can be booked.

A day is carried out once, whatever happens: it is booked, skipped, or tried again until its hour.
Local clock times are meant; where the clocks skip one, it is an hour later.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from dispatch.domain import booking_commands as bc
from dispatch.domain import booking_events as be
from dispatch.domain import commands as cmd
from dispatch.domain.errors import DomainError, ErrorCode, RefusalCode
from dispatch.domain.ids import new_id
from dispatch.domain.life import (
    DayStatus,
    Series,
    SeriesCalendar,
    SeriesDay,
    SeriesStatus,
    SeriesWish,
)
from dispatch.domain.model import BookingStatus, RequestStatus
from dispatch.domain.rules import DAY_S, Hours, ServiceConfig
from dispatch.engine.booker import Booker
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.rides import Rides
from dispatch.engine.wishes import Unservable, check_command, find_ends

_MINUTES_A_DAY = 24 * 60
_AHEAD_MAX_DAYS = 366
_EXCEPTIONS_MAX = 366
_LATER = frozenset({RefusalCode.NO_CAPACITY, RefusalCode.NO_SUITABLE_VEHICLE})
"""Refusals that an hour may change; of all others, a new day."""


class StandingOrders:
    """Decides about standing orders."""

    def __init__(
        self, config: ServiceConfig, network: Network, rides: Rides, booker: Booker
    ) -> None:
        self._config = config
        self._network = network
        self._rides = rides
        self._booker = booker

    def create(self, draft: Draft, create: bc.CreateSeries) -> None:
        """Place a standing order; its first days are booked with the next ticks.

        Raises:
            DomainError: a calendar without days, or a ride that can never be.
        """
        self._check(draft, create)
        series = Series(
            id=new_id("se", draft.rng),
            rider_id=create.rider_id,
            wish=create.wish,
            calendar=create.calendar,
            channel=create.channel,
            status=SeriesStatus.ACTIVE,
            created_at_s=draft.now_s,
        )
        draft.emit(be.SeriesCreated(series))

    def end(self, draft: Draft, end: bc.EndSeries) -> None:
        """End a standing order and cancel what it has booked, unless that is to be kept.

        Raises:
            DomainError: unknown series.
        """
        series = self._series(draft, end.series_id)
        if series.status is SeriesStatus.ENDED:
            return
        draft.emit(be.SeriesEnded(series.id, draft.now_s, end.by))
        if end.keep_bookings:
            return
        for booking in list(draft.state.bookings.values()):
            if booking.series_id == series.id and booking.status is BookingStatus.CONFIRMED:
                self._rides.cancel(draft, cmd.CancelBooking(booking.id, end.by, "series_ended"))

    def skip(self, draft: Draft, skip: bc.SkipSeriesDay) -> None:
        """Leave one day out; its booking is cancelled. Repeating it is no error.

        Raises:
            DomainError: unknown or ended series, a day that is none of it or is over, or a ride
                under way.
        """
        series = self._series(draft, skip.series_id)
        if series.status is SeriesStatus.ENDED:
            raise DomainError(ErrorCode.SERIES_ENDED, "the standing order has ended")
        known = draft.state.series_days.get((series.id, skip.day))
        if known is not None and known.status is DayStatus.SKIPPED:
            return
        wish_s = wish_instant(self._config.hours, series.wish, skip.day)
        if not falls_on(series.calendar, skip.day) or wish_s <= draft.now_s:
            raise DomainError(ErrorCode.SERIES_INVALID, "no day of it ahead", reason="day")
        booking_id = known.booking_id if known is not None else None
        booking = draft.state.bookings.get(booking_id or "")
        if booking is not None and booking.status is not BookingStatus.CANCELLED:
            self._rides.cancel(draft, cmd.CancelBooking(booking.id, skip.by, "day_skipped"))
        day = known or SeriesDay(series.id, skip.day, wish_s, DayStatus.SKIPPED, draft.now_s)
        status, at_s = DayStatus.SKIPPED, draft.now_s
        draft.emit(be.SeriesDaySkipped(replace(day, status=status, at_s=at_s, code=skip.by)))

    def tick(self, draft: Draft) -> None:
        """Book days that can be booked by now: only a few at a time, the earliest first."""
        if not draft.state.series:
            return
        due = sorted(self._due(draft), key=lambda d: (d[1].wish_s, d[1].series_id))
        left = self._config.rules.series_tries_per_tick
        for series, day in due:
            if self._holiday(series, day.day):
                skipped = replace(day, status=DayStatus.SKIPPED, code="holiday")
                draft.emit(be.SeriesDaySkipped(skipped))
            elif day.wish_s <= draft.now_s:
                code = ErrorCode.DEPARTURE_IN_PAST
                draft.emit(be.SeriesDayUnplanned(replace(day, code=str(code))))
            elif left > 0:
                left -= 1
                self._carry_out(draft, series, day)

    def _due(self, draft: Draft) -> Iterator[tuple[Series, SeriesDay]]:
        """The days to be decided now, each as an undecided one of this instant."""
        hours, now_s = self._config.hours, draft.now_s
        until_s = now_s + self._config.rules.bookable_ahead_days * DAY_S
        for series in draft.state.series.values():
            if series.status is SeriesStatus.ENDED:
                continue
            first = hours.local_date(now_s) - timedelta(days=1)
            first = max(first, series.calendar.from_day)
            last = min(hours.local_date(until_s), series.calendar.to_day or date.max)
            for ahead in range((last - first).days + 1):
                day = first + timedelta(days=ahead)
                if not falls_on(series.calendar, day):
                    continue
                wish_s = wish_instant(hours, series.wish, day)
                known = draft.state.series_days.get((series.id, day))
                if series.created_at_s < wish_s <= until_s and self._is_due(known, now_s):
                    tries = 0 if known is None else known.tries
                    request_id = None if known is None else known.request_id
                    yield (
                        series,
                        SeriesDay(
                            series.id,
                            day,
                            wish_s,
                            DayStatus.UNPLANNED,
                            now_s,
                            request_id=request_id,
                            tries=tries,
                        ),
                    )

    def _is_due(self, known: SeriesDay | None, now_s: int) -> bool:
        if known is None:
            return True
        if known.status is not DayStatus.UNPLANNED or known.wish_s <= now_s:
            return False
        pause_s = self._config.rules.series_retry_s if known.code in _LATER else DAY_S
        return now_s >= known.at_s + pause_s

    def _holiday(self, series: Series, day: date) -> bool:
        return not series.calendar.on_holidays and day in self._config.hours.holidays

    def _carry_out(self, draft: Draft, series: Series, day: SeriesDay) -> None:
        """Book a day, or note why it cannot be.

        The wish is recorded the first time only: it is one unmet wish, however often it is tried.
        """
        day = replace(day, tries=day.tries + 1)
        branch = draft.branch()
        try:
            request = self._booker.ask(branch, _ask(series, day))
            if request.status is RequestStatus.OFFERED:
                take = cmd.AcceptOffer(request.offers[0].id, series.rider_id)
                booking = self._booker.take(branch, take, series_id=series.id)
                draft.take_over(branch)
                status = DayStatus.BOOKED
                booked = replace(day, status=status, booking_id=booking.id, request_id=request.id)
                draft.emit(be.SeriesDayBooked(booked))
                return
            code = request.refusal.code if request.refusal else str(RefusalCode.NO_CAPACITY)
            if day.request_id is None:
                draft.take_over(branch)
                day = replace(day, request_id=request.id)
        except DomainError as error:
            code = str(error.code)
        draft.emit(be.SeriesDayUnplanned(replace(day, code=code)))

    def _series(self, draft: Draft, series_id: str) -> Series:
        series = draft.state.series.get(series_id)
        if series is None:
            raise DomainError(ErrorCode.SERIES_NOT_FOUND, f"no series {series_id}")
        return series

    def _check(self, draft: Draft, create: bc.CreateSeries) -> None:
        wish, now_s = create.wish, draft.now_s
        reason = _wrong(create, self._config.hours.local_date(now_s))
        if reason is not None:
            raise DomainError(ErrorCode.SERIES_INVALID, f"wrong {reason}", reason=reason)
        ask = cmd.RequestRide(wish.origin, wish.destination, wish.party)
        check_command(self._config, self._network, ask, now_s)
        rules = self._config.rules
        wished_m = rules.max_walk_m if wish.max_walk_m is None else wish.max_walk_m
        try:
            find_ends(self._config, self._network, ask, min(wished_m, rules.max_walk_limit_m))
        except Unservable as unservable:
            reason = str(unservable.code)
            raise DomainError(ErrorCode.SERIES_INVALID, "no such ride", reason=reason) from None
        if self._config.largest_fit(wish.party) is None:
            reason = str(RefusalCode.NO_SUITABLE_VEHICLE)
            raise DomainError(ErrorCode.SERIES_INVALID, "fits no vehicle", reason=reason)


def falls_on(calendar: SeriesCalendar, day: date) -> bool:
    """Whether a standing order has a ride on a day, holidays aside."""
    return (
        day.isoweekday() in calendar.weekdays
        and calendar.from_day <= day
        and (calendar.to_day is None or day <= calendar.to_day)
        and day not in calendar.except_days
    )


def wish_instant(hours: Hours, wish: SeriesWish, day: date) -> int:
    """The epoch second of a standing order's clock time on a day."""
    minutes = wish.depart_min if wish.depart_min is not None else wish.arrive_min
    return hours.instant(day, minutes or 0)


def _ask(series: Series, day: SeriesDay) -> cmd.RequestRide:
    wish = series.wish
    departs = wish.depart_min is not None
    return cmd.RequestRide(
        wish.origin,
        wish.destination,
        wish.party,
        depart_at_s=day.wish_s if departs else None,
        arrive_by_s=None if departs else day.wish_s,
        max_walk_m=wish.max_walk_m,
        channel="series",
        repeats=day.request_id,
    )


def _wrong(create: bc.CreateSeries, today: date) -> str | None:
    """What is wrong with a standing order's calendar, None if nothing is."""
    calendar, wish = create.calendar, create.wish
    days = set(calendar.weekdays)
    minutes = [m for m in (wish.depart_min, wish.arrive_min) if m is not None]
    latest = today + timedelta(days=_AHEAD_MAX_DAYS)
    if not days or not days <= set(range(1, 8)):
        return "weekdays"
    if len(minutes) != 1 or not 0 <= minutes[0] < _MINUTES_A_DAY:
        return "time"
    if not today <= calendar.from_day <= latest:
        return "from_day"
    if calendar.to_day is not None and calendar.to_day < calendar.from_day:
        return "to_day"
    return "except_days" if len(calendar.except_days) > _EXCEPTIONS_MAX else None
