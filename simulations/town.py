"""The town of a scenario: its service and its roads, as the scenario wants them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import cycle
from pathlib import Path

from dispatch.config import ConfigError, Depot, TownConfig, load_town
from dispatch.config_errors import nearest
from dispatch.domain.commands import Close
from dispatch.domain.model import Vehicle
from dispatch.domain.rules import ServiceConfig, ShiftPattern
from dispatch.engine import Network
from dispatch.networks import ensure_graph, load_network
from dispatch.options import DATA
from dispatch.roads_desk import is_on_road
from routing.roads.files import graph_path
from routing.roads.graph import RoadGraph
from simulations.scenario import Scenario, ScenarioError

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Town:
    """A scenario's town.

    Attributes:
        config: its service.
        network: its roads, without those that are closed.
        roads: what the roads are, in words.
        attribution: whose data they are.
        extract: the OSM file they were made of, if it was kept.
    """

    config: ServiceConfig
    network: Network
    roads: str
    attribution: str
    extract: Path | None


def town_of(scenario: Scenario, var: Path, say: Say = lambda _line: None) -> Town:
    """Load a scenario's town; roads are fetched or drawn only if there are none yet.

    Args:
        scenario: names the town, and what is different there.
        var: where the roads live.
        say: told what takes time.

    Raises:
        ScenarioError: there is no such town, or no such road.
        ConfigError: what the scenario changes of the service does not fit together.
        RoadsError: there are no roads.
    """
    config, folder = config_of(scenario), DATA / scenario.town
    # Stops are the town's own, whatever the scenario says of walking: they stand in the streets.
    base, graph = _roads(folder, var, say, json.dumps(scenario.depots or []))
    closed = _closed_arcs(graph, scenario.world.closed_roads)
    network = replace(_with_closures(base, closed, say), hours=config.hours)
    manifest = graph.manifest
    roads = "schematic" if manifest.schematic else manifest.name
    beside = graph_path(var, config.roads)
    kept = (beside.with_suffix(".osm"), beside.with_suffix(".schematic.osm"))
    extract = next((path for path in kept if path.is_file()), None)
    return Town(config, network, roads, manifest.attribution, extract)


def timed_closures(
    scenario: Scenario, config: ServiceConfig, network: Network
) -> list[tuple[int, Close]]:
    """The commands that close what is closed for a part of the day, with their instants.

    Raises:
        ScenarioError: there is no such road or stop.
    """
    found = []
    for closure in scenario.world.closures:
        wish = closure.wish
        known = wish.stop_id is not None and network.stop(wish.stop_id) is not None
        if not known and not is_on_road(network.closed_roads.matcher, wish):
            place = closure.road or closure.stop or "the line"
            raise ScenarioError(f"world.closures: there is no road or stop {place!r}")
        ends = closure.ends or "24:00"
        from_s, until_s, known_s = (
            config.hours.instant(scenario.date, int(clock[:2]) * 60 + int(clock[3:]))
            for clock in (closure.begins, ends, closure.known)
        )
        command = Close(replace(wish, from_s=from_s, until_s=until_s))
        found.append((known_s, command))
    return found


def config_of(scenario: Scenario) -> ServiceConfig:
    """The town's service with what the scenario changes of it.

    Raises:
        ScenarioError: there is no such town, or what the scenario changes does not fit together.
        ConfigError: the town's own files cannot be used.
    """
    folder = DATA / scenario.town
    if not folder.is_dir():
        raise ScenarioError(f"town: there is no folder data/{scenario.town}")
    try:
        return load_town(folder, scenario.service).config
    except ConfigError as error:
        if not scenario.service:
            raise
        what = str(error).removeprefix(f"{folder / 'service.toml'}: ")
        raise ScenarioError(what) from error


def as_wanted(config: ServiceConfig, scenario: Scenario) -> ServiceConfig:
    """The service with the fleet and the switches of the scenario."""
    kind = config.hours.kind_of(scenario.date)
    config, wanted = with_fleet(config, scenario.fleet.vehicles, kind), scenario.dispatch
    rules = replace(config.rules, joint_iterations=wanted.joint_iterations)
    idle = wanted.repositioning or config.repositioning.idle
    repositioning = replace(config.repositioning, idle=idle)
    slower = scenario.world.slower
    traffic = {kind: tuple(f * slower for f in hours) for kind, hours in config.traffic.items()}
    return replace(config, rules=rules, repositioning=repositioning, traffic=traffic)


def with_fleet(config: ServiceConfig, vehicles: int | None, kind: str = "weekday") -> ServiceConfig:
    """The service with so many vehicles: the first that have shifts, then copies of them in turn.

    Args:
        config: the service.
        vehicles: how many; None = as it is.
        kind: of day; vehicles without a shift on such a day do not count.
    """
    if vehicles is None:
        return config
    on_duty = (shift.vehicle_id for shift in config.shifts if kind in shift.days)
    staffed = list(dict.fromkeys(on_duty))
    if not staffed:
        return config
    known = {vehicle.id: vehicle for vehicle in config.vehicles}
    fleet = [known[vehicle_id] for vehicle_id in staffed[:vehicles]]
    shifts = [s for s in config.shifts if s.vehicle_id in staffed[:vehicles]]
    models = cycle(staffed)
    for number in range(len(fleet) + 1, vehicles + 1):
        model = known[next(models)]
        copy = _copied(model, number)
        fleet.append(copy)
        shifts += [_given(s, copy) for s in config.shifts if s.vehicle_id == model.id]
    return replace(config, vehicles=tuple(fleet), shifts=tuple(shifts))


def _copied(model: Vehicle, number: int) -> Vehicle:
    return replace(model, id=f"x{number}", name=f"Shuttle {number}", spare=False)


def _given(shift: ShiftPattern, vehicle: Vehicle) -> ShiftPattern:
    return replace(shift, vehicle_id=vehicle.id)


@lru_cache(maxsize=4)
def _roads(folder: Path, var: Path, say: Say, depots: str) -> tuple[Network, RoadGraph]:
    """Roads and stops, with the depots of a scenario (JSON) where it has its own."""
    town: TownConfig = load_town(folder)
    graph = ensure_graph(town, var, say, online=False)
    own = [Depot.model_validate(depot) for depot in json.loads(depots)]
    if own:
        kept = [d for d in town.depots if d.id not in {new.id for new in own}]
        town = town.model_copy(update={"depots": (*kept, *own)})
    return load_network(town, var, graph, say, keep=not own), graph


@lru_cache(maxsize=4)
def _with_closures(network: Network, closed: frozenset[int], say: Say) -> Network:
    if not closed:
        return network
    say(f"computing the travel times without {len(closed)} closed stretches of road")
    left = network.closed_roads.derived(closed)
    if left is None:
        raise ScenarioError("world.closed_roads: no stop could be reached any more")
    return replace(left, base=None, cut_off=frozenset())


def _closed_arcs(graph: RoadGraph, roads: tuple[str, ...]) -> frozenset[int]:
    """The arcs of roads given by name or by OSM way id."""
    closed: set[int] = set()
    for road in roads:
        if road.isdecimal():
            found = (graph.arc_way == int(road)).nonzero()[0]
        else:
            names = [i for i, name in enumerate(graph.names) if name == road]
            found = (graph.arc_name == names[0]).nonzero()[0] if names else ()
        if len(found) == 0:
            meant = nearest(road, filter(None, graph.names)) if not road.isdecimal() else ""
            raise ScenarioError(f"world.closed_roads: there is no road {road!r}{meant}")
        closed.update(int(arc) for arc in found)
    return frozenset(closed)
