"""Closed roads: which arcs lines mean, what stays usable, and times against networkx."""

from collections.abc import Callable

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.roads.closures import RoadMatcher, stand_ins, unusable_arcs
from routing.roads.graph import Place, RoadGraph, metres_per_degree
from routing.roads.kernels import UNREACHABLE
from routing.roads.travel_times import TravelTimes

Town = Callable[..., RoadGraph]

# Two rows of three junctions; the upper street is a one-way pair of carriageways 12 m apart.
NODES = {
    "a": (0, 0),
    "b": (300, 0),
    "c": (600, 0),
    "d": (0, 300),
    "e": (300, 300),
    "f": (600, 300),
    "p": (0, 312),
    "q": (600, 312),
    "z": (900, 0),
}
WAYS = [
    ("abc", "highway=residential name=Lower_Street"),  # 101
    ("def", "highway=residential oneway=yes name=Upper_Street"),  # 102
    ("qp", "highway=residential oneway=yes name=Upper_Street"),  # 103
    ("fq", "highway=residential"),
    ("pd", "highway=residential"),
    ("ad", "highway=residential name=West_Street"),
    ("be", "highway=residential name=Middle_Street"),
    ("cf", "highway=residential name=East_Street"),
    ("cz", "highway=residential name=Dead_End"),
]


@pytest.fixture
def graph(town: Town) -> RoadGraph:
    return town(NODES, WAYS)


@pytest.fixture
def matcher(graph: RoadGraph) -> RoadMatcher:
    return RoadMatcher(graph)


def at(x: float, y: float) -> tuple[float, float]:
    per_lon, per_lat = metres_per_degree(51.75)
    return 8.0 + x / per_lon, 51.75 + y / per_lat


def named(graph: RoadGraph, name: str) -> frozenset[int]:
    return frozenset(a for a in range(graph.arcs) if graph.name_of(a) == name)


def heading(graph: RoadGraph, arc: int) -> tuple[float, float]:
    lon, lat = graph.arc_geometry(arc)
    return float(lon[-1] - lon[0]), float(lat[-1] - lat[0])


def test_a_line_closes_the_road_along_it_and_no_crossing_one(
    graph: RoadGraph, matcher: RoadMatcher
) -> None:
    found = matcher.along([[at(20, 6), at(580, -5)]])
    assert found.arcs == named(graph, "Lower Street")
    assert found.share > 0.99


def test_a_part_of_a_road_closes_it_up_to_the_next_junctions(
    graph: RoadGraph, matcher: RoadMatcher
) -> None:
    found = matcher.along([[at(100, 3), at(160, 3)]])
    assert found.arcs < named(graph, "Lower Street")
    ends = {int(graph.node_osm_id[graph.arc_from[a]]) for a in found.arcs}
    assert ends == {1, 2}, "between a and b"


def test_slips_of_the_hand_close_nothing_more(matcher: RoadMatcher) -> None:
    exact = matcher.along([[at(5, 0), at(295, 0)]]).arcs
    assert matcher.along([[at(5, 2), at(306, -2)]]).arcs == exact


@pytest.mark.parametrize(("direction", "sign"), [("forward", 1), ("backward", -1)])
def test_one_direction_goes_by_the_order_of_points(
    graph: RoadGraph, matcher: RoadMatcher, direction: str, sign: int
) -> None:
    found = matcher.along([[at(20, 2), at(280, 2)]], direction).arcs  # type: ignore[arg-type]
    assert len(found) == 1
    [arc] = found
    assert heading(graph, arc)[0] * sign > 0


def test_of_two_carriageways_the_nearest_is_meant(graph: RoadGraph, matcher: RoadMatcher) -> None:
    lower = matcher.along([[at(20, 299), at(580, 299)]]).arcs
    assert {heading(graph, a)[0] > 0 for a in lower} == {True}
    upper = matcher.along([[at(20, 313), at(580, 313)]]).arcs
    assert {heading(graph, a)[0] > 0 for a in upper} == {False}
    against = matcher.along([[at(20, 299), at(580, 299)]], "backward")
    assert against.arcs == frozenset(), "nobody may drive that way anyway"


def test_a_spot_closes_the_nearest_road(graph: RoadGraph, matcher: RoadMatcher) -> None:
    assert matcher.along([[at(303, 150)]]).arcs == named(graph, "Middle Street")
    assert matcher.along([[at(303, 150), at(303, 150)]]).arcs == named(graph, "Middle Street")


def test_far_from_any_road_nothing_is_closed(matcher: RoadMatcher) -> None:
    found = matcher.along([[at(50, 150), at(250, 150)]])
    assert (found.arcs, found.share) == (frozenset(), 0.0)


def test_streets_and_ways_by_name(graph: RoadGraph, matcher: RoadMatcher) -> None:
    upper = named(graph, "Upper Street")
    assert matcher.along(matcher.of_street("  upper STREET ")).arcs == upper
    one = frozenset(np.flatnonzero(graph.arc_way == 103).tolist())
    assert matcher.along(matcher.of_way(103)).arcs == one
    assert matcher.of_street("Nowhere") == matcher.of_street("") == matcher.of_way(999) == ()


def test_what_is_cut_off_cannot_be_used(graph: RoadGraph) -> None:
    dead_end = named(graph, "Dead End")
    lower = named(graph, "Lower Street")
    east = named(graph, "East Street")
    assert unusable_arcs(graph, ()) == frozenset()
    half = {a for a in lower if 3 in graph.node_osm_id[[graph.arc_from[a], graph.arc_to[a]]]}
    assert unusable_arcs(graph, half | east) == half | east | dead_end


