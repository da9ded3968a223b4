"""Compiles the kernels before somebody waits for them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import active_count
from types import SimpleNamespace
from typing import Any, Final

import numpy as np

from routing.plans.improvement import improve
from routing.plans.insertion import best_insertions
from routing.plans.problem import build_problem
from routing.plans.records import Action, Booking, Request, StopPair, Vehicle, Weights
from routing.plans.schedules import evaluate, project

_BLAS: Final = "scipy.linalg.cython_blas"


def warm_up() -> None:
    """Compile the kernels, or load them from the cache on disk (some minutes against seconds)."""
    with _without_linear_algebra():
        _use_all()


@contextmanager
def _without_linear_algebra() -> Iterator[None]:
    """Numba's first start without SciPy's linear algebra: no kernel uses it.

    It is imported only to see that it is there, which takes a quarter of the time to load kernels
    from the cache (0.13 s of 0.5, numba 0.68). Whoever else imports it finds it afterwards; where
    another thread could look for it meanwhile, everything is left as it is.
    """
    if _BLAS in sys.modules or active_count() > 1:
        yield
        return
    modules: dict[str, Any] = sys.modules
    modules[_BLAS] = None  # says that there is no such module
    try:
        yield
    finally:
        del modules[_BLAS]


def _use_all() -> None:
    profile = SimpleNamespace(base_s=0, speed_permille=np.array([1000, 800], dtype=np.int32))
    bookings = [Booking(name, 0, 1, 0, 900, 900, 900, 0) for name in "ab"]
    route = tuple(Action(kind, name) for name in "ab" for kind in ("pickup", "dropoff"))
    problem = build_problem(
        matrix_s=[[0, 60], [60, 0]],
        profile=profile,
        vehicles=[
            Vehicle("v", 0, 0, 0, 9000, ((4, 0),), route),
            Vehicle("w", 0, 1, 0, 9000, ((4, 0),)),
        ],
        bookings=bookings,
        weights=Weights(1000, 1000, 1000, 1000),
        setup_s=10,
    )
    request = Request("r", (StopPair(1, 0, 0, 900, 900, 900),), 0)
    best_insertions(problem, request)
    best_insertions(problem, request, apart_s=60)
    evaluate(problem, 0)
    project(problem, 0)
    improve(problem, [request], iterations=50)
