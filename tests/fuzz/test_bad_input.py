"""A catalogue of bad input: each gets its code in both languages, and nothing changes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from served_town import CONTACT, ROOT, ServedTown

from dispatch.api.messages import MESSAGES

JSON = {"Content-Type": "application/json"}
RIDE = '{{"origin": {0}, "destination": {{"lon": 8.02, "lat": 51.76}}}}'
NESTED = "[" * 30_000
HOSTILE = {
    "sql": "Robert'); DROP TABLE booking;--",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "format": "%s%n{0}{__class__}${jndi:ldap://x}{{7*7}}",
    "path": "../../../../etc/passwd",
    "shell": "$(reboot) `reboot` ; reboot",
}
UNREADABLE = {
    "nul": "Erna\\u0000",
    "escape": "Erna\\u001b[31m",
    "header": "Erna\\r\\nBcc: all@example.org",
    "surrogate": "Erna\\ud800",
    "direction": "Erna\\u202e",
    "long": "E" * 60_000,
    "empty": "",
    "blank": " \\u200b ",
}


@pytest.fixture(scope="module", autouse=True)
def known(town: ServedTown) -> dict[str, Any]:
    """The tables before; each test that passes has left them as they were."""
    return town.tables()


@pytest.fixture
def unchanged(town: ServedTown, known: dict[str, Any]) -> Iterator[None]:
    yield
    after = town.tables()
    changed = {name for name in after if sorted(after[name]) != sorted(known[name])}
    assert changed == set()


def refused(
    town: ServedTown,
    method: str,
    path: str,
    code: str,
    *,
    role: str | None = None,
    body: str | bytes | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Send it in both languages; the problem, in English."""
    problem: dict[str, Any] = {}
    for language in ("de", "en"):
        sent = JSON | town.headers(role) | {"Accept-Language": language} | (headers or {})
        response = town.http.request(method, path, content=body, headers=sent)
        assert response.headers["content-type"] == "application/problem+json", response.text
        problem = response.json()
        assert problem["code"] == code, response.text
        message = MESSAGES[code]
        assert response.status_code == problem["status"] == message.status < 500
        assert (problem["title"], problem["detail"]) == message.words(language)  # type: ignore[arg-type]
    return problem


def ride(town: ServedTown, **changes: Any) -> str:
    return json.dumps(town.wish(**changes))


PLACES = {
    "nan": '{"lon": NaN, "lat": 51.76}',
    "infinity": '{"lon": 8.0, "lat": -Infinity}',
    "overflow": '{"lon": 1e400, "lat": 51.76}',
    "off the globe": '{"lon": 181, "lat": 51.76}',
    "text": '{"lon": "8.0", "lat": "51.76"}',
    "boolean": '{"lon": true, "lat": 51.76}',
    "swapped": '{"lon": 51.76, "lat": 8.02}',
    "half": '{"lon": 8.0}',
    "both": '{"lon": 8.0, "lat": 51.76, "stop_id": "x"}',
    "nothing": "{}",
    "null": "null",
    "list": "[8.0, 51.76]",
    "unknown field": '{"lon": 8.0, "lat": 51.76, "alt": 3}',
    "twice the same name": '{"lon": 8.0, "lon": 8.01, "lat": 51.76}',
    "no json": "{'lon': 8}",
    "nested": NESTED,
    "huge integer": '{"lon": ' + "9" * 5000 + ', "lat": 51.76}',
}


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.usefixtures("unchanged")
def test_places(town: ServedTown, name: str) -> None:
    body = RIDE.format(PLACES[name])
    refused(town, "POST", f"{ROOT}/ride-requests", "invalid_request", body=body)


