"""The town by cells, the catchments of its bookable stops; and points to live at or to go to.

Distances between cells are those by road between their stops, so the mean distance of a demand is
what the key figures call the direct distance.
"""

from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from random import Random

import numpy as np
from numpy.typing import NDArray

from dispatch.domain.model import Spot
from dispatch.engine.network import Network
from routing.roads.graph import metres_per_degree
from simulations.demand.trips import DemandError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_AT_ONCE = 4096


class Cells:
    """C cells, one for each bookable stop, in Z zones (settlements; "" is none of them).

    Attributes:
        zones: names, ascending.
        zone: int64[C], index of each cell's zone.
    """

    def __init__(self, network: Network) -> None:
        """Takes the bookable stops of a network.

        Raises:
            DemandError: there are none.
        """
        index = [i for i, stop in enumerate(network.stops) if stop.bookable]
        if not index:
            raise DemandError("the town has no stops: nobody can travel")
        stops = [network.stops[i] for i in index]
        self._network, self._index = network, index
        self._kerbs = np.array([(stop.lon, stop.lat) for stop in stops], np.float64)
        self._scale = np.array(metres_per_degree(float(self._kerbs[:, 1].mean())))
        self.zones = sorted({stop.zone for stop in stops})
        self.zone = np.array([self.zones.index(stop.zone) for stop in stops], np.int64)

    def __len__(self) -> int:
        return len(self.zone)

    @cached_property
    def distance_m(self) -> Floats:
        """Shortest way by road, float64[C, C] metres, `inf` if there is none."""
        shortest = self._network.travel.shortest_m
        return shortest[np.ix_(self._index, self._index)].astype(np.float64)

    def of(self, lon: Floats, lat: Floats) -> Ints:
        """The cells of points, int64[N]: those of the nearest stops as the crow flies.

        Args:
            lon: float64[N], degrees.
            lat: float64[N], degrees.
        """
        found = np.empty(len(lon), np.int64)
        kerbs = self._kerbs * self._scale
        for start in range(0, len(lon), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            points = np.stack((lon[part], lat[part]), axis=1) * self._scale
            apart = ((points[:, None, :] - kerbs[None, :, :]) ** 2).sum(axis=2)
            found[part] = apart.argmin(axis=1)
        return found


class Ends:
    """Points with weights, grouped by cell: where trips begin or end.

    Attributes:
        weight: float64[C], the sum of the weights of each cell's points.
    """

    def __init__(self, cell: Ints, weight: Floats, lon: Floats, lat: Floats, *, cells: int) -> None:
        """Groups N points.

        Args:
            cell: int64[N].
            weight: float64[N].
            lon: float64[N], degrees.
            lat: float64[N], degrees.
            cells: how many cells there are.
        """
        order = np.argsort(cell, kind="stable")
        self._lon, self._lat = lon[order], lat[order]
        self._start = np.searchsorted(cell[order], np.arange(cells + 1)).tolist()
        self._upto = np.cumsum(weight[order]).tolist()
        self.weight: Floats = np.bincount(cell, weight, minlength=cells).astype(np.float64)

    def draw(self, cell: int, rng: Random) -> Spot:
        """A point of a cell, in proportion to the weights."""
        start, stop = self._start[cell], self._start[cell + 1]
        before = self._upto[start - 1] if start else 0.0
        mark = before + rng.random() * (self._upto[stop - 1] - before)
        point = min(bisect_right(self._upto, mark, start, stop), stop - 1)
        return Spot(round(float(self._lon[point]), 6), round(float(self._lat[point]), 6))


def points(cells: Cells, spots: Sequence[tuple[float, float]], weight: Sequence[float]) -> Ends:
    """Ends at fixed points (lon, lat)."""
    lon = np.array([spot[0] for spot in spots], np.float64)
    lat = np.array([spot[1] for spot in spots], np.float64)
    weights = np.array(weight, np.float64)
    return Ends(cells.of(lon, lat), weights, lon, lat, cells=len(cells))
