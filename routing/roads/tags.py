"""Which OSM ways a public minibus may use, in which directions, and which ways people may walk.

Pure functions of a way's or node's tags. Keys and values: wiki.openstreetmap.org, "Key:access",
"Key:oneway", "Key:barrier"; the choices that are ours are explained in docs/roads.md.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Tags = Mapping[str, str]
Direction = Literal["forward", "backward"]

HIGHWAYS: Final = (
    "motorway",
    "motorway_link",
    "trunk",
    "trunk_link",
    "primary",
    "primary_link",
    "secondary",
    "secondary_link",
    "tertiary",
    "tertiary_link",
    "unclassified",
    "residential",
    "living_street",
    "service",
    "road",
    "track",
    "busway",
    "pedestrian",
)
"""Drivable classes; `RoadGraph.arc_highway` is an index into this tuple. Append only."""

HIGHWAY_INDEX: Final = {name: index for index, name in enumerate(HIGHWAYS)}
FAST_ROADS: Final = frozenset({"motorway", "motorway_link", "trunk", "trunk_link"})

_ACCESS_KEYS: Final = ("minibus", "bus", "psv", "motorcar", "motor_vehicle", "vehicle", "access")
_BUS_KEYS: Final = frozenset({"minibus", "bus", "psv"})
_OPEN: Final = frozenset({"yes", "permissive", "designated", "official", "public", "psv", "bus"})
_RESTRICTED: Final = frozenset({"destination", "customers", "residents"})
_CLOSED: Final = frozenset(
    {
        "no",
        "private",
        "permit",
        "agricultural",
        "forestry",
        "delivery",
        "emergency",
        "military",
        "employees",
        "staff",
        "discouraged",
        "use_sidepath",
        "dismount",
        "hov",
        "taxi",
        "hgv",
        "bicycle",
        "foot",
    }
)
_NEEDS_PERMISSION: Final = frozenset({"pedestrian"})
_SEALED: Final = frozenset({"asphalt", "concrete", "paved", "paving_stones"})
_UNUSABLE_SERVICE: Final = frozenset({"emergency_access", "drive-through", "drive-thru"})

Permission = Literal["open", "restricted", "closed"]


def _values(value: str) -> list[str]:
    return [part.strip().lower() for part in value.split(";") if part.strip()]


def _judge(value: str) -> Permission | None:
    """The most generous of a value's parts; None if none of them is known."""
    parts = _values(value)
    if any(part in _OPEN for part in parts):
        return "open"
    if any(part in _RESTRICTED for part in parts):
        return "restricted"
    if any(part in _CLOSED for part in parts):
        return "closed"
    return None


def access_permission(
    tags: Tags, direction: Direction | None = None
) -> tuple[Permission, str] | None:
    """What the most specific access tag says to a bus in public service.

    Args:
        tags: the way's or node's tags.
        direction: if given, `bus:forward` and the like win over `bus`.

    Returns:
        the permission and the key that gave it, or None without any usable access tag.
    """
    for key in _ACCESS_KEYS:
        for name in (f"{key}:{direction}", key) if direction else (key,):
            value = tags.get(name)
            if value is not None and (verdict := _judge(value)) is not None:
                return verdict, key
    return None


def drivable(tags: Tags, direction: Direction | None = None) -> Permission:
    """Whether a public minibus may use a way at all, one-way rules apart.

    "restricted" ways are open to those with business there (`destination`, `customers`): the
    shuttle may serve them, but should not take a short cut through them.
    """
    highway = tags.get("highway", "")
    if highway not in HIGHWAY_INDEX or tags.get("area") == "yes":
        return "closed"
    said = access_permission(tags, direction)
    permission: Permission = "open" if said is None else said[0]
    key = None if said is None else said[1]
    if highway in _NEEDS_PERMISSION and (key not in _BUS_KEYS or permission == "closed"):
        return "closed"
    if highway == "busway":
        return "closed" if key in _BUS_KEYS and permission == "closed" else "open"
    if highway == "track" and (key is None or key == "access") and not _firm_track(tags):
        return "closed"
    if tags.get("service") in _UNUSABLE_SERVICE and key not in _BUS_KEYS:
        return "closed"
    return permission


def _firm_track(tags: Tags) -> bool:
    tracktype = tags.get("tracktype")
    return tracktype == "grade1" or (tracktype is None and tags.get("surface") in _SEALED)


def bus_only(tags: Tags) -> bool:
    """Whether the way is open to buses but closed to general motor traffic."""
    if tags.get("highway") in {"busway", "pedestrian"}:
        return True
    said = access_permission(tags)
    if said is None or said[1] not in _BUS_KEYS:
        return False
    general = {key: value for key, value in tags.items() if key not in _BUS_KEYS}
    rest = access_permission(general)
    return rest is not None and rest[0] == "closed"


_ONEWAY_FORWARD: Final = frozenset({"yes", "true", "1"})
_ONEWAY_BACKWARD: Final = frozenset({"-1", "reverse"})
_ONEWAY_NO: Final = frozenset({"no", "false", "0", "alternating"})
_OPPOSITE_BUSWAY: Final = frozenset({"opposite", "opposite_lane", "opposite_track"})


