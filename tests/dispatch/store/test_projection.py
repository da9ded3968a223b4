"""Folding the log gives the tables, whatever happened and however it was batched."""

from dataclasses import replace
from itertools import count
from random import Random

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_engine import decide, live_on, obstruct, random_command, rest, ride

from dispatch.domain import commands as co
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError
from dispatch.domain.life import DayStatus, WaitingStatus
from dispatch.domain.model import Action, ActionKind, BookingStatus, Visit
from dispatch.domain.state import State, forget_closed
from dispatch.store.audit import differences
from dispatch.store.changes import Changes
from dispatch.store.connect import connect
from dispatch.store.load import load_state
from dispatch.store.log import append, fold, last_seq, newest
from dispatch.store.projection import write_changes

NOW_S = 1_800_000_000
AREAS = count()


class Story:
    """Random commands, decided, applied and written in batches."""

    def __init__(self, connection: psycopg.Connection, area: str, seed: int) -> None:
        self.connection = connection
        self.area = area
        self.rng = Random(seed)
        self.state = State()
        self.now_s = NOW_S

    def tell_all(self) -> None:
        """Until there is a booking of every fate, and something left to do."""
        self.tell(100)
        while self.lacks_variety() or not self.breaks_down():
            self.tell(10)

    def lacks_variety(self) -> bool:
        """Whether something has not happened yet that happens by itself."""
        bookings = self.state.bookings.values()
        return (
            {b.status for b in bookings} | {BookingStatus.DISPLACED} != set(BookingStatus)
            or not any(s.visits for s in self.state.shifts.values())
            or not any(s.breaks for s in self.state.shifts.values())
            or not any(b.rescues for b in bookings)
            or not any(b.booked_party for b in bookings)
            or {d.status for d in self.state.series_days.values()} != set(DayStatus)
            or {w.status for w in self.state.waiting.values()} != set(WaitingStatus)
            or not any(b.changed_at_s for b in bookings)
            or not any(b.pinned for b in bookings)
        )

    def breaks_down(self) -> bool:
        """Whether there is a vehicle that can break down now and leave the variety as it is."""
        changes = Changes()
        for shift in [s for s in self.state.shifts.values() if any(v.actions for v in s.visits)]:
            if not self.state.out:
                self.do(co.TakeOutOfService(shift.vehicle_id, "breakdown"), changes)
        self.write(changes)
        displaced = any(b.status is BookingStatus.DISPLACED for b in self.state.bookings.values())
        return bool(self.state.out) and displaced and not self.lacks_variety()

    def tell(self, length: int) -> None:
        while length > 0:
            size = min(length, self.rng.randint(1, 8))
            changes = Changes()
            for _ in range(size):
                self.now_s += self.rng.randrange(40)
                command = random_command(self.state, self.now_s, self.rng)
                self.do(command, changes)
                if self.now_s % 5 == 0:
                    seen = co.AcknowledgeAlert(f"no_driver:{self.now_s % 7}", "desk")
                    self.do(seen, changes)
                for happens in (rest, live_on, obstruct):
                    for event in happens(self.state, self.now_s, self.rng):
                        changes.apply(self.state, event, self.now_s)
            self.write(changes)
            length -= size

    def do(self, command: co.Command, changes: Changes) -> None:
        try:
            events = decide(self.state, command, self.now_s, self.rng)
        except DomainError:
            return
        for event in events:
            changes.apply(self.state, event, self.now_s)

    def write(self, changes: Changes) -> None:
        with self.connection.transaction():
            append(self.connection, self.area, 1, changes.log)
            write_changes(self.connection, self.area, changes, self.state)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), length=st.integers(1, 150))
def test_fold_equals_tables_equals_memory(area_dsn: str, seed: int, length: int) -> None:
    area = f"area-{next(AREAS)}"
    with connect(area_dsn) as connection:
        connection.execute("INSERT INTO service_area VALUES (%s)", [area])
        story = Story(connection, area, seed)
        story.tell(length)
        folded = fold(connection, area)
        story.state.fixes.clear()
        assert folded == story.state
        assert differences(connection, area) == []


