"""Who has to be told has been told: for each change its message, and none without one."""

from collections.abc import Iterator
from typing import Final

from dispatch.audit.evidence import Evidence, Finding

# What was decided before the first message comes from a time without messages.
_UNTOLD: Final = """
WITH told AS (
    SELECT booking_id, array_agg(kind) AS kinds FROM message
    WHERE area = %(area)s AND booking_id IS NOT NULL GROUP BY booking_id
), cause AS (
    SELECT e.seq, e.type,
        coalesce(e.payload ->> 'booking_id', e.payload -> 'booking' ->> 'id') AS id
    FROM event e WHERE e.area = %(area)s
        AND e.type IN ('BookingMade', 'BookingCancelled', 'RiderMissed')
        AND e.at_s > (SELECT min(at_s) FROM message WHERE area = %(area)s)
)
SELECT c.id, c.seq, c.type FROM cause c LEFT JOIN told t ON t.booking_id = c.id
WHERE t.booking_id IS NULL
    OR (c.type = 'BookingCancelled' AND NOT 'cancelled' = ANY(t.kinds))
    OR (c.type = 'RiderMissed' AND NOT 'no_show' = ANY(t.kinds))
ORDER BY c.seq
"""
_GAPS: Final = """
SELECT booking_id, count(*), max(ordinal) FROM message
WHERE area = %(area)s AND booking_id IS NOT NULL
GROUP BY booking_id HAVING count(*) <> max(ordinal) ORDER BY booking_id
"""
_TWICE: Final = """
SELECT booking_id, kind, count(*) FROM message
WHERE area = %(area)s AND kind IN ('confirmed', 'cancelled', 'no_show')
GROUP BY booking_id, kind HAVING count(*) > 1 ORDER BY booking_id, kind
"""
_UNFOUNDED: Final = """
SELECT m.booking_id, m.kind FROM message m
LEFT JOIN booking b ON b.area = m.area AND b.id = m.booking_id
WHERE m.area = %(area)s AND m.booking_id IS NOT NULL AND (
    b.id IS NULL OR (m.kind = 'cancelled' AND b.status <> 'cancelled')
    OR (m.kind = 'no_show' AND b.status <> 'no_show'))
ORDER BY m.booking_id, m.kind
"""


def check(evidence: Evidence) -> Iterator[Finding]:
    """Each change that riders have to know of has its message, one, in an unbroken row."""
    for booking_id, seq, kind in evidence.rows(_UNTOLD):
        yield _finding(booking_id, f"nobody was told of event {seq}, {kind}")
    for booking_id, count, last in evidence.rows(_GAPS):
        yield _finding(booking_id, f"has {count} messages, of which the last is number {last}")
    for booking_id, kind, count in evidence.rows(_TWICE):
        yield _finding(booking_id, f"was told {count} times that it is {kind}")
    for booking_id, kind in evidence.rows(_UNFOUNDED):
        yield _finding(booking_id, f"was told that it is {kind}, which it is not")


def _finding(booking_id: str, detail: str) -> Finding:
    return Finding("messages", f"booking {booking_id}", detail)
