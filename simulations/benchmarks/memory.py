"""How much memory processes use over time, and whether it grows."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from simulations.benchmarks.table import Row

_KB_PER_MB = 1024
_FIT_MIN = 3


class Memory:
    """Samples the resident memory of some processes.

    Args:
        pids: tells process numbers by name, as they are at the moment.
    """

    def __init__(self, pids: Callable[[], Mapping[str, int]]) -> None:
        self._pids = pids
        self._samples: dict[str, list[tuple[float, float]]] = {}

    def sample(self) -> None:
        """Look once at all of them."""
        now = time.monotonic()
        for name, pid in self._pids().items():
            megabytes = rss_mb(pid)
            if megabytes is not None:
                self._samples.setdefault(name, []).append((now, megabytes))

    def row(self, settled: float) -> Row:
        """Last size and growth of each, and of all together.

        Args:
            settled: share of the samples after which growth counts: caches fill first.
        """
        last = {name: values[-1][1] for name, values in self._samples.items()}
        growth = {
            name: slope_per_h(values[int(len(values) * settled) :])
            for name, values in self._samples.items()
        }
        known = [each for each in growth.values() if each is not None]
        return {
            "rss_mb": sum(last.values()),
            "rss_mb_per_h": sum(known) if known else None,
            **{f"rss_mb_{name}": value for name, value in sorted(last.items())},
            **{f"rss_mb_per_h_{name}": value for name, value in sorted(growth.items())},
        }


def rss_mb(pid: int) -> float | None:
    """Resident memory of a process in MB, None when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(found[0]) / _KB_PER_MB if found else None


def slope_per_h(samples: list[tuple[float, float]]) -> float | None:
    """Growth per hour by least squares of (seconds, size); None with too few samples."""
    if len(samples) < _FIT_MIN:
        return None
    at, size = np.array(samples).T
    return float(np.polyfit(at - at[0], size, 1)[0] * 3600)
