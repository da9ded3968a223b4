"""What anyone may know: the service, its stops, and whether it is well."""

from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter, Response

from dispatch.api.messages import LANGUAGES
from dispatch.api.problems import RETRY_AFTER_S
from dispatch.api.schemas import Health, Stops, answers
from dispatch.api.security import Settings
from dispatch.closure_views import closed_stop_ids
from dispatch.domain.rules import DAY_S, ServiceConfig
from dispatch.store.errors import StoreError
from dispatch.views import stop_view

router = APIRouter(tags=["service"])
health_router = APIRouter(tags=["service"])
_KINDS: Final = ("weekday", "saturday", "sunday")


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _hours(config: ServiceConfig) -> dict[str, list[str] | None]:
    """Opening hours by kind of day as `["05:00", "23:00"]`; null = closed."""
    hours: dict[str, list[str] | None] = {}
    for kind in _KINDS:
        interval: tuple[int, int] | None = getattr(config.hours, kind)
        hours[kind] = None if interval is None else [_clock(minutes) for minutes in interval]
    return hours


@router.get("/service", summary="The service")
async def service(settings: Settings) -> dict[str, Any]:
    """Name, area, hours, rules that concern riders, fares, languages, and where the map is from."""
    config, rules, roads = settings.config, settings.config.rules, settings.roads
    town, now_s = settings.town, settings.now()
    upcoming = config.hours.intervals(now_s, now_s + (rules.bookable_ahead_days + 1) * DAY_S)
    return {
        "id": config.area_id,
        "name": config.name,
        "place": config.place,
        "timezone": str(config.timezone),
        "now": town.time(now_s),
        "clock_rate": settings.clock_rate,
        "demo": settings.demo,
        "languages": list(LANGUAGES),
        "hours": {
            **_hours(config),
            "holidays": sorted(day.isoformat() for day in config.hours.holidays),
            "next": [town.window(start_s, end_s) for start_s, end_s in upcoming],
        },
        "rules": {
            "bookable_ahead_days": rules.bookable_ahead_days,
            "bookable_until": _days_ahead(town.time(now_s), rules.bookable_ahead_days),
            "wait_max_s": rules.immediate_wait_max_s,
            "walk_max_m": rules.max_walk_m,
            "walk_limit_m": rules.max_walk_limit_m,
            "ride_factor": rules.ride_factor,
            "ride_extra_s": rules.ride_extra_s,
            "no_show_after_s": rules.no_show_after_s,
            "offer_valid_s": rules.offer_valid_s,
            "party_seats_max": rules.party_seats_max,
            "party_wheelchairs_max": rules.party_wheelchairs_max,
        },
        "fares": {"currency": "EUR", **asdict(config.fares)},
        "map": {
            "center": list(config.map_center),
            "zoom": config.map_zoom,
            "attribution": roads.attribution,
            "licence": roads.licence,
            "network": roads.name,
            "extract_date": roads.extract_date or None,
            "schematic": roads.schematic,
            "hint": roads.replace_hint if roads.schematic else None,
        },
        "area": settings.area,
    }


def _days_ahead(now: str, days: int) -> str:
    return (datetime.fromisoformat(now).date() + timedelta(days=days)).isoformat()


@router.get("/stops", summary="All stops", responses=answers(Stops))
async def stops(settings: Settings) -> dict[str, Any]:
    """The stops at which riders may board and alight; some may be closed now."""
    closed: frozenset[str] = frozenset()
    with suppress(StoreError):  # the list is worth having even if nobody knows what is closed
        closed = closed_stop_ids(await settings.gateway.closures(), settings.now())
    known = (stop for stop in settings.stops if stop.bookable)
    return {"stops": [stop_view(stop, closed=stop.id in closed) for stop in known]}


@health_router.get(
    "/healthz", summary="Is it well?", responses=answers(Health) | answers(Health, 503)
)
async def healthz(settings: Settings, response: Response) -> dict[str, Any]:
    """200 if rides can be booked, else 503; `parts` says what is missing.

    Without Redis, bookings still work: that is reported, but it is not unhealthy.
    """
    parts = await settings.gateway.health()
    parts["clock"] = {"kind": settings.clock_kind, "rate": settings.clock_rate}
    well = parts["database"] == "up" and parts["dispatcher"]["status"] == "up"
    if not well:
        response.status_code = 503
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return {"status": "ok" if well else "unavailable", "parts": parts}
