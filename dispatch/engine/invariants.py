"""What must always be true of a state, checked in plain Python without the planning kernels.

Used by the property tests and by simulations in assertion mode.
"""

from collections import Counter
from collections.abc import Iterator

from dispatch.domain.model import ActionKind, Booking, BookingStatus, Shift, ShiftStatus
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State
from dispatch.engine.network import Network

_DONE = {
    BookingStatus.CONFIRMED: (ActionKind.PICKUP, ActionKind.DROPOFF),
    BookingStatus.BOARDED: (ActionKind.DROPOFF,),
}


def broken_rules(config: ServiceConfig, network: Network, state: State, now_s: int) -> list[str]:
    """Rules that no event may ever break: assignment, order, capacity, physics.

    Args:
        config: fleet and dwell times.
        network: driving times.
        state: to check; is not changed.
        now_s: for the traffic of the day.

    Returns:
        One sentence for each breach, empty if all is well.
    """
    found = [*_assignment(state), *_out_of_service(state)]
    for shift in state.shifts.values():
        found += _capacity(config, state, shift)
        found += _driving(network.for_shift(shift, state.closures), shift, now_s)
        found += _windows(state, shift)
        found += _breaks(state, shift)
    return found


def broken_promises(state: State) -> dict[tuple[str, str], int]:
    """By how many seconds the plans miss what was promised: (booking, what) -> seconds > 0.

    Breaks are promised by law: (break, "break") says how much too late one is planned.
    """
    found: dict[tuple[str, str], int] = {}
    for shift in state.shifts.values():
        latest_s = {b.id: b.latest_s for b in shift.breaks}
        for visit in shift.visits:
            if visit.break_id is not None and visit.arrived_at_s is None:
                found[visit.break_id, "break"] = visit.arrive_s - latest_s[visit.break_id]
        boarded_s: dict[str, int] = {}
        for visit in shift.visits:
            for action in visit.actions:
                booking = state.bookings[action.booking_id]
                promise, first_s = booking.promise, booking.first_boarded_at_s
                if action.kind is ActionKind.PICKUP:
                    boarded_s[booking.id] = action.end_s
                    if first_s is None:
                        found[booking.id, "pickup"] = action.start_s - promise.pickup_to_s
                    continue
                since_s = booking.boarded_at_s or boarded_s.get(booking.id, action.start_s)
                since_s = first_s or since_s  # who had to change vehicles has been riding on
                found[booking.id, "arrival"] = action.start_s - promise.arrival_latest_s
                found[booking.id, "ride"] = action.start_s - since_s - promise.max_ride_s
    return {key: late_s for key, late_s in found.items() if late_s > 0}


def _assignment(state: State) -> Iterator[str]:
    """Every open booking is on its one shift, picked up once and set down once in this order.

    A displaced one is on none.
    """
    where: dict[str, list[tuple[str, ActionKind]]] = {}
    for shift in state.shifts.values():
        for visit in shift.visits:
            for action in visit.actions:
                where.setdefault(action.booking_id, []).append((shift.id, action.kind))
                stop_id = _stop_of(state.bookings[action.booking_id], action.kind)
                if stop_id != visit.stop_id:
                    yield f"{action.booking_id} {action.kind} planned at {visit.stop_id}"
    for booking in state.bookings.values():
        expected = [(booking.shift_id, kind) for kind in _DONE.get(booking.status, ())]
        if where.pop(booking.id, []) != expected:
            yield f"{booking.id} is {booking.status} but not planned so"
    for booking_id in where:
        yield f"{booking_id} is planned but unknown"
    taken = Counter(b.offer_id for b in state.bookings.values())
    yield from (f"offer {offer} was booked {n} times" for offer, n in taken.items() if n > 1)


def _out_of_service(state: State) -> Iterator[str]:
    """Vehicles out of service have nothing to do, and nobody is lost with them."""
    for shift in state.shifts.values():
        if shift.vehicle_id in state.out and any(visit.actions for visit in shift.visits):
            yield f"{shift.id} has riders, and {shift.vehicle_id} is out of service"
    for booking in state.bookings.values():
        if booking.status is BookingStatus.DISPLACED and booking.displacement is None:
            yield f"{booking.id} is displaced by nothing"
        if (booking.rescues > 0) != (booking.first_boarded_at_s is not None):
            yield f"{booking.id} was rescued {booking.rescues} times without having been on board"


