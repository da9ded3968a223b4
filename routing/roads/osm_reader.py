"""Reads an OSM file (.osm, .osm.gz, .osm.bz2, .osm.pbf) into ways, nodes and turn restrictions.

Only what roads need is kept: ways with a `highway` tag, the nodes they use, and restriction
relations. osmium does the parsing; nothing here knows what may be driven.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from routing.roads.errors import (
    ExtractNotFoundError,
    ExtractTooLargeError,
    UnreadableExtractError,
)
from routing.roads.tags import Tags

Progress = Callable[[str], None]
"""Called with a short line whenever a new step begins."""

SUFFIXES: Final = (".osm", ".osm.gz", ".osm.bz2", ".osm.pbf", ".pbf", ".xml")
RESTRICTION_KEYS: Final = (
    "restriction",
    "restriction:motor_vehicle",
    "restriction:motorcar",
    "restriction:psv",
    "restriction:bus",
)
_OSM_BASE: Final = re.compile(rb'osm_base="(\d{4}-\d{2}-\d{2})')
_NODE_KEYS: Final = frozenset(
    {
        "barrier",
        "highway",
        "crossing",
        "crossing:signals",
        "traffic_signals:direction",
        "direction",
        "railway",
        "bollard",
        "locked",
        "status",
        "access",
        "vehicle",
        "motor_vehicle",
        "motorcar",
        "psv",
        "bus",
        "minibus",
        "foot",
        "maxheight",
        "maxwidth",
        "maxlength",
        "maxweight",
    }
)


@dataclass(frozen=True)
class ReadLimits:
    """How large a file may be before it is refused."""

    max_bytes: int = 1_500_000_000
    max_nodes: int = 8_000_000
    """Nodes used by ways with a `highway` tag."""


@dataclass(frozen=True)
class OsmWay:
    """A way with its tags and the ids of its nodes, in order."""

    id: int
    tags: Tags
    nodes: tuple[int, ...]


@dataclass(frozen=True)
class OsmRestriction:
    """A turn restriction: way ids of its `from` and `to` members, node or way ids of its `via`."""

    id: int
    tags: Tags
    from_ways: tuple[int, ...]
    to_ways: tuple[int, ...]
    via_nodes: tuple[int, ...]
    via_ways: tuple[int, ...]


@dataclass(frozen=True)
class Extract:
    """What a file holds about roads. `node_ids` is sorted; `node_lon/lat` go with it."""

    ways: tuple[OsmWay, ...]
    restrictions: tuple[OsmRestriction, ...]
    node_ids: NDArray[np.int64]
    node_lon: NDArray[np.float64]
    node_lat: NDArray[np.float64]
    node_tags: dict[int, Tags]
    date: str
    generator: str
    sha256: str
    source: str
    missing_nodes: int = 0

    def index_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions of node ids in `node_ids`; -1 where the file does not have the node."""
        if len(self.node_ids) == 0:
            return np.full(len(ids), -1, np.int64)
        found = np.searchsorted(self.node_ids, ids)
        found = np.minimum(found, len(self.node_ids) - 1)
        return np.where(self.node_ids[found] == ids, found, -1)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_extract(
    path: Path,
    *,
    limits: ReadLimits | None = None,
    progress: Progress = lambda _: None,
) -> Extract:
    """Reads everything about roads from an OSM file.

    Args:
        path: file in a format osmium knows, told by its suffix.
        limits: refuse larger files.
        progress: told what is being read.

    Returns:
        the extract; ways whose nodes are partly missing keep their full list of ids.

    Raises:
        ExtractNotFoundError: no such file.
        UnreadableExtractError: not OSM data, or damaged.
        ExtractTooLargeError: beyond the limits.
    """
    limits = limits or ReadLimits()
    if not path.is_file():
        raise ExtractNotFoundError(f"there is no file {path}")
    if not path.name.lower().endswith(SUFFIXES):
        raise UnreadableExtractError(f"{path.name} is not named like one of {', '.join(SUFFIXES)}")
    size = path.stat().st_size
    if size > limits.max_bytes:
        raise ExtractTooLargeError(
            f"{path.name} has {size / 1e6:.0f} MB, more than the {limits.max_bytes / 1e6:.0f} MB "
            "allowed; cut it with --clip or --bbox in another tool, or raise the limit"
        )
    try:
        return _read(path, limits, progress)
    except RuntimeError as error:
        raise UnreadableExtractError(f"{path.name} cannot be read as OSM data: {error}") from error


