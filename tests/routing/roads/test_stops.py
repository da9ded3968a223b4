"""Stops: everybody has one within a walk, it has a name, and a shuttle may halt there."""

import json
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from routing.roads.errors import OutsideNetworkError
from routing.roads.graph import ArcFlag, Place, RoadGraph, position_of, segment_lengths_m
from routing.roads.importing import import_extract
from routing.roads.landmarks import Landmarks, read_landmarks
from routing.roads.schematic import write_schematic_beckum
from routing.roads.stops import (
    DepotSpec,
    InvalidStopsError,
    Stop,
    StopOptions,
    coverage,
    load_or_generate_stops,
    load_stops,
)
from routing.roads.tags import HIGHWAYS

CURATED = Path(__file__).parents[3] / "data/beckum/stops.geojson"
DEPOT = DepotSpec("depot", "Betriebshof", 8.037737, 51.774639)
NO_STOPS_ON = {"motorway", "motorway_link", "trunk", "trunk_link"}


@pytest.fixture(scope="module")
def beckum(tmp_path_factory: pytest.TempPathFactory) -> tuple[RoadGraph, Landmarks]:
    folder = tmp_path_factory.mktemp("stops")
    path = folder / "beckum.osm"
    write_schematic_beckum(path)
    return import_extract(path, var=folder), read_landmarks(path)


@pytest.fixture(scope="module")
def stops(beckum: tuple[RoadGraph, Landmarks]) -> tuple[Stop, ...]:
    graph, landmarks = beckum
    return load_or_generate_stops(graph, curated=CURATED, depots=[DEPOT], landmarks=landmarks)


def _walk_graph(graph: RoadGraph) -> nx.Graph:
    walk = nx.Graph()
    for tail, head, length in zip(
        graph.walk_from.tolist(), graph.walk_to.tolist(), graph.walk_length_m.tolist(), strict=True
    ):
        known = walk.get_edge_data(tail, head, {"weight": np.inf})["weight"]
        walk.add_edge(tail, head, weight=min(length, known))
    return walk


def _independent_coverage(graph: RoadGraph, stops: tuple[Stop, ...], limit_m: float) -> float:
    """Share of residential street metres whose both ends are within the walk, by networkx.

    Works on nodes: a stop reaches the ends of the walk edge it lies on. Stricter than the real
    thing, where the middle of an edge may be nearer than its ends.
    """
    nodes = {
        (lon, lat): i
        for i, (lon, lat) in enumerate(
            zip(graph.walk_lon.tolist(), graph.walk_lat.tolist(), strict=True)
        )
    }
    walk = _walk_graph(graph)
    for number, stop in enumerate(s for s in stops if s.bookable):
        lon, lat = graph.arc_geometry(stop.place.arc)
        along = np.concatenate(([0.0], np.cumsum(segment_lengths_m(lon, lat))))
        share = stop.place.offset_ms / int(graph.arc_time_ms[stop.place.arc])
        at = share * along[-1]
        piece = min(max(int(np.searchsorted(along, at)), 1), len(along) - 1)
        for end, gap in ((piece - 1, at - along[piece - 1]), (piece, along[piece] - at)):
            node = nodes[float(lon[end]), float(lat[end])]
            walk.add_edge(f"stop {number}", node, weight=max(float(gap), 0.0) + 3.0)
    starts = {f"stop {i}" for i in range(sum(s.bookable for s in stops))}
    reach = nx.multi_source_dijkstra_path_length(walk, starts, cutoff=limit_m)
    near = total = 0.0
    homes = {HIGHWAYS.index("residential"), HIGHWAYS.index("living_street")}
    for arc in range(graph.arcs):
        if int(graph.arc_highway[arc]) not in homes or arc > int(graph.arc_twin[arc]) >= 0:
            continue
        lon, lat = graph.arc_geometry(arc)
        ends = [nodes.get((float(a), float(b))) for a, b in zip(lon, lat, strict=True)]
        for length, a, b in zip(segment_lengths_m(lon, lat), ends[:-1], ends[1:], strict=True):
            total += float(length)
            near += float(length) if a in reach and b in reach else 0.0
    return near / total


def test_nearly_everybody_has_a_stop_within_a_walk(
    beckum: tuple[RoadGraph, Landmarks], stops: tuple[Stop, ...]
) -> None:
    assert coverage(beckum[0], stops, 300) >= 0.98
    assert 250 <= len(stops) <= 600


def test_coverage_by_networkx_agrees(
    beckum: tuple[RoadGraph, Landmarks], stops: tuple[Stop, ...]
) -> None:
    # Ends of edges may be a few metres beyond 300 m where their middle is not.
    assert _independent_coverage(beckum[0], stops, 330) >= 0.98


