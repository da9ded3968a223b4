"""A day before its first request: its files, where the vehicles start, what the rules are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from routing.plans import Weights
from simulations.peer_day.check import Edge, Edges, Rules, direct_ways, edges_of
from simulations.peer_day.network import TICK_BITS, Network, build_network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.peer_day.files import Demand, Ints, Roads

WEIGHTS: Final = Weights(drive=1000, wait=400, ride=400, walk=0)
"""Five persons who wait or ride for a second count as much as two seconds of driving."""


@dataclass(frozen=True, eq=False)
class Setting:
    """Everything that is given.

    Attributes:
        roads: the graph.
        demand: the requests.
        starts: int32[V], the nodes at which the vehicles start.
        rules: to be kept.
        weights: of the objective.
    """

    roads: Roads
    demand: Demand
    starts: Ints
    rules: Rules
    weights: Weights

    @cached_property
    def edges(self) -> Edges:
        """The edges as the check reads them."""
        return edges_of(self.roads)

    @cached_property
    def direct(self) -> list[Edge]:
        """By request, its fastest way, found by the check's own means."""
        return direct_ways(self.roads, self.edges, self.demand.origin, self.demand.destination)

    def network(self) -> Network:
        """The driving times between all places of the day, computed anew."""
        ends = self.demand.origin, self.demand.destination
        return build_network(self.roads, np.concatenate((*ends, self.starts)))

    def max_ride_s(self, network: Network) -> NDArray[np.int64]:
        """int64[R], the longest rides, rounded down to seconds.

        An edge has up to one tick more than the file says, a way at most as many edges as there
        are nodes: so much less is allowed, lest a limit be a moment too long.
        """
        direct = network.ticks(self.demand.origin, self.demand.destination)
        direct = np.maximum(direct - len(self.roads.names), 0)
        longest: NDArray[np.int64] = (direct * self.rules.detour).astype(np.int64) >> TICK_BITS
        return longest + self.rules.detour_s


def setting_of(
    roads: Roads,
    demand: Demand,
    seed: int,
    rules: Rules | None = None,
    weights: Weights = WEIGHTS,
) -> Setting:
    """Put the vehicles at random nodes, the same for the same seed."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, len(roads.names), demand.vehicles).astype(np.int32)
    return Setting(roads, demand, starts, rules or Rules(), weights)
