"""Riders at the HTTP API while the servers behind it fail: what they were answered, and when."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import httpx
from crash_town import Town
from desk import TUESDAY_9_S
from tiny_town import ZONE, grid_config

from dispatch.api.app import create_api
from dispatch.api.settings import ApiSettings, RoadsInfo
from dispatch.clock import ServiceClock
from dispatch.live.gateway import Gateway

CREATED, UNAVAILABLE, CONFLICT = 201, 503, 409
_OPENING = datetime.fromtimestamp(TUESDAY_9_S, ZONE)


@dataclass
class Storm:
    """Riders who ask and book until they are told to stop."""

    town: Town
    client: httpx.AsyncClient
    gateway: Gateway
    answers: list[tuple[float, httpx.Response, float]] = field(default_factory=list)
    booked: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    unsure: dict[str, str] = field(default_factory=dict)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    _number: int = 0

    async def ride(self) -> None:
        """One rider after another."""
        while not self.stop.is_set():
            self._number += 1
            await self.book_one(self._number)
            await asyncio.sleep(0.02)

    async def book_one(self, number: int) -> int:
        """Ask and take the first offer; the last status."""
        stops = self.town.zygote.stops
        later = timedelta(days=number % 6, minutes=(number * 37) % 600 + 90)
        body = {
            "origin": {"stop_id": stops[number * 7 % len(stops)].id},
            "destination": {"stop_id": stops[(number * 11 + 20) % len(stops)].id},
            "depart_at": (_OPENING + later).isoformat(),
            "party": {"seats": 1, "wheelchairs": 0},
        }
        asked = await self.post("/api/v1/ride-requests", body, f"ask-{number}")
        offers = asked.json().get("offers") or []
        if not offers:
            return asked.status_code
        return (await self.take(offers[0]["id"], f"take-{number}")).status_code

    async def take(self, offer_id: str, key: str) -> httpx.Response:
        """Book, and note what was said."""
        contact = {"name": "Ada", "email": "ada@example.org"}
        answer = await self.post(
            "/api/v1/bookings", {"offer_id": offer_id, "contact": contact}, key
        )
        if answer.status_code == CREATED:
            self.booked[key] = (offer_id, answer.content)
            self.unsure.pop(key, None)
        elif answer.status_code == UNAVAILABLE:
            self.unsure[key] = offer_id
        return answer

    async def post(self, path: str, body: dict[str, Any], key: str) -> httpx.Response:
        began = time.monotonic()
        answer = await self.client.post(path, json=body, headers={"Idempotency-Key": key})
        self.answers.append((began, answer, time.monotonic() - began))
        return answer

    def since(self, began: float) -> list[httpx.Response]:
        """What was answered after an instant."""
        return [answer for at, answer, took_s in self.answers if at + took_s >= began]

    async def calm_again(self, within_s: float) -> float:
        """Seconds until a rider books as usual."""
        began = time.monotonic()
        while await self.book_one(10_000 + len(self.answers)) != CREATED:
            assert time.monotonic() - began < within_s, self.town.log.read_text()[-3000:]
        return time.monotonic() - began

    async def settle(self) -> None:
        """Nobody was told a falsehood: all is there, once, and the same key has the same answer."""
        allowed = {CREATED, UNAVAILABLE, CONFLICT}
        assert {a.status_code for _, a, _ in self.answers} <= allowed
        for _, answer, _ in self.answers:
            assert answer.status_code != UNAVAILABLE or int(answer.headers["Retry-After"]) > 0
        for key, offer_id in list(self.unsure.items()):
            assert (await self.take(offer_id, key)).status_code in {CREATED, CONFLICT}
        for key, (offer_id, content) in self.booked.items():
            assert (await self.take(offer_id, key)).content == content
        rows = self.town.sql("SELECT id FROM booking WHERE area = %(area)s")
        ids = [
            httpx.Response(200, content=content).json()["id"] for _, content in self.booked.values()
        ]
        assert sorted(ids) == sorted(row[0] for row in rows)
        assert self.town.audit() == []


@asynccontextmanager
async def storm(town: Town, riders: int = 3) -> AsyncIterator[Storm]:
    """Riders at the API of a town whose dispatcher runs; they go home at the end."""
    async with Gateway(town.dsn, town.redis_url, town.area) as gateway:
        settings = ApiSettings(
            config=replace(grid_config(vehicles=3), area_id=town.area),
            gateway=gateway,
            stops=town.zygote.stops,
            roads=RoadsInfo("grid"),
            now=ServiceClock(*town.clock).now_s,
        )
        transport = httpx.ASGITransport(create_api(settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            made = Storm(town, client, gateway)
            tasks = [asyncio.create_task(made.ride()) for _ in range(riders)]
            try:
                yield made
            finally:
                made.stop.set()
                await asyncio.gather(*tasks)
