"""Two towns on one database and one Redis, each with its own writer: neither sees the other."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from tiny_town import grid_config

from dispatch.domain.rules import Rules
from dispatch.live.notices import Notice
from dispatch.store import inbox
from dispatch.store.connect import connect
from dispatch.store.tokens import create_token
from dispatch.worker.dispatcher import Dispatcher

Towns = tuple[Any, Any]


@pytest.fixture
def towns(
    database_url: str, redis_url: str, grid: Any, serving: Callable[..., Any]
) -> Iterator[Towns]:
    """Here and there; the same streets, so that every id of one would fit the other."""
    config = grid_config(rules=Rules(joint_iterations=30))
    with ExitStack() as stack:
        here, there = (
            stack.enter_context(
                serving(database_url, redis_url, grid, replace(config, area_id=area, name=area))
            )
            for area in ("here", "there")
        )
        yield here, there


def test_nothing_of_one_town_shows_in_the_other(towns: Towns) -> None:
    here, there = towns
    request = here.ask(0, 30, depart_at=here.at(3600))
    booking = here.book(1, 31, depart_at=here.at(3600))
    booking_id = booking["id"]
    for method, path, body in (
        ("GET", f"/ride-requests/{request['id']}", None),
        ("GET", f"/bookings/{booking_id}", None),
        ("DELETE", f"/bookings/{booking_id}", None),
        ("GET", f"/bookings/{booking_id}/events", None),
        ("POST", "/bookings", {"offer_id": request["offers"][0]["id"], "contact": {"name": "X"}}),
        ("POST", f"/bookings/by-code/{booking['code']}/cancel", {"phone_digits": "7654"}),
    ):
        answer = there.call(method, path, body)
        assert answer.status_code in {403, 404, 422}, (method, path, answer.text)
        assert booking_id not in answer.text.replace(path, "")
    for path in (
        f"/bookings/by-code/{booking['code']}",
        f"/bookings/{booking_id}/read-back",
        f"/bookings/{booking_id}/notifications",
    ):
        assert there.call("GET", path, control=True).status_code == 404, path
    assert there.ok("GET", "/riders?phone=02521987654", control=True)["riders"] == []
    assert here.ok("GET", "/riders?phone=02521987654", control=True)["riders"]
    plan = there.ok("GET", "/plan", control=True)
    visits = [visit for shift in plan["shifts"] for visit in shift["visits"]]
    assert not any(visit["boarding"] for visit in visits)
    for method, path in (
        ("POST", f"/bookings/{booking_id}/boarded"),
        ("POST", f"/bookings/{booking_id}/pin"),
    ):
        assert there.call(method, path, control=True).status_code == 404, path
    ids = [
        [shift["id"] for shift in town.ok("GET", "/plan", control=True)["shifts"]] for town in towns
    ]
    assert ids[0] == ids[1], "shifts are called alike, and yet are not the same"
    assert here.ok("GET", f"/bookings/{booking_id}")["status"] == "confirmed"
    assert here.audit() == []
    assert there.audit() == []


def test_the_same_key_is_another_one_elsewhere(towns: Towns) -> None:
    asked = [
        town.ok(
            "POST",
            "/ride-requests",
            {"origin": town.stop(2), "destination": town.stop(33)},
            **{"Idempotency-Key": "same"},
        )
        for town in towns
    ]
    assert asked[0]["id"] != asked[1]["id"]


def test_tokens_open_one_town_unless_they_are_for_all(towns: Towns) -> None:
    here, there = towns
    headers = {"Authorization": f"Bearer {here.token}"}
    assert there.call("GET", "/plan", **headers).status_code == 401
    everywhere = create_token(here.dsn, "control", "all", area=None)
    for town in towns:
        assert town.call("GET", "/plan", Authorization=f"Bearer {everywhere}").is_success


def test_positions_and_notices_stay_at_home(towns: Towns) -> None:
    here, there = towns

    async def heard(gateway: Any, seconds: float) -> list[Notice]:
        notices: list[Notice] = []
        try:
            async with asyncio.timeout(seconds):
                async for notice in gateway.listen():
                    notices += [notice]
        except TimeoutError:
            pass
        return notices

    listening = there.runner.get_loop().create_task(heard(there.gateway, 2.0))
    there.run(asyncio.sleep(0.3))
    here.book(1, 31, depart_at=here.at(1800))
    here.clock.at_s += 30
    stop = next(stop for stop in here.network.stops if stop.bookable)
    position = {"lon": stop.lon, "lat": stop.lat, "at": here.at(0)}
    here.ok("POST", "/vehicles/van-1/positions", position, control=True)
    here.until("/fleet", lambda body: _source(body, "van-1") == "reported")
    notices = there.run(_result(listening))
    assert not [notice for notice in notices if notice.kind == "moved"]
    assert not [notice for notice in notices if notice.booking_ids]
    fleet = there.ok("GET", "/fleet", control=True)
    assert _source(fleet, "van-1") != "reported"


async def _result(task: "asyncio.Task[list[Notice]]") -> list[Notice]:
    return await task


def _source(fleet: Any, vehicle: str) -> str:
    (found,) = (each for each in fleet["vehicles"] if each["id"] == vehicle)
    return str((found["position"] or {}).get("source"))


def test_each_town_has_its_own_leader(
    towns: Towns, make_standby: Callable[[Any], Dispatcher]
) -> None:
    here, there = towns
    health = [town.run(town.gateway.health())["dispatcher"] for town in towns]
    assert [each["status"] for each in health] == ["up", "up"]
    standby = make_standby(there)
    assert not standby.lead(), "there is led, whoever leads here"
    with connect(here.dsn) as connection:
        connection.execute("UPDATE service_area SET epoch = epoch + 1 WHERE id = 'here'")
    booked = there.book(2, 33, depart_at=there.at(3600))  # fenced off here is not fenced off there
    assert there.ok("GET", f"/bookings/{booked['id']}")["status"] == "confirmed"
    assert there.run(there.gateway.health())["dispatcher"]["epoch"] == health[1]["epoch"]


def test_house_is_kept_for_one_town_only(towns: Towns) -> None:
    here = towns[0]
    for town in towns:
        town.ask(0, 30, depart_at=town.at(3600))
    with connect(here.dsn) as connection:
        before = _decided(connection, "there")
        assert before > 0
        inbox.prune(connection, "here", -60)
        assert _decided(connection, "here") == 0
        assert _decided(connection, "there") == before


def _decided(connection: psycopg.Connection, area: str) -> int:
    statement = "SELECT count(*) FROM inbox WHERE area = %s AND outcome IS NOT NULL"
    row = connection.execute(statement, [area]).fetchone()
    assert row is not None
    return int(row[0])


def test_a_person_is_erased_in_one_town_only(towns: Towns) -> None:
    here, there = towns
    for town in towns:
        town.book(0, 30, depart_at=town.at(3600))
    with connect(here.dsn) as connection:
        connection.execute("DELETE FROM rider WHERE area = 'here'")
    assert here.ok("GET", "/riders?phone=02521987654", control=True)["riders"] == []
    assert there.ok("GET", "/riders?phone=02521987654", control=True)["riders"]
