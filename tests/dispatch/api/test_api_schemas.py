"""The documented shapes and the bodies agree, in both directions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from dispatch.api import schemas
from dispatch.domain.model import BookingStatus

CONTROL = {"Authorization": "Bearer tok-control"}


@pytest.mark.parametrize(
    ("url", "model"),
    [
        ("/api/v1/ride-requests/rq_1", schemas.RideRequest),
        ("/api/v1/bookings/bk_1", schemas.LiveBooking),
        ("/api/v1/fleet", schemas.Fleet),
        ("/api/v1/plan", schemas.Plan),
        ("/api/v1/plan?routes=true", schemas.Plan),
        ("/api/v1/alerts", schemas.Alerts),
        ("/api/v1/stops", schemas.Stops),
        ("/api/v1/closures", schemas.Closures),
        ("/healthz", schemas.Health),
        ("/api/v1/nowhere", schemas.Problem),
        ("/api/v1/bookings/%00", schemas.Problem),
    ],
)
def test_bodies_are_as_documented(client: Any, url: str, model: type[BaseModel]) -> None:
    body = client.get(url, headers=CONTROL).json()
    shape = model.model_validate(body, extra="forbid")
    known = shape.model_dump(mode="json", exclude_unset=True)
    assert set(known) == set(body)


@pytest.mark.parametrize("status", list(BookingStatus))
def test_bookings_in_every_state(client: Any, gateway: Any, status: BookingStatus) -> None:
    gateway.change(status)
    body = client.get("/api/v1/bookings/bk_1").json()
    assert schemas.LiveBooking.model_validate(body, extra="forbid").status == status


def test_an_idle_vehicle_and_one_at_a_stop(client: Any, gateway: Any) -> None:
    [shift] = gateway.plan
    standing = replace(shift.visits[0], arrived_at_s=shift.start_s)
    for visits, state in (((), "idle"), ((standing,), "at_stop")):
        gateway.plan = [replace(shift, visits=visits)]
        body = client.get("/api/v1/fleet", headers=CONTROL).json()
        fleet = schemas.Fleet.model_validate(body, extra="forbid")
        assert fleet.vehicles[0].state == state


def test_a_refusal_is_as_documented(
    client: Any, gateway: Any, wish: Callable[..., dict[str, Any]]
) -> None:
    from dispatch.store.inbox import Outcome  # noqa: PLC0415 - used here only

    refused = client.get("/api/v1/ride-requests/rq_1").json()
    alternative = {
        "depart_at": "2026-03-29T09:00:00+02:00",
        "pickup_window": ["2026-03-29T09:00:00+02:00", "2026-03-29T09:10:00+02:00"],
        "arrival_latest": "2026-03-29T09:40:00+02:00",
    }
    refused |= {
        "status": "refused",
        "offers": [],
        "refusal": {"code": "no_capacity", "alternatives": [alternative]},
    }
    gateway.outcome = Outcome(body=refused)
    body = client.post("/api/v1/ride-requests", json=wish()).json()
    assert schemas.RideRequest.model_validate(body, extra="forbid").refusal is not None
