"""Maps of a day as SVG in metres: demand, refusals, loads, on the roads of the graph; no tiles.

The roads are in the page once, as symbols; each map and the replay use them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import shapely
from markupsafe import Markup, escape
from numpy.typing import NDArray

from routing.roads.graph import HIGHWAYS, RoadGraph, metres_per_degree
from simulations.records import Outcome
from simulations.report.day import DayView
from simulations.report.words import Words

Points = NDArray[np.float64]
"""Of shape (n, 2): degrees (lon, lat), or metres on a map (east, south)."""

_MAIN = ("motorway", "trunk", "primary", "secondary", "tertiary")
_SIDE = ("service", "track", "busway", "pedestrian")
_MANY_ARCS = 4000
"""From here on side roads are left out."""
_TOLERANCE_M = 5.0
_MARGIN = 0.03
_CELLS_ACROSS = 36
_LARGEST_SHARE = 0.028
"""Radius of the largest circle, of the map's width."""
_BREAKS = (1, 3, 6, 11, 21, 51, 101, 201, 501, 1001)
_LOAD_CLASSES = 5
_LOAD_WIDTHS = (1.4, 2.2, 3.6, 5.4, 8.0, 11.5)
_PRECISION = 5


@dataclass(frozen=True)
class Frame:
    """What a map shows: metres east of `west` and south of `north`, in degrees."""

    west: float
    north: float
    width_m: int
    height_m: int
    scale: tuple[float, float]

    def metres(self, lonlat: Points) -> Points:
        """Where points are on the map, in whole metres."""
        offsets = (lonlat - (self.west, self.north)) * (self.scale[0], -self.scale[1])
        return np.rint(offsets)

    @property
    def unit_m(self) -> float:
        """A thousandth of the map's width."""
        return self.width_m / 1000


