"""The names in Redis, all below the service area, and how many things may pile up there."""

from dataclasses import dataclass
from typing import Final

from dispatch.limits import POSITIONS_WAITING_MAX

POSITIONS_MAX: Final = POSITIONS_WAITING_MAX


@dataclass(frozen=True, slots=True)
class Keys:
    """Channels and keys of one service area."""

    area: str

    @property
    def wake(self) -> str:
        """Channel: there is something for the dispatcher."""
        return f"rufbus:{self.area}:wake"

    @property
    def replies(self) -> str:
        """Channel: the outcomes of a batch, by inbox id."""
        return f"rufbus:{self.area}:replies"

    @property
    def live(self) -> str:
        """Channel: what has changed or moved."""
        return f"rufbus:{self.area}:live"

    @property
    def messages(self) -> str:
        """Channel: there is something to be sent to riders."""
        return f"rufbus:{self.area}:messages"

    @property
    def reports(self) -> str:
        """List: position reports on their way to the dispatcher, oldest first."""
        return f"rufbus:{self.area}:reports"

    def failures(self, scope: str) -> str:
        """Counter: failed attempts to prove something, such as to know a booking's owner."""
        return f"rufbus:{self.area}:failures:{scope}"

    @property
    def processes(self) -> str:
        """Hash: when each process was last seen."""
        return f"rufbus:{self.area}:processes"

    @property
    def fixes(self) -> str:
        """Hash: the latest known position by shift id."""
        return f"rufbus:{self.area}:fixes"
