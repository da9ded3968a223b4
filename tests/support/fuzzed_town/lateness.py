"""By how much promises are missed: as planned, and as it will be if nobody decides anything.

A decision may use all that there is, but nobody may be later after it than without it.
"""

from collections.abc import Iterator

from desk import Desk

from dispatch.domain.model import ActionKind, Shift, ShiftStatus
from dispatch.domain.state import State
from dispatch.engine.closed_roads import by_roads
from dispatch.engine.problem import planning
from fuzzed_town.plain_plans import Timed, driven
from routing.plans.problem import Problem
from routing.plans.records import Vehicle

Key = tuple[str, str]
"""(booking, `pickup`, `arrival` or `ride`) or (break, `break`)."""
Lateness = dict[Key, int]


def planned(state: State) -> Lateness:
    """Seconds > 0 by which the plans miss what was promised."""
    found: Lateness = {}
    for shift in state.shifts.values():
        latest_s = {b.id: b.latest_s for b in shift.breaks}
        steps: list[tuple[str, str, int, int]] = []
        for visit in shift.visits:
            if visit.break_id is not None and visit.arrived_at_s is None:
                found[visit.break_id, "break"] = visit.arrive_s - latest_s[visit.break_id]
            steps += [(a.kind, a.booking_id, a.start_s, a.end_s) for a in visit.actions]
        found |= dict(_of_riders(state, steps))
    return {key: late_s for key, late_s in found.items() if late_s > 0}


def expected(desk: Desk) -> Lateness:
    """What reality does to the promises if nobody decides anything, or what is planned if worse.

    Plans that nobody touches stay as they are, so both are possible.
    """
    found: Lateness = {}
    for shift, vehicle, timed in _projected(desk):
        steps = [
            (kind, name, timed.start_s[k], timed.end_s[k])
            for k, (kind, name) in enumerate(vehicle.route)
        ]
        latest_s = {b.id: b.latest_s for b in shift.breaks}
        rests = [(name, start_s) for kind, name, start_s, _ in steps if kind == "break"]
        found |= {(name, "break"): start_s - latest_s[name] for name, start_s in rests}
        found |= dict(_of_riders(desk.state, [s for s in steps if s[0] != "break"]))
    now = planned(desk.state)
    return {k: max(found.get(k, 0), now.get(k, 0)) for k in found.keys() | now.keys()}


def _projected(desk: Desk) -> Iterator[tuple[Shift, Vehicle, Timed]]:
    """The open shifts as they will be driven; none begins before its vehicle is back."""
    state, back_s = desk.state, dict[str, int]()
    ahead = [s for s in state.shifts.values() if s.status is not ShiftStatus.ENDED and s.visits]
    drives: dict[str, tuple[Problem, int]] = {}
    for _, group in by_roads(desk.network, state.closures, ahead):
        problem = planning(desk.config, desk.network, state, group, desk.now_s).promised
        drives |= {vehicle.id: (problem, v) for v, vehicle in enumerate(problem.vehicles)}
    for shift in sorted(ahead, key=lambda s: (s.start_s, s.id)):
        problem, v = drives[shift.id]
        drive = driven(problem, v)
        if shift.status is ShiftStatus.PLANNED:
            drive = drive.not_before(back_s.get(shift.vehicle_id, 0))
        timed = drive.soonest()
        back_s[shift.vehicle_id] = timed.depot_s
        yield shift, problem.vehicles[v], timed


def _of_riders(state: State, steps: list[tuple[str, str, int, int]]) -> Iterator[tuple[Key, int]]:
    """How late each rider is at each end, and how much too long on board."""
    boarded_s: dict[str, int] = {}
    for kind, name, start_s, end_s in steps:
        booking = state.bookings[name]
        promise, first_s = booking.promise, booking.first_boarded_at_s
        if kind == ActionKind.PICKUP:
            boarded_s[name] = end_s
            if first_s is None:  # who had to change vehicles was picked up long ago
                yield (name, "pickup"), start_s - promise.pickup_to_s
            continue
        since_s = first_s or booking.boarded_at_s or boarded_s.get(name, start_s)
        yield (name, "arrival"), start_s - promise.arrival_latest_s
        yield (name, "ride"), start_s - since_s - promise.max_ride_s


def worsened(before: Lateness, after: Lateness) -> list[str]:
    """Whose promise is missed by more than before, in words.

    Who would have been picked up late may be picked up sooner and ride on for the same time more.
    """
    sooner_s = {
        name: max(0, late_s - after.get((name, "pickup"), 0))
        for (name, what), late_s in before.items()
        if what == "pickup"
    }
    return [
        f"{name}: {what} {late_s} s late instead of {before.get((name, what), 0)} s"
        for (name, what), late_s in sorted(after.items())
        if late_s > before.get((name, what), 0) + (what == "ride") * sooner_s.get(name, 0)
    ]
