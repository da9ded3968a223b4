"""What the control room can do about an alert, each as an action with what would come of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from dispatch.domain.model import Booking, BookingStatus, ShiftStatus
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State
from dispatch.engine.alerts import Alert, AlertKind
from dispatch.engine.breaches import planned_breaches
from dispatch.engine.closed_roads import by_roads
from dispatch.engine.network import Network
from dispatch.engine.problem import plan_booking, planning, request_for, suitable_shifts
from routing import plans

_MOVES_MAX: Final = 2
_BETTER_S: Final = 60
"""To change vehicles has to be worth a minute at least."""
_LOOKED_AT_MAX: Final = 8
_SOON_S: Final = 3600
_APOLOGY_S: Final = 900


class Action(StrEnum):
    """What can be done."""

    MOVE_BOOKING = "move_booking"
    SWAP_VEHICLE = "swap_vehicle"
    CALL_RIDER = "call_rider"
    CALL_DRIVER = "call_driver"
    CANCEL_BOOKING = "cancel_booking"


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that can be done.

    `late_s`: how late the rider would be then; None where nobody can say.
    """

    action: Action
    booking_id: str | None = None
    shift_id: str | None = None
    vehicle_id: str | None = None
    late_s: int | None = None


class Remedies:
    """Finds what can be done, in one state of the service.

    Args:
        config: the town's service.
        network: its roads; without, nobody is looked for to take riders over.
        state: open shifts and bookings, latest positions.
        now_s: the instant.
    """

    def __init__(
        self, config: ServiceConfig, network: Network | None, state: State, now_s: int
    ) -> None:
        self._config = config
        self._network = network
        self._state = state
        self._now_s = now_s
        self._looked_at = 0

    def choices(self, alert: Alert) -> tuple[Choice, ...]:
        """What can be done about an alert, the best first."""
        match alert.kind:
            case AlertKind.LATE_PICKUP | AlertKind.LATE_ARRIVAL | AlertKind.LONG_RIDE:
                return tuple(self._for_rider(alert))
            case AlertKind.NO_VEHICLE:
                return tuple(self._for_displaced(alert))
            case AlertKind.STOP_CLOSED:
                who = alert.booking_ids[0]
                calls = Choice(Action.CALL_RIDER, booking_id=who)
                return calls, Choice(Action.CANCEL_BOOKING, booking_id=who)
            case AlertKind.NO_DRIVER | AlertKind.VEHICLE_OFF_ROUTE:
                return (*self._call_driver(alert), *self._spares(alert))
            case _:
                return tuple(self._call_driver(alert))

    def _for_rider(self, alert: Alert) -> Iterator[Choice]:
        booking = self._state.bookings[alert.booking_ids[0]]
        if booking.status is not BookingStatus.CONFIRMED:
            yield from self._call_driver(alert)
            return
        yield from self._moves(booking)
        yield Choice(Action.CALL_RIDER, booking_id=booking.id)
        yield from self._call_driver(alert)
        yield from self._spares(alert)
        if alert.late_s >= _APOLOGY_S:
            yield Choice(Action.CANCEL_BOOKING, booking_id=booking.id)

    def _for_displaced(self, alert: Alert) -> Iterator[Choice]:
        """Every tick looks for a vehicle among those on duty; more would have to go out."""
        shift = self._state.shifts.get(alert.shift_id)
        if shift is not None and shift.status is not ShiftStatus.ENDED:
            yield from self._spares(alert)
        yield Choice(Action.CALL_RIDER, booking_id=alert.booking_ids[0])
        yield Choice(Action.CANCEL_BOOKING, booking_id=alert.booking_ids[0])

    def _call_driver(self, alert: Alert) -> Iterator[Choice]:
        yield Choice(Action.CALL_DRIVER, shift_id=alert.shift_id, vehicle_id=alert.vehicle_id)

    def _spares(self, alert: Alert) -> Iterator[Choice]:
        """Vehicles in reserve that are on no shift now or soon."""
        soon_s = self._now_s + _SOON_S
        busy = {
            shift.vehicle_id
            for shift in self._state.shifts.values()
            if shift.status is ShiftStatus.ACTIVE
            or (shift.status is ShiftStatus.PLANNED and shift.start_s <= soon_s)
        }
        for vehicle in self._config.vehicles:
            if vehicle.spare and vehicle.id not in busy | self._state.out.keys():
                yield Choice(Action.SWAP_VEHICLE, shift_id=alert.shift_id, vehicle_id=vehicle.id)
                return

    def _moves(self, booking: Booking) -> list[Choice]:
        """Other vehicles that would be sooner there without making anybody else late."""
        if self._network is None or self._looked_at >= _LOOKED_AT_MAX:
            return []
        self._looked_at += 1
        own = self._state.shifts[booking.shift_id]
        limit_s = self._now_s + 2 * _SOON_S
        shifts = suitable_shifts(
            self._config, self._state, booking.party, (self._now_s, limit_s), self._now_s
        )
        others = [shift for shift in shifts if shift.id != own.id]
        told = plan_booking(self._config, self._network, booking)
        late_s = max(planned_breaches(self._state, own).get((booking.id, w), 0) for w in _WHAT)
        allowed_s = max(0, late_s - _BETTER_S)
        wanted = replace(
            told,
            pickup_latest_s=told.pickup_latest_s + allowed_s,
            arrival_latest_s=told.arrival_latest_s + allowed_s,
            max_ride_s=told.max_ride_s,
        )
        choices = []
        for roads, members in by_roads(self._network, self._state.closures, others):
            now = planning(self._config, roads, self._state, members, self._now_s, roads=roads)
            for found in plans.best_insertions(now.problem, request_for(wanted)):
                shift = now.shifts[found.vehicle]
                pickup_s = found.pickup_start_s - told.pickup_latest_s
                then_s = max(0, pickup_s, found.dropoff_start_s - told.arrival_latest_s)
                choices.append(
                    Choice(Action.MOVE_BOOKING, booking.id, shift.id, shift.vehicle_id, then_s)
                )
        choices.sort(key=lambda choice: (choice.late_s or 0, choice.shift_id or ""))
        return choices[:_MOVES_MAX]


_WHAT: Final = ("pickup", "arrival", "ride")