def test_coverage_sees_a_stop_missing(
    beckum: tuple[RoadGraph, Landmarks], stops: tuple[Stop, ...]
) -> None:
    graph = beckum[0]
    fewer = tuple(s for s in stops if s.zone != "Vellern")
    assert coverage(graph, fewer) < coverage(graph, stops) - 0.02
    assert coverage(graph, ()) == 0.0
    assert coverage(graph, stops, 150) < coverage(graph, stops, 300)


def test_names_are_unique_and_telling(stops: tuple[Stop, ...]) -> None:
    names = [stop.name for stop in stops]
    assert len(set(names)) == len(names)
    assert all(name == name.strip() and len(name) > 3 for name in names)
    assert not any("()" in name or ", ," in name or "None" in name for name in names)
    assert sum("Straße" in name or "weg" in name for name in names) > 0.5 * len(names)
    assert any(" / Ecke " in name for name in names)


def test_ids_are_unique(stops: tuple[Stop, ...]) -> None:
    assert len({stop.id for stop in stops}) == len(stops)


def test_no_stop_where_halting_is_forbidden(
    beckum: tuple[RoadGraph, Landmarks], stops: tuple[Stop, ...]
) -> None:
    graph = beckum[0]
    barred = ArcFlag.TUNNEL | ArcFlag.ROUNDABOUT | ArcFlag.BRIDGE
    for stop in stops:
        flags = int(graph.arc_flags[stop.place.arc])
        assert not flags & barred
        if HIGHWAYS[int(graph.arc_highway[stop.place.arc])] in NO_STOPS_ON:
            assert flags & ArcFlag.SIDEWALK


def test_stops_keep_clear_of_junctions_and_lie_on_the_right(
    beckum: tuple[RoadGraph, Landmarks], stops: tuple[Stop, ...]
) -> None:
    graph = beckum[0]
    scale = np.array([68_900.0, 111_195.0])
    for stop in stops:
        arc = stop.place.arc
        time, length = int(graph.arc_time_ms[arc]), float(graph.arc_length_m[arc])
        along = stop.place.offset_ms / time * length
        assert min(along, length - along) > min(8.0, length / 2 - 1)
        on = np.array(position_of(graph, stop.place))
        ahead = np.array(position_of(graph, Place(arc, min(time, stop.place.offset_ms + 50))))
        back = np.array(position_of(graph, Place(arc, max(0, stop.place.offset_ms - 50))))
        way, kerb = (ahead - back) * scale, (np.array([stop.lon, stop.lat]) - on) * scale
        assert way[0] * kerb[1] - way[1] * kerb[0] < 0, stop
        assert np.hypot(*kerb) < 6


def test_curated_stops_and_depots_are_as_configured(
    beckum: tuple[RoadGraph, Landmarks], stops: tuple[Stop, ...]
) -> None:
    station, depot = stops[0], stops[-1]
    assert (station.id, station.name, station.kind) == (
        "bahnhof-neubeckum",
        "Bahnhof Neubeckum",
        "curated",
    )
    assert station.zone == "Neubeckum"
    assert (depot.id, depot.kind, depot.bookable) == ("depot", "depot", False)
    assert beckum[0].name_of(depot.place.arc) == "Grevenbrede"


def test_landmarks_have_stops_of_their_own(stops: tuple[Stop, ...]) -> None:
    names = " | ".join(stop.name for stop in stops)
    for landmark in ("Rathaus Beckum", "St. Elisabeth-Hospital", "Busbahnhof Beckum", "Marktplatz"):
        assert landmark in names
    assert names.count("Bahnhof Neubeckum") == 1, "the curated stop is enough"


def test_where_most_people_live_walks_are_shorter(
    beckum: tuple[RoadGraph, Landmarks], stops: tuple[Stop, ...]
) -> None:
    graph, landmarks = beckum
    plain = load_or_generate_stops(
        graph, landmarks=landmarks, options=StopOptions(near_coverage=0.0)
    )
    assert coverage(graph, stops, 150) >= 0.5
    assert coverage(graph, stops, 150) > coverage(graph, plain, 150) + 0.1


def test_every_settlement_is_a_zone(stops: tuple[Stop, ...]) -> None:
    assert {stop.zone for stop in stops} >= {"Beckum", "Neubeckum", "Vellern", "Roland"}


def test_the_same_stops_again(beckum: tuple[RoadGraph, Landmarks], stops: tuple[Stop, ...]) -> None:
    graph, landmarks = beckum
    again = load_or_generate_stops(graph, curated=CURATED, depots=[DEPOT], landmarks=landmarks)
    assert again == stops


