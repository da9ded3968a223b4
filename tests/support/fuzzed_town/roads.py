"""Roads and stops are closed and opened again, by hand and by lists."""

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule
from tiny_town import SOUTH, STEP_LAT, STEP_LON, WEST

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.closures import ClosureStatus, ClosureWish, Direction
from dispatch.domain.model import ActionKind, BookingStatus
from fuzzed_town import lateness
from fuzzed_town.base import STOPS, WHICH, Trunk, pick

_WHEN = st.sampled_from([(None, None), (None, 900), (600, 3600), (1800, None), (-3600, 7200)])
_CELLS = st.tuples(st.integers(0, 7), st.integers(0, 7), st.booleans())


class Roads(Trunk):
    """Works on roads. Nobody is lost, and times stay promised."""

    @rule(stop=STOPS, when=_WHEN)
    def close_a_stop(self, stop: int, when: tuple[int | None, int | None]) -> None:
        """A stop, now or later."""
        self._closed(cmd.Close(self._wish(when, stop_id=self.stop(stop).stop_id)))

    @rule(cell=_CELLS, when=_WHEN, one_way=st.booleans())
    def close_a_road(
        self, cell: tuple[int, int, bool], when: tuple[int | None, int | None], *, one_way: bool
    ) -> None:
        """One block of a street."""
        direction = Direction.FORWARD if one_way else Direction.BOTH
        self._closed(cmd.Close(self._wish(when, lines=(_block(cell),), direction=direction)))

    @rule(row=st.integers(0, 9), when=_WHEN)
    def close_a_street(self, row: int, when: tuple[int | None, int | None]) -> None:
        """A whole street; the last one there is not."""
        self._closed(cmd.Close(self._wish(when, street=f"Querweg {row}")))

    @precondition(lambda self: bool(self.desk.state.closures))
    @rule(which=WHICH)
    def reopen(self, which: int) -> None:
        """A closure ends, and ends once only."""
        closure = pick(self.desk.state.closures.values(), which)
        if closure is not None:
            command = cmd.Reopen(closure.id)
            self._closed(command)
            self.again(command)

    @rule(cells=st.lists(_CELLS, max_size=3), stop=STOPS, when=_WHEN, twice=st.booleans())
    def import_a_list(
        self,
        cells: list[tuple[int, int, bool]],
        stop: int,
        when: tuple[int | None, int | None],
        *,
        twice: bool,
    ) -> None:
        """The road authority's list: what it lacks is over, and the same list changes nothing."""
        wishes = [self._wish(when, lines=(_block(cell),), external_id=f"{cell}") for cell in cells]
        wishes.append(self._wish(when, stop_id=self.stop(stop).stop_id, external_id="stop"))
        command = cmd.ImportClosures("authority", tuple(wishes))
        self._closed(command)
        if twice and self.last_error is None:
            self.again(command)

    def _wish(self, when: tuple[int | None, int | None], **place: object) -> ClosureWish:
        from_s, until_s = (None if s is None else self.desk.now_s + s for s in when)
        return ClosureWish(from_s, until_s, "works", **place)  # type: ignore[arg-type]

    def _closed(self, command: cmd.Close | cmd.Reopen | cmd.ImportClosures) -> None:
        """Whatever is closed: all are still there, and who is concerned is told the truth."""
        there = {b.id for b in self.desk.state.bookings.values() if b.status.is_open}
        arrivals = self._arrivals()
        events = self.happen(command)
        assert there == {b.id for b in self.desk.state.bookings.values() if b.status.is_open}
        told = [a for e in events if isinstance(e, ev.ClosuresAffected) for a in e.affected]
        late, now = lateness.planned(self.desk.state), self._arrivals()
        for affected in told:
            name = affected.booking_id
            assert affected.delay_s == max(0, now[name] - arrivals[name]), affected
            booking = self.desk.state.bookings[name]
            if booking.instead is None:
                kinds = ("pickup", "arrival", "ride")
                assert affected.late_s == max(late.get((name, k), 0) for k in kinds), affected
        later = {name for name in now if now[name] - arrivals.get(name, now[name]) >= 60}
        assert later <= {affected.booking_id for affected in told}
        for closure in self.desk.state.closures.values():
            over = closure.status is ClosureStatus.ENDED
            assert over == (closure.ended_at_s is not None)

    def _arrivals(self) -> dict[str, int]:
        planned = {b.id for b in self.having(BookingStatus.CONFIRMED, BookingStatus.BOARDED)}
        return {
            action.booking_id: action.start_s
            for shift in self.desk.state.shifts.values()
            for visit in shift.visits
            for action in visit.actions
            if action.kind is ActionKind.DROPOFF and action.booking_id in planned
        }


def _block(cell: tuple[int, int, bool]) -> tuple[tuple[float, float], tuple[float, float]]:
    """The street from one crossing to the next, eastward or northward."""
    column, row, east = cell
    lon, lat = WEST + column * STEP_LON, SOUTH + row * STEP_LAT
    if east:
        return (lon + 0.0005, lat), (lon + STEP_LON - 0.0005, lat)
    return (lon, lat + 0.0003), (lon, lat + STEP_LAT - 0.0003)
