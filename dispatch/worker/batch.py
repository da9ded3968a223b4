"""Some commands decided one after the other in memory, to be written in one transaction."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from dispatch.domain.commands import Command
from dispatch.domain.errors import DomainError
from dispatch.domain.events import Event
from dispatch.domain.state import State
from dispatch.store.changes import Changes
from dispatch.store.inbox import INTERNAL_ERROR, Entry, ErrorInfo, Outcome

_log = logging.getLogger(__name__)


class Decide(Protocol):
    """The engine: pure, what a command makes happen; DomainError when nothing may happen."""

    def __call__(self, state: State, command: Command, now_s: int, rng: Random) -> list[Event]:
        """The events, not applied yet."""
        ...


class DecideBatch(Protocol):
    """The engine on commands that have arrived together; an outcome for each, in order."""

    def __call__(
        self, state: State, commands: Sequence[Command], now_s: int, rng: Random
    ) -> list[list[Event] | DomainError]:
        """Events, not applied yet, or why nothing may happen."""
        ...


class Answer(Protocol):
    """The JSON body of a reply, from the state after the command's own events."""

    def __call__(self, command: Command, events: list[Event], state: State) -> dict[str, Any]:
        """The body; no personal data."""
        ...


class Clock(Protocol):
    """The service's clock."""

    def now_s(self) -> int:
        """Epoch seconds."""
        ...


class PoisonedError(Exception):
    """A command whose events cannot be applied or answered; the whole batch in memory is void."""

    def __init__(self, entry_id: int | None, command: Command) -> None:
        super().__init__(f"entry {entry_id}: {command}")
        self.entry_id = entry_id


class GroupPoisonedError(PoisonedError):
    """Commands decided together whose events cannot be applied; which one is to blame is open."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What decides, and with what.

    `decide_batch` is asked where several riders' commands wait; without it each is decided alone.

    `adopt(state, now_s, rng)` is asked, once, for the events that carry stored plans over to a new
    road graph.
    """

    decide: Decide
    answer: Answer
    clock: Clock
    rng: Random
    adopt: Callable[[State, int, Random], list[Event]] | None = None
    decide_batch: DecideBatch | None = None


@dataclass(slots=True)
class Batch:
    """Decisions in memory, and everything that has to be written because of them."""

    engine: Engine
    state: State
    changes: Changes = field(default_factory=Changes)
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    @property
    def is_durable(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self.changes.log or self.outcomes)

    def run_own(self, command: Command) -> None:
        """Carry out a command that nobody waits for.

        Raises:
            PoisonedError: the engine's events do not fit the state.
        """
        try:
            now_s = self.engine.clock.now_s()
            events = self.engine.decide(self.state, command, now_s, self.engine.rng)
        except DomainError as error:
            _log.info("%s: %s", type(command).__name__, error)
            return
        except Exception:  # noqa: BLE001 (whatever it is, only this command shall fail)
            _log.exception("the engine failed on %s", command)
            return
        self._apply(None, command, events, now_s)

    def run_entry(self, entry: Entry) -> None:
        """Carry out a command from the inbox and note its outcome.

        Raises:
            PoisonedError: the engine's events do not fit the state.
        """
        if entry.command is None:
            _log.error("inbox entry %s cannot be read", entry.id)
            self.reject(entry)
            return
        try:
            now_s = self.engine.clock.now_s()
            events = self.engine.decide(self.state, entry.command, now_s, self.engine.rng)
        except DomainError as error:
            self._refuse(entry, error)
            return
        except Exception:  # noqa: BLE001 (whatever it is, only this command shall fail)
            _log.exception("the engine failed on inbox entry %s", entry.id)
            self.reject(entry)
            return
        self._apply(entry.id, entry.command, events, now_s)
        self._answer(entry, entry.command, events)

    def run_together(self, entries: Sequence[Entry]) -> None:
        """Carry out commands that the engine can decide together; each has its own outcome.

        Where the engine fails on them, each is carried out alone, so that only the culprit fails.

        Raises:
            PoisonedError: the engine's events do not fit the state.
        """
        commands = [entry.command for entry in entries if entry.command is not None]
        decide_batch = self.engine.decide_batch
        if decide_batch is None or len(entries) == 1 or len(commands) < len(entries):
            for entry in entries:
                self.run_entry(entry)
            return
        try:
            now_s = self.engine.clock.now_s()
            decided = decide_batch(self.state, commands, now_s, self.engine.rng)
            outcomes = list(zip(entries, commands, decided, strict=True))
        except Exception:  # noqa: BLE001 (one of them may be to blame, and only that shall fail)
            _log.exception("the engine failed on %s commands together", len(entries))
            for entry in entries:
                self.run_entry(entry)
            return
        for entry, command, outcome in outcomes:
            if isinstance(outcome, DomainError):
                self._refuse(entry, outcome)
                continue
            try:
                self._apply(entry.id, command, outcome, now_s)
            except PoisonedError as error:
                raise GroupPoisonedError(entry.id, command) from error
        for entry, command, outcome in outcomes:  # the plans are complete after the last of them
            if not isinstance(outcome, DomainError):
                self._answer(entry, command, outcome)

    def _refuse(self, entry: Entry, error: DomainError) -> None:
        info = ErrorInfo(str(error.code), error.detail, error.params)
        self.outcomes[entry.id] = Outcome(error=info)

    def _answer(self, entry: Entry, command: Command, events: list[Event]) -> None:
        try:
            body = self.engine.answer(command, events, self.state)
        except Exception as error:
            raise PoisonedError(entry.id, command) from error
        self.outcomes[entry.id] = Outcome(body=body)

    def reject(self, entry: Entry) -> None:
        """Answer a command with "internal error"; it changes nothing."""
        self.outcomes[entry.id] = INTERNAL_ERROR

    def apply_own(self, events: list[Event], now_s: int) -> None:
        """Apply events that no command has asked for."""
        for event in events:
            self.changes.apply(self.state, event, now_s)

    def _apply(
        self, entry_id: int | None, command: Command, events: list[Event], now_s: int
    ) -> None:
        try:
            for event in events:
                self.changes.apply(self.state, event, now_s, entry_id)
        except Exception as error:
            raise PoisonedError(entry_id, command) from error
