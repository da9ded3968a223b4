"""What vehicles and drivers report: positions, arrivals, riders on and off, shifts."""

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import (
    ActionKind,
    Booking,
    BookingStatus,
    Shift,
    ShiftStatus,
)
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.breaches import planned_breaches
from dispatch.engine.breaks import Breaks
from dispatch.engine.doorstep import Doorstep
from dispatch.engine.draft import Draft
from dispatch.engine.duty import require_in_service
from dispatch.engine.network import Network
from dispatch.engine.positions import Positions
from dispatch.engine.rides import finish_visit, remove_from_plan
from dispatch.engine.visits import PlanWriter, end_break, is_waiting_place

_START_EARLY_S = 1800
_PLANNED = (ev.VisitArrived, ev.RiderBoarded, ev.RiderAlighted, ev.VisitCompleted)


class Operations:
    """Decides what the vehicles report. Repeating a report is no error and changes nothing."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._writer = PlanWriter(config, network)
        self._breaks = Breaks(config, network)
        self._positions = Positions(network)
        self._doorstep = Doorstep(config, network)

    def position(self, draft: Draft, report: cmd.ReportPosition) -> None:
        """Take positions in; those older than what is known are ignored.

        Raises:
            DomainError: no active shift, from the future, or far from any road.
        """
        self._positions.take(draft, self._active_shift(draft, report.vehicle_id), report)

    def arrived(self, draft: Draft, report: cmd.ReportArrived) -> None:
        """The vehicle halts at its next visit.

        Raises:
            DomainError: no active shift, unknown visit, or another visit comes first.
        """
        shift = self._active_shift(draft, report.vehicle_id)
        require_in_service(draft, report.vehicle_id)
        if all(visit.id != report.visit_id for visit in shift.visits):
            raise DomainError(ErrorCode.VISIT_NOT_FOUND, f"no open visit {report.visit_id}")
        if shift.visits[0].id != report.visit_id:
            raise DomainError(ErrorCode.VISIT_NOT_NEXT, "another visit comes first")
        if shift.visits[0].arrived_at_s is not None:
            return
        if shift.visits[0].break_id is not None:
            self._rest(draft, shift)
        else:
            self._arrive(draft, shift)
            if is_waiting_place(shift.visits[0]):
                finish_visit(draft, shift.id)

    def boarded(self, draft: Draft, report: cmd.ReportBoarded) -> None:
        """A booking's riders are on board.

        Raises:
            DomainError: unknown or closed booking, the vehicle's next visit is elsewhere, or it
                cannot hold all who have come.
        """
        booking = self._booking(draft, report.booking_id)
        if booking.status is not BookingStatus.BOARDED:
            self._expect(booking, BookingStatus.CONFIRMED)
            self._doorstep.count(draft, booking, report.party)
            self._at_stop(draft, booking, ActionKind.PICKUP)
        else:
            self._doorstep.count(draft, booking, report.party)

    def alighted(self, draft: Draft, report: cmd.ReportAlighted) -> None:
        """A booking's riders have left the vehicle.

        Raises:
            DomainError: unknown booking, not on board, or the vehicle's next visit is elsewhere.
        """
        booking = self._booking(draft, report.booking_id)
        if booking.status is not BookingStatus.COMPLETED:
            self._expect(booking, BookingStatus.BOARDED)
            self._at_stop(draft, booking, ActionKind.DROPOFF)

    def no_show(self, draft: Draft, report: cmd.ReportNoShow) -> None:
        """A booking's riders did not come within the waiting time.

        Raises:
            DomainError: unknown or closed booking, not at its stop, or too early.
        """
        booking = self._booking(draft, report.booking_id)
        if booking.status is BookingStatus.NO_SHOW:
            return
        self._expect(booking, BookingStatus.CONFIRMED)
        current = draft.state.shifts[booking.shift_id].current_visit
        if current is None or booking.id not in current.booking_ids(ActionKind.PICKUP):
            raise DomainError(ErrorCode.NOT_AT_THIS_STOP, "the vehicle is not at the pick-up stop")
        waiting_since_s = max(current.arrived_at_s or 0, booking.in_force.pickup_from_s)
        due_s = waiting_since_s + self._config.rules.no_show_after_s
        if draft.now_s < due_s:
            wait_s = due_s - draft.now_s
            raise DomainError(ErrorCode.NO_SHOW_TOO_EARLY, f"wait {wait_s} s", wait_s=wait_s)
        shift_id = booking.shift_id
        draft.emit(ev.RiderMissed(booking.id, shift_id, current.id, draft.now_s))
        remove_from_plan(self._writer, draft, shift_id, booking.id)

    def start_shift(self, draft: Draft, start: cmd.StartShift) -> None:
        """A driver begins a shift.

        Raises:
            DomainError: unknown shift, wrong state, too early, or another shift is running.
        """
        shift = self._shift(draft, start.vehicle_id, start.shift_id)
        if shift.status is ShiftStatus.ACTIVE:
            return
        others = (s for s in draft.state.shifts.values() if s.vehicle_id == start.vehicle_id)
        busy = any(s.status is ShiftStatus.ACTIVE for s in others)
        early = draft.now_s < shift.start_s - _START_EARLY_S
        require_in_service(draft, start.vehicle_id)
        if shift.status is not ShiftStatus.PLANNED or busy or early:
            raise DomainError(ErrorCode.SHIFT_STATE, "the shift cannot start now")
        draft.emit(ev.ShiftStarted(shift.id, draft.now_s))
        self._writer.reschedule(draft, shift.id)

    def end_shift(self, draft: Draft, end: cmd.EndShift) -> None:
        """A driver ends a shift that has nothing left to do.

        Raises:
            DomainError: unknown shift, wrong state, or open visits.
        """
        shift = self._shift(draft, end.vehicle_id, end.shift_id)
        if shift.status is ShiftStatus.ENDED:
            return
        if shift.status is not ShiftStatus.ACTIVE:
            raise DomainError(ErrorCode.SHIFT_STATE, "the shift has not begun")
        shift = end_break(draft, shift.id)
        if any(visit.actions for visit in shift.visits):
            raise DomainError(ErrorCode.SHIFT_HAS_RIDERS, "there are open visits")
        if shift.visits:
            self._writer.drop(draft, shift)
        draft.emit(ev.ShiftEnded(shift.id, draft.now_s))

    def _rest(self, draft: Draft, shift: Shift) -> None:
        """The driver begins the break that comes next, as planned or sooner."""
        window = next(b for b in shift.breaks if b.id == shift.visits[0].break_id)
        wait_s = window.earliest_s - draft.now_s
        if wait_s > 0:
            raise DomainError(ErrorCode.BREAK_TOO_EARLY, f"wait {wait_s} s", wait_s=wait_s)
        self._breaks.begin(draft, shift)

    def _arrive(self, draft: Draft, shift: Shift) -> None:
        visit = shift.visits[0]
        anchor = self._network.anchor_at_stop(visit.stop_id, draft.now_s)
        draft.emit(ev.VisitArrived(shift.id, visit.id, draft.now_s, anchor))

    def _at_stop(self, draft: Draft, booking: Booking, kind: ActionKind) -> None:
        """Somebody gets on or off where it is planned; reporting it implies having arrived."""
        shift = end_break(draft, booking.shift_id)
        if shift.status is not ShiftStatus.ACTIVE:
            raise DomainError(ErrorCode.SHIFT_STATE, "the shift is not running")
        visit = shift.visits[0]
        if booking.id not in visit.booking_ids(kind):
            raise DomainError(ErrorCode.NOT_AT_THIS_STOP, "the vehicle's next visit is elsewhere")
        if visit.arrived_at_s is None:
            self._arrive(draft, shift)
        if kind is ActionKind.PICKUP:
            self._doorstep.make_way(draft, booking.id)
        happened = ev.RiderBoarded if kind is ActionKind.PICKUP else ev.RiderAlighted
        draft.emit(happened(booking.id, shift.id, visit.id, draft.now_s))
        due_s = draft.state.shifts[shift.id].visits[0].depart_s
        leaves = finish_visit(draft, shift.id)
        if _unplanned(draft) or (leaves and not _is_on_time(draft, shift.id, due_s)):
            self._writer.reschedule(draft, shift.id)

    def _active_shift(self, draft: Draft, vehicle_id: str) -> Shift:
        for shift in list(draft.state.shifts.values()):
            if shift.vehicle_id == vehicle_id and shift.status is ShiftStatus.ACTIVE:
                return end_break(draft, shift.id)
        if self._config.vehicle(vehicle_id) is None:
            raise DomainError(ErrorCode.VEHICLE_NOT_FOUND, f"no vehicle {vehicle_id}")
        raise DomainError(ErrorCode.SHIFT_STATE, f"{vehicle_id} has no running shift")

    def _shift(self, draft: Draft, vehicle_id: str, shift_id: str) -> Shift:
        shift = draft.state.shifts.get(shift_id)
        if shift is None or shift.vehicle_id != vehicle_id:
            raise DomainError(ErrorCode.SHIFT_NOT_FOUND, f"{vehicle_id} has no shift {shift_id}")
        return shift

    def _booking(self, draft: Draft, booking_id: str) -> Booking:
        booking = draft.state.bookings.get(booking_id)
        if booking is None:
            raise DomainError(ErrorCode.BOOKING_NOT_FOUND, f"no open booking {booking_id}")
        return booking

    def _expect(self, booking: Booking, status: BookingStatus) -> None:
        if booking.status is not status:
            raise DomainError(
                ErrorCode.BOOKING_STATE, f"booking is {booking.status}", status=booking.status
            )


def _unplanned(draft: Draft) -> bool:
    """Whether anything has happened that no plan says: other people than booked, say."""
    return not all(isinstance(event, _PLANNED) for event in draft.events)


def _is_on_time(draft: Draft, shift_id: str, due_s: int) -> bool:
    """Whether a vehicle leaves to the second as planned, with all its promises within reach.

    Then the rest of its plan follows from that second as it did before, on the same roads and with
    the same limits, and need not be timed anew. Broken limits count as raised, and by how much can
    change with every rider; before a shift begins its vehicle is not free to leave at all.
    """
    shift = draft.state.shifts[shift_id]
    in_time = draft.now_s == due_s and draft.now_s >= shift.start_s
    return in_time and not any(planned_breaches(draft.state, shift).values())
