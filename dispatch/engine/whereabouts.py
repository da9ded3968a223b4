"""Where a vehicle is now, by its last sure place, its last report and its plan."""

from dataclasses import dataclass, replace

from dispatch.domain.model import Anchor, Shift, ShiftStatus
from dispatch.domain.rules import Rules
from dispatch.domain.state import State
from dispatch.engine.network import Network
from routing.roads.graph import Place

STALE_S = Rules().position_stale_s
"""What a caller without a town's rules goes by."""
_AT_STOP_TOLERANCE_MS = 4000
"""A report so near a stop still counts as standing there (30 m at 30 km/h)."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A place on the roads; `stop_id` while standing at a stop, `free_s` from when it can go on."""

    place: Place
    stop_id: str | None
    free_s: int


def rested(shift: Shift, now_s: int) -> Shift:
    """The shift without the break it is on, if that is over by the clock: the driver goes on."""
    current = shift.current_visit
    if current is None or current.break_id is None or now_s < current.depart_s:
        return shift
    return replace(
        shift,
        visits=shift.visits[1:],
        breaks=tuple(b for b in shift.breaks if b.id != current.break_id),
        anchor=replace(shift.anchor, at_s=current.depart_s),
    )


def locate(
    network: Network, state: State, shift: Shift, now_s: int, stale_s: int = STALE_S
) -> Whereabouts:
    """Where the vehicle of a shift is at `now_s`, dead-reckoned along its way if need be.

    A report that is older than `stale_s` decides nothing: the plan says where the vehicle is.
    One that is out of service stays where it stood, unless it reports to be elsewhere.
    """
    network = network.for_shift(shift, state.closures)
    shift = rested(shift, now_s)
    anchor = shift.anchor
    free_s = max(now_s, shift.start_s)  # whoever is there early does not work longer for it
    current = shift.current_visit
    if current is not None and current.break_id is not None:
        free_s = max(free_s, current.depart_s)
    if shift.current_visit is not None or shift.status is ShiftStatus.PLANNED:
        return _standing(anchor, free_s)
    fix = state.fixes.get(shift.id)
    if fix is not None and fix.at_s > anchor.at_s and now_s - fix.at_s <= stale_s:
        place, since_s = Place(fix.arc, fix.offset_ms), fix.at_s
        if anchor.stop_id and _near(network, place, anchor):
            return _standing(anchor, free_s)
        stop_id = None
    else:
        place, since_s = Place(anchor.arc, anchor.offset_ms), anchor.at_s
        stop_id = anchor.stop_id
    if anchor.stop_id and shift.visits:  # parked round the corner, it is not on its way yet
        since_s = max(since_s, shift.visits[0].leave_s)
    if not shift.visits or now_s <= since_s or shift.vehicle_id in state.out:
        return Whereabouts(place, stop_id, free_s)
    target = shift.visits[0].stop_id
    place = network.advance(place, target, since_s, now_s, now_s)
    arrived = place == network.stops[network.stop_index[target]].place
    return Whereabouts(place, target if arrived else None, free_s)


def _standing(anchor: Anchor, free_s: int) -> Whereabouts:
    return Whereabouts(Place(anchor.arc, anchor.offset_ms), anchor.stop_id, free_s)


def _near(network: Network, place: Place, anchor: Anchor) -> bool:
    twin = int(network.graph.arc_twin[anchor.arc])
    if place.arc == anchor.arc:
        return abs(place.offset_ms - anchor.offset_ms) <= _AT_STOP_TOLERANCE_MS
    if place.arc == twin:
        mirrored = int(network.graph.arc_time_ms[twin]) - place.offset_ms
        return abs(mirrored - anchor.offset_ms) <= _AT_STOP_TOLERANCE_MS
    return False
