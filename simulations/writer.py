"""Writes a run's folder in a process of its own, which gets ready while the day is simulated.

Pandas, Matplotlib and the charts take longer than a small day; on a second core nobody waits for
their import.
"""

import signal
from contextlib import suppress
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

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


class Writer:
    """A process that will write one run; a context manager, which ends it.

    Args:
        var: where the roads live.
    """

    def __init__(self, var: Path) -> None:
        spawn = get_context("spawn")
        self._ours, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, var), daemon=True)
        self._theirs = theirs

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
        with suppress(BrokenPipeError):  # `write` says so
            self._ours.send(scenario)

    def write(self, result: Result, folder: Path, language: str) -> None:
        """As `simulations.output.write_result`; the roads are read anew, not handed over.

        Raises:
            OSError: it cannot be written.
        """
        slim = replace(result, **_NO_ROADS, day=told(result.day))
        try:
            self._ours.send((slim, folder, language))
            failed = self._ours.recv()
        except (EOFError, BrokenPipeError) as error:
            raise OSError("the process that writes the report has ended") from error
        if failed is not None:
            raise failed


def told(day: Day) -> Day:
    """As much of a day as its tables and its report are made of."""
    events: list[tuple[int, ev.Event]] = [
        (at_s, event) for at_s, event in day.events if isinstance(event, _TOLD)
    ]
    return replace(day, events=events)


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
            result, folder, language = order
            try:
                _write(result, folder, language, var)
            except Exception as error:  # noqa: BLE001 - raised on the other side
                orders.send(error)
            else:
                orders.send(None)


def _get_ready() -> None:
    """Do what takes time: the imports, Matplotlib's search for fonts, the report's template."""
    from simulations import tables  # noqa: F401, PLC0415
    from simulations.output import REPORT  # noqa: PLC0415
    from simulations.report.drawing import Drawing  # noqa: PLC0415
    from simulations.report.page import template  # noqa: PLC0415

    template(REPORT)
    Drawing(1.0, 1.0).svg("", "")


def _write(result: Result, folder: Path, language: str, var: Path) -> None:
    from simulations.output import write_result  # noqa: PLC0415 - not in the other process

    network = town_of(result.scenario, var).network
    network = replace(network, traffic=result.config.traffic)
    write_result(replace(result, network=network), folder, language)