def _capacity(config: ServiceConfig, state: State, shift: Shift) -> Iterator[str]:
    vehicle = config.vehicle(shift.vehicle_id)
    on_board = [
        booking
        for booking in state.bookings.values()
        if booking.shift_id == shift.id and booking.status is BookingStatus.BOARDED
    ]
    seats = sum(b.party.seats for b in on_board)
    wheelchairs = sum(b.party.wheelchairs for b in on_board)
    if vehicle is not None and not any(c.holds(seats, wheelchairs) for c in vehicle.configurations):
        yield f"{shift.id} carries {seats} + {wheelchairs}"
    for visit in shift.visits:
        for action in visit.actions:
            party = state.bookings[action.booking_id].party
            sign = 1 if action.kind is ActionKind.PICKUP else -1
            seats += sign * party.seats
            wheelchairs += sign * party.wheelchairs
            if vehicle is None or not any(
                c.holds(seats, wheelchairs) for c in vehicle.configurations
            ):
                yield f"{shift.id} would carry {seats} + {wheelchairs} after {action.booking_id}"


def _driving(network: Network, shift: Shift, now_s: int) -> Iterator[str]:
    """No visit is reached sooner than the road allows, and the depot before the shift ends."""
    if shift.status is ShiftStatus.ENDED and shift.visits:
        yield f"{shift.id} has ended with open visits"
    for before, after in zip(shift.visits, shift.visits[1:], strict=False):
        leg_s = int(
            network.travel.matrix_s[
                network.stop_index[before.stop_id], network.stop_index[after.stop_id]
            ]
        )
        if after.leave_s < before.depart_s:
            yield f"{shift.id} leaves {before.id} before it is done there"
        if after.arrive_s < network.drive(now_s, after.leave_s, leg_s):
            yield f"{shift.id} reaches {after.id} faster than it can drive"
    for visit in shift.visits:
        if not visit.leave_s <= visit.arrive_s <= visit.depart_s:
            yield f"{visit.id} ends before it begins"
        times = [t for a in visit.actions for t in (a.start_s, a.end_s)]
        if times != sorted(times) or (
            times and visit.arrived_at_s is None and times[0] < visit.arrive_s
        ):
            yield f"{visit.id} has its actions out of order"


def _windows(state: State, shift: Shift) -> Iterator[str]:
    """Nobody is picked up sooner than they were told."""
    for visit in shift.visits:
        for action in visit.actions:
            terms = state.bookings[action.booking_id].in_force
            if action.kind is ActionKind.PICKUP and action.start_s < terms.pickup_from_s:
                yield f"{action.booking_id} is planned before its window"


def _breaks(state: State, shift: Shift) -> Iterator[str]:
    """Every break still to be taken is in the plan, with nobody on board, where the vehicle is."""
    if shift.status is ShiftStatus.ENDED:
        return
    known = {b.id: b for b in shift.breaks}
    placed = [visit.break_id for visit in shift.visits if visit.break_id is not None]
    if sorted(placed) != sorted(known):
        yield f"{shift.id} has to have breaks {sorted(known)}, planned are {placed}"
        return
    on_board = {
        b.id
        for b in state.bookings.values()
        if b.shift_id == shift.id and b.status is BookingStatus.BOARDED
    }
    stop_id = shift.anchor.stop_id
    for visit in shift.visits:
        on_board |= set(visit.booking_ids(ActionKind.PICKUP))
        on_board -= set(visit.booking_ids(ActionKind.DROPOFF))
        if visit.break_id is not None:
            planned = known[visit.break_id]
            if on_board:
                yield f"{visit.break_id} is planned with {sorted(on_board)} on board"
            if stop_id is not None and visit.stop_id != stop_id and visit is not shift.visits[0]:
                yield f"{visit.break_id} is planned at {visit.stop_id}, not at {stop_id}"
            if visit.arrive_s < planned.earliest_s:
                yield f"{visit.break_id} is planned before its window"
            if visit.depart_s - visit.arrive_s < planned.duration_s or visit.actions:
                yield f"{visit.break_id} is no break of {planned.duration_s} s"
        stop_id = visit.stop_id


def _stop_of(booking: Booking, kind: ActionKind) -> str:
    terms = booking.in_force
    return terms.pickup_stop_id if kind is ActionKind.PICKUP else terms.dropoff_stop_id
