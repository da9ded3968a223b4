"""How riders are told, by the API: against a real database and the real gateway, no dispatcher."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from post_office import Browser

from dispatch.api import schemas
from dispatch.api.settings import ApiSettings
from dispatch.live.gateway import Gateway
from dispatch.messaging.settings import MessageSettings
from dispatch.store import outbox
from dispatch.store.connect import connect
from dispatch.store.migrate import migrate
from dispatch.store.outbox import NewMessage
from dispatch.web.app import create_app

AREA = "beckum"
URL = "/api/v1/bookings/bk_1/notifications"
PUSH = "/api/v1/bookings/bk_1/push-subscription"
SETTINGS = {
    "sms": {"url": "https://sms.example.org/", "json": {"to": "{to}", "text": "{text}"}},
    "push": {"contact": "mailto:a@example.org"},
}
_OFFER = """
INSERT INTO offer VALUES (%(area)s, 'of_1', 'rq_1', 0, 'earliest', 'a', 'b', 1000, 1600, 3000, 900,
    0, 0, 1100, 2000, 900, 100, 400, 250, 1200)
"""
_BOOKING = """
INSERT INTO booking (area, id, code, request_id, offer_id, rider_id, status, pickup_stop_id,
    dropoff_stop_id, pickup_from_s, pickup_to_s, arrival_latest_s, max_ride_s, seats, wheelchairs,
    shift_id, booked_at_s, wish_earliest_s, walk_s, direct_s, price_cents)
VALUES (%(area)s, 'bk_1', 'ABC234', 'rq_1', 'of_1', 'rd_1', 'confirmed', 'a', 'b', 1000, 1600, 3000,
    900, 1, 0, 'sh_1', 900, 900, 100, 400, 250)
