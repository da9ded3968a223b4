"""`decide(state, command, now, rng) -> events`, for the live service and for simulations."""

from random import Random

from dispatch.domain import commands as cmd
from dispatch.domain.events import Event
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State
from dispatch.engine.draft import Draft
from dispatch.engine.housekeeping import Housekeeping
from dispatch.engine.network import Network
from dispatch.engine.operations import Operations
from dispatch.engine.proposals import Proposals
from dispatch.engine.rides import Rides


class Engine:
    """Decisions for one service area. Holds configuration and roads, never state."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self.config = config
        self.network = network
        self._rides = Rides(config, network)
        self._operations = Operations(config, network)
        self._proposals = Proposals(config, network)
        self._housekeeping = Housekeeping(config, network)

    def decide(self, state: State, command: cmd.Command, now_s: int, rng: Random) -> list[Event]:
        """What follows from a command, as events in order; `state` is not changed.

        Args:
            state: the open state of the service area.
            command: what is asked or reported.
            now_s: the instant of the decision, epoch seconds.
            rng: source of identifiers; a seeded one reproduces them.

        Returns:
            Events to apply and record; none if the command repeats what is already so.

        Raises:
            DomainError: the command cannot be carried out.
        """
        draft = Draft(state, now_s, rng)
        match command:
            case cmd.Tick():
                self._housekeeping.tick(draft)
            case cmd.RequestRide() | cmd.AcceptOffer() | cmd.CancelBooking():
                self._decide_ride(draft, command)
            case cmd.ProposePlans():
                self._proposals.take(draft, command)
            case _:
                self._decide_operation(draft, command)
        return draft.events

    def adopt(self, state: State, now_s: int, rng: Random) -> list[Event]:
        """What follows from the stored plans having been made on another road graph.

        Raises:
            StrandedRiderError: somebody on board is bound for a stop that is gone.
        """
        draft = Draft(state, now_s, rng)
        self._housekeeping.adopt(draft)
        return draft.events

    def retime(self, state: State, now_s: int, rng: Random) -> list[Event]:
        """The plans as they will be if nobody acts: every open plan re-timed as things stand."""
        draft = Draft(state, now_s, rng)
        self._housekeeping.retime(draft)
        return draft.events

    def _decide_ride(
        self, draft: Draft, command: cmd.RequestRide | cmd.AcceptOffer | cmd.CancelBooking
    ) -> None:
        match command:
            case cmd.RequestRide():
                self._rides.request(draft, command)
            case cmd.AcceptOffer():
                self._rides.accept(draft, command)
            case cmd.CancelBooking():
                self._rides.cancel(draft, command)

    def _decide_operation(self, draft: Draft, command: cmd.Command) -> None:
        operations = self._operations
        match command:
            case cmd.ReportPosition():
                operations.position(draft, command)
            case cmd.ReportArrived():
                operations.arrived(draft, command)
            case cmd.ReportBoarded():
                operations.boarded(draft, command)
            case cmd.ReportAlighted():
                operations.alighted(draft, command)
            case cmd.ReportNoShow():
                operations.no_show(draft, command)
            case cmd.StartShift():
                operations.start_shift(draft, command)
            case cmd.EndShift():
                operations.end_shift(draft, command)
            case _:
                raise TypeError(f"unknown command {type(command).__name__}")
