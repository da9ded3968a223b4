"""Which service area holds: the configured one, or the boundary of the roads."""

import json
from pathlib import Path

import pytest
from running_service import write_grid_town
from shapely import Polygon, box
from shapely.geometry import mapping
from tiny_town import SOUTH, WEST, grid_osm

from dispatch.config import load_town
from dispatch.networks import service_area
from routing.roads.build import BuildOptions
from routing.roads.graph import RoadGraph
from routing.roads.importing import import_extract

CONFIGURED = box(WEST, SOUTH, WEST + 0.01, SOUTH + 0.01)
BOUNDARY = box(WEST - 0.001, SOUTH - 0.001, WEST + 0.05, SOUTH + 0.05)


def roads(folder: Path, boundary: Polygon | None, *, schematic: bool) -> RoadGraph:
    options = BuildOptions(area=boundary, schematic=schematic)
    extract = grid_osm(folder / "grid.osm")
    return import_extract(extract, var=folder, name="grid", options=options, basemap=False)


@pytest.mark.parametrize(
    ("guess", "schematic", "boundary", "expected"),
    [
        (False, False, BOUNDARY, CONFIGURED),
        (True, False, BOUNDARY, BOUNDARY),
        (True, True, BOUNDARY, CONFIGURED),
        (True, False, None, CONFIGURED),
    ],
)
def test_a_guessed_area_gives_way_to_real_roads(
    tmp_path: Path, *, guess: bool, schematic: bool, boundary: Polygon | None, expected: Polygon
) -> None:

    write_grid_town(tmp_path)
    feature = {
        "type": "Feature",
        "properties": {"schematic": guess},
        "geometry": mapping(CONFIGURED),
    }
    (tmp_path / "area.geojson").write_text(json.dumps(feature), encoding="utf-8")
    graph = roads(tmp_path, boundary, schematic=schematic)
    area = service_area(load_town(tmp_path), graph)
    assert area is not None
    assert area.equals(expected)
