"""Writes a run's folder in a process of its own, which gets ready while the day is simulated.

Pandas, Matplotlib and the charts take longer than a small day; on a second core nobody waits for
their import.
"""

import signal
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from simulations.runner import Result
from simulations.scenario import Scenario
from simulations.town import town_of

_NO_ROADS: Final[dict[str, Any]] = {"network": None}  # large, and put back on the other side


class Writer:
    """A process that will write one run; a context manager, which ends it.

    Args:
        scenario: what is being simulated.
        var: where the roads live.
    """

    def __init__(self, scenario: Scenario, var: Path) -> None:
        self._scenario, self._var = scenario, var
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_ignore)
        self._ready: Future[None] | None = None

    def __enter__(self) -> Self:
        self._ready = self._pool.submit(_get_ready)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=error is None, cancel_futures=True)

    def write(self, result: Result, folder: Path, language: str) -> None:
        """As `simulations.output.write_result`; the roads are read anew, not handed over.

        Raises:
            OSError: it cannot be written.
        """
        light = replace(result, **_NO_ROADS)
        self._pool.submit(_write, light, self._var, folder, language).result()


def _ignore() -> None:
    """Ctrl-C ends the day, not the writing of what there is of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _get_ready() -> None:
    """Do what takes time: the imports, and Matplotlib's search for fonts."""
    from simulations.output import write_result  # noqa: F401, PLC0415
    from simulations.report.drawing import Drawing  # noqa: PLC0415

    Drawing(1.0, 1.0).svg("", "")


def _write(result: Result, var: Path, folder: Path, language: str) -> None:
    from simulations.output import write_result  # noqa: PLC0415 - not in the other process

    network = town_of(result.scenario, var).network
    network = replace(network, traffic=result.config.traffic)
    write_result(replace(result, network=network), folder, language)
