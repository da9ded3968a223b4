"""What tests of mishaps share: riders on board, a vehicle under way, a sound desk."""

from desk import Desk

from dispatch.domain import commands as cmd
from dispatch.domain.model import Booking, Party, Shift
from dispatch.domain.state import State, apply
from dispatch.engine.invariants import broken_rules


def sound(desk: Desk) -> bool:
    """Whether rules hold, and folding the log gives the state."""
    folded = State()
    for event in desk.log:
        apply(folded, event)
    assert folded.bookings == desk.state.bookings
    assert folded.shifts == desk.state.shifts
    assert folded.out == desk.state.out
    assert broken_rules(desk.config, desk.network, desk.state, desk.now_s) == []
    return True


def aboard(desk: Desk, origin: int = 0, destination: int = 40, **party: int) -> Booking:
    """A booking whose riders have got on."""
    booking = desk.book(origin, destination, party=Party(**party) if party else None)
    desk.arrive(desk.shift(booking))
    desk.now_s = desk.shift(booking).visits[0].depart_s
    desk.do(cmd.ReportBoarded(booking.id))
    return desk.booking(booking)


def on_its_way(desk: Desk, booking: Booking) -> Shift:
    """Half-way to the vehicle's next stop."""
    visit = desk.shift(booking).visits[0]
    desk.now_s = (visit.leave_s + visit.arrive_s) // 2
    return desk.shift(booking)


def vehicle_of(desk: Desk, booking: Booking) -> str:
    return desk.shift(booking).vehicle_id
