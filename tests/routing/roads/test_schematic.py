"""The schematic Beckum: the same bytes, the right size, connected, and honest about itself."""

import re
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import shapely

from routing.roads import schematic
from routing.roads.build import BuildOptions
from routing.roads.graph import ArcFlag, RoadGraph
from routing.roads.importing import clip_from_geojson, import_extract
from routing.roads.schematic import area_polygon, write_schematic_beckum
from routing.roads.schematic_facts import load_facts
from routing.roads.schematic_geometry import Dice, degrees_of, insert_vertices, to_plane
from routing.roads.snapping import Snapper
from routing.roads.tags import HIGHWAYS
from routing.roads.travel_times import TravelTimes

TABLE = tomllib.loads(schematic.TABLE.read_text(encoding="utf-8"))
TOWNS = {place["name"]: place["center"] for place in TABLE["settlements"]}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RoadGraph]:
    folder = tmp_path_factory.mktemp("schematic")
    path = folder / "beckum.osm"
    write_schematic_beckum(path)
    return path, import_extract(path, var=folder)


def test_the_same_bytes_every_time(town: tuple[Path, RoadGraph], tmp_path: Path) -> None:
    again = tmp_path / "again.osm"
    write_schematic_beckum(again)
    assert again.read_bytes() == town[0].read_bytes()


def test_node_counts_of_a_small_town(town: tuple[Path, RoadGraph]) -> None:
    path, graph = town
    roads = [way for way in ET.parse(path).getroot().iter("way") if _tag(way, "highway")]  # noqa: S314 - our own file
    drawn = {nd.get("ref") for way in roads for nd in way.iter("nd")}
    assert 3_000 <= graph.nodes <= len(drawn) <= 6_000


def test_the_import_calls_it_schematic(town: tuple[Path, RoadGraph]) -> None:
    assert town[1].manifest.schematic


def test_nearly_everything_is_one_component(town: tuple[Path, RoadGraph]) -> None:
    manifest = town[1].manifest
    total = manifest.edges + manifest.dropped["arcs_disconnected"]
    assert manifest.edges >= 0.97 * total


def test_extent_and_area() -> None:
    ring = [to_plane(lon, lat) for lon, lat in area_polygon()]
    outline = shapely.Polygon(ring)
    west, south, east, north = outline.bounds
    assert ring[0] == ring[-1]
    assert outline.is_valid
    assert east - west == pytest.approx(12_800, abs=100)
    assert north - south == pytest.approx(12_300, abs=100)
    assert outline.area == pytest.approx(111.46e6, rel=0.03)


def test_the_configured_area_is_the_outline() -> None:
    configured = clip_from_geojson(Path(__file__).parents[3] / "data/beckum/area.geojson")
    assert configured.equals(shapely.Polygon(area_polygon()))


def test_facts_keep_their_ids_and_invention_is_marked(town: tuple[Path, RoadGraph]) -> None:
    known, nodes = load_facts()
    ways = {int(way.get("id", "0")): way for way in ET.parse(town[0]).getroot().iter("way")}  # noqa: S314
    assert {road.way_id for road in known} == {number for number in ways if number > 0}
    positive = {
        int(node.get("id", "0"))
        for node in ET.parse(town[0]).getroot().iter("node")  # noqa: S314
        if int(node.get("id", "0")) > 0
    }
    assert positive <= set(nodes.values())
    assert len(positive) > 0.95 * len(set(nodes.values()))
    invented = [way for number, way in ways.items() if number < 0 and _tag(way, "highway")]
    marked = [way for way in invented if _tag(way, "note") == "schematic"]
    assert len(marked) > 0.9 * len(invented)
    for road in known[:20]:
        assert _tag(ways[road.way_id], "name") == road.tags.get("name", "")


def test_another_facts_table_gives_another_town(
    town: tuple[Path, RoadGraph], tmp_path: Path
) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text('{"ways": []}', encoding="utf-8")
    write_schematic_beckum(tmp_path / "bare.osm", facts=facts)
    assert 'id="24002741"' in town[0].read_text(encoding="utf-8")
    assert not re.search(r'<way id="[1-9]', (tmp_path / "bare.osm").read_text(encoding="utf-8"))


