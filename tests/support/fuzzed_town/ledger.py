"""What has been said and done, kept from the events: who was shown what, who is on board where.

It knows nothing of how the engine works; whatever contradicts what it has written down is a fault.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from desk import Desk

from dispatch.domain import booking_events as be
from dispatch.domain import events as ev
from dispatch.domain.life import SeriesDay
from dispatch.domain.model import (
    ActionKind,
    Booking,
    BookingStatus,
    Offer,
    Party,
    Promise,
    RideRequest,
    Shift,
)
from fuzzed_town.days import shows
from fuzzed_town.refusals import check_refusal

_ENDED = {BookingStatus.COMPLETED, BookingStatus.CANCELLED, BookingStatus.NO_SHOW}
_SERIES_LATE_S = 45 * 60


class Ledger:
    """Follows the events of a desk one by one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.offers: dict[str, Offer] = {}
        self.requests: dict[str, RideRequest] = {}
        self.aboard: dict[str, str] = {}
        """Vehicle by booking."""
        self._vehicles: dict[str, str] = {}
        self._promises: dict[str, Promise] = {}
        self._statuses: dict[str, BookingStatus] = {}
        self._versions: dict[str, int] = {}
        self._pins: dict[str, str] = {}
        for event in desk.log:
            self.follow(event)

    def follow(self, event: ev.Event) -> None:
        """Write an event down."""
        match event:
            case ev.RideOffered(request):
                self._shown(request)
            case ev.RideRefused(request):
                self.requests[request.id] = request
                check_refusal(request)
            case ev.RequestLapsed(request_id):
                offers = self.requests[request_id].offers
                assert all(offer.expires_at_s < self._desk.now_s for offer in offers)
            case ev.BookingMade(booking):
                self._taken(booking.offer_id, booking.promise, booking.price_cents)
                self._promises[booking.id] = booking.promise
            case be.BookingChanged(booking_id, new=new):
                self._taken(new.offer_id, new.promise, new.price_cents)
                self._promises[booking_id] = new.promise
                self._not_aboard(event)
                self._pins.pop(booking_id, None)
            case ev.ShiftPlanned(shift):
                self._vehicles[shift.id] = shift.vehicle_id
                self._check_hours(shift)
            case be.SeriesDayBooked(day) | be.SeriesDayUnplanned(day):
                self._check_day(day)
            case _:
                self._follow_pins(event)
                self._follow_riders(event)

    def _follow_riders(self, event: ev.Event) -> None:
        match event:
            case ev.RiderBoarded(booking_id, shift_id):
                self._not_aboard(event)
                self.aboard[booking_id] = self._vehicles[shift_id]
            case ev.RiderAlighted(booking_id, shift_id) | ev.RiderSetDown(booking_id, shift_id):
                assert self.aboard.pop(booking_id, None) == self._vehicles[shift_id], event
            case ev.BookingDisplaced(booking_id, shift_id, aboard=aboard):
                was = self.aboard.pop(booking_id, None)
                assert was == (self._vehicles[shift_id] if aboard else None), event
                self._pins.pop(booking_id, None)
            case (
                ev.BookingMoved() | ev.BookingReplanned() | ev.BookingCancelled() | ev.RiderMissed()
            ):
                self._not_aboard(event)
            case ev.BookingStopsMoved(booking_id, pickup_id, dropoff_id):
                self._stops_moved(booking_id, pickup_id, dropoff_id)
            case ev.PartyCounted(booking_id, party, price_cents):
                self._counted(booking_id, party, price_cents)
            case ev.PlanChanged():
                self._planned(event)
            case _:
                pass

    def _follow_pins(self, event: ev.Event) -> None:
        match event:
            case be.BookingPinned(booking_id, shift_id):
                self._pins[booking_id] = shift_id
            case be.BookingUnpinned(booking_id):
                self._pins.pop(booking_id, None)
            case ev.BookingMoved(booking_id, shift_id=shift_id, by="control"):
                if booking_id in self._pins:
                    self._pins[booking_id] = shift_id
            case ev.VehicleSwapped(shift_id=old_id, new_shift_id=new_id):
                moved = {k: new_id for k, v in self._pins.items() if v == old_id}
                self._pins |= moved
            case _:
                pass

    # -- what is shown, and what is taken

    def _shown(self, request: RideRequest) -> None:
        """Each offer holds together: times inside the promise, the price of the table."""
        assert request.offers, "an offer without offers"
        assert len(request.offers) <= self._desk.config.rules.offers_max
        self.requests[request.id] = request
        for offer in request.offers:
            promise = offer.promise
            assert promise.pickup_from_s <= offer.planned_pickup_s <= promise.pickup_to_s, offer
            assert offer.planned_pickup_s < offer.planned_arrival_s, offer
            assert offer.planned_arrival_s <= promise.arrival_latest_s, offer
            assert promise.pickup_to_s >= self._desk.now_s, "an offer of the past"
            assert offer.expires_at_s > self._desk.now_s, "an offer that has expired"
            assert offer.price_cents == self._price_cents(request.party), offer
            assert promise.pickup_stop_id != promise.dropoff_stop_id, offer
            self.offers[offer.id] = offer

    def _taken(self, offer_id: str, promise: Promise, price_cents: int) -> None:
        """What is booked is what was shown, while it counts."""
        offer = self.offers.get(offer_id)
        assert offer is not None, f"{offer_id} was never shown"
        assert promise == offer.promise, f"shown was {offer.promise}, booked is {promise}"
        assert price_cents == offer.price_cents, "another price than was shown"
        assert self._desk.now_s <= offer.expires_at_s, "an offer that had expired was taken"

    def _price_cents(self, party: Party) -> int:
        fares = self._desk.config.fares
        seats_cents = [fares.adult_cents, *[fares.further_passenger_cents] * party.seats]
        return sum(seats_cents[: party.seats]) + fares.wheelchair_cents * party.wheelchairs

    def _counted(self, booking_id: str, party: Party, price_cents: int) -> None:
        """Who comes pays; called before the state knows of it."""
        booking = self._desk.state.bookings[booking_id]
        more = self._price_cents(party) - self._price_cents(booking.party)
        assert price_cents == max(0, booking.price_cents + more)

    # -- who is where

    def _not_aboard(self, event: ev.Event) -> None:
        booking_id: str = getattr(event, "booking_id", "")
        assert booking_id not in self.aboard, f"{event} while in {self.aboard.get(booking_id)}"

    def _planned(self, event: ev.PlanChanged) -> None:
        """Who is on board is in no other vehicle's plan, and not picked up again."""
        vehicle_id = self._vehicles[event.shift_id]
        for visit in event.visits:
            for action in visit.actions:
                where = self.aboard.get(action.booking_id)
                if where is not None:
                    assert where == vehicle_id, f"{action} planned for {vehicle_id}, is in {where}"
                    assert action.kind is ActionKind.DROPOFF, f"{action}: is in {where}"

    def _stops_moved(self, booking_id: str, pickup_id: str, dropoff_id: str) -> None:
        """Stops may move, times stay promised."""
        booking = self._desk.state.bookings[booking_id]
        if booking.instead is None:
            promise = self._promises[booking_id]
            self._promises[booking_id] = Promise(
                pickup_id,
                dropoff_id,
                promise.pickup_from_s,
                promise.pickup_to_s,
                promise.arrival_latest_s,
                promise.max_ride_s,
            )

    # -- what the clocks say

    def _check_hours(self, shift: Shift) -> None:
        """A shift begins and ends when the clocks in the driver's hand say so."""
        if "-by-" in shift.id:
            return
        stem, day, minutes = shift.id.rsplit("-", 2)
        pattern = next(
            p
            for p in self._desk.config.shifts
            if p.vehicle_id == stem and p.start_min == int(minutes)
        )
        midnight = datetime.combine(datetime.strptime(day, "%Y%m%d").date(), time())  # noqa: DTZ007
        assert shows(shift.start_s, midnight + timedelta(minutes=pattern.start_min)), shift
        assert shows(shift.end_s, midnight + timedelta(minutes=pattern.end_min)), shift
        work_s = shift.end_s - max(shift.start_s, shift.anchor.at_s)
        rest_s = sum(b.duration_s for b in shift.breaks)
        assert rest_s >= (45 * 60 if work_s - rest_s > 9 * 3600 else 0), shift
        assert rest_s >= (30 * 60 if work_s > 6 * 3600 else 0), shift

    def _check_day(self, day: SeriesDay) -> None:
        """A standing order's ride is at its hour, also on the days on which clocks change."""
        series = self._desk.state.series[day.series_id]
        wish, calendar = series.wish, series.calendar
        minutes = wish.depart_min if wish.depart_min is not None else wish.arrive_min
        wanted = datetime.combine(day.day, time()) + timedelta(minutes=minutes or 0)
        assert shows(day.wish_s, wanted), f"{day} is not at {wanted}"
        assert day.day.isoweekday() in calendar.weekdays
        assert calendar.from_day <= day.day <= (calendar.to_day or day.day)
        booking = self._desk.state.bookings.get(day.booking_id or "")
        if booking is not None and wish.depart_min is not None:
            late_s = booking.promise.pickup_from_s - day.wish_s
            assert 0 <= late_s <= _SERIES_LATE_S, f"{wanted} became {booking.promise}"
        elif booking is not None:
            assert booking.promise.arrival_latest_s <= day.wish_s

    # -- what holds between steps

    def check(self) -> None:
        """The state says the same of everybody as what has been written down."""
        state = self._desk.state
        boarded = {b.id for b in state.bookings.values() if b.status is BookingStatus.BOARDED}
        assert boarded == self.aboard.keys()
        for booking in state.bookings.values():
            self._check_booking(booking)
        for booking_id, status in self._statuses.items():
            assert booking_id in state.bookings, f"{booking_id} is lost"
            if status in _ENDED:
                assert state.bookings[booking_id].status is status, "what was over goes on"
        self._statuses = {b.id: b.status for b in state.bookings.values()}
        for shift in state.shifts.values():
            assert self._versions.get(shift.id, 0) <= shift.version, "a version went back"
            self._versions[shift.id] = shift.version
        self._check_series(list(state.series_days.values()))

    def _check_booking(self, booking: Booking) -> None:
        assert booking.promise == self._promises[booking.id], f"{booking.id}: another promise"
        vehicle_id = self._vehicles[booking.shift_id]
        if booking.status is BookingStatus.BOARDED:
            assert vehicle_id == self.aboard[booking.id], f"{booking.id} changed vehicles on board"
        waits = booking.status is BookingStatus.CONFIRMED
        if waits and booking.pinned:
            assert booking.shift_id == self._pins.get(booking.id), f"{booking.id} left its pin"
        if waits and booking.id in self._pins:
            assert booking.pinned, f"{booking.id} lost its pin"

    def _check_series(self, days: Sequence[SeriesDay]) -> None:
        made = [day.booking_id for day in days if day.booking_id]
        assert len(made) == len(set(made)), "a day of a standing order was booked twice"
