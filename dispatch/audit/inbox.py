"""Commands, answers and events: every yes is in the log once, and nothing that was not asked is."""

from collections.abc import Iterator
from typing import Any, Final

from dispatch.audit.evidence import Evidence, Finding

_BACKWARDS: Final = """
SELECT seq, epoch, former FROM (
    SELECT seq, epoch, max(epoch) OVER (ORDER BY seq) AS former
    FROM event WHERE area = %(area)s) e
WHERE epoch < former
UNION ALL
SELECT e.seq, e.epoch, a.epoch FROM event e JOIN service_area a ON a.id = e.area
WHERE e.area = %(area)s AND e.epoch > a.epoch
ORDER BY 1
"""
# An entry that was thrown away after its time cannot be asked any more.
_NOT_SAID: Final = """
SELECT i.id, min(e.seq), CASE WHEN i.outcome IS NULL THEN 'is not decided' ELSE 'was refused' END
FROM inbox i JOIN event e ON e.area = i.area AND e.inbox_id = i.id
WHERE i.area = %(area)s AND (i.outcome IS NULL OR i.outcome -> 'error' IS NOT NULL)
GROUP BY i.id ORDER BY i.id
"""
_NOT_DONE: Final = """
SELECT i.id, i.command ->> 'type' FROM inbox i
WHERE i.area = %(area)s AND i.outcome -> 'body' IS NOT NULL
    AND i.command ->> 'type' IN ('RequestRide', 'AcceptOffer')
    AND NOT EXISTS (SELECT FROM event e WHERE e.area = i.area AND e.inbox_id = i.id)
ORDER BY i.id
"""
# One command of a group asks and books for several; whoever gives a place up serves who waits;
# a walk-on is asked and booked for at once.
_TWICE: Final = """
SELECT inbox_id, count(*) FROM event
WHERE area = %(area)s AND inbox_id IS NOT NULL
    AND type IN ('RideOffered', 'RideRefused', 'BookingMade', 'WaitingServed')
GROUP BY inbox_id, type IN ('RideOffered', 'RideRefused')
HAVING count(*) > 1 AND NOT bool_or(type = 'WaitingServed'
    OR payload #>> '{request,group_id}' IS NOT NULL OR payload #>> '{booking,group_id}' IS NOT NULL)
ORDER BY inbox_id
"""
_NOT_THERE: Final = """
SELECT i.id, i.outcome -> 'body' ->> 'id' FROM inbox i
WHERE i.area = %(area)s AND i.outcome -> 'body' IS NOT NULL AND (
    (i.command ->> 'type' = 'AcceptOffer' AND NOT EXISTS (SELECT FROM booking b
        WHERE b.area = i.area AND b.id = i.outcome -> 'body' ->> 'id'))
    OR (i.command ->> 'type' = 'RequestRide' AND NOT EXISTS (SELECT FROM ride_request r
        WHERE r.area = i.area AND r.id = i.outcome -> 'body' ->> 'id')))
ORDER BY i.id
"""


def check_order(evidence: Evidence) -> Iterator[Finding]:
    """No leader wrote after the next one had begun."""
    for seq, epoch, newest in evidence.rows(_BACKWARDS):
        detail = f"was written in epoch {epoch}, when epoch {newest} had begun or none had"
        yield Finding("order", f"event {seq}", detail)


def check_answers(evidence: Evidence) -> Iterator[Finding]:
    """Answers have their events, events their answers, each one time."""
    for entry, seq, why in evidence.rows(_NOT_SAID):
        yield _finding(entry, f"{why}, but event {seq} says it was done")
    for entry, kind in evidence.rows(_NOT_DONE):
        yield _finding(entry, f"{kind} was answered, but no event says it was done")
    for entry, times in evidence.rows(_TWICE):
        yield _finding(entry, f"was carried out {times} times")
    for entry, name in evidence.rows(_NOT_THERE):
        yield _finding(entry, f"was answered with {name}, which is not there")


def _finding(entry: Any, detail: str) -> Finding:
    return Finding("answers", f"inbox entry {entry}", detail)
