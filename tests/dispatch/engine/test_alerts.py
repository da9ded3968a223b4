"""What the control room is told: each kind, how bad it is, and what can be done."""

from dataclasses import replace

import pytest
from desk import TUESDAY_9_S, Desk
from tiny_town import SOUTH, STEP_LAT, STEP_LON, WEST, grid_config

from dispatch.domain import commands as cmd
from dispatch.domain.closures import Closure
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import Booking, Fix, PlannedBreak, Shift, Sighting, Vehicle, Visit
from dispatch.domain.rules import Rules
from dispatch.engine import Network
from dispatch.engine.alerts import Alert, AlertKind, Cause, Severity, alerts
from dispatch.engine.remedies import Action, Remedies

QUIET = Rules(rescue_iterations=0)


@pytest.fixture
def desk(grid: Network) -> Desk:
    config = grid_config(vehicles=2, rules=QUIET)
    spare = replace(config.vehicles[0], id="spare", name="Reserve", spare=True)
    return Desk(grid, replace(config, vehicles=(*config.vehicles, spare)))


def found(desk: Desk, kind: AlertKind | None = None) -> list[Alert]:
    everything = alerts(desk.config, desk.network, desk.state, desk.now_s)
    return [a for a in everything if kind is None or a.kind is kind]


def choices(desk: Desk, alert: Alert) -> list[tuple[str, str | None, int | None]]:
    remedies = Remedies(desk.config, desk.network, desk.state, desk.now_s)
    return [(str(c.action), c.vehicle_id, c.late_s) for c in remedies.choices(alert)]


def late(desk: Desk, booking: Booking, what: str, seconds: int) -> None:
    """Let the plan miss a promise by so much, as if more had been promised."""
    starts = {
        str(a.kind): a.start_s
        for visit in desk.shift(booking).visits
        for a in visit.actions
        if a.booking_id == booking.id
    }
    promise = desk.booking(booking).promise
    match what:
        case "pickup":
            promise = replace(promise, pickup_to_s=starts["pickup"] - seconds)
        case "arrival":
            promise = replace(promise, arrival_latest_s=starts["dropoff"] - seconds)
        case _:
            ends_s = next(
                a.end_s for v in desk.shift(booking).visits for a in v.actions if a.kind == "pickup"
            )
            promise = replace(promise, max_ride_s=starts["dropoff"] - ends_s - seconds)
    desk.state.bookings[booking.id] = replace(desk.booking(booking), promise=promise)


def test_nothing_is_wrong_with_a_plan_that_keeps_its_promises(desk: Desk) -> None:
    for k in range(4):
        desk.book(k, 40 - k)
    assert found(desk) == []


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("pickup", AlertKind.LATE_PICKUP),
        ("arrival", AlertKind.LATE_ARRIVAL),
        ("ride", AlertKind.LONG_RIDE),
    ],
)
@pytest.mark.parametrize(
    ("seconds", "severity"),
    [(1, Severity.WARNING), (599, Severity.WARNING), (600, Severity.CRITICAL)],
)
def test_a_promise_that_will_be_missed(
    desk: Desk, what: str, kind: AlertKind, seconds: int, severity: Severity
) -> None:
    booking = desk.book(0, 40)
    late(desk, booking, what, seconds)
    (alert,) = found(desk)
    assert (alert.id, alert.kind, alert.severity) == (f"{kind}:{booking.id}", kind, severity)
    assert (alert.late_s, alert.booking_ids) == (seconds, (booking.id,))
    assert alert.cause is Cause.BEHIND_PLAN
    limits = desk.booking(booking).promise
    expected = {"pickup": limits.pickup_to_s, "arrival": limits.arrival_latest_s}
    assert alert.since_s == expected.get(what, alert.since_s)


def test_each_rider_is_told_of_once_and_the_worst_comes_first(desk: Desk) -> None:
    first, second = desk.book(0, 40), desk.book(3, 30)
    late(desk, first, "pickup", 100)
    late(desk, first, "arrival", 900)
    late(desk, second, "arrival", 700)
    assert [(a.kind, a.booking_ids[0]) for a in found(desk)] == [
        (AlertKind.LATE_ARRIVAL, second.id),
        (AlertKind.LATE_PICKUP, first.id),
    ]