"""
_ROWS = (
    "INSERT INTO service_area (id) VALUES (%(area)s)",
    (
        "INSERT INTO ride_request (area, id, received_at_s, origin_lon, origin_lat,"
        " destination_lon, destination_lat, seats, wheelchairs, max_walk_m, channel, status)"
        " VALUES (%(area)s, 'rq_1', 900, 8, 51, 8, 51, 1, 0, 300, 'web', 'booked')"
    ),
    _OFFER,
    (
        "INSERT INTO shift (area, id, vehicle_id, start_s, end_s, depot_stop_id, status, anchor,"
        " version) VALUES (%(area)s, 'sh_1', 'v1', 0, 9000, 'a', 'planned',"
        ' \'{"at_s": 0, "lon": 8, "lat": 51, "arc": 0, "offset_ms": 0, "stop_id": "a"}\', 0)'
    ),
    _BOOKING,
    (
        "INSERT INTO rider (area, id, name, phone, email)"
        " VALUES (%(area)s, 'rd_1', 'Erika', '02521 12345', 'erika@example.org')"
    ),
)


class Caller:
    """Calls the application with a real gateway, all in one event loop."""

    def __init__(self, settings: ApiSettings) -> None:
        self._runner = asyncio.Runner()
        self._gateway = settings.gateway
        self._runner.run(self._gateway.open())
        transport = httpx.ASGITransport(create_app(settings), raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://testserver")

    def __call__(self, method: str, url: str, **options: Any) -> httpx.Response:
        return self._runner.run(self._http.request(method, url, **options))

    def close(self) -> None:
        self._runner.run(self._http.aclose())
        self._runner.run(self._gateway.close())
        self._runner.close()


@pytest.fixture
def dsn(database_url: str) -> str:
    migrate(database_url)
    with connect(database_url) as connection:
        for statement in _ROWS:
            connection.execute(statement, {"area": AREA})
    return database_url


MakeCaller = Callable[..., Caller]


@pytest.fixture
def make_caller(dsn: str, redis_url: str, settings: ApiSettings) -> Iterator[MakeCaller]:
    made: list[Caller] = []

    def make(values: Any) -> Caller:
        gateway = Gateway(dsn, redis_url, AREA)
        messages = MessageSettings.model_validate(values)
        made.append(Caller(replace(settings, gateway=gateway, messages=messages)))
        return made[-1]

    yield make
    for caller in made:
        caller.close()


@pytest.fixture
def call(make_caller: MakeCaller) -> Caller:
    return make_caller(SETTINGS)


def sql(dsn: str, statement: str) -> list[Any]:
    with connect(dsn) as connection:
        return connection.execute(statement).fetchall()


def test_what_holds_when_nothing_was_chosen(call: Caller) -> None:
    body = call("GET", URL).json()
    assert body == {
        "language": "de",
        "channel": None,
        "effective": "email",
        "available": ["email", "sms", "none"],
        "push_subscriptions": 0,
    }
    schemas.Preferences.model_validate(body, extra="forbid")


def test_what_is_chosen_holds_and_what_is_not_given_stays(call: Caller, dsn: str) -> None:
    assert call("PATCH", URL, json={"channel": "sms"}).json()["effective"] == "sms"
    body = call("PATCH", URL, json={"language": "en"}).json()
    assert (body["language"], body["channel"]) == ("en", "sms")
    assert sql(dsn, "SELECT language, channel FROM rider") == [("en", "sms")]
    body = call("PATCH", URL, json={"channel": None}).json()
    assert (body["language"], body["channel"], body["effective"]) == ("en", None, "email")
    assert call("PATCH", URL, json={}).json() == body


@pytest.mark.parametrize("bad", [{"channel": "fax"}, {"language": "fr"}, {"colour": "red"}, []])
def test_nonsense_changes_nothing(call: Caller, dsn: str, bad: Any) -> None:
    assert call("PATCH", URL, json=bad).json()["code"] == "invalid_request"
    assert sql(dsn, "SELECT language, channel FROM rider") == [("de", None)]


def test_what_is_not_possible_is_refused(make_caller: MakeCaller, call: Caller) -> None:
    assert call("PATCH", URL, json={"channel": "push"}).json()["code"] == "channel_unavailable"
    bare = make_caller({})
    answer = bare("PATCH", URL, json={"channel": "sms"})
    assert (answer.status_code, answer.json()["code"]) == (409, "channel_unavailable")
    assert bare("GET", URL).json()["available"] == ["email", "none"]


def test_a_browser_subscribes_and_leaves(call: Caller, dsn: str) -> None:
    subscription = Browser("https://fcm.googleapis.com/fcm/send/1").subscription
    keys = {"p256dh": subscription.p256dh, "auth": subscription.auth}
    body = {"endpoint": subscription.endpoint, "keys": keys, "expirationTime": None}
    for _ in range(2):
        answer = call("PUT", PUSH, json=body).json()
        assert (answer["channel"], answer["effective"]) == ("push", "push")
        assert answer["push_subscriptions"] == 1
    other = {"endpoint": "https://fcm.googleapis.com/fcm/send/2"}
    call("PUT", PUSH, json=body | other)
    assert call("DELETE", PUSH, json=other).status_code == 204
    assert call("GET", URL).json()["effective"] == "push"
    for _ in range(2):
        assert call("DELETE", PUSH, json={"endpoint": subscription.endpoint}).status_code == 204
    answer = call("GET", URL).json()
    assert (answer["channel"], answer["effective"]) == (None, "email")
    assert sql(dsn, "SELECT endpoint FROM push_subscription") == []


def test_the_oldest_browser_gives_way(call: Caller, dsn: str) -> None:
    keys = Browser("").subscription
    for n in range(8):
        body = {
            "endpoint": f"https://fcm.googleapis.com/{n}",
            "keys": {"p256dh": keys.p256dh, "auth": keys.auth},
        }
        assert call("PUT", PUSH, json=body).status_code == 200
    kept = {row[0][-1] for row in sql(dsn, "SELECT endpoint FROM push_subscription")}
    assert kept == set("34567")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"endpoint": "https://10.0.0.1/x"}, "subscription_invalid"),
        ({"endpoint": "http://fcm.googleapis.com/x"}, "subscription_invalid"),
        ({"keys": {"p256dh": "AAAA", "auth": "AAAA"}}, "subscription_invalid"),
        ({"keys": {"p256dh": "!", "auth": "AAAA"}}, "invalid_request"),
        ({"endpoint": "x" * 2000}, "invalid_request"),
        ({"keys": None}, "invalid_request"),
    ],
)
def test_subscriptions_that_are_none(call: Caller, dsn: str, changes: Any, code: str) -> None:
    good = Browser("https://fcm.googleapis.com/1").subscription
    body = {"endpoint": good.endpoint, "keys": {"p256dh": good.p256dh, "auth": good.auth}}
    answer = call("PUT", PUSH, json=body | changes)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert sql(dsn, "SELECT endpoint FROM push_subscription") == []


def test_the_push_key_is_made_once(make_caller: MakeCaller, call: Caller, dsn: str) -> None:
    first = call("GET", "/api/v1/push-key").json()
    assert len(first["public_key"]) == 87
    assert make_caller(SETTINGS)("GET", "/api/v1/push-key").json() == first
    assert len(sql(dsn, "SELECT area FROM vapid_key")) == 1
    answer = make_caller({})("GET", "/api/v1/push-key")
    assert (answer.status_code, answer.json()["code"]) == (404, "push_unavailable")


def test_an_unknown_booking_and_an_erased_person(call: Caller, dsn: str) -> None:
    answer = call("GET", URL.replace("bk_1", "bk_2"))
    assert (answer.status_code, answer.json()["code"]) == (404, "booking_not_found")
    sql(dsn, "DELETE FROM rider RETURNING id")
    for method, url, body in (
        ("GET", URL, None),
        ("PATCH", URL, {"language": "en"}),
    ):
        answer = call(method, url, json=body)
        assert (answer.status_code, answer.json()["code"]) == (410, "contact_erased")
    good = Browser("https://fcm.googleapis.com/1").subscription
    body = {"endpoint": good.endpoint, "keys": {"p256dh": good.p256dh, "auth": good.auth}}
    assert call("PUT", PUSH, json=body).json()["code"] == "contact_erased"
    assert call("DELETE", PUSH, json={"endpoint": good.endpoint}).status_code == 204


def test_the_control_room_sees_what_was_told(
    call: Caller, dsn: str, bearer: Callable[[str], dict[str, str]]
) -> None:
    from dispatch.store.tokens import create_token  # noqa: PLC0415 - used here only

    message = NewMessage("ms_1", "bk_1", 1, "rd_1", "confirmed", {}, 1000, 2000)
    other = replace(message, id="ms_2", booking_id="bk_2")
    with connect(dsn) as connection:
        outbox.add(connection, AREA, [message, other])
        reach = outbox.Reach()
        claimed = outbox.claim(connection, AREA, "email", reach, lease="l", lease_s=9, now_s=1000)
        assert claimed is not None
        outbox.record_dead(connection, "ms_1", "l", "550 no")
    headers = bearer(create_token(dsn, "control", "x", area=AREA))
    body = call("GET", "/api/v1/messages?booking=bk_1", headers=headers).json()
    schemas.RiderMessages.model_validate(body, extra="forbid")
    (shown,) = body["messages"]
    assert (shown["kind"], shown["state"], shown["channel"]) == ("confirmed", "dead", "email")
    assert (shown["attempts"], shown["error"]) == (1, "550 no")
    assert shown["finished_at"] is not None
    assert "erika" not in str(body)
    dead = call("GET", "/api/v1/messages?state=dead&state=expired", headers=headers).json()
    assert [m["id"] for m in dead["messages"]] == ["ms_1"]
    everything = call("GET", "/api/v1/messages", headers=headers).json()["messages"]
    assert {m["id"] for m in everything} == {"ms_1", "ms_2"}


def test_nobody_else_sees_it(call: Caller, dsn: str, bearer: Any) -> None:
    from dispatch.store.tokens import create_token  # noqa: PLC0415 - used here only

    assert call("GET", "/api/v1/messages").status_code == 401
    vehicle = bearer(create_token(dsn, "vehicle", "x", area=AREA))
    assert call("GET", "/api/v1/messages?booking=bk_1", headers=vehicle).status_code == 403
