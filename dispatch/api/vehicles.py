"""What vehicles report: positions, arrivals, who got on and off, the beginning and end of work."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from dispatch.api.models import ID_PATTERN, BoardedIn, PositionIn, Positions
from dispatch.api.present import manifest_now
from dispatch.api.replies import AnySender
from dispatch.api.schemas import Accepted, Arrived, Booking, Plan, ShiftHead, answers
from dispatch.api.security import Settings, VehicleCaller
from dispatch.domain.commands import (
    TRAIL_MAX,
    EndShift,
    ReportAlighted,
    ReportArrived,
    ReportBoarded,
    ReportNoShow,
    ReportPosition,
    StartShift,
)
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import Sighting

router = APIRouter(tags=["vehicles"])

Id = Annotated[str, Path(pattern=ID_PATTERN)]
_FUTURE_S = 60


@router.get("/vehicles/{vehicle_id}/plan", summary="The manifest", responses=answers(Plan))
async def manifest(settings: Settings, _caller: VehicleCaller, vehicle_id: Id) -> dict[str, Any]:
    """What the vehicle has to do: its shifts that are not over, with visits and bookings."""
    if settings.config.vehicle(vehicle_id) is None:
        raise DomainError(ErrorCode.VEHICLE_NOT_FOUND, f"no vehicle {vehicle_id}")
    return await manifest_now(settings, vehicle_id)


@router.post(
    "/vehicles/{vehicle_id}/positions",
    status_code=202,
    summary="Report positions",
    responses=answers(Accepted, 202),
)
async def positions(
    settings: Settings, _caller: VehicleCaller, vehicle_id: Id, body: Positions
) -> dict[str, Any]:
    """One position or a list, in any order; the newest counts, the others tell the road to it.

    A position that no vehicle could have driven to since the one before counts only when the next
    one confirms it.
    """
    if settings.config.vehicle(vehicle_id) is None:
        raise DomainError(ErrorCode.VEHICLE_NOT_FOUND, f"no vehicle {vehicle_id}")
    fixes = [body] if isinstance(body, PositionIn) else body
    newest = max(fixes, key=lambda fix: fix.at)
    if newest.at > settings.now() + _FUTURE_S:
        raise DomainError(ErrorCode.POSITION_IN_FUTURE, "a position from the future")
    if not settings.is_near(newest.lon, newest.lat):
        raise DomainError(ErrorCode.POSITION_OUTSIDE_NETWORK, "a position far from here")
    earlier = sorted((fix for fix in fixes if fix.at < newest.at), key=lambda fix: fix.at)
    trail = [Sighting(f.at, f.lon, f.lat) for f in earlier if settings.is_near(f.lon, f.lat)]
    trail = trail[-TRAIL_MAX:]
    report = ReportPosition(vehicle_id, newest.lon, newest.lat, newest.at, tuple(trail))
    await settings.gateway.report_position(report)
    return {"accepted": len(fixes)}


@router.post(
    "/vehicles/{vehicle_id}/visits/{visit_id}/arrived",
    summary="Report an arrival",
    responses=answers(Arrived),
)
async def arrived(
    _caller: VehicleCaller, sender: AnySender, vehicle_id: Id, visit_id: Id
) -> dict[str, Any]:
    """The vehicle halts at the stop of its next visit."""
    return await sender.send(ReportArrived(vehicle_id, visit_id))


@router.post(
    "/bookings/{booking_id}/boarded", summary="Riders are on board", responses=answers(Booking)
)
async def boarded(
    _caller: VehicleCaller, sender: AnySender, booking_id: Id, body: BoardedIn | None = None
) -> dict[str, Any]:
    """A booking's riders got on at the stop where the vehicle stands.

    With a `party`, other people than were booked; `vehicle_full` if they do not fit.
    """
    party = None if body is None else body.party.to_domain()
    return await sender.send(ReportBoarded(booking_id, party))


@router.post(
    "/bookings/{booking_id}/alighted", summary="Riders have left", responses=answers(Booking)
)
async def alighted(_caller: VehicleCaller, sender: AnySender, booking_id: Id) -> dict[str, Any]:
    """A booking's riders got off; the ride is complete."""
    return await sender.send(ReportAlighted(booking_id))


@router.post(
    "/bookings/{booking_id}/no-show", summary="Riders did not come", responses=answers(Booking)
)
async def no_show(_caller: VehicleCaller, sender: AnySender, booking_id: Id) -> dict[str, Any]:
    """Nobody came within the waiting time at the stop."""
    return await sender.send(ReportNoShow(booking_id))


@router.post(
    "/vehicles/{vehicle_id}/shifts/{shift_id}/start",
    summary="Begin a shift",
    responses=answers(ShiftHead),
)
async def start_shift(
    _caller: VehicleCaller, sender: AnySender, vehicle_id: Id, shift_id: Id
) -> dict[str, Any]:
    """A driver begins a planned shift."""
    return await sender.send(StartShift(vehicle_id, shift_id))


@router.post(
    "/vehicles/{vehicle_id}/shifts/{shift_id}/end",
    summary="End a shift",
    responses=answers(ShiftHead),
)
async def end_shift(
    _caller: VehicleCaller, sender: AnySender, vehicle_id: Id, shift_id: Id
) -> dict[str, Any]:
    """A driver ends a shift whose plan is empty."""
    return await sender.send(EndShift(vehicle_id, shift_id))
