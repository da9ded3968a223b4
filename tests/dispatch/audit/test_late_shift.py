"""A vehicle that is late for its next shift: what is stored of it is good to within a minute."""

from dataclasses import replace

from desk import TUESDAY_9_S, Desk

from dispatch.audit import Roads
from dispatch.audit.plans import findings_of
from dispatch.domain.model import BookingStatus, ShiftStatus


def test_a_shift_before_that_ends_late_is_no_finding(roads: Roads) -> None:
    """Seconds by which it is late move nothing, as the dispatcher itself would move nothing."""
    before_two_s = TUESDAY_9_S + 5 * 3600 - 600
    desk = Desk(roads.network, roads.config, now_s=before_two_s, opened_s=TUESDAY_9_S - 3 * 3600)
    desk.take(desk.ask(0, 40, depart_at_s=before_two_s + 600).offers[0])
    (booking,) = desk.state.bookings.values()
    ahead = desk.shift(booking)
    assert ahead.status is ShiftStatus.PLANNED
    assert booking.status is BookingStatus.CONFIRMED
    (running,) = [s for s in desk.active() if s.vehicle_id == ahead.vehicle_id]
    assert running.visits, "it is on its way home from somewhere, or rests"
    *others, last = running.visits
    found = []
    for late_s in range(0, 1200, 20):
        stays = replace(last, depart_s=running.end_s - 200 + late_s)
        desk.state.shifts[running.id] = replace(running, visits=(*others, stays))
        found += [f for f in findings_of(roads, desk.state, desk.now_s) if ahead.id in f.subject]
    assert found == []
