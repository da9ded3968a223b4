"""What happens on the day: outages, swaps, breaks, unusable stops, riders at the door."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path

from dispatch.api.models import ID_PATTERN, Identifier, Instant, PartyIn, PlaceIn, Strict
from dispatch.api.places import spot_of
from dispatch.api.replies import AnySender
from dispatch.api.schemas import Booking, ConcernedBookings, DriverBreak, FleetChange, answers
from dispatch.api.security import Settings, VehicleCaller
from dispatch.domain.commands import (
    PostponeBreak,
    ReportNotServed,
    ReturnToService,
    SwapVehicle,
    TakeBreak,
    TakeOutOfService,
    WalkOn,
)

router = APIRouter(tags=["day of operation"])

Id = Annotated[str, Path(pattern=ID_PATTERN)]
OutReasonIn = Literal["breakdown", "accident", "no_driver", "soiled", "other"]
NotServedReasonIn = Literal["road_blocked", "stop_unusable", "other"]


class OutOfServiceIn(Strict):
    """Why a vehicle cannot go on."""

    reason: OutReasonIn


class SwapIn(Strict):
    """Which vehicle takes over, and why."""

    spare_vehicle_id: Identifier
    reason: OutReasonIn = "other"


class PostponeIn(Strict):
    """When the break may begin at the earliest."""

    until: Instant


class NotServedIn(Strict):
    """Why a stop cannot be used; with `stop_id`, only if it is that stop."""

    reason: NotServedReasonIn
    stop_id: Identifier | None = None


class WalkOnIn(Strict):
    """Who gets on where the vehicle stands, and where they want to go."""

    destination: PlaceIn
    party: PartyIn = PartyIn()


@router.post(
    "/vehicles/{vehicle_id}/out-of-service",
    summary="Take a vehicle out of service",
    responses=answers(FleetChange),
)
async def out_of_service(
    _caller: VehicleCaller, sender: AnySender, vehicle_id: Id, body: OutOfServiceIn
) -> dict[str, Any]:
    """Its riders get other vehicles; those on board wait at the nearest stop for one."""
    return await sender.send(TakeOutOfService(vehicle_id, body.reason))


@router.post(
    "/vehicles/{vehicle_id}/back-in-service",
    summary="Put a vehicle back in service",
    responses=answers(FleetChange),
)
async def back_in_service(
    _caller: VehicleCaller, sender: AnySender, vehicle_id: Id
) -> dict[str, Any]:
    """The vehicle goes on from where it is."""
    return await sender.send(ReturnToService(vehicle_id))


@router.post(
    "/vehicles/{vehicle_id}/swap",
    summary="Let another vehicle take over",
    responses=answers(FleetChange),
)
async def swap(
    _caller: VehicleCaller, sender: AnySender, vehicle_id: Id, body: SwapIn
) -> dict[str, Any]:
    """What is left of the vehicle's day is driven with another one, from its depot.

    With riders on board this is a rescue: the vehicle goes out of service.
    """
    return await sender.send(SwapVehicle(vehicle_id, body.spare_vehicle_id, body.reason))


@router.post(
    "/vehicles/{vehicle_id}/breaks/now",
    summary="Take the next break now",
    responses=answers(DriverBreak),
)
async def break_now(_caller: VehicleCaller, sender: AnySender, vehicle_id: Id) -> dict[str, Any]:
    """At once, or at the nearest stop; `break_not_now` says in `wait_s` when it is possible."""
    return await sender.send(TakeBreak(vehicle_id))


@router.post(
    "/vehicles/{vehicle_id}/breaks/postpone",
    summary="Put the next break off",
    responses=answers(DriverBreak),
)
async def postpone_break(
    _caller: VehicleCaller, sender: AnySender, vehicle_id: Id, body: PostponeIn
) -> dict[str, Any]:
    """As far as the law and everybody's promises allow."""
    return await sender.send(PostponeBreak(vehicle_id, body.until))


@router.post(
    "/vehicles/{vehicle_id}/walk-ons",
    status_code=201,
    summary="Riders without a booking get on",
    responses=answers(Booking, 201),
)
async def walk_on(
    settings: Settings, _caller: VehicleCaller, sender: AnySender, vehicle_id: Id, body: WalkOnIn
) -> dict[str, Any]:
    """Where the vehicle stands, if there is room and nobody's promise is broken."""
    spot = spot_of(settings, body.destination, "destination")
    return await sender.send(WalkOn(vehicle_id, spot, body.party.to_domain()))


@router.post(
    "/vehicles/{vehicle_id}/visits/{visit_id}/not-served",
    summary="A visit cannot be made",
    responses=answers(ConcernedBookings),
)
async def visit_not_served(
    _caller: VehicleCaller, sender: AnySender, vehicle_id: Id, visit_id: Id, body: NotServedIn
) -> dict[str, Any]:
    """All its riders get on or off at the nearest other stop."""
    command = ReportNotServed(
        body.reason, visit_id=visit_id, stop_id=body.stop_id, vehicle_id=vehicle_id
    )
    return await sender.send(command)


@router.post(
    "/bookings/{booking_id}/not-served",
    summary="A booking's stop cannot be used",
    responses=answers(ConcernedBookings),
)
async def not_served(
    _caller: VehicleCaller, sender: AnySender, booking_id: Id, body: NotServedIn
) -> dict[str, Any]:
    """Who waits is picked up, who is on board is set down, at the nearest other stop."""
    command = ReportNotServed(body.reason, booking_id=booking_id, stop_id=body.stop_id)
    return await sender.send(command)
