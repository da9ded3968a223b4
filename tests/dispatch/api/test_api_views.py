from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.model import BookingStatus, Refusal, RequestStatus, ShiftStatus, Visit
from dispatch.domain.state import State, apply
from dispatch.town import Town
from dispatch.views import answer, fleet_view, live_view, plan_view, request_view, shift_view


@pytest.fixture
def town(settings: Any) -> Town:
    return settings.town


@pytest.fixture
def world(gateway: Any) -> Any:
    """A state with one booking on one shift, and the pieces it is made of."""
    [shift] = gateway.plan
    return gateway.stored["bk_1"], shift


def _before(booking: Any, shift: Any) -> State:
    return State(bookings={booking.id: booking}, shifts={shift.id: shift})


def _after(state: State, events: Sequence[ev.Event]) -> State:
    copy = State(
        dict(state.requests),
        dict(state.bookings),
        dict(state.shifts),
        dict(state.fixes),
        dict(state.offers),
    )
    for event in events:
        apply(copy, event)
    return copy


def test_the_answer_does_not_depend_on_when_it_is_written(world: Any, town: Town) -> None:
    booking, shift = world
    first, last = shift.visits
    standing = replace(shift, visits=(replace(first, arrived_at_s=1), last))
    riding = replace(shift, visits=(replace(last, arrived_at_s=2),))
    boarded = replace(booking, status=BookingStatus.BOARDED, boarded_at_s=5)
    cases = [
        (
            cmd.CancelBooking("bk_1", "rider"),
            booking,
            shift,
            [
                ev.BookingCancelled("bk_1", 9, "rider"),
                ev.PlanChanged("sh_1", 4, shift.anchor, ()),
            ],
        ),
        (
            cmd.ReportBoarded("bk_1"),
            booking,
            standing,
            [ev.RiderBoarded("bk_1", "sh_1", "vi_1", 9)],
        ),
        (
            cmd.ReportAlighted("bk_1"),
            boarded,
            riding,
            [ev.RiderAlighted("bk_1", "sh_1", "vi_2", 9)],
        ),
        (
            cmd.ReportNoShow("bk_1"),
            booking,
            standing,
            [
                ev.RiderMissed("bk_1", "sh_1", "vi_1", 9),
                ev.PlanChanged("sh_1", 4, shift.anchor, ()),
            ],
        ),
    ]
    expected = ["cancelled", "boarded", "completed", "no_show"]
    for (command, one, on, events), status in zip(cases, expected, strict=True):
        state = _before(one, on)
        early = answer(command, events, state, town)
        late = answer(command, events, _after(state, events), town)
        assert early == late
        assert early["status"] == status


def test_a_new_booking_is_answered_with_its_plan(world: Any, town: Town) -> None:
    booking, shift = world
    empty = replace(shift, visits=())
    events = [
        ev.BookingMade(booking),
        ev.PlanChanged("sh_1", 4, shift.anchor, shift.visits),
    ]
    state = State(shifts={"sh_1": empty})
    body = answer(cmd.AcceptOffer("of_1", "rd_1"), events, state, town)
    assert body["id"] == "bk_1"
    assert body["estimated"]["pickup"] == "2026-03-29T08:08:00+02:00"
    assert body["vehicle"]["id"] == "v1"


def test_a_refused_request_has_its_code_and_alternatives(gateway: Any, town: Town) -> None:
    import asyncio  # noqa: PLC0415 - the double is asynchronous

    request = asyncio.run(gateway.request("rq_1"))
    refused = replace(
        request, status=RequestStatus.REFUSED, offers=(), refusal=Refusal("no_capacity")
    )
    body = answer(
        cmd.RequestRide(request.origin, request.destination, request.party),
        [ev.RideRefused(refused)],
        State(),
        town,
    )
    assert body == request_view(refused, town)
    assert body["refusal"] == {"code": "no_capacity", "alternatives": []}
    assert body["offers"] == []


