"""Puts the views together from the truth and the present; everything that a GET answers."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

from fastapi.concurrency import run_in_threadpool

from dispatch.api.messages import Language, refusal_message
from dispatch.api.problems import ProblemError
from dispatch.api.settings import ApiSettings
from dispatch.domain.closures import Closure, roads_closed
from dispatch.domain.errors import ErrorCode
from dispatch.domain.model import Booking, Shift, ShiftStatus, Visit
from dispatch.fleet_views import with_outages
from dispatch.place_views import whereabouts
from dispatch.town import Json, Located
from dispatch.views import booking_view, fleet_view, live_view, plan_view

_NOT_OVER: Final = (ShiftStatus.PLANNED, ShiftStatus.ACTIVE)
_DIGITS: Final = 5  # about a metre: enough for a line on a map


def with_refusal_message(body: Json, language: Language) -> Json:
    """A ride request whose refusal says why in the client's language."""
    refusal = body.get("refusal")
    if refusal is None:
        return body
    message = refusal_message(refusal["code"], language)
    return {**body, "refusal": {**refusal, "message": message}}


async def positions_by_vehicle(settings: ApiSettings) -> dict[str, Located]:
    """The last reported position of every vehicle on duty."""
    fixes = await settings.gateway.vehicle_fixes()
    return {known.vehicle_id: known.fix for known in fixes.values()}


async def booking_now(settings: ApiSettings, booking_id: str) -> Json:
    """A booking with where its ride stands.

    Raises:
        ProblemError: `booking_not_found`.
    """
    booking = await settings.gateway.booking(booking_id)
    if booking is None:
        raise ProblemError(ErrorCode.BOOKING_NOT_FOUND)
    shift = await settings.gateway.shift(booking.shift_id)
    town = settings.town
    position: Located | None = None
    if booking.status.is_open and shift is not None and shift.status is ShiftStatus.ACTIVE:
        position = whereabouts(shift, await settings.gateway.position(shift.id))
    live = live_view(booking, shift, position, settings.now(), town)
    shown = live["vehicle_position"]
    start = None if shown is None else (shown["lon"], shown["lat"])
    route = await _ride_route(settings, booking, shift, start)
    return {**booking_view(booking, shift, town), "live": live, "route": route}


async def _ride_route(
    settings: ApiSettings,
    booking: Booking,
    shift: Shift | None,
    start: tuple[float, float] | None,
) -> list[list[float]]:
    """The way this rider is concerned with: from the vehicle if it is shown, to the drop-off."""
    if shift is None or not booking.status.is_open:
        return []
    own = [
        index
        for index, visit in enumerate(shift.visits)
        if any(action.booking_id == booking.id for action in visit.actions)
    ]
    if not own:
        return []
    first = 0 if start is not None else own[0]
    halts = _halts(shift.visits[first : own[-1] + 1])
    return await route(
        settings, start, halts, roads_closed_for(shift, await closures_now(settings))
    )


def _halts(visits: Iterable[Visit]) -> list[str]:
    """The stops of visits; for a break the vehicle stays where it is."""
    return [stop_id for stop_id, _ in groupby(visit.stop_id for visit in visits)]


async def closures_now(settings: ApiSettings) -> dict[str, Closure]:
    """The closures that are not over, by id."""
    return {closure.id: closure for closure in await settings.gateway.closures()}


def roads_closed_for(shift: Shift, closures: Mapping[str, Closure]) -> list[Closure]:
    """The road closures around which a shift's plan leads."""
    return roads_closed(closures, shift.start_s, shift.end_s)


async def route(
    settings: ApiSettings,
    start: tuple[float, float] | None,
    stop_ids: Sequence[str],
    closed: Sequence[Closure] = (),
) -> list[list[float]]:
    """The way through stops, `[[lon, lat], …]`: along open roads if we know how, else straight."""
    if settings.roads_desk is not None:
        line = await run_in_threadpool(settings.roads_desk.line, start, stop_ids, closed)
    else:
        known = (settings.town.stops.get(stop_id) for stop_id in stop_ids)
        line = [[stop.lon, stop.lat] for stop in known if stop is not None]
        if start is not None:
            line.insert(0, list(start))
    return [[round(lon, _DIGITS), round(lat, _DIGITS)] for lon, lat in line]


async def fleet_now(settings: ApiSettings) -> Json:
    """The fleet as the control room sees it."""
    gateway = settings.gateway
    shifts = await gateway.shifts([ShiftStatus.ACTIVE])
    bookings = await gateway.open_bookings()
    positions = await positions_by_vehicle(settings)
    stale_s = settings.config.rules.position_stale_s
    body = fleet_view(shifts, bookings, positions, settings.now(), settings.town, stale_s)
    return with_outages(body, await gateway.outages(), bookings, settings.town)


async def plan_now(settings: ApiSettings, *, routes: bool) -> Json:
    """All shifts with their visits, and the open bookings.

    Args:
        settings: the application's.
        routes: also give each active shift its way along the roads, as `route`.
    """
    gateway = settings.gateway
    shifts = await gateway.shifts(_NOT_OVER)
    body = plan_view(shifts, await gateway.open_bookings(), settings.now(), settings.town)
    body = with_outages(body, await gateway.outages(), (), settings.town)
    if routes:
        positions = await positions_by_vehicle(settings)
        by_id = {shift.id: shift for shift in shifts}
        closures = await closures_now(settings)
        for entry in body["shifts"]:
            shift = by_id[entry["id"]]
            entry["route"] = await _shift_route(settings, shift, positions, closures)
    return body


async def manifest_now(settings: ApiSettings, vehicle_id: str) -> Json:
    """What one vehicle has to do: its shifts that are not over, with their visits."""
    gateway = settings.gateway
    shifts = await gateway.shifts(_NOT_OVER, vehicle_id=vehicle_id)
    wanted = {a.booking_id for s in shifts for v in s.visits for a in v.actions}
    bookings = (await gateway.bookings(wanted)).values()
    body = plan_view(shifts, bookings, settings.now(), settings.town)
    out = {key: o for key, o in (await gateway.outages()).items() if key == vehicle_id}
    return with_outages(body, out, (), settings.town)


async def _shift_route(
    settings: ApiSettings,
    shift: Shift,
    positions: Mapping[str, Located],
    closures: Mapping[str, Closure],
) -> list[list[float]]:
    if shift.status is not ShiftStatus.ACTIVE or not shift.visits:
        return []
    place = whereabouts(shift, positions.get(shift.vehicle_id))
    start = None if shift.current_visit else (place.lon, place.lat)
    return await route(settings, start, _halts(shift.visits), roads_closed_for(shift, closures))
