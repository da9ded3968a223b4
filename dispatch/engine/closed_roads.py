"""The network without what is closed: a pure function of the open roads and the closures.

Computed once for each set of closed arcs and remembered; all processes that know the same closures
get the same network. Indices of stops stay as they are.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING

from dispatch.domain.closures import Closure, Direction, Line, roads_closed
from dispatch.domain.model import Shift
from routing.roads.closures import Matched, RoadMatcher, stand_ins, unusable_arcs

if TYPE_CHECKING:
    from dispatch.engine.network import Network

_REMEMBERED_BYTES = 512 * 1024 * 1024
_MATCHED_MAX = 10_000
_REMEMBERED_MIN = 10
"""So many networks are kept whatever they weigh: today's, with and without what comes and goes."""


class ClosedRoads:
    """Derives networks from the one with all roads open.

    May be used by several threads: while one of them computes a network, the others wait only for
    what is not there yet.
    """

    def __init__(self, base: "Network") -> None:
        self._base = base
        self._lock = RLock()
        self._computing = RLock()
        self._matcher: RoadMatcher | None = None
        self._matched: dict[tuple[tuple[Line, ...], Direction], Matched] = {}
        self._networks: OrderedDict[frozenset[int], Network] = OrderedDict()
        self._closures: Mapping[str, Closure] = {}
        self._by_span: dict[tuple[int, int], Network] = {}

    @property
    def matcher(self) -> RoadMatcher:
        """Finds roads by lines, names and OSM ways."""
        with self._computing:
            if self._matcher is None:
                self._matcher = RoadMatcher(self._base.graph)
            return self._matcher

    def matched(self, closure: Closure) -> Matched:
        """The arcs of this graph that a closure closes."""
        key = (closure.lines, closure.direction)
        with self._lock:
            known = self._matched.get(key)
        if known is None:
            with self._computing:
                known = self.matcher.along(closure.lines, closure.direction.value)
            with self._lock:
                if len(self._matched) >= _MATCHED_MAX:
                    self._matched.clear()
                self._matched[key] = known
        return known

    def network(self, closures: Mapping[str, Closure], from_s: int, to_s: int) -> "Network":
        """The roads for plans within a span of time."""
        with self._lock:
            if closures is not self._closures:
                self._closures, self._by_span = closures, {}
            known = self._by_span.get((from_s, to_s))
        if known is None:
            known = self.without(roads_closed(closures, from_s, to_s))
            with self._lock:
                if closures is self._closures:
                    self._by_span[from_s, to_s] = known
        return known

    def without(self, closures: Iterable[Closure]) -> "Network":
        """The roads without those that are closed.

        Closures that would leave no stop usable are ignored: they are refused when they are made,
        so this can only happen on other roads than those they were made for.
        """
        closed = self._arcs(closures)
        if not closed:
            return self._base
        found = self._known(closed)
        if found is not None:
            return found
        with self._computing:
            found = self._known(closed) or self.derived(closed) or self._base
        with self._lock:
            self._networks[closed] = found
            self._forget()
        return found

    def _known(self, closed: frozenset[int]) -> "Network | None":
        with self._lock:
            if closed in self._networks:
                self._networks.move_to_end(closed)
            return self._networks.get(closed)

    def leaves_stops(self, closures: Iterable[Closure]) -> bool:
        """Whether riders could still be served with all of these closed at once."""
        return self._usable(self._arcs(closures)) is not None

    def _arcs(self, closures: Iterable[Closure]) -> frozenset[int]:
        return frozenset[int]().union(*(self.matched(c).arcs for c in closures))

    def _usable(self, closed: frozenset[int]) -> tuple[frozenset[int], dict[int, int]] | None:
        """The arcs that cannot be used, and stand-ins of stops; None if no stop would be left."""
        base = self._base
        unusable = unusable_arcs(base.graph, closed | base.travel.closed_arcs)
        instead = stand_ins([(s.place, s.lon, s.lat) for s in base.stops], unusable)
        bookable = {i for i, stop in enumerate(base.stops) if stop.bookable}
        if instead is None or bookable <= instead.keys():
            return None
        return unusable, instead

    def derived(self, closed: frozenset[int]) -> "Network | None":
        """The network without some arcs; None if no stop could be used."""
        base, usable = self._base, self._usable(closed)
        if usable is None:
            return None
        unusable, instead = usable
        stops = tuple(
            replace(stop, place=base.stops[instead[i]].place, bookable=False)
            if i in instead
            else stop
            for i, stop in enumerate(base.stops)
        )
        travel = base.travel.avoiding(unusable, instead)
        cut_off = frozenset(base.stops[i].id for i in instead)
        return replace(base, stops=stops, travel=travel, base=base, cut_off=cut_off)

    def _forget(self) -> None:
        table = self._base.travel.to_stop_ms.nbytes
        room = max(_REMEMBERED_MIN, _REMEMBERED_BYTES // max(1, table))
        while len(self._networks) > room:
            self._networks.popitem(last=False)
            self._by_span = {}


def by_roads(
    network: "Network", closures: Mapping[str, Closure], shifts: Iterable[Shift]
) -> list[tuple["Network", list[Shift]]]:
    """Shifts grouped by the roads they drive on; one problem can have one set of roads only."""
    groups: list[tuple[Network, list[Shift]]] = []
    for shift in shifts:
        roads = network.for_shift(shift, closures)
        same = next((members for known, members in groups if known is roads), None)
        if same is None:
            groups.append((roads, [shift]))
        else:
            same.append(shift)
    return groups


def common_roads(
    network: "Network", closures: Mapping[str, Closure], shifts: Sequence[Shift]
) -> "Network":
    """The roads that all of these shifts drive on; without shifts, the open ones.

    Raises:
        ValueError: they differ, so that there is no common problem.
    """
    groups = by_roads(network, closures, shifts)
    if len(groups) > 1:
        raise ValueError("these shifts drive on different roads")
    return groups[0][0] if groups else network
