"""Points brought to roads: nearest edge, right side, heading; walks to stops."""

from collections.abc import Callable

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.roads.errors import OutsideNetworkError
from routing.roads.graph import Place, RoadGraph, metres_per_degree, position_of
from routing.roads.snapping import Snapper
from routing.roads.walking import WalkNetwork

Town = Callable[..., RoadGraph]

STREET = {"a": (0, 0), "b": (1000, 0), "c": (0, 400), "d": (1000, 400), "e": (500, 200)}
STREET |= {"f": (-200, 0), "g": (1200, 0)}  # dead ends, where a bus can turn round
STREET_WAYS = [
    ("ab", "highway=residential name=Unten"),
    ("ac", "highway=residential"),
    ("bd", "highway=residential"),
    ("cd", "highway=residential oneway=yes name=Oben"),
    ("af", "highway=residential"),
    ("bg", "highway=residential"),
]


def lonlat(x: float, y: float) -> tuple[float, float]:
    per_lon, per_lat = metres_per_degree(51.75)
    return 8.0 + x / per_lon, 51.75 + y / per_lat


def heading_east(graph: RoadGraph, arc: int) -> bool:
    lon, _ = graph.arc_geometry(arc)
    return bool(lon[-1] > lon[0])


@pytest.fixture
def street(town: Town) -> RoadGraph:
    return town(STREET, STREET_WAYS)


def test_a_point_goes_to_the_middle_of_an_edge_not_to_a_node(street: RoadGraph) -> None:
    snapped = Snapper(street).snap(*lonlat(500, -20))
    assert snapped.distance_m == pytest.approx(20.0, rel=0.01)
    assert (snapped.lon, snapped.lat) == pytest.approx(lonlat(500, 0), abs=1e-6)
    assert position_of(street, snapped.place) == pytest.approx(lonlat(500, 0), abs=1e-5)


def test_the_side_of_the_road_decides_the_direction(street: RoadGraph) -> None:
    snapper = Snapper(street)
    south, north = snapper.snap(*lonlat(400, -10)), snapper.snap(*lonlat(400, 10))
    assert heading_east(street, south.place.arc), "south of the road is the right of eastbound"
    assert not heading_east(street, north.place.arc)
    assert street.arc_twin[south.place.arc] == north.place.arc


def test_both_sides_are_offered_kerb_side_first(street: RoadGraph) -> None:
    first, second = Snapper(street).snap_side(*lonlat(400, -10))
    assert heading_east(street, first.place.arc)
    assert not heading_east(street, second.place.arc)
    total = int(street.arc_time_ms[first.place.arc])
    assert first.place.offset_ms + second.place.offset_ms == pytest.approx(total, abs=1)


def test_a_oneway_street_has_one_direction_from_either_side(street: RoadGraph) -> None:
    snapper = Snapper(street)
    for y in (390, 410):
        (only,) = snapper.snap_side(*lonlat(500, y))
        assert heading_east(street, only.place.arc)


def test_outside_the_network(street: RoadGraph) -> None:
    snapper = Snapper(street)
    with pytest.raises(OutsideNetworkError) as caught:
        snapper.snap(*lonlat(500, -600))
    assert caught.value.code == "outside_network"
    assert snapper.snap(*lonlat(500, -600), max_m=700).distance_m == pytest.approx(600, rel=0.01)
    with pytest.raises(OutsideNetworkError):
        snapper.snap_side(0.0, 0.0)


def test_a_heading_tells_directions_and_neighbouring_roads_apart(street: RoadGraph) -> None:
    snapper = Snapper(street)
    east = snapper.snap(*lonlat(500, 5), heading_deg=90.0)
    west = snapper.snap(*lonlat(500, -5), heading_deg=270.0)
    assert heading_east(street, east.place.arc)
    assert not heading_east(street, west.place.arc)
    with pytest.raises(OutsideNetworkError):
        snapper.snap(*lonlat(500, -600), heading_deg=90.0)


