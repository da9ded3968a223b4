"""The walking skeleton: a ride is asked for, booked and really driven, as the README shows it."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from running_service import RunningService, canonical

pytestmark = pytest.mark.slow

MARKET = {"lon": 8.0403, "lat": 51.7550}
STATION = {"lon": 8.0209, "lat": 51.8018}
PATIENCE_S = 240.0


@pytest.fixture
def client(demo_service: RunningService) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=demo_service.url, timeout=20) as client:
        yield client


def ask(client: httpx.Client, **more: object) -> dict[str, Any]:
    body = {"origin": MARKET, "destination": STATION, "party": {"seats": 1, "wheelchairs": 0}}
    answer = client.post("/api/v1/ride-requests", json=body | more)
    assert answer.status_code == httpx.codes.CREATED, answer.text
    result: dict[str, Any] = answer.json()
    return result


def events(client: httpx.Client, path: str) -> Iterator[dict[str, Any]]:
    with client.stream("GET", path, timeout=PATIENCE_S) as stream:
        assert stream.status_code == httpx.codes.OK
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data:"):
                yield json.loads(line[5:])


def test_a_ride_is_booked_and_driven(client: httpx.Client) -> None:
    request = ask(client)
    assert request["status"] == "offered"
    offer = request["offers"][0]
    assert offer["pickup"]["walk_m"] <= 300
    contact = {"name": "Erika", "email": "erika@example.org"}
    order = {"offer_id": offer["id"], "contact": contact}
    headers = {"Idempotency-Key": "e2e-first"}
    first = client.post("/api/v1/bookings", json=order, headers=headers)
    again = client.post("/api/v1/bookings", json=order, headers=headers)
    assert first.status_code == again.status_code == httpx.codes.CREATED
    assert first.content == again.content
    booking = first.json()
    assert "Erika" not in first.text
    assert booking["status"] == "confirmed"
    assert booking["promise"]["pickup_window"] == offer["pickup_window"]
    statuses, positions = [], set()
    deadline = time.monotonic() + PATIENCE_S
    for view in events(client, f"/api/v1/bookings/{booking['id']}/events"):
        assert canonical(view["promise"]) == canonical(booking["promise"])
        if not statuses or statuses[-1] != view["status"]:
            statuses.append(view["status"])
        position = view["live"]["vehicle_position"]
        if position:
            positions.add((position["lon"], position["lat"]))
        assert time.monotonic() < deadline, f"still {statuses}"
    assert statuses == ["confirmed", "boarded", "completed"]
    assert len(positions) >= 3, "the shuttle was seen moving"
    done = client.get(f"/api/v1/bookings/{booking['id']}").json()
    window, arrival = booking["promise"]["pickup_window"], booking["promise"]["arrival_latest"]
    assert window[0] <= done["boarded_at"]
    assert done["alighted_at"] <= arrival


def test_a_booking_ahead_is_cancelled(client: httpx.Client) -> None:
    request = ask(client, depart_at="2026-03-12T14:00:00+01:00")
    offer = request["offers"][0]
    assert offer["pickup_window"][0] >= "2026-03-12T14:00:00+01:00"
    contact = {"name": "Karl", "phone": "+49 2521 29-0"}
    order = {"offer_id": offer["id"], "contact": contact}
    booking = client.post("/api/v1/bookings", json=order).json()
    gone = client.delete(f"/api/v1/bookings/{booking['id']}")
    assert gone.status_code == httpx.codes.OK
    assert gone.json()["status"] == "cancelled"
    taken = client.post("/api/v1/bookings", json=order)
    assert taken.status_code == httpx.codes.CONFLICT
    assert taken.headers["content-type"].startswith("application/problem+json")


def test_the_control_room_sees_shuttles_move(
    client: httpx.Client, demo_service: RunningService
) -> None:
    assert client.get("/api/v1/fleet").status_code == httpx.codes.UNAUTHORIZED
    headers = {"Authorization": f"Bearer {demo_service.token('control')}"}
    seen: dict[str, set[tuple[float, float]]] = {}
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        fleet = client.get("/api/v1/fleet", headers=headers).json()
        for vehicle in fleet["vehicles"]:
            if vehicle["position"]:
                place = (vehicle["position"]["lon"], vehicle["position"]["lat"])
                seen.setdefault(vehicle["id"], set()).add(place)
        if any(len(places) >= 3 for places in seen.values()):
            break
        time.sleep(0.5)
    assert any(len(places) >= 3 for places in seen.values())
    plan = client.get("/api/v1/plan", headers=headers).json()
    assert plan["shifts"]


def test_a_driver_reads_the_manifest_and_nothing_else(
    client: httpx.Client, demo_service: RunningService
) -> None:
    headers = {"Authorization": f"Bearer {demo_service.token('vehicle')}"}
    manifest = client.get("/api/v1/vehicles/v1/plan", headers=headers).json()
    assert manifest["shifts"]
    assert {shift["vehicle"]["id"] for shift in manifest["shifts"]} == {"v1"}
    gone = client.get("/api/v1/vehicles/v99/plan", headers=headers)
    assert (gone.status_code, gone.json()["code"]) == (404, "vehicle_not_found")
    assert client.get("/api/v1/plan", headers=headers).status_code == httpx.codes.FORBIDDEN


def test_the_service_says_what_it_is(client: httpx.Client) -> None:
    service = client.get("/api/v1/service").json()
    assert service["name"] == "Beckum"
    assert service["id"] == "beckum-demo", "a demo never touches real rides"
    assert service["map"]["schematic"] is True
    assert "OpenStreetMap" in service["map"]["attribution"]
    stops = client.get("/api/v1/stops").json()["stops"]
    assert len(stops) > 200
    assert len({stop["id"] for stop in stops}) == len(stops)
    assert client.get("/healthz").status_code == httpx.codes.OK


def test_the_log_and_the_tables_agree(demo_service: RunningService) -> None:
    audit = demo_service.audit()
    assert audit.returncode == 0, audit.stdout + audit.stderr
