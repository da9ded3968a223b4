"""Parties for more than one vehicle: several bookings, all or none, from and to the same stops."""

from collections.abc import Iterator
from dataclasses import replace

from dispatch.domain import booking_commands as bc
from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError, ErrorCode, RefusalCode
from dispatch.domain.ids import new_id
from dispatch.domain.model import (
    BookingStatus,
    Offer,
    Party,
    Refusal,
    RequestStatus,
    RideRequest,
    Spot,
)
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.booker import Booker
from dispatch.engine.draft import Draft
from dispatch.engine.rides import Rides

_MORE_PARTS = 1
"""If the fewest vehicles have no room, so many more, with smaller parts, are tried."""


class Groups:
    """Decides what large parties ask."""

    def __init__(self, config: ServiceConfig, rides: Rides, booker: Booker) -> None:
        self._config = config
        self._rides = rides
        self._booker = booker

    def request(self, draft: Draft, ask: bc.RequestGroup) -> None:
        """Offer rides for all, in as few vehicles as there is room in; or refuse.

        Raises:
            DomainError: a party that needs no group, is too large, or what no plan could answer.
        """
        fewest = self._fewest(ask.party)
        refused: RideRequest | None = None
        most = min(fewest + _MORE_PARTS, self._config.rules.group_vehicles_max)
        for count in range(fewest, most + 1):
            found = self._offered(draft, ask, split(ask.party, count))
            if isinstance(found, RideRequest):
                refused = refused or found
                continue
            group_id = new_id("gr", draft.rng)
            for request, offer in found:
                draft.emit(ev.RideOffered(replace(request, group_id=group_id, offers=(offer,))))
            return
        if refused is None:
            raise DomainError(ErrorCode.PARTY_TOO_LARGE, "more people than a group may have")
        draft.emit(ev.RideRefused(replace(refused, party=ask.party)))

    def accept(self, draft: Draft, accept: bc.AcceptGroup) -> None:
        """Take a group's offers, all of them.

        Raises:
            DomainError: unknown group, expired or used offers, or no room for all any more.
        """
        if not accept.rider_id:
            raise DomainError(ErrorCode.CONTACT_REQUIRED, "nobody to reach about the ride")
        requests = [r for r in draft.state.requests.values() if r.group_id == accept.group_id]
        if not requests:
            raise DomainError(ErrorCode.GROUP_NOT_FOUND, f"no group {accept.group_id}")
        branch = draft.branch()
        for request in requests:
            self._booker.take(branch, cmd.AcceptOffer(request.offers[0].id, accept.rider_id))
        draft.take_over(branch)

    def cancel(self, draft: Draft, cancel: bc.CancelGroup) -> None:
        """Give up all bookings of a group that nobody has boarded; repeating it is no error.

        Raises:
            DomainError: unknown group.
        """
        members = [b for b in draft.state.bookings.values() if b.group_id == cancel.group_id]
        if not members:
            raise DomainError(ErrorCode.GROUP_NOT_FOUND, f"no bookings of {cancel.group_id}")
        for booking in members:
            if booking.status is BookingStatus.CONFIRMED:
                self._rides.cancel(draft, cmd.CancelBooking(booking.id, cancel.by, cancel.reason))

    def _fewest(self, party: Party) -> int:
        """In how many vehicles a party fits at least.

        Raises:
            DomainError: too large, or small enough for one.
        """
        rules = self._config.rules
        if party.persons < 1 or party.seats < 0 or party.wheelchairs < 0:
            raise DomainError(ErrorCode.EMPTY_PARTY, "nobody travels")
        if party.persons <= rules.group_persons_max:
            for count in range(1, rules.group_vehicles_max + 1):
                if all(map(self._fits, split(party, count))):
                    if count == 1:
                        raise DomainError(ErrorCode.GROUP_TOO_SMALL, "one vehicle is enough")
                    return count
        raise DomainError(
            ErrorCode.PARTY_TOO_LARGE,
            "more people than a group may have",
            persons=rules.group_persons_max,
        )

    def _fits(self, part: Party) -> bool:
        rules = self._config.rules
        asked = part.seats <= rules.party_seats_max
        asked = asked and part.wheelchairs <= rules.party_wheelchairs_max
        return asked and self._config.largest_fit(part) is not None

    def _offered(
        self, draft: Draft, ask: bc.RequestGroup, parts: list[Party]
    ) -> list[tuple[RideRequest, Offer]] | RideRequest:
        """An offer for each part such that all can be taken; else the refusal of the first."""
        branch = draft.branch()
        found: list[tuple[RideRequest, Offer]] = []
        for part in parts:
            request = self._booker.ask(branch, _part(ask, part, found))
            if request.status is not RequestStatus.OFFERED:
                first = found[0][0] if found else request
                status, refusal = request.status, request.refusal
                return replace(first, status=status, offers=(), refusal=refusal)
            offer = request.offers[0]
            self._booker.take(branch, cmd.AcceptOffer(offer.id, "group"))
            found.append((request, offer))
        pickups_s = [offer.planned_pickup_s for _, offer in found]
        if max(pickups_s) - min(pickups_s) > self._config.rules.group_spread_s:
            refusal = Refusal(RefusalCode.NO_CAPACITY)
            refused = RequestStatus.REFUSED
            return replace(found[0][0], status=refused, offers=(), refusal=refusal)
        return found


def split(party: Party, count: int) -> list[Party]:
    """A party in so many parts of about the same size, at most so many as there are people.

    Riders in wheelchairs are spread first, and take fewer others with them.
    """
    count = min(count, party.persons)
    chairs = list(_shares(party.wheelchairs, count))
    sizes = list(_shares(party.persons, count))
    seats = [max(0, size - chair) for size, chair in zip(sizes, chairs, strict=True)]
    for k in range(count):  # where there are more wheelchairs than a fair share
        over = sum(seats) - party.seats
        taken = min(over, seats[-1 - k]) if over > 0 else 0
        seats[-1 - k] -= taken
    return [Party(s, w) for s, w in zip(seats, chairs, strict=True) if s + w]


def _shares(total: int, count: int) -> Iterator[int]:
    for k in range(count):
        yield total // count + (k < total % count)


def _part(
    ask: bc.RequestGroup, party: Party, found: list[tuple[RideRequest, Offer]]
) -> cmd.RequestRide:
    """The request for one part; all use the stops that the first one uses."""
    origin, destination = ask.origin, ask.destination
    if found:
        promise = found[0][1].promise
        origin = Spot(0.0, 0.0, promise.pickup_stop_id)
        destination = Spot(0.0, 0.0, promise.dropoff_stop_id)
    return cmd.RequestRide(
        origin,
        destination,
        party,
        depart_at_s=ask.depart_at_s,
        arrive_by_s=ask.arrive_by_s,
        max_walk_m=ask.max_walk_m,
        channel=ask.channel,
    )
