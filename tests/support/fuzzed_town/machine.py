"""All of it together."""

from fuzzed_town.clock import Clock
from fuzzed_town.control_room import ControlRoom
from fuzzed_town.fleet import Fleet
from fuzzed_town.optimiser import Optimiser
from fuzzed_town.reports import Reports
from fuzzed_town.riders import Riders
from fuzzed_town.roads import Roads
from fuzzed_town.standing import Standing


class FuzzedTown(Riders, Standing, Reports, Fleet, ControlRoom, Roads, Optimiser, Clock):
    """A day on which everything happens that can happen."""
