"""What the machines of a session have done: steps, and which commands with which outcome."""

from collections import Counter
from dataclasses import dataclass, field
from typing import get_args

from dispatch.domain import commands as cmd

COMMANDS: frozenset[type] = frozenset(get_args(cmd.Command))
"""All there are; unions of unions are one."""


@dataclass
class Tally:
    """Counts over all runs."""

    steps: Counter[str] = field(default_factory=Counter)
    done: Counter[type] = field(default_factory=Counter)
    refused: Counter[type] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """For people."""
        commands = sorted(COMMANDS, key=lambda c: c.__name__)
        return [
            f"{sum(self.steps.values())} steps {dict(self.steps)}",
            *(f"{c.__name__}: {self.done[c]} yes, {self.refused[c]} no" for c in commands),
            f"codes {dict(self.codes.most_common())}",
            f"events {dict(self.events.most_common())}",
        ]


TALLY = Tally()
