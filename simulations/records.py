"""One record for every request of a day: what was asked, what came of it, how the ride went.

Everything that key figures, tables and reports say of riders is read from these.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import shapely

from dispatch.domain import events as ev
from dispatch.domain.model import Booking, RideRequest, Shift, Spot, Visit
from dispatch.domain.rules import Rules
from dispatch.engine.network import Network
from routing.roads.graph import metres_per_degree
from simulations.world import Day, Leg


class Outcome(StrEnum):
    """What became of a request."""

    SERVED = "served"
    REFUSED = "refused"
    NOT_TAKEN = "not_taken"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"
    ABANDONED = "abandoned"
    UNFINISHED = "unfinished"


@dataclass(slots=True)
class Record:
    """A request. Times are epoch seconds, lengths metres; None where it did not come so far.

    Attributes:
        answered_s: when the offers, or the refusal, were out.
        wished_s: from when waiting counts.
        reason: code of a refusal.
        halted_s: when the vehicle halted at the pick-up stop.
        boarding_s: start of boarding: its end less the usual boarding time of the party.
        arrived_s: when the vehicle halted at the drop-off stop.
        direct_s: fastest drive between the two stops.
        direct_m: shortest way between them; of a request without booking, unknown.
        ridden_m: driven with the party on board; `pooled_m` of it together with others.
        displaced: whether its vehicle was out of service before the ride was over.
        rescued: whether the party had to change vehicles for that; boarding is the first one.
        cancelled_ahead_s: how long before the promised pick-up a cancellation came.
    """

    request_id: str
    asked_s: int
    answered_s: int
    wished_s: int
    channel: str
    seats: int
    wheelchairs: int
    origin: Spot
    destination: Spot
    origin_zone: str
    destination_zone: str
    outcome: Outcome
    reason: str | None = None
    booking_id: str | None = None
    shift_id: str | None = None
    vehicle_id: str | None = None
    pickup_stop_id: str | None = None
    dropoff_stop_id: str | None = None
    walk_m: int | None = None
    walk_s: int = 0
    planned_pickup_s: int | None = None
    pickup_from_s: int | None = None
    pickup_to_s: int | None = None
    arrival_latest_s: int | None = None
    halted_s: int | None = None
    boarding_s: int | None = None
    boarded_s: int | None = None
    arrived_s: int | None = None
    alighted_s: int | None = None
    direct_s: int | None = None
    direct_m: float | None = None
    ridden_m: float = 0.0
    pooled_m: float = 0.0
    pooled: bool = False
    displaced: bool = False
    rescued: bool = False
    fare_eur: float = 0.0
    cancelled_ahead_s: int | None = None

    @property
    def persons(self) -> int:
        """How many travel."""
        return self.seats + self.wheelchairs

    @property
    def accepted(self) -> bool:
        """Whether it became a booking."""
        return self.booking_id is not None

    @property
    def served(self) -> bool:
        """Whether the ride was driven to its end."""
        return self.outcome is Outcome.SERVED

    @property
    def wait_s(self) -> int:
        """From the wish to the start of boarding; of a ride that was driven."""
        return (self.boarding_s or 0) - self.wished_s

    @property
    def in_vehicle_s(self) -> int:
        """From the end of boarding to the halt at the drop-off stop; of a ride that was driven."""
        return (self.arrived_s or 0) - (self.boarded_s or 0)


@dataclass(slots=True)
class Ledger:
    """The day's events sorted by what they are about.

    `rests` are when drivers were on a break, by shift: [from, to] in epoch seconds.
    """

    requests: dict[str, RideRequest] = field(default_factory=dict)
    bookings: dict[str, Booking] = field(default_factory=dict)
    shifts: dict[str, Shift] = field(default_factory=dict)
    carried_by: dict[str, str] = field(default_factory=dict)
    boarded: dict[str, ev.RiderBoarded] = field(default_factory=dict)
    alighted: dict[str, ev.RiderAlighted] = field(default_factory=dict)
    missed: set[str] = field(default_factory=set)
    abandoned: set[str] = field(default_factory=set)
    ended_s: dict[str, int] = field(default_factory=dict)
    cancelled_s: dict[str, int] = field(default_factory=dict)
    arrived_s: dict[str, int] = field(default_factory=dict)
    visits_served: set[str] = field(default_factory=set)
    displaced: set[str] = field(default_factory=set)
    rescued: set[str] = field(default_factory=set)
    set_down_s: dict[str, int] = field(default_factory=dict)
    rests: dict[str, list[list[int]]] = field(default_factory=dict)
    rest_lasts_s: dict[str, int] = field(default_factory=dict)


def ledger(day: Day) -> Ledger:  # noqa: C901, PLR0912 - one case for each kind of event
    """Sort the events of a day."""
    book = Ledger()
    for at_s, event in day.events:
        match event:
            case ev.RideOffered(request) | ev.RideRefused(request):
                book.requests[request.id] = request
            case ev.BookingMade(booking):
                book.bookings[booking.id] = booking
                book.carried_by[booking.id] = booking.shift_id
            case ev.BookingMoved():
                book.carried_by[event.booking_id] = event.shift_id
            case ev.BookingCancelled():
                book.cancelled_s[event.booking_id] = at_s
                if event.by == "service":
                    book.abandoned.add(event.booking_id)
            case ev.RiderBoarded():
                book.boarded.setdefault(event.booking_id, event)
                book.visits_served.add(event.visit_id)
            case ev.RiderAlighted():
                book.alighted[event.booking_id] = event
                book.visits_served.add(event.visit_id)
            case ev.RiderMissed():
                book.missed.add(event.booking_id)
            case ev.VisitArrived():
                book.arrived_s[event.visit_id] = at_s
                _note_rest(book, event)
            case ev.PlanChanged(visits=visits):
                _note_breaks(book, visits)
            case ev.ShiftPlanned(shift):
                book.shifts[shift.id] = shift
                _note_breaks(book, shift.visits)
            case ev.ShiftEnded():
                book.ended_s[event.shift_id] = at_s
            case _:
                _note_mishap(book, event)
    return book


def _note_breaks(book: Ledger, visits: Sequence[Visit]) -> None:
    book.rest_lasts_s |= {v.id: v.depart_s - v.arrive_s for v in visits if v.break_id}


def _note_rest(book: Ledger, event: ev.VisitArrived) -> None:
    lasts_s = book.rest_lasts_s.get(event.visit_id)
    if lasts_s is not None:
        span = [event.at_s, event.at_s + lasts_s]
        book.rests.setdefault(event.shift_id, []).append(span)


def _note_mishap(book: Ledger, event: ev.Event) -> None:
    match event:
        case ev.BookingDisplaced():
            book.displaced.add(event.booking_id)
        case ev.BookingReplanned():
            book.carried_by[event.booking_id] = event.shift_id
            if event.rescue:
                book.rescued.add(event.booking_id)
        case ev.RiderSetDown():
            book.set_down_s[event.booking_id] = event.at_s
        case _:
            pass


class Zones:
    """The zone of any point: that of the nearest bookable stop."""

    def __init__(self, network: Network) -> None:
        stops = [stop for stop in network.stops if stop.bookable]
        self._zones = [stop.zone or "" for stop in stops]
        self._scale = metres_per_degree(float(np.mean([stop.lat for stop in stops])))
        self._tree = shapely.STRtree([self._metres(stop.lon, stop.lat) for stop in stops])

    def of(self, spot: Spot) -> str:
        """The zone's name."""
        return self._zones[int(self._tree.nearest(self._metres(spot.lon, spot.lat)))]

    def _metres(self, lon: float, lat: float) -> shapely.Point:
        return shapely.Point(lon * self._scale[0], lat * self._scale[1])


