"""How fast a minibus drives: speed by class and limit, penalties at signals, junctions and turns.

Figures come from OSRM's car profile (github.com/Project-OSRM/osrm-backend, profiles/car.lua)
unless docs/roads.md says otherwise. A town may override any of them.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from routing.roads.tags import Direction, Tags

WALKING_PACE_KMH: Final = 7.0
"""What "Schrittgeschwindigkeit" allows; OSRM and OSM's wiki use the same figure."""

_MPH_IN_KMH: Final = 1.609344
_NUMBER: Final = re.compile(r"^(\d+(?:\.\d+)?)\s*(km/h|kmh|kph|mph)?$")
_ZONE: Final = re.compile(r"^(?:[a-z]{2}:)?(?:zone:?|bicycle_road:?)?(\d{1,3})$")
_NAMED_LIMITS: Final = MappingProxyType(
    {
        "none": math.inf,
        "walk": WALKING_PACE_KMH,
        "living_street": WALKING_PACE_KMH,
        "urban": 50.0,
        "rural": 100.0,
        "trunk": math.inf,
        "motorway": math.inf,
        "bicycle_road": 30.0,
    }
)
_LIMIT_KEYS: Final = ("maxspeed", "source:maxspeed", "maxspeed:type", "zone:maxspeed")


def parse_maxspeed(value: str | None) -> float | None:
    """A speed limit in km/h.

    Args:
        value: as tagged: "50", "30 mph", "DE:urban", "DE:zone:30", "walk", "none", "70; 50"
            (the lowest counts).

    Returns:
        the limit, `math.inf` where there explicitly is none, or None if it says nothing usable
        ("signals", "variable", misspellings, zero).
    """
    limits = [_parse_one_limit(part.strip().lower()) for part in (value or "").split(";")]
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else None


def _parse_one_limit(text: str) -> float | None:
    if match := _NUMBER.match(text):
        kmh = float(match.group(1)) * (_MPH_IN_KMH if match.group(2) == "mph" else 1.0)
        return kmh if kmh > 0 else None
    if match := _ZONE.match(text):
        return float(match.group(1)) or None
    country, _, name = text.rpartition(":")
    if country in {"", "de"}:
        return _NAMED_LIMITS.get(name)
    return None


def limit_kmh(tags: Tags, direction: Direction) -> float | None:
    """The limit in one direction: `maxspeed:forward` over `maxspeed` over "DE:urban" and its like.

    Conditional limits (`maxspeed:conditional`) are ignored.
    """
    for key in (f"maxspeed:{direction}", *_LIMIT_KEYS):
        limit = parse_maxspeed(tags.get(key))
        if limit is not None:
            return limit
    return None


def _frozen(values: Mapping[str, float]) -> Mapping[str, float]:
    return MappingProxyType(dict(values))


_TYPICAL_KMH: Final = _frozen(
    {
        "motorway": 90,
        "motorway_link": 45,
        "trunk": 85,
        "trunk_link": 40,
        "primary": 65,
        "primary_link": 30,
        "secondary": 55,
        "secondary_link": 25,
        "tertiary": 40,
        "tertiary_link": 20,
        "unclassified": 25,
        "residential": 25,
        "living_street": 10,
        "service": 15,
        "road": 25,
        "track": 15,
        "busway": 30,
        "pedestrian": 7,
    }
)
_CEILING_KMH: Final = _frozen(
    {
        "motorway": 100,
        "motorway_link": 60,
        "trunk": 90,
        "trunk_link": 60,
        "primary": 80,
        "primary_link": 50,
        "secondary": 80,
        "secondary_link": 50,
        "tertiary": 70,
        "tertiary_link": 50,
        "unclassified": 50,
        "residential": 40,
        "living_street": 10,
        "service": 20,
        "road": 40,
        "track": 20,
        "busway": 50,
        "pedestrian": 7,
    }
)
_SURFACE_KMH: Final = _frozen(
    {
        "compacted": 80,
        "fine_gravel": 80,
        "paving_stones": 60,
        "metal": 60,
        "bricks": 60,
        "grass": 40,
        "wood": 40,
        "sett": 40,
        "grass_paver": 40,
        "gravel": 40,
        "unpaved": 40,
        "ground": 40,
        "dirt": 40,
        "pebblestone": 40,
        "cobblestone": 30,
        "unhewn_cobblestone": 30,
        "clay": 30,
        "earth": 20,
        "rock": 20,
        "sand": 20,
        "mud": 10,
    }
)
_SMOOTHNESS_KMH: Final = _frozen(
    {"bad": 40, "very_bad": 20, "horrible": 10, "very_horrible": 5, "impassable": 5}
)


