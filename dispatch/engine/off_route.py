"""Whether a vehicle is where its plan lets it be: on the way to its next stop, or at its stop."""

from typing import Final

import numpy as np

from dispatch.domain.model import Fix, Shift
from dispatch.engine.network import Network
from routing.roads.errors import UnreachableError
from routing.roads.graph import Place, metres_per_degree
from routing.roads.matching import Point, distance_m

_AWAY_M: Final = 1500.0
"""Further from the way than this nobody goes round a road works."""
_LEFT_M: Final = 300.0
_BACK_S: Final = 180
"""So much further from its next stop than when it set off a vehicle goes somewhere else."""


def off_route_m(network: Network, shift: Shift, fix: Fix) -> int:
    """How many metres a vehicle is away from where it should be; 0 while it need not worry anybody.

    Args:
        network: the roads.
        shift: with the stop at which it stands, or the place from which it drives to the next one.
        fix: where it says it is.
    """
    here, anchor = Point(0, fix.lon, fix.lat), shift.anchor
    from_anchor_m = distance_m(here, Point(0, anchor.lon, anchor.lat))
    if shift.current_visit is not None:
        return round(from_anchor_m) if from_anchor_m > _LEFT_M else 0
    bound = network.stop_index.get(shift.visits[0].stop_id) if shift.visits else None
    if bound is None or (anchor.stop_id is None and fix.at_s <= anchor.at_s):
        return 0
    stop = network.stops[bound]
    to_stop_m = distance_m(here, Point(0, stop.lon, stop.lat))
    start = Place(anchor.arc, anchor.offset_ms)
    left_s = int(network.travel.times_from(Place(fix.arc, fix.offset_ms))[bound])
    away_m = min(from_anchor_m, to_stop_m)
    if left_s > int(network.travel.times_from(start)[bound]) + _BACK_S:
        return round(away_m)
    if away_m <= _AWAY_M:
        return 0
    way_m = _to_way_m(network, start, bound, here)
    return round(way_m) if way_m > _AWAY_M else 0


def _to_way_m(network: Network, start: Place, bound: int, here: Point) -> float:
    """From a point to the fastest way between two places, to its nearest corner."""
    try:
        way = network.travel.path(start, bound)
    except UnreachableError:
        return 0.0
    east_m, north_m = metres_per_degree(here.lat)
    return float(np.hypot((way.lons - here.lon) * east_m, (way.lats - here.lat) * north_m).min())