@pytest.mark.parametrize("kept_s", [0, 600, 10**9])
def test_loading_gives_what_the_dispatcher_remembers(area_dsn: str, kept_s: int) -> None:
    with connect(area_dsn) as connection:
        story = Story(connection, "town", kept_s)
        story.tell_all()
        before_s = story.now_s - kept_s
        loaded = load_state(connection, "town", before_s=before_s)
        forget_closed(story.state, before_s)
        story.state.fixes.clear()
        assert loaded == story.state
        story.state = loaded
        story.tell(100)
        assert differences(connection, "town") == []


def test_the_tables_enforce_one_pickup_per_booking(area_dsn: str) -> None:
    with connect(area_dsn) as connection:
        story = Story(connection, "town", 1)
        changes = Changes()
        story.do(co.Tick(), changes)
        story.do(ride(), changes)
        story.do(co.AcceptOffer(next(iter(story.state.offers)), "r"), changes)
        story.write(changes)
        (booking,) = story.state.bookings.values()
        other = next(s for s in story.state.shifts.values() if s.id != booking.shift_id)
        again = Action(ActionKind.PICKUP, booking.id, NOW_S, NOW_S)
        visit = Visit("vs_x", "a", (again,), NOW_S, NOW_S, NOW_S)
        story.state.shifts[other.id] = replace(other, visits=(visit,))
        changes = Changes(plans={other.id})
        with pytest.raises(psycopg.errors.UniqueViolation):
            story.write(changes)


@pytest.mark.parametrize(
    ("tampering", "message"),
    [
        ("UPDATE booking SET price_cents = price_cents + 1", "booking"),
        ("UPDATE ride_request SET channel = 'fax'", "request"),
        ("UPDATE offer SET price_cents = 1", "request"),
        ("UPDATE shift SET version = version + 1", "shift"),
        ("UPDATE shift SET started_at_s = started_at_s + 1", "shift times"),
        ("UPDATE visit SET departed_at_s = departed_at_s + 1 WHERE status = 'done'", "past visit"),
        ("UPDATE plan_action SET done_at_s = done_at_s + 1", "done action"),
        ("UPDATE visit SET leave_s = leave_s - 1 WHERE status = 'open'", "shift"),
        ("UPDATE visit SET break_id = 'x' WHERE status = 'done'", "past visit"),
        ("UPDATE shift SET breaks = '[]' WHERE breaks <> '[]'", "shift"),
        ("UPDATE booking SET rescues = rescues + 1 WHERE rescues > 0", "booking"),
        ("UPDATE booking SET instead = NULL WHERE instead IS NOT NULL", "booking"),
        ("UPDATE booking SET booked_party = NULL WHERE booked_party IS NOT NULL", "booking"),
        ("UPDATE plan_action SET ride = ride + 1000 WHERE done_at_s IS NOT NULL", "done action"),
        ("UPDATE vehicle_outage SET until_s = until_s + 1", "past outage"),
        ("UPDATE vehicle_outage SET reason = 'fun' WHERE until_s IS NULL", "outage"),
        ("UPDATE closure SET reason = 'other'", "closure"),
        ("UPDATE closure SET lines = '[[[8, 51]]]' WHERE stop_id IS NULL", "closure"),
        ("DELETE FROM closure", "closure"),
        ("UPDATE alert_acknowledgement SET late_s = late_s + 1", "alert"),
        ("UPDATE booking SET pinned = NOT pinned", "booking"),
        ("UPDATE booking SET changed_at_s = coalesce(changed_at_s, 0) + 1", "booking"),
        ("UPDATE series SET rider_id = 'x'", "series"),
        ("UPDATE series_day SET tries = tries + 1", "series day"),
        ("UPDATE waiting SET until_s = until_s + 1", "waiting"),
    ],
)
def test_the_audit_sees_tampering(area_dsn: str, tampering: str, message: str) -> None:
    with connect(area_dsn) as connection:
        story = Story(connection, "town", 5)
        story.tell_all()
        assert differences(connection, "town") == []
        assert connection.execute(tampering).rowcount > 0
        found = differences(connection, "town")
        assert found
        assert all(line.startswith(message) for line in found)