def test_a_shift_without_a_driver(grid: Network) -> None:
    desk = Desk(grid, grid_config(vehicles=2, rules=QUIET), now_s=TUESDAY_9_S - 4 * 3600)
    shift = min(desk.state.shifts.values(), key=lambda s: (s.start_s, s.id))
    other = next(
        s
        for s in desk.state.shifts.values()
        if s.start_s == shift.start_s and s.vehicle_id != shift.vehicle_id
    )
    desk.now_s = other.start_s
    desk.do(cmd.StartShift(other.vehicle_id, other.id))
    desk.now_s = shift.start_s + 119
    assert found(desk) == []
    desk.now_s += 1
    (alert,) = found(desk)
    assert (alert.id, alert.severity) == (f"no_driver:{shift.id}", Severity.WARNING)
    assert (alert.since_s, alert.late_s) == (shift.start_s, 120)
    desk.now_s = shift.start_s + 901
    assert found(desk)[0].severity is Severity.CRITICAL
    assert choices(desk, alert)[0] == ("call_driver", shift.vehicle_id, None)


def test_a_break_later_than_the_law_allows_and_a_shift_that_lasts_too_long(desk: Desk) -> None:
    shift = desk.active()[0]
    pause = PlannedBreak("b-1", desk.now_s - 600, desk.now_s - 60, 900)
    starts_s = shift.end_s - 300
    visit = Visit("vs_b", "depot", (), starts_s, starts_s, starts_s + 900, break_id="b-1")
    desk.state.shifts[shift.id] = replace(shift, breaks=(pause,), visits=(visit,))
    pauses, overrun = found(desk, AlertKind.BREAK_LATE), found(desk, AlertKind.SHIFT_OVERRUN)
    assert [(a.id, a.since_s) for a in pauses] == [("break_late:b-1", desk.now_s - 60)]
    assert pauses[0].late_s == starts_s - desk.now_s + 60
    assert [(a.late_s, a.since_s) for a in overrun] == [(600, shift.end_s)]


def driving(desk: Desk, origin: int = 0) -> Shift:
    """A vehicle half-way to its first rider."""
    booking = desk.book(origin, origin + 22)
    visit = desk.shift(booking).visits[0]
    desk.now_s = (visit.leave_s + visit.arrive_s) // 2
    return desk.shift(booking)


def test_a_vehicle_that_is_not_heard_of(desk: Desk) -> None:
    shift = driving(desk)
    left_s = shift.visits[0].leave_s
    desk.now_s = left_s + 60
    assert found(desk) == []
    desk.now_s += 1
    (alert,) = found(desk)
    assert (alert.kind, alert.severity, alert.late_s) == (
        AlertKind.POSITION_STALE,
        Severity.INFO,
        61,
    )
    desk.state.fixes[shift.id] = Fix(desk.now_s, 8.0, 51.75, 0, 0, guesses=((0, 0, 0),))
    assert found(desk, AlertKind.POSITION_STALE) == []
    del desk.state.fixes[shift.id]
    desk.now_s = left_s + 300
    assert found(desk, AlertKind.POSITION_STALE)[0].severity is Severity.WARNING


def test_a_vehicle_that_stands_at_a_stop_need_not_be_heard_of(desk: Desk) -> None:
    shift = driving(desk)
    desk.arrive(shift)
    desk.now_s += 200
    assert found(desk, AlertKind.POSITION_STALE) == []


def test_a_vehicle_that_drives_away_from_its_stop(desk: Desk) -> None:
    network = desk.network
    corner = Sighting(0, WEST + 8 * STEP_LON, SOUTH + 8 * STEP_LAT)
    bookable = [k for k, stop in enumerate(network.stops) if stop.bookable]
    stop_at = network.snapper.snap(corner.lon, corner.lat).place
    far_s = network.travel.times_from(stop_at)
    depot_s = network.travel.matrix_s[network.stop_index["depot"]]
    origin = max(bookable, key=lambda k: int(far_s[k]) - int(depot_s[k]))
    shift = driving(desk, bookable.index(origin))
    extra_s = int(far_s[origin]) - int(depot_s[origin])
    desk.state.fixes[shift.id] = Fix(desk.now_s, corner.lon, corner.lat, *stop_at)
    kinds = [a.kind for a in found(desk)]
    assert extra_s > 180, "the town is too small for this test"
    assert kinds == [AlertKind.VEHICLE_OFF_ROUTE]


