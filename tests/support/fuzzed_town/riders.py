"""Riders ask, book, cancel, change their minds, and come together."""

from dataclasses import dataclass, replace
from random import Random

import hypothesis.strategies as st
from hypothesis.stateful import Bundle, consumes, precondition, rule

from dispatch.domain import booking_commands as bc
from dispatch.domain import booking_events as be
from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import (
    Booking,
    Connection,
    Direction,
    Offer,
    Party,
    RequestStatus,
    RideRequest,
)
from dispatch.domain.state import State
from dispatch.engine.problem import plan_booking, planning, request_for, suitable_shifts
from fuzzed_town import lateness
from fuzzed_town.base import HOPS, RIDES, STOPS, WAITS, WHICH, Trunk, same_values, somebody
from fuzzed_town.plain_plans import as_booking, places, reachable
from fuzzed_town.tally import TALLY

AHEAD = st.sampled_from([None, None, 600, 1800, 7200, 20_000])
PARTIES = st.builds(Party, st.integers(0, 4), st.sampled_from([0, 0, 0, 1]))


@dataclass(frozen=True)
class Shown:
    """A request that was answered with offers, and the town as it was then."""

    request: RideRequest
    state: State
    now_s: int


class Riders(Trunk):
    """Everything about single bookings."""

    shown: Bundle[Shown] = Bundle("shown")

    @rule(
        target=shown,
        origin=STOPS,
        destination=STOPS,
        party=PARTIES,
        ahead_s=AHEAD,
        by_arrival=st.booleans(),
    )
    def ask(
        self, origin: int, destination: int, party: Party, ahead_s: int | None, *, by_arrival: bool
    ) -> Shown | None:
        """Ask for anything, also for what makes no sense."""
        when_s = None if ahead_s is None else self.desk.now_s + ahead_s
        return self.asked(
            cmd.RequestRide(
                self.stop(origin),
                self.stop(destination),
                party,
                depart_at_s=None if by_arrival else when_s,
                arrive_by_s=when_s if by_arrival else None,
            )
        )

    @rule(target=shown, origin=STOPS, hop=HOPS, to_train=st.booleans(), ahead_s=AHEAD)
    def ask_for_a_train(
        self, origin: int, hop: int, ahead_s: int | None, *, to_train: bool
    ) -> Shown | None:
        """A ride to a train, or from one."""
        ends = self.stop(origin), self.stop(origin + hop)
        at_s = self.desk.now_s + (ahead_s or 1200)
        side = Direction.TO_DEPARTURE if to_train else Direction.FROM_ARRIVAL
        station = ends[1 if to_train else 0].stop_id or ""
        train = Connection(station, at_s, side, 300)
        return self.asked(cmd.RequestRide(*ends, Party(1), connection=train))

    def asked(self, ask: cmd.RequestRide) -> Shown | None:
        """Ask, and see that nobody is told of a ride that there is not."""
        events = self.act(ask)
        if not events:
            return None
        (event,) = events
        assert isinstance(event, ev.RideOffered | ev.RideRefused)
        self.alternatives_are_offered(event.request, ask)
        if isinstance(event, ev.RideRefused):
            return None
        return Shown(event.request, same_values(self.desk.state), self.desk.now_s)

    def alternatives_are_offered(self, request: RideRequest, ask: cmd.RequestRide) -> None:
        """Whoever asks for an alternative's time, with nothing else changed, gets an offer."""
        for alternative in request.refusal.alternatives if request.refusal else ():
            later = cmd.RequestRide(
                ask.origin, ask.destination, ask.party, depart_at_s=alternative.depart_at_s
            )
            desk = self.desk
            answer = desk.engine.decide(desk.state, later, desk.now_s, Random(1))[0]
            assert isinstance(answer, ev.RideOffered)

    @rule(
        origin=STOPS,
        hop=HOPS,
        seats=st.integers(1, 3),
        ahead_s=st.sampled_from([None, None, 900, 3000]),
    )
    def book(self, origin: int, hop: int, seats: int, ahead_s: int | None) -> None:
        """Ask and take the first offer, as most riders do."""
        depart_s = None if ahead_s is None else self.desk.now_s + ahead_s
        ends = self.stop(origin), self.stop(origin + hop)
        self.take(self.asked(cmd.RequestRide(*ends, Party(seats), depart_at_s=depart_s)), 0, 0)

    @rule(
        shown=consumes(shown),
        which=st.integers(0, 2),
        later_s=st.sampled_from([0, 0, 60, 120, 121]),
    )
    def take(self, shown: Shown | None, which: int, later_s: int) -> None:
        """What was shown can be had, unless somebody or something has come in between."""
        if shown is None:
            return
        if later_s:
            self.desk.now_s += later_s
            self.reality_broke_something = True
        offer = shown.request.offers[which % len(shown.request.offers)]
        events = self.settle(cmd.AcceptOffer(offer.id, "rd_x"))
        error = self.last_error
        if error is None:
            assert any(isinstance(e, ev.BookingMade | be.BookingChanged) for e in events)
        elif error.code is ErrorCode.OFFER_EXPIRED:
            status = self.desk.state.requests[shown.request.id].status
            assert self.desk.now_s > offer.expires_at_s or status is RequestStatus.LAPSED
        elif error.code is ErrorCode.OFFER_NO_LONGER_AVAILABLE:
            self.there_is_no_room(shown, offer)
        elif shown.request.replaces is None:
            assert error.code is ErrorCode.STOP_CLOSED
            assert self.desk.state.closures != shown.state.closures

    def there_is_no_room(self, shown: Shown, offer: Offer) -> None:
        """Nothing was promised that is not kept: whoever is sent away can be carried by nobody.

        If nothing at all has happened since, that is no excuse.
        """
        desk, request = self.desk, shown.request
        same = desk.now_s == shown.now_s and desk.state.shifts == shown.state.shifts
        searched = self.style.joint_iterations > 0  # what only a search has found may be missed
        assert not same or searched or request.replaces, "nothing happened, and the offer is gone"
        if request.replaces is not None:
            return
        blank = self.as_booked(request, offer)
        wanted = as_booking(request_for(plan_booking(desk.config, desk.network, blank)))
        span_s = (offer.promise.pickup_from_s, offer.promise.pickup_to_s)
        stops = {offer.promise.pickup_stop_id, offer.promise.dropoff_stop_id}
        for shift in suitable_shifts(desk.config, desk.state, request.party, span_s, desk.now_s):
            now = planning(desk.config, desk.network, desk.state, [shift], desk.now_s)
            # a road closure counts for all of a shift, also where riders would be done before it
            served = now.network.cut_off.isdisjoint(stops) and reachable(now.problem, wanted)
            if now.promised is now.problem and served:
                found = list(places(now.problem, 0, wanted))
                assert not found, f"{shift.id} has room for {offer}: {found[0]}"

    def as_booked(self, request: RideRequest, offer: Offer) -> Booking:
        """The booking that an offer would have become."""
        given = {
            name: getattr(offer, name)
            for name in ("promise", "wish_earliest_s", "walk_s", "direct_s", "price_cents")
        }
        return Booking(
            id="bk_wanted",
            code="",
            request_id=request.id,
            offer_id=offer.id,
            rider_id="rd",
            status="confirmed",  # type: ignore[arg-type]
            party=request.party,
            shift_id="",
            booked_at_s=self.desk.now_s,
            **given,
        )

    @precondition(somebody(WAITS))
    @rule(which=WHICH)
    def take_twice(self, which: int) -> None:
        """An offer that was taken is not taken again."""
        booking = self.waiting(which)
        if booking is not None:
            self.act(cmd.AcceptOffer(booking.offer_id, "rd_y"))
            assert self.last_error is not None
            assert self.last_error.code in {ErrorCode.ALREADY_BOOKED, ErrorCode.OFFER_NOT_FOUND}

    @precondition(somebody(WAITS, RIDES))
    @rule(which=WHICH, by=st.sampled_from(["rider", "control"]))
    def cancel(self, which: int, by: str) -> None:
        """Somebody gives up a booking in whatever state, twice."""
        bookings = list(self.desk.state.bookings.values())
        if bookings:
            command = cmd.CancelBooking(bookings[which % len(bookings)].id, by)
            self.settle(command)
            if self.last_error is None:
                self.again(command)

    @precondition(somebody(WAITS))
    @rule(
        which=WHICH,
        destination=st.sampled_from([None, None, 3, 17, 40]),
        party=st.sampled_from([None, None, Party(1), Party(4), Party(1, 1)]),
        ahead_s=st.sampled_from([None, 0, 900, 3600, 30_000]),
    )
    def change(
        self, which: int, destination: int | None, party: Party | None, ahead_s: int | None
    ) -> None:
        """Other terms at once, or nothing happens."""
        booking = self.waiting(which)
        if booking is None:
            return
        before = self.desk.state.shifts.copy()
        command = bc.ChangeBooking(
            booking.id,
            "control",
            destination=None if destination is None else self.stop(destination),
            party=party,
            depart_at_s=None if ahead_s is None else self.desk.now_s + ahead_s,
        )
        events = self.settle(command, lambda name: name == booking.id)
        changed = [e for e in events if isinstance(e, be.BookingChanged)]
        if not any(e.booking_id == booking.id for e in changed):
            assert self.desk.state.bookings[booking.id] == booking
            served = any(isinstance(e, be.WaitingServed) for e in events)
            assert served or self.desk.state.shifts == before

    @precondition(somebody(WAITS))
    @rule(target=shown, which=WHICH, destination=STOPS, ahead_s=AHEAD)
    def ask_for_other_terms(
        self, which: int, destination: int, ahead_s: int | None
    ) -> Shown | None:
        """Offers for a change, to be taken or not."""
        booking = self.waiting(which)
        if booking is None:
            return None
        origin = self.desk.state.requests[booking.request_id].origin
        when_s = None if ahead_s is None else self.desk.now_s + ahead_s
        to = self.stop(destination)
        ask = cmd.RequestRide(origin, to, booking.party, depart_at_s=when_s, replaces=booking.id)
        events = self.act(ask)
        if not events or not isinstance(events[0], ev.RideOffered):
            return None
        return Shown(events[0].request, same_values(self.desk.state), self.desk.now_s)

    @rule(
        trips=st.lists(st.tuples(STOPS, HOPS, st.integers(1, 4)), min_size=2, max_size=3),
        same=st.booleans(),
    )
    def ask_and_book_together(self, trips: list[tuple[int, int, int]], *, same: bool) -> None:
        """What arrives together is decided together; each has an answer."""
        asks: list[cmd.Command] = [
            cmd.RequestRide(self.stop(origin), self.stop(origin + hop), Party(seats))
            for origin, hop, seats in trips
        ]
        takes: list[cmd.Command] = []
        for event in self.together(asks):
            assert isinstance(event, ev.RideOffered | ev.RideRefused)
            takes += [cmd.AcceptOffer(offer.id, "rd_x") for offer in event.request.offers[:1]]
        if same:
            takes += takes[:1]
        before = lateness.expected(self.desk)
        made = [e for e in self.together(takes) if isinstance(e, ev.BookingMade)]
        self.nobody_is_later(before, made)
        requests = [e.booking.request_id for e in made]
        assert len(requests) == len(set(requests)), "one request was booked twice"

    def together(self, commands: list[cmd.Command]) -> list[ev.Event]:
        """Put several commands to the engine at once."""
        desk, present = self.desk, same_values(self.desk.state)
        self._asked = True
        outcomes = desk.engine.decide_batch(desk.state, commands, desk.now_s, desk.rng)
        assert len(outcomes) == len(commands)
        assert desk.state == replace(present), "a decision changed the state"
        for command, outcome in zip(commands, outcomes, strict=True):
            told = TALLY.refused if isinstance(outcome, DomainError) else TALLY.done
            told[type(command)] += 1
        events = [e for o in outcomes if not isinstance(o, DomainError) for e in o]
        self.follow(events)
        return events
