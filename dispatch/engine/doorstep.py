"""At the vehicle's door: other people than were booked, and riders who have not booked at all."""

from dataclasses import fields, replace

import numpy as np

from dispatch.domain import events as ev
from dispatch.domain.commands import RequestRide, WalkOn
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.ids import new_code, new_id
from dispatch.domain.model import (
    ActionKind,
    Booking,
    BookingStatus,
    Offer,
    OfferKind,
    Party,
    RequestStatus,
    RideRequest,
    Shift,
    Spot,
)
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.draft import Draft
from dispatch.engine.duty import on_duty
from dispatch.engine.network import Network
from dispatch.engine.offers import candidates, make_offer
from dispatch.engine.problem import Planning, planning
from dispatch.engine.rides import finish_visit
from dispatch.engine.visits import PlanWriter, scheduled
from dispatch.engine.wishes import (
    Ends,
    Unservable,
    Window,
    check_command,
    closed_during,
    find_ends,
    plan_request,
)
from routing import plans

CHANNEL = "driver"
_AT_ONCE_S = 120
"""Who walks on boards within this time; whoever is at the door already may go first."""


class Doorstep:
    """Decides who may get on, beyond what was booked."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._writer = PlanWriter(config, network)

    def count(self, draft: Draft, booking: Booking, party: Party | None) -> None:
        """Take in how many have really come; places of those who have not are free at once.

        The price goes with the people. Both parties stay on the booking, so what was promised can
        be told from what is paid.

        Args:
            draft: where it happens.
            booking: boarding or on board.
            party: who has come; None for those who were booked.

        Raises:
            DomainError: nobody has come, or the vehicle cannot hold them all the way.
        """
        if party is None or party == booking.party:
            return
        if party.persons < 1 or min(party.seats, party.wheelchairs) < 0:
            raise DomainError(ErrorCode.EMPTY_PARTY, "nobody travels")
        fares = self._config.fares
        more_cents = fares.price_cents(party) - fares.price_cents(booking.party)
        price_cents = max(0, booking.price_cents + more_cents)
        draft.emit(ev.PartyCounted(booking.id, party, price_cents, draft.now_s))
        shift = draft.state.shifts[booking.shift_id]
        now = planning(self._config, self._network, draft.state, [shift], draft.now_s)
        schedule = plans.evaluate(now.problem, 0)
        if schedule.reason == "capacity":
            raise DomainError(ErrorCode.VEHICLE_FULL, "there are not so many places left")
        if booking.status is BookingStatus.BOARDED:
            actions = scheduled(now.network, now.problem, 0, schedule)
            self._writer.adopt(draft, shift, now.where[0], actions)

    def make_way(self, draft: Draft, booking_id: str) -> None:
        """Let off who gets off here, if those who get on would not fit in beside them.

        Drivers report both in any order. As nobody can sit on another one's lap, who should alight
        has done so; the report of it may follow.

        Args:
            draft: where it happens; the vehicle stands at the stop.
            booking_id: whose riders get on.
        """
        booking = draft.state.bookings[booking_id]
        shift = draft.state.shifts[booking.shift_id]
        visit, vehicle = shift.current_visit, self._config.vehicle(shift.vehicle_id)
        aboard = [b for b in draft.state.bookings.values() if b.shift_id == shift.id]
        inside = [booking, *(b for b in aboard if b.status is BookingStatus.BOARDED)]
        seats = sum(b.party.seats for b in inside)
        wheelchairs = sum(b.party.wheelchairs for b in inside)
        if visit is None or vehicle is None:
            return
        if not any(c.holds(seats, wheelchairs) for c in vehicle.configurations):
            for leaving_id in visit.booking_ids(ActionKind.DROPOFF):
                if draft.state.bookings[leaving_id].status is BookingStatus.BOARDED:
                    draft.emit(ev.RiderAlighted(leaving_id, shift.id, visit.id, draft.now_s))

    def walk_on(self, draft: Draft, walk_on: WalkOn) -> None:
        """Let riders without a booking get on where the vehicle stands, as a booking of its own.

        Raises:
            DomainError: not at a stop, on a break, a destination nobody can be taken to (`reason`
                says why), or no room without breaking a promise.
        """
        shift = on_duty(self._config, draft, walk_on.vehicle_id)
        if shift.current_break is not None:
            raise DomainError(ErrorCode.ON_BREAK, "the driver is on a break")
        now = planning(self._config, self._network, draft.state, [shift], draft.now_s)
        ask = self._asked(now, walk_on)
        check_command(self._config, self._network, ask, draft.now_s)
        rules, window = self._config.rules, Window(draft.now_s, draft.now_s + _AT_ONCE_S)
        closed = closed_during(now.network, draft.state.closures, draft.now_s, window.board_by_s)
        try:
            ends = find_ends(self._config, now.network, ask, rules.max_walk_m, closed)
        except Unservable as reason:
            code = ErrorCode.WALK_ON_IMPOSSIBLE
            raise DomainError(code, f"{reason.code}", reason=str(reason.code)) from reason
        wanted = plan_request(self._config, now.network, ask, ends, window, draft.now_s, closed)
        found = None if wanted is None else _in_time(now.problem, wanted, draft.now_s)
        if wanted is None or found is None or not len(found):
            raise DomainError(ErrorCode.VEHICLE_FULL, "no room without breaking a promise")
        booking = self._booked(draft, now, ask, ends, window, wanted, found)
        self._get_on(draft, now, booking, wanted, found)

    def _asked(self, now: Planning, walk_on: WalkOn) -> RequestRide:
        """The wish of riders who stand where the vehicle stands."""
        here = now.where[0].stop_id
        stop = None if here is None else self._network.stop(here)
        if stop is None or not stop.bookable:
            raise DomainError(ErrorCode.NOT_AT_THIS_STOP, "the vehicle is not at a stop for riders")
        destination = walk_on.destination
        aim = self._network.stop(destination.stop_id) if destination.stop_id else None
        if aim is not None:
            destination = Spot(aim.lon, aim.lat, aim.id)
        origin = Spot(stop.lon, stop.lat, stop.id)
        return RequestRide(origin, destination, walk_on.party, channel=CHANNEL)

    def _booked(
        self,
        draft: Draft,
        now: Planning,
        ask: RequestRide,
        ends: Ends,
        window: Window,
        wanted: plans.Request,
        found: plans.Insertions,
    ) -> Booking:
        request = RideRequest(
            id=new_id("rq", draft.rng),
            received_at_s=draft.now_s,
            origin=ask.origin,
            destination=ask.destination,
            depart_at_s=None,
            arrive_by_s=None,
            party=ask.party,
            max_walk_m=self._config.rules.max_walk_m,
            channel=ask.channel,
            status=RequestStatus.OFFERED,
        )
        best = candidates(self._config.rules, wanted, ends, found)[0]
        choice = (OfferKind.EARLIEST, best)
        offer = make_offer(self._config, now.network, draft, request.id, ask.party, window, choice)
        draft.emit(ev.RideOffered(replace(request, offers=(offer,))))
        booking = _booking(draft, now.shifts[0], request, offer)
        draft.emit(ev.BookingMade(booking))
        return booking

    def _get_on(
        self,
        draft: Draft,
        now: Planning,
        booking: Booking,
        wanted: plans.Request,
        found: plans.Insertions,
    ) -> None:
        own = replace(wanted, id=booking.id)
        route = plans.route_with(now.problem, 0, own, found[0])
        actions = scheduled(now.network, route.problem, 0, route.schedule)
        shift = now.shifts[0]
        self._writer.adopt(draft, shift, now.where[0], actions)
        first = draft.state.shifts[shift.id].visits[0]
        if all(action.booking_id != booking.id for action in first.actions):
            raise DomainError(ErrorCode.VEHICLE_FULL, "somebody else has to be served first")
        if first.arrived_at_s is None:
            anchor = self._network.anchor_at_stop(first.stop_id, draft.now_s)
            draft.emit(ev.VisitArrived(shift.id, first.id, draft.now_s, anchor))
        self.make_way(draft, booking.id)
        draft.emit(ev.RiderBoarded(booking.id, shift.id, first.id, draft.now_s))
        finish_visit(draft, shift.id)
        self._writer.reschedule(draft, shift.id)


def _in_time(problem: plans.Problem, wanted: plans.Request, now_s: int) -> plans.Insertions:
    """Ways to serve riders who get on at once, whose ride is not too long from now on."""
    found = plans.best_insertions(problem, wanted)
    caps_s = np.array([pair.max_ride_s for pair in wanted.pairs])[found.pair]
    kept = found.dropoff_start_s - now_s <= caps_s
    return plans.Insertions(**{f.name: getattr(found, f.name)[kept] for f in fields(found)})


def _booking(draft: Draft, shift: Shift, request: RideRequest, offer: Offer) -> Booking:
    return Booking(
        id=new_id("bk", draft.rng),
        code=new_code(draft.rng),
        request_id=request.id,
        offer_id=offer.id,
        rider_id=new_id("rd", draft.rng),  # nobody has told us who they are
        status=BookingStatus.CONFIRMED,
        promise=offer.promise,
        party=request.party,
        shift_id=shift.id,
        booked_at_s=draft.now_s,
        wish_earliest_s=offer.wish_earliest_s,
        walk_s=offer.walk_s,
        direct_s=offer.direct_s,
        price_cents=offer.price_cents,
    )
