"""On-line map matching: which of the roads around a reported position a vehicle is on.

A hidden Markov model after Newson and Krumm 2009 (doi:10.1145/1653771.1653818), followed forward
report by report: several guesses are kept, so that a parallel road is found out after a few reports
and a single stray one changes nothing. Whole numbers only, so that the same reports give the same
place everywhere.
"""

import heapq
from collections.abc import Callable, Sequence
from math import hypot
from typing import Final, NamedTuple

from routing.roads.graph import Place, RoadGraph, metres_per_degree
from routing.roads.snapping import Nearby, Snapper

_NOISE_M: Final = 12.0
"""How far off a position is, as a standard deviation."""
_OFF_ROAD_M: Final = 40.0
"""Further away from any road than this a vehicle is not on one: then the distance says little."""
_MOVED_M: Final = 20.0
"""Between two reports this far apart there is a direction of travel."""
_HEADING: Final = 200
_DETOUR_M: Final = 25.0
_BEHIND_M: Final = 30.0
"""A report so little behind the last place on the same road is noise: nobody drives backwards."""
_FORGET_S: Final = 120
"""After so long a silence, where the vehicle was says nothing about the road it is on."""
_UNLIKELY: Final = 800
_IMPOSSIBLE: Final = 1200
_GUESSES_MAX: Final = 6
_NEARBY_MAX: Final = 16
_ARCS_MAX: Final = 600
_HUNDRED: Final = 100


class Guess(NamedTuple):
    """A place at which a vehicle may be; `cost` is 100 times how much less likely, as a log."""

    place: Place
    cost: int


class Point(NamedTuple):
    """A reported position: WGS84 degrees at an instant."""

    at_s: int
    lon: float
    lat: float


Prior = Callable[[Sequence[Place]], Sequence[int]]
"""What speaks against places apart from the reports, as costs of guesses."""


def distance_m(a: Point, b: Point) -> float:
    """Metres between two points, as the crow flies; good to 1 % over a county."""
    east, north = _apart(a, b)
    return hypot(east, north)


def match(
    graph: RoadGraph,
    snapper: Snapper,
    point: Point,
    prior: Prior,
    before: tuple[Point, Sequence[Guess]] | None = None,
) -> list[Guess]:
    """Where a vehicle may be that reports a position.

    Args:
        graph: the roads.
        snapper: finds them.
        point: what is reported.
        prior: what else is known, such as where it is bound for.
        before: the report before this one and what was guessed from it.

    Returns:
        Guesses, the most likely first; that one's cost is 0. At least one.

    Raises:
        OutsideNetworkError: there is no road nearby.
    """
    nearby = snapper.around(point.lon, point.lat)[:_NEARBY_MAX]
    known = before is not None and 0 < point.at_s - before[0].at_s <= _FORGET_S
    step = _Step(graph, *before, point) if before is not None and known else None
    costs: dict[Place, int] = {}
    against = prior([candidate.place for candidate in nearby])
    for candidate, unlikely in zip(nearby, against, strict=True):
        place, cost = candidate.place, 0
        if step is not None:
            place, cost = step.reached(candidate)
            cost += _against(candidate, step.moved)
        cost += _distance_cost(candidate, nearby[0].distance_m) + unlikely
        costs[place] = min(cost, costs.get(place, cost))
    least = min(costs.values())
    guesses = [Guess(place, cost - least) for place, cost in costs.items()]
    guesses.sort(key=lambda guess: (guess.cost, guess.place))
    return [guess for guess in guesses[:_GUESSES_MAX] if guess.cost <= _IMPOSSIBLE]


