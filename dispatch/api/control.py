"""The control room: the fleet, the plan, and both as they change."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from sse_starlette import EventSourceResponse

from dispatch.api.present import fleet_now, plan_now
from dispatch.api.problems import ProblemError
from dispatch.api.schemas import Fleet, Plan, answers
from dispatch.api.security import ControlCaller, Settings, caller_of
from dispatch.api.streams import control_events, stream

router = APIRouter(tags=["control room"])


@router.get("/fleet", summary="Vehicles now", responses=answers(Fleet))
async def fleet(settings: Settings, _caller: ControlCaller) -> dict[str, Any]:
    """Every vehicle with its shift, position, load, next visit and lateness."""
    return await fleet_now(settings)


@router.get("/plan", summary="The plan", responses=answers(Plan))
async def plan(
    settings: Settings,
    _caller: ControlCaller,
    routes: Annotated[bool, Query()] = False,  # noqa: FBT002 - a query
) -> dict[str, Any]:
    """All shifts that are not over with their visits, and the open bookings.

    With `routes=true`, active shifts also have their way along the roads as `route`.
    """
    return await plan_now(settings, routes=routes)


@router.get("/events", summary="Follow the service", response_class=EventSourceResponse)
async def events(
    request: Request, settings: Settings, _caller: ControlCaller
) -> EventSourceResponse:
    """Server-sent events: `plan`, `fleet`, `alerts`; whole at first, then whenever they change."""

    async def allowed() -> bool:
        try:
            return (await caller_of(request, settings)).is_control
        except ProblemError:  # the token has been revoked meanwhile
            return False

    return stream(control_events(settings, allowed))
