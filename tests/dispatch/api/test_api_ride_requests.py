from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch.domain.commands import RequestRide
from dispatch.domain.errors import ErrorCode
from dispatch.domain.model import Party, Spot
from dispatch.store.errors import AnswerPendingError, KeyReusedError, StoreUnavailableError
from dispatch.store.inbox import ErrorInfo, Outcome

URL = "/api/v1/ride-requests"
Make = Callable[..., dict[str, Any]]
REFUSED = {
    "id": "rq_9",
    "status": "refused",
    "offers": [],
    "refusal": {"code": "no_capacity", "alternatives": []},
}


def test_a_wish_becomes_one_command(client: Any, gateway: Any, wish: Make) -> None:
    gateway.outcome = Outcome(body={"id": "rq_1", "refusal": None})
    response = client.post(URL, json=wish(depart_at="2026-03-29T09:00:00+02:00", max_walk_m=100))
    assert response.status_code == 201
    assert response.headers["location"] == f"{URL}/rq_1"
    [(command, key, contact)] = gateway.submitted
    assert command == RequestRide(
        origin=Spot(8.041, 51.755),
        destination=Spot(8.0209, 51.8018, "st-b"),
        party=Party(2),
        depart_at_s=1_774_767_600,
        max_walk_m=100,
        channel="api",
    )
    assert (key, contact) == (None, None)


@pytest.mark.parametrize(
    ("text", "epoch_s"),
    [
        ("2026-03-29T09:00:00+02:00", 1_774_767_600),
        ("2026-03-29T07:00:00Z", 1_774_767_600),
        ("2026-03-29t07:00:00.999z", 1_774_767_600),
        ("2026-03-29T07:00:00-00:00", 1_774_767_600),
    ],
)
def test_rfc3339_is_understood(
    client: Any, gateway: Any, wish: Make, text: str, epoch_s: int
) -> None:
    assert client.post(URL, json=wish(arrive_by=text)).status_code == 201
    assert gateway.submitted[0][0].arrive_by_s == epoch_s


@pytest.mark.parametrize(
    ("header", "start"), [(None, "Zu dieser"), ("en", "All"), ("fr, en;q=0.5", "All")]
)
def test_a_refusal_is_told_in_the_clients_language(
    client: Any, gateway: Any, wish: Make, header: str | None, start: str
) -> None:
    gateway.outcome = Outcome(body=REFUSED)
    headers = {"Accept-Language": header} if header else {}
    body = client.post(URL, json=wish(), headers=headers).json()
    assert body["refusal"]["message"].startswith(start)
    assert "message" not in REFUSED["refusal"], "what is stored stays language-neutral"


BAD = {
    "no origin": {"origin": ...},
    "half a point": {"origin": {"lon": 8.0}},
    "point and stop": {"origin": {"lon": 8.0, "lat": 51.7, "stop_id": "st-a"}},
    "empty place": {"origin": {}},
    "place as a list": {"origin": [8.0, 51.7]},
    "latitude out of range": {"origin": {"lon": 8.0, "lat": 91}},
    "coordinates as text": {"origin": {"lon": "8.0", "lat": "51.7"}},
    "coordinates as flags": {"origin": {"lon": True, "lat": True}},
    "swapped coordinates": {"origin": {"lon": 51.755, "lat": 8.04}},
    "empty stop id": {"origin": {"stop_id": ""}},
    "stop id with a newline": {"origin": {"stop_id": "st-a\n"}},
    "stop id with a zero": {"origin": {"stop_id": "st\u0000a"}},
    "endless stop id": {"origin": {"stop_id": "s" * 101}},
    "unknown field": {"colour": "red"},
    "unknown field of the party": {"party": {"seats": 1, "dogs": 1}},
    "no such seats": {"party": {"seats": -1}},
    "half a seat": {"party": {"seats": 1.5}},
    "seats as text": {"party": {"seats": "1"}},
    "seats as a flag": {"party": {"seats": True}},
    "a stadium": {"party": {"seats": 100}},
    "two times": {
        "depart_at": "2026-03-29T09:00:00+02:00",
        "arrive_by": "2026-03-29T10:00:00+02:00",
    },
    "a time as a number": {"depart_at": 1_774_767_600},
    "only a day": {"depart_at": "2026-03-29"},
    "no such day": {"depart_at": "2026-02-30T09:00:00Z"},
    "no such hour": {"depart_at": "2026-03-29T25:00:00Z"},
    "a leap second": {"depart_at": "2026-12-31T23:59:60Z"},
    "no such offset": {"depart_at": "2026-03-29T09:00:00+25:00"},
    "before all calendars": {"depart_at": "0000-01-01T00:00:00Z"},
    "arabic digits": {"depart_at": "٢٠٢٦-03-29T09:00:00Z"},
    "a long walk": {"max_walk_m": 5001},
    "a walk back": {"max_walk_m": -1},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD.keys())
def test_bad_input_is_refused_with_what_is_wrong(
    client: Any, gateway: Any, wish: Make, changes: dict[str, Any]
) -> None:
    response = client.post(URL, json=wish(**changes))
    body = response.json()
    assert response.status_code == body["status"] == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert body["type"] == "urn:rufbus:problem:invalid_request"
    assert body["code"] == "invalid_request"
    assert body["errors"]
    assert set(body["errors"][0]) == {"location", "type", "message"}
    assert gateway.submitted == []


@pytest.mark.parametrize("text", ["2026-03-29T09:00:00", "2026-03-29T09:00:00.5"])
def test_a_time_without_offset_has_its_own_code(client: Any, wish: Make, text: str) -> None:
    response = client.post(URL, json=wish(depart_at=text))
    assert (response.status_code, response.json()["code"]) == (422, "naive_datetime")


