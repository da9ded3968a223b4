"""Importing: formats, clips, limits, damage; the old graph stays whenever something is wrong."""

import bz2
import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import routing.roads.graph as graph_module
from routing.roads.build import BuildOptions
from routing.roads.errors import (
    CorruptGraphError,
    EmptyExtractError,
    ExtractNotFoundError,
    ExtractTooLargeError,
    GraphNotFoundError,
    InvalidClipError,
    RoadsError,
    UnreadableExtractError,
)
from routing.roads.files import (
    basemap_path,
    default_name,
    find_graph,
    graph_path,
    landmarks_path,
)
from routing.roads.graph import RoadGraph
from routing.roads.importing import clip_from_bbox, clip_from_geojson
from routing.roads.importing import import_extract as import_with_basemap
from routing.roads.manifest import Manifest
from routing.roads.osm_reader import ReadLimits
from routing.roads.speeds import SpeedModel

WriteTown = Callable[..., Path]
import_extract = partial(import_with_basemap, basemap=False)

NODES = {"a": (0, 0), "b": (500, 0), "c": (500, 400)}
WAYS = [("ab", "highway=residential name=Gasse"), ("bc", "highway=residential")]


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def stored(write_town: WriteTown, var: Path) -> Path:
    """A good graph named "town", which nothing that fails may touch."""
    import_extract(write_town(NODES, WAYS), var=var)
    return graph_path(var, "town")


def test_an_import_also_makes_landmarks_and_a_basemap(write_town: WriteTown, var: Path) -> None:
    import_with_basemap(write_town(NODES, WAYS), var=var)
    assert basemap_path(var, "town").read_bytes().startswith(b"PMTiles")
    assert landmarks_path(var, "town").is_file()


def test_all_formats_give_the_same_graph(write_town: WriteTown, var: Path, tmp_path: Path) -> None:
    plain = write_town(NODES, WAYS)
    text = plain.read_bytes()
    (tmp_path / "gz.osm.gz").write_bytes(gzip.compress(text))
    (tmp_path / "bz.osm.bz2").write_bytes(bz2.compress(text))
    digests = {
        import_extract(path, var=var).digest
        for path in (plain, tmp_path / "gz.osm.gz", tmp_path / "bz.osm.bz2")
    }
    assert len(digests) == 1


def test_importing_twice_gives_the_same_bytes(write_town: WriteTown, var: Path) -> None:
    path = write_town(NODES, WAYS)
    import_extract(path, var=var)
    first = graph_path(var, "town").read_bytes()
    import_extract(path, var=var)
    assert graph_path(var, "town").read_bytes() == first


@pytest.mark.parametrize(
    ("content", "name", "error"),
    [
        (b"", "bad.osm.pbf", UnreadableExtractError),
        (b"no OSM at all", "bad.osm.pbf", UnreadableExtractError),
        (b"no OSM at all", "bad.osm", UnreadableExtractError),
        (b"<osm version='0.6'><node id='1'", "bad.osm", UnreadableExtractError),
        (b"\x1f\x8bnot gzip", "bad.osm.gz", UnreadableExtractError),
        (b"BZhnot bzip2", "bad.osm.bz2", UnreadableExtractError),
        (b"<html>429 Too Many Requests</html>", "bad.osm", UnreadableExtractError),
        (b"a;b", "bad.csv", UnreadableExtractError),
        (b"<osm version='0.6'></osm>", "bad.osm", EmptyExtractError),
        (None, "missing.osm", ExtractNotFoundError),
    ],
)
def test_a_bad_file_leaves_the_old_graph(
    stored: Path, var: Path, tmp_path: Path, content: bytes | None, name: str, error: type
) -> None:
    before = {path.name: path.read_bytes() for path in stored.parent.iterdir()}
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error) as caught:
        import_extract(tmp_path / name, var=var, name="town")
    assert isinstance(caught.value, RoadsError)
    assert caught.value.code.startswith("roads_")
    after = {path.name: path.read_bytes() for path in stored.parent.iterdir()}
    assert after == before, "nothing changed, no left-overs"


def test_a_truncated_pbf_is_unreadable(heidelberg_file: Path, tmp_path: Path, var: Path) -> None:
    path = tmp_path / "half.osm.pbf"
    path.write_bytes(heidelberg_file.read_bytes()[:1_000_000])
    with pytest.raises(UnreadableExtractError):
        import_extract(path, var=var)


@pytest.mark.parametrize("limits", [ReadLimits(max_bytes=100), ReadLimits(max_nodes=2)])
def test_a_huge_file_is_refused(
    stored: Path, write_town: WriteTown, var: Path, limits: ReadLimits
) -> None:
    before = stored.read_bytes()
    with pytest.raises(ExtractTooLargeError):
        import_extract(write_town(NODES, WAYS), var=var, limits=limits)
    assert stored.read_bytes() == before


def test_the_date_comes_from_the_option_the_header_or_overpass(
    write_town: WriteTown, var: Path
) -> None:
    path = write_town(NODES, WAYS)
    assert import_extract(path, var=var).manifest.extract_date == ""
    assert import_extract(path, var=var, date="2026-05-04").manifest.extract_date == "2026-05-04"
    with pytest.raises(UnreadableExtractError):
        import_extract(path, var=var, date="yesterday")
    text = path.read_text(encoding="utf-8")
    meta = '<meta osm_base="2026-03-02T10:00:00Z"/><node id="1"'
    path.write_text(text.replace('<node id="1"', meta, 1), encoding="utf-8")
    assert import_extract(path, var=var).manifest.extract_date == "2026-03-02"