def test_a_vehicle_that_left_without_its_riders_being_reported(desk: Desk) -> None:
    shift = driving(desk)
    desk.arrive(shift)
    anchor = desk.state.shifts[shift.id].anchor
    near = Fix(desk.now_s + 1, anchor.lon, anchor.lat + 0.001, anchor.arc, anchor.offset_ms)
    desk.now_s += 1
    desk.state.fixes[shift.id] = near
    assert found(desk) == []
    desk.state.fixes[shift.id] = replace(near, lat=anchor.lat + 0.004)
    (alert,) = found(desk)
    assert alert.kind is AlertKind.VEHICLE_OFF_ROUTE
    assert 400 < int(alert.params["metres"]) < 500


def test_a_position_that_cannot_be_is_said(desk: Desk) -> None:
    shift = driving(desk)
    place = Sighting(desk.now_s, WEST + 8 * STEP_LON, SOUTH + 8 * STEP_LAT)
    stop = desk.network.stops[desk.network.stop_index["depot"]]
    desk.state.fixes[shift.id] = Fix(desk.now_s - 5, stop.lon, stop.lat, *stop.place, doubted=place)
    assert [a.kind for a in found(desk)] == [AlertKind.POSITION_DOUBTED]


def test_without_roads_promises_are_watched_all_the_same(desk: Desk) -> None:
    booking = desk.book(0, 40)
    late(desk, booking, "pickup", 60)
    assert [a.kind for a in alerts(desk.config, None, desk.state, desk.now_s)] == [
        AlertKind.LATE_PICKUP
    ]


def test_another_vehicle_is_proposed_with_what_would_come_of_it(desk: Desk) -> None:
    booking = desk.book(0, 40)
    own = desk.shift(booking)
    other = next(s for s in desk.active() if s.id != own.id)
    late(desk, booking, "pickup", 1200)
    (alert,) = found(desk)
    done = choices(desk, alert)
    moves = [c for c in done if c[0] == "move_booking"]
    assert [vehicle for _, vehicle, _ in moves] in ([other.vehicle_id], [])
    for _, _, late_s in moves:
        assert late_s is not None
        assert late_s <= alert.late_s - 60
    assert [c[0] for c in done[len(moves) :]] == [
        "call_rider",
        "call_driver",
        "swap_vehicle",
        "cancel_booking",
    ]
    assert ("swap_vehicle", "spare", None) in done


def test_a_move_keeps_what_everybody_else_was_told(desk: Desk) -> None:
    """The stuck vehicle's rider fits into the other one, which stands beside the rider."""
    booking = desk.book(0, 40)
    own = desk.shift(booking)
    other = next(s for s in desk.active() if s.id != own.id)
    spot = desk.stop(1)
    desk.now_s = booking.promise.pickup_to_s - 30
    for shift, (lon, lat) in {
        own.id: (own.anchor.lon, own.anchor.lat),
        other.id: (spot.lon, spot.lat),
    }.items():
        vehicle = desk.state.shifts[shift].vehicle_id
        desk.do(cmd.ReportPosition(vehicle, lon, lat, desk.now_s))
    desk.do(cmd.Tick())
    alert = found(desk, AlertKind.LATE_PICKUP)[0]
    first = Remedies(desk.config, desk.network, desk.state, desk.now_s).choices(alert)[0]
    assert (first.action, first.vehicle_id) == (Action.MOVE_BOOKING, other.vehicle_id)
    assert first.late_s is not None
    assert first.late_s < alert.late_s


def test_on_board_only_the_driver_can_be_called(desk: Desk) -> None:
    booking = desk.book(0, 40)
    shift = desk.shift(booking)
    desk.arrive(shift)
    desk.now_s = max(desk.now_s, desk.shift(booking).visits[0].actions[0].end_s)
    desk.do(cmd.ReportBoarded(booking.id))
    late(desk, desk.booking(booking), "arrival", 2000)
    (alert,) = found(desk, AlertKind.LATE_ARRIVAL)
    assert choices(desk, alert) == [("call_driver", shift.vehicle_id, None)]


