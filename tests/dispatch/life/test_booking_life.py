"""The life of bookings end to end: through the API, into the tables, and the log agrees."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from dispatch.api import schemas
from dispatch.api.schemas import life


def shaped(model: Any, body: Any) -> Any:
    """The body, which is exactly as documented."""
    known = model.model_validate(body, extra="forbid")
    assert set(known.model_dump(exclude_unset=True)) == set(body)
    return body


def test_a_rider_changes_a_booking_in_two_steps(service: Any) -> None:
    booking = service.book(0, 30, depart_at=service.at(3600))
    request = service.ask(0, 35, depart_at=service.at(7200), replaces=booking["id"])
    shaped(schemas.RideRequest, request)
    assert request["replaces"] == booking["id"]
    assert service.ok("GET", f"/bookings/{booking['id']}")["promise"] == booking["promise"]
    offer = request["offers"][0]
    changed = shaped(schemas.Booking, service.ok("POST", "/bookings", {"offer_id": offer["id"]}))
    assert (changed["id"], changed["code"]) == (booking["id"], booking["code"])
    assert changed["promise"]["pickup_window"] == offer["pickup_window"]
    assert changed["changed_at"] is not None
    again = service.call("POST", "/bookings", {"offer_id": offer["id"]})
    assert again.json()["code"] == "already_booked"
    nobody = service.ask(1, 30)["offers"][0]
    refused = service.call("POST", "/bookings", {"offer_id": nobody["id"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "contact_required")
    assert service.audit() == []


def test_what_became_of_an_offer_is_known_after_the_dispatcher_has_forgotten_it(
    service: Any,
) -> None:
    request = service.ask(0, 30)
    contact = {"name": "Erna Kötter", "phone": "02521 / 98 76 54"}
    wish = {"offer_id": request["offers"][0]["id"], "contact": contact}
    service.clock.at_s += service.config.rules.offer_valid_s + 1
    service.until("/plan", lambda _: request["id"] not in service.dispatcher.state.requests)
    assert service.ok("GET", f"/ride-requests/{request['id']}")["status"] == "lapsed"
    answer = service.call("POST", "/bookings", wish, **{"Idempotency-Key": "k" * 20})
    assert (answer.status_code, answer.json()["code"]) == (410, "offer_expired")
    again = service.call("POST", "/bookings", wish, **{"Idempotency-Key": "k" * 20})
    assert again.json()["code"] == "offer_expired"
    invented = {**wish, "offer_id": "of_" + "0" * 25}
    answer = service.call("POST", "/bookings", invented)
    assert (answer.status_code, answer.json()["code"]) == (404, "offer_not_found")
    assert service.audit() == []


def test_the_control_room_changes_pins_and_moves(service: Any) -> None:
    booking = service.book(0, 30, depart_at=service.at(3600))
    path = f"/bookings/{booking['id']}"
    body = service.ok("POST", f"{path}/change", {"depart_at": service.at(5400)}, control=True)
    shaped(life.Changed, body)
    assert body["changed"]
    night = (datetime.fromisoformat(service.at(0)).replace(hour=23)).isoformat()
    body = service.ok("POST", f"{path}/change", {"depart_at": night}, control=True)
    assert not shaped(life.Changed, body)["changed"]
    assert body["request"]["refusal"]["message"]
    assert service.call("POST", f"{path}/change", {}, control=True).status_code == 422
    assert service.ok("POST", f"{path}/pin", control=True)["pinned"]
    assert not service.ok("DELETE", f"{path}/pin", control=True)["pinned"]
    plan = service.ok("GET", "/plan", control=True)
    shift = next(
        s
        for s in plan["shifts"]
        if s["status"] == "active" and s["vehicle"] != body["booking"]["vehicle"]
    )
    seen = service.ok("POST", f"{path}/move-preview", {"shift_id": shift["id"]}, control=True)
    shaped(life.MovePreview, seen)
    assert seen["feasible"]
    stale = [{**v, "version": v["version"] + 1} for v in seen["versions"]]
    wrong = {"shift_id": shift["id"], "versions": stale}
    answer = service.call("POST", f"{path}/move", wrong, control=True)
    assert (answer.status_code, answer.json()["code"]) == (409, "preview_stale")
    order = {"shift_id": shift["id"], "versions": seen["versions"]}
    moved = service.ok("POST", f"{path}/move", order, control=True)
    assert moved["vehicle"] == shift["vehicle"]
    assert moved["pinned"]
    cancelled = service.ok("DELETE", f"{path}?reason=plans_changed")
    assert (cancelled["cancel_reason"], cancelled["cancelled_late"]) == ("plans_changed", False)
    assert service.call("DELETE", f"{path}?reason=ill").status_code == 422
    assert service.audit() == []


def test_a_standing_order_for_a_caller_who_is_known(service: Any) -> None:
    service.book(0, 30, depart_at=service.at(3600))
    caller = service.ok("GET", "/riders?phone=%2B49%202521%20987654", control=True)
    shaped(life.Caller, caller)
    assert caller["phone"] == "+492521987654"
    (rider,) = caller["riders"]
    assert rider["name"] == "Erna Kötter"
    assert len(caller["trips"]) == 1
    today = datetime.fromisoformat(service.at(0)).date()
    order = {
        "origin": service.stop(0),
        "destination": service.stop(30),
        "arrive_by": "11:30",
        "weekdays": [2, 4],
        "from_day": today.isoformat(),
        "except_days": [(today + timedelta(days=2)).isoformat()],
        "rider_id": rider["rider_id"],
    }
    series = service.ok("POST", "/series", order, control=True)
    path = f"/series/{series['id']}"
    body = service.until(path, lambda s: len(s["days"]) == 1)
    shaped(life.Series, body)
    assert body["days"][0]["status"] == "booked"
    booked = service.ok("GET", f"/bookings/{body['days'][0]['booking_id']}")
    assert booked["series_id"] == series["id"]
    again = service.ok("GET", "/riders?phone=0049(0)2521987654", control=True)
    assert [trip["booking"]["id"] for trip in again["trips"]].count(booked["id"]) == 1
    assert [s["id"] for s in again["series"]] == [series["id"]]
    skipped = service.ok("POST", f"{path}/skips", {"day": today.isoformat()})
    assert skipped["days"][0]["status"] == "skipped"
    assert service.ok("GET", f"/bookings/{booked['id']}")["status"] == "cancelled"
    assert service.ok("DELETE", path)["status"] == "ended"
    assert service.ok("GET", "/series", control=True) == {"series": []}
    unknown = service.call("POST", "/series", order | {"rider_id": "rd_none"}, control=True)
    assert unknown.json()["code"] == "rider_not_found"
    assert service.audit() == []


def test_waiting_until_somebody_cancels(service: Any) -> None:
    at = service.at(3600)
    taken, refused = [], None
    for start in range(40):
        request = service.ask(start, start + 25, depart_at=at, party={"seats": 4})
        if not request["offers"]:
            refused = request
            break
        contact = {"name": "Jemand Anders", "phone": "0170 1234567"}
        order = {"offer_id": request["offers"][0]["id"], "contact": contact}
        taken.append(service.ok("POST", "/bookings", order))
    assert refused is not None
    assert refused["refusal"]["code"] == "no_capacity"
    path = f"/ride-requests/{refused['id']}/waiting"
    contact = {"name": "Wanda Warten", "email": "w@example.org"}
    entry = service.ok("POST", path, {"contact": contact})
    assert shaped(life.Waiting, entry)["status"] == "waiting"
    listed = service.ok("GET", "/waiting", control=True)
    shaped(life.WaitingList, listed)
    assert [w["request_id"] for w in listed["waiting"]] == [refused["id"]]
    for booking in taken:
        service.ok("DELETE", f"/bookings/{booking['id']}")
    served = service.until(path, lambda w: w["status"] == "served")
    booking = service.ok("GET", f"/bookings/{served['booking_id']}")
    assert booking["status"] == "confirmed"
    assert service.call("DELETE", path).json()["code"] == "not_waiting"
    assert service.audit() == []


def test_a_group_over_two_vehicles(service: Any) -> None:
    wish = {"origin": service.stop(0), "destination": service.stop(30), "party": {"seats": 7}}
    offered = service.ok("POST", "/group-requests", wish)
    shaped(life.GroupOffer, offered)
    assert len(offered["requests"]) == 2
    contact = {"name": "Kegelclub", "phone": "0252112345"}
    order = {"group_id": offered["group_id"], "contact": contact}
    booked = service.ok("POST", "/groups", order)
    shaped(life.Group, booked)
    assert booked["price_cents"] == offered["price_cents"]
    path = f"/groups/{offered['group_id']}"
    assert [b["id"] for b in service.ok("GET", path)["bookings"]] == [
        b["id"] for b in booked["bookings"]
    ]
    assert {b["status"] for b in service.ok("DELETE", path)["bookings"]} == {"cancelled"}
    small = service.call("POST", "/group-requests", wish | {"party": {"seats": 2}})
    assert small.json()["code"] == "group_too_small"
    assert service.audit() == []


def test_giving_up_by_code_needs_a_proof_and_patience(service: Any) -> None:
    booking = service.book(0, 30, depart_at=service.at(3600))
    code = booking["code"]
    found = service.ok("GET", f"/bookings/by-code/{code.lower()}", control=True)
    assert [b["id"] for b in shaped(life.BookingsByCode, found)["bookings"]] == [booking["id"]]
    path = f"/bookings/by-code/{code[:3]} {code[3:]}/cancel"
    for proof in ({"phone_digits": "0000"}, {"name": "Kötte"}):
        wrong = service.call("POST", path, proof)
        assert (wrong.status_code, wrong.json()["code"]) == (403, "not_confirmed")
    assert service.call("POST", path, {}).status_code == 422
    done = service.ok("POST", path, {"phone_digits": "7654"})
    assert shaped(life.CancelledByCode, done)["status"] == "cancelled"
    assert booking["id"] not in str(done)
    assert service.ok("POST", path, {"phone_digits": "7654"}) == done, "the answer was lost"
    assert service.call("POST", path, {"phone_digits": "7655"}).status_code == 403
    other = service.book(0, 30, depart_at=service.at(5400))
    path = f"/bookings/by-code/{other['code']}/cancel"
    for _ in range(5):
        assert service.call("POST", path, {"phone_digits": "1111"}).status_code == 403
    locked = service.call("POST", path, {"name": "erna kötter"})
    assert (locked.status_code, locked.json()["code"]) == (429, "too_many_attempts")
    assert locked.headers["retry-after"] == "900"
    assert service.ok("GET", f"/bookings/{other['id']}")["status"] == "confirmed"


def test_a_repeated_key_gets_the_answer_to_giving_up_by_code_again(service: Any) -> None:
    booking = service.book(0, 30, depart_at=service.at(3600))
    path = f"/bookings/by-code/{booking['code']}/cancel"
    again = {"Idempotency-Key": "give-up-1"}
    first = service.call("POST", path, {"phone_digits": "7654"}, **again)
    assert first.status_code == 200
    service.clock.at_s += 7 * 3600  # the dispatcher has forgotten the booking
    second = service.call("POST", path, {"phone_digits": "7654"}, **again)
    assert (second.status_code, second.content) == (200, first.content)
    fresh = service.call("POST", path, {"phone_digits": "9999"})
    assert (fresh.status_code, fresh.json()["code"]) == (403, "not_confirmed")


def test_what_is_read_to_a_caller(service: Any) -> None:
    booking = service.book(0, 30, depart_at=service.at(3600), party={"seats": 2})
    path = f"/bookings/{booking['id']}/read-back"
    german = service.ok("GET", path, control=True)
    shaped(life.ReadBack, german)
    assert german["text"].startswith("Ihre Fahrt am Dienstag, den 10. März: Abholung zwischen 10:")
    assert german["code_spelled"] in german["text"]
    assert "Für 2 Personen. Der Fahrpreis ist 4,50 Euro." in german["text"]
    owner = service.ok("GET", f"/bookings/{booking['id']}/rider", control=True)
    shaped(life.BookedBy, owner)
    assert (owner["name"], owner["phone"]) == ("Erna Kötter", "02521 / 98 76 54")
    assert owner["request"]["origin"]["stop_id"] == service.stop(0)["stop_id"]
    nobody = service.call("GET", "/bookings/bk_none/rider", control=True)
    assert nobody.json()["code"] == "booking_not_found"
    english = service.ok("GET", path, control=True, **{"Accept-Language": "en"})
    assert english["text"].startswith("Your ride on Tuesday, 10 March: pick-up between 10:")


@pytest.mark.parametrize("direction", ["to_departure", "from_arrival"])
def test_a_ride_that_meets_a_train(service: Any, direction: str) -> None:
    station, home = service.stop(30), service.stop(0)
    link = {**station, "at": service.at(5400), "direction": direction, "transfer_s": 240}
    end = "origin" if direction == "to_departure" else "destination"
    request = service.ok("POST", "/ride-requests", {end: home, "connection": link})
    assert request["connection"]["transfer_s"] == 240
    train = datetime.fromisoformat(link["at"])
    for offer in request["offers"]:
        if direction == "to_departure":
            assert offer["dropoff"]["stop_id"] == station["stop_id"]
            there = datetime.fromisoformat(offer["arrival_latest"])
            assert there <= train - timedelta(seconds=240)
        else:
            assert offer["pickup"]["stop_id"] == station["stop_id"]
            begins = datetime.fromisoformat(offer["pickup_window"][0])
            assert begins >= train + timedelta(seconds=240)
    assert request["offers"]
    both = {end: home, "connection": link, "depart_at": service.at(60)}
    assert service.call("POST", "/ride-requests", both).status_code == 422
    assert service.call("POST", "/ride-requests", {"connection": link}).status_code == 422