def test_another_speed_model_is_recorded(write_town: WriteTown, var: Path) -> None:
    options = BuildOptions(model=SpeedModel(time_factor=2.0))
    path = write_town(NODES, WAYS)
    slow = import_extract(path, var=var, name="slow", options=options)
    fast = import_extract(path, var=var, name="fast")
    assert slow.manifest.speeds["time_factor"] == 2.0
    assert fast.manifest.speeds["typical_kmh"]["residential"] == 25
    assert slow.arc_time_ms.tolist() == pytest.approx((2 * fast.arc_time_ms).tolist(), abs=2)


def test_progress_is_told(write_town: WriteTown, var: Path) -> None:
    said: list[str] = []
    import_extract(write_town(NODES, WAYS), var=var, progress=said.append)
    assert len(said) >= 4
    assert "town.osm" in said[0]


def test_names_come_from_files(var: Path) -> None:
    assert default_name(Path("x/heidelberg.osm.pbf")) == "heidelberg"
    assert default_name(Path("Bad Wünnenberg.osm")) == "Bad-W-nnenberg"
    for name in ("../../etc", "", "a/b", ".hidden"):
        with pytest.raises(GraphNotFoundError):
            graph_path(var, name)


def test_the_latest_graph_is_found(stored: Path, write_town: WriteTown, var: Path) -> None:
    assert find_graph(var) == stored
    time.sleep(0.02)
    import_extract(write_town(NODES, WAYS, name="other.osm"), var=var)
    assert find_graph(var) == graph_path(var, "other")
    assert find_graph(var, "town") == stored
    with pytest.raises(GraphNotFoundError):
        find_graph(var, "nowhere")
    with pytest.raises(GraphNotFoundError):
        find_graph(var / "empty")


def test_a_graph_survives_saving_and_loading(stored: Path) -> None:
    graph = RoadGraph.load(stored)
    copy = stored.with_name("copy.graph")
    graph.save(copy)
    assert copy.read_bytes() == stored.read_bytes()
    assert RoadGraph.load(copy).manifest == graph.manifest
    assert Manifest.from_json(json.loads(json.dumps(graph.manifest.to_json()))) == graph.manifest
    with pytest.raises(ValueError, match="read-only"):
        graph.arc_time_ms[0] = 0


def test_a_damaged_graph_is_told_apart(stored: Path) -> None:
    whole = stored.read_bytes()
    rng = np.random.default_rng(1)
    cuts = [0, 5, 30, 60, 200, len(whole) // 2, len(whole) - 1]
    for cut in cuts:
        stored.write_bytes(whole[:cut])
        with pytest.raises(CorruptGraphError):
            RoadGraph.load(stored)
    stored.write_bytes(whole + b"x")
    with pytest.raises(CorruptGraphError):
        RoadGraph.load(stored)
    for position in rng.integers(0, 500, 20).tolist():
        stored.write_bytes(
            whole[:position] + bytes([whole[position] ^ 255]) + whole[position + 1 :]
        )
        with pytest.raises(CorruptGraphError):
            RoadGraph.load(stored)
    stored.unlink()
    with pytest.raises(GraphNotFoundError):
        RoadGraph.load(stored)


@pytest.mark.parametrize(
    "text", ["", "1,2,3", "a,b,c,d", "8,51,7,52", "8,52,9,51", "-200,0,0,1", "8,51,9,95"]
)
def test_bad_boxes(text: str) -> None:
    with pytest.raises(InvalidClipError):
        clip_from_bbox(text)


def test_clips_from_geojson(tmp_path: Path) -> None:
    ring = [[8.0, 51.0], [9.0, 51.0], [9.0, 52.0], [8.0, 51.0]]
    polygon = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "properties": {}, "geometry": polygon}
    other = {"type": "Polygon", "coordinates": [[[x + 3, y] for x, y in ring]]}
    path = tmp_path / "clip.geojson"
    for value, kind in (
        (polygon, "Polygon"),
        (feature, "Polygon"),
        ({"type": "FeatureCollection", "features": [feature]}, "Polygon"),
        ({"type": "GeometryCollection", "geometries": [polygon, other]}, "MultiPolygon"),
    ):
        path.write_text(json.dumps(value), encoding="utf-8")
        assert clip_from_geojson(path).geom_type == kind
    point = {"type": "Point", "coordinates": [8.0, 51.0]}
    for bad in ("", "[]", "{}", json.dumps(point), '{"type": "Polygon", "coordinates": [[1]]}'):
        path.write_text(bad, encoding="utf-8")
        with pytest.raises(InvalidClipError):
            clip_from_geojson(path)
    with pytest.raises(InvalidClipError):
        clip_from_geojson(tmp_path / "missing.geojson")


def test_heidelberg_is_imported_within_a_minute(heidelberg_file: Path, tmp_path: Path) -> None:
    begun = time.perf_counter()
    graph = import_extract(
        heidelberg_file,
        var=tmp_path,
        options=BuildOptions(area=clip_from_bbox("8.6,49.3,8.8,49.5")),
    )
    assert time.perf_counter() - begun < 60.0
    assert graph.arcs > 20_000
    assert graph.manifest.length_km > 900.0
    assert graph.bounds[0] >= 8.6


def test_every_array_is_stored_and_has_its_type(stored: Path) -> None:
    graph = RoadGraph.load(stored)
    arrays = {f.name for f in fields(RoadGraph)} - {"manifest", "names", "area"}
    assert arrays == set(graph_module._DTYPES)
    with pytest.raises(TypeError, match="arc_time_ms"):
        replace(graph, arc_time_ms=graph.arc_time_ms.astype(np.float64))


def test_the_core_is_quick_to_import() -> None:
    script = (
        "import sys, routing.roads.travel_times, routing.roads.snapping, routing.roads.cli;"
        "print([m for m in ('osmium', 'osmnx', 'geopandas', 'scipy.sparse') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
