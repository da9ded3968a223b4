"""Commands through the gateway and a running dispatcher, on the real servers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from tiny_engine import ride

from dispatch.domain import commands as co
from dispatch.domain.model import BookingStatus, RequestStatus, ShiftStatus
from dispatch.live.gateway import Contact, Gateway
from dispatch.live.notices import Notice
from dispatch.store.audit import differences
from dispatch.store.connect import connect
from dispatch.store.errors import AnswerPendingError, KeyReusedError, UnstorableError
from dispatch.store.inbox import Outcome
from dispatch.store.tokens import create_token, revoke_token
from dispatch.worker.dispatcher import Dispatcher

AREA = "town"
Running = Callable[[Dispatcher], AbstractContextManager[Dispatcher]]
MakeDispatcher = Callable[..., Dispatcher]


class Town:
    """A gateway whose dispatcher runs, for tests that are coroutines."""

    def __init__(self, dsn: str, redis_url: str) -> None:
        self.dsn = dsn
        self.redis_url = redis_url

    def run(self, story: Callable[[Gateway], Any]) -> Any:
        async def whole() -> Any:
            async with Gateway(self.dsn, self.redis_url, AREA) as gateway:
                return await asyncio.wait_for(story(gateway), 60)

        return asyncio.run(whole())

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with connect(self.dsn) as connection:
            return connection.execute(statement).fetchall()


@pytest.fixture
def town(town_dsn: str, redis_url: str) -> Town:
    return Town(town_dsn, redis_url)


async def book(gateway: Gateway, key: str = "k") -> str:
    offered = (await gateway.submit(ride(), key=f"{key}-r")).body
    assert offered is not None
    accept = co.AcceptOffer(offered["offers"][0]["id"], "")
    contact = Contact("Ada", phone="+49 2521 1")
    booked = (await gateway.submit(accept, key=f"{key}-b", contact=contact)).body
    assert booked is not None
    return str(booked["id"])


def test_request_and_booking_are_stored_before_the_answer(
    town: Town, make_dispatcher: MakeDispatcher, running: Running
) -> None:
    async def story(gateway: Gateway) -> None:
        booking_id = await book(gateway)
        booking = await gateway.booking(booking_id)
        assert booking is not None
        assert booking.status is BookingStatus.CONFIRMED
        assert await gateway.open_bookings() == [booking]
        request = await gateway.request(booking.request_id)
        assert request is not None
        assert request.status is RequestStatus.BOOKED
        assert await gateway.contact(booking.rider_id) == Contact("Ada", "+49 2521 1")
        shift = await gateway.shift(booking.shift_id)
        assert shift is not None
        assert [a.booking_id for v in shift.visits for a in v.actions] == [booking_id] * 2
        assert shift in await gateway.shifts([ShiftStatus.PLANNED], vehicle_id=shift.vehicle_id)
        assert await gateway.shifts([ShiftStatus.ACTIVE]) == []
        assert await gateway.shifts(from_s=shift.end_s) == []
        assert await gateway.shifts(to_s=shift.start_s) == []
        assert await gateway.booking("bk_none") is None
        assert await gateway.request("rq_none") is None
        assert await gateway.shift("none") is None
        assert await gateway.contact("rd_none") is None

    with running(make_dispatcher()) as dispatcher:
        town.run(story)
        booking = next(iter(dispatcher.state.bookings.values()))
        assert town.sql("SELECT id FROM rider") == [(booking.rider_id,)]
    with connect(town.dsn) as connection:
        assert differences(connection, AREA) == []
    assert "Ada" not in str(town.sql("SELECT * FROM event")) + str(town.sql("SELECT * FROM inbox"))


def test_a_day_of_one_ride(town: Town, make_dispatcher: MakeDispatcher, running: Running) -> None:
    async def story(gateway: Gateway) -> None:
        booking_id = await book(gateway)
        booking = await gateway.booking(booking_id)
        assert booking is not None
        shift = await gateway.shift(booking.shift_id)
        assert shift is not None
        van = shift.vehicle_id
        steps: list[co.Command] = [co.StartShift(van, shift.id)]
        for visit, report in zip(shift.visits, (co.ReportBoarded, co.ReportAlighted), strict=True):
            steps += [co.ReportArrived(van, visit.id), report(booking_id)]
        steps.append(co.EndShift(van, shift.id))
        for step in steps:
            outcome = await gateway.submit(step, key=None)
            assert outcome.error is None, outcome
        past = await gateway.past_visits([shift.id])
        assert [v.id for v in past] == [v.id for v in shift.visits]
        assert [[a.kind for a in v.actions] for v in past] == [["pickup"], ["dropoff"]]
        assert all(v.departed_at_s is not None for v in past)
        done = await gateway.booking(booking_id)
        assert done is not None
        assert done.status is BookingStatus.COMPLETED
        assert await gateway.open_bookings() == []

    with running(make_dispatcher()):
        town.run(story)
    with connect(town.dsn) as connection:
        assert differences(connection, AREA) == []


def test_the_same_key_many_times_at_once_is_one_command(
    town: Town, make_dispatcher: MakeDispatcher, running: Running
) -> None:
    async def story(gateway: Gateway) -> list[Outcome]:
        async with Gateway(town.dsn, town.redis_url, AREA) as other:
            both = [gateway, other]
            calls = [both[n % 2].submit(ride(), key="same") for n in range(10)]
            outcomes = await asyncio.gather(*calls)
        outcomes.append(await gateway.submit(ride(), key="same"))
        with pytest.raises(KeyReusedError):
            await gateway.submit(ride(seats=2), key="same")
        return outcomes

    with running(make_dispatcher()):
        outcomes = town.run(story)
    assert len({str(outcome.body) for outcome in outcomes}) == 1
    assert town.sql("SELECT count(*) FROM inbox") == [(1,)]
    assert town.sql("SELECT count(*) FROM ride_request") == [(1,)]


def test_a_repeated_booking_keeps_its_rider(
    town: Town, make_dispatcher: MakeDispatcher, running: Running
) -> None:
    async def story(gateway: Gateway) -> None:
        offered = (await gateway.submit(ride(), key="r")).body
        assert offered is not None
        accept = co.AcceptOffer(offered["offers"][0]["id"], "")
        ada = Contact("Ada", phone="1")
        first = await gateway.submit(accept, key="b", contact=ada)
        assert first == await gateway.submit(accept, key="b", contact=ada)
        with pytest.raises(KeyReusedError):
            await gateway.submit(accept, key="b", contact=Contact("Eve", phone="1"))
        again = await gateway.submit(accept, key="b2", contact=ada)
        assert again.error is not None
        assert again.error.code == "already_booked"

    with running(make_dispatcher()):
        town.run(story)
    assert town.sql("SELECT count(*) FROM booking") == [(1,)]


def test_a_refused_command_gets_its_code(
    town: Town, make_dispatcher: MakeDispatcher, running: Running
) -> None:
    async def story(gateway: Gateway) -> Outcome:
        return await gateway.submit(ride(seats=9), key="k")

    with running(make_dispatcher()):
        outcome = town.run(story)
    assert outcome.error.code == "party_too_large"
    assert outcome.error.params == {"persons": 9}
    assert town.sql("SELECT count(*) FROM event WHERE type = 'RideOffered'") == [(0,)]


def test_without_a_dispatcher_the_answer_is_pending_and_comes_later(
    town: Town, make_dispatcher: MakeDispatcher, running: Running
) -> None:
    async def before(gateway: Gateway) -> None:
        with pytest.raises(AnswerPendingError):
            await gateway.submit(ride(), key="k", timeout_s=0.3)
        assert (await gateway.health())["dispatcher"]["status"] == "down"

    async def after(gateway: Gateway) -> Outcome:
        return await gateway.submit(ride(), key="k")

    town.run(before)
    with running(make_dispatcher()):
        assert town.run(after).body is not None


def test_positions_pass_through_memory_and_redis_only(
    town: Town, make_dispatcher: MakeDispatcher, running: Running
) -> None:
    async def story(gateway: Gateway) -> None:
        (shift, *_) = await wait_for_shifts(gateway)
        await gateway.submit(co.StartShift(shift.vehicle_id, shift.id), key=None)
        notices = gateway.listen()
        assert (await anext(notices)).kind == "poll"
        report = co.ReportPosition(shift.vehicle_id, 8.01, 51.76, 1_800_000_005)
        await gateway.report_position(report)
        notice = await next_of(notices, "moved")
        assert notice.positions[0].vehicle_id == shift.vehicle_id
        positions = await gateway.positions()
        assert positions[shift.id].lon == 8.01
        assert await gateway.position(shift.id) == positions[shift.id]
        assert await gateway.position("no-such-shift") is None
        assert (await gateway.vehicle_fixes())[shift.id].vehicle_id == shift.vehicle_id

    seq = "SELECT count(*) FROM event WHERE type = 'VehicleMoved'"
    with running(make_dispatcher()) as dispatcher:
        town.run(story)
        fixes = dict(dispatcher.state.fixes)
        assert len(fixes) == 1
    assert town.sql(seq) == [(0,)]
    with running(make_dispatcher()) as restarted:
        town.run(wait_for_shifts)
        assert restarted.state.fixes == fixes
    with running(make_dispatcher(roads_sha256="another")) as moved:
        town.run(wait_for_shifts)
        assert moved.state.fixes == {}


async def wait_for_shifts(gateway: Gateway) -> list[Any]:
    await gateway.submit(ride(), key=None)
    return await gateway.shifts()


async def next_of(notices: AsyncIterator[Notice], kind: str) -> Notice:
    async for notice in notices:
        if notice.kind == kind:
            return notice
    raise AssertionError


def test_notices_name_what_has_changed(
    town: Town, make_dispatcher: MakeDispatcher, running: Running
) -> None:
    async def story(gateway: Gateway) -> None:
        notices = gateway.listen()
        assert (await anext(notices)).kind == "poll"
        await gateway.submit(ride(), key=None)  # the subscription stands when this is answered
        booking_id = await book(gateway)
        async for notice in notices:
            if "BookingMade" in notice.event_types:
                break
        booking = await gateway.booking(booking_id)
        assert booking is not None
        assert booking_id in notice.booking_ids
        assert booking.shift_id in notice.shift_ids
        assert booking.request_id in notice.request_ids
        assert notice.seq >= 4

    with running(make_dispatcher()):
        town.run(story)


def test_a_listener_that_does_not_listen_is_told_to_look(town: Town) -> None:
    async def story(gateway: Gateway) -> None:
        notices = gateway.listen()
        await anext(notices)
        assert (await anext(notices)).kind == "poll"  # the subscription stands
        for n in range(1000):
            gateway._hub.tell(Notice("changed", seq=n + 1))
        first = await anext(notices)
        assert first.kind == "poll"
        seen = [(await anext(notices)).seq for _ in range(gateway_queue_length(gateway))]
        assert seen[-1] == 1000
        assert len(seen) < 300

    town.run(story)


def gateway_queue_length(gateway: Gateway) -> int:
    (queue,) = gateway._hub._listeners
    return queue.qsize()


def test_tokens(town: Town) -> None:
    token = create_token(town.dsn, "control_room", "Leitstelle 1")
    local = create_token(town.dsn, "vehicle", "van-1", area=AREA)
    foreign = create_token(town.dsn, "vehicle", "van-1", area="elsewhere")

    async def roles(gateway: Gateway) -> list[str | None]:
        return [await gateway.token_role(t) for t in (token, local, foreign, "rufbus_x")]

    assert town.run(roles) == ["control_room", "vehicle", None, None]
    assert revoke_token(town.dsn, token)
    assert not revoke_token(town.dsn, token)
    assert town.run(roles) == [None, "vehicle", None, None]
    assert token not in str(town.sql("SELECT * FROM api_token"))


def test_health_with_everything_up(
    town: Town, make_dispatcher: MakeDispatcher, running: Running
) -> None:
    async def story(gateway: Gateway) -> dict[str, Any]:
        await gateway.submit(ride(), key=None)
        return await gateway.health()

    with running(make_dispatcher()):
        health = town.run(story)
    assert (health["database"], health["redis"]) == ("up", "up")
    assert health["dispatcher"]["status"] == "up"
    assert health["dispatcher"]["epoch"] == 1


def test_the_rider_is_stored_with_the_command_or_not_at_all(town: Town) -> None:
    """A rider row without its command would be personal data that nobody ever finds again."""

    async def story(gateway: Gateway) -> None:
        accept = co.AcceptOffer("of_x", "")
        ada = Contact("Ada", email="ada@example.org")
        with pytest.raises(UnstorableError):
            await gateway.submit(accept, key="k" * 201, contact=ada, timeout_s=0.1)
        with pytest.raises(UnstorableError):
            await gateway.submit(accept, key="nul", contact=Contact("A\0", "1"), timeout_s=0.1)
        with pytest.raises(UnstorableError):
            await gateway.submit(ride(channel="\0"), key="nul", timeout_s=0.1)
        with pytest.raises(AnswerPendingError):
            await gateway.submit(accept, key="good", contact=ada, timeout_s=0.1)
        with pytest.raises(AnswerPendingError):
            await gateway.submit(accept, key="good", contact=ada, timeout_s=0.1)

    town.run(story)
    assert town.sql("SELECT count(*) FROM rider") == [(1,)]
    assert town.sql("SELECT count(*) FROM inbox") == [(1,)]


def test_replies_that_cannot_be_read_are_looked_up(
    town: Town, make_dispatcher: MakeDispatcher, running: Running
) -> None:
    async def story(gateway: Gateway) -> None:
        await gateway.submit(ride(), key=None)
        for junk in (b"\xff", b"[]", b'{"x": 1}', b'{"1": 2}', b'{"1": {"error": {"x": 1}}}'):
            await gateway._redis.publish(f"rufbus:{AREA}:replies", junk)
            await gateway._redis.publish(f"rufbus:{AREA}:live", junk)
        assert (await gateway.submit(ride(), key=None)).body is not None
        assert gateway._hub.is_up

    with running(make_dispatcher()):
        town.run(story)


def test_an_id_given_again_after_a_crash_brings_nobody_else_s_answer(
    town: Town, make_dispatcher: MakeDispatcher, running: Running
) -> None:
    """An insert that was not flushed is lost with its id: the next command gets the same one."""

    async def story(gateway: Gateway) -> tuple[Outcome, Outcome]:
        lost = asyncio.create_task(gateway.submit(ride(), key="lost", timeout_s=3))
        while not (rows := town.sql("SELECT id FROM inbox")):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        crash = "WITH gone AS (DELETE FROM inbox RETURNING id) SELECT setval(%s, %s, false)"
        with connect(town.dsn) as connection:
            connection.execute(crash, ["inbox_id_seq", rows[0][0]])
        other = asyncio.create_task(gateway.submit(ride(seats=9), key="other"))
        while not town.sql("SELECT id FROM inbox"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert town.sql("SELECT id FROM inbox") == rows
        with running(make_dispatcher()):
            told = await other
            with pytest.raises(AnswerPendingError):
                await lost
            return told, await gateway.submit(ride(), key="lost")

    told, again = town.run(story)
    assert told.error is not None
    assert again.body is not None
