"""From files to a `Network`: finds, fetches or draws the road graph, its stops and travel times."""

from collections.abc import Callable
from pathlib import Path

from shapely import Polygon

from dispatch.config import TownConfig
from dispatch.engine.network import Network
from routing.roads.errors import NetworkUnavailableError, RoadsError
from routing.roads.files import graph_path, landmarks_path, roads_folder
from routing.roads.graph import RoadGraph
from routing.roads.landmarks import Landmarks
from routing.roads.snapping import Snapper
from routing.roads.stops import DepotSpec, Stop, StopOptions, load_or_generate_stops
from routing.roads.travel_times import TravelTimes
from routing.roads.walking import WalkNetwork

Say = Callable[[str], None]
SCHEMATIC_ROADS = "beckum"
"""The one network that can be drawn when there is neither an extract nor a way to fetch one."""
_FETCH_TIMEOUT_S = 20.0


def ensure_graph(town: TownConfig, var: Path, say: Say, *, online: bool) -> RoadGraph:
    """The town's road graph: as it lies there, else fetched, else drawn schematically.

    Args:
        town: names the graph and the place to fetch.
        var: where generated files live.
        say: told what is being done.
        online: whether fetching may be tried.

    Raises:
        RoadsError: there is no graph and none can be made; the message says what to do.
    """
    name = town.config.roads
    path = graph_path(var, name)
    if path.is_file():
        return RoadGraph.load(path)
    if online:
        fetched = _fetched(town, var, say)
        if fetched is not None:
            return fetched
    if name != SCHEMATIC_ROADS:
        raise NetworkUnavailableError(
            f"there is no road graph {name!r}; make it with "
            f"`rufbus roads import FILE --name {name}` or `rufbus roads fetch PLACE --name {name}`"
        )
    return _schematic(var, name, say)


def load_graph(town: TownConfig, var: Path) -> RoadGraph:
    """The town's road graph as it lies there.

    Raises:
        RoadsMissingError: there is none.
        RoadsError: it cannot be used.
    """
    path = graph_path(var, town.config.roads)
    if not path.is_file():
        raise RoadsMissingError(
            f"there is no road graph {town.config.roads!r} in {path.parent}: copy that folder from "
            "a host that serves the town, or make it with `rufbus prepare`"
        )
    return RoadGraph.load(path)


class RoadsMissingError(RoadsError):
    """The town's road graph is not on this host."""

    code = "roads_missing"


def _fetched(town: TownConfig, var: Path, say: Say) -> RoadGraph | None:
    from routing.roads.fetch import FetchSettings, fetch_place  # noqa: PLC0415 - slow to import

    place = town.config.place
    say(f"Fetching the roads of {place} from OpenStreetMap ...")
    settings = FetchSettings(timeout_s=_FETCH_TIMEOUT_S, retries=0)
    try:
        return fetch_place(place, var=var, name=town.config.roads, settings=settings, progress=say)
    except RoadsError as error:
        say(f"That failed: [{error.code}] {error}")
        return None


def _schematic(var: Path, name: str, say: Say) -> RoadGraph:
    from routing.roads.importing import import_extract  # noqa: PLC0415 - rarely needed
    from routing.roads.schematic import write_schematic_beckum  # noqa: PLC0415

    say("Drawing a schematic Beckum instead; replace it any time with: rufbus roads fetch")
    extract = graph_path(var, name).with_suffix(".schematic.osm")
    extract.parent.mkdir(parents=True, exist_ok=True)
    write_schematic_beckum(extract)
    return import_extract(extract, var=var, name=name, progress=say)


def ensure_stops(
    town: TownConfig, var: Path, graph: RoadGraph, *, keep: bool = True
) -> tuple[Stop, ...]:
    """The town's stops: curated ones and depots, and virtual ones generated once per graph.

    Without `keep` they are generated anew and not stored.
    """
    return load_or_generate_stops(
        graph,
        curated=town.curated_stops,
        depots=[DepotSpec(d.id, d.name, d.lon, d.lat) for d in town.depots],
        area=service_area(town, graph),
        landmarks=Landmarks.load(landmarks_path(var, town.config.roads)),
        options=StopOptions(max_walk_m=town.config.rules.max_walk_m),
        cache=_stops_path(town, var) if keep else None,
    )


def _stops_path(town: TownConfig, var: Path) -> Path:
    """Towns may share a road graph, but not their stops."""
    name = "" if town.folder.name == town.config.roads else f".{town.folder.name}"
    return graph_path(var, town.config.roads).with_suffix(f"{name}.stops.geojson")


def load_network(
    town: TownConfig, var: Path, graph: RoadGraph, say: Say, *, keep: bool = True
) -> Network:
    """Everything the engine needs to know of the roads; slow the first time, then from caches.

    Without `keep` nothing is stored: a town that is only imagined must not displace the real one.
    """
    stops = ensure_stops(town, var, graph, keep=keep)
    places = [stop.place for stop in stops]
    if keep:
        travel = TravelTimes.cached(graph, places, roads_folder(var), progress=say)
    else:
        travel = TravelTimes(graph, places)
    return Network(
        graph=graph,
        stops=stops,
        travel=travel,
        walk=WalkNetwork(graph, [(stop.lon, stop.lat) for stop in stops]),
        snapper=Snapper(graph),
        area=service_area(town, graph),
        traffic=town.config.traffic,
        hours=town.config.hours,
    )


def service_area(town: TownConfig, graph: RoadGraph) -> Polygon | None:
    """Where riders may start and end: as configured, else what the extract was cut to.

    A configured area that is only schematic gives way to the boundary of real roads.
    """
    is_guess = town.area_is_schematic and not graph.manifest.schematic
    if not graph.area or not (town.area is None or is_guess):
        return town.area
    return max((Polygon(rings[0], rings[1:]) for rings in graph.area), key=lambda p: p.area)
