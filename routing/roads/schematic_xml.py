"""Writes the schematic as OSM XML: positive ids for facts, negative ones for invented objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from routing.roads.schematic_geometry import Point, to_degrees

if TYPE_CHECKING:
    from collections.abc import Sequence

GENERATOR = "rufbus schematic"
"""Imports mark a graph as schematic by this word."""
ATTRIBUTION = (
    "Streets of Neubeckum © OpenStreetMap contributors, ODbL 1.0; everything else is invented"
)


@dataclass
class OsmXml:
    """Nodes and ways collected for writing; a node is shared by all ways through its point."""

    fixed: dict[Point, int]
    _ids: dict[tuple[str, Point], int] = field(default_factory=dict)
    _nodes: list[tuple[int, Point]] = field(default_factory=list)
    _tags: dict[int, dict[str, str]] = field(default_factory=dict)
    _used: set[int] = field(default_factory=set)
    _ways: list[tuple[int, list[int], dict[str, str]]] = field(default_factory=list)

    def node(self, point: Point, tags: dict[str, str] | None = None, layer: str = "road") -> int:
        """Id of the node at a point; points of different layers never share a node."""
        key = (layer, point)
        if key not in self._ids:
            known = self.fixed.get(point, 0) if layer == "road" else 0
            self._ids[key] = known or -(len(self._ids) + 1)
            self._nodes.append((self._ids[key], point))
        if tags:
            self._tags.setdefault(self._ids[key], {}).update(tags)
        return self._ids[key]

    def way(
        self, points: Sequence[Point], tags: dict[str, str], way_id: int = 0, layer: str = "road"
    ) -> None:
        """Add a way; an id of 0, or one already used, becomes a negative one."""
        if way_id <= 0 or way_id in self._used:
            way_id = -(len(self._ways) + 1)
        self._used.add(way_id)
        refs = [self.node(point, layer=layer) for point in points]
        self._ways.append((way_id, refs, tags))

    def text(self) -> str:
        """The document: nodes, then ways, each in the order of ids that osmium asks for."""
        lines = [
            "<?xml version='1.0' encoding='UTF-8'?>",
            f'<osm version="0.6" generator="{GENERATOR}" attribution={quoteattr(ATTRIBUTION)}>',
        ]
        for node_id, point in sorted(self._nodes, key=lambda node: _id_order(node[0])):
            lon, lat = to_degrees(point)
            head = f'<node id="{node_id}" version="1" lat="{lat:.7f}" lon="{lon:.7f}"'
            tags = self._tags.get(node_id)
            lines.append(f"  {head}/>" if not tags else f"  {head}>{_tag_text(tags)}</node>")
        for way_id, refs, tags in sorted(self._ways, key=lambda way: _id_order(way[0])):
            nodes = "".join(f'<nd ref="{ref}"/>' for ref in refs)
            lines.append(f'  <way id="{way_id}" version="1">{nodes}{_tag_text(tags)}</way>')
        return "\n".join([*lines, "</osm>", ""])


def _id_order(osm_id: int) -> tuple[bool, int]:
    return osm_id > 0, abs(osm_id)


def _tag_text(tags: dict[str, str]) -> str:
    return "".join(f"<tag k={quoteattr(k)} v={quoteattr(v)}/>" for k, v in sorted(tags.items()))
