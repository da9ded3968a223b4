"""Bookings: taking an offer, following the ride, giving it up. The unguessable id is the key."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from sse_starlette import EventSourceResponse

from dispatch.api.models import ID_PATTERN, BookingIn
from dispatch.api.present import booking_now
from dispatch.api.problems import language_of
from dispatch.api.replies import AnySender
from dispatch.api.schemas import Booking, LiveBooking, answers
from dispatch.api.security import AnyCaller, Settings
from dispatch.api.streams import booking_events, stream
from dispatch.domain.commands import AcceptOffer, CancelBooking
from dispatch.live.gateway import Contact

router = APIRouter(prefix="/bookings", tags=["riders"])

BookingId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.post("", status_code=201, summary="Take an offer", responses=answers(Booking, 201))
async def book(
    request: Request, response: Response, sender: AnySender, wish: BookingIn
) -> dict[str, Any]:
    """Turns an offer into a booking; from here on the promise is binding."""
    who = wish.contact
    language = who.language or language_of(request.headers.get("accept-language"))
    contact = Contact(who.name, who.phone, who.email, language, who.channel)
    command = AcceptOffer(wish.offer_id, rider_id="")  # the gateway makes it, beside the contact
    body = await sender.send(command, contact)
    response.headers["Location"] = f"/api/v1/bookings/{body['id']}"
    return body


@router.get("/{booking_id}", summary="See a booking", responses=answers(LiveBooking))
async def get_booking(settings: Settings, booking_id: BookingId) -> dict[str, Any]:
    """The booking with the promise, the present estimate, and where the ride stands (`live`)."""
    return await booking_now(settings, booking_id)


@router.delete("/{booking_id}", summary="Give a booking up", responses=answers(Booking))
async def cancel(caller: AnyCaller, sender: AnySender, booking_id: BookingId) -> dict[str, Any]:
    """Possible until boarding; the places are free for others at once."""
    by = "control" if caller.is_control else "rider"
    return await sender.send(CancelBooking(booking_id, by))


@router.get("/{booking_id}/events", summary="Follow a booking", response_class=EventSourceResponse)
async def follow(settings: Settings, booking_id: BookingId) -> EventSourceResponse:
    """Server-sent events named `booking`, each the whole booking; ends with the ride."""
    first = await booking_now(settings, booking_id)
    return stream(booking_events(settings, booking_id, first))
