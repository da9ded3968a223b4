"""Asking for a ride and taking an offer in the engine's own name, with all the means it has.

Also changes of a booking: offers are looked for, and taken, as if the booking were gone; what it
had is given up only together with what it gets.
"""

from collections.abc import Callable
from dataclasses import replace

from dispatch.domain import booking_events as be
from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.booking_commands import ChangeBooking
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import Booking, BookingStatus, RequestStatus, RideRequest, Spot
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State
from dispatch.engine.batching import Batches
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.rides import Rides, remove_from_plan
from dispatch.engine.visits import PlanWriter


class Booker:
    """Asks and takes; every method leaves the draft as it was if it raises."""

    def __init__(
        self, config: ServiceConfig, network: Network, rides: Rides, batches: Batches
    ) -> None:
        self._rides = rides
        self._batches = batches
        self._writer = PlanWriter(config, network)

    def ask(self, draft: Draft, ask: cmd.RequestRide) -> RideRequest:
        """Answer a request; one that `replaces` a booking as if that were gone.

        Raises:
            DomainError: what no plan could answer, or a booking that cannot be changed any more.
        """
        present = draft
        if ask.replaces is not None:
            present = draft.branch()
            self._give_up_place(present, changeable(draft.state, ask.replaces))
        (outcome,) = self._batches.request(present.state, [ask], draft.now_s, draft.rng)
        if isinstance(outcome, DomainError):
            raise outcome
        for event in outcome:
            draft.emit(event)
            if isinstance(event, ev.RideOffered | ev.RideRefused):
                return event.request
        raise ValueError("a ride request was decided without an answer")

    def take(
        self,
        draft: Draft,
        take: cmd.AcceptOffer,
        *,
        by: str = "rider",
        series_id: str | None = None,
    ) -> Booking:
        """Take an offer, moving others inside their promises if need be.

        Args:
            draft: to write to.
            take: the offer; for one that changes a booking, its rider stays.
            by: who changes it.
            series_id: the standing order that a new booking is made for.

        Raises:
            DomainError: unknown, expired or used offer, no room any more, or a booking that cannot
                be changed any more.
        """
        new = self._rides.booking_for(draft, take)
        request = draft.state.requests[new.request_id]
        branch = draft.branch()
        if request.replaces is None:
            self._place(branch, replace(new, series_id=series_id), ev.BookingMade)
            draft.take_over(branch)
            return draft.state.bookings[new.id]
        old = changeable(draft.state, request.replaces)
        self._give_up_place(branch, old)

        def changed(placed: Booking) -> ev.Event:
            terms, shift_id = new.terms, placed.shift_id
            return be.BookingChanged(
                old.id, draft.now_s, by, old.terms, terms, old.shift_id, shift_id
            )

        self._place(branch, replace(new, id=old.id), changed)
        draft.take_over(branch)
        return draft.state.bookings[old.id]

    def take_one(self, draft: Draft, take: cmd.AcceptOffer) -> None:
        """Take an offer that is not a group's.

        Raises:
            DomainError: as `take`, or one of a group's offers.
        """
        booking = self._rides.booking_for(draft, take)
        if booking.group_id is not None:
            raise DomainError(ErrorCode.GROUP_OFFER, "the offers of a group are taken together")
        self.take(draft, take)

    def change(self, draft: Draft, change: ChangeBooking) -> None:
        """Give a booking other terms at once, or refuse the wish and leave the booking alone.

        Raises:
            DomainError: as `ask` and `take`.
        """
        booking = changeable(draft.state, change.booking_id)
        known = draft.state.requests.get(booking.request_id)
        ask = _wish(change, booking, known, draft.now_s)
        branch = draft.branch()
        request = self.ask(branch, ask)
        if request.status is RequestStatus.OFFERED:
            take = cmd.AcceptOffer(request.offers[0].id, booking.rider_id)
            self.take(branch, take, by=change.by)
        draft.take_over(branch)

    def _place(self, draft: Draft, booking: Booking, placed: Callable[[Booking], ev.Event]) -> None:
        try:
            self._rides.place(draft, booking, placed)
        except DomainError as error:
            is_full = error.code is ErrorCode.OFFER_NO_LONGER_AVAILABLE
            if not is_full or not self._batches.squeeze(draft, booking, placed):
                raise

    def _give_up_place(self, draft: Draft, booking: Booking) -> None:
        """Take a booking off the plan; it is as yet confirmed."""
        remove_from_plan(self._writer, draft, booking.shift_id, booking.id)


def changeable(state: State, booking_id: str) -> Booking:
    """A booking that nobody has boarded yet.

    Raises:
        DomainError: unknown, on board, or over.
    """
    booking = state.bookings.get(booking_id)
    if booking is None:
        raise DomainError(ErrorCode.BOOKING_NOT_FOUND, f"no open booking {booking_id}")
    if booking.status is not BookingStatus.CONFIRMED or booking.rescues:  # who is under way waits
        raise DomainError(
            ErrorCode.BOOKING_STATE, f"booking is {booking.status}", status=booking.status
        )
    return booking


def is_change(state: State, take: cmd.AcceptOffer) -> bool:
    """Whether taking this offer would change a booking."""
    offer = state.offers.get(take.offer_id)
    request = None if offer is None else state.requests.get(offer.request_id)
    return request is not None and request.replaces is not None


def _wish(
    change: ChangeBooking, booking: Booking, known: RideRequest | None, now_s: int
) -> cmd.RequestRide:
    """What was asked for, with what is to be different."""
    promise = booking.promise
    ask = cmd.RequestRide(
        origin=change.origin or (known.origin if known else _at(promise.pickup_stop_id)),
        destination=change.destination
        or (known.destination if known else _at(promise.dropoff_stop_id)),
        party=change.party or booking.party,
        depart_at_s=change.depart_at_s,
        arrive_by_s=change.arrive_by_s,
        max_walk_m=known.max_walk_m if known else None,
        channel=change.channel,
        replaces=booking.id,
    )
    if (ask.depart_at_s, ask.arrive_by_s) != (None, None):
        return ask
    arrive_by_s = known.arrive_by_s if known else None
    if arrive_by_s is not None:
        return replace(ask, arrive_by_s=arrive_by_s)
    wished_s = known.depart_at_s if known else None
    return replace(ask, depart_at_s=max(now_s, wished_s or booking.wish_earliest_s))


def _at(stop_id: str) -> Spot:
    """A stop whose coordinates are looked up with the request."""
    return Spot(0.0, 0.0, stop_id)
