"""What a rider was told is what was offered, and stays so."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dispatch.audit.evidence import Evidence, Finding
from dispatch.domain.booking_events import BookingChanged
from dispatch.domain.events import BookingMade, BookingStopsMoved, Event
from dispatch.domain.state import State

if TYPE_CHECKING:
    from dispatch.domain.model import Promise

RIDERS_OWN_WISH: Final = frozenset({"BookingChanged"})
"""Names of events by which riders change their own promise: what they are told then counts."""


class Watch:
    """Each booking begins with its offer's promise, and no event changes that against the rider."""

    def __init__(self) -> None:
        self._told: dict[str, Promise] = {}

    def __call__(self, seq: int, event: Event, state: State) -> Iterator[Finding]:
        """An event of the log, and the state after it."""
        if isinstance(event, BookingMade):
            yield from self._begun(seq, event, state)
            return
        if isinstance(event, BookingChanged):
            yield from _changed(seq, event, state)
        booking_id = getattr(event, "booking_id", None)
        if booking_id is None or booking_id not in self._told:
            return
        promise, kind = state.bookings[booking_id].promise, type(event).__name__
        told = self._told[booking_id]
        if isinstance(event, BookingStopsMoved):  # closed stops; the times have to stay
            told = replace(
                told,
                pickup_stop_id=promise.pickup_stop_id,
                dropoff_stop_id=promise.dropoff_stop_id,
            )
        if promise != told and kind not in RIDERS_OWN_WISH:
            yield _finding(booking_id, f"event {seq} ({kind}) changes what was promised")
        self._told[booking_id] = promise

    def _begun(self, seq: int, event: BookingMade, state: State) -> Iterator[Finding]:
        booking = event.booking
        self._told[booking.id] = booking.promise
        offer = state.offers.get(booking.offer_id)
        if offer is None:
            yield _finding(booking.id, f"event {seq} takes an offer that was never made")
        elif offer.promise != booking.promise:
            yield _finding(booking.id, f"event {seq} promises other than {offer.id} offered")
        elif offer.expires_at_s < booking.booked_at_s:
            yield _finding(booking.id, f"event {seq} takes {offer.id} after it had expired")


def _changed(seq: int, event: BookingChanged, state: State) -> Iterator[Finding]:
    """What a rider changes to is what was offered for that very booking."""
    offer = state.offers.get(event.new.offer_id)
    request = state.requests.get(event.new.request_id)
    if offer is None or request is None or offer.promise != event.new.promise:
        yield _finding(event.booking_id, f"event {seq} changes it to what was not offered")
    elif request.replaces != event.booking_id or offer.request_id != request.id:
        yield _finding(event.booking_id, f"event {seq} changes it by an offer for something else")
    elif offer.expires_at_s < event.at_s:
        yield _finding(event.booking_id, f"event {seq} takes {offer.id} after it had expired")


def check(evidence: Evidence) -> Iterator[Finding]:
    """What was seen in the log, and whether bookings took offers of their own requests."""
    yield from (found for found in evidence.witnessed if found.check == _NAME)
    offers = {offer.id: offer for r in evidence.requests.values() for offer in r.offers}
    for booking in evidence.bookings.values():
        offer = offers.get(booking.offer_id)
        if offer is not None and offer.request_id != booking.request_id:
            yield _finding(booking.id, f"its offer {offer.id} answers {offer.request_id}")


_NAME: Final = "promises"


def _finding(booking_id: str, detail: str) -> Finding:
    return Finding(_NAME, f"booking {booking_id}", detail)