RAW = {
    "nothing": (b"", 422),
    "no json": (b"{", 422),
    "not a number": (b'{"origin":{"lon":NaN,"lat":51},"destination":{"stop_id":"st-b"}}', 422),
    "infinity": (b'{"origin":{"lon":1e999,"lat":51},"destination":{"stop_id":"st-b"}}', 422),
    "a list": (b"[]", 422),
    "broken utf-8": (b'{"origin":"\xff"}', 422),
    "half a surrogate": (b'{"origin":{"stop_id":"\\ud800"},"destination":{"stop_id":"a"}}', 422),
    "very deep": (b"[" * 60_000, 422),
    "huge": (b" " * 65_537 + b"{}", 413),
}


@pytest.mark.parametrize(("raw", "status"), RAW.values(), ids=RAW.keys())
def test_raw_rubbish_is_a_problem_too(client: Any, raw: bytes, status: int) -> None:
    response = client.post(URL, content=raw, headers={"Content-Type": "application/json"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


def test_only_json_is_taken(client: Any) -> None:
    response = client.post(URL, content=b"a=b", headers={"Content-Type": "text/plain"})
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


def test_an_unknown_stop_is_named_so(client: Any, wish: Make) -> None:
    response = client.post(URL, json=wish(origin={"stop_id": "nowhere"}))
    assert (response.status_code, response.json()["code"]) == (422, "unknown_stop")


@pytest.mark.parametrize("code", list(ErrorCode))
def test_what_the_dispatcher_refuses_is_a_problem_of_that_code(
    client: Any, gateway: Any, wish: Make, code: ErrorCode
) -> None:
    gateway.outcome = Outcome(error=ErrorInfo(str(code), "detail for logs", {"limit": 3}))
    response = client.post(URL, json=wish())
    body = response.json()
    assert 400 <= response.status_code < 500
    assert body["code"] == code
    assert body["params"] == {"limit": 3}
    assert "detail for logs" not in response.text


@pytest.mark.parametrize("failure", [StoreUnavailableError(), AnswerPendingError()])
def test_out_of_reach_says_when_to_try_again(
    client: Any, gateway: Any, wish: Make, failure: Exception
) -> None:
    gateway.failure = failure
    response = client.post(URL, json=wish())
    assert (response.status_code, response.json()["code"]) == (503, "service_unavailable")
    assert int(response.headers["retry-after"]) > 0


def test_a_bug_is_a_problem_without_details(client: Any, gateway: Any, wish: Make) -> None:
    gateway.failure = RuntimeError("secret")
    response = client.post(URL, json=wish())
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "secret" not in response.text


def test_a_key_used_for_something_else(client: Any, gateway: Any, wish: Make) -> None:
    gateway.failure = KeyReusedError()
    response = client.post(URL, json=wish(), headers={"Idempotency-Key": "k"})
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")


def test_keys_of_different_callers_and_endpoints_differ(
    client: Any, gateway: Any, wish: Make, bearer: Callable[[str], dict[str, str]]
) -> None:
    key = {"Idempotency-Key": "same"}
    for headers in ({}, {}, bearer("tok-control"), bearer("tok-admin")):
        client.post(URL, json=wish(), headers=key | headers)
    client.delete("/api/v1/bookings/bk_1", headers=key)
    client.delete("/api/v1/bookings/bk_2", headers=key)
    keys = [key for _, key, _ in gateway.submitted]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 5
    assert all(1 <= len(key) <= 200 for key in keys)


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256, "\x7f"])
def test_a_bad_key_is_refused(client: Any, wish: Make, key: str) -> None:
    response = client.post(URL, json=wish(), headers={"Idempotency-Key": key})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_idempotency_key")


def test_phone_bookings_are_told_apart(
    client: Any, gateway: Any, wish: Make, bearer: Callable[[str], dict[str, str]]
) -> None:
    client.post(URL, json=wish(), headers=bearer("tok-control"))
    client.post(URL, json=wish(), headers={"Sec-Fetch-Site": "same-origin"})
    assert [command.channel for command, _, _ in gateway.submitted] == ["phone", "web"]


def test_a_request_can_be_looked_up(client: Any) -> None:
    body = client.get(f"{URL}/rq_1").json()
    assert body["offers"][0]["pickup"] == {
        "stop_id": "st-a",
        "name": "Markt",
        "lon": 8.04,
        "lat": 51.755,
        "walk_m": 120,
    }
    assert body["offers"][0]["pickup_window"] == [
        "2026-03-29T08:05:00+02:00",
        "2026-03-29T08:15:00+02:00",
    ]
    missing = client.get(f"{URL}/rq_2")
    assert (missing.status_code, missing.json()["code"]) == (404, "request_not_found")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["lon", "lat", "stop_id", "seats", "wheelchairs", "x"]), inner
        )
    ),
    max_leaves=8,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=st.fixed_dictionaries(
        {"origin": JSON, "destination": JSON},
        optional={
            "party": JSON,
            "depart_at": JSON | st.datetimes().map(str),
            "max_walk_m": JSON,
        },
    )
)
def test_no_input_makes_the_server_fail(client: Any, body: dict[str, Any]) -> None:
    import json  # noqa: PLC0415 - NaN is wanted here, which the client's `json=` refuses

    raw = json.dumps(body).encode()
    response = client.post(URL, content=raw, headers={"Content-Type": "application/json"})
    assert response.status_code in {201, 422}
