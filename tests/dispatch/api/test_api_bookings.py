from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dispatch.domain.commands import AcceptOffer, CancelBooking
from dispatch.domain.model import Anchor, BookingStatus, Fix, ShiftStatus
from dispatch.live.gateway import Contact
from dispatch.live.notices import VehicleFix
from dispatch.store.inbox import Outcome

URL = "/api/v1/bookings"
PLACED_AT_S = 1_774_764_000
Bearer = Callable[[str], dict[str, str]]


def body(**contact: Any) -> dict[str, Any]:
    return {"offer_id": "of_1", "contact": {"name": "Erika Muster", **contact}}


def test_the_contact_goes_beside_the_command_not_into_it(client: Any, gateway: Any) -> None:
    gateway.outcome = Outcome(body={"id": "bk_1", "code": "ABC234"})
    response = client.post(
        URL, json=body(phone="+49 2521 123-45"), headers={"Idempotency-Key": "k1"}
    )
    assert response.status_code == 201
    assert response.headers["location"] == f"{URL}/bk_1"
    assert "Erika" not in response.text
    [(command, key, contact)] = gateway.submitted
    assert command == AcceptOffer("of_1", "")
    assert len(key) == 64
    assert contact == Contact("Erika Muster", "+49 2521 123-45", None, "de")


@pytest.mark.parametrize(
    "contact",
    [
        {"phone": "02521/12345"},
        {"email": "erika@muster.example"},
        {"email": "e+x@sub.muster.example", "phone": "112 33"},
        {"name": "  Éa  ", "phone": "12345"},
        {"name": "李", "phone": "12345"},
    ],
)
def test_good_contacts(client: Any, contact: dict[str, str]) -> None:
    assert client.post(URL, json=body(**contact)).status_code == 201


@pytest.mark.parametrize(
    "contact",
    [
        {},
        {"phone": None, "email": None},
        {"phone": "call me"},
        {"phone": "1234"},
        {"phone": "1" * 16},
        {"phone": "٠١٢٣٤٥"},
        {"phone": "12345\n"},
        {"email": "erika"},
        {"email": "erika@muster"},
        {"email": "a@b.c, d@e.f"},
        {"email": "x" * 65 + "@muster.example"},
        {"email": "e@" + "m" * 250 + ".example"},
        {"name": "", "phone": "12345"},
        {"name": "   ", "phone": "12345"},
        {"name": "x" * 81, "phone": "12345"},
        {"name": "\u200b\ufeff", "phone": "12345"},
        {"name": "Eri\u0000ka", "phone": "12345"},
        {"name": "Eri\tka", "phone": "12345"},
        {"name": "Erika \u202eretsuM", "phone": "12345"},
        {"name": None, "phone": "12345"},
        {"phone": "12345", "street": "Weststraße 46"},
    ],
)
def test_bad_contacts(client: Any, gateway: Any, contact: dict[str, Any]) -> None:
    response = client.post(URL, json=body(**contact))
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert gateway.submitted == []


def test_what_was_wrong_is_not_repeated(client: Any) -> None:
    response = client.post(URL, json=body(email="personal-secret"))
    assert "personal-secret" not in response.text


def test_a_name_is_stored_composed_and_trimmed(client: Any, gateway: Any) -> None:
    client.post(URL, json=body(name=" Jo\u0308rg ", phone="12345"))
    assert gateway.submitted[0][2].name == "J\u00f6rg"


def test_who_cancelled_is_known(client: Any, gateway: Any, bearer: Bearer) -> None:
    assert client.delete(f"{URL}/bk_1").status_code == 200
    client.delete(f"{URL}/bk_1", headers=bearer("tok-control"))
    assert [command for command, _, _ in gateway.submitted] == [
        CancelBooking("bk_1", "rider"),
        CancelBooking("bk_1", "control"),
    ]


@pytest.mark.parametrize("bad", ["a%00b", "a%0ab", "x" * 101, "%F0%9F%9A%8C"])
def test_impossible_ids(client: Any, gateway: Any, bad: str) -> None:
    assert client.get(f"{URL}/{bad}").status_code == 422
    assert client.delete(f"{URL}/{bad}").status_code == 422
    assert gateway.submitted == []


def test_an_unknown_booking(client: Any) -> None:
    response = client.get(f"{URL}/bk_2", headers={"Accept-Language": "en"})
    assert response.status_code == 404
    assert response.json()["code"] == "booking_not_found"
    assert response.json()["title"] == "Booking not found"
    assert response.headers["content-language"] == "en"


