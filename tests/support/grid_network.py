"""The tiny town of `tiny_town` as an engine's network, built through the real import."""

from pathlib import Path

from tiny_town import DEPOT, grid_config, grid_osm

from dispatch.domain.rules import ServiceConfig
from dispatch.engine import Network
from routing.roads.importing import import_extract
from routing.roads.snapping import Snapper
from routing.roads.stops import DepotSpec, load_or_generate_stops
from routing.roads.travel_times import TravelTimes
from routing.roads.walking import WalkNetwork


def grid_network(folder: Path, config: ServiceConfig | None = None) -> Network:
    """Imports the grid town into `folder`."""
    config = config or grid_config()
    graph = import_extract(grid_osm(folder / "grid.osm"), var=folder, name="grid")
    depot = DepotSpec(DEPOT.id, DEPOT.name, DEPOT.lon, DEPOT.lat)
    stops = load_or_generate_stops(graph, depots=[depot])
    return Network(
        graph=graph,
        stops=stops,
        travel=TravelTimes(graph, [stop.place for stop in stops]),
        walk=WalkNetwork(graph, [(stop.lon, stop.lat) for stop in stops]),
        snapper=Snapper(graph),
        area=None,
        traffic=config.traffic,
        hours=config.hours,
    )
