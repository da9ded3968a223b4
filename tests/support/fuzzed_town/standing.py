"""Standing orders, the waiting list, and parties for more than one vehicle."""

from datetime import timedelta

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from dispatch.domain import booking_commands as bc
from dispatch.domain import booking_events as be
from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import RefusalCode
from dispatch.domain.life import SeriesCalendar, SeriesStatus, SeriesWish, WaitingStatus
from dispatch.domain.model import BookingStatus, Party
from fuzzed_town.base import HOPS, STOPS, WHICH, Trunk, pick

_EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
_MINUTES = st.one_of(st.integers(0, 240), st.integers(0, 1439))
"""Rather at night, when the clocks change."""


class Standing(Trunk):
    """Who rides often, who waits, and who is many."""

    @rule(
        origin=STOPS,
        hop=HOPS,
        at_min=_MINUTES,
        arrives=st.booleans(),
        weekdays=st.sampled_from([_EVERY_DAY, _EVERY_DAY, (2, 3), (7,), ()]),
    )
    def order_for_many_days(
        self, origin: int, hop: int, at_min: int, weekdays: tuple[int, ...], *, arrives: bool
    ) -> None:
        """A ride every day at the same hour of the clock."""
        ends = self.stop(origin), self.stop(origin + hop)
        times = (None, at_min) if arrives else (at_min, None)
        wish = SeriesWish(*ends, Party(1), *times)
        today = self.desk.config.hours.local_date(self.desk.now_s)
        calendar = SeriesCalendar(weekdays, today, today + timedelta(days=5))
        self.act(bc.CreateSeries(wish, calendar, "rd_s"))
        self.tick()

    @precondition(lambda self: bool(self.desk.state.series))
    @rule(which=WHICH, ahead=st.integers(-1, 3), booked=st.booleans())
    def skip_a_day(self, which: int, ahead: int, *, booked: bool) -> None:
        """One day without the ride; also a day that is none of it, and twice."""
        series = pick(self.desk.state.series, which)
        today = self.desk.config.hours.local_date(self.desk.now_s)
        day = today + timedelta(days=ahead)
        made = [d for d in self.desk.state.series_days.values() if d.booking_id and booked]
        if made:
            series, day = made[which % len(made)].key
        if series is not None:
            command = bc.SkipSeriesDay(series, day, "rider")
            self.settle(command)
            if self.last_error is None:
                self.again(command)

    @precondition(lambda self: bool(self.desk.state.series))
    @rule(which=WHICH, keeps=st.booleans())
    def no_more_of_it(self, which: int, *, keeps: bool) -> None:
        """The end of a standing order."""
        series = pick(self.desk.state.series, which)
        if series is not None:
            ended = self.desk.state.series[series].status is SeriesStatus.ENDED
            command = bc.EndSeries(series, "rider", keeps)
            self.settle(command)
            self.again(command)
            if not keeps and not ended:
                left = self.having(BookingStatus.CONFIRMED)
                assert all(b.series_id != series for b in left)

    @rule(origin=STOPS, hop=HOPS, ahead_s=st.sampled_from([None, 900, 3600]), joins=st.booleans())
    def wait_for_room(self, origin: int, hop: int, ahead_s: int | None, *, joins: bool) -> None:
        """Whoever is refused for want of room may wait; so many as there are come at once."""
        depart_s = None if ahead_s is None else self.desk.now_s + ahead_s
        ends = self.stop(origin), self.stop(origin + hop)
        for _ in range(6):
            events = self.act(cmd.RequestRide(*ends, Party(4), depart_at_s=depart_s))
            request = events[0].request if events else None  # type: ignore[union-attr]
            if request is None or request.refusal is not None:
                break
            self.settle(cmd.AcceptOffer(request.offers[0].id, "rd_f"))
        if request is None:
            return
        command = bc.JoinWaitingList(request.id, "rd_w")
        if joins or request.refusal is None:
            self.act(command)
            full = request.refusal is not None and request.refusal.code == RefusalCode.NO_CAPACITY
            assert (self.last_error is None) == full
            if full:
                self.again(command)

    @precondition(lambda self: bool(self.desk.state.waiting))
    @rule(which=WHICH)
    def wait_no_longer(self, which: int) -> None:
        """Somebody leaves the list."""
        entry = pick(self.desk.state.waiting.values(), which)
        if entry is not None:
            command = bc.LeaveWaitingList(entry.request_id)
            self.act(command)
            assert (self.last_error is None) == (entry.status is not WaitingStatus.SERVED)
            if self.last_error is None:
                self.again(command)

    @rule(
        origin=STOPS,
        hop=HOPS,
        seats=st.integers(3, 9),
        chairs=st.sampled_from([0, 0, 1, 2]),
        takes=st.booleans(),
        leaves=st.booleans(),
    )
    def travel_in_a_group(
        self, origin: int, hop: int, seats: int, chairs: int, *, takes: bool, leaves: bool
    ) -> None:
        """All of a group or none, on the way in and on the way out."""
        party, ends = Party(seats, chairs), (self.stop(origin), self.stop(origin + hop))
        asked = self.act(bc.RequestGroup(*ends, party))
        offered = [e.request for e in asked if isinstance(e, ev.RideOffered)]
        for group_id in {request.group_id or "" for request in offered}:
            assert sum(r.party.seats for r in offered) == seats
            assert sum(r.party.wheelchairs for r in offered) == chairs
            self.act(cmd.AcceptOffer(offered[0].offers[0].id, "rd_g"))  # not one alone
            assert self.last_error is not None
            if takes:
                self._take_group(group_id, party)
            if leaves:
                self._leave_group(group_id, taken=takes)

    def _take_group(self, group_id: str, party: Party) -> None:
        before = self.desk.state.shifts.copy()
        events = self.settle(bc.AcceptGroup(group_id, "rd_g"))
        made = [e.booking for e in events if isinstance(e, ev.BookingMade)]
        searched = self.style.joint_iterations > 0
        assert made or searched or self.desk.state.shifts != before, "offered, and yet not there"
        assert sum(b.party.seats for b in made) in {0, party.seats}
        if made:
            self.act(bc.AcceptGroup(group_id, "rd_g"))
            assert self.last_error is not None

    def _leave_group(self, group_id: str, *, taken: bool) -> None:
        events = self.settle(bc.CancelGroup(group_id, "rider"))
        gone = [e for e in events if isinstance(e, ev.BookingCancelled)]
        assert bool(gone) <= taken
        members = [b for b in self.desk.state.bookings.values() if b.group_id == group_id]
        assert all(b.status is not BookingStatus.CONFIRMED for b in members)

    @precondition(lambda self: any(b.group_id for b in self.having(BookingStatus.CONFIRMED)))
    @rule(which=WHICH)
    def a_group_gives_up(self, which: int) -> None:
        """Whoever of a group has not boarded yet."""
        booking = pick([b for b in self.having(BookingStatus.CONFIRMED) if b.group_id], which)
        group_id = booking.group_id if booking is not None else None
        if group_id is not None:
            self._leave_group(group_id, taken=True)
            served = [e for e in self.desk.log if isinstance(e, be.WaitingServed)]
            ids = [event.request_id for event in served]
            assert len(ids) == len(set(ids)), "somebody who waited was served twice"
