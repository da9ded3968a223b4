"""Runs on a Dask cluster: one task each, collected as they end.

A worker that is lost is the scheduler's business: it gives the worker's tasks to others, and gives
up a task that has lost more workers than its `allowed-failures` says (3 unless it is changed).
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any
from uuid import uuid4

from distributed import Client, Future, as_completed

from simulations.sweeps.errors import ClusterError
from simulations.sweeps.local import attempt
from simulations.sweeps.runs import Failure, Finished, Job, Task

_CONNECT_S = 10.0


def run_on_cluster(
    jobs: Sequence[Job], task: Task, scheduler: str, say: Callable[[str], None]
) -> Finished:
    """Do jobs on a cluster's workers.

    Args:
        jobs: what to do.
        task: does one job; the workers import it by name.
        scheduler: its address, like `tcp://127.0.0.1:8786`.
        say: told what there is to wait for.

    Yields:
        Each job with its figures, or with why there are none. Tasks are cancelled when the iterator
        is closed; a worker finishes the one it is at.

    Raises:
        ClusterError: there is no scheduler, or it was lost midway.
    """
    # What it would log of a lost scheduler in forty lines, ClusterError says in one.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(f"no Dask scheduler answers at {scheduler}") from error
    futures: dict[Future, Job] = {}
    try:
        workers = len(client.scheduler_info(n_workers=-1)["workers"])
        say(f"workers at {scheduler}: {workers or 'none yet'}")
        for job in jobs:
            name = f"sweep-{job.key}-{uuid4().hex}"
            futures[client.submit(attempt, task, job, key=name, pure=False)] = job
        for future in as_completed(list(futures), loop=client.loop):
            yield futures.pop(future), _answer(future, scheduler)
    finally:
        with suppress(Exception):  # a scheduler that is gone needs no farewell
            client.cancel(list(futures), force=True)
        client.close()


def _answer(future: Future, scheduler: str) -> Any:
    """What a task came to."""
    try:
        error = future.exception()
        return future.result() if error is None else Failure(type(error).__name__, str(error))
    except (OSError, CancelledError) as reason:  # errors of the task are answers already
        raise ClusterError(f"the Dask scheduler at {scheduler} was lost") from reason
