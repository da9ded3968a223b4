"""Booking by telephone: who is calling, what to read to them, and giving up by short code."""

import hmac
import re
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response

from dispatch.api.life_models import CodeCancelIn
from dispatch.api.messages import ApiCode
from dispatch.api.models import ID_PATTERN
from dispatch.api.present import with_refusal_message
from dispatch.api.problems import ProblemError, language_of
from dispatch.api.replies import AnySender
from dispatch.api.schemas import answers
from dispatch.api.schemas.life import BookedBy, BookingsByCode, Caller, CancelledByCode, ReadBack
from dispatch.api.security import ControlCaller, Settings
from dispatch.api.series import localised, series_bodies
from dispatch.api.settings import ApiSettings
from dispatch.domain.commands import CancelBooking
from dispatch.domain.errors import ErrorCode
from dispatch.domain.model import Booking
from dispatch.domain.phone import e164
from dispatch.live.gateway import Contact
from dispatch.read_back import read_back, spelled
from dispatch.town import Json
from dispatch.views import booking_view, request_view

router = APIRouter(tags=["telephone"])

_WINDOW_S: Final = 900
_PER_CODE: Final = 5
_PER_CALLER: Final = 20
_IN_ALL: Final = 500
_NO_DIGITS: Final = re.compile(r"[^0-9]")

Code = Annotated[str, Path(pattern=r"^[A-Za-z0-9 -]{4,12}$")]


def _plain(code: str) -> str:
    """A short code as it is stored, however it was typed."""
    return re.sub(r"[ -]", "", code).upper()


@router.get("/bookings/by-code/{code}", summary="Find a booking", responses=answers(BookingsByCode))
async def by_code(settings: Settings, _caller: ControlCaller, code: Code) -> dict[str, Any]:
    """By the short code that a caller reads out; the open bookings first."""
    found = await settings.gateway.bookings_by_code(_plain(code))
    if not found:
        raise ProblemError(ErrorCode.BOOKING_NOT_FOUND)
    return {"bookings": [await _view(settings, booking) for booking in found]}


@router.post(
    "/bookings/by-code/{code}/cancel",
    summary="Give a booking up by its code",
    responses=answers(CancelledByCode),
)
async def cancel_by_code(
    request: Request, settings: Settings, sender: AnySender, code: Code, proof: CodeCancelIn
) -> dict[str, Any]:
    """Needs the last four digits of the phone number, or the name, beside the code.

    A wrong code and a wrong proof are one answer, and after some of them there is a pause.
    """
    gateway, plain = settings.gateway, _plain(code)
    host = request.client.host if request.client is not None else "unknown"
    limits = ((f"code:{plain}", _PER_CODE), (f"from:{host}", _PER_CALLER), ("all", _IN_ALL))
    if not await gateway.attempt(limits, _WINDOW_S):
        raise ProblemError(ApiCode.TOO_MANY_ATTEMPTS)
    for booking in await gateway.bookings_by_code(plain):
        contact = await gateway.contact(booking.rider_id)
        if contact is None or not _proves(proof, contact):
            continue
        try:
            answer = await _give_up(sender, booking)
        except ProblemError:
            if booking.status.is_open:
                raise
            continue
        await gateway.forgive(limits)
        return answer
    raise ProblemError(ApiCode.NOT_CONFIRMED)


async def _give_up(sender: AnySender, booking: Booking) -> Json:
    """Cancel what the code stands for; the answer has no id, which would be a key to more.

    One that is over is refused, unless the key says that this is a repetition of what ended it.
    """
    body = await sender.send(CancelBooking(booking.id, "rider"))
    late = bool(body.get("cancelled_late"))
    return {"code": booking.code, "status": "cancelled", "cancelled_late": late}


