"""What belongs together is together, also where no foreign key says so."""

from collections.abc import Iterator
from typing import Final

from dispatch.audit.evidence import Evidence, Finding

_QUESTIONS: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "request",
        "is booked, but there is no booking of it",
        """SELECT r.id FROM ride_request r WHERE r.area = %(area)s AND r.status = 'booked'
        AND NOT EXISTS (SELECT FROM booking b WHERE b.area = r.area AND b.request_id = r.id)
        AND NOT EXISTS (SELECT FROM event e WHERE e.area = r.area AND e.type = 'BookingChanged'
            AND e.payload #>> '{old,request_id}' = r.id)""",
    ),
    (
        "booking",
        "takes a request that does not say so",
        """SELECT b.id FROM booking b JOIN ride_request r ON r.area = b.area AND r.id = b.request_id
        WHERE b.area = %(area)s AND r.status <> 'booked'""",
    ),
    (
        "request",
        "has offers, but was refused",
        """SELECT DISTINCT r.id FROM ride_request r
        JOIN offer o ON o.area = r.area AND o.request_id = r.id
        WHERE r.area = %(area)s AND r.status = 'refused'""",
    ),
    (
        "offer",
        "answers no request",
        """SELECT o.id FROM offer o WHERE o.area = %(area)s AND NOT EXISTS (
        SELECT FROM ride_request r WHERE r.area = o.area AND r.id = o.request_id)""",
    ),
    (
        "visit",
        "belongs to no shift",
        """SELECT v.id FROM visit v WHERE v.area = %(area)s AND NOT EXISTS (
        SELECT FROM shift s WHERE s.area = v.area AND s.id = v.shift_id)""",
    ),
    (
        "visit",
        "is open on a shift that is over",
        """SELECT v.id FROM visit v JOIN shift s ON s.area = v.area AND s.id = v.shift_id
        WHERE v.area = %(area)s AND v.status = 'open' AND s.status = 'ended'""",
    ),
    (
        "shift",
        "has open visits that are not numbered from 0 on",
        """SELECT v.shift_id FROM visit v WHERE v.area = %(area)s AND v.status = 'open'
        GROUP BY v.shift_id HAVING min(v.ordinal) <> 0 OR max(v.ordinal) <> count(*) - 1
            OR count(DISTINCT v.ordinal) <> count(*)""",
    ),
    (
        "visit",
        "has several actions with one number",
        """SELECT DISTINCT a.visit_id FROM plan_action a
        WHERE a.area = %(area)s AND a.done_at_s IS NULL
        GROUP BY a.visit_id, a.ordinal HAVING count(*) > 1""",
    ),
    (
        "booking",
        "has actions in a plan, but is over",
        """SELECT DISTINCT b.id FROM booking b JOIN plan_action a
        ON a.area = b.area AND a.booking_id = b.id AND a.done_at_s IS NULL
        WHERE b.area = %(area)s AND b.ended_at_s IS NOT NULL""",
    ),
    (
        "booking",
        "is open, but in no plan",
        """SELECT b.id FROM booking b WHERE b.area = %(area)s AND b.ended_at_s IS NULL
        AND b.status <> 'displaced'
        AND NOT EXISTS (SELECT FROM plan_action a WHERE a.area = b.area AND a.booking_id = b.id
            AND a.kind = 'dropoff' AND a.done_at_s IS NULL)""",
    ),
    (
        "booking",
        "waits for its vehicle, but no pick-up is planned",
        """SELECT b.id FROM booking b WHERE b.area = %(area)s AND b.status = 'confirmed'
        AND NOT EXISTS (SELECT FROM plan_action a WHERE a.area = b.area AND a.booking_id = b.id
            AND a.kind = 'pickup' AND a.done_at_s IS NULL)""",
    ),
    (
        "booking",
        "has actions in a plan, but no vehicle",
        """SELECT DISTINCT b.id FROM booking b JOIN plan_action a
        ON a.area = b.area AND a.booking_id = b.id AND a.done_at_s IS NULL
        WHERE b.area = %(area)s AND b.status = 'displaced'""",
    ),
    (
        "booking",
        "boards in a plan on another ride than it has come to",
        """SELECT DISTINCT b.id FROM booking b JOIN plan_action a
        ON a.area = b.area AND a.booking_id = b.id AND a.done_at_s IS NULL
        WHERE b.area = %(area)s AND a.ride <> b.rescues""",
    ),
    (
        "booking",
        "is planned for a vehicle that is out of service",
        """SELECT DISTINCT a.booking_id FROM plan_action a
        JOIN visit v ON v.area = a.area AND v.id = a.visit_id
        JOIN shift s ON s.area = v.area AND s.id = v.shift_id
        JOIN vehicle_outage o ON o.area = s.area AND o.vehicle_id = s.vehicle_id
        WHERE a.area = %(area)s AND a.done_at_s IS NULL AND o.until_s IS NULL""",
    ),
    (
        "booking",
        "is carried by another shift than it says",
        """SELECT DISTINCT b.id FROM booking b
        JOIN plan_action a ON a.area = b.area AND a.booking_id = b.id AND a.done_at_s IS NULL
        JOIN visit v ON v.area = a.area AND v.id = a.visit_id
        WHERE b.area = %(area)s AND v.shift_id <> b.shift_id""",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """All that hangs in the air."""
    for kind, detail, question in _QUESTIONS:
        for (name,) in evidence.rows(question):
            yield Finding("orphans", f"{kind} {name}", detail)
