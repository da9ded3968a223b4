"""Compiles the kernels before somebody waits for them."""

from types import SimpleNamespace

import numpy as np

from routing.plans.improvement import improve
from routing.plans.insertion import best_insertions
from routing.plans.problem import build_problem
from routing.plans.records import Action, Booking, Request, StopPair, Vehicle, Weights
from routing.plans.schedules import evaluate, project


def warm_up() -> None:
    """Compile the kernels, or load them from the cache on disk (some minutes against seconds)."""
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
