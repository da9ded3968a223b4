"""What must hold after every step, whoever did what: found without asking the engine."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from desk import Desk

from dispatch.audit import Roads
from dispatch.audit.plans import findings_of
from dispatch.domain.events import is_durable
from dispatch.domain.model import BookingStatus, ShiftStatus
from dispatch.domain.state import State, apply
from dispatch.engine.alerts import alerts
from dispatch.engine.closed_roads import by_roads
from dispatch.engine.invariants import broken_rules
from dispatch.engine.problem import planning
from dispatch.store.codec import event_from_json, event_to_json
from fuzzed_town import lateness
from fuzzed_town.plain_plans import driven
from routing.plans import evaluate


def check_rules(desk: Desk) -> None:
    """Assignment, order, capacity, physics, breaks."""
    broken = broken_rules(desk.config, desk.network, desk.state, desk.now_s)
    assert not broken, broken


def check_schedules(desk: Desk) -> None:
    """Every open plan, driven in plain Python, takes the time and cost that the kernels say."""
    state = desk.state
    shifts = [s for s in state.shifts.values() if s.status is not ShiftStatus.ENDED]
    for _, group in by_roads(desk.network, state.closures, [s for s in shifts if s.visits]):
        problem = planning(desk.config, desk.network, state, group, desk.now_s).problem
        for v, vehicle in enumerate(problem.vehicles):
            if not any(action.kind != "break" for action in vehicle.route):
                continue
            said, drive = evaluate(problem, v), driven(problem, v)
            timed = drive.best()
            assert said.feasible == timed.feasible, (vehicle, said.reason, problem.bookings)
            assert tuple(said.start_s.tolist()) == timed.start_s, vehicle.route
            assert tuple(said.end_s.tolist()) == timed.end_s, vehicle.route
            assert said.depot_arrival_s == timed.depot_s, vehicle.route
            assert said.drive_s == timed.drive_s, vehicle.route
            if said.feasible:
                assert said.cost == drive.cost(timed), vehicle.route


def check_alerts(desk: Desk) -> None:
    """Whose promise will be missed is known to the control room; so is who has no vehicle."""
    state = desk.state
    told = {
        booking_id
        for alert in alerts(desk.config, desk.network, state, desk.now_s)
        for booking_id in alert.booking_ids
    }
    late = {name for name, what in lateness.planned(state) if what != "break"}
    lost = {b.id for b in state.bookings.values() if b.status is BookingStatus.DISPLACED}
    assert late | lost <= told, f"nobody is told of {sorted((late | lost) - told)}"


def check_traffic(desk: Desk) -> None:
    """The traffic of each hour is that of the hour which the town's clocks show."""
    profile, hours = desk.network.profile(desk.now_s), desk.config.hours
    zone = ZoneInfo(hours.timezone.key)
    for hour in range(24, 24 + 72):
        clock = datetime.fromtimestamp(profile.base_s + hour * 3600, zone)
        kind = "weekday" if clock.weekday() < 5 else ("saturday", "sunday")[clock.weekday() - 5]
        factor = desk.config.traffic[kind][clock.hour]
        assert int(profile.speed_permille[hour]) == max(1, round(1000 / factor)), clock


def check_log(desk: Desk) -> None:
    """Folding the log, written down and read again, gives the state; an audit finds nothing."""
    folded = State()
    for event in desk.log:
        again = event_from_json(event_to_json(event)) if is_durable(event) else event
        assert again == event, f"{event} is another one when it is read again"
        apply(folded, again)
    assert replace(folded, fixes={}) == replace(desk.state, fixes={})
    roads = Roads(desk.config, desk.network)
    seen = replace(desk.state, fixes={})
    found = list(findings_of(roads, seen, desk.now_s))
    assert not found, found
