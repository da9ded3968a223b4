"""A road is blocked, a stop cannot be used: riders get on or off at the nearest other stop."""

from dispatch.domain import events as ev
from dispatch.domain.commands import ReportNotServed
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import ActionKind, Booking, BookingStatus, Shift, ShiftStatus, Spot
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.displacement import Displacer, NearStop
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.problem import planning
from dispatch.engine.replanning import Replanner
from dispatch.engine.rides import finish_visit, remove_from_plan
from dispatch.engine.visits import PlanWriter, end_break, scheduled
from routing import plans


class NotServed:
    """Decides where riders get on or off instead."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._writer = PlanWriter(config, network)
        self._displacer = Displacer(config, network)
        self._replanner = Replanner(config, network)

    def report(self, draft: Draft, report: ReportNotServed) -> None:
        """A stop of one booking, or of all bookings at a visit, cannot be used.

        Who waits is picked up at the nearest other stop, by whichever vehicle keeps the promise
        best; who is on board is set down at the stop nearest to where they are going.

        Raises:
            DomainError: unknown booking or visit, a booking that is not on its way, or a town
                without another stop within the longest walk.
        """
        bookings = self._bookings(draft, report)
        if report.stop_id is not None:
            bookings = [b for b in bookings if self._gone(b) == report.stop_id]
        plan = [(b, self._other_stop(draft, b)) for b in bookings]
        for booking, stop in plan:
            if booking.status is BookingStatus.BOARDED:
                self._set_down_at(draft, booking, stop, report.reason)
            else:
                instead = self._displacer.boarding_at(booking, stop, draft.now_s)
                self._displacer.displace(
                    draft, booking, report.reason, walk_m=stop.walk_m, instead=instead
                )
                remove_from_plan(self._writer, draft, booking.shift_id, booking.id)
        self._replanner.retry(draft)

    def _bookings(self, draft: Draft, report: ReportNotServed) -> list[Booking]:
        bookings, state = draft.state.bookings, draft.state
        if report.booking_id is not None:
            booking = bookings.get(report.booking_id)
            if booking is None:
                raise DomainError(ErrorCode.BOOKING_NOT_FOUND, f"no booking {report.booking_id}")
            on_plan = booking.status in {BookingStatus.CONFIRMED, BookingStatus.BOARDED}
            if not on_plan or state.shifts[booking.shift_id].status is not ShiftStatus.ACTIVE:
                status = booking.status
                raise DomainError(ErrorCode.BOOKING_STATE, f"booking is {status}", status=status)
            return [booking]
        for shift in state.shifts.values():
            if shift.status is not ShiftStatus.ACTIVE:
                continue
            if report.vehicle_id not in {None, shift.vehicle_id}:
                continue
            for visit in shift.visits:
                if visit.id == report.visit_id:
                    aboard = BookingStatus.BOARDED
                    boarding = visit.booking_ids(ActionKind.PICKUP)
                    alighting = visit.booking_ids(ActionKind.DROPOFF)
                    off = [i for i in alighting if bookings[i].status is aboard]
                    return [bookings[i] for i in (*boarding, *off)]
        raise DomainError(ErrorCode.VISIT_NOT_FOUND, f"no open visit {report.visit_id}")

    def _gone(self, booking: Booking) -> str:
        terms = booking.in_force
        aboard = booking.status is BookingStatus.BOARDED
        return terms.dropoff_stop_id if aboard else terms.pickup_stop_id

    def _other_stop(self, draft: Draft, booking: Booking) -> NearStop:
        terms, gone = booking.in_force, self._gone(booking)
        stop = self._network.stop(gone)
        if stop is None:
            raise DomainError(ErrorCode.UNKNOWN_STOP, f"no stop {gone}")
        besides = frozenset({gone, terms.pickup_stop_id, terms.dropoff_stop_id})
        near = self._displacer.nearest(draft, Spot(stop.lon, stop.lat), besides)
        if near is None or near.walk_m > self._config.rules.max_walk_limit_m:
            raise DomainError(ErrorCode.NO_OTHER_STOP, f"no stop near {gone}")
        return near

    def _set_down_at(self, draft: Draft, booking: Booking, stop: NearStop, reason: str) -> None:
        shift = end_break(draft, booking.shift_id)
        draft.emit(
            ev.DropoffReplaced(
                booking_id=booking.id,
                shift_id=shift.id,
                at_s=draft.now_s,
                reason=reason,
                from_stop_id=booking.in_force.dropoff_stop_id,
                stop_id=stop.stop_id,
                walk_m=stop.walk_m,
                instead=self._displacer.alighting_at(booking, stop, draft.now_s),
            )
        )
        self._drive_on(draft, shift)

    def _drive_on(self, draft: Draft, shift: Shift) -> None:
        """Plan a shift anew whose stops have changed, in the order in which they were."""
        now = planning(self._config, self._network, draft.state, [shift], draft.now_s)
        actions = scheduled(now.network, now.problem, 0, plans.evaluate(now.problem, 0))
        self._writer.adopt(draft, shift, now.where[0], actions)
        finish_visit(draft, shift.id)
