"""Imports an OSM file into `var/roads/<name>.graph`; a failure leaves the old graph untouched."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from routing.roads.basemap import build_basemap
from routing.roads.build import BuildOptions, build_graph
from routing.roads.errors import InvalidClipError, UnreadableExtractError
from routing.roads.files import basemap_path, default_name, graph_path, landmarks_path
from routing.roads.graph import RoadGraph
from routing.roads.landmarks import read_landmarks
from routing.roads.osm_reader import Progress, ReadLimits, import_date, read_extract

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_SCHEMATIC: Final = "schemati"
_WORLD: Final = (-180.0, -90.0, 180.0, 90.0)


def import_extract(  # noqa: PLR0913 - all but the file by keyword
    path: Path,
    *,
    var: Path,
    name: str | None = None,
    options: BuildOptions | None = None,
    date: str | None = None,
    source: str | None = None,
    limits: ReadLimits | None = None,
    basemap: bool = True,
    progress: Progress = lambda _: None,
) -> RoadGraph:
    """Reads an OSM file, builds its road graph and stores it, with its landmarks and basemap.

    Args:
        path: the OSM file.
        var: the var folder; the graph goes to `var/roads/<name>.graph`.
        name: the graph's name; by default the file's.
        options: vehicle, speeds, clip. A file whose `generator` says so is marked schematic.
        date: the extract's ISO date, where the file does not tell.
        source: where the data come from; by default the file's name.
        limits: refuse larger files.
        basemap: whether to draw the map's tiles, too.
        progress: told what is being done.

    Returns:
        the stored graph, memory-mapped.

    Raises:
        RoadsError: with a code that says what was wrong; nothing is changed then.
    """
    name = name or default_name(path)
    target = graph_path(var, name)
    extract = read_extract(path, limits=limits, progress=progress)
    try:
        extract = replace(extract, date=import_date(extract, date), source=source or extract.source)
    except ValueError as error:
        raise UnreadableExtractError(f"{date!r} is not an ISO date") from error
    options = options or BuildOptions()
    if _SCHEMATIC in extract.generator.lower():
        options = replace(options, schematic=True)
    graph = build_graph(extract, name=name, options=options, progress=progress)
    outline = None if graph.area is None else max((p[0] for p in graph.area), key=len)
    target.parent.mkdir(parents=True, exist_ok=True)
    landmarks = read_landmarks(path)
    if basemap:
        build_basemap(
            path,
            basemap_path(var, name),
            attribution=graph.manifest.attribution,
            area=outline,
            progress=progress,
        )
    landmarks.save(landmarks_path(var, name))
    graph.save(target)
    progress(f"stored {target}")
    return RoadGraph.load(target)


def clip_from_geojson(path: Path) -> "BaseGeometry":
    """The polygon(s) of a GeoJSON file (geometry, feature or collection), as one geometry.

    Raises:
        InvalidClipError: not GeoJSON, or no polygon in it.
    """
    import shapely  # noqa: PLC0415 - keeps `import routing.roads` quick

    try:
        found = _polygons(json.loads(path.read_text(encoding="utf-8")))
        area = shapely.union_all([shapely.make_valid(shapely.geometry.shape(g)) for g in found])
    except (OSError, ValueError, TypeError, KeyError, shapely.errors.ShapelyError) as error:
        raise InvalidClipError(f"{path} is not a GeoJSON polygon: {error}") from error
    return _checked(area, str(path))


def _polygons(value: Any) -> list[dict[str, Any]]:
    if value["type"] == "FeatureCollection":
        return [g for feature in value["features"] for g in _polygons(feature)]
    if value["type"] == "Feature":
        return _polygons(value["geometry"])
    if value["type"] == "GeometryCollection":
        return [g for part in value["geometries"] for g in _polygons(part)]
    return [value] if value["type"] in {"Polygon", "MultiPolygon"} else []


def clip_from_bbox(text: str) -> "BaseGeometry":
    """A "west,south,east,north" box in degrees.

    Raises:
        InvalidClipError: not four numbers in that order.
    """
    import shapely  # noqa: PLC0415

    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidClipError(f"{text!r} is not west,south,east,north in degrees") from error
    if not (_WORLD[0] <= west < east <= _WORLD[2] and _WORLD[1] <= south < north <= _WORLD[3]):
        raise InvalidClipError(f"{text!r} is not west,south,east,north in degrees")
    return _checked(shapely.box(west, south, east, north), text)


def _checked(area: "BaseGeometry", what: str) -> "BaseGeometry":
    parts = [p for p in getattr(area, "geoms", [area]) if p.geom_type == "Polygon"]
    if not parts or area.area == 0:
        raise InvalidClipError(f"{what} holds no polygon")
    import shapely  # noqa: PLC0415

    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