@pytest.mark.parametrize(
    ("time", "code"),
    [
        ("2026-03-10T10:00:00", "naive_datetime"),
        ("2026-02-30T10:00:00+01:00", "invalid_request"),
        ("2026-03-10T24:30:00+01:00", "invalid_request"),
        ("2026-03-29T02:30:00", "naive_datetime"),  # the hour that is left out in spring
        ("2026-03-10 10:00", "invalid_request"),
        ("2026-03-10", "invalid_request"),
        ("10:00", "invalid_request"),
        ("morgen", "invalid_request"),
        (1_773_140_400, "invalid_request"),
        (True, "invalid_request"),
        ([], "invalid_request"),
        ("٢٠٢٦-03-10T10:00:00+01:00", "invalid_request"),
        ("0001-01-01T00:00:00+14:00", "invalid_request"),
        ("9999-12-31T23:59:59Z", "invalid_request"),
        ("2026-03-10T10:00:00+25:00", "invalid_request"),
        ("2020-03-10T10:00:00+01:00", "departure_in_past"),
        ("2126-03-10T10:00:00+01:00", "too_far_ahead"),
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_times(town: ServedTown, time: Any, code: str) -> None:
    body = ride(town, depart_at=time)
    refused(town, "POST", f"{ROOT}/ride-requests", code, body=body)


@pytest.mark.parametrize("value", [10**6, 10**30, -1, 1.5, 1.0, True, "2", None, [2], {"n": 2}])
@pytest.mark.parametrize("field", ["seats", "wheelchairs"])
@pytest.mark.usefixtures("unchanged")
def test_numbers_of_people(town: ServedTown, field: str, value: Any) -> None:
    body = ride(town, party={"seats": 1} | {field: value})
    refused(town, "POST", f"{ROOT}/ride-requests", "invalid_request", body=body)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"party": {"seats": 0}}, "empty_party"),
        ({"party": {"seats": 99}}, "party_too_large"),
        ({"origin": {"stop_id": "nowhere"}}, "unknown_stop"),
        ({"origin": {"stop_id": "x" * 101}}, "invalid_request"),
        ({"origin": {"stop_id": "depot"}}, "stop_not_bookable"),
        ({"max_walk_m": -1}, "invalid_request"),
        ({"replaces": "bk_nobody"}, "booking_not_found"),
        ({"surprise": 1}, "invalid_request"),
        ({"depart_at": "2026-03-10T10:00:00+01:00"} | {"arrive_by": "x"}, "invalid_request"),
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_wishes(town: ServedTown, changes: dict[str, Any], code: str) -> None:
    refused(town, "POST", f"{ROOT}/ride-requests", code, body=ride(town, **changes))


def test_another_continent_is_an_answer_and_counted(town: ServedTown) -> None:
    for lon, lat in ((-74.0, 40.7), (0, 0), (180, 90), (-180, -90)):
        answer = town.call("POST", "/ride-requests", town.wish(origin={"lon": lon, "lat": lat}))
        assert answer["status"] == "refused"
        assert answer["refusal"]["code"] in {"origin_outside_area", "no_stop_near_origin"}


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("field", ["name", "phone", "email"])
def test_texts_that_nobody_could_read(town: ServedTown, field: str, name: str) -> None:
    before = town.tables()["rider"]
    contact = json.dumps(CONTACT | {field: "?"}).replace('"?"', f'"{UNREADABLE[name]}"')
    offer = town.ids["offer"][0]
    body = f'{{"offer_id": "{offer}", "contact": {contact}}}'
    refused(town, "POST", f"{ROOT}/bookings", "invalid_request", body=body)
    assert town.tables()["rider"] == before
    ending = UNREADABLE[name].strip() if name != "blank" else "\\t"
    body = f'{{"endpoint": "https://push.example{ending or "/".join("ab" * 999)}"}}'
    path = f"{ROOT}/bookings/{town.ids['booking'][0]}/push-subscription"
    refused(town, "DELETE", path, "invalid_request", body=body)


PATHS = (
    ("GET", "/ride-requests/{}"),
    ("GET", "/bookings/{}"),
    ("DELETE", "/bookings/{}"),
    ("GET", "/bookings/{}/events"),
    ("POST", "/bookings/{}/boarded"),
    ("GET", "/groups/{}"),
    ("DELETE", "/groups/{}"),
    ("GET", "/series/{}"),
    ("DELETE", "/series/{}"),
    ("DELETE", "/closures/{}"),
    ("GET", "/vehicles/{}/plan"),
    ("POST", "/vehicles/van-1/visits/{}/arrived"),
    ("POST", "/vehicles/van-1/shifts/{}/start"),
    ("POST", "/alerts/{}/acknowledge"),
)
BAD_IDS = ("%00", "%27%20OR%201=1--", "%3Cscript%3E", "..%5Cx", "%0d%0aX:1", "a" * 9000, "%ff")


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_ids_in_paths(town: ServedTown, method: str, path: str) -> None:
    before = town.tables()
    for bad in BAD_IDS:
        refused(town, method, ROOT + path.format(bad), "invalid_request", role="control")
    for other in ("bk_nobody", "-1", "0", "None", "undefined"):
        sent = town.headers("control")
        response = town.http.request(method, ROOT + path.format(other), headers=sent)
        assert 400 <= response.status_code < 500, (other, response.text)
        assert response.json()["code"] in MESSAGES
    assert town.tables() == before


