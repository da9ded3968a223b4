"""For whom something is booked: a new contact, or (control room) a rider who is known already."""

from dispatch.api.messages import ApiCode
from dispatch.api.models import ContactIn
from dispatch.api.problems import ProblemError
from dispatch.api.security import Caller
from dispatch.api.settings import ApiSettings
from dispatch.live.gateway import Contact


def contact_of(contact: ContactIn | None) -> Contact | None:
    """Personal data as the gateway takes it."""
    if contact is None:
        return None
    return Contact(contact.name, contact.phone, contact.email, contact.language, contact.channel)


async def known_rider(settings: ApiSettings, caller: Caller, rider_id: str | None) -> str:
    """The id of a known rider; empty without one.

    Raises:
        ProblemError: not the control room (`forbidden`), or nobody known (`rider_not_found`).
    """
    if rider_id is None:
        return ""
    if not caller.is_control:
        raise ProblemError(ApiCode.FORBIDDEN)
    if await settings.gateway.contact(rider_id) is None:
        raise ProblemError(ApiCode.RIDER_NOT_FOUND)
    return rider_id