def _read(path: Path, limits: ReadLimits, progress: Progress) -> Extract:
    progress(f"reading the ways of {path.name} ({path.stat().st_size / 1e6:.1f} MB)")
    ways, restrictions = _read_ways(path, limits)
    used = np.unique(
        np.fromiter((node for way in ways for node in way.nodes), np.int64)
        if ways
        else np.empty(0, np.int64)
    )
    if len(used) > limits.max_nodes:
        raise ExtractTooLargeError(
            f"{path.name} has {len(used)} road nodes, more than the {limits.max_nodes} allowed"
        )
    progress(f"reading {len(used)} nodes of {len(ways)} ways")
    lon, lat, tags = _read_nodes(path, used)
    present = np.isfinite(lon)
    header = _header(path)
    return Extract(
        ways=tuple(ways),
        restrictions=tuple(restrictions),
        node_ids=used[present],
        node_lon=lon[present],
        node_lat=lat[present],
        node_tags=tags,
        date=header["date"],
        generator=header["generator"],
        sha256=file_sha256(path),
        source=path.name,
        missing_nodes=int(np.count_nonzero(~present)),
    )


def _osmium_file(path: Path) -> Any:
    import osmium  # noqa: PLC0415 - costs time that `import routing.roads` must not

    return osmium.io.File(str(path), "osm" if path.suffix == ".xml" else "")


def _header(path: Path) -> dict[str, str]:
    import osmium  # noqa: PLC0415

    header = osmium.io.Reader(_osmium_file(path), osmium.osm.NOTHING).header()
    stamp = header.get("osmosis_replication_timestamp") or header.get("timestamp")
    return {"date": stamp[:10] or _overpass_date(path), "generator": header.get("generator")}


def _overpass_date(path: Path) -> str:
    """The date in Overpass's own `<meta osm_base="...">`, or ""."""
    if path.suffix not in {".osm", ".xml"}:
        return ""
    with path.open("rb") as file:
        match = _OSM_BASE.search(file.read(4096))
    return match.group(1).decode() if match else ""


def _read_ways(path: Path, limits: ReadLimits) -> tuple[list[OsmWay], list[OsmRestriction]]:
    import osmium  # noqa: PLC0415

    ways: list[OsmWay] = []
    restrictions: list[OsmRestriction] = []
    references = 0
    wanted = osmium.filter.KeyFilter("highway", *RESTRICTION_KEYS)
    entities = osmium.osm.WAY | osmium.osm.RELATION
    items: Any = osmium.FileProcessor(_osmium_file(path), entities).with_filter(wanted)
    for item in items:
        tags = dict(item.tags)
        if item.is_way():
            if "highway" in tags:
                ways.append(OsmWay(item.id, tags, tuple(node.ref for node in item.nodes)))
                references += len(item.nodes)
            if references > 2 * limits.max_nodes:
                raise ExtractTooLargeError(
                    f"{path.name} has more road nodes than the {limits.max_nodes} allowed"
                )
        elif tags.get("type", "restriction").startswith("restriction"):
            restrictions.append(_restriction(item, tags))
    ways.sort(key=lambda way: way.id)
    restrictions.sort(key=lambda restriction: restriction.id)
    return ways, restrictions


def _restriction(relation: Any, tags: Tags) -> OsmRestriction:
    members = [(member.type, member.role, member.ref) for member in relation.members]

    def refs(kind: str, role: str) -> tuple[int, ...]:
        return tuple(ref for k, r, ref in members if (k, r) == (kind, role))

    return OsmRestriction(
        id=relation.id,
        tags=tags,
        from_ways=refs("w", "from"),
        to_ways=refs("w", "to"),
        via_nodes=refs("n", "via"),
        via_ways=refs("w", "via"),
    )


def _read_nodes(
    path: Path, used: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[int, Tags]]:
    import osmium  # noqa: PLC0415

    lon = np.full(len(used), np.nan)
    lat = np.full(len(used), np.nan)
    tags: dict[int, Tags] = {}
    nodes: Any = osmium.FileProcessor(_osmium_file(path), osmium.osm.NODE)
    if len(used) and used[0] >= 0:
        # The filter works in C++ and spares Python most of the file, but knows no negative ids.
        nodes = nodes.with_filter(osmium.filter.IdFilter(used.tolist()))
    position = {int(node): index for index, node in enumerate(used)}
    for node in nodes:
        index = position.get(node.id)
        if index is None or not node.location.valid():
            continue
        lon[index], lat[index] = node.lon, node.lat
        if len(node.tags):
            kept = {key: value for key, value in node.tags if key in _NODE_KEYS}
            if kept:
                tags[node.id] = kept
    return lon, lat, tags


def import_date(extract: Extract, given: str | None) -> str:
    """The extract's date: as given, else as the file says, else "" (unknown)."""
    if given is None:
        return extract.date
    return datetime.fromisoformat(given).replace(tzinfo=UTC).date().isoformat()