def test_ids_of_others(town: ServedTown) -> None:
    """An id of one kind is none of another; a vehicle reports its own visits and shifts only."""
    before = town.tables()
    for kind, path, code in (
        ("offer", "/bookings/{}", "booking_not_found"),
        ("booking", "/ride-requests/{}", "request_not_found"),
        ("booking", "/groups/{}", "group_not_found"),
        ("rider", "/series/{}", "series_not_found"),
    ):
        refused(town, "GET", ROOT + path.format(town.ids[kind][0]), code)
    vehicle, visit = town.due()[0]
    other = next(v for v in town.ids["vehicle"] if v != vehicle)
    path = f"{ROOT}/vehicles/{other}/visits/{visit}/arrived"
    refused(town, "POST", path, "visit_not_found", role="vehicle")
    taken = {"offer_id": "of_nobody", "contact": CONTACT}
    refused(town, "POST", f"{ROOT}/bookings", "offer_not_found", body=json.dumps(taken))
    known_rider = {"offer_id": town.ids["offer"][0], "rider_id": town.ids["rider"][0]}
    refused(town, "POST", f"{ROOT}/bookings", "forbidden", body=json.dumps(known_rider))
    assert town.tables() == before  # the people of refused bookings are not kept either


@pytest.mark.parametrize(
    ("role", "path", "code"),
    [
        (None, "/fleet", "unauthorized"),
        ("unknown", "/fleet", "unauthorized"),
        ("revoked", "/fleet", "unauthorized"),
        ("foreign", "/fleet", "unauthorized"),
        ("vehicle", "/fleet", "forbidden"),
        ("vehicle", "/closures", "forbidden"),
        ("vehicle", "/messages", "forbidden"),
        ("revoked", "/vehicles/van-1/plan", "unauthorized"),
    ],
)
def test_tokens(town: ServedTown, role: str | None, path: str, code: str) -> None:
    refused(town, "GET", ROOT + path, code, role=role)


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/bookings"), ("POST", "/stops"), ("TRACE", "/service"), ("PATCH", "/fleet")],
)
@pytest.mark.usefixtures("known")
def test_methods_that_are_none(town: ServedTown, method: str, path: str) -> None:
    overridden = {"X-HTTP-Method-Override": "GET"}
    refused(town, method, ROOT + path, "method_not_allowed", role="control", headers=overridden)


def test_bodies_as_they_should_not_be(town: ServedTown) -> None:
    before = town.tables()
    path, wish = f"{ROOT}/ride-requests", ride(town)
    for media_type in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "x"):
        headers = {"Content-Type": media_type}
        refused(town, "POST", path, "unsupported_media_type", body=wish, headers=headers)
    refused(town, "POST", path, "request_too_large", body=b" " * 10_000_000)
    refused(town, "POST", path, "invalid_request", body=b'{"origin": "\xff"}')
    for whole in ("", "null", "[]", "1", '"x"', NESTED, '{"a":' * 12_000, "NaN", "\x00"):
        refused(town, "POST", path, "invalid_request", body=whole)
    assert town.tables() == before


def test_idempotency_keys(town: ServedTown) -> None:
    path, wish = f"{ROOT}/ride-requests", ride(town)
    before = town.tables()
    for key in ("", "k" * 256, "with space", "schlüssel".encode()):
        headers = {"Idempotency-Key": key}
        refused(town, "POST", path, "invalid_idempotency_key", body=wish, headers=headers)  # type: ignore[arg-type]
    assert town.tables() == before
    key = {"Idempotency-Key": "once"}
    sent = town.http.post(path, content=wish, headers=JSON | key)
    assert sent.status_code == 201
    before = town.tables()
    other = ride(town, party={"seats": 2})
    refused(town, "POST", path, "idempotency_key_reused", body=other, headers=key)
    again = town.http.post(path, content=wish, headers=JSON | key)
    assert again.json() == sent.json()
    assert town.tables() == before


