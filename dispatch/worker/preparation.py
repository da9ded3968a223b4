"""Commands that need new roads: computed beside the dispatcher, which goes on deciding."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from dispatch.domain.commands import Close, Command, ImportClosures, Reopen
from dispatch.domain.state import State
from dispatch.store.inbox import Entry, Ticket

_log = logging.getLogger(__name__)
_SLOW: Final = (Close, Reopen, ImportClosures)

Prepare = Callable[[State, Command, int], None]
"""Computes what a command will need; given a copy of the state, and the service's time."""


class Preparation:
    """Holds back commands until what they need is there.

    Args:
        prepare: computes it; None = nothing has to be prepared.
    """

    def __init__(self, prepare: Prepare | None) -> None:
        self._prepare = prepare
        self._begun: dict[Ticket, threading.Thread] = {}

    def holds_back(self, entry: Entry, state: State, now_s: int) -> bool:
        """Whether a command has to wait; begins to prepare it when it is seen first.

        One that could not be prepared waits no longer: deciding it will tell why.
        """
        if self._prepare is None or not isinstance(entry.command, _SLOW):
            return False
        thread = self._begun.get(entry.ticket)
        if thread is None:
            copy = State(shifts=dict(state.shifts), closures=state.closures)
            arguments = (self._prepare, copy, entry.command, now_s)
            thread = threading.Thread(target=_run, args=arguments, name="preparation", daemon=True)
            self._begun[entry.ticket] = thread
            thread.start()
            return True
        if thread.is_alive():
            return True
        del self._begun[entry.ticket]
        return False


def _run(prepare: Prepare, state: State, command: Command, now_s: int) -> None:
    try:
        prepare(state, command, now_s)
    except Exception:  # noqa: BLE001 (the decision itself will fail in the same way, and answer)
        _log.exception("could not prepare %s", type(command).__name__)
