from collections.abc import Callable
from typing import Any

import pytest

from dispatch.domain.commands import (
    EndShift,
    ReportAlighted,
    ReportArrived,
    ReportBoarded,
    ReportNoShow,
    ReportPosition,
    StartShift,
)
from dispatch.domain.model import Sighting
from dispatch.store.errors import PositionsUnavailableError

URL = "/api/v1/vehicles/v1/positions"
AT = "2026-03-29T08:00:0{}+02:00"
Bearer = Callable[[str], dict[str, str]]


def fix(second: int = 0, **changes: Any) -> dict[str, Any]:
    return {"lon": 8.04, "lat": 51.755, "at": AT.format(second), **changes}


@pytest.fixture
def post(client: Any, bearer: Bearer) -> Callable[..., Any]:
    return lambda url, body=None: client.post(url, json=body, headers=bearer("tok-vehicle"))


def test_one_position(post: Any, gateway: Any) -> None:
    response = post(URL, fix())
    assert (response.status_code, response.json()) == (202, {"accepted": 1})
    assert gateway.reported == [ReportPosition("v1", 8.04, 51.755, 1_774_764_000)]


def test_of_many_positions_the_newest_counts_and_the_others_lead_to_it(
    post: Any, gateway: Any
) -> None:
    response = post(URL, [fix(1), fix(3, lon=8.05), fix(2)])
    assert response.json() == {"accepted": 3}
    trail = tuple(Sighting(1_774_764_000 + s, 8.04, 51.755) for s in (1, 2))
    assert gateway.reported == [ReportPosition("v1", 8.05, 51.755, 1_774_764_003, trail)]


@pytest.mark.parametrize(
    "body",
    [
        [],
        [fix()] * 201,
        fix(lon=181),
        fix(at="2026-03-29T08:00:00"),
        fix(speed=3),
        {"lon": 8.04, "lat": 51.755},
        [fix(), {}],
        None,
        "here",
    ],
)
def test_bad_positions(post: Any, gateway: Any, body: Any) -> None:
    assert post(URL, body).status_code == 422
    assert gateway.reported == []


def test_a_naive_position_says_so(post: Any) -> None:
    assert post(URL, [fix(at="2026-03-29T08:00:00")]).json()["code"] == "naive_datetime"


def test_positions_from_the_future_and_from_nobody(post: Any, gateway: Any) -> None:
    future = post(URL, fix(at="2026-03-29T08:02:00+02:00"))
    assert (future.status_code, future.json()["code"]) == (422, "position_in_future")
    nobody = post("/api/v1/vehicles/v99/positions", fix())
    assert (nobody.status_code, nobody.json()["code"]) == (404, "vehicle_not_found")
    assert gateway.reported == []


def test_without_redis_positions_have_to_wait(post: Any, gateway: Any) -> None:
    gateway.failure = PositionsUnavailableError()
    response = post(URL, fix())
    assert response.status_code == 503
    assert "retry-after" in response.headers


@pytest.mark.parametrize(
    ("url", "command"),
    [
        ("/api/v1/vehicles/v1/visits/vi_1/arrived", ReportArrived("v1", "vi_1")),
        ("/api/v1/bookings/bk_1/boarded", ReportBoarded("bk_1")),
        ("/api/v1/bookings/bk_1/alighted", ReportAlighted("bk_1")),
        ("/api/v1/bookings/bk_1/no-show", ReportNoShow("bk_1")),
        ("/api/v1/vehicles/v1/shifts/sh_1/start", StartShift("v1", "sh_1")),
        ("/api/v1/vehicles/v1/shifts/sh_1/end", EndShift("v1", "sh_1")),
    ],
)
def test_each_report_is_one_command(post: Any, gateway: Any, url: str, command: Any) -> None:
    assert post(url).status_code == 200
    assert [submitted for submitted, _, _ in gateway.submitted] == [command]


@pytest.mark.parametrize("place", [{"lon": 51.755, "lat": 8.04}, {"lon": -74.0, "lat": 40.7}])
def test_positions_from_elsewhere_are_refused(post: Any, gateway: Any, place: Any) -> None:
    response = post(URL, fix(**place))
    assert (response.status_code, response.json()["code"]) == (422, "position_outside_network")
    assert gateway.reported == []
