"""Working hours of drivers: the breaks a shift needs, and how much work is left without them.

After the German Working Hours Act (ArbZG), §§ 3 and 4: at most 10 h of work a day; 30 min of break
for more than 6 h of work, 45 min for more than 9 h, in blocks of at least 15 min; never more than
6 h of work without one. Working time is the shift less its breaks.

The 11 h of rest between two working days (§ 5) concern a person. A shift knows its vehicle only, so
whoever makes the roster has to see to that.
"""

from typing import Final

from dispatch.domain.model import PlannedBreak

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600

MAX_WORK_S: Final = 10 * _HOUR_S
"""Most work in a day, § 3."""
STRETCH_S: Final = 6 * _HOUR_S
"""Most work without a break, and the longest day without any, § 4."""
LONG_WORK_S: Final = 9 * _HOUR_S
"""With more work than this the breaks of a day last 45 min instead of 30, § 4."""

_FIRST_S: Final = 30 * _MINUTE_S
_SECOND_S: Final = 15 * _MINUTE_S
_RESERVE_S: Final = 15 * _MINUTE_S
"""So much earlier than the law asks a stretch of work ends, so that a delay breaks no law."""
_WORK_BEFORE_S: Final = 2 * _HOUR_S
_WORK_AFTER_S: Final = 1 * _HOUR_S
"""A break right after the beginning or just before the end would interrupt no work."""
_BETWEEN_S: Final = 30 * _MINUTE_S
"""Least work between the two blocks of a long day."""


def breaks_for(start_s: int, end_s: int) -> tuple[PlannedBreak, ...]:
    """The breaks that a shift needs, each with the window in which it may begin.

    Whatever beginnings one chooses inside the windows, the law is kept and the blocks do not meet.
    A day of up to 9 h of work has one block of 30 min, a longer one also a block of 15 min.

    Args:
        start_s: when the work begins, epoch seconds.
        end_s: when it ends, later than that.

    Returns:
        None, one or two breaks in the order in which they are taken.
    """
    length_s = end_s - start_s
    if length_s <= STRETCH_S:
        return ()
    if length_s - _FIRST_S <= LONG_WORK_S:
        earliest_s = max(start_s + _WORK_BEFORE_S, end_s - _FIRST_S - STRETCH_S + _RESERVE_S)
        latest_s = min(start_s + STRETCH_S - _RESERVE_S, end_s - _WORK_AFTER_S - _FIRST_S)
        return (PlannedBreak("break-1", earliest_s, latest_s, _FIRST_S),)
    earliest_s = start_s + _WORK_BEFORE_S
    second_s = start_s + STRETCH_S
    latest_s = second_s - _BETWEEN_S - _FIRST_S
    second_latest_s = min(
        earliest_s + _FIRST_S + STRETCH_S - _RESERVE_S, end_s - _WORK_AFTER_S - _SECOND_S
    )
    return (
        PlannedBreak("break-1", earliest_s, latest_s, _FIRST_S),
        PlannedBreak("break-2", second_s, second_latest_s, _SECOND_S),
    )


def work_s(start_s: int, end_s: int) -> int:
    """Working time of a shift: its length less the breaks it needs."""
    return end_s - start_s - sum(b.duration_s for b in breaks_for(start_s, end_s))
