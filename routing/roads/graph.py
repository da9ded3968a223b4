"""The road graph: numpy arrays in one memory-mapped file.

The state of a vehicle is a directed arc, not a node, so that turn restrictions and turn penalties
are exact. All times are integer milliseconds.
"""

import hashlib
import json
import math
import mmap
import os
import tempfile
from dataclasses import dataclass
from enum import IntFlag
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.roads.errors import CorruptGraphError, GraphNotFoundError
from routing.roads.manifest import Manifest
from routing.roads.tags import HIGHWAYS

__all__ = ["HIGHWAYS", "ArcFlag", "Place", "RoadGraph", "position_of"]

Rings = tuple[tuple[tuple[tuple[float, float], ...], ...], ...]

_MAGIC: Final = b"RUFBUSG1"
_ALIGN: Final = 64
_MAX_HEADER_BYTES: Final = 256 * 1024 * 1024
_EARTH_RADIUS_M: Final = 6_371_008.8


class Place(NamedTuple):
    """A point on a directed arc: `offset_ms` driving milliseconds after its start."""

    arc: int
    offset_ms: int


class ArcFlag(IntFlag):
    """Bits of `RoadGraph.arc_flags`."""

    BRIDGE = 1
    TUNNEL = 2
    ROUNDABOUT = 4
    SIDEWALK = 8
    BUS_ONLY = 16
    RESTRICTED = 32
    SIGNAL = 64
    URBAN = 128


_DTYPES: Final[dict[str, type[np.generic]]] = {
    "node_lon": np.float64,
    "node_lat": np.float64,
    "node_osm_id": np.int64,
    "arc_from": np.int32,
    "arc_to": np.int32,
    "arc_twin": np.int32,
    "arc_length_m": np.float32,
    "arc_time_ms": np.int32,
    "arc_highway": np.uint8,
    "arc_name": np.int32,
    "arc_way": np.int64,
    "arc_flags": np.uint8,
    "geometry_offset": np.int32,
    "geometry_lon": np.float64,
    "geometry_lat": np.float64,
    "turn_offset": np.int32,
    "turn_to": np.int32,
    "turn_time_ms": np.int32,
    "walk_lon": np.float64,
    "walk_lat": np.float64,
    "walk_from": np.int32,
    "walk_to": np.int32,
    "walk_length_m": np.float32,
    "walk_name": np.int32,
}


