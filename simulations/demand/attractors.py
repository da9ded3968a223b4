"""What an OSM file knows about where people live and what draws them: buildings, shops, schools.

How much an attractor draws is counted in the unit that makes sense for its purpose: jobs for work,
pupils for school, visitors an hour or so elsewhere. All these figures are assumptions; only their
ratios within a purpose matter. Areas that are relations in OSM (some campuses and hospitals) are
not read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from routing.roads.graph import metres_per_degree
from simulations.demand.trips import DemandError

Bounds = tuple[float, float, float, float]

_ANY: Final = "*"
_DRAWS: Final[Mapping[tuple[str, str], Mapping[str, float]]] = {
    ("office", _ANY): {"work": 10},
    ("craft", _ANY): {"work": 5},
    ("shop", _ANY): {"work": 3, "shopping": 2},
    ("shop", "supermarket"): {"work": 20, "shopping": 20},
    ("shop", "mall"): {"work": 100, "shopping": 60},
    ("shop", "department_store"): {"work": 60, "shopping": 40},
    ("shop", "doityourself"): {"work": 20, "shopping": 10},
    ("amenity", "marketplace"): {"shopping": 20, "leisure": 5},
    ("amenity", "bank"): {"work": 8, "shopping": 3},
    ("amenity", "post_office"): {"work": 5, "shopping": 3},
    ("amenity", "townhall"): {"work": 60, "shopping": 10},
    ("amenity", "school"): {"work": 40, "school": 500},
    ("amenity", "kindergarten"): {"work": 12, "school": 30},
    ("amenity", "college"): {"work": 60, "school": 800},
    ("amenity", "university"): {"work": 200, "school": 2000},
    ("amenity", "hospital"): {"work": 400, "health": 30},
    ("amenity", "clinic"): {"work": 30, "health": 10},
    ("amenity", "doctors"): {"work": 5, "health": 5},
    ("amenity", "dentist"): {"work": 4, "health": 3},
    ("amenity", "pharmacy"): {"work": 4, "health": 3},
    ("healthcare", _ANY): {"work": 3, "health": 3},
    ("amenity", "nursing_home"): {"work": 60, "home": 20},
    ("social_facility", "nursing_home"): {"work": 60, "home": 20},
    ("amenity", "restaurant"): {"work": 6, "leisure": 5},
    ("amenity", "cafe"): {"work": 4, "leisure": 4},
    ("amenity", "pub"): {"work": 3, "leisure": 4},
    ("amenity", "cinema"): {"work": 8, "leisure": 15},
    ("amenity", "theatre"): {"work": 20, "leisure": 15},
    ("amenity", "library"): {"work": 5, "leisure": 8},
    ("amenity", "community_centre"): {"work": 2, "leisure": 6},
    ("amenity", "place_of_worship"): {"leisure": 4},
    ("leisure", "sports_centre"): {"work": 4, "leisure": 12},
    ("leisure", "swimming_pool"): {"leisure": 4},
    ("leisure", "water_park"): {"work": 10, "leisure": 20},
    ("leisure", "stadium"): {"leisure": 10},
    ("leisure", "park"): {"leisure": 2},
    ("landuse", "cemetery"): {"leisure": 3},
    ("tourism", "museum"): {"work": 5, "leisure": 6},
    ("tourism", "zoo"): {"work": 30, "leisure": 20},
    ("railway", "station"): {"work": 5, "station": 10},
    ("railway", "halt"): {"station": 3},
    ("amenity", "bus_station"): {"station": 5},
}
_JOBS_PER_HA: Final[Mapping[str, float]] = {"industrial": 30, "commercial": 50, "retail": 40}
_HOMES: Final[Mapping[str, float]] = {
    "house": 1,
    "detached": 1,
    "semidetached_house": 1,
    "bungalow": 1,
    "farm": 1,
    "terrace": 4,
    "residential": 2,
    "apartments": 6,
    "dormitory": 20,
    "yes": 1,
}
"""Dwellings of a building where `building:flats` says nothing; `yes` only with a house number."""
_FLATS_MAX: Final = 500
_NO_RAILWAY: Final = frozenset({"miniature", "funicular"})
_HA_M2: Final = 10_000.0
_KEYS: Final = tuple(sorted({key for key, _ in _DRAWS} | {"building", "landuse"}))


class Attractor(NamedTuple):
    """Something that draws people: its name, its place (degrees), how much it draws by purpose."""

    name: str
    lon: float
    lat: float
    draws: Mapping[str, float]


class House(NamedTuple):
    """A building with dwellings (degrees)."""

    lon: float
    lat: float
    dwellings: float


@dataclass(frozen=True)
class Surroundings:
    """What an OSM file knows; in a stable order."""

    attractors: tuple[Attractor, ...] = ()
    houses: tuple[House, ...] = ()


def draws_of(tags: Mapping[str, str], area_m2: float = 0.0) -> dict[str, float]:
    """How much an object with such tags draws, by purpose; the most of all its tags.

    Args:
        tags: of the object.
        area_m2: how large it is.
    """
    if "disused" in tags or tags.get("station") in _NO_RAILWAY:
        return {}
    found: dict[str, float] = {}
    for key in _KEYS:
        value = tags.get(key)
        if value in {None, "no", "vacant"}:
            continue
        draws = _DRAWS.get((key, str(value))) or _DRAWS.get((key, _ANY)) or {}
        if key == "landuse" and value in _JOBS_PER_HA:
            draws = {"work": _JOBS_PER_HA[value] * area_m2 / _HA_M2}
        for purpose, weight in draws.items():
            found[purpose] = max(weight, found.get(purpose, 0.0))
    return {purpose: weight for purpose, weight in found.items() if weight > 0}


def dwellings_of(tags: Mapping[str, str]) -> float:
    """How many dwellings a building with such tags has, 0 for other objects."""
    kind = tags.get("building", "")
    if kind not in _HOMES or (kind == "yes" and "addr:housenumber" not in tags):
        return 0.0
    if kind == "yes" and any(key in tags for key in ("amenity", "shop", "office")):
        return 0.0
    flats = tags.get("building:flats", "")
    return float(min(int(flats), _FLATS_MAX)) if flats.isdecimal() else float(_HOMES[kind])


def read_surroundings(path: Path, bounds: Bounds) -> Surroundings:
    """Buildings and attractors of an OSM file.

    Args:
        path: of the file.
        bounds: west, south, east, north in degrees: what lies outside is left out.

    Raises:
        DemandError: there is no such file, or it is not OSM data.
    """
    try:
        changed_ns = path.stat().st_mtime_ns
    except OSError as error:
        raise DemandError(f"{path}: extract: {error.strerror}") from error
    return _read(path, changed_ns, bounds)


@lru_cache(maxsize=4)
def _read(path: Path, _changed_ns: int, bounds: Bounds) -> Surroundings:
    """Sweeps make the demand of a town again and again; reading a large extract takes long."""
    import osmium  # noqa: PLC0415 - only here

    attractors, houses = [], []
    try:
        elements: Any = (
            osmium.FileProcessor(str(path), osmium.osm.NODE | osmium.osm.WAY)
            .with_locations()
            .with_filter(osmium.filter.KeyFilter(*_KEYS))
        )
        for element in elements:
            box = _box(element)
            if box is None or not _inside(box, bounds):
                continue
            tags = dict(element.tags)
            lon, lat = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            dwellings = dwellings_of(tags)
            if dwellings:
                houses.append(House(lon, lat, dwellings))
            draws = draws_of(tags, _area_m2(box))
            if draws:
                attractors.append(Attractor(tags.get("name", ""), lon, lat, draws))
    except (RuntimeError, ValueError, osmium.InvalidLocationError) as error:
        raise DemandError(f"{path}: extract: cannot be read as OSM data: {error}") from error
    attractors.sort(key=lambda found: (found.lon, found.lat, found.name, sorted(found.draws)))
    return Surroundings(tuple(attractors), tuple(sorted(houses)))


def _box(element: Any) -> Bounds | None:
    """West, south, east, north of a node or way; None without coordinates."""
    if element.is_node():
        places: Iterable[Any] = [element.location]
    elif element.is_way():
        places = [node.location for node in element.nodes]
    else:
        return None
    known = [(at.lon, at.lat) for at in places if at.valid()]
    if not known:
        return None
    lons, lats = zip(*known, strict=True)
    return (min(lons), min(lats), max(lons), max(lats))


def _inside(box: Bounds, bounds: Bounds) -> bool:
    lon, lat = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return bounds[0] <= lon <= bounds[2] and bounds[1] <= lat <= bounds[3]


def _area_m2(box: Bounds) -> float:
    """Of the bounding box, which is near enough for an estate."""
    east_m, north_m = metres_per_degree(box[1])
    return (box[2] - box[0]) * east_m * (box[3] - box[1]) * north_m
