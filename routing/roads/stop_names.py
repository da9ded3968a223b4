"""German names for stops that a person on the street understands, each of them unique.

A stop is called after its street and the corner, a landmark close by, or, on streets without a
name, after the nearest street that has one.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from routing.roads.graph import ArcFlag, RoadGraph
from routing.roads.landmarks import Landmark, Landmarks, Settlement
from routing.roads.stop_candidates import ArcLines, Candidate, classes_of_arc
from routing.roads.stop_walks import WalkIndex
from routing.roads.tags import FAST_ROADS, HIGHWAYS

LANDMARK_M: Final = 130.0
BESIDE_M: Final = 150.0
ASKED_FOR_RANK: Final = 1
NEAR_STREET_M: Final = 450.0
MAX_REACHES: Final = 6.0
"""A settlement further away than this many of its reaches names nothing."""
MAX_ADDITIONS: Final = 2
ACROSS_M: Final = 60.0
"""Namesakes this close lie on two sides of one street."""
_COMPASS: Final = (
    "östlich",
    "nordöstlich",
    "nördlich",
    "nordwestlich",
    "westlich",
    "südwestlich",
    "südlich",
    "südöstlich",
)
_PARTS: Final = (
    "Ostteil",
    "Nordostteil",
    "Nordteil",
    "Nordwestteil",
    "Westteil",
    "Südwestteil",
    "Südteil",
    "Südostteil",
)
_SIDES: Final = ("Ostseite", "Nordseite", "Westseite", "Südseite")


class Naming(NamedTuple):
    """What is known about a stop's surroundings."""

    base: str
    side: str
    nearby: tuple[str, ...]
    """Further streets or landmarks around, nearest first, to tell namesakes apart."""
    zone: str
    x: float
    y: float
    far: str
    """How far from the middle of the settlement and where, "" without one."""


class Namer:
    """Finds names around points of one graph."""

    def __init__(
        self, graph: RoadGraph, lines: ArcLines, index: WalkIndex, landmarks: Landmarks
    ) -> None:
        """Indexes named streets, landmarks and settlements."""
        self._graph, self._index = graph, index
        # Nobody finds a halt by the motorway that happens to pass behind the houses.
        fast = np.isin(np.array(HIGHWAYS)[graph.arc_highway], sorted(FAST_ROADS))
        self._named = np.flatnonzero((graph.arc_name != 0) & ~fast)
        self._streets = shapely.STRtree(lines.lines[self._named])
        self._lines = lines
        self._pois = [(poi, self._flat(poi)) for poi in landmarks.pois]
        self._poi_tree = shapely.STRtree([shapely.Point(at) for _, at in self._pois])
        self._settlements = [(place, self._flat(place)) for place in landmarks.settlements]
        self._arms: dict[int, list[int]] = defaultdict(list)
        for arc in range(graph.arcs):
            self._arms[int(graph.arc_from[arc])].append(arc)
            self._arms[int(graph.arc_to[arc])].append(arc)

    def _flat(self, spot: Landmark | Settlement) -> tuple[float, float]:
        x, y = self._index.flat(np.array([spot.lon]), np.array([spot.lat]))
        return float(x[0]), float(y[0])

    def zone(self, x: float, y: float) -> str:
        """The settlement a point belongs to: nearest by its typical reach, "" if none is near."""
        best = self._settlement(x, y)
        return best[1] if best is not None else ""

    def _settlement(self, x: float, y: float) -> tuple[float, str, tuple[float, float]] | None:
        near = [
            (math.hypot(x - at[0], y - at[1]) / place.reach_m, place.name, at)
            for place, at in self._settlements
        ]
        best = min(near, default=None)
        return best if best is not None and best[0] < MAX_REACHES else None

    def landmark_stops(
        self, x: NDArray[np.float64], y: NDArray[np.float64], given: Sequence[NDArray[np.float64]]
    ) -> dict[int, str]:
        """The candidates nearest to landmarks everybody asks for, with the landmarks' names.

        Args:
            x: float64[C], candidates, metres.
            y: float64[C].
            given: x and y of the stops there are already; a landmark beside one needs no other.
        """
        found: dict[int, str] = {}
        for poi, (east, north) in self._pois:
            beside = np.hypot(given[0] - east, given[1] - north) < BESIDE_M
            gap = np.hypot(x - east, y - north)
            if poi.rank > ASKED_FOR_RANK or beside.any() or not len(gap):
                continue
            best = int(np.argmin(gap))
            if gap[best] < BESIDE_M and best not in found:
                found[best] = poi.name
        return found

    def describe(self, candidate: Candidate, landmark: str = "") -> Naming:
        """Name parts of a stop, which may be the stop of a landmark."""
        arc = candidate.place.arc
        own = self._graph.name_of(arc)
        x, y = candidate.x, candidate.y
        zone = self.zone(x, y)
        corner = self._corner(candidate.junction, own)
        pois = self._landmarks_near(x, y)
        streets = self._streets_near(x, y, {own, corner} - {""})
        names = [name for name, _ in streets]
        nearby = tuple(dict.fromkeys([*pois, *names]))
        side = _SIDES[round(math.atan2(candidate.normal[1], candidate.normal[0]) * 2 / math.pi) % 4]
        far = self._out_of_town(x, y)
        if landmark:
            base = f"{landmark}, {own}" if own else landmark
        elif own and corner:
            base = f"{own} / Ecke {corner}"
        elif own:
            base = f"{own}, Höhe {nearby[0]}" if nearby else own
            nearby = nearby[1:]
        elif corner:
            base = f"{self._unnamed(arc)} / Ecke {corner}"
        elif pois:
            base = f"{self._unnamed(arc)} bei {pois[0]}"
            nearby = nearby[1:]
        elif streets:
            base = f"{self._unnamed(arc)} {streets[0][1]} {streets[0][0]}"
            nearby = nearby[1:]
        else:
            base = f"{self._unnamed(arc)} {far}".strip()
        return Naming(base, side, nearby, zone, x, y, far)

    def _unnamed(self, arc: int) -> str:
        kind = classes_of_arc(self._graph, arc)
        if kind == "unclassified" and not self._graph.arc_flags[arc] & ArcFlag.URBAN:
            return "Landweg"
        return "Wohnweg" if kind == "living_street" else "Nebenstraße"

    def _out_of_town(self, x: float, y: float) -> str:
        near = self._settlement(x, y)
        if near is None:
            return ""
        _, name, at = near
        gap = f"{math.hypot(x - at[0], y - at[1]) / 1000:.1f} km".replace(".", ",")
        return f"{gap} {_direction(x - at[0], y - at[1])} von {name}"

    def _corner(self, junction: int, own: str) -> str:
        """The most important other street at a junction."""
        if junction < 0:
            return ""
        names = {
            (int(self._graph.arc_highway[arc]), self._graph.name_of(arc))
            for arc in self._arms[junction]
        }
        return min(((k, n) for k, n in names if n not in {"", own}), default=(0, ""))[1]

    def _landmarks_near(self, x: float, y: float) -> list[str]:
        hits = self._poi_tree.query(shapely.Point(x, y), predicate="dwithin", distance=LANDMARK_M)
        near = [
            (poi.rank, math.hypot(x - at[0], y - at[1]), poi.name)
            for poi, at in (self._pois[int(i)] for i in hits)
        ]
        return [name for _, _, name in sorted(near)]

    def _streets_near(self, x: float, y: float, besides: set[str]) -> list[tuple[str, str]]:
        """Named streets around, nearest first, and on which side of them the point lies."""
        point = shapely.Point(x, y)
        hits = self._streets.query(point, predicate="dwithin", distance=NEAR_STREET_M)
        best: dict[str, tuple[float, int]] = {}
        for arc in self._named[hits].tolist():
            name = self._graph.name_of(arc)
            gap = (round(float(self._lines.lines[arc].distance(point)), 2), arc)
            if name not in besides:
                best[name] = min(gap, best.get(name, (math.inf, 0)))
        streets = []
        for name, (_, arc) in sorted(best.items(), key=lambda item: (item[1][0], item[0])):
            line = self._lines.lines[arc]
            foot = line.interpolate(line.project(point))
            streets.append((name, _direction(x - foot.x, y - foot.y)))
        return streets