@pytest.mark.parametrize("reached", [False, True])
def test_a_waiting_place_is_kept_like_any_visit(area_dsn: str, *, reached: bool) -> None:
    """A visit without riders: planned, loaded again, and reached or given up."""
    with connect(area_dsn) as connection:
        story = Story(connection, "town", 3)
        story.tell(30)
        while all(s.visits for s in story.state.shifts.values()):
            story.tell(5)
        shift = next(s for s in story.state.shifts.values() if not s.visits)
        waiting = Visit("vs_wait", "b", (), NOW_S, NOW_S + 60, NOW_S + 60)
        planned = ev.PlanChanged(shift.id, shift.version + 1, shift.anchor, (waiting,))
        ends: list[ev.Event] = [ev.PlanChanged(shift.id, shift.version + 2, shift.anchor, ())]
        if reached:
            ends = [
                ev.VisitArrived(shift.id, waiting.id, story.now_s, shift.anchor),
                ev.VisitCompleted(shift.id, waiting.id, story.now_s),
            ]
        for events in ([planned], ends):
            changes = Changes()
            for event in events:
                changes.apply(story.state, event, story.now_s)
            story.write(changes)
            loaded = load_state(connection, "town", before_s=0)
            assert loaded.shifts == story.state.shifts
            assert differences(connection, "town") == []


def test_a_batch_is_written_whole_or_not_at_all(area_dsn: str) -> None:
    with connect(area_dsn) as connection:
        story = Story(connection, "town", 2)
        story.tell(30)
        seq = last_seq(newest(connection, "town"))
        changes = Changes()
        story.do(ride(), changes)
        story.do(ride(channel="impossible"), changes)
        with pytest.raises(psycopg.errors.CheckViolation):
            story.write(changes)
        assert last_seq(newest(connection, "town")) == seq
        assert differences(connection, "town") == []


def test_the_first_of_two_riders_at_a_stop_is_written_with_the_shift(area_dsn: str) -> None:
    """The anchor moves with each rider, also while the visit goes on."""
    with connect(area_dsn) as connection:
        story = Story(connection, "town", 1)
        changes = Changes()
        for command in (co.Tick(), ride(), ride()):
            story.do(command, changes)
        for request in list(story.state.requests.values()):
            story.do(co.AcceptOffer(request.offers[0].id, "r"), changes)
        first, second = story.state.bookings.values()
        shift = story.state.shifts[first.shift_id]
        there = Visit(
            "vs_x",
            "a",
            tuple(Action(ActionKind.PICKUP, b.id, NOW_S, NOW_S) for b in (first, second)),
            NOW_S,
            NOW_S,
            NOW_S,
        )
        off = tuple(Action(ActionKind.DROPOFF, b.id, NOW_S, NOW_S) for b in (first, second))
        after = Visit("vs_y", "b", off, NOW_S, NOW_S, NOW_S)
        others = {s.id: s for s in story.state.shifts.values() if s.id != shift.id}
        events: list[ev.Event] = [
            ev.PlanChanged(s.id, s.version + 1, s.anchor, ()) for s in others.values() if s.visits
        ]
        if second.shift_id != shift.id:
            events.append(ev.BookingMoved(second.id, second.shift_id, shift.id, NOW_S))
        events += [
            ev.PlanChanged(shift.id, shift.version + 1, shift.anchor, (there, after)),
            ev.ShiftStarted(shift.id, NOW_S),
            ev.VisitArrived(shift.id, there.id, NOW_S, shift.anchor),
        ]
        for event in events:
            changes.apply(story.state, event, NOW_S)
        story.write(changes)
        changes = Changes()
        changes.apply(
            story.state, ev.RiderBoarded(first.id, shift.id, there.id, NOW_S + 30), NOW_S + 30
        )
        story.write(changes)
        assert differences(connection, "town") == []