def test_everything_left_is_mutually_reachable_by_networkx(heidelberg: RoadGraph) -> None:
    rng = np.random.default_rng(3)
    closed = rng.choice(heidelberg.arcs, 300, replace=False).tolist()
    unusable = unusable_arcs(heidelberg, closed)
    net = nx.DiGraph()
    for a in range(heidelberg.arcs):
        turns = heidelberg.turn_to[heidelberg.turn_offset[a] : heidelberg.turn_offset[a + 1]]
        net.add_edges_from((a, int(b)) for b in turns if not {a, int(b)} & set(closed))
    biggest = max(
        nx.strongly_connected_components(net),
        key=lambda arcs: float(heidelberg.arc_length_m[list(arcs)].sum()),
    )
    assert set(range(heidelberg.arcs)) - biggest == unusable


def test_stops_without_a_road_are_served_from_the_nearest_one() -> None:
    stops = [(Place(0, 5), 8.0, 51.75), (Place(1, 5), 8.001, 51.75), (Place(2, 5), 8.1, 51.75)]
    assert stand_ins(stops, frozenset({0})) == {0: 1}
    assert stand_ins(stops, frozenset({0, 1})) == {0: 2, 1: 2}
    assert stand_ins(stops, frozenset()) == {}
    assert stand_ins(stops, frozenset({0, 1, 2})) is None


@pytest.fixture(scope="module")
def open_roads(heidelberg: RoadGraph) -> TravelTimes:
    rng = np.random.default_rng(5)
    arcs = rng.choice(heidelberg.arcs, 25, replace=False)
    places = [Place(int(a), int(heidelberg.arc_time_ms[a]) // 2) for a in arcs]
    return TravelTimes(heidelberg, places)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), count=st.sampled_from([1, 2, 5, 12, 24, 25, 200]))
def test_times_around_closures_equal_a_search_from_scratch(
    open_roads: TravelTimes, seed: int, count: int
) -> None:
    graph = open_roads.graph
    rng = np.random.default_rng(seed)
    start = int(rng.integers(graph.arcs))  # neighbours, so that whole quarters are cut off
    near = np.argsort(np.abs(graph.geometry_lon[graph.geometry_offset[:-1]] - 8.0))
    closed = {start, *near[rng.integers(len(near)) :][:count].tolist()}
    unusable = unusable_arcs(graph, closed)
    spots = [(place, 8.0 + i, 51.0) for i, place in enumerate(open_roads.stops)]
    instead = stand_ins(spots, unusable)
    assert instead is not None
    shut = open_roads.avoiding(unusable, instead)
    places = [open_roads.stops[instead.get(i, i)] for i in range(len(spots))]
    anew = TravelTimes(graph, places, closed_arcs=unusable)
    assert np.array_equal(shut.to_stop_ms, anew.to_stop_ms)
    assert np.array_equal(shut.matrix_s, anew.matrix_s)
    assert (shut.to_stop_ms < UNREACHABLE).all(), "there is a way from everywhere to every stop"


def test_times_around_closures_equal_networkx(open_roads: TravelTimes) -> None:
    graph = open_roads.graph
    rng = np.random.default_rng(11)
    closed = frozenset(rng.choice(graph.arcs, 20, replace=False).tolist())
    unusable = unusable_arcs(graph, closed)
    instead = stand_ins([(p, float(i), 51.0) for i, p in enumerate(open_roads.stops)], unusable)
    assert instead is not None
    shut = open_roads.avoiding(unusable, instead)
    net = nx.DiGraph()
    for a in range(graph.arcs):
        for link in range(int(graph.turn_offset[a]), int(graph.turn_offset[a + 1])):
            b = int(graph.turn_to[link])
            if b not in unusable or a in unusable:
                cost = int(graph.turn_time_ms[link]) + int(graph.arc_time_ms[b])
                net.add_edge(a, b, ms=cost)
    for arc in [*rng.choice(graph.arcs, 6).tolist(), *sorted(closed)[:6]]:
        known = nx.single_source_dijkstra_path_length(net, arc, weight="ms")
        for s, place in enumerate(shut.stops):
            if place.arc == arc:
                continue
            beyond = int(graph.arc_time_ms[place.arc]) - place.offset_ms
            # by networkx to the end of the stop's arc, which no faster way leads round
            assert shut.to_stop_ms[s, arc] == known[place.arc] - beyond


def test_a_way_avoids_what_is_closed_once_it_is_out(open_roads: TravelTimes) -> None:
    graph = open_roads.graph
    lengths = [len(c) for c in (RoadMatcher(graph).of_street(n) for n in graph.names[:400])]
    street = RoadMatcher(graph).of_street(graph.names[int(np.argmax(lengths))])
    closed = RoadMatcher(graph).along(street).arcs
    unusable = unusable_arcs(graph, closed)
    instead = stand_ins([(p, float(i), 51.0) for i, p in enumerate(open_roads.stops)], unusable)
    assert instead is not None
    shut = open_roads.avoiding(unusable, instead)
    for arc in sorted(closed)[:8]:
        origin = Place(arc, int(graph.arc_time_ms[arc]) // 3)
        for stop in range(0, len(shut.stops), 6):
            way = shut.path(origin, stop)
            inside = [int(a) in unusable for a in way.arcs]
            assert inside == sorted(inside, reverse=True), "out, and never in again"
            assert way.time_ms == shut.times_from_ms(origin)[stop]
            half = shut.advance(origin, stop, way.time_ms // 2)
            assert shut.times_from_ms(half)[stop] <= way.time_ms - way.time_ms // 2
    for stop in range(len(shut.stops)):
        for other in range(0, len(shut.stops), 5):
            way = shut.path(shut.stops[stop], other)
            assert not {int(a) for a in way.arcs} & unusable
