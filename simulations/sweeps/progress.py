"""How far a sweep is and how long it will take: a bar on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from rich.console import Console

_LINE_EVERY_S = 5.0
_MINUTE_S = 60
_HOUR_S = 3600
_SURE_FROM = 5


class Progress(Protocol):
    """Counts what has ended."""

    def advance(self) -> None:
        """One more has ended."""


class Pace:
    """Estimates what is left from how long the runs of this session took.

    Args:
        total: runs altogether.
        done: of them finished in earlier sessions, which say nothing of how fast this one is.
    """

    def __init__(self, total: int, done: int) -> None:
        self.total = total
        self.done = done
        self._done_before = done
        self._begun_s = self._first_s = self._last_s = monotonic()

    def advance(self) -> None:
        """One more has ended just now."""
        self.done += 1
        self._last_s = monotonic()
        if self.done == self._done_before + 1:
            self._first_s = self._last_s

    def left(self) -> str:
        """How long it will still take, in words."""
        ended = self.done - self._done_before
        if self.done >= self.total:
            return f"took {clock(self._last_s - self._begun_s)}"
        if not ended:
            return "no estimate yet"
        if ended < _SURE_FROM:
            per_run_s = (self._last_s - self._begun_s) / ended
        else:  # until the first one has ended, processes start and compile
            per_run_s = (self._last_s - self._first_s) / (ended - 1)
        left_s = (self.total - self.done) * per_run_s - (monotonic() - self._last_s)
        return f"about {clock(max(0.0, left_s))} left"


def clock(seconds: float) -> str:
    """`1:05` (minutes and seconds) or `2:03:00`."""
    whole = round(seconds)
    hours, minutes = whole // _HOUR_S, whole // _MINUTE_S % _MINUTE_S
    tail = f"{whole % _MINUTE_S:02}"
    return f"{hours}:{minutes:02}:{tail}" if hours else f"{minutes}:{tail}"


@contextmanager
def shown_progress(what: str, total: int, done: int = 0) -> Iterator[Progress]:
    """Show how far it is, on stderr.

    Args:
        what: is counted, in the plural.
        total: of them altogether.
        done: of them finished before.
    """
    from rich.console import Console  # noqa: PLC0415 - only needed here

    pace = Pace(total, done)
    console = Console(stderr=True)
    if console.is_terminal and not console.is_dumb_terminal:
        with _bar(what, pace, console) as bar:
            yield bar
    else:
        yield _Lines(what, pace)


@contextmanager
def _bar(what: str, pace: Pace, console: "Console") -> Iterator[Progress]:
    from rich import progress as rich  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class Left(rich.ProgressColumn):
        def render(self, _task: rich.Task) -> Text:
            return Text(pace.left())

    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TaskProgressColumn(),
        Left(),
    )
    with rich.Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=pace.total, completed=pace.done)

        class Bar:
            def advance(self) -> None:
                pace.advance()
                bar.update(task, completed=pace.done)

        yield Bar()


class _Lines:
    def __init__(self, what: str, pace: Pace) -> None:
        self._what = what
        self._pace = pace
        self._said_s = monotonic() - _LINE_EVERY_S

    def advance(self) -> None:
        self._pace.advance()
        now_s, finished = monotonic(), self._pace.done >= self._pace.total
        if finished or now_s - self._said_s >= _LINE_EVERY_S:
            self._said_s = now_s
            share = self._pace.done / self._pace.total
            count = f"{self._pace.done}/{self._pace.total} {self._what}, {share:.0%}"
            click.echo(f"{count}, {self._pace.left()}", err=True)
            sys.stderr.flush()
