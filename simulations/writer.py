"""Writes a run's folder in a process of its own, which gets ready while the day is simulated.

Pandas, Matplotlib and the charts take longer than a small day; on a second core nobody waits for
their import. As both cores are free at the end, the report is written in a fork of that process.
"""

import gc
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final, NamedTuple, Self

from dispatch.domain import events as ev
from simulations.collecting import collecting_rarely
from simulations.runner import Result
from simulations.scenario import Scenario
from simulations.town import town_of
from simulations.world import Day

_NO_ROADS: Final[dict[str, Any]] = {"network": None}  # large, and put back on the other side
_TOLD: Final = (
    *(ev.VisitArrived, ev.VisitCompleted, ev.RiderBoarded, ev.RiderAlighted),
    *(ev.ShiftStarted, ev.ShiftEnded),
)
"""The events that tables are made of; all of them, handed over, take longer than most tables."""


class _Order(NamedTuple):
    """What is to be written, where, and in which language."""

    result: Result
    folder: Path
    language: str


class Writer:
    """A process that will write one run; a context manager, which ends it.

    Args:
        var: where the roads live.
    """

    def __init__(self, var: Path) -> None:
        spawn = get_context("spawn")
        self._ours, self._theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(self._theirs, var))

    def __enter__(self) -> Self:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # and so it is for the new process
        try:
            self._process.start()
        finally:
            signal.signal(signal.SIGINT, before)
        self._theirs.close()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.join()
        self._ours.close()

    def expect(self, scenario: Scenario) -> None:
        """Have the town's roads read, once they are there; `write` does not wait for that then."""
        with suppress(ConnectionError):  # `write` says so
            self._ours.send(scenario)

    def write(self, result: Result, folder: Path, language: str) -> None:
        """As `simulations.output.write_result`; the roads are read anew, not handed over.

        The first Ctrl-C meanwhile does not count: what has been simulated is written in a moment.

        Raises:
            OSError: it cannot be written.
        """
        slim = replace(result, **_NO_ROADS, day=told(result.day))
        with suppress(ConnectionError):
            self._ours.send(_Order(slim, folder, language))
        with suppress(KeyboardInterrupt):
            self._ours.poll(None)
        failed = _outcome(self._ours)
        if failed is not None:
            raise failed


def told(day: Day) -> Day:
    """As much of a day as its tables and its report are made of."""
    events: list[tuple[int, ev.Event]] = [
        (at_s, event) for at_s, event in day.events if isinstance(event, _TOLD)
    ]
    return replace(day, events=events)


def _outcome(answers: Connection) -> Exception | None:
    """What went wrong on the other side; None if nothing did."""
    try:
        failed: Exception | None = answers.recv()
    except (EOFError, ConnectionError):
        return OSError("the process that writes the report has ended")
    return failed


def _serve(orders: Connection, var: Path) -> None:
    """Get ready, then write what comes; Ctrl-C ends the day, not the writing of it."""
    with collecting_rarely(), suppress(EOFError):
        _get_ready()
        while True:
            order = orders.recv()
            if isinstance(order, Scenario):
                with suppress(Exception):  # writing reads them anew, and says what is wrong
                    town_of(order, var)
                continue
            try:
                _write(_with_roads(order, var), orders)
            except Exception as error:  # noqa: BLE001 - raised on the other side
                orders.send(error)
            else:
                orders.send(None)


def _get_ready() -> None:
    """Do what takes time: the imports, Matplotlib's search for fonts, the report's template."""
    from simulations import tables  # noqa: F401, PLC0415
    from simulations.output import REPORT  # noqa: PLC0415
    from simulations.report.charts import rehearse  # noqa: PLC0415
    from simulations.report.page import template  # noqa: PLC0415

    template(REPORT)
    rehearse()


def _with_roads(order: _Order, var: Path) -> _Order:
    network = town_of(order.result.scenario, var).network
    network = replace(network, traffic=order.result.config.traffic)
    return order._replace(result=replace(order.result, network=network))


def _write(order: _Order, orders: Connection) -> None:
    """The tables here, the report in a fork, which has everything that is ready here."""
    from simulations.output import write_tables  # noqa: PLC0415 - not in the other process

    order.folder.mkdir(parents=True, exist_ok=True)
    gc.freeze()  # looking at it all would take time on both sides, and copy it for the fork
    ours, theirs = Pipe(duplex=False)
    report = get_context("fork").Process(target=_write_report, args=(order, theirs, (orders, ours)))
    with _ending_together(report):
        report.start()
        theirs.close()
        try:
            write_tables(order.result, order.folder)
        finally:
            failed = _outcome(ours)
            report.join()
    if failed is not None:
        raise failed


@contextmanager
def _ending_together(fork: BaseProcess) -> Iterator[None]:
    """Whoever ends this process meanwhile ends the fork with it."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        if fork.is_alive():
            fork.kill()
        os._exit(1)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _write_report(order: _Order, answers: Connection, theirs: Iterable[Connection]) -> None:
    """Write the report; its copies of the writer's own ends are closed, lest they never end."""
    from simulations.output import write_report  # noqa: PLC0415 - not in the other process

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for end in theirs:
        end.close()
    try:
        write_report(order.result, order.folder, order.language)
    except Exception as error:  # noqa: BLE001 - raised on the other side
        answers.send(error)
    else:
        answers.send(None)
