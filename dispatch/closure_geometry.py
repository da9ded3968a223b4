"""Lines and points as people write them down: WKT, GeoJSON, or pairs of lon and lat."""

import math
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from dispatch.domain.closures import Line

_NUMBER: Final = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_PAIR: Final = re.compile(rf"\s*({_NUMBER})\s*[,\s]\s*({_NUMBER})\s*", re.ASCII)
_WKT: Final = re.compile(r"\s*(?:SRID=4326;)?\s*([A-Z]+)\s*\((.*)\)\s*", re.IGNORECASE | re.DOTALL)
_KM_PER_DEGREE: Final = 111.2


class WrongValueError(Exception):
    """One value is wrong.

    Attributes:
        code: stable snake_case identifier.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def from_geojson(geometry: Mapping[str, Any]) -> tuple[Line, ...]:
    """The lines of a GeoJSON geometry; a point is a line of one point.

    Raises:
        WrongValueError: it is of another type, or cannot be read.
    """
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    try:
        if kind == "Point":
            return ((_point(coordinates),),)
        if kind == "LineString":
            return (tuple(map(_point, coordinates)),)  # type: ignore[arg-type]
        if kind == "MultiLineString":
            return tuple(tuple(map(_point, line)) for line in coordinates)  # type: ignore[union-attr]
    except (TypeError, ValueError, LookupError, OverflowError) as error:
        raise WrongValueError("geometry", "the coordinates cannot be read") from error
    raise WrongValueError("geometry", "not a Point, LineString or MultiLineString")


def _point(position: Any) -> tuple[float, float]:
    lon, lat = position[0], position[1]
    if any(isinstance(value, bool | str) for value in (lon, lat)):
        raise TypeError("not a number")
    return float(lon), float(lat)


def from_text(text: str) -> tuple[Line, ...]:
    """The lines of a WKT geometry, or of `lon lat; lon lat; ...`.

    Raises:
        WrongValueError: it is neither.
    """
    match = _WKT.fullmatch(text)
    if match is None:
        return (tuple(_pair(part) for part in text.strip("; ").split(";")),)
    kind, inside = match[1].upper(), match[2]
    if kind == "POINT":
        return ((_pair(inside),),)
    if kind == "LINESTRING":
        return (tuple(map(_pair, inside.split(","))),)
    if kind == "MULTILINESTRING":
        parts = re.findall(r"\(([^()]*)\)", inside)
        return tuple(tuple(map(_pair, part.split(","))) for part in parts)
    raise WrongValueError("geometry", "not a POINT, LINESTRING or MULTILINESTRING")


def _pair(text: str) -> tuple[float, float]:
    match = _PAIR.fullmatch(text)
    if match is None:
        raise WrongValueError("geometry", "not WKT and not `lon lat; lon lat`")
    return float(match[1]), float(match[2])


def length_km(line: Line) -> float:
    """Roughly how long a line is, good enough for a limit."""
    squeeze = math.cos(math.radians(line[0][1]))
    return sum(
        math.hypot((b[0] - a[0]) * squeeze, b[1] - a[1]) * _KM_PER_DEGREE for a, b in pairwise(line)
    )
