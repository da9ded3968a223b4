"""Everything that can go wrong with roads, as types with a stable machine-readable code."""

from typing import ClassVar


class RoadsError(Exception):
    """Base of all errors of `routing.roads`; `code` never changes, the message may."""

    code: ClassVar[str] = "roads_error"


class NetworkUnavailableError(RoadsError):
    """A map server could not be reached, or did not answer usefully in time."""

    code = "roads_network_unavailable"


class PlaceNotFoundError(RoadsError):
    """The geocoder knows no area of that name."""

    code = "roads_place_not_found"


class ExtractNotFoundError(RoadsError):
    """The named OSM file does not exist."""

    code = "roads_extract_not_found"


class UnreadableExtractError(RoadsError):
    """The file is not OSM data that can be read to its end."""

    code = "roads_unreadable_extract"


class EmptyExtractError(RoadsError):
    """The file (or what is left of it after clipping) holds no drivable road network."""

    code = "roads_empty_extract"


class ExtractTooLargeError(RoadsError):
    """The file is larger than the limits allow."""

    code = "roads_extract_too_large"


class InvalidClipError(RoadsError):
    """The polygon or bounding box to clip to cannot be used."""

    code = "roads_invalid_clip"


class GraphNotFoundError(RoadsError):
    """There is no road graph of that name, or more than one and none was named."""

    code = "roads_graph_not_found"


class CorruptGraphError(RoadsError):
    """A stored graph is truncated, altered, or of another format version."""

    code = "roads_corrupt_graph"


class OutsideNetworkError(RoadsError):
    """A point is too far from any road."""

    code = "outside_network"


class UnreachableError(RoadsError):
    """No way leads there, for example because of a closure."""

    code = "unreachable"
