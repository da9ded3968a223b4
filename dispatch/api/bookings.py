"""Bookings: taking an offer, following the ride, giving it up. The unguessable id is the key."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from sse_starlette import EventSourceResponse

from dispatch.api.life_models import CancelReason
from dispatch.api.models import ID_PATTERN, BookingIn
from dispatch.api.present import booking_now
from dispatch.api.replies import AnySender
from dispatch.api.rider_of import contact_of, known_rider
from dispatch.api.schemas import Booking, LiveBooking, answers
from dispatch.api.security import AnyCaller, Settings
from dispatch.api.streams import booking_events, stream
from dispatch.domain.commands import AcceptOffer, CancelBooking

router = APIRouter(prefix="/bookings", tags=["riders"])

BookingId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.post("", status_code=201, summary="Take an offer", responses=answers(Booking, 201))
async def book(
    response: Response, settings: Settings, caller: AnyCaller, sender: AnySender, wish: BookingIn
) -> dict[str, Any]:
    """Turns an offer into a booking, or changes the booking that it `replaces`.

    From here on the promise is binding.
    """
    # without one, the gateway makes it, beside the contact
    rider_id = await known_rider(settings, caller, wish.rider_id)
    body = await sender.send(AcceptOffer(wish.offer_id, rider_id), contact_of(wish.contact))
    response.headers["Location"] = f"/api/v1/bookings/{body['id']}"
    return body


@router.get("/{booking_id}", summary="See a booking", responses=answers(LiveBooking))
async def get_booking(settings: Settings, booking_id: BookingId) -> dict[str, Any]:
    """The booking with the promise, the present estimate, and where the ride stands (`live`)."""
    return await booking_now(settings, booking_id)


@router.delete("/{booking_id}", summary="Give a booking up", responses=answers(Booking))
async def cancel(
    caller: AnyCaller,
    sender: AnySender,
    booking_id: BookingId,
    reason: Annotated[CancelReason | None, Query()] = None,
) -> dict[str, Any]:
    """Possible until boarding; the places are free for others at once.

    Too short before the pick-up, it is recorded as `cancelled_late`.
    """
    by = "control" if caller.is_control else "rider"
    return await sender.send(CancelBooking(booking_id, by, reason))


@router.get("/{booking_id}/events", summary="Follow a booking", response_class=EventSourceResponse)
async def follow(settings: Settings, booking_id: BookingId) -> EventSourceResponse:
    """Server-sent events named `booking`, each the whole booking; ends with the ride."""
    first = await booking_now(settings, booking_id)
    return stream(booking_events(settings, booking_id, first))
