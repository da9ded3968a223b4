from collections.abc import Callable
from typing import Any

import pytest

Bearer = Callable[[str], dict[str, str]]
VEHICLE = [
    ("POST", "/api/v1/vehicles/v1/positions"),
    ("POST", "/api/v1/vehicles/v1/visits/vi_1/arrived"),
    ("POST", "/api/v1/vehicles/v1/shifts/sh_1/start"),
    ("POST", "/api/v1/vehicles/v1/shifts/sh_1/end"),
    ("POST", "/api/v1/bookings/bk_1/boarded"),
    ("POST", "/api/v1/bookings/bk_1/alighted"),
    ("POST", "/api/v1/bookings/bk_1/no-show"),
]
CONTROL = [
    ("GET", "/api/v1/fleet"),
    ("GET", "/api/v1/plan"),
    ("GET", "/api/v1/events"),
    ("GET", "/api/v1/riders?phone=0252112345"),
    ("GET", "/api/v1/series"),
    ("GET", "/api/v1/waiting"),
    ("GET", "/api/v1/bookings/by-code/ABC234"),
    ("GET", "/api/v1/bookings/bk_1/read-back"),
    ("GET", "/api/v1/bookings/bk_1/rider"),
    ("POST", "/api/v1/bookings/bk_1/pin"),
    ("DELETE", "/api/v1/bookings/bk_1/pin"),
]
POSITION = {"lon": 8.04, "lat": 51.755, "at": "2026-03-29T08:00:00+02:00"}


def ask(client: Any, method: str, url: str, headers: dict[str, str]) -> Any:
    options = {"json": POSITION} if url.endswith("positions") else {}
    return client.request(method, url, headers=headers, **options)


@pytest.mark.parametrize(("method", "url"), VEHICLE + CONTROL)
def test_nothing_for_strangers(client: Any, gateway: Any, method: str, url: str) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic dG9rLWNvbnRyb2w="},
        {"Authorization": "Bearer t\u00f6k".encode("latin-1")},
        {"Cookie": "rufbus_control=wrong"},
    ):
        response = ask(client, method, url, headers)
        assert (response.status_code, response.json()["code"]) == (401, "unauthorized")
        assert response.headers["www-authenticate"] == "Bearer"
    assert gateway.submitted == gateway.reported == []


@pytest.mark.parametrize(("method", "url"), CONTROL)
def test_vehicles_do_not_see_the_control_room(
    client: Any, bearer: Bearer, method: str, url: str
) -> None:
    response = ask(client, method, url, bearer("tok-vehicle"))
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("token", ["tok-vehicle", "tok-control", "tok-admin"])
@pytest.mark.parametrize(("method", "url"), VEHICLE)
def test_staff_may_report_for_vehicles(
    client: Any, bearer: Bearer, token: str, method: str, url: str
) -> None:
    assert ask(client, method, url, bearer(token)).is_success


@pytest.mark.parametrize("url", ["/api/v1/fleet", "/api/v1/plan"])
@pytest.mark.parametrize("token", ["tok-control", "tok-admin"])
def test_the_control_room_is_open_to_its_people(
    client: Any, bearer: Bearer, token: str, url: str
) -> None:
    assert client.get(url, headers=bearer(token)).status_code == 200


def test_riders_with_a_worthless_token_are_told_so(client: Any, bearer: Bearer) -> None:
    assert client.get("/api/v1/service", headers=bearer("wrong")).status_code == 200
    assert client.delete("/api/v1/bookings/bk_1", headers=bearer("wrong")).status_code == 401


def test_signing_in_gives_a_cookie_that_scripts_cannot_read(client: Any) -> None:
    response = client.post("/control/session", json={"token": "tok-control"})
    cookie = response.headers["set-cookie"]
    assert response.status_code == 200
    assert cookie.startswith("rufbus_control=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert client.get("/api/v1/fleet").status_code == 200
    assert client.delete("/control/session").status_code == 204
    assert client.get("/api/v1/fleet").status_code == 401


@pytest.mark.parametrize(("token", "status"), [("tok-vehicle", 403), ("wrong", 401), ("", 422)])
def test_not_everybody_may_sign_in(client: Any, token: str, status: int) -> None:
    response = client.post("/control/session", json={"token": token})
    assert response.status_code == status
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ],
)
def test_other_sites_cannot_use_the_cookie(
    client: Any, gateway: Any, headers: dict[str, str]
) -> None:
    cookie = {"Cookie": "rufbus_control=tok-control"}
    for method, url in [("DELETE", "/api/v1/bookings/bk_1"), *VEHICLE[1:]]:
        response = client.request(method, url, headers=headers | cookie)
        assert (response.status_code, response.json()["code"]) == (403, "cross_site")
    sign_in = client.post("/control/session", json={"token": "tok-control"}, headers=headers)
    assert sign_in.status_code == 403
    assert gateway.submitted == []


def test_our_own_page_can(client: Any) -> None:
    headers = {"Cookie": "rufbus_control=tok-control", "Origin": "http://testserver"}
    assert client.delete("/api/v1/bookings/bk_1", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "url", ["/", "/control", "/b/bk_1", "/api/v1/service", "/api/v1/nowhere", "/healthz"]
)
def test_every_answer_keeps_the_browser_here(client: Any, url: str) -> None:
    headers = client.get(url).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    for sources in policy.values():
        assert set(sources.split()) <= {"'self'", "'none'", "blob:", "data:"}
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_unknown_paths_and_methods_are_problems(client: Any) -> None:
    for method, url, status, code in (
        ("GET", "/api/v1/nowhere", 404, "not_found"),
        ("PUT", "/api/v1/bookings", 405, "method_not_allowed"),
        ("POST", "/nowhere", 404, "not_found"),
    ):
        response = client.request(method, url)
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert response.headers["content-type"] == "application/problem+json"
    assert "allow" in client.request("PUT", "/api/v1/bookings").headers
