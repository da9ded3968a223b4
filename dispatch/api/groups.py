"""Parties for more than one vehicle: offered, booked and cancelled together."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from dispatch.api.life_models import CancelReason, GroupBookingIn, GroupRequestIn
from dispatch.api.models import ID_PATTERN
from dispatch.api.places import channel_of, spot_of
from dispatch.api.present import with_refusal_message
from dispatch.api.problems import ProblemError, language_of
from dispatch.api.replies import AnySender
from dispatch.api.rider_of import contact_of, known_rider
from dispatch.api.schemas import answers
from dispatch.api.schemas.life import Group, GroupOffer
from dispatch.api.security import AnyCaller, Settings
from dispatch.domain.booking_commands import AcceptGroup, CancelGroup, RequestGroup
from dispatch.domain.errors import ErrorCode
from dispatch.life_views import group_view

router = APIRouter(tags=["riders"])

GroupId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.post(
    "/group-requests",
    status_code=201,
    summary="Ask for a ride for a large party",
    responses=answers(GroupOffer, 201),
)
async def request_group(
    request: Request,
    response: Response,
    settings: Settings,
    caller: AnyCaller,
    sender: AnySender,
    wish: GroupRequestIn,
) -> dict[str, Any]:
    """One offer for each vehicle that is needed, between the same stops; or the reason why not."""
    command = RequestGroup(
        spot_of(settings, wish.origin, "origin"),
        spot_of(settings, wish.destination, "destination"),
        wish.party.to_domain(),
        depart_at_s=wish.depart_at,
        arrive_by_s=wish.arrive_by,
        max_walk_m=wish.max_walk_m,
        channel=channel_of(request, caller),
    )
    body = await sender.send(command)
    language = language_of(request.headers.get("accept-language"))
    response.headers["Content-Language"] = language
    return body | {"requests": [with_refusal_message(r, language) for r in body["requests"]]}


@router.post("/groups", status_code=201, summary="Book for all", responses=answers(Group, 201))
async def book_group(
    response: Response,
    settings: Settings,
    caller: AnyCaller,
    sender: AnySender,
    wish: GroupBookingIn,
) -> dict[str, Any]:
    """Takes the offers of a group, all of them or none."""
    rider_id = await known_rider(settings, caller, wish.rider_id)
    body = await sender.send(AcceptGroup(wish.group_id, rider_id), contact_of(wish.contact))
    response.headers["Location"] = f"/api/v1/groups/{wish.group_id}"
    return body


@router.get("/groups/{group_id}", summary="See a group's bookings", responses=answers(Group))
async def get_group(settings: Settings, group_id: GroupId) -> dict[str, Any]:
    """All of them, the cancelled ones too."""
    gateway = settings.gateway
    bookings = await gateway.group(group_id)
    if not bookings:
        raise ProblemError(ErrorCode.GROUP_NOT_FOUND)
    shifts = {b.shift_id: await gateway.shift(b.shift_id) for b in bookings}
    known = {shift_id: shift for shift_id, shift in shifts.items() if shift is not None}
    return group_view(group_id, bookings, known, settings.town)


@router.delete("/groups/{group_id}", summary="Give all up", responses=answers(Group))
async def cancel_group(
    caller: AnyCaller,
    sender: AnySender,
    group_id: GroupId,
    reason: Annotated[CancelReason | None, Query()] = None,
) -> dict[str, Any]:
    """Those that nobody has boarded yet; one alone is given up like any booking."""
    by = "control" if caller.is_control else "rider"
    return await sender.send(CancelGroup(group_id, by, reason))
