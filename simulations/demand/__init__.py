"""Demand: who wants to go when, from where to where. Seeded, from three kinds of sources."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dispatch.engine.network import Network
from simulations.demand.files import FileDemand
from simulations.demand.flows import FlowDemand
from simulations.demand.sections import DemandFile, DemandSection, FileSection, SyntheticSection
from simulations.demand.synthetic import SyntheticDemand
from simulations.demand.trips import Demand, DemandError, Trip

__all__ = [
    "Demand",
    "DemandError",
    "DemandFile",
    "DemandSection",
    "Trip",
    "make_demand",
]


def make_demand(
    section: DemandSection,
    places: Mapping[str, Sequence[float]],
    network: Network,
    folder: Path,
    *,
    extract: Path | None = None,
) -> Demand:
    """The source of trips that a scenario's `[demand]` describes.

    Args:
        section: as read.
        places: points `[lon, lat]` in degrees that the section may name.
        network: the town's roads and stops.
        folder: of the scenario; relative paths begin there.
        extract: OSM file of the town, for a synthetic section that names none.

    Raises:
        DemandError: a file cannot be used, or what is asked for cannot be met.
    """
    match section:
        case DemandFile():
            return FlowDemand(section, places, network)
        case FileSection():
            return FileDemand(section, network, folder)
        case SyntheticSection():
            return SyntheticDemand(section, places, network, folder, extract)
