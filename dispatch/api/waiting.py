"""The waiting list: who was refused for want of room takes the first there is."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from dispatch.api.life_models import WaitingIn
from dispatch.api.models import ID_PATTERN
from dispatch.api.present import with_refusal_message
from dispatch.api.problems import ProblemError, language_of
from dispatch.api.replies import AnySender
from dispatch.api.rider_of import contact_of, known_rider
from dispatch.api.schemas import answers
from dispatch.api.schemas.life import Waiting, WaitingList
from dispatch.api.security import AnyCaller, ControlCaller, Settings
from dispatch.domain.booking_commands import JoinWaitingList, LeaveWaitingList
from dispatch.domain.errors import ErrorCode
from dispatch.life_views import waiting_view
from dispatch.views import request_view

router = APIRouter(tags=["riders"])

RequestId = Annotated[str, Path(pattern=ID_PATTERN)]
_PATH = "/ride-requests/{request_id}/waiting"


@router.post(_PATH, status_code=201, summary="Wait for room", responses=answers(Waiting, 201))
async def join(
    settings: Settings,
    caller: AnyCaller,
    sender: AnySender,
    request_id: RequestId,
    wish: WaitingIn,
) -> dict[str, Any]:
    """As soon as there is room in time, the ride is booked; `booking_id` names it."""
    rider_id = await known_rider(settings, caller, wish.rider_id)
    return await sender.send(JoinWaitingList(request_id, rider_id), contact_of(wish.contact))


@router.get(_PATH, summary="See whether there is room", responses=answers(Waiting))
async def get_waiting(settings: Settings, request_id: RequestId) -> dict[str, Any]:
    """`waiting`, `served` (with the booking), `left` or `lapsed`."""
    entry = await settings.gateway.waiting(request_id)
    if entry is None:
        raise ProblemError(ErrorCode.NOT_WAITING)
    return waiting_view(entry, settings.town)


@router.delete(_PATH, summary="Wait no more", responses=answers(Waiting))
async def leave(sender: AnySender, request_id: RequestId) -> dict[str, Any]:
    """Gives the place on the list up."""
    return await sender.send(LeaveWaitingList(request_id))


@router.get("/waiting", summary="The waiting list", responses=answers(WaitingList))
async def waiting_list(
    request: Request, settings: Settings, _caller: ControlCaller
) -> dict[str, Any]:
    """Everybody who waits, in order, and for what."""
    entries = await settings.gateway.waiting_list()
    requests = await settings.gateway.requests(entry.request_id for entry in entries)
    town, language = settings.town, language_of(request.headers.get("accept-language"))
    return {
        "waiting": [
            waiting_view(entry, town)
            | {
                "request": with_refusal_message(
                    request_view(requests[entry.request_id], town), language
                )
                if entry.request_id in requests
                else None
            }
            for entry in entries
        ]
    }
