"""From files to a `Network`: finds, fetches or draws the road graph, its stops and travel times."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shapely import Polygon

from dispatch.config import TownConfig
from dispatch.engine.network import Network
from routing.roads.errors import RoadsError
from routing.roads.graph import RoadGraph
from routing.roads.importing import graph_path, import_extract
from routing.roads.snapping import Snapper
from routing.roads.stops import Depot, Stop, load_or_generate_stops
from routing.roads.travel_times import TravelTimes
from routing.roads.walking import WalkNetwork

Say = Callable[[str], None]
SCHEMATIC_ROADS = "beckum"
"""The one town that can be drawn schematically when there is neither extract nor network."""


@dataclass(frozen=True)
class RoadFiles:
    """Where a town's generated road files lie under the var folder."""

    var: Path
    name: str

    @property
    def graph(self) -> Path:
        """The road graph."""
        return graph_path(self.var, self.name)

    @property
    def basemap(self) -> Path:
        """Vector tiles for the map."""
        return self.graph.with_suffix(".pmtiles")

    @property
    def stops(self) -> Path:
        """Generated stops."""
        return self.graph.with_suffix(".stops.geojson")
