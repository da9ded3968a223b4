"""A dispatcher's desk for tests: an engine, its state, its clock and its log."""

from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from tiny_town import ZONE, grid_config

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.model import Booking, Offer, Party, RideRequest, Shift, ShiftStatus, Spot
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State, apply
from dispatch.engine import Engine, Network

TUESDAY_9_S = int(datetime(2026, 3, 10, 9, 0, tzinfo=ZONE).timestamp())


@dataclass
class Desk:
    """Decides and applies; `now_s` is moved by the test.

    Shifts are laid out when the desk opens, and what is left of a day at nine needs no breaks;
    `opened_s` lets it open earlier, and drivers begin in time.
    """

    network: Network
    config: ServiceConfig = field(default_factory=grid_config)
    now_s: int = TUESDAY_9_S
    seed: int = 1
    opened_s: int | None = None

    def __post_init__(self) -> None:
        self.engine = Engine(self.config, self.network)
        self.state = State()
        self.rng = Random(self.seed)
        self.log: list[ev.Event] = []
        opens_s, self.now_s = self.now_s, self.opened_s or self.now_s
        self.do(cmd.Tick())
        for shift in list(self.state.shifts.values()):
            if shift.start_s <= opens_s < shift.end_s:
                self.now_s = max(self.now_s, shift.start_s)
                self.do(cmd.StartShift(shift.vehicle_id, shift.id))
        self.now_s = opens_s

    def do(self, command: cmd.Command) -> list[ev.Event]:
        events = self.engine.decide(self.state, command, self.now_s, self.rng)
        for event in events:
            apply(self.state, event)
        self.log += events
        return events

    def stop(self, index: int) -> Spot:
        bookable = [stop for stop in self.network.stops if stop.bookable]
        stop = bookable[index % len(bookable)]
        return Spot(stop.lon, stop.lat, stop.id)

    def ask(
        self,
        origin: int,
        destination: int,
        *,
        party: Party | None = None,
        depart_at_s: int | None = None,
        arrive_by_s: int | None = None,
    ) -> RideRequest:
        """Ask from stop to stop, by index."""
        command = cmd.RequestRide(
            self.stop(origin),
            self.stop(destination),
            party or Party(1),
            depart_at_s=depart_at_s,
            arrive_by_s=arrive_by_s,
        )
        event = self.do(command)[0]
        assert isinstance(event, ev.RideOffered | ev.RideRefused)
        return event.request

    def take(self, offer: Offer) -> Booking:
        event = self.do(cmd.AcceptOffer(offer.id, "rd_1"))[0]
        assert isinstance(event, ev.BookingMade)
        return event.booking

    def book(self, origin: int, destination: int, *, party: Party | None = None) -> Booking:
        return self.take(self.ask(origin, destination, party=party).offers[0])

    def booking(self, booking: Booking) -> Booking:
        return self.state.bookings[booking.id]

    def shift(self, booking: Booking) -> Shift:
        return self.state.shifts[self.booking(booking).shift_id]

    def active(self) -> list[Shift]:
        return [s for s in self.state.shifts.values() if s.status is ShiftStatus.ACTIVE]

    def arrive(self, shift: Shift) -> None:
        """The vehicle reaches its next visit when planned."""
        visit = self.state.shifts[shift.id].visits[0]
        self.now_s = max(self.now_s, visit.arrive_s)
        self.do(cmd.ReportArrived(shift.vehicle_id, visit.id))
