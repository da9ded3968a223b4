"""Where a road graph comes from and what is in it: source, licence, date, checksum, counts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

OSM_LICENCE: Final = "ODbL-1.0"
OSM_ATTRIBUTION: Final = "© OpenStreetMap contributors"


@dataclass(frozen=True)
class Manifest:
    """The description that travels inside every graph file.

    `nodes` are junctions and road ends, `edges` directed arcs, `length_km` counts each road once.
    `dropped` says what the import left out and why; `speeds` are the settings of the speed model.
    """

    name: str
    source: str
    sha256: str
    extract_date: str
    licence: str = OSM_LICENCE
    attribution: str = OSM_ATTRIBUTION
    schematic: bool = False
    nodes: int = 0
    edges: int = 0
    length_km: float = 0.0
    walk_nodes: int = 0
    walk_edges: int = 0
    walk_length_km: float = 0.0
    dropped: Mapping[str, float] = field(default_factory=dict)
    speeds: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, keys as the fields are named."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Manifest":
        """The reverse of `to_json`; unknown keys are ignored, missing ones are a `TypeError`."""
        known = {f.name for f in fields(cls)}
        return cls(**{key: value for key, value in values.items() if key in known})
