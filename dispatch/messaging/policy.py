"""When riders are told of what only plan and time bring about."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """When riders are told; seconds.

    Attributes:
        reminder_s: How long before the window a reminder is due; 0 = none.
        coming_s: How long before the planned pick-up the vehicle is announced.
        moved_s: By how much a planned pick-up may differ from what was told, untold.
    """

    reminder_s: int = 3600
    coming_s: int = 300
    moved_s: int = 180
