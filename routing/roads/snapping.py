"""Finds the place on the road network that belongs to a point: nearest edge, right side of it."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from routing.roads.errors import OutsideNetworkError
from routing.roads.graph import Place, RoadGraph, metres_per_degree

_NEAR_TIE_M: Final = 0.01
_HEADING_TOLERANCE_M: Final = 20.0
_OPPOSITE_DEG: Final = 90.0


@dataclass(frozen=True)
class Snapped:
    """A point brought to the road: the place, its coordinates, and how far the point was off."""

    place: Place
    lon: float
    lat: float
    distance_m: float


@dataclass(frozen=True)
class Nearby:
    """A direction of a road on which a reported point may be: where, how far off, leading where.

    `heading` is the direction of travel there, (east, north), of any length.
    """

    place: Place
    distance_m: float
    heading: tuple[float, float]


class Snapper:
    """Nearest-road search over the arcs of a graph.

    Works in metres in a local equirectangular projection around the graph's centre, good to
    0.1 % over a county.
    """

    def __init__(self, graph: RoadGraph, *, arcs: NDArray[np.bool_] | None = None) -> None:
        """Indexes the roads.

        Args:
            graph: the road graph.
            arcs: bool[A], restricts the search to these arcs; None means all.

        Raises:
            ValueError: no arc is left to snap to.
        """
        west, south, east, north = graph.bounds
        self._graph = graph
        self._origin = ((west + east) / 2, (south + north) / 2)
        self._scale = metres_per_degree(self._origin[1])
        wanted = np.ones(graph.arcs, bool) if arcs is None else arcs.copy()
        has_twin = graph.arc_twin >= 0
        twin_wanted = has_twin & wanted[graph.arc_twin]
        once = ~twin_wanted | (np.arange(graph.arcs) < graph.arc_twin)
        self._wanted = wanted
        self._arc_of = np.flatnonzero(wanted & once).astype(np.int32)
        if not len(self._arc_of):
            raise ValueError("there is no arc to snap to")
        x, y = self._flat(graph.geometry_lon, graph.geometry_lat)
        counts = np.diff(graph.geometry_offset)[self._arc_of]
        line = np.repeat(np.arange(len(self._arc_of)), counts)
        first = np.repeat(graph.geometry_offset[self._arc_of], counts)
        step = np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
        point = first + step
        self._lines = shapely.linestrings(x[point], y[point], indices=line)
        self._tree = shapely.STRtree(self._lines)

    def _flat(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return (lon - self._origin[0]) * self._scale[0], (lat - self._origin[1]) * self._scale[1]

    def snap(
        self, lon: float, lat: float, *, max_m: float = 500.0, heading_deg: float | None = None
    ) -> Snapped:
        """The place on the nearest road, on the side of the road where the point lies.

        Args:
            lon: degrees.
            lat: degrees.
            max_m: how far the road may be.
            heading_deg: compass heading of a moving vehicle, if known. Then roads and directions
                that lead the other way count as 20 m further away, as positions are that unsure.

        Returns:
            the nearest place; equal distances are decided by the lower arc.

        Raises:
            OutsideNetworkError: no road within `max_m`.
        """
        if heading_deg is None:
            return self._best(lon, lat, max_m)[0]
        return self._with_heading(lon, lat, max_m, heading_deg)

    def snap_side(self, lon: float, lat: float, *, max_m: float = 500.0) -> list[Snapped]:
        """Both directions of the nearest road, the kerb side (right-hand traffic) first.

        Raises:
            OutsideNetworkError: no road within `max_m`.
        """
        return self._best(lon, lat, max_m)

    def around(
        self, lon: float, lat: float, *, max_m: float = 500.0, slack_m: float = 40.0
    ) -> list[Nearby]:
        """All directions of all roads that are hardly further away than the nearest.

        Args:
            lon: degrees.
            lat: degrees.
            max_m: how far the nearest road may be.
            slack_m: how much further others may be.

        Returns:
            the nearest first, ties by arc.

        Raises:
            OutsideNetworkError: no road within `max_m`.
        """
        reach_m = self._best(lon, lat, max_m)[0].distance_m + slack_m
        found = []
        for line in self._near(lon, lat, reach_m).tolist():
            geometry, arc = self._lines[line], int(self._arc_of[line])
            for snapped in self._both(line, lon, lat):
                time_ms = int(self._graph.arc_time_ms[snapped.place.arc])
                share = snapped.place.offset_ms / time_ms
                if snapped.place.arc == arc:
                    heading = self._direction(geometry, share)
                else:
                    east, north = self._direction(geometry, 1.0 - share)
                    heading = (-east, -north)
                found.append(Nearby(snapped.place, snapped.distance_m, heading))
        return sorted(found, key=lambda nearby: (nearby.distance_m, nearby.place))

    def _near(self, lon: float, lat: float, reach_m: float) -> NDArray[np.int64]:
        """Positions in `_lines` within reach of a point, unordered."""
        found: NDArray[np.int64] = self._tree.query(
            self._point(lon, lat), predicate="dwithin", distance=reach_m
        )
        return found

    def _point(self, lon: float, lat: float) -> Any:
        x, y = self._flat(np.array([lon]), np.array([lat]))
        return shapely.Point(x[0], y[0])

    def _best(self, lon: float, lat: float, max_m: float) -> list[Snapped]:
        found, distance = self._tree.query_nearest(
            self._point(lon, lat), max_distance=max_m, return_distance=True
        )
        if not len(found):
            raise OutsideNetworkError(f"no road within {max_m:.0f} m of {lon:.5f}, {lat:.5f}")
        line = int(min(found[distance <= distance.min() + _NEAR_TIE_M]))
        return self._both(line, lon, lat)

    def _both(self, line: int, lon: float, lat: float) -> list[Snapped]:
        """The directions of one road that may be used, kerb side first."""
        geometry, point = self._lines[line], self._point(lon, lat)
        fraction = float(shapely.line_locate_point(geometry, point, normalized=True))
        on = shapely.line_interpolate_point(geometry, fraction, normalized=True)
        distance = float(shapely.distance(point, on))
        arc = int(self._arc_of[line])
        result = [self._snapped(arc, fraction, on, distance)]
        twin = int(self._graph.arc_twin[arc])
        if twin >= 0 and self._wanted[twin]:
            result.append(self._snapped(twin, 1.0 - fraction, on, distance))
            if self._is_left(geometry, fraction, point):
                result.reverse()
        return result

    def _snapped(self, arc: int, fraction: float, on: Any, distance_m: float) -> Snapped:
        time = int(self._graph.arc_time_ms[arc])
        return Snapped(
            place=Place(arc, min(time, max(0, round(fraction * time)))),
            lon=self._origin[0] + on.x / self._scale[0],
            lat=self._origin[1] + on.y / self._scale[1],
            distance_m=distance_m,
        )

    @staticmethod
    def _direction(geometry: Any, fraction: float) -> tuple[float, float]:
        length = float(shapely.length(geometry))
        at = fraction * length
        before = shapely.line_interpolate_point(geometry, max(0.0, at - 1.0))
        after = shapely.line_interpolate_point(geometry, min(length, at + 1.0))
        return after.x - before.x, after.y - before.y

    def _is_left(self, geometry: Any, fraction: float, point: Any) -> bool:
        dx, dy = self._direction(geometry, fraction)
        on = shapely.line_interpolate_point(geometry, fraction, normalized=True)
        px, py = point.x - on.x, point.y - on.y
        return bool(dx * py - dy * px > 0)

    def _with_heading(self, lon: float, lat: float, max_m: float, heading_deg: float) -> Snapped:
        nearest = self._best(lon, lat, max_m)[0]
        reach = min(max_m, nearest.distance_m + _HEADING_TOLERANCE_M)
        candidates = []
        for line in self._near(lon, lat, reach).tolist():
            geometry = self._lines[line]
            for snapped in self._both(line, lon, lat):
                fraction = snapped.place.offset_ms / int(self._graph.arc_time_ms[snapped.place.arc])
                reverse = snapped.place.arc != int(self._arc_of[line])
                dx, dy = self._direction(geometry, 1.0 - fraction if reverse else fraction)
                heading = np.degrees(np.arctan2(-dx if reverse else dx, -dy if reverse else dy))
                off = abs((heading - heading_deg + 180.0) % 360.0 - 180.0)
                worse = _HEADING_TOLERANCE_M if off > _OPPOSITE_DEG else 0.0
                candidates.append((snapped.distance_m + worse, snapped.place, snapped))
        return min(candidates)[2] if candidates else nearest
