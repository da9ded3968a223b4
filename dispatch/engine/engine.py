"""`decide(state, command, now, rng) -> events`, for the live service and for simulations."""

from collections.abc import Callable, Sequence
from random import Random

from dispatch.domain import commands as cmd
from dispatch.domain.errors import DomainError
from dispatch.domain.events import Event
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State, apply
from dispatch.engine.acknowledging import acknowledge
from dispatch.engine.batching import Batches, Outcome, grouped
from dispatch.engine.booker import Booker, is_change
from dispatch.engine.booking_life import BookingLife
from dispatch.engine.closing import Closing
from dispatch.engine.draft import Draft
from dispatch.engine.fleet import Fleet
from dispatch.engine.housekeeping import Housekeeping
from dispatch.engine.network import Network
from dispatch.engine.operations import Operations
from dispatch.engine.proposals import Proposals
from dispatch.engine.repositioning import Forecast, Repositioner
from dispatch.engine.rescue import Rescuer
from dispatch.engine.rides import Rides

OnFailure = Callable[[str, Exception], None]


class Engine:
    """Decisions for one service area. Holds configuration and roads, never state."""

    def __init__(
        self,
        config: ServiceConfig,
        network: Network,
        forecast: Forecast | None = None,
        on_failure: OnFailure | None = None,
    ) -> None:
        """Prepare for one town.

        Args:
            config: its service.
            network: its roads and stops.
            forecast: expected demand, for idle vehicles; see `expect`.
            on_failure: told of a duty of `Tick` that has failed, by its name; the others are done
                nevertheless. None: the failure is raised.
        """
        self.config = config
        self.network = network
        self._on_failure = on_failure
        self._rides = Rides(config, network)
        self._batches = Batches(config, network)
        self._operations = Operations(config, network)
        self._fleet = Fleet(config, network)
        self._proposals = Proposals(config, network)
        self._closing = Closing(config, network, self._rides)
        self._housekeeping = Housekeeping(config, network)
        self._rescuer = Rescuer(config, network)
        self._repositioner = Repositioner(config, network, forecast)
        self._booker = Booker(config, network, self._rides, self._batches)
        self._life = BookingLife(config, network, self._rides, self._booker)

    def expect(self, forecast: Forecast | None) -> None:
        """Let idle vehicles wait by this forecast from now on."""
        self._repositioner.forecast = forecast

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
                self._tick(draft)
            case cmd.RequestRide() | cmd.AcceptOffer():
                return self._decide_alone(state, command, now_s, rng)
            case cmd.CancelBooking():
                self._rides.cancel(draft, command)
                self._life.room_has_come(draft)
            case cmd.AcknowledgeAlert():
                acknowledge(self.config, self.network, draft, command)
            case cmd.ProposePlans():
                self._proposals.take(draft, command)
            case cmd.Close() | cmd.Reopen() | cmd.ImportClosures():
                self._closing.decide(draft, command)
            case _:
                if not self._life.decide(draft, command):
                    self._decide_operation(draft, command)
        return draft.events

    def _tick(self, draft: Draft) -> None:
        """Do all that is due; who has been promised a ride comes before who waits for one."""
        duties = {
            "closures": self._closing.tick,
            "housekeeping": self._housekeeping.tick,
            "fleet": self._fleet.tick,
            "rescue": self._rescuer.tick,
            "booking life": self._life.tick,
            "repositioning": self._repositioner.tick,
        }
        for name, duty in duties.items():
            if self._on_failure is None:
                duty(draft)
                continue
            branch = draft.branch()
            try:
                duty(branch)
            except Exception as error:  # noqa: BLE001 - whatever it is, only this duty shall fail
                self._on_failure(name, error)
            else:
                draft.take_over(branch)

    def decide_batch(
        self, state: State, commands: Sequence[cmd.Command], now_s: int, rng: Random
    ) -> list[Outcome]:
        """What follows from commands that have arrived together; `state` is not changed.

        Neighbouring ride requests, and neighbouring acceptances, are decided jointly: never worse
        than one by one, by the objective.

        Args:
            state: the open state of the service area.
            commands: in order of arrival.
            now_s: the instant of the decision, epoch seconds.
            rng: source of identifiers.

        Returns:
            For each command its events, or the error for which it cannot be carried out. Applied in
            this order they lead from one lawful state to the next, when a group is complete.
        """
        outcomes: list[Outcome] = []
        present = Draft(state, now_s, rng).state
        for group in grouped(commands):
            decided = self._decide_group(present, group, now_s, rng)
            for outcome in decided:
                for event in () if isinstance(outcome, DomainError) else outcome:
                    apply(present, event)
            outcomes += decided
        return outcomes

    def prepare(self, state: State, command: cmd.Command, now_s: int) -> None:
        """Compute what deciding a command will need and may take a while; decides nothing.

        May run beside decisions, in another thread; `state` must be a copy then.
        """
        match command:
            case cmd.Close() | cmd.Reopen() | cmd.ImportClosures():
                rng = Random(0)  # noqa: S311 - ids that are thrown away
                self._closing.prepare(Draft(state, now_s, rng), command)
            case _:
                pass

    def adopt(self, state: State, now_s: int, rng: Random) -> list[Event]:
        """What follows from the stored plans having been made on another road graph.

        Raises:
            StrandedRiderError: somebody on board is bound for a stop that is gone.
        """
        draft = Draft(state, now_s, rng)
        self._housekeeping.adopt(draft)
        self._fleet.adopt(draft)
        return draft.events

    def retime(self, state: State, now_s: int, rng: Random) -> list[Event]:
        """The plans as they will be if nobody acts: every open plan re-timed as things stand."""
        draft = Draft(state, now_s, rng)
        self._housekeeping.retime(draft)
        return draft.events

    def _decide_group(
        self, state: State, group: Sequence[cmd.Command], now_s: int, rng: Random
    ) -> list[Outcome]:
        asks = [command for command in group if isinstance(command, cmd.RequestRide)]
        takes = [command for command in group if isinstance(command, cmd.AcceptOffer)]
        changes = any(ask.replaces is not None for ask in asks)
        if changes or any(is_change(state, take) for take in takes):
            return self._in_turn(state, group, now_s, rng)
        if asks:
            return self._batches.request(state, asks, now_s, rng)
        if takes:
            return self._batches.accept(state, takes, now_s, rng)
        (command,) = group
        try:
            return [self.decide(state, command, now_s, rng)]
        except DomainError as error:
            return [error]

    def _in_turn(
        self, state: State, group: Sequence[cmd.Command], now_s: int, rng: Random
    ) -> list[Outcome]:
        """Riders' commands one after the other: changes see the plans without what they replace."""
        outcomes: list[Outcome] = []
        present = Draft(state, now_s, rng)
        for command in group:
            branch = present.branch()
            try:
                if isinstance(command, cmd.RequestRide):
                    self._booker.ask(branch, command)
                elif isinstance(command, cmd.AcceptOffer):
                    self._booker.take_one(branch, command)
            except DomainError as error:
                outcomes.append(error)
                continue
            outcomes.append(branch.events)
            present.take_over(branch)
        return outcomes

    def _decide_alone(
        self, state: State, command: cmd.Command, now_s: int, rng: Random
    ) -> list[Event]:
        (outcome,) = self._decide_group(state, [command], now_s, rng)
        if isinstance(outcome, DomainError):
            raise outcome
        return outcome

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
                self._life.room_has_come(draft)
            case cmd.StartShift():
                operations.start_shift(draft, command)
            case cmd.EndShift():
                operations.end_shift(draft, command)
            case _ if not self._fleet.take(draft, command):
                raise TypeError(f"unknown command {type(command).__name__}")