@pytest.mark.parametrize(
    "header",
    ["", "*", "xx", "en;q=", "en;q=nan", "de;q=-1,en;q=1e999", "," * 5000, "\xfc\xff", ";;;=,=;q"],
)
def test_languages_that_are_none(town: ServedTown, header: str) -> None:
    headers = {"Accept-Language": header.encode("latin-1")}
    response = town.http.get(f"{ROOT}/bookings/bk_nobody", headers=headers)
    assert response.status_code == 404
    assert response.headers["content-language"] in {"de", "en"}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_only_texts(town: ServedTown, name: str) -> None:
    """Names that are programs elsewhere are stored as they are, and shown as nothing but text."""
    text = HOSTILE[name]
    closed = town.call("POST", "/closures", town.stop(51) | {"reason": text}, role="control")
    assert closed["closure"]["reason"] == text
    town.call("DELETE", f"/closures/{closed['closure']['id']}", role="control")
    booking = town.book(6, 46, name=text)
    town.call("DELETE", f"/bookings/{booking['id']}")
    people = town.call("GET", "/riders?phone=02521987654", role="control")["riders"]
    assert text in {person["name"] for person in people}
    for path in ("/", f"/b/{booking['id']}", "/control", "/b/%3Cscript%3Ealert(1)", f"/{text}"):
        page = town.http.get(path, headers={"Accept": "text/html"})
        assert page.status_code < 500
        assert text not in page.text
        assert "<script>alert" not in page.text


SERIES = {"weekdays": [2], "from_day": "2026-03-12", "depart_at": "11:00", "contact": CONTACT}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"from_day": "2026-02-30"}, "invalid_request"),
        ({"from_day": "2026-3-1"}, "invalid_request"),
        ({"from_day": "9999-12-31"}, "series_invalid"),
        ({"from_day": "0001-01-01", "to_day": "0001-01-02"}, "series_invalid"),
        ({"depart_at": "25:00"}, "invalid_request"),
        ({"depart_at": "11:00:00"}, "invalid_request"),
        ({"weekdays": []}, "invalid_request"),
        ({"weekdays": [0]}, "invalid_request"),
        ({"weekdays": [True]}, "invalid_request"),
        ({"except_days": ["2026-03-12"] * 400}, "invalid_request"),
    ],
)
@pytest.mark.usefixtures("known")
def test_standing_orders(town: ServedTown, changes: dict[str, Any], code: str) -> None:
    before = town.tables()
    body = ride(town, **(SERIES | changes))
    refused(town, "POST", f"{ROOT}/series", code, role="control", body=body)
    assert town.tables() == before


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"osm_way": 2**70}, "invalid_request"),
        ({"osm_way": -1}, "invalid_request"),
        ({"street": "Nirgendweg"}, "closure_off_road"),
        ({"line": [[8.0]]}, "invalid_request"),
        ({"line": [[8.0, 51.75]] * 2001}, "invalid_request"),
        ({"line": [[1e300, 1e300], [8.0, 51.75]]}, "invalid_request"),
        ({"stop_id": "nowhere"}, "unknown_stop"),
        ({"street": "Querweg 4", "until": "9999-12-31T23:59:59Z"}, "invalid_request"),
        ({"street": "Querweg 4", "until": "2020-01-01T00:00:00Z"}, "closure_times"),
    ],
)
def test_closures(town: ServedTown, body: dict[str, Any], code: str) -> None:
    before = town.tables()
    for path in ("closures", "closures/preview"):
        refused(town, "POST", f"{ROOT}/{path}", code, role="control", body=json.dumps(body))
    assert town.tables() == before


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"lon": 1e400}, "invalid_request"),
        ({"lon": 13.4, "lat": 52.5}, "position_outside_network"),
        ({"lon": 51.76, "lat": 8.02}, "position_outside_network"),
        ({"at": "2026-03-10T12:00:00+01:00"}, "position_in_future"),
        ({"at": "2026-03-10T09:00:00"}, "naive_datetime"),
    ],
)
def test_positions(town: ServedTown, changes: dict[str, Any], code: str) -> None:
    fix = {"lon": 8.0, "lat": 51.75, "at": town.at(0)} | changes
    path = f"{ROOT}/vehicles/van-1/positions"
    for body in (fix, [fix]):
        refused(town, "POST", path, code, role="vehicle", body=json.dumps(body))
    refused(town, "POST", path, "invalid_request", role="vehicle", body=json.dumps([fix] * 201))
