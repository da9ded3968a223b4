"""Everything about bookings beyond asking, taking and giving up: which part decides what."""

from dispatch.domain import booking_commands as bc
from dispatch.domain import commands as cmd
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.booker import Booker
from dispatch.engine.draft import Draft
from dispatch.engine.groups import Groups
from dispatch.engine.moves import Moves
from dispatch.engine.network import Network
from dispatch.engine.rides import Rides
from dispatch.engine.series import StandingOrders
from dispatch.engine.waiting import WaitingList


class BookingLife:
    """Changes, pins and moves, standing orders, the waiting list, and groups."""

    def __init__(
        self, config: ServiceConfig, network: Network, rides: Rides, booker: Booker
    ) -> None:
        self._booker = booker
        self._moves = Moves(config, network)
        self._orders = StandingOrders(config, network, rides, booker)
        self._waiting = WaitingList(config, booker)
        self._groups = Groups(config, rides, booker)

    def tick(self, draft: Draft) -> None:
        """Serve those who wait before standing orders take room on later days."""
        self._waiting.serve(draft)
        self._orders.tick(draft)

    def room_has_come(self, draft: Draft) -> None:
        """Somebody has given a place up: those who wait are asked first."""
        self._waiting.serve(draft)

    def decide(self, draft: Draft, command: cmd.Command) -> bool:
        """Carry out a command of this part.

        Returns:
            Whether it is one.

        Raises:
            DomainError: it cannot be carried out.
        """
        match command:
            case bc.PinBooking():
                self._moves.pin(draft, command)
            case bc.UnpinBooking():
                self._moves.unpin(draft, command)
            case bc.PreviewMove():
                self._moves.preview(draft, command)
            case bc.MoveBooking():
                self._moves.move(draft, command)
            case bc.CreateSeries():
                self._orders.create(draft, command)
            case bc.JoinWaitingList():
                self._waiting.join(draft, command)
            case bc.LeaveWaitingList():
                self._waiting.leave(draft, command)
            case bc.RequestGroup():
                self._groups.request(draft, command)
            case bc.AcceptGroup():
                self._groups.accept(draft, command)
            case _:
                return self._release(draft, command)
        return True

    def _release(self, draft: Draft, command: cmd.Command) -> bool:
        """Commands after which there may be room for others."""
        match command:
            case bc.ChangeBooking():
                self._booker.change(draft, command)
            case bc.EndSeries():
                self._orders.end(draft, command)
            case bc.SkipSeriesDay():
                self._orders.skip(draft, command)
            case bc.CancelGroup():
                self._groups.cancel(draft, command)
            case _:
                return False
        self._waiting.serve(draft)
        return True