def directions(tags: Tags) -> tuple[bool, bool]:
    """Directions a bus may drive as far as one-way rules go.

    Returns:
        (along the way's node order, against it). `reversible` is closed both ways, since nobody
        can know when which way is open; exceptions for buses win over the general rule.
    """
    for key in ("oneway:minibus", "oneway:bus", "oneway:psv", "oneway:motor_vehicle", "oneway"):
        value = tags.get(key, "").strip().lower()
        if value in _ONEWAY_NO:
            return True, True
        if value == "reversible":
            return False, False
        if value in _ONEWAY_FORWARD:
            return True, _contraflow_bus_lane(tags)
        if value in _ONEWAY_BACKWARD:
            return _contraflow_bus_lane(tags), True
    implied = tags.get("junction") in {"roundabout", "circular"} or tags.get("highway") in {
        "motorway",
        "motorway_link",
    }
    return True, not implied


def _contraflow_bus_lane(tags: Tags) -> bool:
    return any(
        tags.get(key) in _OPPOSITE_BUSWAY for key in ("busway", "busway:left", "busway:right")
    )


@dataclass(frozen=True)
class VehicleSize:
    """Outer measures of the largest vehicle in service, against `maxheight` and its like."""

    height_m: float = 2.8
    width_m: float = 2.1
    length_m: float = 7.5
    weight_t: float = 3.5


_METRES_OR_TONNES: Final = re.compile(r"^(\d+(?:[.,]\d+)?)\s*(?:m|t|tonnes|metres)?$")


def parse_limit(value: str | None) -> float | None:
    """A physical limit in metres or tonnes ("3.5", "3,5 t"); None if absent or not understood."""
    match = _METRES_OR_TONNES.match((value or "").strip().lower())
    return float(match.group(1).replace(",", ".")) if match else None


def fits(tags: Tags, size: VehicleSize) -> bool:
    """Whether a vehicle of this size fits where the tags' physical limits are signed."""
    for keys, own in (
        (("maxheight", "maxheight:physical"), size.height_m),
        (("maxwidth", "maxwidth:physical"), size.width_m),
        (("maxlength",), size.length_m),
        (("maxweight:bus", "maxweight"), size.weight_t),
    ):
        limit = next((x for x in map(parse_limit, map(tags.get, keys)) if x is not None), None)
        if limit is not None and limit < own:
            return False
    return True


_PASSABLE_BARRIERS: Final = frozenset(
    {
        "border_control",
        "cattle_grid",
        "entrance",
        "kerb",
        "lift_gate",
        "no",
        "sally_port",
        "toll_booth",
        "height_restrictor",
        "sump_buster",
        "bus_trap",
        "gate",
    }
)


def barrier_blocks(tags: Tags, size: VehicleSize | None = None) -> bool:
    """Whether a node stops a bus: bollards, blocks, locked or private gates, low bridges.

    A plain gate without further tags is taken as openable; only `locked=yes` or an access tag
    closes it. Access tags for buses win over the kind of barrier.
    """
    if size is not None and not fits(tags, size):
        return True
    barrier = tags.get("barrier")
    said = access_permission(tags)
    closed = said is not None and said[0] == "closed"
    if barrier is None:
        return closed and "highway" not in tags
    if closed or (said is not None and said[1] != "access"):
        return closed
    if tags.get("locked") == "yes":
        return True
    opens = tags.get("status") == "open" or tags.get("bollard") == "rising"
    return barrier not in _PASSABLE_BARRIERS and not opens


_WALK_ALWAYS: Final = frozenset(
    {
        "footway",
        "path",
        "pedestrian",
        "steps",
        "track",
        "cycleway",
        "bridleway",
        "platform",
        "living_street",
        "residential",
        "unclassified",
        "service",
        "road",
        "tertiary",
        "tertiary_link",
        "secondary",
        "secondary_link",
        "primary",
        "primary_link",
    }
)
_WALK_IF_TAGGED: Final = frozenset({"trunk", "trunk_link", "motorway_link", "busway"})
_FOOT_OPEN: Final = frozenset(
    {"yes", "designated", "permissive", "official", "public", "destination", "customers"}
)
_FOOT_CLOSED: Final = frozenset(
    {"no", "private", "use_sidepath", "permit", "military", "emergency"}
)


def _foot(tags: Tags, *keys: str) -> bool | None:
    for key in keys:
        parts = _values(tags.get(key, ""))
        if any(part in _FOOT_OPEN for part in parts):
            return True
        if any(part in _FOOT_CLOSED for part in parts):
            return False
    return None


def has_sidewalk(tags: Tags) -> bool:
    """Whether a road carries a sidewalk of its own on either side."""
    keys = ("sidewalk", "sidewalk:both", "sidewalk:left", "sidewalk:right")
    return any(tags.get(key) in {"yes", "both", "left", "right"} for key in keys)


def walkable(tags: Tags) -> bool:
    """Whether people may and can walk along a way; motorways never, trunks only where tagged."""
    highway = tags.get("highway", "")
    said = _foot(tags, "foot", "access")
    if highway in _WALK_IF_TAGGED:
        return _foot(tags, "foot") is True or (said is not False and has_sidewalk(tags))
    return highway in _WALK_ALWAYS and said is not False


def barrier_blocks_walkers(tags: Tags) -> bool:
    """Whether a node stops people on foot: only what is locked or explicitly closed to them."""
    if "barrier" not in tags:
        return False
    foot = _foot(tags, "foot")
    if foot is not None:
        return not foot
    if tags.get("locked") == "yes":
        return True
    return tags["barrier"] in {"gate", "fence", "wall"} and _foot(tags, "access") is False