def records(
    day: Day, book: Ledger, rules: Rules, network: Network, direct_m: Callable[[str, str], float]
) -> list[Record]:
    """The requests of a day in the order in which they were asked.

    Args:
        day: what happened.
        book: its events, sorted.
        rules: for usual boarding times.
        network: for zones.
        direct_m: shortest way between two stops by id.
    """
    zones = Zones(network)
    booked = {b.request_id: b for b in book.bookings.values()}
    found = []
    for request in book.requests.values():
        if request.id in day.repeated:
            continue
        record = _asked(request, day.asked_s.get(request.id, request.received_at_s), zones)
        booking = booked.get(request.id)
        if booking is not None:
            _fill_in(record, request, booking, book, rules)
            record.direct_m = direct_m(
                booking.promise.pickup_stop_id, booking.promise.dropoff_stop_id
            )
        found.append(record)
    found += [
        Record(
            request_id=f"impossible-{number}",
            asked_s=trip.asked_at_s,
            answered_s=trip.asked_at_s,
            wished_s=trip.ask.depart_at_s or trip.ask.arrive_by_s or trip.asked_at_s,
            channel=trip.ask.channel,
            seats=trip.ask.party.seats,
            wheelchairs=trip.ask.party.wheelchairs,
            origin=trip.ask.origin,
            destination=trip.ask.destination,
            origin_zone=zones.of(trip.ask.origin),
            destination_zone=zones.of(trip.ask.destination),
            outcome=Outcome.REFUSED,
            reason=code,
        )
        for number, (code, trip) in enumerate(day.rejected, 1)
    ]
    _add_driving({r.booking_id: r for r in found if r.booking_id}, day.legs)
    return sorted(found, key=lambda record: record.asked_s)


