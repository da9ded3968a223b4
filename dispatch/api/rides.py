"""Ride requests: what riders wish, and what they are offered."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from dispatch.api.messages import ApiCode
from dispatch.api.models import ID_PATTERN, PlaceIn, RideRequestIn
from dispatch.api.present import with_refusal_message
from dispatch.api.problems import ProblemError, language_of
from dispatch.api.replies import AnySender
from dispatch.api.schemas import RideRequest, answers
from dispatch.api.security import AnyCaller, Settings, same_site
from dispatch.api.settings import ApiSettings
from dispatch.domain.commands import RequestRide
from dispatch.domain.errors import ErrorCode
from dispatch.domain.model import Spot
from dispatch.views import request_view

router = APIRouter(prefix="/ride-requests", tags=["riders"])


def _spot(settings: ApiSettings, place: PlaceIn, where: str) -> Spot:
    """A place as the engine knows it; a stop brings its own coordinates.

    Raises:
        ProblemError: `unknown_stop`, or `invalid_request` for lon and lat the wrong way round.
    """
    if place.stop_id is not None:
        stop = settings.town.stops.get(place.stop_id)
        if stop is None:
            raise ProblemError(ErrorCode.UNKNOWN_STOP)
        return Spot(stop.lon, stop.lat, stop.id)
    assert place.lon is not None  # noqa: S101 - PlaceIn has either a stop or a point
    assert place.lat is not None  # noqa: S101 - likewise
    west, south, east, north = settings.bounds
    inside = west <= place.lon <= east and south <= place.lat <= north
    if not inside and west <= place.lat <= east and south <= place.lon <= north:
        error = {
            "location": f"body/{where}",
            "type": "swapped_coordinates",
            "message": "lon and lat are the wrong way round",
        }
        raise ProblemError(ApiCode.INVALID_REQUEST, errors=[error])
    return Spot(place.lon, place.lat)


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

    With neither `depart_at` nor `arrive_by`, as soon as possible.
    """
    if caller.is_control:
        channel = "phone"
    else:
        channel = "web" if "sec-fetch-site" in request.headers and same_site(request) else "api"
    command = RequestRide(
        origin=_spot(settings, wish.origin, "origin"),
        destination=_spot(settings, wish.destination, "destination"),
        party=wish.party.to_domain(),
        depart_at_s=wish.depart_at,
        arrive_by_s=wish.arrive_by,
        max_walk_m=wish.max_walk_m,
        channel=channel,
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


def _localised(request: Request, response: Response, body: dict[str, Any]) -> dict[str, Any]:
    language = language_of(request.headers.get("accept-language"))
    response.headers["Content-Language"] = language
    response.headers["Vary"] = "Accept-Language"
    return with_refusal_message(body, language)
