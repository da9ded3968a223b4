"""Server-sent events over a real socket: the in-process client waits for the end of an answer."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from dispatch.api import streams
from dispatch.domain.model import BookingStatus, Fix
from dispatch.live.notices import Notice, VehicleFix
from dispatch.store.errors import StoreUnavailableError
from dispatch.web.app import create_app

CONTROL = {"Authorization": "Bearer tok-control"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LOOK_S", 0.2)
    monkeypatch.setattr(streams, "CALM_S", 0.01)


@pytest.fixture
def http(settings: Any) -> Iterator[httpx.Client]:
    config = uvicorn.Config(create_app(settings), port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        yield client
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


def read_events(response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_a_ride_is_followed_to_its_end(http: httpx.Client, gateway: Any) -> None:
    with http.stream("GET", "/api/v1/bookings/bk_1/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        events = read_events(response)
        name, first = next(events)
        assert (name, first["status"]) == ("booking", "confirmed")
        gateway.change(BookingStatus.BOARDED)
        assert next(events)[1]["status"] == "boarded"
        gateway.change(BookingStatus.COMPLETED)
        assert next(events)[1]["status"] == "completed"
        assert list(events) == []


def test_a_ride_that_is_over_is_told_once(http: httpx.Client, gateway: Any) -> None:
    gateway.change(BookingStatus.CANCELLED)
    response = http.get("/api/v1/bookings/bk_1/events")
    assert [body["status"] for _, body in read_events(response)] == ["cancelled"]


def test_riders_follow_their_own_vehicle_only(
    http: httpx.Client, gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LOOK_S", 60.0)
    with http.stream("GET", "/api/v1/bookings/bk_1/events") as response:
        events = read_events(response)
        start = next(events)[1]["live"]["vehicle_position"]
        asked = gateway.booking_reads
        for vehicle_id, lon in (("v2", 8.1), ("v1", 8.039)):
            fix = VehicleFix("sh_1", vehicle_id, Fix(1_774_764_000, lon, 51.76, 7, 0))
            if vehicle_id == "v1":
                gateway.fixes = {"sh_1": fix}
            gateway.tell(Notice("moved", positions=(fix,)))
            time.sleep(0.2)
        moved = next(events)[1]["live"]["vehicle_position"]
        assert (start["lon"], moved["lon"]) == (8.0377, 8.039)
        assert gateway.booking_reads == asked + 1, "the other vehicle cost nothing"


def test_no_stream_for_an_unknown_ride(http: httpx.Client) -> None:
    response = http.get("/api/v1/bookings/bk_9/events")
    assert (response.status_code, response.json()["code"]) == (404, "booking_not_found")


def test_a_stream_survives_a_gap_in_the_store(http: httpx.Client, gateway: Any) -> None:
    with http.stream("GET", "/api/v1/bookings/bk_1/events") as response:
        events = read_events(response)
        next(events)
        gateway.failure = StoreUnavailableError()
        time.sleep(0.5)
        gateway.change(BookingStatus.COMPLETED)
        gateway.failure = None
        assert next(events)[1]["status"] == "completed"


def test_the_control_room_sees_everything_at_first_and_then_changes(
    http: httpx.Client, gateway: Any
) -> None:
    with http.stream("GET", "/api/v1/events", headers=CONTROL) as response:
        events = read_events(response)
        (first, plan), (second, fleet), (third, alerts) = (next(events) for _ in range(3))
        assert (first, second, third) == ("plan", "fleet", "alerts")
        assert alerts["alerts"] == []
        assert plan["shifts"][0]["route"]
        assert fleet["vehicles"][0]["load"]["bookings"] == 0
        gateway.change(BookingStatus.BOARDED)
        gateway.tell(Notice("changed", booking_ids=("bk_1",)))
        names = [next(events), next(events)]
        assert {name for name, _ in names} == {"plan", "fleet"}
        assert dict(names)["fleet"]["vehicles"][0]["load"]["bookings"] == 1


def test_streams_are_limited(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "STREAMS_MAX", 1)
    with http.stream("GET", "/api/v1/bookings/bk_1/events") as response:
        events = read_events(response)  # keeps the connection open for as long as it lives
        next(events)
        second = http.get("/api/v1/bookings/bk_1/events")
        assert (second.status_code, second.json()["code"]) == (503, "service_unavailable")
    deadline = time.monotonic() + 5
    while streams._open and time.monotonic() < deadline:
        time.sleep(0.05)
    assert streams._open == 0, "a stream that was left is counted no more"


def test_a_revoked_token_ends_the_stream(
    http: httpx.Client, gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http.stream("GET", "/api/v1/events", headers=CONTROL) as response:
        events = read_events(response)
        for _ in range(3):
            next(events)

        async def nobody(_token: str) -> None:
            return None

        monkeypatch.setattr(gateway, "token_role", nobody)
        assert list(events) == []
