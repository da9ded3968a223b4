"""How riders are told: language, channel and browsers by booking; for control, what was told."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response

from dispatch.api.bookings import BookingId
from dispatch.api.messages import ApiCode
from dispatch.api.models import ID_PATTERN, PreferencesIn, PushEndpointIn, PushSubscriptionIn
from dispatch.api.problems import ProblemError
from dispatch.api.schemas import Preferences as PreferencesOut
from dispatch.api.schemas import PushKey, RiderMessages, answers
from dispatch.api.security import ControlCaller, Settings
from dispatch.api.settings import ApiSettings
from dispatch.domain.errors import ErrorCode
from dispatch.live.recipients import MessageRecord, Preferences
from dispatch.messaging.vapid import fresh_pem, is_usable, public_key
from dispatch.store.recipients import Subscription

router = APIRouter()
_MESSAGES_MAX: Final = 500
State = Literal["pending", "sent", "superseded", "expired", "dead", "no_recipient", "no_channel"]


async def _rider_of(settings: ApiSettings, booking_id: str) -> str:
    booking = await settings.gateway.booking(booking_id)
    if booking is None:
        raise ProblemError(ErrorCode.BOOKING_NOT_FOUND)
    return booking.rider_id


async def _preferences(settings: ApiSettings, rider_id: str) -> Preferences:
    found = await settings.gateway.recipients.preferences(rider_id)
    if found is None:
        raise ProblemError(ApiCode.CONTACT_ERASED)
    return found


def _available(settings: ApiSettings, known: Preferences) -> list[str]:
    """What may be chosen, in the order in which it is used when nothing is chosen."""
    return [
        *(["email"] if known.has_email else []),
        *(["sms"] if known.has_phone and settings.messages.sms else []),
        *(["push"] if known.subscriptions and settings.messages.push else []),
        "none",
    ]


def _view(settings: ApiSettings, known: Preferences) -> dict[str, Any]:
    available = _available(settings, known)
    usual = next(channel for channel in available if channel != "push")
    return {
        "language": known.language,
        "channel": known.channel,
        "effective": known.channel if known.channel in available else usual,
        "available": available,
        "push_subscriptions": known.subscriptions,
    }


@router.get(
    "/bookings/{booking_id}/notifications",
    tags=["riders"],
    summary="How the rider is told",
    responses=answers(PreferencesOut),
)
async def get_preferences(settings: Settings, booking_id: BookingId) -> dict[str, Any]:
    """Language and channel of the messages about a booking."""
    rider_id = await _rider_of(settings, booking_id)
    return _view(settings, await _preferences(settings, rider_id))


@router.patch(
    "/bookings/{booking_id}/notifications",
    tags=["riders"],
    summary="Change how the rider is told",
    responses=answers(PreferencesOut),
)
async def change_preferences(
    settings: Settings, booking_id: BookingId, wish: PreferencesIn
) -> dict[str, Any]:
    """Holds from the next message on. `channel: null` leaves the choice to the service."""
    rider_id = await _rider_of(settings, booking_id)
    known = await _preferences(settings, rider_id)
    if wish.channel is not None and wish.channel not in _available(settings, known):
        raise ProblemError(ApiCode.CHANNEL_UNAVAILABLE)
    await settings.gateway.recipients.prefer(
        rider_id,
        language=wish.language,
        channel=wish.channel,
        sets_channel="channel" in wish.model_fields_set,
    )
    return _view(settings, await _preferences(settings, rider_id))


@router.put(
    "/bookings/{booking_id}/push-subscription",
    tags=["riders"],
    summary="Tell the rider by this browser",
    responses=answers(PreferencesOut),
)
async def subscribe(
    settings: Settings, booking_id: BookingId, wish: PushSubscriptionIn
) -> dict[str, Any]:
    """Takes what a browser's `PushSubscription.toJSON()` gives; the channel becomes `push`."""
    push = settings.messages.push
    if push is None:
        raise ProblemError(ApiCode.PUSH_UNAVAILABLE)
    subscription = Subscription(wish.endpoint, wish.keys.p256dh, wish.keys.auth)
    if not push.allows(wish.endpoint) or not is_usable(subscription):
        raise ProblemError(ApiCode.SUBSCRIPTION_INVALID)
    rider_id = await _rider_of(settings, booking_id)
    if not await settings.gateway.recipients.subscribe(rider_id, subscription):
        raise ProblemError(ApiCode.CONTACT_ERASED)
    return _view(settings, await _preferences(settings, rider_id))


@router.delete(
    "/bookings/{booking_id}/push-subscription",
    tags=["riders"],
    summary="Forget this browser",
    status_code=204,
)
async def unsubscribe(settings: Settings, booking_id: BookingId, which: PushEndpointIn) -> Response:
    """After the last browser the rider is told by e-mail or SMS again."""
    rider_id = await _rider_of(settings, booking_id)
    await settings.gateway.recipients.unsubscribe(rider_id, which.endpoint)
    return Response(status_code=204)


@router.get("/push-key", tags=["service"], summary="The key for push", responses=answers(PushKey))
async def push_key(settings: Settings) -> dict[str, str]:
    """What a browser needs to subscribe; `push_unavailable` where there are no pushes."""
    if settings.messages.push is None:
        raise ProblemError(ApiCode.PUSH_UNAVAILABLE)
    pem = await settings.gateway.recipients.vapid_pem(fresh_pem())
    return {"public_key": public_key(pem)}


@router.get(
    "/messages",
    tags=["control room"],
    summary="What riders were told",
    responses=answers(RiderMessages),
)
async def messages(
    settings: Settings,
    _caller: ControlCaller,
    booking: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
    state: Annotated[list[State] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=_MESSAGES_MAX)] = 100,
) -> dict[str, Any]:
    """The newest first. Whom `dead`, `expired` and `no_channel` ones were for may want a call."""
    found = await settings.gateway.recipients.messages(
        booking_id=booking, states=state, limit=limit
    )
    return {"messages": [_record(settings, message) for message in found]}


def _record(settings: ApiSettings, message: MessageRecord) -> dict[str, Any]:
    def real(at: float | None) -> str | None:
        zone = settings.town.timezone
        return None if at is None else datetime.fromtimestamp(at, zone).isoformat()

    return {
        "id": message.id,
        "booking_id": message.booking_id,
        "kind": message.kind,
        "state": message.state,
        "channel": message.channel,
        "attempts": message.attempts,
        "decided_at": settings.town.time(message.at_s),
        "expires_at": settings.town.time(message.expires_at_s),
        "created_at": real(message.created_at),
        "finished_at": real(message.finished_at),
        "next_attempt_at": real(message.due_at),
        "error": message.error,
    }
