"""An independent look at a driven day: reads its event log alone, and knows no plans.

Whatever the engine thought, here the day is driven again event by event: every vehicle from halt to
halt, every party on and off.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from dispatch.domain import events as ev
from dispatch.domain.model import Booking, Shift, Visit
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.network import Network
from simulations.world import Day

_ROUNDING_S = 2


@dataclass(slots=True)
class _Vehicle:
    """A shift under way: where it last halted, from when it can leave, who is on board."""

    shift: Shift
    stop_id: str
    free_s: int
    on_board: dict[str, int] = field(default_factory=dict)
    rests_until_s: int = 0
    diverted: int = 0


class DrivenDay:
    """Drives a day again.

    Args:
        config: the service, for vehicles and dwell times.
        network: its roads.
        calm: whether nothing happened but what was planned. Then drives take what the road graph
            says, and promises are kept; otherwise chance may break them.
    """

    def __init__(self, config: ServiceConfig, network: Network, *, calm: bool) -> None:
        self._config = config
        self._network = network
        self._calm = calm
        self._shifts: dict[str, Shift] = {}
        self._vehicles: dict[str, _Vehicle] = {}
        self._bookings: dict[str, Booking] = {}
        self._carried_by: dict[str, str] = {}
        self._ended: dict[str, str] = {}
        self._halts: dict[str, tuple[int, str | None]] = {}
        self._breaks_s: dict[str, int] = {}
        self._out: set[str] = set()
        # A diverted vehicle's times are rounded anew, and the turn it is in counts as done.
        self._diversion_s = 1 + int(network.graph.turn_time_ms.max(initial=0)) // 1000

    def faults(self, day: Day) -> list[str]:
        """What is wrong with a day, in words; empty for a sound one."""
        found = [fault for at_s, event in day.events for fault in self._after(event, at_s)]
        if day.complete:
            open_ids = sorted(self._bookings.keys() - self._ended.keys())
            found += [f"{booking_id} was neither driven nor given up" for booking_id in open_ids]
        return found

    def _after(self, event: ev.Event, at_s: int) -> Iterator[str]:  # noqa: C901, PLR0912 - a case each
        match event:
            case ev.ShiftPlanned(shift):
                self._shifts[shift.id] = shift
                self._note_breaks(shift.visits)
            case ev.PlanChanged(shift_id, anchor=anchor, visits=visits):
                self._note_breaks(visits)
                if anchor.stop_id is None and shift_id in self._vehicles:
                    self._vehicles[shift_id].diverted += 1
            case ev.ShiftStarted(shift_id):
                shift = self._shifts[shift_id]
                self._vehicles[shift_id] = _Vehicle(shift, shift.depot_stop_id, at_s)
            case ev.ShiftEnded(shift_id) if shift_id in self._vehicles:
                yield from self._end_shift(shift_id)
            case ev.BookingMade(booking):
                self._bookings[booking.id] = booking
                self._carried_by[booking.id] = booking.shift_id
            case ev.BookingMoved():
                if any(event.booking_id in v.on_board for v in self._vehicles.values()):
                    yield f"{event.booking_id} changes vehicles on board"
                self._carried_by[event.booking_id] = event.shift_id
            case ev.BookingStopsMoved(booking_id, pickup_id, dropoff_id):
                booking = self._bookings[booking_id]
                promise = replace(
                    booking.promise, pickup_stop_id=pickup_id, dropoff_stop_id=dropoff_id
                )
                self._bookings[booking_id] = replace(booking, promise=promise)
            case ev.VisitArrived():
                yield from self._halt(event)
            case ev.RiderBoarded():
                yield from self._board(event)
            case ev.RiderAlighted():
                yield from self._alight(event)
            case ev.RiderMissed() | ev.BookingCancelled():
                yield from self._end(event.booking_id, type(event).__name__)
            case _:
                yield from self._mishap(event)

    def _mishap(self, event: ev.Event) -> Iterator[str]:
        """Riders change vehicles only if theirs has broken down, and then board at another stop."""
        match event:
            case ev.VehicleTakenOut(out):
                self._out.add(out.vehicle_id)
            case ev.VehicleReturned(vehicle_id):
                self._out.discard(vehicle_id)
            case ev.BookingDisplaced():
                booking = self._bookings[event.booking_id]
                instead = event.instead or booking.instead
                self._bookings[booking.id] = replace(booking, instead=instead)
                carrier = self._vehicles.get(event.shift_id)  # None: its shift has not begun yet
                boarded_s = carrier and carrier.on_board.pop(booking.id, None)
                if event.aboard != (boarded_s is not None):
                    yield f"{booking.id} was on board or not, and the log says otherwise"
                if event.aboard and event.vehicle_id not in self._out:
                    yield f"{booking.id} has to leave a vehicle that is in service"
            case ev.BookingReplanned():
                self._carried_by[event.booking_id] = event.shift_id
                if event.vehicle_id in self._out:
                    yield f"{event.booking_id} is given to a vehicle that is out of service"
            case ev.RiderSetDown():
                self._vehicles[event.shift_id].on_board.pop(event.booking_id)
                yield from self._end(event.booking_id, "RiderSetDown")
            case _:
                pass

    def _halt(self, event: ev.VisitArrived) -> Iterator[str]:
        vehicle, stop_id = self._vehicles[event.shift_id], event.anchor.stop_id
        if vehicle.shift.vehicle_id in self._out:
            yield f"{event.shift_id} halts and is out of service"
        self._halts[event.visit_id] = (event.at_s, stop_id)
        if event.at_s < vehicle.rests_until_s:
            yield f"{event.shift_id} halts during a break"
        rest_s = self._breaks_s.get(event.visit_id)
        if rest_s is not None:
            if vehicle.on_board:
                yield f"{event.shift_id} has a break with riders on board"
            vehicle.rests_until_s = vehicle.free_s = event.at_s + rest_s
        if stop_id is None:
            return
        index, travel = self._network.stop_index, self._network.travel
        leg_s = int(travel.matrix_s[index[vehicle.stop_id], index[stop_id]])
        soonest_s = self._network.drive(event.at_s, min(vehicle.free_s, event.at_s), leg_s)
        slack_s = _ROUNDING_S + vehicle.diverted * self._diversion_s
        vehicle.diverted = 0
        if self._calm and rest_s is None and event.at_s < soonest_s - slack_s:
            yield f"{event.shift_id} is at {stop_id} {soonest_s - event.at_s} s too soon"
        vehicle.stop_id = stop_id
        if rest_s is None:
            vehicle.free_s = event.at_s

    def _board(self, event: ev.RiderBoarded) -> Iterator[str]:
        booking, vehicle = self._bookings[event.booking_id], self._vehicles[event.shift_id]
        yield from self._at_stop(event, booking.in_force.pickup_stop_id)
        halted_s, promise = self._halted_s(event), booking.in_force
        if event.booking_id in vehicle.on_board or event.booking_id in self._ended:
            yield f"{event.booking_id} boards twice"
        if event.at_s < promise.pickup_from_s:
            yield f"{event.booking_id} boards before its window"
        if self._calm and halted_s > promise.pickup_to_s + _ROUNDING_S:
            yield f"{event.booking_id} is picked up {halted_s - promise.pickup_to_s} s late"
        usual_s = self._config.rules.board_s(booking.party)
        if self._calm and event.at_s < max(vehicle.free_s, halted_s) + usual_s:
            yield f"{event.booking_id} boards in less than {usual_s} s"
        vehicle.on_board[event.booking_id] = event.at_s
        vehicle.free_s = event.at_s
        if not self._fits(vehicle):
            yield f"{event.shift_id} is too full with {', '.join(vehicle.on_board)}"

    def _alight(self, event: ev.RiderAlighted) -> Iterator[str]:
        booking, vehicle = self._bookings[event.booking_id], self._vehicles[event.shift_id]
        promise = booking.promise
        yield from self._at_stop(event, booking.in_force.dropoff_stop_id)
        boarded_s = vehicle.on_board.pop(event.booking_id, None)
        if boarded_s is None:
            yield f"{event.booking_id} alights without having boarded"
            return
        arrived_s = self._halted_s(event)
        if self._calm and arrived_s > promise.arrival_latest_s + _ROUNDING_S:
            yield f"{event.booking_id} arrives {arrived_s - promise.arrival_latest_s} s late"
        if self._calm and arrived_s - boarded_s > promise.max_ride_s + _ROUNDING_S:
            yield f"{event.booking_id} rides for longer than promised"
        vehicle.free_s = event.at_s
        yield from self._end(event.booking_id, "RiderAlighted")

    def _at_stop(self, event: ev.RiderBoarded | ev.RiderAlighted, stop_id: str) -> Iterator[str]:
        if self._carried_by[event.booking_id] != event.shift_id:
            yield f"{event.booking_id} is on {event.shift_id} and should not be"
        _, here = self._halts.get(event.visit_id, (0, None))
        if here != stop_id:
            yield f"{event.booking_id} gets on or off at {here} instead of {stop_id}"

    def _halted_s(self, event: ev.RiderBoarded | ev.RiderAlighted) -> int:
        return self._halts.get(event.visit_id, (event.at_s, None))[0]

    def _end(self, booking_id: str, how: str) -> Iterator[str]:
        if booking_id in self._ended:
            yield f"{booking_id} ends twice: {self._ended[booking_id]}, {how}"
        self._ended[booking_id] = how

    def _end_shift(self, shift_id: str) -> Iterator[str]:
        vehicle = self._vehicles.pop(shift_id)
        if vehicle.on_board:
            yield f"{shift_id} ends with {', '.join(vehicle.on_board)} on board"

    def _fits(self, vehicle: _Vehicle) -> bool:
        parties = [self._bookings[booking_id].party for booking_id in vehicle.on_board]
        seats, chairs = sum(p.seats for p in parties), sum(p.wheelchairs for p in parties)
        known = self._config.vehicle(vehicle.shift.vehicle_id)
        return known is not None and any(c.holds(seats, chairs) for c in known.configurations)

    def _note_breaks(self, visits: Sequence[Visit]) -> None:
        self._breaks_s |= {v.id: v.depart_s - v.arrive_s for v in visits if v.break_id}
