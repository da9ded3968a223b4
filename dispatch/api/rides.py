"""Ride requests: what riders wish, and what they are offered."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from dispatch.api.messages import ApiCode
from dispatch.api.models import ID_PATTERN, PlaceIn, RideRequestIn
from dispatch.api.places import channel_of, connection_of, spot_of
from dispatch.api.present import with_refusal_message
from dispatch.api.problems import ProblemError, language_of
from dispatch.api.replies import AnySender
from dispatch.api.schemas import RideRequest, answers
from dispatch.api.security import AnyCaller, Settings
from dispatch.api.settings import ApiSettings
from dispatch.domain.commands import RequestRide
from dispatch.domain.model import Spot
from dispatch.views import request_view

router = APIRouter(prefix="/ride-requests", tags=["riders"])


@router.post("", status_code=201, summary="Ask for a ride", responses=answers(RideRequest, 201))
async def request_ride(
    request: Request,
    response: Response,
    settings: Settings,
    caller: AnyCaller,
    sender: AnySender,
    wish: RideRequestIn,
) -> dict[str, Any]:
    """Answers with offers, or with the reason why there are none and the nearest alternatives.

    With neither `depart_at` nor `arrive_by`, as soon as possible. A `connection` stands for the
    time and for its end of the ride. With `replaces`, the offers are other terms for that booking.
    """
    command = RequestRide(
        origin=_end(settings, wish, "origin"),
        destination=_end(settings, wish, "destination"),
        party=wish.party.to_domain(),
        depart_at_s=wish.depart_at,
        arrive_by_s=wish.arrive_by,
        max_walk_m=wish.max_walk_m,
        channel=channel_of(request, caller),
        replaces=wish.replaces,
        connection=connection_of(settings, wish.connection),
    )
    body = await sender.send(command)
    response.headers["Location"] = f"/api/v1/ride-requests/{body['id']}"
    return _localised(request, response, body)


@router.get("/{request_id}", summary="Look a ride request up", responses=answers(RideRequest))
async def get_request(
    request: Request,
    response: Response,
    settings: Settings,
    request_id: Annotated[str, Path(pattern=ID_PATTERN)],
) -> dict[str, Any]:
    """The request as it stands now: `offered`, `refused`, `booked` or `lapsed`."""
    found = await settings.gateway.request(request_id)
    if found is None:
        raise ProblemError(ApiCode.REQUEST_NOT_FOUND)
    return _localised(request, response, request_view(found, settings.town))


def _end(settings: ApiSettings, wish: RideRequestIn, which: str) -> Spot:
    """Where the ride begins or ends; that end which a connection names is its stop."""
    place: PlaceIn | None = getattr(wish, which)
    if place is None:
        assert wish.connection is not None  # noqa: S101 - else both ends are given
        place = PlaceIn(stop_id=wish.connection.stop_id)
    return spot_of(settings, place, which)


def _localised(request: Request, response: Response, body: dict[str, Any]) -> dict[str, Any]:
    language = language_of(request.headers.get("accept-language"))
    response.headers["Content-Language"] = language
    response.headers["Vary"] = "Accept-Language"
    return with_refusal_message(body, language)
