"""Messages about what is no booking: a day of a standing order, a place on the waiting list."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dispatch.domain.model import Spot
from dispatch.domain.state import State
from dispatch.messaging.kinds import MessageKind, expiry_s
from dispatch.messaging.told import message_id
from dispatch.store.changes import Changes
from dispatch.store.outbox import NewMessage

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """A wish that has come to nothing: whose, which one, and for when."""

    kind: MessageKind
    about: str
    rider_id: str
    origin: Spot | None
    destination: Spot | None
    wish_s: int
    reason: str | None = None


def unbooked(area: str, changes: Changes, state: State, now_s: int) -> list[NewMessage]:
    """What has to be told because of a batch to riders who have no booking for it.

    Each is told once: the id follows from what it is about alone, however often it is tried again.

    Args:
        area: The service area.
        changes: The batch.
        state: After all of it.
        now_s: Epoch seconds of the service's clock.
    """
    found: dict[str, NewMessage] = {}
    for entry in changes.log:
        read = _READERS.get(type(entry.event).__name__)
        if read is None:
            continue
        try:
            message = _message(area, read(entry.event, state), now_s)
        except Exception:  # noqa: BLE001 (one rider's message must not stop the service)
            _log.exception("no message about %s", type(entry.event).__name__)
            continue
        found[message.id] = message
    return list(found.values())


def _message(area: str, wish: Wish, now_s: int) -> NewMessage:
    facts = {
        "from": wish.origin and wish.origin.stop_id,
        "to": wish.destination and wish.destination.stop_id,
        "told": [wish.wish_s, wish.wish_s],
        "told_vehicle_id": None,
        "reason": wish.reason,
    }
    return NewMessage(
        id=message_id(area, wish.about, 1, wish.kind, {}),
        booking_id=None,
        ordinal=1,
        rider_id=wish.rider_id,
        kind=wish.kind,
        facts=facts,
        at_s=now_s,
        expires_at_s=expiry_s(wish.kind, now_s, wish.wish_s, wish.wish_s),
    )


def _day_failed(event: Any, state: Any) -> Wish:
    day = event.day
    series = state.series[day.series_id]
    return Wish(
        MessageKind.DAY_FAILED,
        f"{day.series_id} {day.day.isoformat()}",
        series.rider_id,
        series.wish.origin,
        series.wish.destination,
        day.wish_s,
        day.code,
    )


def _wait_lapsed(event: Any, state: Any) -> Wish:
    entry, request = state.waiting[event.request_id], state.requests.get(event.request_id)
    return Wish(
        MessageKind.WAIT_LAPSED,
        event.request_id,
        entry.rider_id,
        request and request.origin,
        request and request.destination,
        entry.until_s,
    )


_READERS: Final[Mapping[str, Callable[[Any, Any], Wish]]] = {
    "SeriesDayUnplanned": _day_failed,
    "WaitingLapsed": _wait_lapsed,
}
"""By the event's name, as it is in the log."""