def test_snapping_to_some_arcs_only(street: RoadGraph) -> None:
    allowed = np.array([street.name_of(a) == "Oben" for a in range(street.arcs)])
    snapped = Snapper(street, arcs=allowed).snap(*lonlat(500, 10))
    assert street.name_of(snapped.place.arc) == "Oben"
    with pytest.raises(ValueError, match="no arc"):
        Snapper(street, arcs=np.zeros(street.arcs, bool))


def test_places_on_the_graph_snap_to_themselves(heidelberg: RoadGraph) -> None:
    snapper = Snapper(heidelberg)
    rng = np.random.default_rng(3)
    for arc in rng.integers(0, heidelberg.arcs, 200).tolist():
        lon, lat = position_of(heidelberg, Place(arc, int(heidelberg.arc_time_ms[arc]) // 2))
        snapped = snapper.snap(lon, lat)
        assert snapped.distance_m < 0.05
        assert position_of(heidelberg, snapped.place) == pytest.approx((lon, lat), abs=3e-6)


def test_a_point_at_a_junction_snaps_the_same_way_each_time(heidelberg: RoadGraph) -> None:
    snapper = Snapper(heidelberg)
    lon, lat = float(heidelberg.node_lon[100]), float(heidelberg.node_lat[100])
    assert len({snapper.snap(lon, lat).place for _ in range(5)}) == 1


def test_walking_distance_along_the_network(town: Town) -> None:
    graph = town(STREET, [*STREET_WAYS, ("aed", "highway=footway")])
    stops = [lonlat(500, 200), lonlat(1000, 390), lonlat(0, -3), lonlat(5000, 5000)]
    walks = WalkNetwork(graph, stops)
    found = dict(walks.to_stops(*lonlat(0, 0), 3000.0))
    assert found[0] == pytest.approx(538.5, rel=0.01), "half the diagonal path"
    assert found[1] == pytest.approx(1087.0, rel=0.01)
    assert found[2] == pytest.approx(3.0, abs=0.2)
    assert 3 not in found, "no way to walk near it"
    assert [stop for stop, _ in walks.to_stops(*lonlat(0, 0), 600.0)] == [2, 0]
    assert walks.to_stops(*lonlat(0, -450), 100.0) == []
    assert walks.to_stops(*lonlat(9000, 9000), 300.0) == []


def test_two_points_on_one_edge(town: Town) -> None:
    graph = town(STREET, STREET_WAYS)
    walks = WalkNetwork(graph, [lonlat(700, 0), lonlat(300, 0)])
    assert walks.to_stops(*lonlat(400, 0), 500.0) == [
        (1, pytest.approx(100.0, rel=0.01)),
        (0, pytest.approx(300.0, rel=0.01)),
    ]


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_walks_equal_networkx(walked: tuple[RoadGraph, nx.Graph, WalkNetwork], seed: int) -> None:
    graph, net, walks = walked
    start = int(np.random.default_rng(seed).integers(len(graph.walk_lon)))
    expected = nx.single_source_dijkstra_path_length(net, start, cutoff=600.0, weight="m")
    lon, lat = float(graph.walk_lon[start]), float(graph.walk_lat[start])
    found = dict(walks.to_stops(lon, lat, 600.0))
    for stop, node in enumerate(range(0, len(graph.walk_lon), 50)):
        if node in expected and expected[node] < 595.0:
            assert found[stop] <= expected[node] * 1.01 + 0.5
        elif stop in found:
            assert found[stop] > 590.0


@pytest.fixture(scope="module")
def walked(heidelberg: RoadGraph) -> tuple[RoadGraph, nx.Graph, WalkNetwork]:
    net = nx.Graph()
    edges = zip(
        heidelberg.walk_from.tolist(),
        heidelberg.walk_to.tolist(),
        heidelberg.walk_length_m.tolist(),
        strict=True,
    )
    for u, v, metres in edges:
        if not net.has_edge(u, v) or net[u][v]["m"] > metres:
            net.add_edge(u, v, m=metres)
    points = [
        (float(heidelberg.walk_lon[n]), float(heidelberg.walk_lat[n]))
        for n in range(0, len(heidelberg.walk_lon), 50)
    ]
    return heidelberg, net, WalkNetwork(heidelberg, points)
