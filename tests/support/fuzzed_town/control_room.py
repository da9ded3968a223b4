"""The control room pins, weighs, moves, and sees what is wrong."""

from collections.abc import Sequence

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from dispatch.domain import booking_commands as bc
from dispatch.domain import booking_events as be
from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import ErrorCode
from dispatch.domain.life import MovePreview, PlanVersion
from dispatch.domain.model import ActionKind, Shift
from dispatch.engine.alerts import alerts
from dispatch.engine.problem import planning
from dispatch.engine.whereabouts import locate
from fuzzed_town import lateness
from fuzzed_town.base import WAITS, WHICH, Trunk, forced, pick, same_values, somebody
from fuzzed_town.plain_plans import driven


class ControlRoom(Trunk):
    """Dispatchers at work."""

    @precondition(somebody(WAITS))
    @rule(which=WHICH, pins=st.booleans())
    def pin(self, which: int, *, pins: bool) -> None:
        """A booking stays where it is, or need not any more."""
        booking = self.waiting(which)
        if booking is not None:
            command = bc.PinBooking(booking.id) if pins else bc.UnpinBooking(booking.id)
            self.act(command)
            if self.last_error is None:
                self.again(command)

    @precondition(somebody(WAITS))
    @rule(which=WHICH, where=WHICH, force=st.booleans(), pins=st.booleans(), stale=st.booleans())
    def move(self, which: int, where: int, *, force: bool, pins: bool, stale: bool) -> None:
        """What was weighed is what comes: times, driving, and whom it makes late by how much."""
        booking = self.waiting(which)
        if booking is None:
            return
        on_duty = [s.id for s in self.desk.active() if s.id != booking.shift_id]
        shift_id = pick(sorted(on_duty if where % 4 else self.desk.state.shifts), where)
        if shift_id is None:
            return
        present = same_values(self.desk.state)
        events = self.act(bc.PreviewMove(booking.id, shift_id))
        assert self.desk.state == present
        for event in events:
            assert isinstance(event, be.MovePreviewed)
            seen = event.preview
            versions = tuple(PlanVersion(v.shift_id, v.version - stale) for v in seen.vehicles)
            self._carry_out(
                seen, bc.MoveBooking(booking.id, shift_id, versions, force=force, pin=pins)
            )

    def _carry_out(self, seen: MovePreview, command: bc.MoveBooking) -> None:
        before = lateness.expected(self.desk)
        shifts = [self.desk.state.shifts[v.shift_id] for v in seen.vehicles]
        drive_s = {s.id: self._drive_s(s) for s in shifts if not self._goes_to_rest(s)}
        done = self.act(command)
        moved = [e for e in done if isinstance(e, ev.BookingMoved)]
        if self.last_error is not None and self.last_error.code is ErrorCode.PREVIEW_STALE:
            assert any(
                v.version != s.version for v, s in zip(command.versions, shifts, strict=True)
            )
            return
        allowed = seen.feasible or (command.force and seen.forcible)
        assert bool(moved) == allowed, (seen, self.last_error)
        if not moved:
            return
        broken = forced(done)
        assert broken == seen.broken, "another breach than was weighed"
        self.reality_broke_something |= bool(broken)
        late = {(b.id, b.limit) for b in broken}
        watched = {k: v for k, v in lateness.planned(self.desk.state).items() if k not in late}
        worse = lateness.worsened(before, watched)
        assert not worse, worse
        for limit in broken:
            by_s = lateness.planned(self.desk.state).get((limit.id, limit.limit), 0)
            assert by_s <= before.get((limit.id, limit.limit), 0) + limit.by_s, limit
        self._as_weighed(seen, drive_s)

    def _as_weighed(self, seen: MovePreview, drive_s: dict[str, int]) -> None:
        """The driving it adds and the times it gives are those that were shown."""
        for effect in seen.vehicles:
            if effect.shift_id in drive_s:
                shift = self.desk.state.shifts[effect.shift_id]
                added_s = self._drive_s(shift) - drive_s[shift.id]
                assert added_s == effect.added_drive_s, (effect, added_s)
        times = _times([self.desk.state.shifts[v.shift_id] for v in seen.vehicles])
        for rider in seen.riders:
            arrival_s = times[rider.booking_id, ActionKind.DROPOFF]
            pickup_s = times.get((rider.booking_id, ActionKind.PICKUP))
            assert (pickup_s, arrival_s) == (rider.pickup_after_s, rider.arrival_after_s), rider

    def _goes_to_rest(self, shift: Shift) -> bool:
        """Whether it is under way to its break: the way to the nearest stop is not in its plan."""
        stale_s = self.desk.config.rules.position_stale_s
        where = locate(self.desk.network, self.desk.state, shift, self.desk.now_s, stale_s)
        rests = bool(shift.visits) and shift.visits[0].break_id is not None
        return where.stop_id is None and rests

    def _drive_s(self, shift: Shift) -> int:
        """How long a shift will be driving, by plain counting."""
        now = planning(
            self.desk.config, self.desk.network, self.desk.state, [shift], self.desk.now_s
        )
        return driven(now.problem, 0).best().drive_s

    @rule(which=WHICH)
    def acknowledge(self, which: int) -> None:
        """Somebody has seen an alert."""
        desk = self.desk
        alert = pick(alerts(desk.config, desk.network, desk.state, desk.now_s), which)
        if alert is not None:
            command = cmd.AcknowledgeAlert(alert.id, "desk-1")
            self.act(command)
            assert self.last_error is None
            self.again(command)

    @rule(kind=st.sampled_from(["late_pickup:bk_nobody", "nonsense", ""]))
    def acknowledge_nothing(self, kind: str) -> None:
        """There is no such alert."""
        self.act(cmd.AcknowledgeAlert(kind, "desk-1"))
        assert self.last_error is not None
        assert self.last_error.code is ErrorCode.ALERT_NOT_FOUND


def _times(shifts: Sequence[Shift]) -> dict[tuple[str, ActionKind], int]:
    return {
        (action.booking_id, action.kind): action.start_s
        for shift in shifts
        for visit in shift.visits
        for action in visit.actions
    }
