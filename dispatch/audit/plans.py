"""Every open plan can be driven on the roads as they are, and carries who is booked on it.

The times of plans under way are a moment old at any instant; those are scheduled anew, and what
the independent verifier says of that counts. Plans of shifts to come have to hold as stored.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from dispatch.audit.evidence import Evidence, Finding, Roads
from dispatch.domain.model import BookingStatus, Shift, ShiftStatus
from dispatch.domain.state import State
from dispatch.engine.closed_roads import by_roads
from dispatch.engine.invariants import broken_rules
from dispatch.engine.problem import Planning, plan_booking, planning
from routing import plans
from routing.plans.claims import claim_of, world_of
from routing.plans.verifier import ClaimedRoute, verify_plan

_NAME: Final = "plans"
_PLANNED: Final = (BookingStatus.CONFIRMED, BookingStatus.BOARDED)


def check(evidence: Evidence) -> Iterator[Finding]:
    """The engine's invariants, and the verifier's rules."""
    roads = evidence.roads
    if roads is None or evidence.roads_sha256 != roads.network.graph.digest:
        return
    state = State(
        bookings=dict(evidence.bookings),
        shifts=dict(evidence.shifts),
        closures=evidence.ledger.state.closures,
        out=evidence.ledger.state.out,
    )
    yield from findings_of(roads, state, evidence.at_s)


def findings_of(roads: Roads, state: State, now_s: int) -> Iterator[Finding]:
    """What is wrong with the open plans of a state.

    Args:
        roads: what they are driven on.
        state: bookings and shifts, those that are over included or not.
        now_s: the instant to look at them, epoch seconds.
    """
    unknown = list(_unknown(roads, state))
    yield from unknown
    if unknown:
        return
    for sentence in broken_rules(roads.config, roads.network, state, now_s):
        subject, _, detail = sentence.partition(" ")
        yield Finding(_NAME, subject, detail)
    yield from _verified(roads, state, now_s)


def _unknown(roads: Roads, state: State) -> Iterator[Finding]:
    """What would make the checks stumble: names that mean nothing."""
    stops = roads.network.stop_index
    for shift in state.shifts.values():
        if shift.status is ShiftStatus.ENDED:
            continue
        named = {shift.depot_stop_id, *(visit.stop_id for visit in shift.visits)}
        for stop_id in sorted(named - stops.keys()):
            yield Finding(_NAME, f"shift {shift.id}", f"halts at {stop_id}, which is no stop")
        planned = {a.booking_id for visit in shift.visits for a in visit.actions}
        for booking_id in sorted(planned - state.bookings.keys()):
            yield Finding(_NAME, f"shift {shift.id}", f"carries {booking_id}, which is no booking")


def _verified(roads: Roads, state: State, now_s: int) -> Iterator[Finding]:
    open_shifts = [s for s in state.shifts.values() if s.status is not ShiftStatus.ENDED]
    if not open_shifts:
        return
    for network, group in by_roads(roads.network, state.closures, open_shifts):
        yield from _verified_on(Roads(roads.config, network), state, group, now_s)


def _verified_on(
    roads: Roads, state: State, shifts: Sequence[Shift], now_s: int
) -> Iterator[Finding]:
    """What is wrong with shifts that all drive on these roads."""
    now = planning(roads.config, roads.network, state, shifts, now_s)
    ids = {shift.id for shift in shifts}
    bookings = {
        booking.id: now.problem.bookings.get(booking.id)
        or plan_booking(roads.config, roads.network, booking)
        for booking in state.bookings.values()
        if booking.status in _PLANNED and booking.shift_id in ids
    }
    claims = [_claim(roads, now, v, now_s) for v in range(len(now.shifts))]
    world = world_of(now.problem)
    for violation in verify_plan(world, now.problem.vehicles, bookings, claims):
        yield Finding(_NAME, violation.where, f"{violation.rule}: {violation.detail}")


def _claim(roads: Roads, now: Planning, v: int, now_s: int) -> ClaimedRoute:
    """What is stored where the shift has yet to begin, else the same route scheduled anew.

    Also where the shift before it is late: what is stored is then good to within a minute, too.
    """
    shift, vehicle = now.shifts[v], now.problem.vehicles[v]
    ahead = shift.status is ShiftStatus.PLANNED and shift.start_s >= now_s
    in_time = now.where[v].free_s <= shift.start_s and vehicle is now.promised.vehicles[v]
    if ahead and in_time and vehicle.route:
        return replace(_stored(roads, shift, now_s), actions=vehicle.route)
    return claim_of(now.problem, v, plans.evaluate(now.problem, v))


def _stored(roads: Roads, shift: Shift, now_s: int) -> ClaimedRoute:
    ready_s = roads.config.rules.boarding_stop_s
    times = [
        (visit.arrive_s, visit.depart_s + ready_s) if step is None else (step.start_s, step.end_s)
        for visit in shift.visits
        for step in ((None,) if visit.break_id is not None else visit.actions)
    ]
    index, last = roads.network.stop_index, shift.visits[-1]
    leg_s = int(roads.network.travel.matrix_s[index[last.stop_id], index[shift.depot_stop_id]])
    return ClaimedRoute(
        vehicle=shift.id,
        actions=(),
        start_s=tuple(start_s for start_s, _ in times),
        end_s=tuple(end_s for _, end_s in times),
        depot_arrival_s=roads.network.drive(now_s, times[-1][1], leg_s),
    )
