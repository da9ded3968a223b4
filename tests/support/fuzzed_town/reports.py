"""Reports as radio brings them: late, twice, in the wrong order, and from impossible places."""

from itertools import islice

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.model import ActionKind, BookingStatus, Shift, Sighting
from fuzzed_town.base import RIDES, STOPS, WAITS, WHICH, pick, somebody
from fuzzed_town.drivers import Drivers

_NEAR = st.tuples(
    st.floats(7.99, 8.05, allow_nan=False),
    st.floats(51.74, 51.78, allow_nan=False),
    st.integers(-100, 300),
)
_KEPT = 12

Report = cmd.ReportArrived | cmd.ReportBoarded | cmd.ReportAlighted


class Reports(Drivers):
    """What vehicles say."""

    def act(self, command: cmd.Command) -> list[ev.Event]:
        """Remember what drivers have reported, so that it can come once more."""
        events = super().act(command)
        if isinstance(command, Report) and self.last_error is None:
            self.sent = [*self.sent, command][-_KEPT:]
        return events

    @property
    def sent(self) -> list[Report]:
        """The last reports that were taken in."""
        return self.__dict__.setdefault("_sent", [])

    @sent.setter
    def sent(self, sent: list[Report]) -> None:
        self.__dict__["_sent"] = sent

    @precondition(lambda self: bool(self.sent))
    @rule(which=WHICH, later_s=st.sampled_from([0, 0, 5, 600]))
    def a_report_comes_again(self, which: int, later_s: int) -> None:
        """What was reported is reported once more, at once or much later; nothing comes of it."""
        report = pick(self.sent, -1 - which)
        if report is None or self._means_something_now(report):
            return
        if later_s:
            self.reality_broke_something = True
            self.desk.now_s += later_s
            self.tick()
        if self._means_something_now(report):
            return
        events = self.act(report)
        assert all(isinstance(e, ev.VisitCompleted) for e in events), (report, events)
        assert self.last_error is None or not self._is_so(report), self.last_error

    def _is_so(self, report: Report) -> bool:
        """Whether what is reported is how things stand."""
        state = self.desk.state
        if isinstance(report, cmd.ReportArrived):
            present = (shift.current_visit for shift in state.shifts.values())
            return report.visit_id in {visit.id for visit in present if visit is not None}
        status = state.bookings[report.booking_id].status
        boards = isinstance(report, cmd.ReportBoarded)
        return status is (BookingStatus.BOARDED if boards else BookingStatus.COMPLETED)

    def _means_something_now(self, report: Report) -> bool:
        """Riders who had to change vehicles get on and off once more: that would be news."""
        bookings = self.desk.state.bookings
        booking = bookings.get(getattr(report, "booking_id", ""))
        counted = isinstance(report, cmd.ReportBoarded) and report.party is not None
        return booking is not None and (booking.rescues > 0 or counted)

    @precondition(somebody(WAITS, RIDES))
    @rule(
        which=WHICH, steps=st.integers(1, 5), later_s=st.integers(0, 1200), turn=st.integers(0, 5)
    )
    def reports_come_late(self, which: int, steps: int, later_s: int, turn: int) -> None:
        """A vehicle was out of reach: all its reports come at once, perhaps in the wrong order."""
        shift = self.running(which)
        if shift is None:
            return
        held = list(islice(self._ahead(shift), steps))
        self.reality_broke_something = True
        self.desk.now_s += later_s
        at = turn % max(1, len(held))
        for report in (*held[at:], *held[:at]):
            self.act(report)
        self.tick()

    def _ahead(self, shift: Shift) -> list[Report]:
        """What the driver will report, by the plan as it is."""
        found: list[Report] = []
        for visit in shift.visits:
            if visit.break_id is not None:
                continue
            if visit.arrived_at_s is None:
                found.append(cmd.ReportArrived(shift.vehicle_id, visit.id))
            for action in visit.actions:
                boards = action.kind is ActionKind.PICKUP
                kind = cmd.ReportBoarded if boards else cmd.ReportAlighted
                found.append(kind(action.booking_id))
        return found

    @rule(which=WHICH, points=st.lists(_NEAR, min_size=1, max_size=5), twice=st.booleans())
    def trace(self, which: int, points: list[tuple[float, float, int]], *, twice: bool) -> None:
        """Positions at random places and times; a report that comes twice counts once."""
        shift = pick(self.desk.active(), which)
        if shift is None:
            return
        sightings = [Sighting(self.desk.now_s - ago_s, lon, lat) for lon, lat, ago_s in points]
        newest = max(sightings, key=lambda s: s.at_s)
        place = newest.lon, newest.lat, newest.at_s
        report = cmd.ReportPosition(shift.vehicle_id, *place, tuple(sightings))
        self.happen(report)
        if twice:
            assert self.act(report) == []
        self.tick()

    @rule(which=WHICH, where=STOPS, ago_s=st.integers(-100, 300))
    def stray_position(self, which: int, where: int, ago_s: int) -> None:
        """A report from any stop, late or early: the plan has to live with it."""
        shift = pick(self.desk.active(), which)
        if shift is not None:
            spot = self.stop(where)
            at_s = self.desk.now_s - ago_s
            self.happen(cmd.ReportPosition(shift.vehicle_id, spot.lon, spot.lat, at_s))

    @precondition(somebody(WAITS, RIDES))
    @rule(which=WHICH, share=st.floats(0, 1, allow_nan=False), late_s=st.integers(0, 90))
    def on_the_way(self, which: int, share: float, late_s: int) -> None:
        """A vehicle somewhere between where it was and where it is going."""
        shift = self.running(which)
        if shift is None or not shift.visits or shift.current_visit is not None:
            return
        target = self.desk.network.stop(shift.visits[0].stop_id)
        assert target is not None
        anchor = shift.anchor
        lon = anchor.lon + share * (target.lon - anchor.lon)
        lat = anchor.lat + share * (target.lat - anchor.lat)
        at_s = self.desk.now_s - late_s
        self.happen(cmd.ReportPosition(shift.vehicle_id, lon, lat, at_s))

    @rule(which=WHICH, kind=st.sampled_from(list(ActionKind)))
    def report_what_is_not_due(self, which: int, kind: ActionKind) -> None:
        """Somebody presses the wrong button: on or off, of anybody, anywhere."""
        booking = pick(self.desk.state.bookings.values(), which)
        if booking is not None:
            boards = kind is ActionKind.PICKUP
            report = cmd.ReportBoarded if boards else cmd.ReportAlighted
            self.happen(report(booking.id))
