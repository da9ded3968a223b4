"""The web's way to how riders want to be told, and to what they have been told."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dispatch.store import outbox, recipients
from dispatch.store.recipients import SUBSCRIPTIONS_MAX, Subscription

Fetch = Callable[[Any, dict[str, Any]], Awaitable[list[tuple[Any, ...]]]]


@dataclass(frozen=True, slots=True)
class Preferences:
    """How a rider is told, and by what they could be told.

    Attributes:
        language: `de` or `en`.
        channel: What was chosen, None = as possible.
        has_email: Whether an address is known.
        has_phone: Whether a number is known.
        subscriptions: Browsers that take pushes.
    """

    language: str
    channel: str | None
    has_email: bool
    has_phone: bool
    subscriptions: int


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A message and what became of it; `…_at` are real epoch seconds."""

    id: str
    booking_id: str | None
    kind: str
    channel: str | None
    state: str
    attempts: int
    at_s: int
    expires_at_s: int
    created_at: float
    finished_at: float | None
    error: str | None
    due_at: float | None


class Recipients:
    """Reads and changes what is stored about riders as recipients.

    Args:
        fetch: Runs one statement that may be repeated.
        area: The service area.
    """

    def __init__(self, fetch: Fetch, area: str) -> None:
        self._fetch = fetch
        self._area = area

    async def preferences(self, rider_id: str) -> Preferences | None:
        """How a rider is told, None when erased."""
        rows = await self._fetch(recipients.PREFERENCES, self._of(rider_id))
        return Preferences(*rows[0]) if rows else None

    async def prefer(
        self, rider_id: str, *, language: str | None, channel: str | None, sets_channel: bool
    ) -> None:
        """Change how a rider is told.

        Args:
            rider_id: Who.
            language: None = as it is.
            channel: None = as possible.
            sets_channel: Whether the channel changes at all.
        """
        parameters = {"language": language, "channel": channel, "sets_channel": sets_channel}
        await self._fetch(recipients.PREFER, self._of(rider_id) | parameters)

    async def subscribe(self, rider_id: str, subscription: Subscription) -> bool:
        """Tell a rider by a browser from now on; False when erased."""
        parameters = {
            "endpoint": subscription.endpoint,
            "p256dh": subscription.p256dh,
            "auth": subscription.auth,
            "others": SUBSCRIPTIONS_MAX - 1,
        }
        return bool(await self._fetch(recipients.SUBSCRIBE, self._of(rider_id) | parameters))

    async def unsubscribe(self, rider_id: str, endpoint: str) -> None:
        """Forget a browser; after the last one, the rider is told as possible."""
        await self._fetch(recipients.UNSUBSCRIBE, self._of(rider_id) | {"endpoint": endpoint})

    async def vapid_pem(self, fresh_pem: str) -> str:
        """The area's private push key: the stored one, else the fresh one, stored from now on."""
        parameters = {"area": self._area, "pem": fresh_pem}
        await self._fetch(recipients.STORE_KEY, parameters)
        rows = await self._fetch(recipients.KEY, parameters)
        return str(rows[0][0])

    async def messages(
        self, *, booking_id: str | None, states: Sequence[str] | None, limit: int
    ) -> list[MessageRecord]:
        """Messages, the newest first.

        Args:
            booking_id: About this booking, None = about any.
            states: In one of these, None = in any.
            limit: At most so many.
        """
        parameters = {
            "area": self._area,
            "booking_id": booking_id,
            "states": None if states is None else list(states),
            "limit": limit,
        }
        return [MessageRecord(*row) for row in await self._fetch(outbox.LIST, parameters)]

    def _of(self, rider_id: str) -> dict[str, Any]:
        return {"area": self._area, "rider_id": rider_id}