@dataclass(frozen=True)
class SpeedModel:
    """All figures that turn tags and shapes into driving time; seconds, km/h, metres, degrees.

    `typical_kmh` applies without a known limit; with one it is `limit_share` of the limit, but
    never more than `ceiling_kmh` of the class and what surface and smoothness allow.
    """

    typical_kmh: Mapping[str, float] = field(default_factory=lambda: _TYPICAL_KMH)
    ceiling_kmh: Mapping[str, float] = field(default_factory=lambda: _CEILING_KMH)
    surface_kmh: Mapping[str, float] = field(default_factory=lambda: _SURFACE_KMH)
    smoothness_kmh: Mapping[str, float] = field(default_factory=lambda: _SMOOTHNESS_KMH)
    limit_share: float = 0.8
    side_service_share: float = 0.5
    time_factor: float = 1.0
    signal_s: float = 8.0
    signal_crossing_s: float = 3.0
    stop_sign_s: float = 2.0
    give_way_s: float = 1.0
    level_crossing_s: float = 3.0
    signal_spacing_m: float = 40.0
    turn_max_s: float = 7.5
    turn_bias: float = 1.075
    u_turn_s: float = 20.0
    main_road_u_turn_s: float = 40.0
    restricted_entry_s: float = 20.0

    def speed_kmh(self, tags: Tags, direction: Direction) -> float:
        """Driving speed on a way in one direction, before penalties, in km/h."""
        highway = tags["highway"]
        ceiling = self.ceiling_kmh[highway]
        limit = limit_kmh(tags, direction)
        speed = self.typical_kmh[highway]
        if limit is not None:
            speed = min(ceiling, self.limit_share * limit)
            if limit <= WALKING_PACE_KMH:
                speed = limit
        if tags.get("service") in {"parking_aisle", "driveway", "alley"}:
            speed *= self.side_service_share
        for value, caps in (
            (tags.get("surface"), self.surface_kmh),
            (tags.get("smoothness"), self.smoothness_kmh),
        ):
            speed = min(speed, caps.get(value or "", math.inf))
        return max(speed, 1.0)

    def drive_ms(self, length_m: float, speed_kmh: float) -> int:
        """Driving time over a length at a speed, whole milliseconds rounded up, at least 1."""
        return max(1, math.ceil(length_m * 3600.0 / speed_kmh * self.time_factor))

    def turn_ms(self, angle_deg: float) -> int:
        """Time lost in turning at a junction.

        Args:
            angle_deg: change of heading, -180..180, positive to the right. In right-hand traffic
                a left turn crosses the oncoming lane and costs more than the same turn right.

        Returns:
            whole milliseconds; OSRM's fitted sigmoid, from 0 (straight on) to `turn_max_s`.
        """
        bias = self.turn_bias
        share = abs(angle_deg) / 180.0
        if angle_deg >= 0:
            exponent = 13.0 / bias * share - 6.5 * bias
        else:
            exponent = 13.0 * bias * share - 6.5 / bias
        return round(1000.0 * self.turn_max_s / (1.0 + math.exp(-exponent)))


def settings(model: SpeedModel) -> dict[str, object]:
    """The model as plain JSON values, for the manifest."""
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in vars(model).items()
    }
