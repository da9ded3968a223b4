"""Standing orders: the same ride on many days."""

from collections import defaultdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from dispatch.api.life_models import SeriesIn, SkipIn
from dispatch.api.messages.life import day_message
from dispatch.api.models import ID_PATTERN
from dispatch.api.places import spot_of
from dispatch.api.problems import ProblemError, language_of
from dispatch.api.replies import AnySender
from dispatch.api.rider_of import contact_of, known_rider
from dispatch.api.schemas import answers
from dispatch.api.schemas.life import AllSeries, Series
from dispatch.api.security import AnyCaller, ControlCaller, Settings
from dispatch.api.settings import ApiSettings
from dispatch.domain import life
from dispatch.domain.booking_commands import CreateSeries, EndSeries, SkipSeriesDay
from dispatch.domain.errors import ErrorCode
from dispatch.domain.life import SeriesCalendar, SeriesWish
from dispatch.life_views import series_view
from dispatch.town import Json

router = APIRouter(prefix="/series", tags=["standing orders"])

SeriesId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.post("", status_code=201, summary="Place a standing order", responses=answers(Series, 201))
async def create(
    request: Request,
    response: Response,
    settings: Settings,
    caller: ControlCaller,
    sender: AnySender,
    wish: SeriesIn,
) -> dict[str, Any]:
    """Its days become ordinary bookings as soon as they can be booked."""
    command = CreateSeries(
        SeriesWish(
            spot_of(settings, wish.origin, "origin"),
            spot_of(settings, wish.destination, "destination"),
            wish.party.to_domain(),
            wish.depart_at,
            wish.arrive_by,
            wish.max_walk_m,
        ),
        SeriesCalendar(
            tuple(sorted(set(wish.weekdays))),
            wish.from_day,
            wish.to_day,
            tuple(sorted(set(wish.except_days))),
            wish.on_holidays,
        ),
        await known_rider(settings, caller, wish.rider_id),
    )
    body = await sender.send(command, contact_of(wish.contact))
    response.headers["Location"] = f"/api/v1/series/{body['id']}"
    return localised(request, response, body)


@router.get("", summary="All standing orders", responses=answers(AllSeries))
async def all_series(
    request: Request,
    response: Response,
    settings: Settings,
    _caller: ControlCaller,
    rider_id: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
) -> dict[str, Any]:
    """Those that have not ended, or all of one rider; with unplanned days ahead first."""
    riders = None if rider_id is None else [rider_id]
    bodies = await series_bodies(settings, await settings.gateway.all_series(riders))
    return {"series": [localised(request, response, body) for body in bodies]}


@router.get("/{series_id}", summary="See a standing order", responses=answers(Series))
async def get_series(
    request: Request, response: Response, settings: Settings, series_id: SeriesId
) -> dict[str, Any]:
    """Each day: booked, unplanned and why, or skipped."""
    found = await settings.gateway.series(series_id)
    if found is None:
        raise ProblemError(ErrorCode.SERIES_NOT_FOUND)
    (body,) = await series_bodies(settings, [found])
    return localised(request, response, body)


@router.delete("/{series_id}", summary="End a standing order", responses=answers(Series))
async def end(
    request: Request,
    response: Response,
    caller: AnyCaller,
    sender: AnySender,
    series_id: SeriesId,
    keep_bookings: Annotated[bool, Query()] = False,  # noqa: FBT002 - a query
) -> dict[str, Any]:
    """No more rides; those already booked are cancelled unless they are to be kept."""
    by = "control" if caller.is_control else "rider"
    body = await sender.send(EndSeries(series_id, by, keep_bookings=keep_bookings))
    return localised(request, response, body)


@router.post("/{series_id}/skips", summary="Leave a day out", responses=answers(Series))
async def skip(
    request: Request,
    response: Response,
    caller: AnyCaller,
    sender: AnySender,
    series_id: SeriesId,
    wish: SkipIn,
) -> dict[str, Any]:
    """A day without the ride; its booking is cancelled."""
    by = "control" if caller.is_control else "rider"
    body = await sender.send(SkipSeriesDay(series_id, wish.day, by))
    return localised(request, response, body)


async def series_bodies(settings: ApiSettings, found: list[life.Series]) -> list[Json]:
    """Standing orders with their days, those with unplanned days ahead first."""
    days = defaultdict(list)
    for day in await settings.gateway.series_days(series.id for series in found):
        days[day.series_id].append(day)
    now_s = settings.now()

    def trouble(series: life.Series) -> bool:
        unplanned = life.DayStatus.UNPLANNED
        return any(d.status is unplanned and d.wish_s > now_s for d in days[series.id])

    ordered = sorted(found, key=lambda series: not trouble(series))
    return [series_view(series, days[series.id], settings.town) for series in ordered]


def localised(request: Request, response: Response, body: Json) -> Json:
    """A standing order with each day's code in the client's language."""
    language = language_of(request.headers.get("accept-language"))
    response.headers["Content-Language"] = language
    days = [day | {"message": day_message(day["code"], language)} for day in body["days"]]
    return body | {"days": days}
