"""Alerts over HTTP: who may see them, what they say, and that they can be acknowledged."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dispatch.api import schemas
from dispatch.api.alert_words import _ACTIONS, _CAUSES, _KINDS
from dispatch.domain.commands import AcknowledgeAlert
from dispatch.domain.model import Acknowledgement, Fix, ShiftStatus, Sighting
from dispatch.engine.alerts import AlertKind, Cause
from dispatch.engine.remedies import Action
from dispatch.live.notices import VehicleFix
from dispatch.store.inbox import ErrorInfo, Outcome

CONTROL = {"Authorization": "Bearer tok-control"}
URL = "/api/v1/alerts"


@pytest.fixture
def look(client: Any) -> Callable[[], list[dict[str, Any]]]:
    def alerts() -> list[dict[str, Any]]:
        response = client.get(URL, headers=CONTROL)
        assert response.status_code == 200
        body = response.json()
        schemas.Alerts.model_validate(body, extra="forbid")
        found: list[dict[str, Any]] = body["alerts"]
        return found

    return alerts


def delay(gateway: Any, seconds: int) -> str:
    """The rider's promise is missed by so much."""
    booking = gateway.stored["bk_1"]
    start_s = gateway.plan[0].visits[0].actions[0].start_s
    promise = replace(booking.promise, pickup_to_s=start_s - seconds)
    gateway.stored["bk_1"] = replace(booking, promise=promise)
    return "late_pickup:bk_1"


def test_only_the_control_room_sees_alerts(client: Any, bearer: Any) -> None:
    assert client.get(URL).status_code == 401
    assert client.get(URL, headers=bearer("tok-vehicle")).status_code == 403
    path = f"{URL}/late_pickup:bk_1/acknowledge"
    assert client.post(path, headers=bearer("tok-vehicle")).status_code == 403


def test_a_late_pickup_is_told_in_codes_and_words(look: Any, gateway: Any) -> None:
    assert look() == []
    alert_id = delay(gateway, 130)
    (alert,) = look()
    assert (alert["id"], alert["kind"], alert["severity"]) == (alert_id, "late_pickup", "warning")
    assert (alert["late_s"], alert["cause"]) == (130, "behind_plan")
    code, stop = alert["bookings"][0]["code"], alert["stop"]["name"]
    assert "3 min" in alert["message"]["de"]
    for text in alert["message"].values():
        assert code in text
        assert stop in text
    actions = [choice["action"] for choice in alert["choices"]]
    assert actions[:2] == ["call_rider", "call_driver"]
    assert all(choice["label"]["de"] and choice["label"]["en"] for choice in alert["choices"])


def test_an_acknowledged_alert_says_by_whom(look: Any, gateway: Any, settings: Any) -> None:
    alert_id = delay(gateway, 130)
    now_s = settings.now()
    gateway.seen = [Acknowledgement(alert_id, now_s - 60, "0123456789abcdef", 100)]
    assert look()[0]["acknowledged"]["by"] == "Pult 1"
    gateway.seen = [Acknowledgement(alert_id, now_s - 60, "0123456789abcdef", -200)]
    assert look()[0]["acknowledged"] is None, "it has got worse"
    gateway.seen = [Acknowledgement(alert_id, now_s - 1800, "unknown", 100)]
    assert look()[0]["acknowledged"] is None, "it has stayed for long"


def test_acknowledged_alerts_come_last(look: Any, gateway: Any, settings: Any) -> None:
    alert_id = delay(gateway, 1000)
    late = replace(gateway.plan[0], id="sh_2", vehicle_id="v2", status=ShiftStatus.PLANNED)
    gateway.plan = [*gateway.plan, replace(late, visits=())]
    assert [a["kind"] for a in look()] == ["no_driver", "late_pickup"]
    gateway.seen = [Acknowledgement("no_driver:sh_2", settings.now(), "x", 3600)]
    assert [a["id"] for a in look()] == [alert_id, "no_driver:sh_2"]


def test_acknowledging_is_one_command(client: Any, gateway: Any) -> None:
    gateway.outcome = Outcome(body={"alert_id": "late_pickup:bk_1", "acknowledged": {}})
    response = client.post(f"{URL}/late_pickup:bk_1/acknowledge", headers=CONTROL)
    assert response.status_code == 200
    [(command, _, _)] = gateway.submitted
    assert isinstance(command, AcknowledgeAlert)
    assert command.alert_id == "late_pickup:bk_1"
    assert "tok" not in command.by, "what is stored gives no access"


def test_an_alert_that_is_gone(client: Any, gateway: Any) -> None:
    gateway.outcome = Outcome(error=ErrorInfo("alert_not_found", "gone", {}))
    response = client.post(f"{URL}/late_pickup:bk_9/acknowledge", headers=CONTROL)
    assert (response.status_code, response.json()["code"]) == (404, "alert_not_found")
    assert client.post(f"{URL}/%00/acknowledge", headers=CONTROL).status_code == 422


def test_all_kinds_causes_and_actions_have_words() -> None:
    assert set(_KINDS) == set(map(str, AlertKind))
    assert set(_CAUSES) == set(map(str, Cause))
    assert set(_ACTIONS) == set(map(str, Action))


def test_a_stale_and_a_doubted_position_are_shown_so(
    client: Any, gateway: Any, settings: Any
) -> None:
    now_s = settings.now()
    gateway.plan = [replace(s, anchor=replace(s.anchor, at_s=now_s - 900)) for s in gateway.plan]
    doubted = Sighting(now_s - 2, 8.09, 51.79)
    for age_s, stale in ((60, False), (61, True)):
        fix = Fix(now_s - age_s, 8.04, 51.755, 7, 0, doubted=doubted)
        gateway.fixes = {"sh_1": VehicleFix("sh_1", "v1", fix)}
        position = client.get("/api/v1/fleet", headers=CONTROL).json()["vehicles"][0]["position"]
        assert (position["source"], position["stale"]) == ("reported", stale)
        assert position["doubted"]["lon"] == 8.09
    leaves = [replace(gateway.plan[0].visits[0], leave_s=now_s + 60)]
    gateway.plan = [replace(gateway.plan[0], visits=(*leaves, *gateway.plan[0].visits[1:]))]
    gateway.fixes = {}
    position = client.get("/api/v1/fleet", headers=CONTROL).json()["vehicles"][0]["position"]
    assert (position["source"], position["stale"], position["doubted"]) == ("planned", False, None)
