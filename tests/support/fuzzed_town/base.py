"""The machine's trunk: a desk, ways to put commands to it, and what must hold after each step."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import ClassVar, TypeVar

import hypothesis.strategies as st
from desk import Desk
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from dispatch.domain import booking_events as be
from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError
from dispatch.domain.life import BrokenLimit
from dispatch.domain.model import Booking, BookingStatus, Party, Shift, ShiftStatus, Spot
from dispatch.domain.state import State, apply
from fuzzed_town import lateness, oracle
from fuzzed_town.days import ORDINARY, STYLES, Day, Style, opened
from fuzzed_town.ledger import Ledger
from fuzzed_town.refusals import check_error
from fuzzed_town.tally import TALLY

STOPS = st.integers(0, 43)
HOPS = st.integers(5, 38)
WHICH = st.integers(0, 30)
T = TypeVar("T")


class Trunk(RuleBasedStateMachine):
    """Puts commands to the engine and watches what comes of them."""

    day: ClassVar[Day] = ORDINARY

    desk: Desk
    ledger: Ledger

    @initialize(
        begin=st.integers(0, 2),
        style=st.sampled_from(STYLES),
        trips=st.lists(st.tuples(STOPS, HOPS, st.integers(0, 90)), min_size=1, max_size=7),
    )
    def open_town(self, begin: int, style: Style, trips: list[tuple[int, int, int]]) -> None:
        """Some instant of the day, some way in which the engine is set up, some who have booked."""
        self.style = style
        self.desk = opened(self.day, style, begin)
        self.ledger = Ledger(self.desk)
        self.reality_broke_something = False
        self.last_error: DomainError | None = None
        self._asked = False
        oracle.check_traffic(self.desk)
        self.drive_until(self.day.begins[begin % len(self.day.begins)])
        for origin, hop, ahead_min in trips:
            depart_s = self.desk.now_s + ahead_min * 60
            ends = self.stop(origin), self.stop(origin + hop)
            (event,) = self.act(cmd.RequestRide(*ends, Party(1), depart_at_s=depart_s))
            if isinstance(event, ev.RideOffered):
                self.settle(cmd.AcceptOffer(event.request.offers[0].id, "rd_0"))

    def drive_until(self, until_s: int) -> None:
        """Everybody does everything that is due until then."""
        raise NotImplementedError

    # -- ways to put a command to the engine

    def act(self, command: cmd.Command) -> list[ev.Event]:
        """Carry a command out, or see it refused with a reason and nothing changed."""
        desk, present = self.desk, same_values(self.desk.state)
        self._asked, self.last_error = True, None
        try:
            events = desk.engine.decide(desk.state, command, desk.now_s, desk.rng)
        except DomainError as error:
            self.last_error = error
            TALLY.refused[type(command)] += 1
            TALLY.codes[str(error.code)] += 1
            assert desk.state == present, f"{command} was refused, and yet changed something"
            check_error(error)
            return []
        assert desk.state == present, "a decision changed the state instead of saying what follows"
        TALLY.done[type(command)] += 1
        self.follow(events)
        return events

    def follow(self, events: Collection[ev.Event]) -> None:
        """Let events happen, one by one, and be written down."""
        for event in events:
            self.ledger.follow(event)
            apply(self.desk.state, event)
            TALLY.events[type(event).__name__] += 1
        self.desk.log += events

    def happen(self, command: cmd.Command) -> list[ev.Event]:
        """Reality: it may break promises."""
        self.reality_broke_something = True
        return self.act(command)

    def settle(
        self,
        command: cmd.Command,
        besides: Callable[[str], bool] = lambda _: False,
        grace_s: int = 0,
    ) -> list[ev.Event]:
        """Carry out a decision: nobody is later by more than `grace_s`, but who may be."""
        before = lateness.expected(self.desk)
        lost = {b.id for b in self.having(BookingStatus.DISPLACED)}
        events = self.act(command)
        self.nobody_is_later(before, events, lambda name: name in lost or besides(name), grace_s)
        return events

    def nobody_is_later(
        self,
        before: lateness.Lateness,
        events: Collection[ev.Event],
        besides: Callable[[str], bool] = lambda _: False,
        grace_s: int = 0,
    ) -> None:
        """No promise is missed by more than before; who lost the vehicle is as late as can be.

        Roads that open are reality, too: a stop that was cut off was served from the nearest one.
        Whoever leaves a plan may leave the set-up at the stop to those who would have boarded with
        them, whose window opens later: so many seconds all that follow may be later.
        """
        if any(isinstance(e, ev.ClosureEnded) for e in events):
            self.reality_broke_something = True
            return
        lost = {e.booking_id for e in events if isinstance(e, ev.BookingDisplaced)}
        after = lateness.planned(self.desk.state)
        watched = {k: v for k, v in after.items() if k[0] not in lost and not besides(k[0])}
        if any(isinstance(e, _LEAVES) for e in events):
            grace_s += self.desk.config.rules.boarding_stop_s
        worse = lateness.worsened(before, watched, grace_s)
        assert not worse, (worse, events)
        if lateness.worsened(before, watched):
            self.reality_broke_something = True

    def tick(self) -> list[ev.Event]:
        """Time is told to the engine: who is late is saved, if at all, at nobody's expense."""
        return self.settle(cmd.Tick())

    def again(self, command: cmd.Command) -> None:
        """Whoever repeats a command that has been carried out is not told off, nor obeyed twice."""
        events = self.act(command)
        assert self.last_error is None, f"{command} again: {self.last_error}"
        own = getattr(command, "booking_id", None)
        for event in events:
            assert isinstance(event, _SERVED), f"{command} again: {event}"
            assert own is None or getattr(event, "booking_id", "") != own

    # -- who there is

    def having(self, *statuses: BookingStatus) -> list[Booking]:
        """The bookings in some states."""
        return [b for b in self.desk.state.bookings.values() if b.status in statuses]

    def waiting(self, which: int) -> Booking | None:
        """Somebody who has booked and waits."""
        return pick(self.having(BookingStatus.CONFIRMED), which)

    def running(self, which: int) -> Shift | None:
        """A shift that is driven, in service."""
        shifts = [s for s in self.desk.active() if s.vehicle_id not in self.desk.state.out]
        return pick(shifts, which)

    def open_shifts(self) -> list[Shift]:
        """All that are not over."""
        return [s for s in self.desk.state.shifts.values() if s.status is not ShiftStatus.ENDED]

    def stop(self, index: int) -> Spot:
        """Some stop."""
        return self.desk.stop(index)

    # -- what holds after each step

    @invariant()
    def everything_holds(self) -> None:
        """Rules, schedules, alerts, and what the ledger knows; and promises, if reality lets them.

        Only steps in which something was asked of the engine count.
        """
        TALLY.steps[type(self).__name__] += self._asked
        self._asked = False
        oracle.check_rules(self.desk)
        oracle.check_schedules(self.desk)
        oracle.check_alerts(self.desk)
        self.ledger.check()
        if not self.reality_broke_something:
            late = lateness.planned(self.desk.state)
            assert not late, f"everybody did what was planned, and yet: {late}"

    def teardown(self) -> None:
        """The log is the state."""
        if hasattr(self, "desk"):
            oracle.check_log(self.desk)


