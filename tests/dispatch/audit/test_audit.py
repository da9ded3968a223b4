"""The audit of an undamaged day finds nothing; each damage is found, and nothing else."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from audited_town import AuditedTown

from dispatch.audit import audit
from dispatch.audit.checks import CHECKS
from dispatch.audit.promises import Watch
from dispatch.domain import events as ev
from dispatch.domain.booking_events import BookingChanged
from dispatch.domain.model import (
    ActionKind,
    Booking,
    BookingStatus,
    RequestStatus,
    Shift,
    ShiftStatus,
    Visit,
)
from dispatch.domain.state import apply

Damage = Callable[[AuditedTown], None]


def test_an_undamaged_day(town: AuditedTown) -> None:
    report = audit(town.connection, town.area, town.roads)
    assert report.findings == ()
    assert report.notes == ()
    assert report.checks == tuple(CHECKS)
    assert report.counts["events"] > 50
    statuses = {b.status for b in town.state.bookings.values()}
    assert statuses >= {
        BookingStatus.CONFIRMED,
        BookingStatus.BOARDED,
        BookingStatus.COMPLETED,
        BookingStatus.CANCELLED,
    }
    planned = [s for s in town.state.shifts.values() if s.status is ShiftStatus.PLANNED]
    assert any(shift.visits and shift.breaks for shift in planned)


def test_without_roads_the_rest_is_checked(town: AuditedTown) -> None:
    report = audit(town.connection, town.area)
    assert report.is_clean
    assert "no road graph" in report.notes[0]


def test_on_other_roads_the_rest_is_checked(town: AuditedTown) -> None:
    town.damage("UPDATE service_area SET roads_sha256 = 'other'")
    report = audit(town.connection, town.area, town.roads)
    assert report.is_clean
    assert "another road graph" in report.notes[0]


def test_an_unknown_area_is_empty(town: AuditedTown) -> None:
    report = audit(town.connection, "nowhere", town.roads)
    assert report.is_clean
    assert report.counts == {"events": 0, "requests": 0, "bookings": 0, "shifts": 0}


def test_it_writes_nothing_and_is_one_snapshot(town: AuditedTown) -> None:
    (before,) = town.connection.execute("SELECT pg_current_snapshot()::text").fetchone() or ("",)
    audit(town.connection, town.area, town.roads)
    (after,) = town.connection.execute("SELECT pg_current_snapshot()::text").fetchone() or ("",)
    assert before == after, "a transaction number was taken"


def sql(*statements: str) -> Damage:
    def damage(town: AuditedTown) -> None:
        for statement in statements:
            town.damage(statement)

    return damage


WAITING = "(SELECT min(id) FROM booking WHERE status = 'confirmed')"
TABLE_DAMAGES = {
    "a price": (sql("UPDATE offer SET price_cents = 1"), "agreement: request "),
    "a log entry": (
        sql(
            "UPDATE event SET payload = jsonb_set(payload, '{by}', '\"x\"') WHERE type = "
            "'BookingCancelled'"
        ),
        "agreement: booking ",
    ),
    "a log that contradicts itself": (
        sql("DELETE FROM event WHERE type = 'ShiftPlanned'"),
        "log: the event log: cannot be folded",
    ),
    "a lost log entry": (
        sql("DELETE FROM event WHERE type = 'ShiftStarted'"),
        "agreement: shift",
    ),
    "an event of another version": (
        sql("UPDATE event SET type = 'Teleported' WHERE type = 'BookingCancelled'"),
        "log: the event log: cannot be folded",
    ),
    "an old leader's event": (
        sql("UPDATE service_area SET epoch = 3", "UPDATE event SET epoch = 2 WHERE seq = 20"),
        "order: event ",
    ),
    "a leader who never led": (
        sql("UPDATE event SET epoch = 9 WHERE seq = (SELECT max(seq) FROM event)"),
        "order: event ",
    ),
    "an answer without its events": (
        sql("UPDATE event SET inbox_id = NULL WHERE type = 'RideRefused'"),
        "answers: inbox entry .* no event says",
    ),
    "events without their answer": (
        sql(
            "UPDATE inbox SET outcome = NULL, decided_at = NULL WHERE id = "
            "(SELECT max(inbox_id) FROM event WHERE type = 'BookingMade')"
        ),
        "answers: inbox entry .* is not decided",
    ),
    "events of a refused command": (
        sql("""UPDATE inbox SET outcome = '{"error": {"code": "x", "detail": "", "params": {}}}'
            WHERE id = (SELECT max(inbox_id) FROM event WHERE type = 'BookingMade')"""),
        "answers: inbox entry .* was refused",
    ),
    "one command for two bookings": (
        sql(
            "UPDATE event SET inbox_id = (SELECT min(inbox_id) FROM event WHERE type = "
            "'BookingMade') WHERE seq = (SELECT max(seq) FROM event WHERE type = 'RideRefused')"
        ),
        "answers: inbox entry .* (2 times|no event says)",
    ),
    "an answer that names nothing": (
        sql("""UPDATE inbox SET outcome = '{"body": {"id": "bk_gone"}}'
            WHERE command ->> 'type' = 'AcceptOffer'"""),
        "answers: inbox entry .* bk_gone, which is not there",
    ),
    "a rider who was not told": (
        sql("DELETE FROM message WHERE kind = 'cancelled'"),
        "messages: booking .* nobody was told of event",
    ),
    "a message lost in between": (
        sql(
            "UPDATE message SET ordinal = ordinal + 9 WHERE id = "
            "(SELECT max(id) FROM message WHERE ordinal = 1 AND kind = 'confirmed')"
        ),
        "messages: booking .* has .* messages, of which the last is number",
    ),
    "a cancellation that was none": (
        sql(
            "UPDATE message SET kind = 'cancelled' WHERE booking_id = "
            "(SELECT min(id) FROM booking WHERE status = 'confirmed')"
        ),
        "messages: booking .* cancelled",
    ),
}


@pytest.mark.parametrize("name", TABLE_DAMAGES)
def test_damage_to_log_inbox_and_tables(town: AuditedTown, name: str) -> None:
    damage, pattern = TABLE_DAMAGES[name]
    damage(town)
    found = town.audit()
    assert found
    assert [line for line in found if not re.match(pattern, line)] == []


ORPHANS = {
    "a booked request without its booking": (
        "DELETE FROM booking WHERE status = 'cancelled'",
        "request .* there is no booking of it",
    ),
    "a booking whose request was not": (
        "UPDATE ride_request SET status = 'lapsed' WHERE status = 'booked'",
        "booking .* takes a request that does not say so",
    ),
    "offers of a refused request": (
        """UPDATE offer SET request_id = (SELECT id FROM ride_request WHERE status = 'refused'),
        ordinal = 7 WHERE id = (SELECT min(id) FROM offer WHERE ordinal = 0)""",
        "request .* has offers, but was refused",
    ),
    "an offer without a request": (
        """UPDATE offer SET request_id = 'rq_gone', ordinal = 7
        WHERE id = (SELECT min(id) FROM offer)""",
        "offer .* answers no request",
    ),
    "a visit without a shift": (
        "UPDATE visit SET shift_id = 'gone' WHERE status = 'done'",
        "visit .* belongs to no shift",
    ),
    "an open visit of a shift that is over": (
        "UPDATE shift SET status = 'ended', ended_at_s = 1 WHERE status = 'active'",
        "visit .* is open on a shift that is over",
    ),
    "visits out of order": (
        "UPDATE visit SET ordinal = ordinal + 1 WHERE status = 'open'",
        "shift .* not numbered from 0 on",
    ),
    "a booking that is in no plan": (
        "DELETE FROM plan_action WHERE done_at_s IS NULL AND booking_id = WAITING",
        "booking .* is open, but in no plan",
    ),
    "a rider without a vehicle who is on one": (
        """UPDATE booking SET status = 'displaced', displacement =
        '{"at_s": 1, "reason": "breakdown", "shift_id": "x", "aboard": false}'
        WHERE id = WAITING""",
        "booking .* has actions in a plan, but no vehicle",
    ),
    "a rider who waits for nothing": (
        """DELETE FROM plan_action
        WHERE kind = 'pickup' AND done_at_s IS NULL AND booking_id = WAITING""",
        "booking .* no pick-up is planned",
    ),
    "a ride after its end": (
        """UPDATE booking SET status = 'cancelled', cancelled_by = 'x', ended_at_s = 1
        WHERE id = WAITING""",
        "booking .* has actions in a plan, but is over",
    ),
    "a booking on another shift": (
        "UPDATE booking SET shift_id = (SELECT max(id) FROM shift) WHERE id = WAITING",
        "booking .* is carried by another shift",
    ),
}


@pytest.mark.parametrize("name", ORPHANS)
def test_what_hangs_in_the_air(town: AuditedTown, name: str) -> None:
    """Found as such, beside the difference to the log, whatever it does to the plans."""
    statement, pattern = ORPHANS[name]
    town.damage(statement.replace("WAITING", WAITING))
    found = town.audit()
    orphans = [line for line in found if line.startswith("orphans: ")]
    assert any(re.match(f"orphans: {pattern}", line) for line in orphans), found
    others = {line.partition(":")[0] for line in found} - {"orphans"}
    assert others <= {"agreement", "plans", "promises", "answers", "messages"}


def planned(town: AuditedTown) -> Shift:
    """A shift of tomorrow with riders."""
    return next(
        shift
        for shift in town.state.shifts.values()
        if shift.status is ShiftStatus.PLANNED and any(visit.actions for visit in shift.visits)
    )


def replan(town: AuditedTown, shift: Shift, visits: tuple[Visit, ...]) -> None:
    town.tell(ev.PlanChanged(shift.id, shift.version + 1, shift.anchor, visits))


def with_riders(visits: tuple[Visit, ...]) -> int:
    return next(n for n, visit in enumerate(visits) if visit.actions)


def shifted(visit: Visit, by_s: int) -> Visit:
    return replace(
        visit,
        leave_s=visit.leave_s + by_s,
        arrive_s=visit.arrive_s + by_s,
        depart_s=visit.depart_s + by_s,
        actions=tuple(
            replace(a, start_s=a.start_s + by_s, end_s=a.end_s + by_s) for a in visit.actions
        ),
    )


def too_late(town: AuditedTown) -> None:
    """Log and tables agree that riders are picked up an hour after what they were told."""
    shift = planned(town)
    k = with_riders(shift.visits)
    late = tuple(shifted(v, 3600) if n >= k else v for n, v in enumerate(shift.visits))
    replan(town, shift, late)


def too_early(town: AuditedTown) -> None:
    shift = planned(town)
    k = with_riders(shift.visits)
    visits = list(shift.visits)
    visits[k] = shifted(visits[k], -1200)
    replan(town, shift, tuple(visits))


def too_fast(town: AuditedTown) -> None:
    shift = planned(town)
    visits = list(shift.visits)
    k = next(n for n in range(1, len(visits)) if visits[n].actions and visits[n - 1].actions)
    before, after = visits[k - 1], visits[k]
    hurry_s = before.depart_s + 1 - after.arrive_s
    visits[k] = replace(after, leave_s=before.depart_s, arrive_s=after.arrive_s + hurry_s)
    replan(town, shift, tuple(visits))


def set_down_first(town: AuditedTown) -> None:
    shift = planned(town)
    visits = list(shift.visits)
    booking_id = visits[with_riders(shift.visits)].actions[0].booking_id
    at = {a.kind: n for n, v in enumerate(visits) for a in v.actions if a.booking_id == booking_id}
    up, down = at[ActionKind.PICKUP], at[ActionKind.DROPOFF]
    visits[up], visits[down] = visits[down], visits[up]
    replan(town, shift, tuple(visits))


def elsewhere(town: AuditedTown) -> None:
    shift = planned(town)
    k = with_riders(shift.visits)
    visits = list(shift.visits)
    other = next(s.id for s in town.roads.network.stops if s.id != visits[k].stop_id)
    visits[k] = replace(visits[k], stop_id=other)
    replan(town, shift, tuple(visits))


def no_such_stop(town: AuditedTown) -> None:
    shift = planned(town)
    waiting = replace(shift.visits[0], id="vs_x", stop_id="gone", actions=(), break_id=None)
    replan(town, shift, (*shift.visits, waiting))


def no_break(town: AuditedTown) -> None:
    shift = next(s for s in town.state.shifts.values() if s.breaks)
    replan(town, shift, tuple(v for v in shift.visits if v.break_id is None))


def too_many(town: AuditedTown) -> None:
    """A party larger than the vehicle, as if it had been booked so."""
    booking = _planned_booking(town)
    request = town.state.requests[booking.request_id]
    statement = (
        "UPDATE event SET payload = jsonb_set(payload, %(path)s, '9')"
        " WHERE type = %(kind)s AND payload #>> %(name)s = %(id)s"
    )
    for kind, key, name in (
        ("BookingMade", "booking", booking.id),
        ("RideOffered", "request", request.id),
    ):
        town.damage(statement, kind=kind, path=[key, "party", "seats"], name=[key, "id"], id=name)
    town.damage("UPDATE booking SET seats = 9 WHERE id = %(id)s", id=booking.id)
    town.damage("UPDATE ride_request SET seats = 9 WHERE id = %(id)s", id=request.id)


def _planned_booking(town: AuditedTown) -> Booking:
    shift = planned(town)
    return next(b for b in town.state.bookings.values() if b.shift_id == shift.id)


PLANS = {
    "too late": (too_late, r"pickup_window: at \d+, not in"),
    "too early": (too_early, r"is planned before its window"),
    "faster than the road": (too_fast, r"faster than it can drive"),
    "set down before picked up": (set_down_first, r"confirmed but not planned so"),
    "at another stop": (elsewhere, r"bk_\w+: pickup planned at"),
    "at no stop": (no_such_stop, r"halts at gone, which is no stop"),
    "without the break": (no_break, r"has to have breaks"),
    "more than fit": (too_many, r"would carry 9 \+ 0"),
}


@pytest.mark.parametrize("name", PLANS)
def test_plans_that_cannot_be_driven(town: AuditedTown, name: str) -> None:
    """Log and tables agree on them; only the roads and rules do not."""
    damage, pattern = PLANS[name]
    damage(town)
    found = town.audit()
    assert [line for line in found if not line.startswith("plans: ")] == []
    assert any(re.search(pattern, line) for line in found), found


def test_a_promise_that_was_not_offered(town: AuditedTown) -> None:
    """The rider is told a wider window than was offered: log and tables agree on it."""
    booking = _planned_booking(town)
    later_s = booking.promise.pickup_to_s + 60
    town.damage(
        "UPDATE event SET payload = jsonb_set(payload, '{booking,promise,pickup_to_s}',"
        " to_jsonb(%(later)s::bigint))"
        " WHERE type = 'BookingMade' AND payload #>> '{booking,id}' = %(id)s",
        later=later_s,
        id=booking.id,
    )
    town.damage(
        "UPDATE booking SET pickup_to_s = %(later)s WHERE id = %(id)s", later=later_s, id=booking.id
    )
    (line,) = town.audit()
    assert line.startswith(f"promises: booking {booking.id}: event ")
    assert "promises other than" in line


def test_an_offer_of_somebody_else(town: AuditedTown) -> None:
    booking = _planned_booking(town)
    taken = {b.offer_id for b in town.state.bookings.values()}
    free = (o for o in town.state.offers.values() if o.id not in taken)
    offer = next(o for o in free if o.request_id != booking.request_id)
    statement = "UPDATE booking SET offer_id = %(other)s WHERE id = %(id)s"
    town.damage(statement, other=offer.id, id=booking.id)
    wrong = f"promises: booking {booking.id}: its offer {offer.id} answers {offer.request_id}"
    assert wrong in town.audit()


def test_a_change_that_was_never_offered_is_found(town: AuditedTown) -> None:
    """Whoever writes other terms into the log without an offer of them is found out."""
    booking = next(b for b in town.state.bookings.values() if b.status is BookingStatus.CONFIRMED)
    other = next(r for r in town.state.requests.values() if r.offers and r.id != booking.request_id)
    kept = replace(other, status=RequestStatus.OFFERED)
    state = replace(town.state, requests={**town.state.requests, other.id: kept})
    offer = kept.offers[0]
    terms = replace(booking.terms, request_id=kept.id, offer_id=offer.id, promise=offer.promise)
    changed = BookingChanged(
        booking.id, 1, "rider", booking.terms, terms, booking.shift_id, booking.shift_id
    )
    watch = Watch()
    list(watch(1, ev.BookingMade(booking), state))
    apply(state, changed)
    found = [str(finding) for finding in watch(2, changed, state)]
    assert any("an offer for something else" in line for line in found), found
