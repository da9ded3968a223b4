"""Better routes for the vehicles of a problem: the search of `lns.py`, prepared and followed up.

The search starts from the routes as they are and may be ended at any time. Fixed are the leading
actions a vehicle is locked to; riders on board keep their vehicle, breaks their driver. What is on
a route stays served; requests handed in besides are served where that costs less than leaving them
out.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.plans.checks import require
from routing.plans.open_plan import OpenPlan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from routing.plans.problem import Problem
    from routing.plans.records import Request

_CHUNK = 200  # iterations between two looks at the clock
_HOT_MIN, _HOT_MAX, _COLD = 0.05, 0.5, 0.03  # temperature, in shares of what a job costs on average
_THOROUGH = 600  # iterations per job with which it pays to begin at the highest temperature
_CYCLE = 800  # iterations per job with which it pays to begin again
_CYCLES_MAX = 6
_COMBINE_AT = (0.7,)  # shares of a cycle after which routes seen are combined
_COMBINE_SHARE = 0.25  # of the time, for all of these together
_COMBINE_MIN_S = 0.5  # with less time there is nothing to combine yet
_EFFORT = 1e-5  # deterministic time of the solver for each iteration of the search


@dataclass(frozen=True, eq=False)
class Improvement:
    """The best plan found.

    Attributes:
        problem: with the new routes, and the newly served requests among its bookings.
        served: the stop pair of each request that is served now, by its id.
        cost: of all feasible routes and of the requests left out, millicost.
        cost_before: the same before.
        iterations: how many the search took.
    """

    problem: Problem
    served: Mapping[str, int]
    cost: int
    cost_before: int
    iterations: int


def improve(
    problem: Problem,
    requests: Sequence[Request] = (),
    *,
    iterations: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    partition: bool = False,
) -> Improvement:
    """Improve the routes, and serve requests that are on none.

    Routes that break a limit as they stand are left alone; relax them first.

    Args:
        problem: stays as it is.
        requests: that may be served; each one left out costs `weights.unserved_s` of driving.
        iterations: how long to search; the same number and seed give the same plan.
        seconds: how long to search, by the clock.
        seed: of the search's random numbers.
        partition: whether to combine the routes seen anew now and then (set partitioning).

    Returns:
        The best plan found, never worse than the one handed in.

    Raises:
        InvalidProblemError: a request is out of range, has the id of a booking, or not exactly one
            of `iterations` and `seconds` is given.
    """
    require((iterations is None) != (seconds is None), "give either iterations or seconds")
    require(len({r.id for r in requests}) == len(requests), "two requests with the same id")
    taken = [r.id for r in requests if r.id in problem.bookings]
    require(not taken, "request {} is a booking already", ", ".join(taken))
    plan = OpenPlan(problem, requests, seed, pooled=partition)
    before, done = plan.cost, 0
    if iterations is not None:
        done = _counted(plan, iterations, partition=partition)
    elif seconds is not None:
        done = _timed(plan, seconds, partition=partition)
    after, served = plan.result() if plan.cost < before else (problem, {})
    return Improvement(after, served, plan.cost, before, done)


def _counted(plan: OpenPlan, iterations: int, *, partition: bool) -> int:
    """Search for a number of iterations; the result depends on nothing else."""
    plan.fill()
    cycles = _cycles(plan, iterations)
    marks = [int(share * iterations) for share in _marks(cycles)] if partition else []
    done = 0
    while done < iterations:
        step = min(_CHUNK, iterations - done)
        if marks:
            step = max(1, min(step, marks[0] - done))
        _cool(plan, step, (done / iterations, (done + step) / iterations), iterations)
        done += step
        if marks and done >= marks[0]:
            marks.pop(0)
            plan.combine(effort=_EFFORT * iterations)
    return done


def _timed(plan: OpenPlan, seconds: float, *, partition: bool) -> int:
    """Search until the time is up."""
    begun = time.perf_counter()
    plan.fill()
    combining = partition and seconds >= _COMBINE_MIN_S
    combined, done, chunk, expected = 0, 0, 10, 10
    while (spent_s := time.perf_counter() - begun) < seconds:
        share = spent_s / seconds
        _cool(plan, chunk, (share, share), expected)
        done += chunk
        left_s = seconds - (time.perf_counter() - begun)
        pace_s = max(seconds - left_s - spent_s, 1e-6) / chunk
        expected = done + int(left_s / pace_s)
        chunk = max(1, min(_CHUNK, int(min(0.02, 0.2 * left_s) / pace_s)))
        marks = _marks(_cycles(plan, expected)) if combining else []
        due = sum(share >= mark for mark in marks)
        if due > combined and left_s > 0:
            combined = due
            plan.combine(seconds=min(_COMBINE_SHARE * seconds / len(marks), left_s))
    return done


def _cool(plan: OpenPlan, iterations: int, shares: tuple[float, float], total: int) -> None:
    """Search on while it gets colder; a search that can be thorough begins hotter, and again.

    Args:
        plan: to search on.
        iterations: how many.
        shares: of the whole search that are over before and after these.
        total: iterations of the whole search.
    """
    cycles = _cycles(plan, total)
    thorough = math.sqrt(total / (_THOROUGH * cycles * max(1, plan.jobs)))
    hottest = min(_HOT_MAX, max(_HOT_MIN, thorough))
    coldest = min(_COLD, hottest)
    begin = shares[0] * cycles
    end = min(shares[1] * cycles, math.floor(begin) + 1)
    phases = (begin - math.floor(begin), end - math.floor(begin))
    hot, cold = (hottest * (coldest / hottest) ** phase for phase in phases)
    plan.search(iterations, plan.cost_per_job * hot, plan.cost_per_job * cold)


def _marks(cycles: int) -> list[float]:
    """Shares of the whole search after which routes are combined."""
    return [(cycle + share) / cycles for cycle in range(cycles) for share in _COMBINE_AT]


def _cycles(plan: OpenPlan, total: int) -> int:
    """How often to heat up: routes of several searches combine better than those of one."""
    return max(1, min(_CYCLES_MAX, total // (_CYCLE * max(1, plan.jobs))))
