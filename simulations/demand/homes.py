"""Where people live: points along residential streets, by zone."""

from random import Random

import numpy as np
import shapely
from numpy.typing import NDArray

from dispatch.domain.model import Spot
from dispatch.engine.network import Network
from routing.roads.graph import Place, metres_per_degree, position_of
from routing.roads.tags import HIGHWAYS

ANYWHERE = "*"
RESIDENTIAL = ("residential", "living_street")


class Homes:
    """Draws points on residential streets, each metre of street as likely as any other.

    A street belongs to the zone of the stop nearest to its beginning.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        graph = network.graph
        kinds = [HIGHWAYS.index(kind) for kind in RESIDENTIAL]
        arcs = np.flatnonzero(np.isin(graph.arc_highway, kinds)).astype(np.int64)
        if not len(arcs):
            arcs = np.arange(graph.arcs)
        self._by_zone = self._sorted_by_zone(arcs)

    def draw(self, zone: str, rng: Random) -> Spot:
        """A point in a zone, or anywhere for `*` and for zones without residential streets."""
        arcs, weights = self._by_zone.get(zone) or self._by_zone[ANYWHERE]
        graph = self._network.graph
        arc = rng.choices(arcs, cum_weights=weights)[0]
        offset_ms = rng.randrange(int(graph.arc_time_ms[arc]) + 1)
        lon, lat = position_of(graph, Place(arc, offset_ms))
        return Spot(round(lon, 6), round(lat, 6))

    def _sorted_by_zone(self, arcs: NDArray[np.int64]) -> dict[str, tuple[list[int], list[float]]]:
        graph, stops = self._network.graph, [s for s in self._network.stops if s.bookable]
        east_m, north_m = metres_per_degree(float(graph.node_lat.mean()))
        ends = np.stack((graph.node_lon, graph.node_lat), axis=1)[graph.arc_from[arcs]]
        scale = np.array([east_m, north_m])
        kerbs = np.array([(stop.lon, stop.lat) for stop in stops]) * scale
        nearest = shapely.STRtree(shapely.points(kerbs)).nearest(shapely.points(ends * scale))
        zones = [stops[index].zone for index in nearest]
        lengths = graph.arc_length_m[arcs]
        groups: dict[str, tuple[list[int], list[float]]] = {}
        for zone in {*zones, ANYWHERE}:
            chosen = [i for i, z in enumerate(zones) if zone in {z, ANYWHERE}]
            total = np.cumsum(lengths[chosen], dtype=np.float64)
            groups[zone] = ([int(arcs[i]) for i in chosen], total.tolist())
        return groups
