"""Riders' commands: ask for a ride, take an offer, cancel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import is_

from dispatch.domain import events as ev
from dispatch.domain.closures import stops_closed
from dispatch.domain.commands import AcceptOffer, CancelBooking, RequestRide
from dispatch.domain.errors import DomainError, ErrorCode, RefusalCode
from dispatch.domain.ids import new_code, new_id
from dispatch.domain.model import (
    Alternative,
    Booking,
    BookingStatus,
    Offer,
    OfferKind,
    Party,
    Refusal,
    RequestStatus,
    RideRequest,
    Shift,
    Spot,
)
from dispatch.domain.rules import DAY_S, Rules, ServiceConfig
from dispatch.engine.closed_roads import by_roads
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.offers import Candidate, candidates, choose, make_offer
from dispatch.engine.problem import (
    Planning,
    plan_booking,
    planning,
    request_for,
    suitable_shifts,
)
from dispatch.engine.visits import PlanWriter, ScheduledAction, scheduled
from dispatch.engine.whereabouts import Whereabouts
from dispatch.engine.wishes import (
    Closed,
    Ends,
    Unservable,
    Window,
    arriving,
    check_command,
    closed_during,
    connecting,
    departing,
    direct_ride_s,
    find_ends,
    plan_request,
)
from routing import plans

_WORTH_OPENING_S = 600
"""A ride wanted for a time of which less than this is within service hours is outside them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A ride request and what there is to offer.

    `wanted` asks the plans for it in the `window` for which `found` was found, or in the last one
    tried; without a window it cannot be served at all. `vehicle_id` is that of the first `found`.
    """

    ask: RequestRide
    request: RideRequest
    ends: Ends | None = None
    window: Window | None = None
    wanted: plans.Request | None = None
    found: Sequence[Candidate] = ()
    vehicle_id: str | None = None
    unservable: RefusalCode | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a booking has its place: what a shift would do with it."""

    shift: Shift
    where: Whereabouts
    actions: Sequence[ScheduledAction]


