"""What riders have to be told after a batch of events: one message per rider and change.

Pure: from the events, the state after all of them and what was told before. Several changes in one
batch are told once, as they ended. What was last told is remembered as an interval of time: a
window when the ride was booked ahead, an instant once it is near. A plan inside the window is no
news; one that differs from what was told by more than the configured minutes is.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dispatch.domain.model import (
    Action,
    ActionKind,
    Booking,
    BookingStatus,
    Shift,
    ShiftStatus,
    Visit,
)
from dispatch.domain.state import State
from dispatch.messaging.kinds import CAUSES, MessageKind, expiry_s, strongest
from dispatch.messaging.policy import Policy
from dispatch.store.changes import Changes
from dispatch.store.outbox import NewMessage

_log = logging.getLogger(__name__)
_ID_CHARS: Final = 32


@dataclass(frozen=True, slots=True)
class Told:
    """What the last message about a booking said: when the pick-up is, and on which vehicle."""

    ordinal: int
    at_s: int
    from_s: int
    to_s: int
    vehicle_id: str | None = None

    @property
    def is_exact(self) -> bool:
        """Whether an instant was told, not only the window."""
        return self.from_s == self.to_s

    def distance_s(self, pickup_s: int) -> int:
        """By how much a pick-up differs from what was told."""
        return max(self.from_s - pickup_s, pickup_s - self.to_s, 0)


@dataclass(frozen=True, slots=True)
class _Pickup:
    """Where a booking's pick-up stands in the plan."""

    shift: Shift
    visit: Visit
    action: Action


