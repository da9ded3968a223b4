"""Where the people of a synthetic town live: houses where the extract knows them, else streets."""

from collections.abc import Mapping, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from dispatch.engine.network import Network
from routing.roads.graph import RoadGraph, segment_lengths_m
from routing.roads.tags import HIGHWAYS
from simulations.demand.attractors import House
from simulations.demand.cells import Cells, Ends, Floats, Ints
from simulations.demand.homes import RESIDENTIAL
from simulations.demand.trips import DemandError

_HOUSE_EVERY_M = 100.0
"""A settlement with fewer houses along its residential streets was not drawn house by house."""
_PIECE_M = 25.0
"""People live this far apart along a street."""


def residents(
    network: Network, cells: Cells, population: Mapping[str, float], houses: Sequence[House]
) -> Ends:
    """Homes, whose weights are people (metres of street, if no population is given at all).

    Within a settlement people are spread by dwellings if the extract knows its houses, else by
    metres of residential street. A settlement left out of `population` is as densely inhabited, by
    metre of residential street, as those given are on average.

    Args:
        network: the town.
        cells: of the same town.
        population: people by settlement.
        houses: what the extract knows.

    Raises:
        DemandError: a settlement that the town does not have.
    """
    _known(cells, population)
    street_lon, street_lat, metres = _streets(network)
    house_lon = np.array([house.lon for house in houses], np.float64)
    house_lat = np.array([house.lat for house in houses], np.float64)
    inside = _inside(network, house_lon, house_lat)
    house_lon, house_lat = house_lon[inside], house_lat[inside]
    dwellings = np.array([house.dwellings for house in houses], np.float64)[inside]
    lon = np.concatenate((house_lon, street_lon))
    lat = np.concatenate((house_lat, street_lat))
    cell = cells.of(lon, lat)
    zone, zones = cells.zone[cell], len(cells.zones)
    is_house = np.arange(len(cell)) < len(house_lon)
    length_m = _sums(zone[~is_house], metres, zones)
    count = np.bincount(zone[is_house], minlength=zones)
    by_house = (count > 0) & (count * _HOUSE_EVERY_M >= length_m)
    people = _people(cells, population, length_m)
    weight = np.where(is_house == by_house[zone], np.concatenate((dwellings, metres)), 0.0)
    total = _sums(zone, weight, zones)
    empty = [name for i, name in enumerate(cells.zones) if people[i] and not total[i]]
    if empty:
        raise DemandError(f"population: {empty[0]} has no streets that people could live at")
    weight *= (people / np.where(total > 0, total, 1.0))[zone]
    return Ends(cell, weight, lon, lat, cells=len(cells))


def _known(cells: Cells, population: Mapping[str, float]) -> None:
    unknown = [name for name in population if name not in cells.zones]
    if unknown:
        known = ", ".join(name for name in cells.zones if name) or "none with a name"
        raise DemandError(f"population: there is no settlement {unknown[0]}; there are {known}")


def _streets(network: Network) -> tuple[Floats, Floats, Floats]:
    """Residential streets of the service area, else all streets there, in short pieces.

    Returns:
        float64[N] each: longitude and latitude of the pieces' middles, and their metres.
    """
    graph = network.graph
    kinds = [HIGHWAYS.index(kind) for kind in RESIDENTIAL]
    # Of a street with two directions one is enough.
    once = (graph.arc_twin < 0) | (np.arange(graph.arcs) < graph.arc_twin)
    lives = np.isin(graph.arc_highway, kinds)
    for arcs in (np.flatnonzero(once & lives), np.flatnonzero(once)):
        pieces = [_pieces(graph, int(arc)) for arc in arcs]
        lon, lat, metres = np.concatenate(pieces, axis=1) if pieces else np.empty((3, 0))
        inside = _inside(network, lon, lat)
        if inside.any():
            return lon[inside], lat[inside], metres[inside]
    raise DemandError("the service area has no streets")


def _pieces(graph: RoadGraph, arc: int) -> Floats:
    """Longitudes, latitudes and metres of an arc's pieces, float64[3, pieces]."""
    lon, lat = graph.arc_geometry(arc)
    along_m = np.concatenate(([0.0], np.cumsum(segment_lengths_m(lon, lat))))
    pieces = max(1, round(float(along_m[-1]) / _PIECE_M))
    middle_m = (np.arange(pieces) + 0.5) / pieces * along_m[-1]
    metres = np.full(pieces, along_m[-1] / pieces)
    return np.stack((np.interp(middle_m, along_m, lon), np.interp(middle_m, along_m, lat), metres))


def _inside(network: Network, lon: Floats, lat: Floats) -> NDArray[np.bool_]:
    if network.area is None:
        return np.ones(len(lon), np.bool_)
    return np.asarray(shapely.intersects_xy(network.area, lon, lat), np.bool_)


def _sums(group: Ints, weight: Floats, groups: int) -> Floats:
    """Sum of the weights of each group, float64[groups]."""
    return np.bincount(group, weight, minlength=groups).astype(np.float64)


def _people(cells: Cells, population: Mapping[str, float], length_m: Floats) -> Floats:
    """People by zone, float64[Z]."""
    given = np.array([name in population for name in cells.zones])
    people = np.array([population.get(name, 0.0) for name in cells.zones], np.float64)
    known_m = float(length_m[given].sum())
    density = float(people.sum()) / known_m if known_m else 1.0
    return np.where(given, people, length_m * density)
