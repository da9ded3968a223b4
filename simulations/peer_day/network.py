"""Driving times of a peer day: from every node to every place that matters, exact in ticks.

A tick is 1/65,536 s; edges are rounded up to ticks, and sums of them to whole seconds once, so the
times between places obey the triangle inequality.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from routing.plans import UNREACHABLE_S
from routing.roads.kernels import UNREACHABLE
from routing.roads.many_to_many import LANES, TimesTo, eliminate, times_to
from simulations.benchmarks.errors import BenchmarkError
from simulations.peer_day.files import Ints, Roads

TICK_BITS: Final = 16
"""Ticks per second, as a power of two: rounding up to seconds is a shift."""


@dataclass(frozen=True, eq=False)
class Network:
    """Times between the places of a day (origins, destinations, where vehicles start).

    Attributes:
        times: ticks from every node to every place.
        place: int32[N], the place of each node, -1 if it is none.
        matrix_s: int32[S + 1, S + 1], seconds between places, rounded up. The last row and column
            stand for nowhere, where routes end: it is 0 s away from everywhere, and nothing can
            be reached from it, so no other way leads through it.
    """

    times: TimesTo
    place: Ints
    matrix_s: Ints

    @property
    def nowhere(self) -> int:
        """The index of the place that is none."""
        return len(self.matrix_s) - 1

    def ticks(self, origin: Ints, destination: Ints) -> NDArray[np.int64]:
        """int64[R]: from nodes to places, both given as nodes."""
        block, lane = np.divmod(self.place[destination], LANES)
        ranks = self.times.hierarchy.rank[origin]
        return self.times.table[block, ranks, lane].astype(np.int64)


def build_network(roads: Roads, nodes: NDArray[np.int32]) -> Network:
    """All times needed between some nodes, and from everywhere to them.

    Args:
        roads: the graph.
        nodes: those that matter; any order, repetitions allowed.

    Raises:
        BenchmarkError: some of them cannot be reached from others.
    """
    ticks = np.ceil(roads.time_s * (1 << TICK_BITS))
    if ticks.max() >= UNREACHABLE:
        raise BenchmarkError("an edge takes more than four hours")
    hierarchy = eliminate(len(roads.names), roads.tail, roads.head, ticks.astype(np.int32))
    places = hierarchy.node[np.unique(hierarchy.rank[nodes])]  # neighbours in memory, too
    times = times_to(hierarchy, places)
    place = np.full(len(roads.names), -1, np.int32)
    place[places] = np.arange(len(places), dtype=np.int32)
    matrix = np.empty((len(places) + 1, len(places) + 1), np.int32)
    if times.matrix(TICK_BITS, matrix[:-1, :-1]).max() >= UNREACHABLE:
        raise BenchmarkError("some places of the day cannot be reached from others")
    matrix[-1], matrix[:, -1] = UNREACHABLE_S, 0
    matrix.flags.writeable = False
    return Network(times, place, matrix)