class Rides:
    """Decides what riders ask."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._writer = PlanWriter(config, network)
        self._known: tuple[int, tuple[object, ...], dict[tuple[str, ...], Planning]] = (0, (), {})

    def request(self, draft: Draft, ask: RequestRide) -> None:
        """Answer a ride request with offers or a reasoned refusal."""
        self.answer(draft, self.look(draft, ask))

    def look(self, draft: Draft, ask: RequestRide) -> Asked:
        """See what could be offered.

        Raises:
            DomainError: what no plan could answer.
        """
        ask = connecting(ask)
        check_command(self._config, self._network, ask, draft.now_s)
        ask = replace(
            ask, origin=self._located(ask.origin), destination=self._located(ask.destination)
        )
        request = self._record(draft, ask)
        try:
            ends = find_ends(self._config, *self._at_that_time(draft, ask, request.max_walk_m))
        except Unservable as reason:
            return Asked(ask, request, unservable=reason.code)
        return Asked(ask, request, ends, *self._search(draft, ask, ends))

    def answer(self, draft: Draft, asked: Asked, together: Candidate | None = None) -> None:
        """Offer what was found, first of all what fits together with others; or refuse."""
        ask, request, ends, window = asked.ask, asked.request, asked.ends, asked.window
        if asked.unservable is not None or ends is None or window is None:
            self._refuse(draft, request, asked.unservable or RefusalCode.NO_CAPACITY, ())
            return
        chosen = choose(
            asked.found,
            self._config.rules.offers_max,
            by_arrival=ask.arrive_by_s is not None,
            first=together,
        )
        if not chosen:
            code = self._why_not(draft, ask, window)
            # whoever is tried again has been told of other times when it was tried first
            others = () if ask.repeats else self._alternatives(draft, ask, ends)
            self._refuse(draft, request, code, others)
            return
        offers = tuple(
            self._offer(draft, request.id, ask.party, window, choice) for choice in chosen
        )
        answered = replace(request, status=RequestStatus.OFFERED, offers=offers)
        draft.emit(ev.RideOffered(answered))

    def accept(self, draft: Draft, take: AcceptOffer) -> None:
        """Turn an offer into a booking, if it still fits.

        Raises:
            DomainError: unknown, expired or already used offer, or no room any more.
        """
        booking = self.booking_for(draft, take)
        if booking.group_id is not None:
            raise DomainError(ErrorCode.GROUP_OFFER, "the offers of a group are taken together")
        self.place(draft, booking, ev.BookingMade)

    def place(self, draft: Draft, booking: Booking, placed: Callable[[Booking], ev.Event]) -> None:
        """Put a booking where it costs least, nobody else being moved.

        Args:
            draft: to write to.
            booking: on no shift's plan.
            placed: makes the event from the booking with its shift; the plan follows it.

        Raises:
            DomainError: no room any more.
        """
        promise = booking.promise
        self.check_stops(draft, booking)
        shifts = self._suitable(draft, booking.party, promise.pickup_from_s, promise.pickup_to_s)
        place = self.best_place(draft, booking, shifts)
        if place is None:
            raise DomainError(ErrorCode.OFFER_NO_LONGER_AVAILABLE, "the room was taken meanwhile")
        draft.emit(placed(replace(booking, shift_id=place.shift.id)))
        self._writer.adopt(draft, place.shift, place.where, place.actions)

    def check_stops(self, draft: Draft, booking: Booking) -> None:
        """Make sure that a new booking's stops have not been closed since they were offered.

        Raises:
            DomainError: one of them has.
        """
        promise, closures = booking.promise, draft.state.closures
        network = self._network.under(closures, promise.pickup_from_s, promise.pickup_to_s)
        boarding = stops_closed(closures, promise.pickup_from_s, promise.pickup_to_s)
        alighting = stops_closed(closures, promise.pickup_from_s, promise.arrival_latest_s)
        if (
            promise.pickup_stop_id in boarding | network.cut_off
            or promise.dropoff_stop_id in alighting | network.cut_off
        ):
            raise DomainError(ErrorCode.STOP_CLOSED, "a stop of the ride is closed meanwhile")

    def best_place(self, draft: Draft, booking: Booking, shifts: Sequence[Shift]) -> "Place | None":
        """Where a booking costs least among the plans of some shifts; None if there is no room."""
        wanted = request_for(plan_booking(self._config, self._network, booking))
        promise, best = booking.promise, None
        for network, group in by_roads(self._network, draft.state.closures, shifts):
            if not network.cut_off.isdisjoint((promise.pickup_stop_id, promise.dropoff_stop_id)):
                continue
            now = self._planning(draft, group)
            found = plans.best_insertions(now.problem, wanted)
            if len(found) and (best is None or found[0].cost < best[0]):
                best = (found[0].cost, now, found[0])
        if best is None:
            return None
        _, now, insertion = best
        v = insertion.vehicle
        alone = plans.alone(now.problem, v)
        route = plans.route_with(alone, 0, wanted, insertion._replace(vehicle=0))
        actions = scheduled(self._network, route.problem, 0, route.schedule)
        return Place(now.shifts[v], now.where[v], actions)

    def booking_for(self, draft: Draft, take: AcceptOffer) -> Booking:
        """The booking that taking an offer makes, on no shift yet.

        Raises:
            DomainError: unknown, expired or already used offer.
        """
        offer, request = self._open_offer(draft, take.offer_id)
        if not take.rider_id and request.replaces is None:
            raise DomainError(ErrorCode.CONTACT_REQUIRED, "nobody to reach about the ride")
        return Booking(
            id=new_id("bk", draft.rng),
            code=new_code(draft.rng),
            request_id=request.id,
            offer_id=offer.id,
            rider_id=take.rider_id,
            status=BookingStatus.CONFIRMED,
            promise=offer.promise,
            party=request.party,
            shift_id="",
            booked_at_s=draft.now_s,
            wish_earliest_s=offer.wish_earliest_s,
            walk_s=offer.walk_s,
            direct_s=offer.direct_s,
            price_cents=offer.price_cents,
            group_id=request.group_id,
        )

    def cancel(self, draft: Draft, cancel: CancelBooking) -> None:
        """Give a booking up and free its place at once; repeating it is no error.

        Raises:
            DomainError: unknown booking, or already under way or over.
        """
        booking = draft.state.bookings.get(cancel.booking_id)
        if booking is None:
            raise DomainError(ErrorCode.BOOKING_NOT_FOUND, f"no open booking {cancel.booking_id}")
        if booking.status is BookingStatus.CANCELLED:
            return
        planned = booking.status is BookingStatus.CONFIRMED
        if not planned and booking.status is not BookingStatus.DISPLACED:
            raise DomainError(
                ErrorCode.BOOKING_STATE, f"booking is {booking.status}", status=booking.status
            )
        late = planned and _is_late(self._config.rules, booking, draft.now_s)
        draft.emit(
            ev.BookingCancelled(booking.id, draft.now_s, cancel.by, cancel.reason, late=late)
        )
        if planned:
            remove_from_plan(self._writer, draft, booking.shift_id, booking.id)

    def _at_that_time(
        self, draft: Draft, ask: RequestRide, max_walk_m: float
    ) -> tuple[Network, RequestRide, float, Closed]:
        """The roads and closed stops of the time for which a ride is asked."""
        closures, rules = draft.state.closures, self._config.rules
        from_s = max(draft.now_s, ask.depart_at_s or draft.now_s)
        board_by_s = from_s + rules.immediate_wait_max_s
        if ask.arrive_by_s is not None:
            from_s = max(draft.now_s, ask.arrive_by_s - rules.early_arrival_max_s)
            board_by_s = max(from_s, ask.arrive_by_s - rules.prebooked_window_s)
        network = self._network.under(closures, from_s, board_by_s)
        closed = closed_during(network, closures, from_s, board_by_s)
        return network, ask, max_walk_m, closed

    def _located(self, spot: Spot) -> Spot:
        stop = self._network.stop(spot.stop_id) if spot.stop_id else None
        return Spot(stop.lon, stop.lat, stop.id) if stop else spot

    def _record(self, draft: Draft, ask: RequestRide) -> RideRequest:
        rules = self._config.rules
        wished_m = rules.max_walk_m if ask.max_walk_m is None else ask.max_walk_m
        return RideRequest(
            id=new_id("rq", draft.rng),
            received_at_s=draft.now_s,
            origin=ask.origin,
            destination=ask.destination,
            depart_at_s=ask.depart_at_s,
            arrive_by_s=ask.arrive_by_s,
            party=ask.party,
            max_walk_m=min(wished_m, rules.max_walk_limit_m),
            channel=ask.channel,
            status=RequestStatus.REFUSED,
            replaces=ask.replaces,
            connection=ask.connection,
            repeats=ask.repeats,
        )

    def _search(
        self, draft: Draft, ask: RequestRide, ends: Ends
    ) -> tuple[Window, plans.Request | None, list[Candidate], str | None]:
        """Try the rider's windows in turn; the first with a feasible insertion wins."""
        windows = self._windows(draft, ask, ends)
        for window in windows:
            wanted, found, vehicle_id = self._insertions(draft, ask, ends, window)
            if found:
                return window, wanted, found, vehicle_id
        return windows[-1], wanted, [], None

    def _windows(self, draft: Draft, ask: RequestRide, ends: Ends) -> list[Window]:
        if ask.arrive_by_s is None:
            from_s = max(draft.now_s, ask.depart_at_s or draft.now_s)
            return [departing(self._config, from_s, ask.board_by_s)]
        (pickup, _), (dropoff, from_m) = ends.origin[0], ends.destination[0]
        rules = self._config.rules
        walk_s = rules.walk_s(from_m)
        arrive_s = ask.arrive_by_s
        network = self._network.under(draft.state.closures, arrive_s, arrive_s)
        direct_s = direct_ride_s(network, pickup, dropoff, arrive_s, draft.now_s)
        halt_s = rules.boarding_stop_s + rules.board_s(ask.party)
        ride_s = halt_s + direct_s + halt_s
        windows = arriving(self._config, ask.arrive_by_s, ride_s, walk_s, draft.now_s)
        return windows or [Window(draft.now_s, ask.arrive_by_s, ask.arrive_by_s)]

    def _insertions(
        self, draft: Draft, ask: RequestRide, ends: Ends, window: Window
    ) -> tuple[plans.Request | None, list[Candidate], str | None]:
        """The request, what is feasible, and the vehicle of the first that is."""
        shifts = self._suitable(draft, ask.party, window.from_s, window.board_by_s)
        closures, config = draft.state.closures, self._config
        if not shifts:
            return plan_request(config, self._network, ask, ends, window, draft.now_s), [], None
        first, result, vehicle_id = None, list[Candidate](), None
        for network, group in by_roads(self._network, closures, shifts):
            closed = closed_during(network, closures, window.from_s, window.board_by_s)
            request = plan_request(config, network, ask, ends, window, draft.now_s, closed)
            if request is None:
                continue
            first = first or request
            now = self._planning(draft, group)
            found = plans.best_insertions(now.problem, request)
            if len(found) and not result:
                vehicle_id = now.shifts[found[0].vehicle].vehicle_id
            result += candidates(config.rules, request, ends, found)
        return first, result, vehicle_id

    def _suitable(self, draft: Draft, party: Party, from_s: int, to_s: int) -> list[Shift]:
        return suitable_shifts(self._config, draft.state, party, (from_s, to_s), draft.now_s)

    def _planning(self, draft: Draft, shifts: Sequence[Shift]) -> Planning:
        """The problem of these shifts, built once for as long as nothing has changed.

        A request looks at it for several windows, and whoever takes an offer at once, again. What
        is planned hangs on shifts, positions and the time; bookings change together with a shift.
        """
        state = draft.state
        present = (state.closures, *state.shifts.values(), *state.fixes.values())
        known_s, known, plannings = self._known
        same = known_s == draft.now_s and len(known) == len(present)
        if not same or not all(map(is_, known, present)):
            plannings = {}
            self._known = (draft.now_s, present, plannings)
        key = tuple(shift.id for shift in shifts)
        if key not in plannings:
            plannings[key] = planning(self._config, self._network, state, shifts, draft.now_s)
        return plannings[key]

    def _refuse(
        self,
        draft: Draft,
        request: RideRequest,
        code: RefusalCode,
        alternatives: tuple[Alternative, ...],
    ) -> None:
        refusal = Refusal(code, alternatives)
        draft.emit(ev.RideRefused(replace(request, refusal=refusal)))

    def _why_not(self, draft: Draft, ask: RequestRide, window: Window) -> RefusalCode:
        if window.leaves_no_time:
            return RefusalCode.ARRIVAL_TOO_SOON
        from_s, until_s = window.from_s, window.board_by_s
        open_s = sum(
            min(end_s, until_s) - max(start_s, from_s)
            for start_s, end_s in self._config.hours.intervals(from_s, until_s + 1)
        )
        if open_s < min(_WORTH_OPENING_S, until_s - from_s):
            return RefusalCode.OUTSIDE_SERVICE_HOURS
        planned = suitable_shifts(  # whether or not their drivers have come
            self._config, draft.state, ask.party, (from_s - 1, until_s + 1), now_s=0
        )
        if self._config.largest_fit(ask.party) is None or not planned:
            return RefusalCode.NO_SUITABLE_VEHICLE
        return RefusalCode.NO_CAPACITY

    def _alternatives(self, draft: Draft, ask: RequestRide, ends: Ends) -> tuple[Alternative, ...]:
        """The nearest feasible times within the search range, nearest first.

        Whoever has to be somewhere in time is told of one earlier ride that is, before later ones.
        """
        rules = self._config.rules
        latest_s = draft.now_s + rules.bookable_ahead_days * DAY_S
        search_s, step_s = rules.alternatives_search_s, rules.alternatives_step_s
        later = range(step_s, search_s + 1, step_s)
        if ask.arrive_by_s is None:
            wish_s = ask.depart_at_s or draft.now_s
            shifted = [sign * s for s in later for sign in (1, -1)]
        else:
            wish_s = self._windows(draft, ask, ends)[0].from_s
            shifted = [-s for s in later] + list(later)
        result: list[Alternative] = []
        for shift_s in shifted:
            early = ask.arrive_by_s is not None and shift_s < 0
            if not draft.now_s <= wish_s + shift_s <= latest_s or (early and result):
                continue
            offer = self._offer_at(draft, ask, ends, wish_s + shift_s)
            if offer is None or (early and self._there_s(ask, offer) > (ask.arrive_by_s or 0)):
                continue
            promise = offer.promise
            window_s = (promise.pickup_from_s, promise.pickup_to_s)
            result.append(Alternative(wish_s + shift_s, *window_s, promise.arrival_latest_s))
            if len(result) == rules.alternatives_max:
                break
        return tuple(result)

    def _offer_at(self, draft: Draft, ask: RequestRide, ends: Ends, depart_s: int) -> Offer | None:
        """What would be offered first to a rider who sets off then."""
        window = Window(depart_s, depart_s + self._config.rules.alternatives_step_s)
        _, found, _ = self._insertions(draft, replace(ask, arrive_by_s=None), ends, window)
        if not found:
            return None
        choice = choose(found, 1, by_arrival=False)[0]
        return self._offer(draft, "", ask.party, window, choice)

    def _offer(
        self,
        draft: Draft,
        request_id: str,
        party: Party,
        window: Window,
        choice: tuple[OfferKind, Candidate],
    ) -> Offer:
        pickup_s = choice[1].pickup_s
        network = self._network.under(draft.state.closures, pickup_s, pickup_s)
        return make_offer(self._config, network, draft, request_id, party, window, choice)

    def _there_s(self, ask: RequestRide, offer: Offer) -> int:
        """When the rider of an offer is at the destination itself at the latest."""
        rules = self._config.rules
        off_s = rules.boarding_stop_s + rules.board_s(ask.party)
        return offer.promise.arrival_latest_s + off_s + rules.walk_s(offer.dropoff_walk_m)

    def _open_offer(self, draft: Draft, offer_id: str) -> tuple[Offer, RideRequest]:
        offer = draft.state.offers.get(offer_id)
        if offer is None:
            raise DomainError(ErrorCode.OFFER_NOT_FOUND, f"no offer {offer_id}")
        request = draft.state.requests[offer.request_id]
        if request.status is RequestStatus.BOOKED:
            raise DomainError(ErrorCode.ALREADY_BOOKED, "an offer of this request was taken")
        if request.status is not RequestStatus.OFFERED or offer.expires_at_s < draft.now_s:
            raise DomainError(ErrorCode.OFFER_EXPIRED, "the offer has expired")
        return offer, request


def _is_late(rules: Rules, booking: Booking, now_s: int) -> bool:
    """Whether it is too late for others to use the place; a slip just made is none of that."""
    made_s = booking.changed_at_s or booking.booked_at_s
    short = now_s > booking.promise.pickup_from_s - rules.late_cancel_s
    return short and now_s > made_s + rules.cancel_grace_s


def remove_from_plan(writer: PlanWriter, draft: Draft, shift_id: str, booking_id: str) -> None:
    """Take a booking off its shift's plan; finish the visit if nothing is left to do there."""
    writer.without(draft, shift_id, booking_id)
    finish_visit(draft, shift_id)


def finish_visit(draft: Draft, shift_id: str) -> bool:
    """Complete the visit at which a vehicle stands once nothing is left to do there."""
    current = draft.state.shifts[shift_id].current_visit
    if current is None or current.actions or current.break_id is not None:
        return False
    draft.emit(ev.VisitCompleted(shift_id, current.id, draft.now_s))
    return True