def seen(desk: Desk, alert: Alert, by: str = "desk-1") -> int:
    return len(desk.do(cmd.AcknowledgeAlert(alert.id, by)))


def test_an_acknowledged_alert_comes_back_when_it_gets_worse_or_stays(desk: Desk) -> None:
    booking = desk.book(0, 40)
    late(desk, booking, "pickup", 60)
    (alert,) = found(desk)
    assert seen(desk, alert) == 1
    noted = desk.state.acknowledged[alert.id]
    assert (noted.at_s, noted.by, noted.late_s) == (desk.now_s, "desk-1", 60)
    assert seen(desk, alert) == 0, "repeating it is no error"
    late(desk, booking, "pickup", 359)
    assert seen(desk, found(desk)[0]) == 0
    late(desk, booking, "pickup", 360)
    assert seen(desk, found(desk)[0], "desk-2") == 1
    assert desk.state.acknowledged[alert.id].by == "desk-2"


def test_what_is_not_wrong_cannot_be_acknowledged(desk: Desk) -> None:
    with pytest.raises(DomainError) as error:
        desk.do(cmd.AcknowledgeAlert("late_pickup:bk_none", "desk"))
    assert error.value.code is ErrorCode.ALERT_NOT_FOUND


def test_a_spare_on_duty_is_no_spare(desk: Desk) -> None:
    booking = desk.book(0, 40)
    late(desk, booking, "pickup", 60)
    alert = found(desk)[0]
    vehicles: tuple[Vehicle, ...] = desk.config.vehicles[:-1]
    desk.config = replace(desk.config, vehicles=vehicles)
    assert all(action != "swap_vehicle" for action, _, _ in choices(desk, alert))


def test_riders_without_a_vehicle_come_first(desk: Desk) -> None:
    booking = desk.book(0, 40)
    vehicles = [shift.vehicle_id for shift in desk.active()]
    for vehicle_id in vehicles:
        desk.do(cmd.TakeOutOfService(vehicle_id, "breakdown"))
    desk.now_s += 300
    first, *others = found(desk)
    assert first.kind is AlertKind.NO_VEHICLE
    assert (first.severity, first.late_s) == (Severity.CRITICAL, 300)
    assert first.booking_ids == (booking.id,)
    assert first.vehicle_id in vehicles
    assert others == [], "vehicles out of service raise no alerts of their own"
    actions = [action for action, _, _ in choices(desk, first)]
    assert actions == ["swap_vehicle", "call_rider", "cancel_booking"]
    desk.do(cmd.ReturnToService(vehicles[0]))
    assert found(desk, AlertKind.NO_VEHICLE) == []


def test_a_late_rescue_and_another_stop_are_alerts_like_any(desk: Desk) -> None:
    booking = desk.book(0, 40)
    desk.arrive(desk.shift(booking))
    desk.now_s = desk.shift(booking).visits[0].depart_s
    desk.do(cmd.ReportBoarded(booking.id))
    desk.now_s += 60
    desk.do(cmd.TakeOutOfService(desk.shift(booking).vehicle_id, "breakdown"))
    assert desk.booking(booking).rescues == 1
    late(desk, booking, "pickup", 900)
    late(desk, booking, "ride", 200)
    desk.arrive(desk.shift(booking))
    desk.do(cmd.ReportBoarded(booking.id))
    desk.do(cmd.ReportNotServed("road_blocked", booking_id=booking.id))
    kinds = {alert.kind for alert in found(desk)}
    assert AlertKind.LATE_PICKUP not in kinds, "the pick-up was kept long ago"
    assert AlertKind.LONG_RIDE in kinds


def test_a_closed_stop_that_was_promised(desk: Desk) -> None:
    """As it is left where no other stop is near enough."""
    booking = desk.book(0, 40)
    promised = booking.promise
    wish = Closure(
        "c", promised.pickup_from_s - 60, None, "works", stop_id=promised.dropoff_stop_id
    )
    desk.state.closures = {"c": wish}
    (alert,) = found(desk, AlertKind.STOP_CLOSED)
    assert (alert.booking_ids, alert.params["stop_id"]) == (
        (booking.id,),
        promised.dropoff_stop_id,
    )
