from collections.abc import Callable
from typing import Any

import pytest

Bearer = Callable[[str], dict[str, str]]


def test_the_service_introduces_itself(client: Any) -> None:
    service = client.get("/api/v1/service").json()
    assert service["timezone"] == "Europe/Berlin"
    assert service["now"] == "2026-03-29T08:00:00+02:00"
    assert service["languages"] == ["de", "en"]
    assert service["hours"]["weekday"] == ["05:00", "23:00"]
    assert service["hours"]["saturday"] == ["07:00", "24:00"]
    assert service["hours"]["next"][0] == ["2026-03-29T09:00:00+02:00", "2026-03-29T21:00:00+02:00"]
    assert service["rules"]["bookable_until"] == "2026-04-05"
    assert service["fares"]["currency"] == "EUR"
    assert service["map"]["schematic"] is True
    assert service["map"]["hint"] == "rufbus roads fetch"
    assert "OpenStreetMap" in service["map"]["attribution"]


def test_only_stops_for_riders_are_listed(client: Any) -> None:
    stops = client.get("/api/v1/stops").json()["stops"]
    assert [stop["id"] for stop in stops] == ["st-a", "st-b"]
    assert stops[1] == {
        "id": "st-b",
        "name": "Bahnhof Neubeckum",
        "lon": 8.0209,
        "lat": 51.8018,
        "zone": "Neubeckum",
        "kind": "curated",
        "closed": False,
    }


@pytest.mark.parametrize(
    ("part", "value", "status"),
    [
        (None, None, 200),
        ("redis", "down", 200),
        ("database", "down", 503),
        ("dispatcher", {"status": "down"}, 503),
    ],
)
def test_health(client: Any, gateway: Any, part: str | None, value: Any, status: int) -> None:
    if part:
        gateway.parts[part] = value
    response = client.get("/healthz")
    assert response.status_code == status
    assert response.json()["status"] == ("ok" if status == 200 else "unavailable")
    assert ("retry-after" in response.headers) == (status == 503)
    assert response.json()["parts"]["clock"] == {"kind": "real", "rate": 1.0}


def test_the_fleet(client: Any, bearer: Bearer) -> None:
    fleet = client.get("/api/v1/fleet", headers=bearer("tok-control")).json()
    first, *others = fleet["vehicles"]
    assert first["state"] == "driving"
    assert first["position"] == {
        "lon": 8.0377,
        "lat": 51.7746,
        "at": "2026-03-29T07:59:30+02:00",
        "source": "planned",
        "stale": False,
        "doubted": None,
    }
    assert first["next_visit"]["boarding"][0]["party"] == {"seats": 2, "wheelchairs": 0}
    assert {vehicle["state"] for vehicle in others} == {"off_duty"}


def test_the_plan_with_and_without_routes(client: Any, bearer: Bearer) -> None:
    headers = bearer("tok-control")
    plan = client.get("/api/v1/plan", headers=headers).json()
    [shift] = plan["shifts"]
    assert [visit["id"] for visit in shift["visits"]] == ["vi_1", "vi_2"]
    assert [booking["id"] for booking in plan["bookings"]] == ["bk_1"]
    assert "route" not in shift
    routed = client.get("/api/v1/plan?routes=true", headers=headers).json()
    assert routed["shifts"][0]["route"][0] == [8.0377, 51.7746]
    assert len(routed["shifts"][0]["route"]) == 3