class Announcer:
    """Knows what was told about every open booking, and what has to be told next.

    Args:
        area: The service area.
        policy: When riders are told.
    """

    def __init__(self, area: str, policy: Policy | None = None) -> None:
        self._area = area
        self._policy = policy or Policy()
        self._told: dict[str, Told] = {}
        self._looked_at_s = 0

    def remember(self, last: Iterable[tuple[str, int, int, Mapping[str, Any]]]) -> None:
        """Begin anew from the last message about each booking (`outbox.last_told`)."""
        self._looked_at_s = 0
        self._told = {
            booking_id: _told_of(ordinal, at_s, facts) for booking_id, ordinal, at_s, facts in last
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
        found = []
        for booking_id in touched:
            try:
                message = self._message(booking_id, causes.get(booking_id, []), state, now_s)
            except Exception:  # noqa: BLE001 (one rider's message must not stop the service for all others)
                _log.exception("no message about booking %s", booking_id)
                continue
            if message is not None:
                found.append(message)
        return found

    def _near(self, state: State, now_s: int) -> list[str]:
        """Bookings so near that the mere passing of time may be news."""
        horizon_s = now_s + max(self._policy.reminder_s, self._policy.coming_s)
        return [
            b.id
            for b in state.bookings.values()
            if b.status is BookingStatus.CONFIRMED and b.promise.pickup_from_s <= horizon_s
        ]

    def _message(
        self,
        booking_id: str,
        causes: list[tuple[MessageKind, dict[str, Any]]],
        state: State,
        now_s: int,
    ) -> NewMessage | None:
        booking = state.bookings.get(booking_id)
        if booking is None:
            return None
        pickup = _pickup(booking, state)
        told = self._told.get(booking_id)
        facts: dict[str, Any] = {}
        if causes:
            kind = strongest([kind for kind, _ in causes])
            facts = next(facts for k, facts in reversed(causes) if k is kind)
        else:
            if booking.status is not BookingStatus.CONFIRMED or pickup is None:
                return None
            if told is None:  # booked before there were messages: the window is what is known
                told = self._told[booking_id] = _window_told(0, booking.booked_at_s, booking)
            due = self._due(booking, told, pickup, now_s)
            if due is None:
                return None
            kind = due
        return self._tell(kind, booking, told, pickup, facts, now_s)

    def _due(self, booking: Booking, told: Told, pickup: _Pickup, now_s: int) -> MessageKind | None:
        """What plan and time alone make worth telling."""
        planned_s = pickup.action.start_s
        if pickup.shift.status is ShiftStatus.ACTIVE and not self._said_coming(told):
            stands = pickup.visit.arrived_at_s is not None
            if stands or planned_s - now_s <= self._policy.coming_s:
                return MessageKind.COMING
        if pickup.visit.arrived_at_s is not None:
            return None  # it waits for the rider: what it does meanwhile is no news
        other = told.vehicle_id is not None and told.vehicle_id != pickup.shift.vehicle_id
        if other or told.distance_s(planned_s) > self._policy.moved_s:
            return MessageKind.MOVED
        remind_s = booking.promise.pickup_from_s - self._policy.reminder_s
        if self._policy.reminder_s and told.at_s < remind_s <= now_s < planned_s:
            return MessageKind.REMINDER
        return None

    def _said_coming(self, told: Told) -> bool:
        """Whether the last message named an instant so near that there is nothing to add."""
        return told.is_exact and told.at_s >= told.from_s - self._policy.coming_s

    def _tell(
        self,
        kind: MessageKind,
        booking: Booking,
        told: Told | None,
        pickup: _Pickup | None,
        more: dict[str, Any],
        now_s: int,
    ) -> NewMessage:
        ordinal = 1 if told is None else told.ordinal + 1
        news = _window_told(ordinal, now_s, booking)
        near = now_s >= booking.promise.pickup_from_s - self._policy.reminder_s
        if pickup is not None and (near or kind is MessageKind.MOVED):
            planned_s = pickup.action.start_s
            news = Told(ordinal, now_s, planned_s, planned_s)
        names = kind in (MessageKind.COMING, MessageKind.RESCUED) or self._said_coming(news)
        named = told is not None and told.vehicle_id is not None
        if pickup is not None and (names or named):
            vehicle_id = pickup.shift.vehicle_id
            news = Told(ordinal, now_s, news.from_s, news.to_s, vehicle_id)
        facts = _facts(booking, pickup, told, news) | more
        self._told[booking.id] = news
        expires_at_s = expiry_s(kind, now_s, news.to_s, booking.promise.pickup_to_s)
        return NewMessage(
            id=message_id(self._area, booking.id, ordinal, kind, facts),
            booking_id=booking.id,
            ordinal=ordinal,
            rider_id=booking.rider_id,
            kind=kind,
            facts=facts,
            at_s=now_s,
            expires_at_s=expires_at_s,
        )


def message_id(
    area: str, about: str, ordinal: int, kind: MessageKind, facts: Mapping[str, Any]
) -> str:
    """The id of a message: the same for the same thing said about the same cause, always."""
    document = json.dumps([area, about, ordinal, kind, facts], sort_keys=True)
    return f"ms_{hashlib.sha256(document.encode()).hexdigest()[:_ID_CHARS]}"


def _causes(changes: Changes) -> dict[str, list[tuple[MessageKind, dict[str, Any]]]]:
    """By booking, what has happened to it that is told, and what there is to say about that."""
    found: dict[str, list[tuple[MessageKind, dict[str, Any]]]] = {}
    for entry in changes.log:
        event: Any = entry.event
        cause = CAUSES.get(type(event))
        if cause is not None:
            booking_id = event.booking.id if hasattr(event, "booking") else event.booking_id
            found.setdefault(booking_id, []).append((cause.kind, cause.facts_of(event)))
    return found


def _pickup(booking: Booking, state: State) -> _Pickup | None:
    """The booking's pick-up as planned, None once it is done or while nobody is to do it."""
    shift = state.shifts.get(booking.shift_id)
    if shift is None or booking.status is not BookingStatus.CONFIRMED:
        return None
    for visit in shift.visits:
        for action in visit.actions:
            if action.booking_id == booking.id and action.kind is ActionKind.PICKUP:
                return _Pickup(shift, visit, action)
    return None


def _window_told(ordinal: int, at_s: int, booking: Booking) -> Told:
    return Told(ordinal, at_s, booking.promise.pickup_from_s, booking.promise.pickup_to_s)


def _told_of(ordinal: int, at_s: int, facts: Mapping[str, Any]) -> Told:
    from_s, to_s = facts["told"]
    return Told(ordinal, at_s, from_s, to_s, facts["told_vehicle_id"])


def _facts(
    booking: Booking, pickup: _Pickup | None, told: Told | None, news: Told
) -> dict[str, Any]:
    """Ids, times and numbers that the words are made of."""
    promise = booking.promise
    return {
        "code": booking.code,
        "from": promise.pickup_stop_id if pickup is None else pickup.visit.stop_id,
        "to": promise.dropoff_stop_id,
        "window": [promise.pickup_from_s, promise.pickup_to_s],
        "arrival_latest_s": promise.arrival_latest_s,
        "price_cents": booking.price_cents,
        "was": None if told is None or not told.is_exact else told.from_s,
        "is_here": pickup is not None and pickup.visit.arrived_at_s is not None,
        "told": [news.from_s, news.to_s],
        "told_vehicle_id": news.vehicle_id,
    }
