"""What riders have to be told after a batch of events: one message per rider and change.

Pure: from the events, the state after all of them and what was told before. Several changes in one
batch are told once, as they ended. What was last told is remembered as an interval of time: a
window when the ride was booked ahead, an instant once it is near. A plan inside the window is no
news; one that differs from what was told by more than the configured minutes is.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from dispatch.domain.model import ActionKind, Booking, BookingStatus, ShiftStatus
from dispatch.domain.state import State
from dispatch.messaging.kinds import CAUSES, MessageKind, expiry_s, strongest
from dispatch.messaging.policy import Policy
from dispatch.messaging.told import (
    Pickup,
    Told,
    facts_of,
    message_id,
    pickup_of,
    terms_of,
    told_of,
    window_told,
)
from dispatch.messaging.unbooked import unbooked
from dispatch.store.changes import Changes
from dispatch.store.outbox import NewMessage

_log = logging.getLogger(__name__)
_USUAL_LEAD_S: Final = 3600
_DISPLACED: Final = "displaced"
_WAITING: Final = frozenset({str(BookingStatus.CONFIRMED), _DISPLACED})
Known = list[tuple[MessageKind, dict[str, Any]]]


class Announcer:
    """Knows what was told about every open booking, and what has to be told next.

    Args:
        area: The service area.
        policy: When riders are told.
    """

    def __init__(self, area: str, policy: Policy | None = None) -> None:
        self._area = area
        self._policy = policy or Policy()
        # from then on an instant is told; also where there are no reminders
        self._lead_s = self._policy.reminder_s or _USUAL_LEAD_S
        self._told: dict[str, Told] = {}
        self._looked_at_s = 0

    def remember(self, last: Iterable[tuple[str, int, int, str, Mapping[str, Any]]]) -> None:
        """Begin anew from the last message about each booking (`outbox.last_told`)."""
        self._looked_at_s = 0
        self._told = {
            booking_id: told_of(ordinal, at_s, kind, facts)
            for booking_id, ordinal, at_s, kind, facts in last
        }

    def forget(self, state: State) -> None:
        """Drop what was told about bookings that the state has forgotten."""
        self._told = {b: told for b, told in self._told.items() if b in state.bookings}

    def after(self, changes: Changes, state: State, now_s: int) -> list[NewMessage]:
        """What has to be told because of a batch, or because time has passed.

        From here on it counts as told: where the batch is not committed, `remember` again.

        Args:
            changes: The batch.
            state: After all of it.
            now_s: Epoch seconds of the service's clock.
        """
        causes = _causes(changes)
        touched = dict.fromkeys(causes)
        for shift_id in sorted(changes.plans):
            touched |= dict.fromkeys(
                a.booking_id
                for visit in state.shifts[shift_id].visits
                for a in visit.actions
                if a.kind is ActionKind.PICKUP
            )
        if now_s != self._looked_at_s:
            self._looked_at_s = now_s
            touched |= dict.fromkeys(self._near(state, now_s))
        found = unbooked(self._area, changes, state, now_s)
        for booking_id in touched:
            try:
                message = self._message(booking_id, causes.get(booking_id, []), state, now_s)
            except Exception:  # noqa: BLE001 (one rider's message must not stop the service)
                _log.exception("no message about booking %s", booking_id)
                continue
            if message is not None:
                found.append(message)
        return found

    def _near(self, state: State, now_s: int) -> list[str]:
        """Bookings so near that the mere passing of time may be news."""
        horizon_s = now_s + max(self._lead_s, self._policy.coming_s)
        return [
            b.id
            for b in state.bookings.values()
            if b.status in _WAITING and terms_of(b).pickup_from_s <= horizon_s
        ]

    def _message(
        self, booking_id: str, causes: Known, state: State, now_s: int
    ) -> NewMessage | None:
        booking = state.bookings.get(booking_id)
        if booking is None or (not causes and booking.status not in _WAITING):
            return None
        pickup = pickup_of(booking, state)
        told = self._told.get(booking_id)
        if told is None and not causes:  # from before there were messages: the window is known
            told = self._told[booking_id] = window_told(0, booking.booked_at_s, booking)
        kind, facts = self._news(booking, causes, told, pickup, now_s)
        return None if kind is None else self._tell(kind, booking, told, pickup, facts, now_s)

    def _news(
        self, booking: Booking, causes: Known, told: Told | None, pickup: Pickup | None, now_s: int
    ) -> tuple[MessageKind | None, dict[str, Any]]:
        """What to tell, if anything, and what there is to say beside the booking."""
        if not causes:
            return self._due(booking, told, pickup, now_s), {}
        kind = strongest([kind for kind, _ in causes])
        facts = next(facts for k, facts in reversed(causes) if k is kind)
        if kind is MessageKind.DISPLACED:
            concerns = facts.get("aboard") or self._is_near(booking, now_s)
            return (kind if concerns else None), facts
        if kind is MessageKind.RESCUED:
            # whose ride is tomorrow need not know that there was ever any doubt
            knows = told is None or told.kind == MessageKind.DISPLACED
            if not knows and not facts.get("aboard"):
                return (kind if self._due(booking, told, pickup, now_s) else None), facts
        if kind is MessageKind.STOPS_MOVED and booking.status is BookingStatus.BOARDED:
            return MessageKind.DROPOFF_MOVED, facts
        return kind, facts

    def _due(
        self, booking: Booking, told: Told | None, pickup: Pickup | None, now_s: int
    ) -> MessageKind | None:
        """What plan and time alone make worth telling."""
        if told is None:
            return None
        begins_s = terms_of(booking).pickup_from_s - self._lead_s
        begins = told.at_s < begins_s <= now_s
        if pickup is None:
            return MessageKind.DISPLACED if begins and booking.status == _DISPLACED else None
        planned_s = pickup.planned_s
        comes = pickup.is_here or planned_s - now_s <= self._policy.coming_s
        driven = pickup.shift.status is ShiftStatus.ACTIVE
        if comes and driven and not self._said_coming(told):
            return MessageKind.COMING
        if pickup.is_here:
            return None  # it waits for the rider: what it does meanwhile is no news
        other = told.vehicle_id is not None and told.vehicle_id != pickup.shift.vehicle_id
        if other or told.distance_s(planned_s) > self._policy.moved_s:
            return MessageKind.MOVED
        remind = self._policy.reminder_s > 0 and begins and now_s < planned_s
        return MessageKind.REMINDER if remind else None

    def _is_near(self, booking: Booking, now_s: int) -> bool:
        return now_s >= terms_of(booking).pickup_from_s - self._lead_s

    def _said_coming(self, told: Told) -> bool:
        """Whether the last message named an instant so near that there is nothing to add."""
        return told.is_exact and told.at_s >= told.from_s - self._policy.coming_s

    def _tell(
        self,
        kind: MessageKind,
        booking: Booking,
        told: Told | None,
        pickup: Pickup | None,
        more: dict[str, Any],
        now_s: int,
    ) -> NewMessage:
        ordinal = 1 if told is None else told.ordinal + 1
        news = window_told(ordinal, now_s, booking, kind)
        exact = self._is_near(booking, now_s) or kind is MessageKind.MOVED
        if pickup is not None and exact:
            news = Told(ordinal, now_s, pickup.planned_s, pickup.planned_s, None, kind)
        names = kind in (MessageKind.COMING, MessageKind.RESCUED) or self._said_coming(news)
        named = told is not None and told.vehicle_id is not None
        if pickup is not None and (names or named):
            vehicle_id = pickup.shift.vehicle_id
            news = Told(ordinal, now_s, news.from_s, news.to_s, vehicle_id, kind)
        facts = facts_of(booking, pickup, told, news) | more
        self._told[booking.id] = news
        return NewMessage(
            id=message_id(self._area, booking.id, ordinal, kind, facts),
            booking_id=booking.id,
            ordinal=ordinal,
            rider_id=booking.rider_id,
            kind=kind,
            facts=facts,
            at_s=now_s,
            expires_at_s=expiry_s(kind, now_s, news.to_s, terms_of(booking).pickup_to_s),
        )


def _causes(changes: Changes) -> dict[str, Known]:
    """By booking, what has happened to it that is told, and what there is to say about that."""
    found: dict[str, Known] = {}
    for entry in changes.log:
        event: Any = entry.event
        cause = CAUSES.get(type(event).__name__)
        if cause is not None:
            booking_id = event.booking.id if hasattr(event, "booking") else event.booking_id
            found.setdefault(booking_id, []).append((cause.kind, cause.facts_of(event)))
    return found