LIFE_OF_BOOKINGS = {
    "/api/v1/bookings/{booking_id}/change": {"post"},
    "/api/v1/bookings/{booking_id}/pin": {"post", "delete"},
    "/api/v1/bookings/{booking_id}/move-preview": {"post"},
    "/api/v1/bookings/{booking_id}/move": {"post"},
    "/api/v1/bookings/{booking_id}/read-back": {"get"},
    "/api/v1/bookings/{booking_id}/rider": {"get"},
    "/api/v1/bookings/by-code/{code}": {"get"},
    "/api/v1/bookings/by-code/{code}/cancel": {"post"},
    "/api/v1/riders": {"get"},
    "/api/v1/series": {"post", "get"},
    "/api/v1/series/{series_id}": {"get", "delete"},
    "/api/v1/series/{series_id}/skips": {"post"},
    "/api/v1/ride-requests/{request_id}/waiting": {"post", "get", "delete"},
    "/api/v1/waiting": {"get"},
    "/api/v1/group-requests": {"post"},
    "/api/v1/groups": {"post"},
    "/api/v1/groups/{group_id}": {"get", "delete"},
}


def test_openapi_is_complete(client: Any) -> None:
    document = client.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    paths = document["paths"]
    expected = {
        "/api/v1/ride-requests": {"post"},
        "/api/v1/ride-requests/{request_id}": {"get"},
        "/api/v1/bookings": {"post"},
        "/api/v1/bookings/{booking_id}": {"get", "delete"},
        "/api/v1/bookings/{booking_id}/events": {"get"},
        "/api/v1/bookings/{booking_id}/notifications": {"get", "patch"},
        "/api/v1/bookings/{booking_id}/push-subscription": {"put", "delete"},
        "/api/v1/push-key": {"get"},
        "/api/v1/messages": {"get"},
        "/api/v1/bookings/{booking_id}/boarded": {"post"},
        "/api/v1/bookings/{booking_id}/alighted": {"post"},
        "/api/v1/bookings/{booking_id}/no-show": {"post"},
        "/api/v1/bookings/{booking_id}/not-served": {"post"},
        "/api/v1/vehicles/{vehicle_id}/out-of-service": {"post"},
        "/api/v1/vehicles/{vehicle_id}/back-in-service": {"post"},
        "/api/v1/vehicles/{vehicle_id}/swap": {"post"},
        "/api/v1/vehicles/{vehicle_id}/breaks/now": {"post"},
        "/api/v1/vehicles/{vehicle_id}/breaks/postpone": {"post"},
        "/api/v1/vehicles/{vehicle_id}/walk-ons": {"post"},
        "/api/v1/vehicles/{vehicle_id}/visits/{visit_id}/not-served": {"post"},
        "/api/v1/vehicles/{vehicle_id}/plan": {"get"},
        "/api/v1/vehicles/{vehicle_id}/positions": {"post"},
        "/api/v1/vehicles/{vehicle_id}/visits/{visit_id}/arrived": {"post"},
        "/api/v1/vehicles/{vehicle_id}/shifts/{shift_id}/start": {"post"},
        "/api/v1/vehicles/{vehicle_id}/shifts/{shift_id}/end": {"post"},
        "/api/v1/fleet": {"get"},
        "/api/v1/plan": {"get"},
        "/api/v1/events": {"get"},
        "/api/v1/closures": {"get", "post"},
        "/api/v1/closures/preview": {"post"},
        "/api/v1/closures/import": {"post"},
        "/api/v1/closures/{closure_id}": {"delete"},
        "/api/v1/alerts": {"get"},
        "/api/v1/alerts/{alert_id}/acknowledge": {"post"},
        "/api/v1/service": {"get"},
        "/api/v1/stops": {"get"},
        "/healthz": {"get"},
        **LIFE_OF_BOOKINGS,
    }
    assert {path: set(methods) for path, methods in paths.items()} == expected
    for path, methods in paths.items():
        for method, operation in methods.items():
            changes = method != "get"
            names = {parameter["name"] for parameter in operation.get("parameters", [])}
            # of these the last one counts, or nothing is changed
            as_often = ("positions", "notifications", "push-subscription", "closures/preview")
            keyed = changes and not path.endswith(as_often)
            assert ("Idempotency-Key" in names) == keyed, (path, method)
            if path.startswith("/api"):
                problem = operation["responses"]["4XX"]["content"]
                assert list(problem) == ["application/problem+json"], path
