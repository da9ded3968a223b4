"""What the passing of time brings about: shifts ahead, lapsed offers, late plans re-timed."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta

from dispatch.domain import events as ev
from dispatch.domain.errors import StrandedRiderError
from dispatch.domain.model import Anchor, BookingStatus, RequestStatus, Shift, ShiftStatus, Visit
from dispatch.domain.rules import ServiceConfig, ShiftPattern
from dispatch.engine.breaches import planned_breaches
from dispatch.engine.breaks import Breaks, laid_out
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.problem import back_at_depot_s
from dispatch.engine.rides import finish_visit, remove_from_plan
from dispatch.engine.visits import PlanWriter, end_break
from routing.roads.errors import OutsideNetworkError

_SOON_S = 3600
"""Before that, it is not yet to be seen whether a vehicle will be back for its next shift."""


class Housekeeping:
    """What the passing of time brings about."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._writer = PlanWriter(config, network)
        self._breaks = Breaks(config, network)
        self._ahead: dict[date, tuple[tuple[str, ShiftPattern, tuple[int, int]], ...]] = {}

    def tick(self, draft: Draft) -> None:
        """Lay out shifts ahead, let offers lapse, re-time late plans, close forgotten shifts."""
        self._plan_shifts(draft)
        self._lapse_offers(draft)
        for shift in list(draft.state.shifts.values()):
            if shift.status is ShiftStatus.ENDED:
                continue
            self._breaks.add_missing(draft, shift.id)
            if shift.start_s > draft.now_s and shift.status is ShiftStatus.PLANNED:
                self._begin_late(draft, shift)
                continue  # nothing else can be late or over yet
            end_break(draft, shift.id)
            if shift.vehicle_id in draft.state.out:
                self._close_forgotten(draft, draft.state.shifts[shift.id])
                continue
            self._breaks.begin_due(draft, shift.id)
            shift = draft.state.shifts[shift.id]  # noqa: PLW2901 - as it is by now
            if _may_have_drifted(draft, shift):
                tolerance_s = self._config.rules.retime_after_s
                self._writer.reschedule(draft, shift.id, tolerance_s=tolerance_s)
            if shift.status is ShiftStatus.PLANNED:
                self._give_up_missed(draft, shift)
                shift = draft.state.shifts[shift.id]  # noqa: PLW2901 - as it is by now
            self._close_forgotten(draft, draft.state.shifts[shift.id])

    def _begin_late(self, draft: Draft, shift: Shift) -> None:
        """A shift whose vehicle will not be back in time begins late, and so do its rides."""
        if not shift.visits or shift.start_s - draft.now_s > _SOON_S:
            return
        back_s = back_at_depot_s(self._network, draft.state, draft.now_s)
        late = back_s.get(shift.vehicle_id, 0) > shift.start_s
        if late or any(planned_breaches(draft.state, shift).values()):
            tolerance_s = self._config.rules.retime_after_s
            self._writer.reschedule(draft, shift.id, tolerance_s=tolerance_s)

    def _close_forgotten(self, draft: Draft, shift: Shift) -> None:
        """End a shift that is over and has nobody left to carry; its driver has gone."""
        over_s = shift.end_s + self._config.rules.shift_start_grace_s
        if over_s >= draft.now_s or any(visit.actions for visit in shift.visits):
            return
        if shift.visits:
            self._writer.drop(draft, shift)
        draft.emit(ev.ShiftEnded(shift.id, draft.now_s))

    def _give_up_missed(self, draft: Draft, shift: Shift) -> None:
        """Rides of a shift nobody has begun are over once their latest arrival is long past."""
        past_s = draft.now_s - self._config.rules.shift_start_grace_s
        for booking_id in dict.fromkeys(a.booking_id for v in shift.visits for a in v.actions):
            if draft.state.bookings[booking_id].promise.arrival_latest_s < past_s:
                draft.emit(ev.BookingCancelled(booking_id, draft.now_s, by="service"))
                remove_from_plan(self._writer, draft, shift.id, booking_id)

    def retime(self, draft: Draft) -> None:
        """Re-time every plan that is under way or ahead."""
        for shift in list(draft.state.shifts.values()):
            if shift.status is not ShiftStatus.ENDED and shift.vehicle_id not in draft.state.out:
                self._writer.reschedule(draft, shift.id)

    def adopt(self, draft: Draft) -> None:
        """Carry stored plans over to a new road graph: places anew, times anew.

        Bookings whose stops the new network lacks are cancelled in the service's name.

        Raises:
            StrandedRiderError: somebody on board is bound for a stop that is gone.
        """
        for shift in list(draft.state.shifts.values()):
            if shift.status is ShiftStatus.ENDED:
                continue
            shift = end_break(draft, shift.id)  # noqa: PLW2901 - as it is by now
            stranded = self._stranded(draft, shift)
            for booking_id in stranded:
                draft.emit(ev.BookingCancelled(booking_id, draft.now_s, by="service"))
            thinned = (
                replace(v, actions=tuple(a for a in v.actions if a.booking_id not in stranded))
                for v in shift.visits
            )
            kept = [v for v in thinned if v.actions or v.break_id or v.arrived_at_s is not None]
            draft.state.fixes.pop(shift.id, None)
            anchor = self._matched(shift.anchor, shift.depot_stop_id)
            visits = tuple(self._breaks_placed(kept, anchor.stop_id or shift.depot_stop_id))
            draft.emit(ev.PlanChanged(shift.id, shift.version + 1, anchor, visits))
            finish_visit(draft, shift.id)
            self._writer.reschedule(draft, shift.id)

    def _breaks_placed(self, visits: Iterable[Visit], stop_id: str) -> Iterator[Visit]:
        """Visits whose breaks are at stops that are still there."""
        for visit in visits:
            gone = visit.break_id is not None and self._network.stop(visit.stop_id) is None
            kept = replace(visit, stop_id=stop_id) if gone else visit
            stop_id = kept.stop_id
            yield kept

    def _stranded(self, draft: Draft, shift: Shift) -> list[str]:
        """Bookings on a plan that need a stop which is gone."""
        found = []
        for booking_id in dict.fromkeys(a.booking_id for v in shift.visits for a in v.actions):
            booking = draft.state.bookings[booking_id]
            terms = booking.in_force
            if all(map(self._network.stop, (terms.pickup_stop_id, terms.dropoff_stop_id))):
                continue
            if booking.status is not BookingStatus.CONFIRMED:
                raise StrandedRiderError(
                    f"{shift.vehicle_id} carries {booking_id} to {terms.dropoff_stop_id}, "
                    "a stop that the new road graph lacks: import the old roads again and finish "
                    "this ride first"
                )
            found.append(booking_id)
        return found

    def _matched(self, anchor: Anchor, depot_stop_id: str) -> Anchor:
        """The same place on the new roads; the depot if there is no road any more."""
        if anchor.stop_id is not None and self._network.stop(anchor.stop_id) is not None:
            return self._network.anchor_at_stop(anchor.stop_id, anchor.at_s)
        try:
            fix = self._network.fix_for(anchor.lon, anchor.lat, anchor.at_s, None)
        except OutsideNetworkError:
            return self._network.anchor_at_stop(depot_stop_id, anchor.at_s)
        return Anchor(anchor.at_s, anchor.lon, anchor.lat, fix.arc, fix.offset_ms, None)

    def _lapse_offers(self, draft: Draft) -> None:
        """Let go what has expired. Requests are kept as they came; none after an open one has."""
        for request in draft.state.requests.values():
            if request.status is not RequestStatus.OFFERED:
                continue
            if max((o.expires_at_s for o in request.offers), default=0) >= draft.now_s:
                return
            draft.emit(ev.RequestLapsed(request.id, draft.now_s))

    def _plan_shifts(self, draft: Draft) -> None:
        today = self._config.hours.local_date(draft.now_s)
        if today not in self._ahead:
            self._ahead = {today: tuple(self._shifts_from(today))}
        for shift_id, pattern, span_s in self._ahead[today]:
            if span_s[1] <= draft.now_s or shift_id in draft.state.shifts:
                continue
            shift = self._shift(shift_id, pattern, span_s, draft.now_s)
            if not _is_taken(draft, shift):
                draft.emit(ev.ShiftPlanned(laid_out(shift, draft.rng)))

    def _shifts_from(self, today: date) -> Iterator[tuple[str, ShiftPattern, tuple[int, int]]]:
        """The shifts of the days that can be booked, with their ids and (start, end) instants."""
        hours = self._config.hours
        for ahead in range(self._config.rules.shifts_ahead_days + 1):
            day = today + timedelta(days=ahead)
            for pattern in self._config.shifts:
                if hours.kind_of(day) in pattern.days:
                    shift_id = f"{pattern.vehicle_id}-{day:%Y%m%d}-{pattern.start_min:04d}"
                    start_s = hours.instant(day, pattern.start_min)
                    yield shift_id, pattern, (start_s, hours.instant(day, pattern.end_min))

    def _shift(
        self, shift_id: str, pattern: ShiftPattern, span_s: tuple[int, int], now_s: int
    ) -> Shift:
        vehicle = self._config.vehicle(pattern.vehicle_id)
        if vehicle is None:
            raise LookupError(f"no vehicle {pattern.vehicle_id}")
        start_s, end_s = span_s
        anchor = self._network.anchor_at_stop(vehicle.depot_id, max(start_s, now_s))
        return Shift(
            id=shift_id,
            vehicle_id=vehicle.id,
            start_s=start_s,
            end_s=end_s,
            depot_stop_id=vehicle.depot_id,
            status=ShiftStatus.PLANNED,
            anchor=anchor,
        )


def _is_taken(draft: Draft, shift: Shift) -> bool:
    """Whether the vehicle is on another shift then, laid out before the configuration changed."""
    return any(
        other.vehicle_id == shift.vehicle_id
        and other.status is not ShiftStatus.ENDED
        and other.start_s < shift.end_s
        and shift.start_s < other.end_s
        for other in draft.state.shifts.values()
    )


def _may_have_drifted(draft: Draft, shift: Shift) -> bool:
    """Whether there is news since the plan was timed: a report, or an hour that has passed."""
    if not shift.visits or draft.now_s < shift.start_s:
        return False
    first = shift.visits[0]
    due_s = first.depart_s if first.arrived_at_s is not None else first.arrive_s
    return due_s < draft.now_s or shift.id in draft.state.fixes
