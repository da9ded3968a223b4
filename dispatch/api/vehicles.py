"""What vehicles report: positions, arrivals, who got on and off, the beginning and end of work."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from dispatch.api.models import ID_PATTERN, PositionIn, Positions
from dispatch.api.replies import carry_out
from dispatch.api.security import Settings, VehicleCaller
from dispatch.domain.commands import (
    EndShift,
    ReportAlighted,
    ReportArrived,
    ReportBoarded,
    ReportNoShow,
    ReportPosition,
    StartShift,
)
from dispatch.domain.errors import DomainError, ErrorCode

router = APIRouter(tags=["vehicles"])

Id = Annotated[str, Path(pattern=ID_PATTERN)]
_FUTURE_S = 60


@router.post("/vehicles/{vehicle_id}/positions", status_code=202, summary="Report positions")
async def positions(
    settings: Settings, _caller: VehicleCaller, vehicle_id: Id, body: Positions
) -> dict[str, Any]:
    """One position or a list; only the newest matters, the others are accepted and forgotten."""
    if settings.config.vehicle(vehicle_id) is None:
        raise DomainError(ErrorCode.VEHICLE_NOT_FOUND, f"no vehicle {vehicle_id}")
    fixes = [body] if isinstance(body, PositionIn) else body
    newest = max(fixes, key=lambda fix: fix.at)
    if newest.at > settings.now() + _FUTURE_S:
        raise DomainError(ErrorCode.POSITION_IN_FUTURE, "a position from the future")
    report = ReportPosition(vehicle_id, newest.lon, newest.lat, newest.at)
    await settings.gateway.report_position(report)
    return {"accepted": len(fixes)}


@router.post("/vehicles/{vehicle_id}/visits/{visit_id}/arrived", summary="Report an arrival")
async def arrived(
    request: Request, settings: Settings, caller: VehicleCaller, vehicle_id: Id, visit_id: Id
) -> dict[str, Any]:
    """The vehicle halts at the stop of its next visit."""
    return await carry_out(request, settings, caller, ReportArrived(vehicle_id, visit_id))


@router.post("/bookings/{booking_id}/boarded", summary="Riders are on board")
async def boarded(
    request: Request, settings: Settings, caller: VehicleCaller, booking_id: Id
) -> dict[str, Any]:
    """A booking's riders got on at the stop where the vehicle stands."""
    return await carry_out(request, settings, caller, ReportBoarded(booking_id))


@router.post("/bookings/{booking_id}/alighted", summary="Riders have left")
async def alighted(
    request: Request, settings: Settings, caller: VehicleCaller, booking_id: Id
) -> dict[str, Any]:
    """A booking's riders got off; the ride is complete."""
    return await carry_out(request, settings, caller, ReportAlighted(booking_id))


@router.post("/bookings/{booking_id}/no-show", summary="Riders did not come")
async def no_show(
    request: Request, settings: Settings, caller: VehicleCaller, booking_id: Id
) -> dict[str, Any]:
    """Nobody came within the waiting time at the stop."""
    return await carry_out(request, settings, caller, ReportNoShow(booking_id))


@router.post("/vehicles/{vehicle_id}/shifts/{shift_id}/start", summary="Begin a shift")
async def start_shift(
    request: Request, settings: Settings, caller: VehicleCaller, vehicle_id: Id, shift_id: Id
) -> dict[str, Any]:
    """A driver begins a planned shift."""
    return await carry_out(request, settings, caller, StartShift(vehicle_id, shift_id))


@router.post("/vehicles/{vehicle_id}/shifts/{shift_id}/end", summary="End a shift")
async def end_shift(
    request: Request, settings: Settings, caller: VehicleCaller, vehicle_id: Id, shift_id: Id
) -> dict[str, Any]:
    """A driver ends a shift whose plan is empty."""
    return await carry_out(request, settings, caller, EndShift(vehicle_id, shift_id))
