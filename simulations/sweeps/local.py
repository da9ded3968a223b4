"""Runs on this machine's cores, one process each.

Each process has a pipe of its own, so when one dies it is known which run it was at, and nobody
else is disturbed; a shared pool loses all runs under way and cannot tell whose fault it was.
"""

import os
import signal
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import cast

from simulations.sweeps.runs import Failure, Figures, Finished, Job, Task

MAX_DEATHS = 3
"""A run whose process died so often is given up."""
_EXIT_S = 5.0


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_local(jobs: Sequence[Job], task: Task, processes: int) -> Finished:
    """Do jobs in processes; one that dies is replaced, and its run done again.

    Args:
        jobs: what to do.
        task: does one job.
        processes: how many at the same time.

    Yields:
        Each job with its figures, or with why there are none. Processes are killed when the
        iterator is closed.
    """
    waiting = deque(jobs)
    deaths: Counter[str] = Counter()
    busy: dict[Connection, _Worker] = {}
    idle: list[_Worker] = []
    try:
        while waiting or busy:
            while waiting and len(busy) < processes:
                worker = idle.pop() if idle else _Worker(task)
                worker.begin(waiting.popleft())
                busy[worker.connection] = worker
            for connection in wait(list(busy)):
                worker = busy.pop(cast("Connection", connection))
                job, answer = worker.job, worker.answer()
                if answer is not None:
                    idle.append(worker)
                    yield job, answer
                    continue
                deaths[job.key] += 1
                if deaths[job.key] < MAX_DEATHS:
                    waiting.append(job)
                else:
                    yield job, Failure("process_died", f"{MAX_DEATHS} times, {worker.end()}")
    finally:
        for worker in [*busy.values(), *idle]:
            worker.kill()


class _Worker:
    """A process that does one job after another."""

    job: Job

    def __init__(self, task: Task) -> None:
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, task), daemon=True)
        with _unheard(signal.SIGINT):
            self._process.start()
        theirs.close()  # so that its death ends what can be read from ours

    def begin(self, job: Job) -> None:
        """Hand over a job; should the process be dead, `answer` says so."""
        self.job = job
        with suppress(OSError):
            self.connection.send(job)

    def answer(self) -> Figures | Failure | None:
        """What the job came to; None if the process died of it."""
        try:
            return cast("Figures | Failure", self.connection.recv())
        except (EOFError, OSError):
            self._process.join(_EXIT_S)  # its pipe ends a little before it does
            self.kill()
            return None

    def end(self) -> str:
        """How the process ended."""
        code = self._process.exitcode or 0
        return (
            f"last by {signal.Signals(-code).name}" if code < 0 else f"last with exit code {code}"
        )

    def kill(self) -> None:
        """End the process at once; what it was doing is lost."""
        self._process.kill()
        self._process.join()
        self.connection.close()


def _serve(connection: Connection, task: Task) -> None:
    """Answer jobs until nobody asks any more."""
    while True:
        try:
            job = connection.recv()
            connection.send(attempt(task, job))
        except (EOFError, OSError):
            return


def attempt(task: Task, job: Job) -> Figures | Failure:
    """Do a job; an error is an answer, too: the other runs should go on."""
    try:
        return task(job)
    except Exception as error:  # noqa: BLE001 - whatever a run may raise
        return Failure(str(getattr(error, "code", type(error).__name__)), str(error))


@contextmanager
def _unheard(number: signal.Signals) -> Iterator[None]:
    """Processes started meanwhile never get this signal; ours comes when it is over.

    A terminal's Ctrl-C goes to all of its processes, but only the parent has an answer to it.
    """
    resource_tracker.ensure_running()  # starting it with the first process would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
