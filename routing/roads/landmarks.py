"""Places and landmarks of an OSM file by which people name a spot: towns, stations, schools."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from routing.roads.errors import ExtractNotFoundError, UnreadableExtractError

if TYPE_CHECKING:
    import osmium

PLACE_REACH_M: Final[Mapping[str, float]] = {
    "city": 6_000.0,
    "town": 3_000.0,
    "suburb": 1_500.0,
    "village": 1_000.0,
    "hamlet": 500.0,
}
"""How far a settlement of a class typically reaches; nearness is measured in it."""

_POI_RANK: Final[Mapping[tuple[str, str], int]] = {
    ("railway", "station"): 0,
    ("railway", "halt"): 0,
    ("amenity", "bus_station"): 0,
    ("amenity", "townhall"): 1,
    ("amenity", "hospital"): 1,
    ("amenity", "marketplace"): 1,
    ("amenity", "university"): 2,
    ("amenity", "school"): 2,
    ("amenity", "library"): 3,
    ("amenity", "theatre"): 3,
    ("leisure", "sports_centre"): 3,
    ("leisure", "swimming_pool"): 4,
    ("amenity", "community_centre"): 4,
    ("amenity", "nursing_home"): 4,
    ("amenity", "kindergarten"): 5,
    ("amenity", "place_of_worship"): 5,
    ("amenity", "pharmacy"): 6,
    ("landuse", "cemetery"): 5,
    ("shop", "supermarket"): 5,
    ("leisure", "park"): 6,
}


class Landmark(NamedTuple):
    """A named spot; `rank` 0 is known to everybody, larger is less known."""

    name: str
    kind: str
    rank: int
    lon: float
    lat: float


class Settlement(NamedTuple):
    """A place node; `reach_m` is how far its class typically reaches."""

    name: str
    reach_m: float
    lon: float
    lat: float


@dataclass(frozen=True)
class Landmarks:
    """Everything that names are made of, besides streets; sorted, so that order is stable."""

    settlements: tuple[Settlement, ...] = ()
    pois: tuple[Landmark, ...] = ()

    def save(self, path: Path) -> None:
        """Writes them as JSON, so that later starts need no extract."""
        temporary = path.with_name(f".{path.name}.part")
        rows = {"settlements": self.settlements, "pois": self.pois}
        temporary.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Landmarks":
        """Reads what `save` wrote; none if there is no such file."""
        if not path.is_file():
            return cls()
        rows = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            tuple(Settlement(*row) for row in rows["settlements"]),
            tuple(Landmark(*row) for row in rows["pois"]),
        )


def poi_kind(tags: Mapping[str, str]) -> tuple[str, int] | None:
    """Class ("station", "school", …) and rank of an object's tags; None if it is no landmark."""
    found = [
        (rank, value)
        for (key, value), rank in _POI_RANK.items()
        if tags.get(key) == value and "disused" not in tags
    ]
    return (min(found)[1], min(found)[0]) if found else None


def read_landmarks(extract: Path) -> Landmarks:
    """Named settlements and landmarks of an OSM file; areas count as their middle.

    Raises:
        ExtractNotFoundError: no such file.
        UnreadableExtractError: not OSM data, or damaged.
    """
    import osmium  # noqa: PLC0415 - costs time that reading stored stops must not

    if not extract.is_file():
        raise ExtractNotFoundError(f"there is no file {extract}")
    settlements: set[Settlement] = set()
    pois: set[Landmark] = set()
    try:
        reader = (
            osmium.FileProcessor(str(extract), osmium.osm.NODE | osmium.osm.WAY)
            .with_locations()
            .with_filter(osmium.filter.KeyFilter("name"))
        )
        for element in reader:
            if not isinstance(element, osmium.osm.Node | osmium.osm.Way):
                continue
            tags = dict(element.tags)
            spot = _spot(element)
            if spot is None:
                continue
            reach = PLACE_REACH_M.get(tags.get("place", ""))
            if reach is not None and isinstance(element, osmium.osm.Node):
                settlements.add(Settlement(tags["name"], reach, *spot))
            kind = poi_kind(tags)
            if kind is not None:
                pois.add(Landmark(tags["name"], *kind, *spot))
    except (RuntimeError, ValueError, osmium.InvalidLocationError) as error:
        raise UnreadableExtractError(f"{extract.name}: {error}") from error
    return Landmarks(tuple(sorted(settlements)), tuple(sorted(pois)))


def _spot(element: "osmium.osm.Node | osmium.osm.Way") -> tuple[float, float] | None:
    """Position of a node, or the middle of a way's bounding box."""
    import osmium  # noqa: PLC0415 - as above

    if isinstance(element, osmium.osm.Node):
        return (round(element.location.lon, 7), round(element.location.lat, 7))
    known = [n.location for n in element.nodes if n.location.valid()]
    if not known:
        return None
    lons, lats = [at.lon for at in known], [at.lat for at in known]
    return (round((min(lons) + max(lons)) / 2, 7), round((min(lats) + max(lats)) / 2, 7))