class _Step:
    """From one report to the next."""

    def __init__(
        self, graph: RoadGraph, before: Point, guesses: Sequence[Guess], point: Point
    ) -> None:
        self._graph = graph
        self._guesses = guesses
        self._elapsed_s = point.at_s - before.at_s
        self.moved = _apart(before, point)
        limit_ms = 1500 * self._elapsed_s + 30_000
        self._ways = [_ways_from(graph, guess.place, limit_ms) for guess in guesses]

    def reached(self, candidate: Nearby) -> tuple[Place, int]:
        """Where the vehicle is if it is on that road now, and how unlikely that is."""
        best: tuple[int, Place] | None = None
        for guess, ways in zip(self._guesses, self._ways, strict=True):
            place, way_m, way_ms = self._way(guess.place, candidate.place, ways)
            cost = guess.cost + self._cost(way_m, way_ms)
            if best is None or (cost, place) < best:
                best = (cost, place)
        if best is None:
            return candidate.place, 0
        return best[1], best[0]

    def _way(
        self, origin: Place, target: Place, ways: dict[int, tuple[int, float]]
    ) -> tuple[Place, float | None, int]:
        """The place reached, and metres and milliseconds to it; no metres where no way is short."""
        graph = self._graph
        length_m = float(graph.arc_length_m[target.arc])
        metre_ms = int(graph.arc_time_ms[target.arc]) / max(length_m, 1.0)
        if target.arc == origin.arc:
            ahead_ms = target.offset_ms - origin.offset_ms
            if ahead_ms >= 0:
                return target, ahead_ms / metre_ms, ahead_ms
            if -ahead_ms / metre_ms <= _BEHIND_M:
                return origin, 0.0, 0
        if target.arc not in ways:
            return target, None, 0
        begin_ms, begin_m = ways[target.arc]
        return target, begin_m + target.offset_ms / metre_ms, begin_ms + target.offset_ms

    def _cost(self, way_m: float | None, way_ms: int) -> int:
        """What speaks against having driven that way: detours, and more speed than there is."""
        if way_m is None:
            return _UNLIKELY
        detour_m = max(0.0, way_m - hypot(*self.moved) - 2 * _NOISE_M)
        hurry_s = max(0.0, way_ms / 1000 - 1.5 * self._elapsed_s - 5)
        cost = detour_m / (_DETOUR_M + 2 * self._elapsed_s) + hurry_s / 10
        return min(_UNLIKELY, round(_HUNDRED * cost))


def _ways_from(graph: RoadGraph, origin: Place, limit_ms: int) -> dict[int, tuple[int, float]]:
    """Arcs whose start is reached within a time: (milliseconds, metres) by arc."""
    share = 1 - origin.offset_ms / int(graph.arc_time_ms[origin.arc])
    rest_ms = int(graph.arc_time_ms[origin.arc]) - origin.offset_ms
    queue = [(rest_ms, share * float(graph.arc_length_m[origin.arc]), origin.arc)]
    left: set[int] = set()
    found: dict[int, tuple[int, float]] = {}
    while queue and len(found) < _ARCS_MAX:
        ends_ms, ends_m, arc = heapq.heappop(queue)
        if arc in left:
            continue
        left.add(arc)
        for turn in range(int(graph.turn_offset[arc]), int(graph.turn_offset[arc + 1])):
            onto = int(graph.turn_to[turn])
            begin_ms = ends_ms + int(graph.turn_time_ms[turn])
            if begin_ms > limit_ms or (onto in found and found[onto][0] <= begin_ms):
                continue
            found[onto] = (begin_ms, ends_m)
            length_m = float(graph.arc_length_m[onto])
            heapq.heappush(
                queue, (begin_ms + int(graph.arc_time_ms[onto]), ends_m + length_m, onto)
            )
    return found


def _distance_cost(candidate: Nearby, nearest_m: float) -> int:
    noise_m = _NOISE_M if nearest_m <= _OFF_ROAD_M else max(_NOISE_M, nearest_m / 2)
    return round(_HUNDRED * (candidate.distance_m**2 - nearest_m**2) / (2 * noise_m**2))


def _against(candidate: Nearby, moved: tuple[float, float]) -> int:
    """What speaks against a road that leads elsewhere than the vehicle has moved."""
    east, north = candidate.heading
    size = hypot(east, north) * hypot(*moved)
    if hypot(*moved) < _MOVED_M or size == 0:
        return 0
    cosine = (east * moved[0] + north * moved[1]) / size
    return round(_HEADING * (1 - cosine) / 2)


def _apart(a: Point, b: Point) -> tuple[float, float]:
    """Metres to the east and to the north from one point to another."""
    east_m, north_m = metres_per_degree((a.lat + b.lat) / 2)
    return (b.lon - a.lon) * east_m, (b.lat - a.lat) * north_m
