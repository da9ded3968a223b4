"""The day of operation through the API: commands, roles, bodies, and what the views show."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import pytest

from dispatch.api import fleet, schemas
from dispatch.domain import commands as cmd
from dispatch.domain.mishaps import NotServedReason, OutReason
from dispatch.domain.model import (
    BookingStatus,
    Displacement,
    OutOfService,
    Party,
    Spot,
)

Bearer = Callable[[str], dict[str, str]]
V1 = "/api/v1/vehicles/v1"
UNTIL = "2026-03-29T12:00:00+02:00"
UNTIL_S = 1_774_778_400
CALLS = [
    (f"{V1}/out-of-service", {"reason": "breakdown"}, cmd.TakeOutOfService("v1", "breakdown")),
    (f"{V1}/back-in-service", None, cmd.ReturnToService("v1")),
    (
        f"{V1}/swap",
        {"spare_vehicle_id": "v6", "reason": "accident"},
        cmd.SwapVehicle("v1", "v6", "accident"),
    ),
    (f"{V1}/swap", {"spare_vehicle_id": "v6"}, cmd.SwapVehicle("v1", "v6", "other")),
    (f"{V1}/breaks/now", None, cmd.TakeBreak("v1")),
    (f"{V1}/breaks/postpone", {"until": UNTIL}, cmd.PostponeBreak("v1", UNTIL_S)),
    (
        f"{V1}/visits/vi_1/not-served",
        {"reason": "stop_unusable"},
        cmd.ReportNotServed("stop_unusable", visit_id="vi_1", vehicle_id="v1"),
    ),
    (
        "/api/v1/bookings/bk_1/not-served",
        {"reason": "road_blocked", "stop_id": "st-a"},
        cmd.ReportNotServed("road_blocked", booking_id="bk_1", stop_id="st-a"),
    ),
    (
        f"{V1}/walk-ons",
        {"destination": {"stop_id": "st-b"}, "party": {"seats": 2}},
        cmd.WalkOn("v1", Spot(8.0209, 51.8018, "st-b"), Party(2)),
    ),
    (
        f"{V1}/walk-ons",
        {"destination": {"lon": 8.02, "lat": 51.8}},
        cmd.WalkOn("v1", Spot(8.02, 51.8), Party(1)),
    ),
    (
        "/api/v1/bookings/bk_1/boarded",
        {"party": {"seats": 1, "wheelchairs": 1}},
        cmd.ReportBoarded("bk_1", Party(1, 1)),
    ),
]


@pytest.mark.parametrize("token", ["tok-vehicle", "tok-control"])
@pytest.mark.parametrize(("url", "body", "command"), CALLS)
def test_each_call_is_one_command(
    client: Any, gateway: Any, bearer: Bearer, token: str, url: str, body: Any, command: Any
) -> None:
    response = client.post(url, json=body, headers=bearer(token))
    assert response.status_code == (201 if url.endswith("walk-ons") else 200)
    assert [submitted for submitted, _, _ in gateway.submitted] == [command]


@pytest.mark.parametrize(("url", "body"), [(url, body) for url, body, _ in CALLS])
def test_nothing_for_strangers(client: Any, gateway: Any, url: str, body: Any) -> None:
    response = client.post(url, json=body)
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")
    assert gateway.submitted == []


@pytest.mark.parametrize(
    ("url", "body"),
    [
        (f"{V1}/out-of-service", None),
        (f"{V1}/out-of-service", {}),
        (f"{V1}/out-of-service", {"reason": "Frau Muster war schuld"}),
        (f"{V1}/swap", {"reason": "other"}),
        (f"{V1}/swap", {"spare_vehicle_id": ""}),
        (f"{V1}/breaks/postpone", {}),
        (f"{V1}/breaks/postpone", {"until": "2026-03-29T12:00:00"}),
        (f"{V1}/walk-ons", {}),
        (f"{V1}/walk-ons", {"destination": {"lon": 8.0}}),
        (f"{V1}/walk-ons", {"destination": {"stop_id": "st-b"}, "contact": "Erika"}),
        ("/api/v1/bookings/bk_1/not-served", {"reason": "breakdown"}),
        ("/api/v1/bookings/bk_1/boarded", {}),
        ("/api/v1/bookings/bk_1/boarded", {"party": {"seats": -1}}),
    ],
)
def test_bad_bodies(client: Any, gateway: Any, bearer: Bearer, url: str, body: Any) -> None:
    assert client.post(url, json=body, headers=bearer("tok-vehicle")).status_code == 422
    assert gateway.submitted == []


def test_reasons_are_the_engines_own() -> None:
    assert get_args(fleet.OutReasonIn) == tuple(map(str, OutReason))
    assert get_args(fleet.NotServedReasonIn) == tuple(map(str, NotServedReason))


@pytest.fixture
def broken_down(gateway: Any) -> Any:
    """The only vehicle on duty is out of service, its booking without a vehicle."""
    [shift] = gateway.plan
    gateway.plan = [replace(shift, visits=())]
    gateway.out = {"v1": OutOfService("v1", shift.start_s, "breakdown", 8.03, 51.76)}
    lost = Displacement(shift.start_s, "breakdown", shift.id, aboard=True, walk_m=80)
    booking = gateway.stored["bk_1"]
    gateway.stored["bk_1"] = replace(
        booking,
        status=BookingStatus.DISPLACED,
        displacement=lost,
        instead=replace(booking.promise, pickup_stop_id="st-b", dropoff_stop_id="st-a"),
        rescues=1,
        first_boarded_at_s=shift.start_s,
        booked_party=Party(3),
    )
    return gateway


@pytest.mark.usefixtures("broken_down")
def test_the_fleet_shows_who_is_out_and_who_is_without(client: Any, bearer: Bearer) -> None:
    body = client.get("/api/v1/fleet", headers=bearer("tok-control")).json()
    view = schemas.Fleet.model_validate(body, extra="forbid")
    states = {vehicle.id: vehicle.state for vehicle in view.vehicles}
    assert states.pop("v1") == "out_of_service"
    assert set(states.values()) == {"off_duty"}
    assert view.displaced == ["bk_1"]
    [out] = view.out_of_service
    assert (out.vehicle.id, out.reason, out.lon) == ("v1", "breakdown", 8.03)


@pytest.mark.usefixtures("broken_down")
def test_the_plan_shows_them_too(client: Any, bearer: Bearer) -> None:
    body = client.get("/api/v1/plan", headers=bearer("tok-control")).json()
    view = schemas.Plan.model_validate(body, extra="forbid")
    assert [out.vehicle.id for out in view.out_of_service] == ["v1"]
    [booking] = view.bookings
    assert (booking.status, booking.vehicle, booking.estimated.pickup) == ("displaced", None, None)
    assert booking.displacement is not None
    assert (booking.displacement.aboard, booking.displacement.walk_m) == (True, 80)


@pytest.mark.usefixtures("broken_down")
def test_riders_see_where_to_wait(client: Any) -> None:
    body = client.get("/api/v1/bookings/bk_1").json()
    view = schemas.LiveBooking.model_validate(body, extra="forbid")
    assert view.live.phase == "displaced"
    assert view.live.vehicle_position is None
    assert view.instead is not None
    assert view.instead.pickup.stop_id == "st-b"
    assert view.promise.pickup.stop_id == "st-a", "what was promised stays to be seen"
    assert view.booked_party is not None
    assert view.booked_party.seats == 3
    assert body["route"] == []
