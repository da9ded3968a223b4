"""Where vehicles say they are: matched to the roads, and doubted where it cannot be."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from dispatch.domain import events as ev
from dispatch.domain.commands import TRAIL_MAX, ReportPosition
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import Anchor, Fix, Shift, Sighting
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from routing.roads.errors import OutsideNetworkError
from routing.roads.graph import Place
from routing.roads.matching import Guess, Point, distance_m, match

CLOCK_TOLERANCE_S: Final = 60
"""How much the clock of a vehicle may be ahead of ours."""
_FASTEST_MPS: Final = 36.0
"""130 km/h: no minibus is faster."""
_NOISE_M: Final = 100.0
"""How far off two positions may be together and still be trusted."""
_WRONG_WAY: Final = 60
"""What speaks against a road that leads away from the next stop, see `matching.Guess`."""


class Positions:
    """Takes in what vehicles report."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def take(self, draft: Draft, shift: Shift, report: ReportPosition) -> None:
        """Take positions in, in the order of their times; those older than the last are ignored.

        A position that no vehicle could have reached in the time counts only once another one,
        later and consistent with it, confirms it; until then it is only noted.

        Raises:
            DomainError: from the future, or far from any road.
        """
        if report.at_s > draft.now_s + CLOCK_TOLERANCE_S:
            raise DomainError(ErrorCode.POSITION_IN_FUTURE, "the position is from the future")
        known = draft.state.fixes.get(shift.id)
        newest_s = max(shift.anchor.at_s, known.at_s if known else 0)
        newest = Sighting(report.at_s, report.lon, report.lat)
        network = self._network.for_shift(shift, draft.state.closures)
        fix = known
        for sighting in _in_order((*report.trail, newest), newest_s, report.at_s):
            try:
                fix = _followed(network, shift, fix, sighting)
            except OutsideNetworkError as error:
                if sighting == newest:
                    code = ErrorCode.POSITION_OUTSIDE_NETWORK
                    raise DomainError(code, str(error)) from error
        if fix is not None and fix != known:
            draft.emit(ev.VehicleMoved(shift.id, report.vehicle_id, fix))


def _followed(network: Network, shift: Shift, known: Fix | None, sighting: Sighting) -> Fix:
    """What is known of a vehicle after one more sighting."""
    last = _last_sure(shift.anchor, known)
    if last is None or _is_drivable(last, sighting):
        trusted = known if last is not None and known is not None else None
        return _matched(network, shift, trusted, sighting)
    network.snapper.snap_side(sighting.lon, sighting.lat)  # there has to be a road
    doubted = known.doubted if known is not None else None
    if doubted is not None and _is_drivable(doubted, sighting):
        return _matched(network, shift, _matched(network, shift, None, doubted), sighting)
    if known is None:
        anchor = shift.anchor
        known = Fix(anchor.at_s, anchor.lon, anchor.lat, anchor.arc, anchor.offset_ms)
    return replace(known, doubted=sighting)


def _matched(network: Network, shift: Shift, known: Fix | None, sighting: Sighting) -> Fix:
    """A sighting on the road where the vehicle most likely is."""
    before = None
    if known is not None:
        guesses = [Guess(Place(arc, ms), cost) for arc, ms, cost in known.guesses]
        before = (_point(known), guesses) if guesses else None
    bound = network.stop_index.get(shift.visits[0].stop_id) if shift.visits else None

    def prior(places: Sequence[Place]) -> Sequence[int]:
        """Rather towards the next stop: of two directions, the one that is nearer to it."""
        if bound is None:
            return [0] * len(places)
        left_s = [int(network.travel.times_from(place)[bound]) for place in places]
        return [min(_WRONG_WAY, s - min(left_s)) for s in left_s]

    guesses = match(network.graph, network.snapper, _point(sighting), prior, before)
    place = guesses[0].place
    kept = tuple((g.place.arc, g.place.offset_ms, g.cost) for g in guesses)
    return Fix(sighting.at_s, sighting.lon, sighting.lat, *place, guesses=kept)


def _in_order(sightings: Iterable[Sighting], after_s: int, until_s: int) -> list[Sighting]:
    """The newest few that are news, each instant once, oldest first."""
    by_time = {s.at_s: s for s in sightings if after_s < s.at_s <= until_s}
    return [by_time[at_s] for at_s in sorted(by_time)][-TRAIL_MAX:]


def _last_sure(anchor: Anchor, known: Fix | None) -> Fix | Anchor | None:
    """Where a vehicle was for sure: its last report, else the stop it stood at; else nobody knows.

    Where the plan believes it between two stops is no evidence against a report.
    """
    if known is not None and (known.guesses or known.at_s > anchor.at_s):
        return known
    return anchor if anchor.stop_id is not None else None


def _is_drivable(before: Fix | Anchor | Sighting, after: Sighting) -> bool:
    elapsed_s = after.at_s - before.at_s
    apart_m = distance_m(_point(before), _point(after))
    return elapsed_s > 0 and apart_m <= _FASTEST_MPS * elapsed_s + _NOISE_M


def _point(place: Fix | Anchor | Sighting) -> Point:
    return Point(place.at_s, place.lon, place.lat)
