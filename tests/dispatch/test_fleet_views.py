"""What drivers and the control room are answered, by the real engine's events."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from desk import TUESDAY_9_S, Desk
from grid_network import grid_network
from mishaps import aboard, on_its_way, vehicle_of
from pydantic import BaseModel
from tiny_town import grid_config

from dispatch.api import schemas
from dispatch.domain import commands as cmd
from dispatch.domain.model import Party, Vehicle
from dispatch.domain.state import State
from dispatch.engine import Network
from dispatch.fleet_views import answer
from dispatch.town import Json, Town


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder: Path = tmp_path_factory.mktemp("grid")
    return grid_network(folder)


@pytest.fixture
def desk(grid: Network) -> Desk:
    config = grid_config()
    van = config.vehicles[0]
    spare = Vehicle("spare", "Reserve", van.depot_id, van.configurations)
    config = replace(config, vehicles=(*config.vehicles, spare))
    return Desk(grid, config, opened_s=TUESDAY_9_S - 4 * 3600)


def answered(desk: Desk, command: cmd.Command, model: type[BaseModel]) -> Json:
    """The answer, which is as documented and the same before and after the events."""
    town = Town.of(desk.config, desk.network.stops)
    state = desk.state
    before = State(
        dict(state.requests),
        dict(state.bookings),
        dict(state.shifts),
        dict(state.fixes),
        dict(state.offers),
        dict(state.out),
    )
    events = desk.do(command)
    body = answer(command, events, desk.state, town)
    model.model_validate_json(json.dumps(body), extra="forbid")
    assert answer(command, events, before, town) == body
    return body


def test_an_outage_answers_with_everybody_concerned(desk: Desk) -> None:
    booking = aboard(desk)
    shift = on_its_way(desk, booking)
    out = cmd.TakeOutOfService(shift.vehicle_id, "accident")
    body = answered(desk, out, schemas.FleetChange)
    assert body["out_of_service"]["reason"] == "accident"
    [concerned] = body["bookings"]
    assert concerned["status"] == "confirmed"
    assert concerned["vehicle"]["id"] == vehicle_of(desk, booking) != shift.vehicle_id
    assert concerned["instead"]["pickup"]["stop_id"] != booking.promise.pickup_stop_id
    assert concerned["estimated"]["pickup"] is not None
    body = answered(desk, cmd.ReturnToService(shift.vehicle_id), schemas.FleetChange)
    assert (body["out_of_service"], body["bookings"]) == (None, [])


def test_a_swap_answers_with_the_new_shifts(desk: Desk) -> None:
    booking = desk.take(desk.ask(0, 40, depart_at_s=desk.now_s + 3600).offers[0])
    old = desk.shift(booking)
    body = answered(desk, cmd.SwapVehicle(old.vehicle_id, "spare"), schemas.FleetChange)
    assert body["vehicle"]["id"] == "spare"
    assert desk.shift(booking).id in {shift["id"] for shift in body["shifts"]}
    [concerned] = body["bookings"]
    assert concerned["vehicle"]["id"] == "spare"


def test_breaks_answer_with_when(desk: Desk) -> None:
    [window] = desk.active()[0].breaks
    vehicle_id = desk.active()[0].vehicle_id
    until_s = window.latest_s - 60
    body = answered(desk, cmd.PostponeBreak(vehicle_id, until_s), schemas.DriverBreak)
    town = Town.of(desk.config, desk.network.stops)
    assert body["break"]["kind"] == "break"
    assert body["break"]["arrive"] >= town.time(until_s)
    desk.now_s = max(desk.now_s, window.earliest_s)
    body = answered(desk, cmd.TakeBreak(vehicle_id), schemas.DriverBreak)
    assert body["break"]["arrived_at"] == town.time(desk.now_s)
    assert body["break"]["depart"] == town.time(desk.now_s + window.duration_s)


def test_walk_ons_counts_and_blocked_stops_answer_with_bookings(desk: Desk) -> None:
    booking = desk.book(0, 40, party=Party(2))
    blocked = cmd.ReportNotServed("road_blocked", booking_id=booking.id)
    body = answered(desk, blocked, schemas.ConcernedBookings)
    assert [b["id"] for b in body["bookings"]] == [booking.id]
    desk.arrive(desk.shift(booking))
    desk.now_s = desk.shift(booking).visits[0].depart_s
    body = answered(desk, cmd.ReportBoarded(booking.id, Party(1)), schemas.Booking)
    assert (body["party"]["seats"], body["booked_party"]["seats"]) == (1, 2)
    assert body["price_cents"] < booking.price_cents
    walk_on = cmd.WalkOn(vehicle_of(desk, booking), desk.stop(30), Party(1))
    body = answered(desk, walk_on, schemas.Booking)
    assert (body["status"], body["vehicle"]["id"]) == ("boarded", vehicle_of(desk, booking))