def test_a_confirmed_booking_tells_promise_estimate_and_vehicle(client: Any) -> None:
    booking = client.get(f"{URL}/bk_1").json()
    assert booking["status"] == "confirmed"
    assert booking["code"] == "ABC234"
    assert booking["promise"] == {
        "pickup": {"stop_id": "st-a", "name": "Markt", "lon": 8.04, "lat": 51.755},
        "dropoff": {"stop_id": "st-b", "name": "Bahnhof Neubeckum", "lon": 8.0209, "lat": 51.8018},
        "pickup_window": ["2026-03-29T08:05:00+02:00", "2026-03-29T08:15:00+02:00"],
        "arrival_latest": "2026-03-29T08:40:00+02:00",
        "max_ride_s": 1500,
    }
    assert booking["estimated"] == {
        "pickup": "2026-03-29T08:08:00+02:00",
        "arrival": "2026-03-29T08:20:00+02:00",
    }
    assert booking["vehicle"] == {"id": "v1", "name": "Shuttle 1"}
    assert "rider_id" not in booking


def _phase(client: Any) -> dict[str, Any]:
    live: dict[str, Any] = client.get(f"{URL}/bk_1").json()["live"]
    return live


def test_the_vehicle_is_shown_from_its_approach_on(client: Any, gateway: Any) -> None:
    live = _phase(client)
    assert (live["phase"], live["stops_before"]) == ("approaching", 0)
    assert live["vehicle_position"]["lon"] == 8.0377, "the plan's anchor, without a report"

    [shift] = gateway.plan
    fix = Fix(PLACED_AT_S - 5, 8.039, 51.76, 7, 100)
    gateway.fixes = {"sh_1": VehicleFix("sh_1", "v1", fix)}
    assert _phase(client)["vehicle_position"] == {
        "lon": 8.039,
        "lat": 51.76,
        "at": "2026-03-29T07:59:55+02:00",
    }

    newer = Anchor(PLACED_AT_S - 1, 8.04, 51.755, 9, 0, "st-a")
    gateway.plan = [replace(shift, anchor=newer)]
    assert _phase(client)["vehicle_position"]["lon"] == 8.04, "a newer anchor beats an old report"


def test_before_that_it_is_nobodys_business(client: Any, gateway: Any) -> None:
    [shift] = gateway.plan
    gateway.plan = [replace(shift, status=ShiftStatus.PLANNED)]
    live = _phase(client)
    assert (live["phase"], live["vehicle_position"]) == ("scheduled", None)


def test_at_the_stop_on_board_and_over(client: Any, gateway: Any) -> None:
    [shift] = gateway.plan
    first, last = shift.visits
    gateway.plan = [replace(shift, visits=(replace(first, arrived_at_s=PLACED_AT_S), last))]
    assert _phase(client)["phase"] == "at_stop"

    gateway.plan = [replace(shift, visits=(last,))]
    gateway.change(BookingStatus.BOARDED)
    live = _phase(client)
    assert (live["phase"], live["stops_before"]) == ("riding", 0)
    assert live["vehicle_position"] is not None

    gateway.plan = [replace(shift, visits=())]
    gateway.change(BookingStatus.COMPLETED)
    live = _phase(client)
    assert (live["phase"], live["vehicle_position"]) == ("done", None)


def test_the_route_ends_where_the_rider_gets_off(client: Any, gateway: Any) -> None:
    booking = client.get(f"{URL}/bk_1").json()
    assert booking["route"] == [[8.0377, 51.7746], [8.04, 51.755], [8.0209, 51.8018]]
    gateway.change(BookingStatus.CANCELLED)
    assert client.get(f"{URL}/bk_1").json()["route"] == []


@pytest.mark.parametrize(
    ("headers", "given", "language"),
    [
        ({}, {}, "de"),
        ({"Accept-Language": "en-GB,en;q=0.9"}, {}, "en"),
        ({"Accept-Language": "en"}, {"language": "de"}, "de"),
    ],
)
def test_the_language_is_the_chosen_one_or_the_browsers(
    client: Any, gateway: Any, headers: dict[str, str], given: dict[str, str], language: str
) -> None:
    contact = {"name": "Ada", "phone": "02521 12345", "channel": "sms", **given}
    body = {"offer_id": "of_1", "contact": contact}
    assert client.post("/api/v1/bookings", json=body, headers=headers).status_code == 201
    _, _, stored = gateway.submitted[-1]
    assert (stored.language, stored.channel) == (language, "sms")


@pytest.mark.parametrize("wrong", [{"channel": "email"}, {"channel": "push"}, {"language": "fr"}])
def test_a_channel_without_its_address_is_refused(
    client: Any, gateway: Any, wrong: dict[str, str]
) -> None:
    contact = {"name": "Ada", "phone": "02521 12345", **wrong}
    answer = client.post("/api/v1/bookings", json={"offer_id": "of_1", "contact": contact})
    assert answer.json()["code"] == "invalid_request"
    assert gateway.submitted == []
