"""Closed roads and stops: plans follow, nobody is lost, no promise tightens, reopening restores."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product
from random import Random

import pytest
from desk import Desk
from tiny_town import STEP_LAT, STEP_LON

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.closures import AffectedBooking, Closure, ClosureStatus, ClosureWish, Direction
from dispatch.domain.errors import DomainError, RefusalCode
from dispatch.domain.model import Booking, BookingStatus, Party, Shift, Spot
from dispatch.domain.state import apply
from dispatch.engine import Engine, Network
from dispatch.engine.closure_effects import standing_of
from dispatch.engine.invariants import broken_promises, broken_rules
from routing.roads.kernels import UNREACHABLE

MIDDLE = "Querweg 4"


@pytest.fixture
def desk(grid: Network) -> Desk:
    return Desk(grid)


def close(desk: Desk, **wish: object) -> Closure:
    """Close something from now on, unless told otherwise."""
    values = {"from_s": None, "until_s": None, "reason": "works"} | wish
    events = desk.do(cmd.Close(ClosureWish(**values)))  # type: ignore[arg-type]
    recorded = [e.closure for e in events if isinstance(e, ev.ClosureRecorded)]
    assert len(recorded) == 1
    return recorded[0]


def reported(events: Sequence[ev.Event]) -> dict[str, AffectedBooking]:
    found = [e.affected for e in events if isinstance(e, ev.ClosuresAffected)]
    assert len(found) <= 1
    return {a.booking_id: a for affected in found for a in affected}


def sound(desk: Desk) -> bool:
    return broken_rules(desk.config, desk.network, desk.state, desk.now_s) == []


def plans_of(desk: Desk) -> dict[str, object]:
    """All visits as planned; anchors, versions and ids aside."""
    return {
        s.id: [(v.stop_id, v.leave_s, v.arrive_s, v.depart_s, v.actions) for v in s.visits]
        for s in desk.state.shifts.values()
    }


def arrivals(desk: Desk) -> dict[str, int]:
    return {key: s.arrive_s for key, s in standing_of(desk.state).items()}


def test_plans_are_timed_on_the_roads_that_are_left(desk: Desk) -> None:
    for n in range(3):
        desk.book(n, n + 40)
    before = arrivals(desk)
    close(desk, street=MIDDLE)
    shift = desk.active()[0]
    network = desk.network.for_shift(shift, desk.state.closures)
    assert sound(desk), "no visit is reached sooner than the roads that are left allow"
    assert network.travel.matrix_s.sum() > desk.network.travel.matrix_s.sum()
    closed = {a for a in range(network.graph.arcs) if network.graph.name_of(a) == MIDDLE}
    for origin, stop in product(range(0, len(network.stops), 9), range(0, len(network.stops), 7)):
        way = network.travel.path(network.travel.stops[origin], stop)
        assert closed.isdisjoint(way.arcs.tolist())
    assert arrivals(desk) != before


def test_reopening_restores_every_time_exactly(desk: Desk) -> None:
    for n in range(3):
        desk.book(n, n + 40)
    before = plans_of(desk)
    closure = close(desk, street=MIDDLE)
    assert plans_of(desk) != before
    assert sound(desk)
    desk.do(cmd.Reopen(closure.id))
    assert plans_of(desk) == before
    assert desk.do(cmd.Reopen(closure.id)) == [], "repeating it changes nothing"
    assert desk.state.closures[closure.id].status is ClosureStatus.ENDED


def test_who_can_be_kept_in_time_is_nobody_is_lost(desk: Desk) -> None:
    bookings = [desk.book(n, n + 30) for n in range(6)]
    promises = {b.id: b.promise for b in bookings}
    events = desk.do(cmd.Close(ClosureWish(None, None, "works", street=MIDDLE)))
    affected = reported(events)
    late = broken_promises(desk.state)
    for booking in bookings:
        assert desk.booking(booking).status is BookingStatus.CONFIRMED
        promise, now = promises[booking.id], desk.booking(booking).promise
        stops = (now.pickup_stop_id, now.dropoff_stop_id)
        assert replace(promise, pickup_stop_id=stops[0], dropoff_stop_id=stops[1]) == now, (
            "the times are promised as they were"
        )
        if stops != (promise.pickup_stop_id, promise.dropoff_stop_id):
            entry = affected[booking.id]
            assert (entry.pickup_moved_to or promise.pickup_stop_id) == stops[0]
            assert (entry.dropoff_moved_to or promise.dropoff_stop_id) == stops[1]
    assert {key for key, _ in late} <= affected.keys()
    assert sound(desk)


def test_riders_of_a_closed_stop_board_nearby(desk: Desk) -> None:
    asked = desk.ask(20, 60, depart_at_s=desk.now_s + 7200)
    booking = desk.take(asked.offers[0])
    stop_id = booking.promise.pickup_stop_id
    events = desk.do(cmd.Close(ClosureWish(None, None, "works", stop_id=stop_id)))
    moved = desk.booking(booking)
    assert moved.promise.pickup_stop_id != stop_id
    assert moved.promise.pickup_to_s == booking.promise.pickup_to_s
    assert moved.walk_s > booking.walk_s
    assert reported(events)[booking.id].pickup_moved_to == moved.promise.pickup_stop_id
    assert sound(desk)
    assert broken_promises(desk.state) == {}
    assert all(v.stop_id != stop_id for s in desk.state.shifts.values() for v in s.visits)


def test_who_is_about_to_be_picked_up_is_reported_instead(desk: Desk) -> None:
    booking = desk.book(20, 60)
    stop_id = booking.promise.pickup_stop_id
    events = desk.do(cmd.Close(ClosureWish(None, None, "works", stop_id=stop_id)))
    assert desk.booking(booking).promise == booking.promise, "too late to send anybody elsewhere"
    assert reported(events)[booking.id].pickup_closed
    assert sound(desk)


def test_who_is_on_board_alights_nearby(desk: Desk) -> None:
    booking = desk.book(20, 60)
    desk.arrive(desk.shift(booking))
    desk.do(cmd.ReportBoarded(booking.id))
    stop_id = booking.promise.dropoff_stop_id
    events = desk.do(cmd.Close(ClosureWish(None, None, "works", stop_id=stop_id)))
    moved = desk.booking(booking)
    assert moved.status is BookingStatus.BOARDED
    assert moved.promise.dropoff_stop_id == reported(events)[booking.id].dropoff_moved_to != stop_id
    assert sound(desk)
    desk.arrive(desk.shift(booking))
    desk.do(cmd.ReportAlighted(booking.id))
    assert desk.booking(booking).status is BookingStatus.COMPLETED


def test_closing_everything_around_a_stop_is_survived_and_reported(desk: Desk) -> None:
    """All roads within 600 m: too far to walk, so nobody can be moved out."""
    booking = desk.book(20, 70)
    stop = desk.network.stops[desk.network.stop_index[booking.promise.dropoff_stop_id]]
    graph = desk.network.graph
    near = [
        tuple(zip(map(float, lon), map(float, lat), strict=True))
        for lon, lat in (graph.arc_geometry(a) for a in range(graph.arcs))
        if abs(lon.mean() - stop.lon) < 2 * STEP_LON and abs(lat.mean() - stop.lat) < 2 * STEP_LAT
    ]
    closure = ClosureWish(None, None, "bomb disposal", lines=tuple(near))
    events = desk.do(cmd.Close(closure))
    network = desk.network.for_shift(desk.shift(booking), desk.state.closures)
    assert stop.id in network.cut_off
    assert network.travel.matrix_s.max() < UNREACHABLE
    assert network.travel.to_stop_ms.max() < UNREACHABLE
    assert reported(events)[booking.id].dropoff_closed
    assert desk.booking(booking).promise == booking.promise
    assert sound(desk)
    assert all(v.depart_s < desk.now_s + 7200 for v in desk.shift(booking).visits)
    for _ in range(30):  # and the day goes on
        desk.now_s += 60
        desk.do(cmd.Tick())
    assert sound(desk)
    desk.do(cmd.Reopen(next(iter(desk.state.closures))))
    assert sound(desk)


def test_a_vehicle_on_a_closed_road_leaves_it(desk: Desk) -> None:
    booking = desk.book(5, 65)
    shift = desk.shift(booking)
    desk.now_s = shift.visits[0].leave_s + 30
    lon, lat = (
        desk.network.travel.path(
            desk.network.stops[desk.network.stop_index["depot"]].place,
            desk.network.stop_index[shift.visits[0].stop_id],
        ).lons,
        None,
    )
    assert lat is None
    assert len(lon) > 1
    where = desk.engine.network.advance(
        desk.network.stops[desk.network.stop_index["depot"]].place,
        shift.visits[0].stop_id,
        shift.visits[0].leave_s,
        desk.now_s,
        desk.now_s,
    )
    name = desk.network.graph.name_of(where.arc)
    close(desk, street=name)
    anchor = desk.shift(booking).anchor
    assert (anchor.arc, anchor.at_s) == (where.arc, desk.now_s), "pinned where it really is"
    assert sound(desk)
    desk.now_s += 20
    desk.do(cmd.Tick())
    assert sound(desk)
    desk.arrive(desk.shift(booking))
    desk.do(cmd.ReportBoarded(booking.id))
    assert desk.booking(booking).status is BookingStatus.BOARDED


def test_closed_stops_are_not_offered_and_named_ones_are_refused_so(desk: Desk) -> None:
    spot = desk.stop(20)
    assert spot.stop_id is not None
    close(desk, stop_id=spot.stop_id)
    refused = desk.ask(20, 60)
    assert refused.refusal is not None
    assert refused.refusal.code == RefusalCode.STOP_CLOSED
    there = desk.ask(60, 20)
    assert there.refusal is not None
    assert there.refusal.code == RefusalCode.STOP_CLOSED
    nearby = desk.do(cmd.RequestRide(Spot(spot.lon, spot.lat), desk.stop(60), Party(1)))[0]
    assert isinstance(nearby, ev.RideOffered)
    assert all(o.promise.pickup_stop_id != spot.stop_id for o in nearby.request.offers)


def test_a_later_closure_of_a_stop_binds_rides_at_that_time_only(desk: Desk) -> None:
    spot = desk.stop(20)
    tomorrow_s = desk.now_s + 86_400
    close(desk, stop_id=spot.stop_id, from_s=tomorrow_s, until_s=tomorrow_s + 7200)
    assert desk.ask(20, 60).offers
    late = desk.ask(20, 60, depart_at_s=tomorrow_s + 3600)
    assert late.refusal is not None
    assert late.refusal.code == RefusalCode.STOP_CLOSED
    assert desk.ask(20, 60, arrive_by_s=tomorrow_s + 7000).refusal is not None
    assert desk.ask(20, 60, depart_at_s=tomorrow_s + 3 * 3600).offers


def test_a_later_closure_of_a_road_binds_the_shifts_of_that_time(desk: Desk) -> None:
    tomorrow_s = desk.now_s + 86_400
    closure = close(desk, street=MIDDLE, from_s=tomorrow_s, until_s=tomorrow_s + 3600)
    assert closure.status is ClosureStatus.PLANNED
    bound = {
        s.id
        for s in desk.state.shifts.values()
        if desk.network.for_shift(s, desk.state.closures) is not desk.network
    }
    assert bound == {
        s.id
        for s in desk.state.shifts.values()
        if s.start_s <= tomorrow_s + 3600 and s.end_s >= tomorrow_s
    }
    assert len(bound) == 2
    asked = desk.ask(3, 66, depart_at_s=tomorrow_s + 600)
    direct = {o.direct_s for o in asked.offers}
    desk.do(cmd.Reopen(closure.id))
    again = desk.ask(3, 66, depart_at_s=tomorrow_s + 600)
    assert min(direct) >= max(o.direct_s for o in again.offers)


def test_time_begins_and_ends_a_closure(desk: Desk) -> None:
    closure = close(desk, street=MIDDLE, from_s=desk.now_s + 600, until_s=desk.now_s + 1200)
    desk.now_s += 599
    assert not any(isinstance(e, ev.ClosureBegan) for e in desk.do(cmd.Tick()))
    desk.now_s += 1
    assert ev.ClosureBegan(closure.id, desk.now_s) in desk.do(cmd.Tick())
    assert desk.state.closures[closure.id].status is ClosureStatus.ACTIVE
    desk.now_s += 600
    assert ev.ClosureEnded(closure.id, desk.now_s, "clock") in desk.do(cmd.Tick())
    assert desk.do(cmd.Tick()) == []
    shift = desk.active()[0]
    assert desk.network.for_shift(shift, desk.state.closures) is desk.network


def test_an_offer_whose_stop_was_closed_meanwhile_is_gone(desk: Desk) -> None:
    offer = desk.ask(20, 60).offers[0]
    close(desk, stop_id=offer.promise.dropoff_stop_id)
    with pytest.raises(DomainError) as raised:
        desk.take(offer)
    assert raised.value.code == "stop_closed"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"stop_id": "nowhere"}, "unknown_stop"),
        ({"street": "Nirgendweg"}, "closure_off_road"),
        ({"way_id": 7}, "closure_off_road"),
        ({"lines": (((51.75, 8.0), (51.76, 8.0)),)}, "closure_off_road"),
        ({}, "closure_place"),
        ({"street": MIDDLE, "stop_id": "depot"}, "closure_place"),
        ({"street": MIDDLE, "direction": Direction.FORWARD}, "closure_place"),
        ({"street": MIDDLE, "from_s": 2_000_000_000, "until_s": 2_000_000_000}, "closure_times"),
        ({"street": MIDDLE, "until_s": 1000}, "closure_times"),
    ],
)
def test_what_cannot_be_closed_changes_nothing(
    desk: Desk, wish: dict[str, object], code: str
) -> None:
    with pytest.raises(DomainError) as raised:
        close(desk, **wish)
    assert raised.value.code == code
    assert desk.state.closures == {}


def test_the_whole_town_cannot_be_closed(desk: Desk) -> None:
    graph = desk.network.graph
    everything = tuple(
        tuple(zip(map(float, lon), map(float, lat), strict=True))
        for lon, lat in (graph.arc_geometry(a) for a in range(graph.arcs))
    )
    with pytest.raises(DomainError) as raised:
        close(desk, lines=everything)
    assert raised.value.code == "closure_too_large"


def test_unknown_closures_cannot_be_reopened(desk: Desk) -> None:
    with pytest.raises(DomainError) as raised:
        desk.do(cmd.Reopen("cl_none"))
    assert raised.value.code == "closure_not_found"


def wish(number: str, street: str, **changes: object) -> ClosureWish:
    values = {"from_s": 1_000_000_000, "until_s": None, "reason": "works"}
    return ClosureWish(street=street, external_id=number, **(values | changes))  # type: ignore[arg-type]


def imported(desk: Desk, *wishes: ClosureWish) -> list[ev.Event]:
    return desk.do(cmd.ImportClosures("town works", wishes))


def test_a_list_is_taken_over_whole_and_again_without_effect(desk: Desk) -> None:
    own = close(desk, street="Langweg 8")
    imported(desk, wish("1", MIDDLE), wish("2", "Querweg 6"))
    first = dict(desk.state.closures)
    assert {c.external_id for c in first.values()} == {None, "1", "2"}
    assert imported(desk, wish("2", "Querweg 6"), wish("1", MIDDLE)) == []
    later = desk.now_s + 86_400
    events = imported(desk, wish("2", "Querweg 6", until_s=later), wish("3", "Querweg 7"))
    now = {c.external_id: c for c in desk.state.closures.values()}
    assert now["1"].status is ClosureStatus.ENDED
    assert now["2"].id == next(c.id for c in first.values() if c.external_id == "2")
    assert now["2"].until_s == later
    assert now["3"].status is ClosureStatus.ACTIVE
    assert now[None] == own, "what the control room has closed is its own"
    assert sum(isinstance(e, ev.ClosureRecorded) for e in events) == 2
    imported(desk, wish("3", "Querweg 7", until_s=desk.now_s - 5))
    assert {c.external_id for c in desk.state.closures.values() if c.overlaps(0, later)} == {None}


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (wish("2", "Nirgendweg"), "closure_off_road"),
        (wish("1", "Querweg 6"), "closures_repeated"),
        (wish("2", "Querweg 6", until_s=3_000_000_000, from_s=3_000_000_001), "closure_times"),
    ],
)
def test_one_bad_entry_and_nothing_of_a_list_is_taken(
    desk: Desk, bad: ClosureWish, code: str
) -> None:
    with pytest.raises(DomainError) as raised:
        imported(desk, wish("1", MIDDLE), bad)
    assert raised.value.code == code
    assert raised.value.params["row"] == 2
    assert desk.state.closures == {}


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_closed_rules_hold_and_promises_get_no_worse_by_decisions(
    grid: Network, seed: int
) -> None:
    rng = Random(seed)
    desk = Desk(grid, seed=seed)
    booked: list[Booking] = []
    for _ in range(25):
        desk.now_s += rng.randrange(20, 240)
        if rng.random() < 0.6:
            happens(desk, rng)
        else:
            desk.do(cmd.Tick())
            late = if_nobody_acts(desk)
            asked = desk.ask(rng.randrange(80), rng.randrange(80))
            booked += [desk.take(offer) for offer in asked.offers[:1]]
            now = broken_promises(desk.state)
            assert all(late_s <= late.get(key, 0) for key, late_s in now.items())
        assert sound(desk)
    for booking in booked:
        then, promise = booking.promise, desk.booking(booking).promise
        stops = (promise.pickup_stop_id, promise.dropoff_stop_id)
        assert replace(then, pickup_stop_id=stops[0], dropoff_stop_id=stops[1]) == promise
        assert desk.booking(booking).status is not BookingStatus.CANCELLED
    for closure in sorted(desk.state.closures):
        desk.do(cmd.Reopen(closure))
    assert sound(desk)


def happens(desk: Desk, rng: Random) -> None:
    """Something is closed, something reopens, or somebody drives on."""
    graph, shifts = desk.network.graph, _driving(desk)
    match rng.randrange(6):
        case 0:
            lon, lat = graph.arc_geometry(rng.randrange(graph.arcs))
            line = tuple(zip(map(float, lon), map(float, lat), strict=True))
            until_s = rng.choice([None, desk.now_s + 900])
            with suppress(DomainError):  # against a one-way street nothing is to be closed
                close(desk, lines=(line,), until_s=until_s, direction=rng.choice(list(Direction)))
        case 1:
            close(desk, street=f"{rng.choice(['Quer', 'Lang'])}weg {rng.randrange(9)}")
        case 2 if desk.state.closures:
            desk.do(cmd.Reopen(rng.choice(sorted(desk.state.closures))))
        case 3:
            close(desk, stop_id=desk.stop(rng.randrange(80)).stop_id)
        case 4 | 5 if shifts:
            _drive(desk, rng.choice(shifts))
        case _:
            desk.do(cmd.Tick())


def test_closures_outlive_an_import_of_new_roads(desk: Desk) -> None:
    """They are matched to the new roads; the plans are carried over on what is left of them."""
    bookings = [desk.book(n, n + 40) for n in range(3)]
    closure = close(desk, street=MIDDLE)
    desk.network = replace(desk.network)
    desk.engine = Engine(desk.config, desk.network)
    for event in desk.engine.adopt(desk.state, desk.now_s, desk.rng):
        apply(desk.state, event)
    assert desk.state.closures[closure.id] == closure
    network = desk.network.for_shift(desk.shift(bookings[0]), desk.state.closures)
    assert network is not desk.network
    assert sound(desk)


def if_nobody_acts(desk: Desk) -> dict[tuple[str, str], int]:
    """Which promises will be broken whatever is decided now."""
    state = replace(desk.state, shifts=dict(desk.state.shifts))
    for event in desk.engine.retime(desk.state, desk.now_s, Random(0)):
        apply(state, event)
    return broken_promises(state)


def _driving(desk: Desk) -> list[Shift]:
    return [s for s in desk.active() if s.visits and s.visits[0].actions]


def _drive(desk: Desk, shift: Shift) -> None:
    """The next thing that a driver does."""
    if shift.current_visit is None:
        desk.arrive(shift)
        return
    action = shift.visits[0].actions[0]
    desk.now_s = max(desk.now_s, action.end_s)
    report = cmd.ReportBoarded if action.kind == "pickup" else cmd.ReportAlighted
    desk.do(report(action.booking_id))
