"""What drivers and the control room do to vehicles and riders on the day: one door to it all."""

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.model import BookingStatus
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.doorstep import Doorstep
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.not_served import NotServed
from dispatch.engine.outages import Outages
from dispatch.engine.replanning import Replanner
from dispatch.engine.rests import Rests


class Fleet:
    """Decides about outages, swaps, breaks, stops that cannot be served, riders at the door."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._network = network
        self._outages = Outages(config, network)
        self._replanner = Replanner(config, network)
        self._rests = Rests(config, network)
        self._not_served = NotServed(config, network)
        self._doorstep = Doorstep(config, network)

    def take(self, draft: Draft, command: cmd.Command) -> bool:
        """Carry a command out; False if it is none of these.

        Raises:
            DomainError: it cannot be carried out.
        """
        match command:
            case cmd.TakeOutOfService():
                self._outages.take_out(draft, command)
            case cmd.ReturnToService():
                self._outages.back(draft, command)
            case cmd.SwapVehicle():
                self._outages.swap(draft, command)
            case cmd.TakeBreak():
                self._rests.take(draft, command)
            case cmd.PostponeBreak():
                self._rests.postpone(draft, command)
            case cmd.ReportNotServed():
                self._not_served.report(draft, command)
            case cmd.WalkOn():
                self._doorstep.walk_on(draft, command)
            case _:
                return False
        return True

    def tick(self, draft: Draft) -> None:
        """Look for vehicles for those who have none."""
        self._replanner.tick(draft)

    def adopt(self, draft: Draft) -> None:
        """Give up displaced bookings whose stops a new road graph lacks."""
        for booking in list(draft.state.bookings.values()):
            ends = (booking.in_force.pickup_stop_id, booking.in_force.dropoff_stop_id)
            lost = not all(map(self._network.stop, ends))
            if booking.status is BookingStatus.DISPLACED and lost:
                draft.emit(ev.BookingCancelled(booking.id, draft.now_s, by="service"))
