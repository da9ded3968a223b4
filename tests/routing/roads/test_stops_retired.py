"""Stops of an earlier road graph stay known, so that rides promised there are still driven."""

from pathlib import Path

from tiny_town import DEPOT, grid_osm

from routing.roads.importing import import_extract
from routing.roads.stops import DepotSpec, load_or_generate_stops


def test_stops_that_a_new_network_lacks_are_retired(tmp_path: Path) -> None:
    depot = DepotSpec(DEPOT.id, DEPOT.name, DEPOT.lon, DEPOT.lat)
    cache = tmp_path / "grid.stops.geojson"
    extract = grid_osm(tmp_path / "grid.osm")
    graph = import_extract(extract, var=tmp_path, name="grid", basemap=False)
    before = load_or_generate_stops(graph, depots=[depot], cache=cache)
    text = extract.read_text(encoding="utf-8")
    for way in range(1001, 1019):
        text = text.replace(f'<way id="{way}">', f'<way id="{way + 5000}">')
    extract.write_text(text, encoding="utf-8")
    graph = import_extract(extract, var=tmp_path, name="grid", basemap=False)
    after = load_or_generate_stops(graph, depots=[depot], cache=cache)
    by_id = {stop.id: stop for stop in after}
    assert {stop.id for stop in before} <= set(by_id)
    retired = [stop for stop in after if stop.kind == "retired"]
    assert retired
    assert not any(stop.bookable for stop in retired)
    assert load_or_generate_stops(graph, depots=[depot], cache=cache) == after
