"""Runs the day with every request answered at once, and measures how long that takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from simulations.peer_day.day import advance, answer_all, decide, open_desk
from simulations.peer_day.outcome import DrivenDay, driven_day

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.peer_day.setting import Setting

_MICRO: Final = 1e-3  # of nanoseconds


class Timed(NamedTuple):
    """A day and what it took.

    Attributes:
        day: what happened.
        wall_s: from the arrays of roads and requests to the last alighting: all travel times, all
            decisions, all driving.
        roads_s: of these, for the travel times.
        cpu_s: what the processor was busy with it.
    """

    day: DrivenDay
    wall_s: float
    roads_s: float
    cpu_s: float


def answer_at_once(setting: Setting) -> Timed:
    """Drive the day; the kernels are compiled (or loaded) if they have not been yet."""
    begin, busy = time.perf_counter(), time.process_time()
    network = setting.network()
    ready = time.perf_counter()
    desk = open_desk(setting, network)
    accepted = np.zeros(len(setting.demand), np.bool_)
    answer_all(desk, setting.demand.time_s, accepted)
    advance(desk, setting.rules.end_s)
    end, busy = time.perf_counter(), time.process_time() - busy
    day = driven_day(network, setting.starts, accepted.tolist(), desk.record)
    return Timed(day, end - begin, ready - begin, busy)


def decision_times_us(setting: Setting, days: int) -> NDArray[np.float64]:
    """float64[R]: how long each answer takes, called one by one from Python, calls included.

    The least of several days, which are all the same: what else runs on the machine is no part
    of an answer.
    """
    taken = np.array([_decision_times_us(setting) for _ in range(days)])
    least: NDArray[np.float64] = taken.min(axis=0)
    return least


def _decision_times_us(setting: Setting) -> NDArray[np.float64]:
    desk = open_desk(setting, setting.network())
    taken = np.zeros(len(setting.demand))
    for request, now_s in enumerate(setting.demand.time_s.tolist()):
        begin = time.perf_counter_ns()
        decide(desk, request, now_s)
        taken[request] = (time.perf_counter_ns() - begin) * _MICRO
    return taken
