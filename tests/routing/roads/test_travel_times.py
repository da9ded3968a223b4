"""Travel times against networkx, the triangle inequality, ways, movement, closures, the cache."""

from collections.abc import Callable, Container
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.roads.errors import UnreachableError
from routing.roads.graph import Place, RoadGraph, position_of
from routing.roads.times_cache import cache_path
from routing.roads.travel_times import UNREACHABLE, TravelTimes, arc_part, many_to_many_s

Town = Callable[..., RoadGraph]

GRID = {
    "a": (0, 0),
    "b": (300, 0),
    "c": (600, 0),
    "d": (0, 300),
    "e": (300, 300),
    "f": (600, 300),
}
GRID_WAYS = [
    ("ab", "highway=residential"),
    ("bc", "highway=residential"),
    ("de", "highway=residential oneway=yes"),
    ("ef", "highway=residential oneway=yes"),
    ("ad", "highway=residential"),
    ("be", "highway=residential"),
    ("cf", "highway=residential"),
]


def random_places(graph: RoadGraph, count: int, seed: int) -> list[Place]:
    rng = np.random.default_rng(seed)
    arcs = rng.integers(0, graph.arcs, count)
    return [Place(int(a), int(rng.integers(0, graph.arc_time_ms[a] + 1))) for a in arcs]


def networkx_ms(
    graph: RoadGraph, origins: list[Place], stops: list[Place], closed: Container[int] = ()
) -> np.ndarray:
    """Times by networkx on a graph of arcs, with a sink per stop; built from the raw arrays."""
    net = nx.DiGraph()
    for a in range(graph.arcs):
        for link in range(int(graph.turn_offset[a]), int(graph.turn_offset[a + 1])):
            b, turn = int(graph.turn_to[link]), int(graph.turn_time_ms[link])
            if b in closed:
                continue
            net.add_edge(a, b, ms=turn + int(graph.arc_time_ms[b]))
            for s, stop in enumerate(stops):
                if stop.arc == b:
                    net.add_edge(a, ("stop", s), ms=turn + stop.offset_ms)
    result = np.empty((len(origins), len(stops)), np.int64)
    for o, origin in enumerate(origins):
        known = nx.single_source_dijkstra_path_length(net, origin.arc, weight="ms")
        rest = int(graph.arc_time_ms[origin.arc]) - origin.offset_ms
        for s, stop in enumerate(stops):
            result[o, s] = min(rest + known.get(("stop", s), UNREACHABLE), UNREACHABLE)
            if stop.arc == origin.arc and stop.offset_ms >= origin.offset_ms:
                result[o, s] = stop.offset_ms - origin.offset_ms
    return result


@pytest.fixture(scope="module")
def stops(heidelberg: RoadGraph) -> list[Place]:
    return random_places(heidelberg, 40, seed=7)


@pytest.fixture(scope="module")
def times(heidelberg: RoadGraph, stops: list[Place]) -> TravelTimes:
    return TravelTimes(heidelberg, stops)


