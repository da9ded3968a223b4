"""Server-sent events: whole views, sent when they have changed, bounded in number and rate.

Notices only say that something is new; what is sent is always read from the truth. So a lost notice
costs `LOOK_S` of liveliness and nothing else (a ride that is not due yet: `LOOK_SCHEDULED_S`).
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from sse_starlette import EventSourceResponse, ServerSentEvent

from dispatch.api.messages import ApiCode
from dispatch.api.present import booking_now, fleet_now, plan_now
from dispatch.api.problems import ProblemError
from dispatch.api.settings import ApiSettings
from dispatch.limits import SEND_S, STREAMS_MAX
from dispatch.live.notices import Notice
from dispatch.store.errors import StoreError
from dispatch.town import Json

LOOK_S: Final = 5.0
LOOK_SCHEDULED_S: Final = 30.0
CALM_S: Final = 0.3
HEARTBEAT_S: Final = 15
_OVER: Final = frozenset({"completed", "cancelled", "no_show"})
_open = 0


class Pulse:
    """Gathers notices while a stream is busy: many notices, one look."""

    def __init__(self, concerns: Callable[[Notice], bool]) -> None:
        self._concerns = concerns
        self._event = asyncio.Event()
        self._plan = False

    def feel(self, notice: Notice) -> None:
        """Take note of a notice."""
        if self._concerns(notice):
            self._plan = self._plan or notice.kind != "moved"
            self._event.set()

    async def beat(self, look_s: float) -> bool:
        """Wait for a notice, at most `look_s`; whether more than positions may have changed."""
        try:
            await asyncio.wait_for(self._event.wait(), look_s)
        except TimeoutError:
            return True
        plan, self._plan = self._plan, False
        self._event.clear()
        return plan


@asynccontextmanager
async def _listening(
    settings: ApiSettings, concerns: Callable[[Notice], bool]
) -> AsyncIterator[Pulse]:
    pulse = Pulse(concerns)

    async def listen() -> None:
        async for notice in settings.gateway.listen():
            pulse.feel(notice)

    task = asyncio.create_task(listen())
    try:
        yield pulse
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _event(name: str, body: Json) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(body, ensure_ascii=False), event=name)


def _without_clock(body: Json) -> Json:
    """The view without the instant of looking, to tell whether anything else has changed."""
    return {**body, "at": None, "live": {**body.get("live", {}), "at": None}}


def _shows_one_of(body: Json, notice: Notice) -> bool:
    """Whether a booking's view shows a vehicle that has moved."""
    if body["live"]["vehicle_position"] is None:
        return False
    return any(moved.vehicle_id == body["vehicle"]["id"] for moved in notice.positions)


async def booking_events(
    settings: ApiSettings, booking_id: str, first: Json
) -> AsyncGenerator[ServerSentEvent]:
    """`booking` events until the ride is over.

    Args:
        settings: the application's.
        booking_id: whose ride.
        first: the view to begin with.
    """
    body = first

    def concerns(notice: Notice) -> bool:
        if notice.kind == "moved":
            return _shows_one_of(body, notice)
        return notice.kind == "poll" or booking_id in notice.booking_ids

    async with _listening(settings, concerns) as pulse:
        yield _event("booking", body)
        while body["status"] not in _OVER:
            scheduled = body["live"]["phase"] == "scheduled"
            await pulse.beat(LOOK_SCHEDULED_S if scheduled else LOOK_S)
            try:
                latest = await booking_now(settings, booking_id)
            except StoreError:
                continue
            if _without_clock(latest) != _without_clock(body):
                body = latest
                yield _event("booking", body)
            await asyncio.sleep(CALM_S)


async def control_events(
    settings: ApiSettings, allowed: Callable[[], Awaitable[bool]]
) -> AsyncGenerator[ServerSentEvent]:
    """`plan`, `fleet` and `alerts` events for as long as the caller is allowed to see them."""
    plan: Json = {}
    fleet: Json = {}
    alerts: Json = {}
    look = True
    async with _listening(settings, lambda _: True) as pulse:
        while await allowed():
            try:
                latest_plan = await plan_now(settings, routes=True) if look else plan
                latest_fleet = await fleet_now(settings)
                latest_alerts = await settings.alert_board.look()
            except StoreError:
                await asyncio.sleep(LOOK_S)
                continue
            if _without_clock(latest_plan) != _without_clock(plan):
                plan = latest_plan
                yield _event("plan", plan)
            if _without_clock(latest_fleet) != _without_clock(fleet):
                fleet = latest_fleet
                yield _event("fleet", fleet)
            if _without_clock(latest_alerts) != _without_clock(alerts):
                alerts = latest_alerts
                yield _event("alerts", alerts)
            await asyncio.sleep(CALM_S)
            look = await pulse.beat(LOOK_S)


async def _counted(events: AsyncGenerator[ServerSentEvent]) -> AsyncGenerator[ServerSentEvent]:
    global _open  # noqa: PLW0603 - one event loop per process, so a plain counter is safe
    _open += 1
    try:
        async for event in events:
            yield event
    finally:
        _open -= 1
        await events.aclose()


def stream(events: AsyncGenerator[ServerSentEvent]) -> EventSourceResponse:
    """The response for a stream, with heartbeats.

    Raises:
        ProblemError: `service_unavailable`, beyond `STREAMS_MAX`; pages poll instead.
    """
    if _open >= STREAMS_MAX:
        raise ProblemError(ApiCode.SERVICE_UNAVAILABLE)
    headers: dict[str, Any] = {"Cache-Control": "no-store"}
    return EventSourceResponse(
        _counted(events), ping=HEARTBEAT_S, send_timeout=SEND_S, headers=headers
    )
