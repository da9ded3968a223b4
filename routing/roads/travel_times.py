"""Exact driving times from every arc to every stop, with the ways they take.

Dijkstra on integer milliseconds over the turn graph, one run per stop, against the traffic; rounded
up to seconds once, at the very end, so that the triangle inequality holds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as FilePath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from routing.roads.errors import UnreachableError
from routing.roads.graph import Place, RoadGraph, segment_lengths_m
from routing.roads.kernels import UNREACHABLE, descend
from routing.roads.searches import Seeds, link_weights, repair, search, stop_seeds
from routing.roads.times_cache import cache_path, load_rows, remove_older, store_rows

__all__ = ["UNREACHABLE", "Path", "TravelTimes", "many_to_many_s"]


_REPAIRED_MAX: Final = 24
"""Closed arcs up to which bringing the times up to date is quicker than searching anew."""


@dataclass(frozen=True, eq=False)
class Path:
    """A way driven: its arcs in order, its shape from origin to stop, its length and time."""

    arcs: NDArray[np.int32]
    lons: NDArray[np.float64]
    lats: NDArray[np.float64]
    length_m: float
    time_ms: int


def check_place(graph: RoadGraph, place: Place) -> None:
    """Raises `ValueError` if a place is not on an arc of the graph."""
    if not 0 <= place.arc < graph.arcs:
        raise ValueError(f"the graph has no arc {place.arc}")
    if not 0 <= place.offset_ms <= graph.arc_time_ms[place.arc]:
        raise ValueError(f"{place} lies beyond the end of its arc")


def _ceil_s(time_ms: NDArray[np.int64]) -> NDArray[np.int32]:
    seconds = -(-time_ms // 1000)
    return np.where(time_ms >= UNREACHABLE, UNREACHABLE, seconds).astype(np.int32)


class TravelTimes:
    """Driving times between stops, and from anywhere to a stop, on one state of the road network.

    Attributes:
        graph: the road graph.
        stops: S places, in the order of all indices.
        closed_arcs: arcs that may not be entered from open ones; a vehicle on one may still leave,
            over other closed ones if need be.
        to_stop_ms: int32[S, A], driving ms from the END of arc a to stop s, `UNREACHABLE` if none.
        matrix_s: int32[S, S], whole seconds rounded up, 0 on the diagonal, `UNREACHABLE` if none.

    Raises:
        ValueError: a stop or a closed arc is not on the graph.
    """

    def __init__(
        self,
        graph: RoadGraph,
        stops: Sequence[Place],
        *,
        closed_arcs: frozenset[int] = frozenset(),
    ) -> None:
        self._prepare(graph, stops, closed_arcs)
        out = np.empty((len(self.stops), graph.arcs), np.int32)
        weight = link_weights(
            graph, graph.arc_time_ms, graph.reverse_turns.time_ms, self._closed_array
        )
        search(graph, weight, self._seeds(), out)
        self._finish(out)

    def _prepare(
        self, graph: RoadGraph, stops: Sequence[Place], closed_arcs: frozenset[int]
    ) -> None:
        for stop in stops:
            check_place(graph, stop)
        self.graph = graph
        self.stops = tuple(Place(int(arc), int(offset)) for arc, offset in stops)
        self.closed_arcs = frozenset(int(arc) for arc in closed_arcs)
        if any(not 0 <= arc < graph.arcs for arc in self.closed_arcs):
            raise ValueError("a closed arc is not an arc of the graph")
        self._closed_array = np.array(sorted(self.closed_arcs), np.int32)
        self._stop_arc = np.array([stop.arc for stop in self.stops], np.int32)
        self._stop_offset = np.array([stop.offset_ms for stop in self.stops], np.int32)
        self._open_arc_time = graph.arc_time_ms.copy()
        self._open_arc_time[self._closed_array] = UNREACHABLE
        self._lengths = np.full((len(self.stops), len(self.stops)), np.nan, np.float32)

    def _finish(self, to_stop_ms: NDArray[np.int32]) -> None:
        to_stop_ms.setflags(write=False)
        self.to_stop_ms = to_stop_ms
        rows = [self.times_from(stop) for stop in self.stops]
        self.matrix_s = np.array(rows, np.int32) if rows else np.empty((0, 0), np.int32)
        np.fill_diagonal(self.matrix_s, 0)
        self.matrix_s.setflags(write=False)

    def _seeds(self) -> Seeds:
        return stop_seeds(
            self.graph,
            self._stop_arc,
            self._stop_offset,
            self.graph.reverse_turns.time_ms,
            self._closed_array,
        )

    def _ahead(self, place: Place) -> NDArray[np.bool_]:
        """Per stop, whether it lies on the place's own arc at or after it."""
        same: NDArray[np.bool_] = (self._stop_arc == place.arc) & (
            self._stop_offset >= place.offset_ms
        )
        if place.arc in self.closed_arcs:
            same &= self._stop_offset == place.offset_ms
        return same

    def times_from_ms(self, place: Place) -> NDArray[np.int64]:
        """Driving ms from a place to every stop: int64[S], `UNREACHABLE` where there is no way."""
        left = int(self.graph.arc_time_ms[place.arc]) - place.offset_ms
        times = self.to_stop_ms[:, place.arc].astype(np.int64) + left
        times[times >= UNREACHABLE] = UNREACHABLE
        ahead = self._ahead(place)
        times[ahead] = self._stop_offset[ahead] - place.offset_ms
        return times

    def times_from(self, place: Place) -> NDArray[np.int32]:
        """Driving seconds, rounded up, from a place to every stop: int32[S].

        Args:
            place: anywhere on the graph.

        Raises:
            ValueError: the place is not on the graph.
        """
        check_place(self.graph, place)
        return _ceil_s(self.times_from_ms(place))

    def _way(self, origin: Place, stop: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Arcs from origin to stop, the first being the origin's, and the turn ms before each."""
        check_place(self.graph, origin)
        if self._ahead(origin)[stop]:
            return np.array([origin.arc], np.int32), np.zeros(1, np.int32)
        out, before = self._way_out(origin, stop)
        if len(out) > 1 and out[-1] == self._stop_arc[stop] and out[-1] in self.closed_arcs:
            return np.array(out, np.int32), np.array(before, np.int32)
        graph = self.graph
        arcs = np.empty(graph.arcs + 1, np.int32)
        turns = np.empty(graph.arcs + 1, np.int32)
        count = descend(
            graph.turn_offset,
            graph.turn_to,
            graph.turn_time_ms,
            self._open_arc_time,
            self.to_stop_ms[stop],
            out[-1],
            int(self._stop_arc[stop]),
            int(self._stop_offset[stop]),
            arcs,
            turns,
        )
        if count < 0:
            raise UnreachableError(f"no way leads from {origin} to stop {stop}")
        return (
            np.concatenate((np.array(out, np.int32), arcs[:count])),
            np.concatenate((np.array(before, np.int32), turns[:count])),
        )

    def _way_out(self, origin: Place, stop: int) -> tuple[list[int], list[int]]:
        """The origin's arc and, if it is closed, the arcs after it until the first open one.

        Ends at the stop's own arc if that is closed, too, and reached before. Beside the arcs, the
        turn ms before each.
        """
        graph, row = self.graph, self.to_stop_ms[stop]
        arcs, turns = [origin.arc], [0]
        while arcs[-1] in self.closed_arcs and row[arcs[-1]] < UNREACHABLE:
            arc = arcs[-1]
            links = range(int(graph.turn_offset[arc]), int(graph.turn_offset[arc + 1]))
            onto = {link: int(graph.turn_to[link]) for link in links}
            turn = {link: int(graph.turn_time_ms[link]) for link in links}
            at_goal = [
                link
                for link in links
                if onto[link] == self._stop_arc[stop]
                and turn[link] + self._stop_offset[stop] == row[arc]
            ]
            on = at_goal or [
                link
                for link in links
                if turn[link] + int(graph.arc_time_ms[onto[link]]) + int(row[onto[link]])
                == row[arc]
            ]
            arcs.append(onto[on[0]])
            turns.append(turn[on[0]])
            if at_goal:
                break
        return arcs, turns

    def path(self, origin: Place, stop: int) -> Path:
        """The fastest way from anywhere to a stop.

        Args:
            origin: where the vehicle is.
            stop: index of the stop.

        Returns:
            the way; its time is exactly what `times_from_ms` says.

        Raises:
            UnreachableError: there is no way.
            ValueError: the place is not on the graph.
        """
        arcs, _ = self._way(origin, stop)
        lons, lats = self._shape(arcs, origin, self.stops[stop])
        length = float(segment_lengths_m(lons, lats).sum()) if len(lons) > 1 else 0.0
        return Path(arcs, lons, lats, length, int(self.times_from_ms(origin)[stop]))

    def _shape(
        self, arcs: NDArray[np.int32], origin: Place, stop: Place
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        graph, first, last = self.graph, int(arcs[0]), int(arcs[-1])
        if len(arcs) == 1:
            parts = [arc_part(graph, first, origin.offset_ms, stop.offset_ms)]
        else:
            parts = [
                arc_part(graph, first, origin.offset_ms, int(graph.arc_time_ms[first])),
                graph.polyline(arcs[1:-1]),
                arc_part(graph, last, 0, stop.offset_ms),
            ]
        lons = np.concatenate([lon for lon, _ in parts])
        lats = np.concatenate([lat for _, lat in parts])
        moved = np.concatenate(([True], (np.diff(lons) != 0) | (np.diff(lats) != 0)))
        return lons[moved], lats[moved]

    def advance(self, origin: Place, stop: int, elapsed_ms: int) -> Place:
        """Where a vehicle bound for a stop is after so much driving.

        Args:
            origin: where it was.
            stop: index of the stop it drives to.
            elapsed_ms: driving time since, >= 0.

        Returns:
            a place on the fastest way; the stop's own once it is there. Time spent in a turn
            counts as already at the start of the next arc, so the rest of the way is never longer
            than what is left, and shorter by less than one turn.

        Raises:
            UnreachableError: there is no way.
            ValueError: negative time, or the place is not on the graph.
        """
        if elapsed_ms < 0:
            raise ValueError("a vehicle cannot drive for a negative time")
        arcs, turns = self._way(origin, stop)
        if elapsed_ms >= self.times_from_ms(origin)[stop]:
            return self.stops[stop]
        offset, left = origin.offset_ms, elapsed_ms
        for arc, turn in zip(arcs.tolist(), turns.tolist(), strict=True):
            left = max(0, left - turn)
            rest = int(self.graph.arc_time_ms[arc]) - offset
            if left < rest or (left == rest and arc == arcs[-1]):
                return Place(arc, offset + left)
            left -= rest
            if left == 0:
                return Place(arc, offset + rest)
            offset = 0
        return self.stops[stop]

    def path_length_m(self, i: int, j: int) -> float:
        """Length in metres of the fastest way between two stops.

        Raises:
            UnreachableError: there is no way.
        """
        known = self._lengths[i, j]
        if np.isnan(known):
            known = np.float32(0.0 if i == j else self._length_m(self.stops[i], j))
            self._lengths[i, j] = known
        return float(known)

    def _length_m(self, origin: Place, stop: int) -> float:
        arcs, _ = self._way(origin, stop)
        graph, goal = self.graph, self.stops[stop]
        lengths = graph.arc_length_m[arcs].astype(np.float64)
        first, last = graph.arc_time_ms[arcs[0]], graph.arc_time_ms[arcs[-1]]
        before = float(lengths[0]) * origin.offset_ms / int(first)
        after = float(lengths[-1]) * (1.0 - goal.offset_ms / int(last))
        return float(lengths.sum()) - before - after

    @cached_property
    def shortest_m(self) -> NDArray[np.float32]:
        """Shortest driving distances between stops, float32[S, S] metres, `inf` if no way.

        The shortest way is not the fastest: this is the yardstick for detours, not a route.
        """
        graph, stops = self.graph, len(self.stops)
        arc_cm = np.maximum(1, np.round(graph.arc_length_m * 100.0)).astype(np.int32)
        share = self._stop_offset / graph.arc_time_ms[self._stop_arc]
        stop_cm = np.round(arc_cm[self._stop_arc] * share).astype(np.int32)
        no_turns = np.zeros(len(graph.turn_to), np.int32)
        weight = link_weights(graph, arc_cm, no_turns, self._closed_array)
        seeds = stop_seeds(graph, self._stop_arc, stop_cm, no_turns, self._closed_array)
        result = np.full((stops, stops), np.inf, np.float32)
        scratch = np.empty((stops, graph.arcs), np.int32)
        search(graph, weight, seeds, scratch)
        left = (arc_cm[self._stop_arc] - stop_cm).astype(np.int64)
        total = scratch[:, self._stop_arc].T.astype(np.int64) + left[:, None]
        reachable = total < UNREACHABLE
        result[reachable] = total[reachable] / 100.0
        for i, stop in enumerate(self.stops):
            ahead = self._ahead(stop)
            result[i, ahead] = (stop_cm[ahead] - stop_cm[i]) / 100.0
        np.fill_diagonal(result, 0.0)
        return result

    def with_closures(self, closed: Iterable[int]) -> "TravelTimes":
        """The same stops with exactly these arcs closed (not in addition to earlier ones).

        Computed anew, in small chunks without the GIL: 0.2 s of background work for a town.

        Args:
            closed: arcs that may not be entered.

        Returns:
            a new object; this one stays valid.
        """
        return TravelTimes(self.graph, self.stops, closed_arcs=frozenset(closed))

    def avoiding(self, closed: frozenset[int], stand_ins: Mapping[int, int]) -> "TravelTimes":
        """The times with arcs closed, worked out from those of the open roads.

        What a few closed arcs do not change is copied; with many of them, all is searched anew.

        Args:
            closed: arcs that may not be entered.
            stand_ins: stops that cannot be used, each with the index of one that can; vehicles
                bound for the first are driven to the place of the second.

        Returns:
            the same as `TravelTimes(graph, places, closed_arcs=closed)` with these places.

        Raises:
            ValueError: a closed arc does not exist.
        """
        places = [self.stops[stand_ins.get(i, i)] for i in range(len(self.stops))]
        if self.closed_arcs or len(closed) > _REPAIRED_MAX:
            return TravelTimes(self.graph, places, closed_arcs=closed)
        times = object.__new__(TravelTimes)
        times._prepare(self.graph, places, closed)
        rows = np.array(self.to_stop_ms, np.int32)
        repair(self.graph, rows, times._stop_arc, times._stop_offset, closed, stand_ins)
        for stop, other in stand_ins.items():
            rows[stop] = rows[other]
        times._finish(rows)
        return times

    @classmethod
    def cached(
        cls,
        graph: RoadGraph,
        stops: Sequence[Place],
        folder: FilePath,
        progress: Callable[[str], None] = lambda _: None,
    ) -> "TravelTimes":
        """Travel times without closures, from a file beside the graph if they were kept there.

        Args:
            graph: the road graph.
            stops: S places.
            folder: where the file is, or will be put, `S * A * 4` bytes large; files of earlier
                states of the same graph are removed.
            progress: told if they have to be computed.

        Returns:
            the same as `TravelTimes(graph, stops)`; `to_stop_ms` is memory-mapped.
        """
        path = cache_path(folder, graph, stops)
        kept = load_rows(path, (len(stops), graph.arcs))
        if kept is None:
            progress(f"computing the travel times of {len(stops)} stops")
            times = cls(graph, stops)
            store_rows(path, times.to_stop_ms)
            remove_older(path, graph)
            return times
        times = object.__new__(cls)
        times._prepare(graph, stops, frozenset())
        times._finish(kept)
        return times


def arc_part(
    graph: RoadGraph, arc: int, begin_ms: int, end_ms: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The polyline of an arc between two offsets, in degrees."""
    lon, lat = graph.arc_geometry(arc)
    total = int(graph.arc_time_ms[arc])
    if begin_ms <= 0 and end_ms >= total:
        return lon, lat
    along = np.concatenate(([0.0], np.cumsum(segment_lengths_m(lon, lat))))
    ends = np.array([begin_ms, end_ms]) / total * along[-1]
    inner = (along > ends[0]) & (along < ends[1])
    at = np.concatenate((ends[:1], along[inner], ends[1:]))
    return np.interp(at, along, lon), np.interp(at, along, lat)


def many_to_many_s(
    graph: RoadGraph, origins: Sequence[Place], destinations: Sequence[Place]
) -> NDArray[np.int32]:
    """Driving seconds, rounded up, between any places: int32[O, D].

    Args:
        graph: the road graph.
        origins: O places.
        destinations: D places; the cost is one search for each different one.

    Returns:
        seconds, `UNREACHABLE` where there is no way.

    Raises:
        ValueError: a place is not on the graph.
    """
    different = list(dict.fromkeys(destinations))
    times = TravelTimes(graph, different)
    column = [different.index(place) for place in destinations]
    rows = [times.times_from(origin)[column] for origin in origins]
    return np.array(rows, np.int32).reshape(len(origins), len(destinations))