def test_a_thousand_random_pairs_equal_networkx(
    heidelberg: RoadGraph, stops: list[Place], times: TravelTimes
) -> None:
    origins = random_places(heidelberg, 25, seed=8)
    expected = networkx_ms(heidelberg, origins, stops)
    assert expected.size == 1000
    found = np.array([times.times_from_ms(origin) for origin in origins])
    assert np.array_equal(found, expected)
    assert np.array_equal(many_to_many_s(heidelberg, origins, stops), -(-expected // 1000))


def test_the_matrix_is_what_times_from_says(stops: list[Place], times: TravelTimes) -> None:
    for i, stop in enumerate(stops):
        row = times.times_from(stop).copy()
        row[i] = 0
        assert np.array_equal(times.matrix_s[i], row)


def test_triangle_inequality_holds_after_rounding(times: TravelTimes) -> None:
    d = times.matrix_s.astype(np.int64)
    assert (d < UNREACHABLE).all()
    for k in range(len(d)):
        assert (d <= d[:, [k]] + d[[k], :]).all()
    m = times.shortest_m
    for k in range(len(m)):
        assert (m <= m[:, [k]] + m[[k], :] + 0.05).all()


def test_a_path_takes_exactly_the_time_of_its_arcs_and_turns(
    heidelberg: RoadGraph, times: TravelTimes, stops: list[Place]
) -> None:
    for number, origin in enumerate(random_places(heidelberg, 40, seed=9)):
        stop = number % len(stops)
        way = times.path(origin, stop)
        assert way.time_ms == times.times_from_ms(origin)[stop]
        spent = -origin.offset_ms
        for a, b in zip(way.arcs[:-1], way.arcs[1:], strict=True):
            row = slice(heidelberg.turn_offset[a], heidelberg.turn_offset[a + 1])
            (turn,) = heidelberg.turn_time_ms[row][heidelberg.turn_to[row] == b]
            spent += int(heidelberg.arc_time_ms[a]) + int(turn)
        assert spent + stops[stop].offset_ms == way.time_ms
        assert (way.lons[0], way.lats[0]) == pytest.approx(position_of(heidelberg, origin))
        goal = position_of(heidelberg, stops[stop])
        assert (way.lons[-1], way.lats[-1]) == pytest.approx(goal)


def test_shortest_is_never_longer_than_fastest(times: TravelTimes, stops: list[Place]) -> None:
    for i in range(0, len(stops), 5):
        for j in range(len(stops)):
            length = times.path_length_m(i, j)
            assert times.shortest_m[i, j] <= length + 1.0
            if i != j:
                assert times.path(stops[i], j).length_m == pytest.approx(length, rel=2e-3, abs=1.0)


def test_advancing_in_one_go_or_in_steps(
    heidelberg: RoadGraph, times: TravelTimes, stops: list[Place]
) -> None:
    for number, origin in enumerate(random_places(heidelberg, 30, seed=10)):
        stop = number % len(stops)
        total = int(times.times_from_ms(origin)[stop])
        assert times.advance(origin, stop, 0) == origin
        assert times.advance(origin, stop, total) == stops[stop]
        assert times.advance(origin, stop, total + 60_000) == stops[stop]
        for elapsed in range(0, total, max(1, total // 7)):
            place = times.advance(origin, stop, elapsed)
            left = int(times.times_from_ms(place)[stop])
            assert left <= total - elapsed
            assert left > total - elapsed - 28_000, "at most one turn ahead"
    origin, stop = stops[0], 1
    place, steps = origin, 0
    while place != stops[stop]:
        place = times.advance(place, stop, 1000)
        steps += 1
        assert steps <= times.matrix_s[0, 1] + 1, "small steps do not get stuck in a turn"


def test_same_arc_ahead_and_behind(town: Town) -> None:
    graph = town(GRID, GRID_WAYS)
    early, late = Place(0, 5_000), Place(0, 20_000)
    times = TravelTimes(graph, [early, late])
    assert times.matrix_s[0, 1] == 15
    assert times.matrix_s[1, 0] > 15, "back round the block or by a U-turn"
    assert times.matrix_s.diagonal().tolist() == [0, 0]
    assert times.path(early, 1).arcs.tolist() == [0]
    assert times.path(late, 0).arcs[0] == 0
    assert len(times.path(late, 0).arcs) > 2


def test_a_path_of_no_length_has_one_point(town: Town) -> None:
    graph = town(GRID, GRID_WAYS)
    way = TravelTimes(graph, [Place(0, 5_000)]).path(Place(0, 5_000), 0)
    assert (way.time_ms, way.length_m, len(way.lons)) == (0, 0.0, 1)


def test_bad_places_are_refused(town: Town) -> None:
    graph = town(GRID, GRID_WAYS)
    for place in (Place(-1, 0), Place(graph.arcs, 0), Place(0, -1), Place(0, 10**9)):
        with pytest.raises(ValueError, match="arc"):
            TravelTimes(graph, [place])
        with pytest.raises(ValueError, match="arc"):
            TravelTimes(graph, [Place(0, 0)]).times_from(place)
    with pytest.raises(ValueError, match="negative"):
        TravelTimes(graph, [Place(0, 0)]).advance(Place(1, 0), 0, -1)


@pytest.mark.parametrize("arc", [-1, 10**6])
def test_closed_arcs_must_exist(town: Town, arc: int) -> None:
    with pytest.raises(ValueError, match="closed arc"):
        TravelTimes(town(GRID, GRID_WAYS), [Place(0, 0)]).with_closures([arc])


def test_no_stops_at_all(town: Town) -> None:
    graph = town(GRID, GRID_WAYS)
    times = TravelTimes(graph, [])
    assert times.matrix_s.shape == (0, 0)
    assert times.times_from(Place(0, 0)).shape == (0,)
    assert many_to_many_s(graph, [], [Place(0, 0)]).shape == (0, 1)


def test_a_closed_dead_end_cannot_be_reached_but_be_left(town: Town) -> None:
    nodes = GRID | {"g": (900, 0)}
    graph = town(nodes, [*GRID_WAYS, ("cg", "highway=residential")])
    into = next(
        a
        for a in range(graph.arcs)
        if graph.arc_length_m[a] > 0 and graph.node_osm_id[graph.arc_to[a]] == 7
    )
    out = int(graph.arc_twin[into])
    times = TravelTimes(graph, [Place(0, 0), Place(into, 1000), Place(out, 1000)])
    shut = times.with_closures([into])
    assert shut.matrix_s[0, 1] == UNREACHABLE
    assert shut.matrix_s[0, 2] == UNREACHABLE, "the only way to turn round there is closed"
    assert shut.matrix_s[2, 0] == times.matrix_s[2, 0]
    assert shut.matrix_s[1, 0] == times.matrix_s[1, 0], "what stands there may leave"
    assert np.isinf(shut.shortest_m[0, 1])
    with pytest.raises(UnreachableError):
        shut.path(Place(0, 0), 1)
    assert shut.with_closures([]).matrix_s.tolist() == times.matrix_s.tolist()


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), count=st.sampled_from([1, 3, 20, 60, 100]))
def test_closures_hold_for_paths_and_can_be_lifted(
    times: TravelTimes, seed: int, count: int
) -> None:
    rng = np.random.default_rng(seed)
    graph = times.graph
    closed = rng.choice(graph.arcs, count, replace=False).tolist()
    shut = times.with_closures(closed)
    assert (shut.matrix_s >= times.matrix_s).all()
    assert np.array_equal(shut.with_closures([]).matrix_s, times.matrix_s)
    reachable = shut.matrix_s[0] < UNREACHABLE
    for stop in np.flatnonzero(reachable)[:5].tolist():
        driven = shut.path(times.stops[0], stop).arcs[1:]
        assert not set(driven.tolist()) & set(closed)


def test_times_with_closures_equal_networkx(
    heidelberg: RoadGraph, times: TravelTimes, stops: list[Place]
) -> None:
    rng = np.random.default_rng(12)
    closed = set(rng.choice(heidelberg.arcs, 2000, replace=False).tolist())
    origins = random_places(heidelberg, 3, seed=13)
    expected = networkx_ms(heidelberg, origins, stops, closed)
    found = np.array([times.with_closures(closed).times_from_ms(o) for o in origins])
    assert np.array_equal(found, expected)
    assert (found == UNREACHABLE).any()
    assert (found < UNREACHABLE).any()


def test_the_cache_gives_the_same_and_belongs_to_one_graph_and_list(
    heidelberg: RoadGraph, stops: list[Place], tmp_path: Path
) -> None:
    said: list[str] = []
    first = TravelTimes.cached(heidelberg, stops[:5], tmp_path, said.append)
    second = TravelTimes.cached(heidelberg, stops[:5], tmp_path, said.append)
    assert len(said) == 1, "computed once"
    assert np.array_equal(first.to_stop_ms, second.to_stop_ms)
    assert np.array_equal(first.matrix_s, second.matrix_s)
    assert np.array_equal(second.with_closures([3]).matrix_s, first.with_closures([3]).matrix_s)
    TravelTimes.cached(heidelberg, stops[:6], tmp_path, said.append)
    assert len(said) == 2
    assert len(list(tmp_path.iterdir())) == 1, "only the latest is kept"


@pytest.mark.parametrize("damage", [b"", b"junk", None])
def test_a_damaged_cache_is_computed_anew(
    heidelberg: RoadGraph, stops: list[Place], tmp_path: Path, damage: bytes | None
) -> None:
    good = TravelTimes.cached(heidelberg, stops[:3], tmp_path).matrix_s
    path = cache_path(tmp_path, heidelberg, stops[:3])
    path.write_bytes(path.read_bytes()[:-100] if damage is None else damage)
    said: list[str] = []
    again = TravelTimes.cached(heidelberg, stops[:3], tmp_path, said.append)
    assert np.array_equal(again.matrix_s, good)
    assert said


def test_part_of_an_arc(heidelberg: RoadGraph) -> None:
    arc = int(np.argmax(heidelberg.arc_length_m))
    time = int(heidelberg.arc_time_ms[arc])
    lon, lat = arc_part(heidelberg, arc, time // 4, time // 2)
    assert (lon[0], lat[0]) == pytest.approx(position_of(heidelberg, Place(arc, time // 4)))
    assert (lon[-1], lat[-1]) == pytest.approx(position_of(heidelberg, Place(arc, time // 2)))
    whole, _ = arc_part(heidelberg, arc, 0, time)
    assert len(whole) == len(heidelberg.arc_geometry(arc)[0])
