"""From what a client sends about a ride to what the engine knows."""

from fastapi import Request

from dispatch.api.messages import ApiCode
from dispatch.api.models import ConnectionIn, PlaceIn
from dispatch.api.problems import ProblemError
from dispatch.api.security import Caller, same_site
from dispatch.api.settings import ApiSettings
from dispatch.domain.errors import ErrorCode
from dispatch.domain.model import Connection, Direction, Spot


def spot_of(settings: ApiSettings, place: PlaceIn, where: str) -> Spot:
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


def connection_of(settings: ApiSettings, link: ConnectionIn | None) -> Connection | None:
    """A connection as the engine knows it; the town's own time to change where none is given."""
    if link is None:
        return None
    transfer_s = link.transfer_s
    if transfer_s is None:
        transfer_s = settings.config.rules.transfer_s
    return Connection(link.stop_id, link.at, Direction(link.direction), transfer_s)


def channel_of(request: Request, caller: Caller) -> str:
    """How somebody asks: through the control room, our own page, or another program."""
    if caller.is_control:
        return "phone"
    return "web" if "sec-fetch-site" in request.headers and same_site(request) else "api"