def _sector(dx: float, dy: float) -> int:
    """Eighth of the compass, counter-clockwise from east."""
    return round(math.atan2(dy, dx) * 4 / math.pi) % 8


def _direction(dx: float, dy: float) -> str:
    return _COMPASS[_sector(dx, dy)]


def unique_names(namings: Sequence[Naming], taken: set[str]) -> list[str]:
    """One name per stop, all different, none of those taken.

    Namesakes are told apart by settlement, then by the side of the street, then by what is
    nearby, at last by a number.

    Args:
        namings: the stops' surroundings.
        taken: names in use already (curated stops).

    Returns:
        names in the order of the stops.
    """
    zones = [n.zone for n in namings]
    home = max(set(zones), key=lambda zone: (zones.count(zone), zone), default="")
    names = [
        f"{n.zone}, {n.base}" if n.zone not in {"", home} and n.zone not in n.base else n.base
        for n in namings
    ]
    for group in _clashing(names, taken).values():
        _tell_apart(names, namings, group, 0)
    return _numbered(names, taken)


def _clashing(names: Sequence[str], taken: set[str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for position, name in enumerate(names):
        groups[name].append(position)
    return {name: who for name, who in groups.items() if len(who) > 1 or name in taken}


def _tell_apart(names: list[str], namings: Sequence[Naming], group: list[int], depth: int) -> None:
    """Adds to namesakes what tells most of them apart, and again to those still alike."""
    if len(group) < 2 or depth == MAX_ADDITIONS:  # noqa: PLR2004 - alone
        return
    said = max(_words(namings, group), key=lambda words: len(set(words)))
    if len(set(said)) == 1:
        return
    rest: dict[str, list[int]] = defaultdict(list)
    for position, word in zip(group, said, strict=True):
        if word:
            names[position] = f"{names[position]}, {word}"
        rest[names[position]].append(position)
    for alike in rest.values():
        _tell_apart(names, namings, alike, depth + 1)


def _words(namings: Sequence[Naming], group: list[int]) -> list[list[str]]:
    """Ways to tell a group apart, the most natural first."""
    members = [namings[position] for position in group]
    x = sum(m.x for m in members) / len(members)
    y = sum(m.y for m in members) / len(members)
    across = all(math.hypot(m.x - x, m.y - y) < ACROSS_M for m in members)
    sides = [m.side for m in members]
    nearby = [
        [f"nahe {m.nearby[i]}" if len(m.nearby) > i else "" for m in members] for i in range(3)
    ]
    parts = [_PARTS[_sector(m.x - x, m.y - y)] for m in members]
    far = [m.far if m.far not in m.base else "" for m in members]
    return [sides, *nearby, far, parts] if across else [*nearby, far, parts, sides]


def _numbered(names: Sequence[str], taken: set[str]) -> list[str]:
    used = set(taken)
    counts: dict[str, int] = defaultdict(int)
    clashes = _clashing(names, taken)
    result = []
    for name in names:
        fresh = name
        while fresh in used or (fresh == name and name in clashes):
            counts[name] += 1
            fresh = f"{name} ({counts[name]})"
        used.add(fresh)
        result.append(fresh)
    return result