def _proves(proof: CodeCancelIn, contact: Contact) -> bool:
    """Whether somebody knows what only the rider and we should know."""
    if proof.phone_digits is not None:
        digits = _NO_DIGITS.sub("", contact.phone or "")[-4:]
        return len(digits) == len(proof.phone_digits) and _same(digits, proof.phone_digits)
    stored = " ".join(contact.name.casefold().split())
    said = " ".join((proof.name or "").casefold().split())
    return _same(stored, said) or _same(stored.rpartition(" ")[2], said)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


@router.get("/riders", summary="Who is calling?", responses=answers(Caller))
async def riders(
    request: Request,
    response: Response,
    settings: Settings,
    _caller: ControlCaller,
    phone: Annotated[str, Query(min_length=5, max_length=30)],
) -> dict[str, Any]:
    """The people known by a phone number, with their last trips and standing orders.

    Each of them can be booked for by `rider_id`.
    """
    number = e164(phone)
    if number is None:
        error = {"location": "query/phone", "type": "phone", "message": "not a phone number"}
        raise ProblemError(ApiCode.INVALID_REQUEST, errors=[error])
    gateway, town = settings.gateway, settings.town
    known = await gateway.riders_by_phone(number)
    ids = [rider.id for rider in known]
    trips = await gateway.last_bookings(ids)
    requests = await gateway.requests(booking.request_id for booking in trips)
    people = {" ".join(rider.name.casefold().split()): rider for rider in reversed(known)}
    shown = sorted(people.values(), key=lambda rider: rider.created_at, reverse=True)
    orders = await gateway.all_series(ids) if ids else []
    return {
        "phone": number,
        "riders": [
            {
                "rider_id": rider.id,
                "name": rider.name,
                "phone": rider.phone,
                "email": rider.email,
                "last_seen": rider.created_at.isoformat(),
            }
            for rider in shown
        ],
        "trips": [
            {
                "booking": await _view(settings, booking),
                "request": request_view(requests[booking.request_id], town)
                if booking.request_id in requests
                else None,
            }
            for booking in trips
        ],
        "series": [
            localised(request, response, body) for body in await series_bodies(settings, orders)
        ],
    }


@router.get(
    "/bookings/{booking_id}/read-back", summary="What to read out", responses=answers(ReadBack)
)
async def what_to_read(
    request: Request,
    response: Response,
    settings: Settings,
    _caller: ControlCaller,
    booking_id: Annotated[str, Path(pattern=ID_PATTERN)],
) -> dict[str, Any]:
    """The promise in sentences, with the short code spelled; in the language asked for."""
    booking = await settings.gateway.booking(booking_id)
    if booking is None:
        raise ProblemError(ErrorCode.BOOKING_NOT_FOUND)
    language = language_of(request.headers.get("accept-language"))
    response.headers["Content-Language"] = language
    return {
        "language": language,
        "text": read_back(booking, settings.town, language),
        "code_spelled": spelled(booking.code, language),
    }


@router.get("/bookings/{booking_id}/rider", summary="Whose it is", responses=answers(BookedBy))
async def whose(
    request: Request,
    settings: Settings,
    _caller: ControlCaller,
    booking_id: Annotated[str, Path(pattern=ID_PATTERN)],
) -> dict[str, Any]:
    """Whom to ask for or call back, and the wish behind the booking, to be changed or repeated."""
    gateway = settings.gateway
    booking = await gateway.booking(booking_id)
    if booking is None:
        raise ProblemError(ErrorCode.BOOKING_NOT_FOUND)
    contact = await gateway.contact(booking.rider_id)
    wish = (await gateway.requests([booking.request_id])).get(booking.request_id)
    language = language_of(request.headers.get("accept-language"))
    return {
        "rider_id": booking.rider_id,
        "name": None if contact is None else contact.name,
        "phone": None if contact is None else contact.phone,
        "email": None if contact is None else contact.email,
        "request": None
        if wish is None
        else with_refusal_message(request_view(wish, settings.town), language),
    }


async def _view(settings: ApiSettings, booking: Booking) -> Json:
    shift = await settings.gateway.shift(booking.shift_id)
    return booking_view(booking, shift, settings.town)
