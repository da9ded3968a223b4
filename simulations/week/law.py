"""The Working Hours Act (ArbZG) from its text alone: what it has against a driver's day."""

from collections.abc import Iterable
from typing import Final

MIN: Final = 60
HOUR: Final = 3600
_FIRST_LIMIT_S: Final = 6 * HOUR
_SECOND_LIMIT_S: Final = 9 * HOUR
_MOST_S: Final = 10 * HOUR
_BLOCK_S: Final = 15 * MIN


def breaches(length_s: int, taken: Iterable[tuple[int, int]]) -> list[str]:
    """What the act has against a day of work (sections 3 and 4).

    Args:
        length_s: from the beginning of the work to its end, breaks included.
        taken: breaks as (begin, end) in seconds from the beginning.
    """
    found = []
    blocks = sorted(taken)
    rest_s = sum(end - begin for begin, end in blocks)
    worked_s = length_s - rest_s
    needed_s = 45 * MIN if worked_s > _SECOND_LIMIT_S else 30 * MIN
    if worked_s > _FIRST_LIMIT_S and rest_s < needed_s:
        found.append(f"{rest_s} s of break for {worked_s} s of work")
    if any(end - begin < _BLOCK_S for begin, end in blocks):
        found.append("a block is too short")
    edges = [0, *(edge for block in blocks for edge in block), length_s]
    stretches = [b - a for a, b in zip(edges[::2], edges[1::2], strict=True)]
    if min(stretches) <= 0:
        found.append("a break interrupts no work")
    if max(stretches) > _FIRST_LIMIT_S:
        found.append(f"{max(stretches)} s without a break")
    if worked_s > _MOST_S:
        found.append("more than 10 h of work")
    return found