@dataclass(frozen=True, eq=False)
class ReverseTurns:
    """Turns onto arc b: from `origin[offset[b]:offset[b + 1]]`, costing `time_ms[...]`."""

    offset: NDArray[np.int32]
    origin: NDArray[np.int32]
    time_ms: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class RoadGraph:
    """Roads a minibus can use, every arc reachable from every other, and ways people walk.

    N nodes, A arcs, T turns, G geometry points, W walk nodes, E undirected walk edges. The turns
    from the end of arc `a` are `turn_to[turn_offset[a]:turn_offset[a + 1]]`; its polyline, from
    start to end, `geometry_lon/lat[geometry_offset[a]:geometry_offset[a + 1]]`. Coordinates are
    WGS84 degrees. `arc_twin` is the reverse arc of the same road or -1; `arc_time_ms` >= 1
    includes waiting at signals on the arc or at its end. `area` is the polygon the extract was
    clipped to, as GeoJSON MultiPolygon coordinates, or None.
    """

    manifest: Manifest
    names: tuple[str, ...]
    node_lon: NDArray[np.float64]
    node_lat: NDArray[np.float64]
    node_osm_id: NDArray[np.int64]
    arc_from: NDArray[np.int32]
    arc_to: NDArray[np.int32]
    arc_twin: NDArray[np.int32]
    arc_length_m: NDArray[np.float32]
    arc_time_ms: NDArray[np.int32]
    arc_highway: NDArray[np.uint8]
    arc_name: NDArray[np.int32]
    arc_way: NDArray[np.int64]
    arc_flags: NDArray[np.uint8]
    geometry_offset: NDArray[np.int32]
    geometry_lon: NDArray[np.float64]
    geometry_lat: NDArray[np.float64]
    turn_offset: NDArray[np.int32]
    turn_to: NDArray[np.int32]
    turn_time_ms: NDArray[np.int32]
    walk_lon: NDArray[np.float64]
    walk_lat: NDArray[np.float64]
    walk_from: NDArray[np.int32]
    walk_to: NDArray[np.int32]
    walk_length_m: NDArray[np.float32]
    walk_name: NDArray[np.int32]
    area: Rings | None = None

    def __post_init__(self) -> None:
        for name, dtype in _DTYPES.items():
            array = getattr(self, name)
            if array.dtype != dtype:
                raise TypeError(f"{name} must be {np.dtype(dtype)}, not {array.dtype}")
            array.setflags(write=False)

    @property
    def nodes(self) -> int:
        """Number of junctions and road ends."""
        return len(self.node_lon)

    @property
    def arcs(self) -> int:
        """Number of directed arcs."""
        return len(self.arc_from)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all arrays: two graphs with the same digest route alike."""
        digest = hashlib.sha256()
        for name in _DTYPES:
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        return digest.hexdigest()

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees."""
        lon, lat = self.geometry_lon, self.geometry_lat
        return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())

    @cached_property
    def reverse_turns(self) -> "ReverseTurns":
        """The turns by the arc they lead to."""
        order = np.argsort(self.turn_to, kind="stable")
        origin = np.repeat(np.arange(self.arcs, dtype=np.int32), np.diff(self.turn_offset))
        counts = np.bincount(self.turn_to, minlength=self.arcs)
        return ReverseTurns(
            offset=np.concatenate(([0], np.cumsum(counts))).astype(np.int32),
            origin=origin[order],
            time_ms=self.turn_time_ms[order],
        )

    def arc_geometry(self, arc: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Longitudes and latitudes of one arc's polyline, from its start to its end."""
        part = slice(int(self.geometry_offset[arc]), int(self.geometry_offset[arc + 1]))
        return self.geometry_lon[part], self.geometry_lat[part]

    def polyline(self, arcs: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Longitudes and latitudes of arcs driven one after the other, from end to end."""
        begin = self.geometry_offset[arcs].astype(np.int64)
        count = self.geometry_offset[arcs + 1] - begin
        before = np.cumsum(count) - count
        points = np.repeat(begin - before, count) + np.arange(int(count.sum()))
        return self.geometry_lon[points], self.geometry_lat[points]

    def name_of(self, arc: int) -> str:
        """Street name of an arc, or its number (B 58), or "" if it has none."""
        return self.names[int(self.arc_name[arc])]

    def save(self, path: Path) -> None:
        """Writes the graph to one file, atomically: the old file stays until the new is whole.

        Raises:
            OSError: if the folder cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        header, arrays = self._layout()
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            try:
                file.write(_MAGIC)
                file.write(len(header).to_bytes(8, "little"))
                file.write(hashlib.sha256(header).digest())
                file.write(header)
                for array in arrays:
                    file.write(b"\0" * (-file.tell() % _ALIGN))
                    file.write(array.tobytes())
                file.flush()
                os.fsync(file.fileno())
                temporary.chmod(0o644)
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def _layout(self) -> tuple[bytes, list[NDArray[Any]]]:
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in _DTYPES}
        header = {
            "manifest": self.manifest.to_json(),
            "names": list(self.names),
            "area": self.area,
            "digest": self.digest,
            "arrays": [
                {"name": name, "dtype": array.dtype.str, "length": len(array)}
                for name, array in arrays.items()
            ],
        }
        return json.dumps(header, ensure_ascii=False).encode(), list(arrays.values())

    @classmethod
    def load(cls, path: Path) -> "RoadGraph":
        """Opens a stored graph; its arrays are read-only views of the memory-mapped file.

        Raises:
            GraphNotFoundError: there is no such file.
            CorruptGraphError: the file is truncated, altered or of another version.
        """
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < len(_MAGIC) + 8 + 32:
                    raise CorruptGraphError(f"{path} is too short to be a road graph")
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise GraphNotFoundError(f"there is no road graph at {path}") from None
        header, position = _read_header(data, path)
        try:
            arrays = _map_arrays(data, header["arrays"], position)
            graph = cls(
                manifest=Manifest.from_json(header["manifest"]),
                names=tuple(header["names"]),
                area=_as_rings(header["area"]),
                **arrays,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptGraphError(f"{path} is damaged: {error}") from error
        graph.__dict__["digest"] = header["digest"]
        return graph


def _read_header(data: mmap.mmap, path: Path) -> tuple[dict[str, Any], int]:
    start = len(_MAGIC) + 8 + 32
    if data[: len(_MAGIC)] != _MAGIC:
        raise CorruptGraphError(f"{path} is not a road graph of this version")
    length = int.from_bytes(data[len(_MAGIC) : len(_MAGIC) + 8], "little")
    if length > min(len(data), _MAX_HEADER_BYTES):
        raise CorruptGraphError(f"{path} is truncated")
    raw = data[start : start + length]
    if hashlib.sha256(raw).digest() != data[len(_MAGIC) + 8 : start]:
        raise CorruptGraphError(f"{path} has a damaged header")
    header: dict[str, Any] = json.loads(raw)
    return header, start + length


def _map_arrays(
    data: mmap.mmap, layout: list[dict[str, Any]], position: int
) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for entry in layout:
        position += -position % _ALIGN
        dtype, length = np.dtype(entry["dtype"]), int(entry["length"])
        if position + length * dtype.itemsize > len(data):
            raise ValueError("an array is truncated")
        arrays[entry["name"]] = (
            np.frombuffer(data, dtype, length, position) if length else np.empty(0, dtype)
        )
        position += length * dtype.itemsize
    if position != len(data):
        raise ValueError("there are bytes left over")
    if set(arrays) != set(_DTYPES):
        raise ValueError("an array is missing")
    return arrays


def _as_rings(area: list[Any] | None) -> Rings | None:
    if area is None:
        return None
    return tuple(
        tuple(tuple((float(x), float(y)) for x, y in ring) for ring in polygon) for polygon in area
    )


def metres_per_degree(lat: float) -> tuple[float, float]:
    """Length of one degree of longitude and of latitude near a latitude, in metres."""
    per_lat = math.radians(1.0) * _EARTH_RADIUS_M
    return per_lat * math.cos(math.radians(lat)), per_lat


def segment_lengths_m(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Great-circle lengths between consecutive points, in metres (haversine)."""
    lam, phi = np.radians(lon), np.radians(lat)
    half = (
        np.sin(np.diff(phi) / 2) ** 2
        + np.cos(phi[:-1]) * np.cos(phi[1:]) * np.sin(np.diff(lam) / 2) ** 2
    )
    lengths: NDArray[np.float64] = 2 * _EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(half, 1)))
    return lengths


def position_of(graph: RoadGraph, place: Place) -> tuple[float, float]:
    """Longitude and latitude of a place; time is taken as evenly spread along the arc."""
    lon, lat = graph.arc_geometry(place.arc)
    fraction = place.offset_ms / int(graph.arc_time_ms[place.arc])
    along = np.concatenate(([0.0], np.cumsum(segment_lengths_m(lon, lat))))
    where = min(max(fraction, 0.0), 1.0) * along[-1]
    return float(np.interp(where, along, lon)), float(np.interp(where, along, lat))