def test_street_length_follows_the_inhabitants(town: tuple[Path, RoadGraph]) -> None:
    graph = town[1]
    once = (graph.arc_twin < 0) | (np.arange(graph.arcs) < graph.arc_twin)
    local = np.isin(np.array(HIGHWAYS)[graph.arc_highway], ["residential", "living_street"])
    length: dict[str, float] = dict.fromkeys(TOWNS, 0.0)
    for arc in np.flatnonzero(once & local):
        lon, lat = graph.arc_geometry(int(arc))
        at = to_plane(float(lon[0]), float(lat[0]))
        nearest = min(TOWNS, key=lambda name: np.hypot(*np.subtract(to_plane(*TOWNS[name]), at)))
        length[nearest] += float(graph.arc_length_m[arc])
    for place in TABLE["settlements"]:
        if place["population"]:
            assert 2.0 < length[place["name"]] / place["population"] < 8.0, place["name"]


def test_landmarks_reach_each_other(town: tuple[Path, RoadGraph]) -> None:
    graph = town[1]
    snapper = Snapper(graph)
    places = [snapper.snap(*poi["at"], max_m=150).place for poi in TABLE["pois"]]
    minutes = TravelTimes(graph, places).matrix_s / 60
    assert minutes.max() < 40


def test_trips_between_the_two_towns_cross_the_motorway_on_a_bridge(
    town: tuple[Path, RoadGraph],
) -> None:
    graph = town[1]
    axis = shapely.LineString(TABLE["motorway"]["axis"])
    snapper = Snapper(graph)
    start = snapper.snap(*TOWNS["Beckum"]).place
    goal = snapper.snap(*TOWNS["Neubeckum"]).place
    path = TravelTimes(graph, [goal]).path(start, 0)
    assert shapely.LineString(np.stack((path.lons, path.lats), axis=1)).intersects(axis)
    assert any(graph.arc_flags[arc] & ArcFlag.BRIDGE for arc in path.arcs)
    assert 5_000 < path.length_m < 9_000
    assert 5 * 60_000 < path.time_ms < 15 * 60_000


def test_only_a_few_roads_cross_the_motorway(town: tuple[Path, RoadGraph]) -> None:
    graph = town[1]
    axis = shapely.LineString(TABLE["motorway"]["axis"])
    once = (graph.arc_twin < 0) | (np.arange(graph.arcs) < graph.arc_twin)
    crossing = [
        arc
        for arc in np.flatnonzero(once)
        if shapely.LineString(np.stack(graph.arc_geometry(int(arc)), axis=1)).crosses(axis)
    ]
    names = {graph.name_of(int(arc)) for arc in crossing}
    assert {"Neubeckumer Straße", "Ahlener Straße", "Hammer Straße", "Vellerner Straße"} <= names
    assert 5 <= len(crossing) <= 12


def test_clipping_to_the_area_keeps_the_towns(town: tuple[Path, RoadGraph], tmp_path: Path) -> None:
    options = BuildOptions(area=shapely.Polygon(area_polygon()))
    graph = import_extract(town[0], var=tmp_path, name="clipped", options=options)
    assert graph.nodes > 0.95 * town[1].nodes


def test_dice_are_splitmix64() -> None:
    # First outputs for seed 0, published with the algorithm (Vigna, splitmix64.c).
    dice = Dice(0)
    assert [int(dice.unit() * (1 << 53)) for _ in range(2)] == [
        0xE220A8397B1DCDAF >> 11,
        0x6E789E6AA1B965F4 >> 11,
    ]


def test_vertices_are_inserted_where_they_lie() -> None:
    line = [(0.0, 0.0), (100.0, 0.0), (100.0, 50.0)]
    assert insert_vertices(line, [(100.0, 20.0), (40.0, 0.0), (0.0, 0.0)]) == [
        (0.0, 0.0),
        (40.0, 0.0),
        (100.0, 0.0),
        (100.0, 20.0),
        (100.0, 50.0),
    ]


def test_degrees_count_arms() -> None:
    known, _ = load_facts()
    degrees = degrees_of(known)
    assert degrees[known[0].points[1]] == 2
    assert min(degrees.values()) >= 1


def _tag(way: ET.Element, key: str) -> str:
    return next((t.get("v", "") for t in way.iter("tag") if t.get("k") == key), "")
