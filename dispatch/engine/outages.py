"""Vehicles out of service, back again, and others in their place.

A vehicle that is out keeps its shifts, but nothing is planned for it. A swap moves what is left of
a vehicle's day to another one; with riders on board it is an outage first, and then a rescue.
"""

from collections.abc import Iterable
from dataclasses import replace

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.ids import new_id
from dispatch.domain.model import (
    BookingStatus,
    OutOfService,
    Shift,
    ShiftStatus,
    Vehicle,
)
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.displacement import Displacer
from dispatch.engine.draft import Draft
from dispatch.engine.harm import made_worse
from dispatch.engine.network import Network
from dispatch.engine.problem import planning
from dispatch.engine.replanning import Replanner
from dispatch.engine.visits import PlanWriter, end_break, scheduled
from dispatch.engine.whereabouts import Whereabouts, locate
from routing import plans
from routing.roads.graph import position_of

_BY = "-by-"


class Outages:
    """Decides what becomes of vehicles that cannot go on."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._writer = PlanWriter(config, network)
        self._displacer = Displacer(config, network)
        self._replanner = Replanner(config, network)

    def take_out(self, draft: Draft, command: cmd.TakeOutOfService) -> None:
        """Take a vehicle out of service and find others for its riders; repeating it is no error.

        Raises:
            DomainError: unknown vehicle.
        """
        vehicle = self._vehicle(command.vehicle_id)
        if vehicle.id not in draft.state.out:
            self._go_out(draft, vehicle, command.reason)
            self._replanner.retry(draft)

    def back(self, draft: Draft, command: cmd.ReturnToService) -> None:
        """Let a vehicle go on from where it is; repeating it is no error.

        Raises:
            DomainError: unknown vehicle.
        """
        vehicle = self._vehicle(command.vehicle_id)
        if vehicle.id not in draft.state.out:
            return
        shifts = [end_break(draft, shift.id) for shift in _open_shifts(draft, vehicle.id)]
        where = {shift.id: self._locate(draft, shift) for shift in shifts}
        draft.emit(ev.VehicleReturned(vehicle.id, draft.now_s))
        for shift in shifts:
            if shift.status is ShiftStatus.ACTIVE:
                self._displacer.strip(draft, shift, where[shift.id])
        self._replanner.retry(draft)

    def swap(self, draft: Draft, command: cmd.SwapVehicle) -> None:
        """Let another vehicle drive what is left of a vehicle's day.

        With nobody on board the plan moves as it is, and no promise is broken by that. With riders
        on board, or out of service already, they are rescued; the other vehicle may do it.

        Raises:
            DomainError: unknown or busy vehicles, nothing left to drive, the driver is on a break,
                or the plan would not fit or be late with the other vehicle.
        """
        vehicle = self._vehicle(command.vehicle_id)
        spare = self._vehicle(command.spare_vehicle_id)
        shifts = self._left_today(draft, vehicle.id)
        if self._is_repeated(draft, vehicle, spare, shifts):
            return
        if not shifts:
            raise DomainError(ErrorCode.SHIFT_STATE, f"{vehicle.id} has no shift left today")
        self._require_free(draft, spare, shifts)
        if any(end_break(draft, s.id).current_break is not None for s in shifts):
            raise DomainError(ErrorCode.ON_BREAK, "the driver is on a break")
        shifts = [draft.state.shifts[s.id] for s in shifts]
        if vehicle.id not in draft.state.out and _has_aboard(draft, shifts):
            self._go_out(draft, vehicle, command.reason)
        for shift in shifts:
            self._hand_over(draft, draft.state.shifts[shift.id], spare)
        self._replanner.retry(draft)

    def _go_out(self, draft: Draft, vehicle: Vehicle, reason: str) -> None:
        shifts = [end_break(draft, shift.id) for shift in _open_shifts(draft, vehicle.id)]
        where = {shift.id: self._locate(draft, shift) for shift in shifts}
        on_duty = [where[s.id] for s in shifts if s.status is ShiftStatus.ACTIVE]
        lon, lat = self._position(vehicle, on_duty)
        draft.emit(ev.VehicleTakenOut(OutOfService(vehicle.id, draft.now_s, reason, lon, lat)))
        for shift in shifts:
            self._displacer.empty(draft, shift, where[shift.id], reason)

    def _hand_over(self, draft: Draft, shift: Shift, spare: Vehicle) -> None:
        """End a shift and lay out another one for the spare vehicle that does the same."""
        start_s = max(draft.now_s, shift.start_s)
        depot = self._network.anchor_at_stop(spare.depot_id, start_s)
        new = Shift(
            id=_new_id(draft, shift, spare),
            vehicle_id=spare.id,
            start_s=start_s,
            end_s=shift.end_s,
            depot_stop_id=spare.depot_id,
            status=ShiftStatus.PLANNED,
            anchor=depot,
        )
        draft.emit(ev.ShiftPlanned(new))
        moved = list(dict.fromkeys(a.booking_id for v in shift.visits for a in v.actions))
        ahead = (v for v in shift.visits if v.actions or v.break_id is not None)
        visits = tuple(replace(v, id=new_id("vs", draft.rng), arrived_at_s=None) for v in ahead)
        begun = replace(new, breaks=shift.breaks, visits=visits)
        before = planning(self._config, self._network, draft.state, [shift], draft.now_s)
        after = planning(self._config, self._network, draft.state, [begun], draft.now_s)
        schedule = plans.evaluate(after.problem, 0)
        if schedule.reason == "capacity":
            raise DomainError(ErrorCode.SPARE_TOO_SMALL, f"{spare.id} is too small for the plan")
        if moved and (not schedule.feasible or made_worse(before.problem, after.problem)):
            raise DomainError(ErrorCode.SWAP_TOO_LATE, f"{spare.id} would come too late")
        for booking_id in moved:
            draft.emit(ev.BookingMoved(booking_id, shift.id, new.id, draft.now_s))
        self._writer.drop(draft, shift)
        draft.emit(ev.ShiftEnded(shift.id, draft.now_s))
        if shift.breaks:
            draft.emit(ev.BreaksPlanned(new.id, shift.breaks))
        if begun.visits:
            actions = scheduled(after.network, after.problem, 0, schedule)
            self._writer.adopt(draft, begun, after.where[0], actions)
        draft.emit(ev.VehicleSwapped(shift.vehicle_id, spare.id, shift.id, new.id, draft.now_s))

    def _left_today(self, draft: Draft, vehicle_id: str) -> list[Shift]:
        """The shifts of a vehicle that are running or begin today, in order, if not over."""
        local_date, now_s = self._config.hours.local_date, draft.now_s
        today = local_date(now_s)
        return [
            shift
            for shift in _open_shifts(draft, vehicle_id)
            if shift.end_s > now_s
            and (shift.status is ShiftStatus.ACTIVE or local_date(shift.start_s) == today)
        ]

    def _is_repeated(
        self, draft: Draft, vehicle: Vehicle, spare: Vehicle, shifts: Iterable[Shift]
    ) -> bool:
        """Whether the spare has taken over already."""
        if vehicle.id == spare.id or list(shifts):
            return False
        own = (s for s in draft.state.shifts.values() if s.vehicle_id == vehicle.id)
        ended = {_root(s) for s in own if s.status is ShiftStatus.ENDED}
        return any(_BY in s.id and _root(s) in ended for s in _open_shifts(draft, spare.id))

    def _require_free(self, draft: Draft, spare: Vehicle, shifts: Iterable[Shift]) -> None:
        others = _open_shifts(draft, spare.id)
        busy = any(o.start_s < s.end_s and s.start_s < o.end_s for o in others for s in shifts)
        running = any(o.status is ShiftStatus.ACTIVE for o in others)
        if spare.id in draft.state.out:
            raise DomainError(ErrorCode.VEHICLE_OUT_OF_SERVICE, f"{spare.id} is out of service")
        if busy or running:
            raise DomainError(ErrorCode.SPARE_NOT_FREE, f"{spare.id} has a shift of its own")

    def _locate(self, draft: Draft, shift: Shift) -> Whereabouts:
        return locate(self._network, draft.state, shift, draft.now_s)

    def _position(self, vehicle: Vehicle, on_duty: list[Whereabouts]) -> tuple[float, float]:
        if on_duty:
            return position_of(self._network.graph, on_duty[0].place)
        anchor = self._network.anchor_at_stop(vehicle.depot_id, 0)
        return anchor.lon, anchor.lat

    def _vehicle(self, vehicle_id: str) -> Vehicle:
        vehicle = self._config.vehicle(vehicle_id)
        if vehicle is None:
            raise DomainError(ErrorCode.VEHICLE_NOT_FOUND, f"no vehicle {vehicle_id}")
        return vehicle


def _open_shifts(draft: Draft, vehicle_id: str) -> list[Shift]:
    """The shifts of a vehicle that are not over, in order."""
    found = [s for s in draft.state.shifts.values() if s.vehicle_id == vehicle_id]
    return sorted((s for s in found if s.status is not ShiftStatus.ENDED), key=lambda s: s.start_s)


def _has_aboard(draft: Draft, shifts: Iterable[Shift]) -> bool:
    ids = {shift.id for shift in shifts}
    aboard = (b for b in draft.state.bookings.values() if b.status is BookingStatus.BOARDED)
    return any(booking.shift_id in ids for booking in aboard)


def _root(shift: Shift) -> str:
    """The id of the shift that a shift was at first."""
    return shift.id.partition(_BY)[0]


def _new_id(draft: Draft, shift: Shift, spare: Vehicle) -> str:
    """An id for a shift that goes on with another vehicle; a vehicle may come back to it."""
    stem = f"{_root(shift)}{_BY}{spare.id}"
    taken = draft.state.shifts
    names = (stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