WAITS, RIDES = BookingStatus.CONFIRMED, BookingStatus.BOARDED

_LEAVES = (ev.BookingCancelled, ev.RiderMissed, be.BookingChanged)
_SERVED = (
    ev.BookingMade,
    ev.BookingMoved,
    ev.PlanChanged,
    ev.RideOffered,
    ev.RideRefused,
    be.BookingChanged,
    be.WaitingServed,
    be.WaitingLapsed,
)
"""What a repeated command may bring about: those who wait are looked after at any time."""


def somebody(*statuses: BookingStatus) -> Callable[[Trunk], bool]:
    """A precondition: there is a booking in one of these states."""
    return lambda town: bool(town.having(*statuses))


def pick(things: Collection[T], which: int) -> T | None:
    """One of them, if there are any."""
    return list(things)[which % len(things)] if things else None


def forced(events: Collection[ev.Event]) -> tuple[BrokenLimit, ...]:
    """What the control room has broken on purpose."""
    moves = (e for e in events if isinstance(e, ev.BookingMoved) and e.forced)
    return tuple(limit for move in moves for limit in move.broken)


def same_values(state: State) -> State:
    """The same values in other boxes."""
    return replace(
        state,
        requests=dict(state.requests),
        bookings=dict(state.bookings),
        shifts=dict(state.shifts),
        fixes=dict(state.fixes),
        offers=dict(state.offers),
        out=dict(state.out),
        acknowledged=dict(state.acknowledged),
        series=dict(state.series),
        series_days=dict(state.series_days),
        waiting=dict(state.waiting),
    )