def test_shift_reports_answer_the_shift(world: Any, town: Town) -> None:
    _, shift = world
    planned = State(shifts={"sh_1": replace(shift, status=ShiftStatus.PLANNED)})
    started = answer(cmd.StartShift("v1", "sh_1"), [], planned, town)
    ended = answer(cmd.EndShift("v1", "sh_1"), [], planned, town)
    assert (started["status"], ended["status"]) == ("active", "ended")
    assert answer(cmd.Tick(), [], planned, town) == {}


def test_lateness_is_measured_against_the_promise(world: Any, town: Town) -> None:
    booking, shift = world
    assert shift_view(shift, {"bk_1": booking}, town)["late_s"] == 0
    promise = replace(booking.promise, arrival_latest_s=shift.visits[1].actions[0].start_s - 90)
    late = shift_view(shift, {"bk_1": replace(booking, promise=promise)}, town)
    assert late["late_s"] == 90
    assert [visit["late_s"] for visit in late["visits"]] == [0, 90]


def test_the_load_counts_who_is_on_board(world: Any, town: Town) -> None:
    booking, shift = world
    boarded = replace(booking, status=BookingStatus.BOARDED)
    [vehicle, *_] = fleet_view([shift], [boarded], {}, 0, town)["vehicles"]
    assert vehicle["load"] == {"seats": 2, "wheelchairs": 0, "bookings": 1}
    [vehicle, *_] = fleet_view([shift], [booking], {}, 0, town)["vehicles"]
    assert vehicle["load"]["bookings"] == 0


def test_a_break_is_shown_as_one(world: Any, town: Town) -> None:
    booking, shift = world
    starts_s = shift.visits[0].leave_s - 1900
    ahead = Visit("vi_0", "depot", (), starts_s, starts_s, starts_s + 1800, break_id="break-1")
    resting = replace(ahead, arrived_at_s=starts_s)
    manifest = shift_view(replace(shift, visits=(ahead, *shift.visits)), {"bk_1": booking}, town)
    assert [visit["kind"] for visit in manifest["visits"]] == ["break", "stop", "stop"]
    shown = manifest["visits"][0]
    assert (shown["arrive"], shown["depart"]) == (town.time(starts_s), town.time(starts_s + 1800))
    assert shown["arrived_at"] is None
    for first, state in ((ahead, "idle"), (resting, "on_break"), (shift.visits[0], "driving")):
        planned = replace(shift, visits=(first, *shift.visits))
        [vehicle, *_] = fleet_view([planned], [booking], {}, 0, town)["vehicles"]
        assert vehicle["state"] == state
        assert vehicle["next_visit"]["id"] == first.id


def test_riders_are_not_told_of_breaks_as_stops(world: Any, town: Town) -> None:
    booking, shift = world
    rest = Visit("vi_0", "st-a", (), 1, 1, 1801, break_id="break-1")
    other = Visit("vi_x", "st-b", (), 1, 1, 1)
    now_s = shift.visits[0].actions[0].start_s - 60
    live = live_view(
        booking, replace(shift, visits=(other, rest, *shift.visits)), None, now_s, town
    )
    assert (live["phase"], live["stops_before"]) == ("approaching", 1)


def test_a_stop_that_is_gone_does_not_break_the_plan(world: Any, town: Town) -> None:
    booking, shift = world
    gone = Town(town.timezone, {}, town.vehicles)
    plan = plan_view([shift], [booking], 0, gone)
    assert plan["shifts"][0]["visits"][0]["stop"] == {
        "stop_id": "st-a",
        "name": "st-a",
        "lon": None,
        "lat": None,
    }


def test_summer_and_winter_time(town: Town) -> None:
    assert town.time(1_774_745_999) == "2026-03-29T01:59:59+01:00"
    assert town.time(1_774_746_000) == "2026-03-29T03:00:00+02:00"
    assert town.time(1_792_888_200) == "2026-10-25T02:30:00+02:00"
    assert town.time(1_792_891_800) == "2026-10-25T02:30:00+01:00"