@dataclass(frozen=True, eq=False)
class Maps:
    """Draws the maps of a day.

    Args:
        view: the day.
        words: of the labels.
    """

    view: DayView
    words: Words

    @cached_property
    def frame(self) -> Frame:
        """All bookable stops and all that was asked for or driven, with a margin."""
        network, records = self.view.result.network, self.view.records
        shown = [(s.lon, s.lat) for s in network.stops]
        shown += [(s.lon, s.lat) for r in records for s in (r.origin, r.destination)]
        points = np.array(shown or [(0.0, 0.0)])
        (west, south), (east, north) = points.min(axis=0), points.max(axis=0)
        scale = metres_per_degree(float(south + north) / 2)
        width, height = (east - west) * scale[0], (north - south) * scale[1]
        side = max(width, height, 1000.0)
        margin = _MARGIN * side
        width, height = max(width, side / 2) + 2 * margin, max(height, side / 2) + 2 * margin
        middle = (west + east) / 2, (south + north) / 2
        return Frame(
            west=float(middle[0] - width / 2 / scale[0]),
            north=float(middle[1] + height / 2 / scale[1]),
            width_m=int(width),
            height_m=int(height),
            scale=scale,
        )

    def roads(self) -> Markup:
        """The symbols `roads-main` and `roads-minor`, to be used by the maps and the replay."""
        graph = self.view.result.network.graph
        main = np.array([name.removesuffix("_link") in _MAIN for name in HIGHWAYS])
        side = np.array([name in _SIDE for name in HIGHWAYS])
        kinds = graph.arc_highway
        once = (graph.arc_twin < 0) | (np.arange(len(kinds)) < graph.arc_twin)
        minor = once & ~main[kinds]
        if int(minor.sum()) > _MANY_ARCS:
            minor &= ~side[kinds]
        paths = {"main": once & main[kinds], "minor": minor}
        drawn = [
            f'<path id="roads-{name}" d="{_path(self._lines(graph, arcs))}"/>'
            for name, arcs in paths.items()
        ]
        return Markup(  # noqa: S704 - numbers only
            f'<svg class="symbols" aria-hidden="true"><defs>{"".join(drawn)}</defs></svg>'
        )

    def demand(self) -> Markup:
        """Where trips were to begin (left halves) and to end (right halves), by cell."""
        records = self.view.records
        begins = [(r.origin.lon, r.origin.lat, r.persons) for r in records]
        ends = [(r.destination.lon, r.destination.lat, r.persons) for r in records]
        cells = self._cells(begins, ends)
        most = max((n for counts in cells.values() for n in counts), default=1)
        drawn = []
        for (x, y), counts in sorted(cells.items(), key=lambda item: -max(item[1])):
            for kind, sweep, count in zip(("from", "to"), (0, 1), counts, strict=True):
                r = self._radius(count, most)
                drawn.append(
                    f'<path class="half-{kind}" '
                    f'd="M{x:.0f} {y - r:.0f}a{r:.0f} {r:.0f} 0 0 {sweep} 0 {2 * r:.0f}z"/>'
                )
        return self._map("".join(drawn), self.words("map_demand_alt"))

    def refusals(self) -> Markup:
        """All requests by where they began, and those refused, by cell and to the same scale."""
        asked = [(r.origin, r.outcome is Outcome.REFUSED) for r in self.view.records]
        cells = self._cells(
            [(spot.lon, spot.lat, 1) for spot, _ in asked],
            [(spot.lon, spot.lat, 1) for spot, refused in asked if refused],
        )
        most = max((counts[0] for counts in cells.values()), default=1)
        drawn = [
            f'<circle class="{kind}" cx="{x:.0f}" cy="{y:.0f}" '
            f'r="{self._radius(counts[which], most):.0f}"/>'
            for which, kind in enumerate(("asked", "refused"))
            for (x, y), counts in sorted(cells.items(), key=lambda item: -item[1][0])
            if counts[which]
        ]
        return self._map("".join(drawn), self.words("map_refusals_alt"))

    def loads(self) -> tuple[Markup, list[tuple[str, str]]]:
        """How many passengers were driven along each road; with the classes and their labels."""
        classes = load_classes(*self._stretches())
        beyond = [low for low, _ in classes]
        drawn: list[str] = []
        labels: list[tuple[str, str]] = []
        for (low, lines), upper in zip(classes, [*beyond[1:], None], strict=False):
            rank = len(labels) if classes[0][0] == 0 else len(labels) + 1
            drawn.append(
                f'<path class="load load-{rank}" '
                f'stroke-width="{_LOAD_WIDTHS[rank] * self.frame.unit_m:.1f}" '
                f'd="{_path(self._merged(lines))}"/>'
            )
            labels.append((f"load-{rank}", self._range(low, upper)))
        return self._map("".join(drawn), self.words("map_loads_alt")), labels

    def _range(self, low: int, beyond: int | None) -> str:
        if low == 0:
            return self.words("load_none")
        if beyond is None:
            return self.words("load_from", low=self.words.number(low, 0))
        if beyond - low == 1:
            return self.words("load_one", low=self.words.number(low, 0))
        low_text, high_text = self.words.number(low, 0), self.words.number(beyond - 1, 0)
        return self.words("load_range", low=low_text, high=high_text)

    def _stretches(self) -> tuple[Points, NDArray[np.int64]]:
        """The stretches of road driven, (n, 2, 2) in degrees, and the passengers on each."""
        ends: list[Points] = []
        loads: list[NDArray[np.int64]] = []
        for vehicle in self.view.vehicles:
            for driven in vehicle.legs:
                way = np.round(np.array(driven.leg.lonlat), _PRECISION)
                if len(way) > 1:
                    ends.append(np.stack([way[:-1], way[1:]], axis=1))
                    loads.append(np.full(len(way) - 1, driven.persons))
        if not ends:
            return np.empty((0, 2, 2)), np.empty(0, dtype=np.int64)
        both = np.concatenate(ends)
        turned = (both[:, 0, 0] > both[:, 1, 0]) | (
            (both[:, 0, 0] == both[:, 1, 0]) & (both[:, 0, 1] > both[:, 1, 1])
        )
        both[turned] = both[turned][:, ::-1]
        found, which = np.unique(both.reshape(-1, 4), axis=0, return_inverse=True)
        sums = np.bincount(which.ravel(), weights=np.concatenate(loads)).astype(np.int64)
        return found.reshape(-1, 2, 2), sums

    def _lines(self, graph: RoadGraph, arcs: NDArray[np.bool_]) -> Sequence[Points]:
        """The geometry of some arcs on the map."""
        sizes = np.diff(graph.geometry_offset)
        owner = np.repeat(np.arange(len(sizes)), sizes)
        wanted = arcs[owner]
        lonlat = np.column_stack([graph.geometry_lon, graph.geometry_lat])[wanted]
        if not len(lonlat):
            return []
        numbers = np.unique(owner[wanted], return_inverse=True)[1]
        lines = shapely.linestrings(self.frame.metres(lonlat), indices=numbers)
        return self._clipped(lines)

    def _merged(self, stretches: Points) -> Sequence[Points]:
        """Stretches joined to lines on the map."""
        if not len(stretches):
            return []
        return self._clipped(shapely.linestrings(self.frame.metres(stretches)))

    def _clipped(self, lines: NDArray[np.object_]) -> Sequence[Points]:
        merged = shapely.line_merge(shapely.multilinestrings(lines))
        simple = shapely.simplify(merged, _TOLERANCE_M)
        frame = self.frame
        inside = shapely.clip_by_rect(simple, 0, 0, frame.width_m, frame.height_m)
        parts = shapely.get_parts(inside)
        parts = parts[shapely.length(parts) > 0]
        points, owner = shapely.get_coordinates(parts, return_index=True)
        return np.split(points, np.flatnonzero(np.diff(owner)) + 1) if len(points) else []

    def _cells(
        self, *groups: Sequence[tuple[float, float, int]]
    ) -> dict[tuple[float, float], list[int]]:
        """What groups of points (lon, lat, count) add up to by cell, at the mean of all in it."""
        size = self.frame.width_m / _CELLS_ACROSS
        counts: dict[tuple[int, int], list[int]] = {}
        sums: dict[tuple[int, int], Points] = {}
        for number, group in enumerate(groups):
            for lon, lat, count in group:
                place = self.frame.metres(np.array((lon, lat)))
                key = (int(place[0] // size), int(place[1] // size))
                counts.setdefault(key, [0] * len(groups))[number] += count
                sums[key] = sums.get(key, np.zeros(2)) + place * count
        means = {key: total / sum(counts[key]) for key, total in sums.items()}
        return {(float(x), float(y)): counts[key] for key, (x, y) in means.items()}

    def _radius(self, count: float, most: float) -> float:
        """Of a circle whose area stands for a count."""
        return float(_LARGEST_SHARE * self.frame.width_m * (count / most) ** 0.5)

    def _map(self, drawn: str, title: str) -> Markup:
        frame = self.frame
        return Markup(  # noqa: S704 - names are escaped below
            f'<svg class="map" role="img" aria-label="{escape(title)}" '
            f'viewBox="0 0 {frame.width_m} {frame.height_m}">'
            f"{self._ground()}{drawn}{self._places()}{self._scale_bar()}</svg>"
        )

    def _ground(self) -> str:
        return '<use class="minor" href="#roads-minor"/><use class="main" href="#roads-main"/>'

    def _places(self) -> str:
        """The settlements' names, in the middle of their stops; the larger ones only."""
        unit = self.frame.unit_m
        return "".join(
            f'<text class="place" x="{x:.0f}" y="{y:.0f}" font-size="{30 * unit:.0f}" '
            f'stroke-width="{7 * unit:.0f}">{escape(name)}</text>'
            for name, (x, y) in self.places()
        )

    def places(self) -> list[tuple[str, tuple[float, float]]]:
        """Names of settlements and where they stand on the map, none upon another."""
        stops: dict[str, list[tuple[float, float]]] = {}
        for stop in self.view.result.network.stops:
            if stop.bookable and stop.zone:
                stops.setdefault(stop.zone, []).append((stop.lon, stop.lat))
        found: list[tuple[str, tuple[float, float]]] = []
        unit = self.frame.unit_m
        for name, lonlat in sorted(stops.items(), key=lambda item: (-len(item[1]), item[0])):
            x, y = np.median(self.frame.metres(np.array(lonlat)), axis=0)
            if all(abs(y - b) > 45 * unit or abs(x - a) > 220 * unit for _, (a, b) in found):
                found.append((name, (float(x), float(y))))
        return found

    def _scale_bar(self) -> str:
        """A bar of a round length."""
        frame, unit = self.frame, self.frame.unit_m
        wanted = frame.width_m / 5
        length = max(n for n in (100, 200, 500, 1000, 2000, 5000, 10_000, 1) if n <= wanted)
        shown = f"{length // 1000} km" if length >= 1000 else f"{length} m"  # noqa: PLR2004
        x, y = 20 * unit, frame.height_m - 22 * unit
        return (
            f'<path class="bar" stroke-width="{4 * unit:.0f}" d="M{x:.0f} {y:.0f}h{length}"/>'
            f'<text class="bar-text" x="{x:.0f}" y="{y - 10 * unit:.0f}" '
            f'font-size="{26 * unit:.0f}" stroke-width="{6 * unit:.0f}">{shown}</text>'
        )


def load_classes(stretches: Points, loads: NDArray[np.int64]) -> list[tuple[int, Points]]:
    """Stretches in classes of load: (least load, stretches), 0 first if there is any such."""
    most = int(loads.max(initial=0))
    steps = [b for b in _BREAKS if b <= most]
    if len(steps) > _LOAD_CLASSES:
        # The upper classes tell where the town's rides run together; the lower ones are joined.
        steps = [1, *steps[-_LOAD_CLASSES + 1 :]]
    bounds = [0, *steps]
    found = []
    for low, beyond in zip(bounds, [*bounds[1:], most + 1], strict=True):
        inside = (loads >= low) & (loads < beyond)
        if inside.any():
            found.append((low, stretches[inside]))
    return found


def _path(lines: Iterable[Points]) -> str:
    """Lines as the data of one SVG path, in relative whole metres."""
    parts = []
    for line in lines:
        points = np.rint(line).astype(int).tolist()
        steps = [(c - a, d - b) for (a, b), (c, d) in pairwise(points)]
        moves = " ".join(f"{dx} {dy}" for dx, dy in steps if dx or dy)
        parts.append(f"M{points[0][0]} {points[0][1]}l{moves}" if moves else "")
    return "".join(parts).replace(" -", "-")
