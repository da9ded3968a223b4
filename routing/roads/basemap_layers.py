"""Sorts OSM objects into the layers of the basemap; pure functions of their tags."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from routing.roads.landmarks import poi_kind

Tags = Mapping[str, str]

LAYERS: Final = ("landuse", "water", "building", "road", "rail", "place", "poi", "boundary")
MIN_ZOOM: Final = 8
MAX_ZOOM: Final = 15


Properties = dict[str, str | int]


class Entry(NamedTuple):
    """A feature's layer, its properties, and the zoom from which it is drawn."""

    layer: str
    properties: Properties
    min_zoom: int


_ROAD_ZOOM: Final = {
    "motorway": 8,
    "trunk": 8,
    "primary": 8,
    "secondary": 9,
    "tertiary": 11,
    "unclassified": 12,
    "residential": 12,
    "living_street": 12,
    "busway": 12,
    "pedestrian": 13,
    "road": 12,
    "service": 14,
    "track": 13,
    "footway": 14,
    "path": 14,
    "cycleway": 14,
    "bridleway": 14,
    "steps": 14,
}
_LANDUSE: Final[Mapping[tuple[str, str], tuple[str, int]]] = {
    ("landuse", "residential"): ("residential", 9),
    ("landuse", "industrial"): ("industrial", 9),
    ("landuse", "commercial"): ("industrial", 9),
    ("landuse", "retail"): ("retail", 10),
    ("landuse", "forest"): ("wood", 8),
    ("natural", "wood"): ("wood", 8),
    ("natural", "scrub"): ("wood", 11),
    ("landuse", "meadow"): ("grass", 11),
    ("landuse", "grass"): ("grass", 12),
    ("natural", "grassland"): ("grass", 11),
    ("landuse", "recreation_ground"): ("park", 12),
    ("landuse", "village_green"): ("park", 12),
    ("leisure", "park"): ("park", 11),
    ("leisure", "garden"): ("park", 13),
    ("leisure", "playground"): ("park", 14),
    ("leisure", "pitch"): ("sport", 13),
    ("leisure", "sports_centre"): ("sport", 12),
    ("landuse", "cemetery"): ("cemetery", 11),
    ("amenity", "grave_yard"): ("cemetery", 12),
    ("landuse", "allotments"): ("allotments", 12),
    ("landuse", "farmland"): ("farmland", 11),
    ("landuse", "orchard"): ("farmland", 11),
    ("landuse", "quarry"): ("quarry", 11),
    ("landuse", "railway"): ("railway", 12),
    ("amenity", "hospital"): ("hospital", 12),
    ("amenity", "school"): ("school", 12),
    ("amenity", "university"): ("school", 12),
    ("amenity", "parking"): ("parking", 14),
}
_WATERWAY_ZOOM: Final = {"river": 8, "canal": 9, "stream": 12, "ditch": 14, "drain": 14}
_RAIL_ZOOM: Final = {"rail": 8, "light_rail": 10, "subway": 10, "tram": 12, "narrow_gauge": 11}
_PLACE_ZOOM: Final = {
    "city": 8,
    "town": 8,
    "village": 10,
    "suburb": 11,
    "quarter": 12,
    "hamlet": 12,
    "neighbourhood": 13,
    "isolated_dwelling": 14,
    "farm": 14,
}
_POI_ZOOM: Final = (12, 13, 13, 14, 14, 15, 15)
_CLOSED: Final = frozenset({"", "no"})


def entry_of_line(tags: Tags) -> Entry | None:
    """Layer of an open or closed line: roads, railways, streams."""
    highway = tags.get("highway", "")
    main = highway.removesuffix("_link")
    if main in _ROAD_ZOOM and tags.get("area") != "yes":
        zoom = _ROAD_ZOOM[main] + (2 if highway != main else 0)
        return Entry("road", _road(tags, main, link=highway != main), zoom)
    railway = tags.get("railway", "")
    if railway in _RAIL_ZOOM:
        zoom = 13 if "service" in tags else _RAIL_ZOOM[railway]
        return Entry("rail", _structure(tags) | {"class": railway}, zoom)
    waterway = tags.get("waterway", "")
    if waterway in _WATERWAY_ZOOM and tags.get("tunnel", "") in _CLOSED:
        return Entry("water", _named(tags, waterway), _WATERWAY_ZOOM[waterway])
    return None


def entry_of_area(tags: Tags) -> Entry | None:
    """Layer of an area: boundaries, buildings, water, land use."""
    if tags.get("boundary") == "administrative" and tags.get("admin_level", "").isdigit():
        level = int(tags["admin_level"])
        return Entry("boundary", _named(tags, "administrative") | {"admin_level": level}, 8)
    if tags.get("building", "") not in _CLOSED:
        return Entry("building", {"class": tags["building"]}, 13)
    lake = tags.get("natural") == "water" or tags.get("landuse") in {"reservoir", "basin"}
    if lake or tags.get("waterway") == "riverbank":
        return Entry("water", _named(tags, tags.get("water", "lake" if lake else "river")), 8)
    if tags.get("highway") in {"pedestrian", "footway"} and tags.get("area") == "yes":
        return Entry("landuse", {"class": "pedestrian"}, 13)
    for (key, value), (kind, zoom) in _LANDUSE.items():
        if tags.get(key) == value:
            return Entry("landuse", _named(tags, kind), zoom)
    return None


def entry_of_point(tags: Tags) -> Entry | None:
    """Layer of a point: settlements and landmarks with a name."""
    if "name" not in tags:
        return None
    place = tags.get("place", "")
    if place in _PLACE_ZOOM:
        population = tags.get("population", "")
        properties = _named(tags, place)
        if population.isdigit():
            properties["population"] = int(population)
        return Entry("place", properties, _PLACE_ZOOM[place])
    kind = poi_kind(tags)
    if kind is None:
        return None
    return Entry("poi", _named(tags, kind[0]) | {"rank": kind[1]}, _POI_ZOOM[kind[1]])


def _named(tags: Tags, kind: str) -> Properties:
    return {"class": kind, "name": tags["name"]} if "name" in tags else {"class": kind}


def _structure(tags: Tags) -> Properties:
    """1 for what lies above or below; the keys are absent at ground level."""
    result: Properties = {}
    if tags.get("bridge", "") not in _CLOSED:
        result["bridge"] = 1
    if tags.get("tunnel", "") not in _CLOSED | {"culvert"}:
        result["tunnel"] = 1
    return result


def _road(tags: Tags, main: str, *, link: bool) -> Properties:
    result = _named(tags, main) | _structure(tags)
    if "ref" in tags:
        result["ref"] = tags["ref"].replace(";", ", ")
    if link:
        result["link"] = 1
    if tags.get("oneway") in {"yes", "1", "true", "-1"}:
        result["oneway"] = -1 if tags["oneway"] == "-1" else 1
    return result
