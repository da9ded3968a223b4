"""A booking's later life, for the control room: changed, kept on a vehicle, moved to another."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from dispatch.api.life_models import ChangeIn, MoveIn, MovePreviewIn
from dispatch.api.messages.life import obstacle_message
from dispatch.api.models import ID_PATTERN
from dispatch.api.places import spot_of
from dispatch.api.present import with_refusal_message
from dispatch.api.problems import language_of
from dispatch.api.replies import AnySender
from dispatch.api.schemas import Booking, answers
from dispatch.api.schemas.life import Changed, MovePreview
from dispatch.api.security import ControlCaller, Settings
from dispatch.domain.booking_commands import (
    ChangeBooking,
    MoveBooking,
    PinBooking,
    PreviewMove,
    UnpinBooking,
)
from dispatch.domain.life import PlanVersion

router = APIRouter(prefix="/bookings/{booking_id}", tags=["control room"])

BookingId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.post("/change", summary="Change a booking at once", responses=answers(Changed))
async def change(
    request: Request,
    response: Response,
    settings: Settings,
    _caller: ControlCaller,
    sender: AnySender,
    booking_id: BookingId,
    wish: ChangeIn,
) -> dict[str, Any]:
    """The booking has other terms, or stays as it is and the refusal says why.

    Riders do it in two steps: ask with `replaces`, then take an offer.
    """
    command = ChangeBooking(
        booking_id,
        by="control",
        origin=None if wish.origin is None else spot_of(settings, wish.origin, "origin"),
        destination=None
        if wish.destination is None
        else spot_of(settings, wish.destination, "destination"),
        party=None if wish.party is None else wish.party.to_domain(),
        depart_at_s=wish.depart_at,
        arrive_by_s=wish.arrive_by,
    )
    body = await sender.send(command)
    language = language_of(request.headers.get("accept-language"))
    response.headers["Content-Language"] = language
    return body | {"request": with_refusal_message(body["request"], language)}


@router.post("/pin", summary="Keep a booking on its vehicle", responses=answers(Booking))
async def pin(_caller: ControlCaller, sender: AnySender, booking_id: BookingId) -> dict[str, Any]:
    """Neither the optimiser nor anybody's new booking moves it to another vehicle."""
    return await sender.send(PinBooking(booking_id))


@router.delete("/pin", summary="Let a booking change vehicles", responses=answers(Booking))
async def unpin(_caller: ControlCaller, sender: AnySender, booking_id: BookingId) -> dict[str, Any]:
    """It may be moved again."""
    return await sender.send(UnpinBooking(booking_id))


@router.post("/move-preview", summary="Weigh a move", responses=answers(MovePreview))
async def preview(
    request: Request,
    response: Response,
    _caller: ControlCaller,
    sender: AnySender,
    booking_id: BookingId,
    wish: MovePreviewIn,
) -> dict[str, Any]:
    """What would happen if another shift carried the booking; nothing changes."""
    body = await sender.send(PreviewMove(booking_id, wish.shift_id))
    language = language_of(request.headers.get("accept-language"))
    response.headers["Content-Language"] = language
    return body | {"message": obstacle_message(body["obstacle"], language)}


@router.post("/move", summary="Move a booking", responses=answers(Booking))
async def move(
    _caller: ControlCaller, sender: AnySender, booking_id: BookingId, wish: MoveIn
) -> dict[str, Any]:
    """Another shift carries it, on the plans that the preview saw, else `preview_stale`."""
    versions = tuple(PlanVersion(v.shift_id, v.version) for v in wish.versions)
    command = MoveBooking(booking_id, wish.shift_id, versions, force=wish.force, pin=wish.pin)
    return await sender.send(command)