def test_denser_stops_on_request(
    beckum: tuple[RoadGraph, Landmarks], stops: tuple[Stop, ...]
) -> None:
    graph, landmarks = beckum
    dense = load_or_generate_stops(
        graph, landmarks=landmarks, options=StopOptions(max_walk_m=200, coverage=0.985)
    )
    assert len(dense) > 1.15 * len(stops)
    assert coverage(graph, dense, 200) >= 0.98


def test_an_area_keeps_stops_inside(beckum: tuple[RoadGraph, Landmarks]) -> None:
    graph, landmarks = beckum
    vellern = [(8.07, 51.78), (8.09, 51.78), (8.09, 51.79), (8.07, 51.79)]
    inside = load_or_generate_stops(graph, area=vellern, landmarks=landmarks)
    assert 3 < len(inside) < 40
    assert all(8.07 <= s.lon <= 8.09 and 51.78 <= s.lat <= 51.79 for s in inside)
    assert coverage(graph, inside, area=vellern) >= 0.98


def test_the_cache_is_used_and_renewed(beckum: tuple[RoadGraph, Landmarks], tmp_path: Path) -> None:
    graph, landmarks = beckum
    cache = tmp_path / "beckum.stops.geojson"
    sparse = StopOptions(max_walk_m=600, near_coverage=0)
    first = load_or_generate_stops(graph, cache=cache, landmarks=landmarks, options=sparse)
    assert load_stops(cache) == first
    marked = cache.read_text(encoding="utf-8").replace(first[0].name, "Aus dem Speicher")
    cache.write_text(marked, encoding="utf-8")
    second = load_or_generate_stops(graph, cache=cache, landmarks=landmarks, options=sparse)
    assert second[0].name == "Aus dem Speicher"
    other = StopOptions(max_walk_m=500, near_coverage=0)
    third = load_or_generate_stops(graph, cache=cache, landmarks=landmarks, options=other)
    bookable = tuple(stop for stop in third if stop.bookable)
    assert len(bookable) > len(first)
    cache.write_text("{", encoding="utf-8")
    anew = load_or_generate_stops(graph, cache=cache, landmarks=landmarks, options=other)
    assert anew == bookable, "a damaged file is made anew; there are no depots here"


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "{}",
        '{"features": [{"geometry": {"coordinates": [8, 51]}, "properties": {"id": "a"}}]}',
        '{"features":[{"geometry":{"coordinates":[8,951]},"properties":{"id":1,"name":2}}]}',
    ],
)
def test_a_bad_file_of_curated_stops_is_named(
    beckum: tuple[RoadGraph, Landmarks], tmp_path: Path, text: str
) -> None:
    path = tmp_path / "stops.geojson"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidStopsError) as caught:
        load_or_generate_stops(beckum[0], curated=path)
    assert caught.value.code == "roads_invalid_stops"


def test_a_curated_stop_far_from_any_road_is_refused(
    beckum: tuple[RoadGraph, Landmarks], tmp_path: Path
) -> None:
    path = tmp_path / "stops.geojson"
    feature = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [8.3, 51.9]},
        "properties": {"id": "far", "name": "Weit weg"},
    }
    path.write_text(json.dumps({"features": [feature]}), encoding="utf-8")
    with pytest.raises(OutsideNetworkError):
        load_or_generate_stops(beckum[0], curated=path)


def test_landmarks_survive_storing(beckum: tuple[RoadGraph, Landmarks], tmp_path: Path) -> None:
    landmarks = beckum[1]
    landmarks.save(tmp_path / "landmarks.json")
    assert Landmarks.load(tmp_path / "landmarks.json") == landmarks
    assert Landmarks.load(tmp_path / "none.json") == Landmarks()
    assert {"Rathaus Beckum", "Bahnhof Neubeckum"} <= {poi.name for poi in landmarks.pois}


def test_real_town(heidelberg: RoadGraph) -> None:
    found = load_or_generate_stops(heidelberg)
    assert coverage(heidelberg, found, 300) >= 0.98
    assert len({stop.name for stop in found}) == len(found)
    assert len({stop.id for stop in found}) == len(found)
    on = {HIGHWAYS[int(heidelberg.arc_highway[stop.place.arc])] for stop in found}
    assert not on & NO_STOPS_ON
    arcs = {stop.place.arc for stop in found}
    both_sides = {HIGHWAYS.index("primary"), HIGHWAYS.index("secondary")}
    main = [arc for arc in arcs if int(heidelberg.arc_highway[arc]) in both_sides]
    twins = [int(heidelberg.arc_twin[arc]) for arc in main]
    assert any(twin >= 0 for twin in twins)
    assert all(twin < 0 or twin in arcs for twin in twins), "a main road has a stop on one side"