def _asked(request: RideRequest, asked_s: int, zones: Zones) -> Record:
    refused = request.refusal is not None
    return Record(
        request_id=request.id,
        asked_s=asked_s,
        answered_s=request.received_at_s,
        wished_s=max(asked_s, request.depart_at_s or 0, _set_off_s(request)),
        channel=request.channel,
        seats=request.party.seats,
        wheelchairs=request.party.wheelchairs,
        origin=request.origin,
        destination=request.destination,
        origin_zone=zones.of(request.origin),
        destination_zone=zones.of(request.destination),
        outcome=Outcome.REFUSED if refused else Outcome.NOT_TAKEN,
        reason=str(request.refusal.code) if request.refusal is not None else None,
    )


def _set_off_s(request: RideRequest) -> int:
    """When a rider with a wished arrival would set off; that arrival where nobody knows."""
    if request.arrive_by_s is None:
        return 0
    return min((o.wish_earliest_s for o in request.offers), default=request.arrive_by_s)


def _fill_in(
    record: Record, request: RideRequest, booking: Booking, book: Ledger, rules: Rules
) -> None:
    """What was promised to a booking, and how it went."""
    offer = next(o for o in request.offers if o.id == booking.offer_id)
    promise = booking.promise
    record.booking_id = booking.id
    record.shift_id = book.carried_by[booking.id]
    record.vehicle_id = book.shifts[record.shift_id].vehicle_id
    record.pickup_stop_id, record.dropoff_stop_id = promise.pickup_stop_id, promise.dropoff_stop_id
    record.walk_m, record.walk_s = offer.pickup_walk_m + offer.dropoff_walk_m, booking.walk_s
    record.planned_pickup_s = offer.planned_pickup_s
    record.pickup_from_s, record.pickup_to_s = promise.pickup_from_s, promise.pickup_to_s
    record.arrival_latest_s, record.direct_s = promise.arrival_latest_s, booking.direct_s
    record.fare_eur = booking.price_cents / 100
    ahead = booking.wish_earliest_s > request.received_at_s  # else the wait for an answer counts
    record.wished_s = booking.wish_earliest_s if ahead else record.asked_s
    record.outcome = Outcome.UNFINISHED
    if booking.id in book.abandoned:
        record.outcome = Outcome.ABANDONED
    elif booking.id in book.cancelled_s:
        record.outcome = Outcome.CANCELLED
        record.cancelled_ahead_s = promise.pickup_from_s - book.cancelled_s[booking.id]
    elif booking.id in book.missed:
        record.outcome = Outcome.NO_SHOW
    boarded, alighted = book.boarded.get(booking.id), book.alighted.get(booking.id)
    if boarded is not None:
        record.halted_s, record.boarded_s = book.arrived_s[boarded.visit_id], boarded.at_s
        begun_s = boarded.at_s - rules.board_s(booking.party)
        record.boarding_s = max(begun_s, record.halted_s)
    if alighted is not None:
        record.outcome = Outcome.SERVED
        record.arrived_s, record.alighted_s = book.arrived_s[alighted.visit_id], alighted.at_s
    elif booking.id in book.set_down_s:
        record.outcome = Outcome.SERVED
        record.arrived_s = record.alighted_s = book.set_down_s[booking.id]
    record.displaced, record.rescued = booking.id in book.displaced, booking.id in book.rescued


def _add_driving(by_booking: dict[str, Record], legs: Sequence[Leg]) -> None:
    """Sum up what was driven with each party on board."""
    for leg in legs:
        for booking_id in leg.booking_ids:
            record = by_booking[booking_id]
            record.ridden_m += leg.length_m
            if len(leg.booking_ids) > 1 and leg.length_m > 0:
                record.pooled_m += leg.length_m
                record.pooled = True
