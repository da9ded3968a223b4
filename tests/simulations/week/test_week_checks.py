"""The reckoning after a week finds what it is there to find."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from simulations.processes import Fate
from simulations.week import checks
from simulations.week.book import Book, End, Ride
from simulations.week.drivers import Journal, Worked
from simulations.week.figures import Outcome, as_json, late_s, lines, ridden
from simulations.week.ledger import Answer, Call, Ledger

CALL = Call("POST", "/bookings", {"offer_id": "of_1"}, "", "key-1")
YES = Answer(201, {"id": "bk_1"}, b'{"id":"bk_1"}')
PROMISE = {
    "pickup": {"stop_id": "s1"},
    "dropoff": {"stop_id": "s2"},
    "pickup_window": ["2026-03-23T10:00:00+01:00", "2026-03-23T10:20:00+01:00"],
    "arrival_latest": "2026-03-23T10:50:00+01:00",
    "max_ride_s": 1500,
}


def view(**other: Any) -> dict[str, Any]:
    known = {
        "id": "bk_1",
        "code": "ABC234",
        "status": "completed",
        "promise": PROMISE,
        "boarded_at": "2026-03-23T10:10:00+01:00",
        "alighted_at": "2026-03-23T10:40:00+01:00",
        "cancelled_by": None,
        "displacement": None,
        "rescues": 0,
    }
    return known | other


def message(kind: str, state: str = "sent", number: int = 1) -> dict[str, str]:
    return {"id": f"{kind}-{number}", "kind": kind, "state": state}


def test_the_same_key_has_the_same_answer() -> None:
    ledger = Ledger()
    ledger.take(CALL, YES)
    ledger.take(CALL, YES)
    assert ledger.violations == []
    ledger.take(CALL, replace(YES, content=b'{"id":"bk_2"}'))
    ledger.take(CALL, Answer(409, {"code": "already_booked"}, b"{}"))
    assert len(ledger.violations) == 2
    assert ledger.codes == {"already_booked": 1}


def test_clients_make_no_mistakes() -> None:
    ledger = Ledger()
    ledger.take(CALL, Answer(409, {"code": "booking_state"}, b"{}"))
    ledger.take(replace(CALL, key="key-2"), Answer(422, {"code": "invalid_request"}, b"{}"))
    assert len(ledger.violations) == 1


def test_what_decides_nothing_binds_nothing() -> None:
    ledger = Ledger()
    ledger.take(CALL, Answer(503, {"code": "overloaded"}, b"{}"))
    ledger.take(CALL, YES)
    assert (len(ledger.bound), ledger.violations) == (1, [])


@pytest.mark.parametrize(
    ("end", "shown", "wrong"),
    [
        (End.COMPLETED, {}, 0),
        (End.OPEN, {}, 0),
        (End.OPEN, {"status": "confirmed"}, 1),
        (End.OPEN, {"status": "displaced"}, 1),
        (End.CANCELLED, {}, 1),
        (End.NO_SHOW, {"status": "no_show"}, 0),
        (End.COMPLETED, {"code": "ABC235"}, 1),
        (End.COMPLETED, {"promise": PROMISE | {"arrival_latest": "later"}}, 1),
        (End.COMPLETED, {"promise": PROMISE | {"pickup": {"stop_id": "s3"}}}, 0),
    ],
)
def test_a_booking_is_as_it_was_acknowledged(end: End, shown: dict[str, Any], wrong: int) -> None:
    ride = Ride(view(), Fate(), end=end)
    assert len(checks.untrue(ride, view(**shown))) == wrong


def test_each_change_is_told_once() -> None:
    ride, sent = Ride(view(), Fate(), changes=1), Counter(["confirmed-1", "changed-1"])
    fine = [message("confirmed"), message("changed")]
    assert checks.mistold(ride, view(), fine, sent) == []
    for told, mails, status in (
        ([message("changed")], sent, "completed"),
        ([*fine, message("confirmed", number=2)], sent + Counter(["confirmed-2"]), "completed"),
        ([*fine, message("changed", number=2)], sent + Counter(["changed-2"]), "completed"),
        ([*fine, message("cancelled")], sent + Counter(["cancelled-1"]), "completed"),
        (fine, sent, "cancelled"),
        (fine, sent, "no_show"),
        ([message("confirmed", "pending")], sent, "completed"),
        (fine, Counter(["confirmed-1"]), "completed"),
        (fine, sent + Counter(["changed-1"]), "completed"),
    ):
        assert len(checks.mistold(ride, view(status=status), told, mails)) == 1, told


def test_drivers_keep_the_law_also_over_a_swap() -> None:
    hour, start_s = 3600, 1_000_000
    rest = {"v1": (start_s + 4 * hour, start_s + 4 * hour + 1800)}
    end_s = start_s + 8 * hour
    fine = Worked(start_s, end_s, end_s, rest)
    assert checks.unlawful(Journal({"a-1": fine})) == []
    tired = Worked(start_s, end_s, end_s)
    assert len(checks.unlawful(Journal({"a-1": tired}))) == 2, "no break, and for too long"
    first = Worked(start_s, end_s, start_s + 3 * hour)
    second = Worked(start_s + 3 * hour, end_s, end_s)
    swapped = Journal({"a-1": first, "a-1-by-b": second})
    assert len(checks.unlawful(swapped)) == 2
    second.breaks = rest
    assert checks.unlawful(swapped) == []
    assert checks.unlawful(Journal(overloaded=["v1 carried 9"])) == ["v1 carried 9"]


def test_what_was_planned_is_judged_and_what_came_on_top_is_counted() -> None:
    hour, start_s = 3600, 1_000_000
    until_s = start_s + 9 * hour + 1800
    rest = {"v1": (start_s + 4 * hour, start_s + 4 * hour + 1800)}
    late = Journal({"a-1": Worked(start_s, until_s, until_s + 300, rest)})
    assert checks.unlawful(late) == []
    assert checks.overtime_s(late) == [300]
    lost = Journal({"a-1": Worked(start_s, until_s)})
    assert (checks.unlawful(lost), checks.overtime_s(lost)) == ([], [])


def test_the_summary_counts() -> None:
    late = view(id="bk_2", alighted_at="2026-03-23T10:52:00+01:00")
    lost = view(id="bk_3", status="cancelled", cancelled_by="service", displacement={"at": "…"})
    gone = lost | {"boarded_at": None, "alighted_at": None}
    found = ridden([view(), late, gone])
    assert found == {
        "bookings": 3,
        "served": 2,
        "no_shows": 0,
        "cancelled": 1,
        "cancelled_by_service": 1,
        "displaced": 1,
        "displaced_and_served": 0,
        "rescued_on_the_way": 0,
        "late_over_promise": 1,
        "late_most_s": 120,
        "late_mean_s": 120,
    }
    assert late_s(gone) == 0
    outcome = Outcome(rides=found, kills={"web": 2}, back_s={"web": 1.25}, violations=["oh"])
    text = "\n".join(lines(outcome))
    assert "late over promise" in text
    assert "1.2 s" in text
    assert "  oh" in text
    assert '"clean": false' in as_json(outcome)


def test_a_book_knows_each_booking_once() -> None:
    book = Book(lambda number: Fate(late_s=number))
    made = book.made({"id": "bk_1"}, 7)
    assert book.made({"id": "bk_1"}, 8) is made
    assert book.ride("bk_1").fate.late_s == 7


def test_a_driver_may_see_a_booking_before_its_rider_is_answered() -> None:
    book = Book(lambda number: Fate(late_s=number))
    seen = book.ride("bk_2")
    assert book.made(view(id="bk_2"), 9) is seen
    assert (seen.view["code"], seen.number) == ("ABC234", 9)
    assert set(book.rides) == {"bk_2"}
