"""Time: it passes, nobody moves, it jumps there and back, it is the hour at which clocks change."""

from datetime import datetime, time, timedelta

import hypothesis.strategies as st
from hypothesis.stateful import rule

from dispatch.engine import Engine
from fuzzed_town.days import local, on_the_clock
from fuzzed_town.drivers import Drivers

_HOURS = st.sampled_from(
    [time(23, 59), time(0, 1), time(1, 59), time(2, 30), time(3, 1), time(4, 5), time(14, 2)]
)
_FAR_S = 5 * 3600


class Clock(Drivers):
    """What the clock does."""

    @rule(seconds=st.integers(1, 300))
    def nobody_moves(self, seconds: int) -> None:
        """Time passes, and no vehicle reports anything: delay."""
        self.desk.now_s += seconds
        self.reality_broke_something = True
        self.tick()

    @rule(seconds=st.integers(1, 200))
    def nobody_looks_at_the_clock(self, seconds: int) -> None:
        """Time passes, and the next command comes before the next tick."""
        self.desk.now_s += seconds
        self.reality_broke_something = True

    @rule(seconds=st.integers(-3600, 3600))
    def jump(self, seconds: int) -> None:
        """The clock is set right: another machine takes over, and its clock is another one."""
        self.desk.now_s += seconds
        self.reality_broke_something = True
        self.tick()

    @rule(at=_HOURS)
    def until(self, at: time) -> None:
        """The town goes on until its clocks show some hour, if that is not far."""
        shown = on_the_clock(self.desk.now_s)
        wanted = datetime.combine(shown.date(), at)
        if wanted <= shown:
            wanted += timedelta(days=1)
        at_s = local(wanted.isoformat(" "))
        if self.desk.now_s < at_s <= self.desk.now_s + _FAR_S:
            self.drive_until(at_s)

    @rule()
    def tick_twice(self) -> None:
        """A second tick at the same instant has little to add."""
        self.tick()
        self.tick()

    @rule()
    def another_dispatcher(self) -> None:
        """A new process knows the state and nothing else: no positions, nothing remembered."""
        desk = self.desk
        desk.engine = Engine(desk.config, desk.network)
        desk.state.fixes.clear()
        self.reality_broke_something = True
        self.tick()
