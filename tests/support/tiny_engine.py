"""A very small engine over real domain events: no roads, straight-line plans, random insertion.

It stands in for the real one where store, live layer and worker are tested, and its random
commands are the generator of valid histories.
"""

from dataclasses import replace
from datetime import date
from random import Random
from typing import Any

from tiny_mishaps import MISHAPS, mishaps, replanned

from dispatch.domain import booking_events as be
from dispatch.domain import commands as co
from dispatch.domain import events as ev
from dispatch.domain.closures import AffectedBooking, Closure, ClosureStatus, Direction
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.ids import new_code, new_id
from dispatch.domain.life import (
    DayStatus,
    Series,
    SeriesCalendar,
    SeriesDay,
    SeriesStatus,
    SeriesWish,
    Waiting,
    WaitingStatus,
)
from dispatch.domain.model import (
    Acknowledgement,
    Action,
    ActionKind,
    Alternative,
    Anchor,
    Booking,
    BookingStatus,
    Fix,
    Offer,
    OfferKind,
    Party,
    PlannedBreak,
    Promise,
    Refusal,
    RequestStatus,
    RideRequest,
    Shift,
    ShiftStatus,
    Spot,
    Terms,
    Visit,
)
from dispatch.domain.state import State

STOPS = ("a", "b", "c", "d")
VEHICLES = ("van-1", "van-2")
OFFER_VALID_S = 120


class BrokenEngineError(Exception):
    """What a bug in an engine would raise."""


def decide(state: State, command: co.Command, now_s: int, rng: Random) -> list[ev.Event]:
    """What the command makes happen."""
    handler = _HANDLERS[type(command)]
    result: list[ev.Event] = handler(state, command, now_s, rng)
    return result


def answer(command: co.Command, events: list[ev.Event], state: State) -> dict[str, Any]:
    """The JSON body of the reply."""
    for event in events:
        match event:
            case ev.RideOffered(request) | ev.RideRefused(request):
                return {
                    "id": request.id,
                    "status": str(request.status),
                    "offers": [{"id": o.id, "price_cents": o.price_cents} for o in request.offers],
                }
            case ev.BookingMade(booking):
                return {"id": booking.id, "status": str(booking.status), "code": booking.code}
            case _:
                pass
    booking_id = getattr(command, "booking_id", None)
    if booking_id:
        return {"id": booking_id, "status": str(state.bookings[booking_id].status)}
    return {"events": len(events)}


def _request(_state: State, c: co.RequestRide, now_s: int, rng: Random) -> list[ev.Event]:
    if c.channel == "bug":
        raise BrokenEngineError("a bug for this command only")
    if c.party.seats > 8:
        raise DomainError(ErrorCode.PARTY_TOO_LARGE, "too many", persons=c.party.seats)
    request = RideRequest(
        id=new_id("rq", rng),
        received_at_s=now_s,
        origin=c.origin,
        destination=c.destination,
        depart_at_s=c.depart_at_s,
        arrive_by_s=c.arrive_by_s,
        party=c.party,
        max_walk_m=300 if c.max_walk_m is None else c.max_walk_m,
        channel=c.channel,
        status=RequestStatus.OFFERED,
    )
    if c.origin.lat > 52:
        later = Alternative(now_s, now_s + 10, now_s + 20, now_s + 900)
        refusal = Refusal("no_capacity", (later,) * rng.randrange(3))
        refused = replace(request, status=RequestStatus.REFUSED, refusal=refusal)
        return [ev.RideRefused(refused)]
    offers = tuple(_offer(request, now_s, rng) for _ in range(rng.randint(1, 3)))
    return [ev.RideOffered(replace(request, offers=offers))]


def _offer(request: RideRequest, now_s: int, rng: Random) -> Offer:
    pickup, dropoff = rng.sample(STOPS, 2)
    # an "impossible" party lets the tables say no: a window that ends before it begins
    late_s = -1 if request.channel == "impossible" else rng.randrange(600)
    promise = Promise(pickup, dropoff, now_s, now_s + late_s, now_s + 1500, 900)
    return Offer(
        id=new_id("of", rng),
        request_id=request.id,
        kind=rng.choice(list(OfferKind)),
        promise=promise,
        pickup_walk_m=rng.randrange(300),
        dropoff_walk_m=rng.randrange(300),
        planned_pickup_s=now_s + 60,
        planned_arrival_s=now_s + 600,
        wish_earliest_s=now_s,
        walk_s=100,
        direct_s=400,
        price_cents=250 * request.party.persons,
        expires_at_s=now_s + OFFER_VALID_S,
    )


def _accept(state: State, c: co.AcceptOffer, now_s: int, rng: Random) -> list[ev.Event]:
    offer = state.offers.get(c.offer_id)
    if offer is None:
        raise DomainError(ErrorCode.OFFER_NOT_FOUND, "no such offer")
    request = state.requests[offer.request_id]
    if request.status is RequestStatus.BOOKED:
        raise DomainError(ErrorCode.ALREADY_BOOKED, "taken")
    if request.status is not RequestStatus.OFFERED or offer.expires_at_s < now_s:
        raise DomainError(ErrorCode.OFFER_EXPIRED, "too late")
    open_shifts = [s for s in state.shifts.values() if s.status is not ShiftStatus.ENDED]
    open_shifts = [s for s in open_shifts if s.vehicle_id not in state.out]
    if not open_shifts:
        raise DomainError(ErrorCode.OFFER_NO_LONGER_AVAILABLE, "nobody drives")
    shift = rng.choice(open_shifts)
    booking = Booking(
        id=new_id("bk", rng),
        code=new_code(rng),
        request_id=request.id,
        offer_id=offer.id,
        rider_id=c.rider_id,
        status=BookingStatus.CONFIRMED,
        promise=offer.promise,
        party=request.party,
        shift_id=shift.id,
        booked_at_s=now_s,
        wish_earliest_s=offer.wish_earliest_s,
        walk_s=offer.walk_s,
        direct_s=offer.direct_s,
        price_cents=offer.price_cents,
    )
    return [ev.BookingMade(booking), insert(shift, booking, now_s, rng)]


def insert(shift: Shift, booking: Booking, now_s: int, rng: Random) -> ev.PlanChanged:
    visits = list(shift.visits)
    first = 1 if shift.current_visit else 0
    at = rng.randint(first, len(visits))
    promise = booking.in_force
    stops = (
        (ActionKind.PICKUP, promise.pickup_stop_id),
        (ActionKind.DROPOFF, promise.dropoff_stop_id),
    )
    for kind, stop_id in stops:
        action = Action(kind, booking.id, now_s, now_s)
        joins = at < len(visits) and visits[at].stop_id == stop_id and not visits[at].break_id
        if joins and at >= first:
            visits[at] = replace(visits[at], actions=(*visits[at].actions, action))
        else:
            visits.insert(at, Visit(new_id("vs", rng), stop_id, (action,), now_s, now_s, now_s))
        at = rng.randint(at + 1, len(visits))
    return plan(shift, visits, now_s)


def plan(shift: Shift, visits: list[Visit], now_s: int) -> ev.PlanChanged:
    timed = []
    for n, visit in enumerate(visits):
        at_s = now_s + 60 * n
        actions = tuple(replace(a, start_s=at_s, end_s=at_s + 20) for a in visit.actions)
        timed.append(
            replace(visit, actions=actions, leave_s=at_s - 50, arrive_s=at_s, depart_s=at_s + 20)
        )
    anchor = replace(shift.anchor, at_s=now_s, lon=8.0 + now_s % 7 / 10)
    return ev.PlanChanged(shift.id, shift.version + 1, anchor, tuple(timed))


def _without(state: State, booking: Booking, now_s: int) -> list[ev.Event]:
    """The plan without a booking; a visit at which the vehicle stands is completed or dropped."""
    shift = state.shifts[booking.shift_id]
    visits = []
    for visit in shift.visits:
        left = tuple(a for a in visit.actions if a.booking_id != booking.id)
        if left or visit.break_id:
            visits.append(replace(visit, actions=left))
    return [plan(shift, visits, now_s)]


def _cancel(state: State, c: co.CancelBooking, now_s: int, _rng: Random) -> list[ev.Event]:
    known = state.bookings.get(c.booking_id)
    lost = known is not None and known.status is BookingStatus.DISPLACED
    status = BookingStatus.DISPLACED if lost else BookingStatus.CONFIRMED
    booking = _booking(state, c.booking_id, status)
    cancelled = ev.BookingCancelled(booking.id, now_s, c.by, c.reason, late=now_s % 2 == 0)
    if lost:
        return [cancelled]
    return [cancelled, *_without(state, booking, now_s)]


def _booking(state: State, booking_id: str, status: BookingStatus) -> Booking:
    booking = state.bookings.get(booking_id)
    if booking is None:
        raise DomainError(ErrorCode.BOOKING_NOT_FOUND, "no such booking")
    if booking.status is not status:
        raise DomainError(ErrorCode.BOOKING_STATE, "not now", status=booking.status)
    return booking


def _position(state: State, c: co.ReportPosition, now_s: int, _rng: Random) -> list[ev.Event]:
    if c.at_s > now_s + 60:
        raise DomainError(ErrorCode.POSITION_IN_FUTURE, "not yet")
    shift = _active(state, c.vehicle_id)
    return [ev.VehicleMoved(shift.id, c.vehicle_id, Fix(c.at_s, c.lon, c.lat, 7, 0))]


def _active(state: State, vehicle_id: str) -> Shift:
    for shift in state.shifts.values():
        if shift.vehicle_id == vehicle_id and shift.status is ShiftStatus.ACTIVE:
            return shift
    raise DomainError(ErrorCode.SHIFT_STATE, "not driving")


def _arrived(state: State, c: co.ReportArrived, now_s: int, _rng: Random) -> list[ev.Event]:
    shift = _active(state, c.vehicle_id)
    if not shift.visits or shift.visits[0].id != c.visit_id or shift.current_visit:
        raise DomainError(ErrorCode.VISIT_NOT_NEXT, "not there")
    anchor = replace(shift.anchor, at_s=now_s, stop_id=shift.visits[0].stop_id)
    return [ev.VisitArrived(shift.id, c.visit_id, now_s, anchor)]


def _at_stop(state: State, booking: Booking, kind: ActionKind) -> tuple[Shift, Visit]:
    shift = state.shifts[booking.shift_id]
    visit = shift.current_visit
    if visit is None or booking.id not in visit.booking_ids(kind):
        raise DomainError(ErrorCode.NOT_AT_THIS_STOP, "elsewhere")
    return shift, visit


def _done(shift: Shift, visit: Visit, now_s: int) -> list[ev.Event]:
    return [ev.VisitCompleted(shift.id, visit.id, now_s)] if len(visit.actions) == 1 else []


def _boarded(state: State, c: co.ReportBoarded, now_s: int, _rng: Random) -> list[ev.Event]:
    booking = _booking(state, c.booking_id, BookingStatus.CONFIRMED)
    shift, visit = _at_stop(state, booking, ActionKind.PICKUP)
    boarded = ev.RiderBoarded(booking.id, shift.id, visit.id, now_s)
    counted = [ev.PartyCounted(booking.id, c.party, 99, now_s)] if c.party else []
    return [*counted, boarded, *_done(shift, visit, now_s)]


def _alighted(state: State, c: co.ReportAlighted, now_s: int, _rng: Random) -> list[ev.Event]:
    booking = _booking(state, c.booking_id, BookingStatus.BOARDED)
    shift, visit = _at_stop(state, booking, ActionKind.DROPOFF)
    alighted = ev.RiderAlighted(booking.id, shift.id, visit.id, now_s)
    return [alighted, *_done(shift, visit, now_s)]


def _no_show(state: State, c: co.ReportNoShow, now_s: int, _rng: Random) -> list[ev.Event]:
    booking = _booking(state, c.booking_id, BookingStatus.CONFIRMED)
    shift, visit = _at_stop(state, booking, ActionKind.PICKUP)
    missed = ev.RiderMissed(booking.id, shift.id, visit.id, now_s)
    return [missed, *_without(state, booking, now_s)]


def _start(state: State, c: co.StartShift, now_s: int, _rng: Random) -> list[ev.Event]:
    shift = state.shifts.get(c.shift_id)
    if shift is None or shift.status is not ShiftStatus.PLANNED:
        raise DomainError(ErrorCode.SHIFT_STATE, "no")
    busy = {s.vehicle_id for s in state.shifts.values() if s.status is ShiftStatus.ACTIVE}
    if shift.vehicle_id in busy:
        raise DomainError(ErrorCode.SHIFT_STATE, "drives already")
    return [ev.ShiftStarted(shift.id, now_s)]


def _end(state: State, c: co.EndShift, now_s: int, _rng: Random) -> list[ev.Event]:
    shift = state.shifts.get(c.shift_id)
    if shift is None or shift.status is not ShiftStatus.ACTIVE:
        raise DomainError(ErrorCode.SHIFT_STATE, "no")
    if shift.visits:
        raise DomainError(ErrorCode.SHIFT_HAS_RIDERS, "not empty")
    return [ev.ShiftEnded(shift.id, now_s)]


def _acknowledge(_: State, c: co.AcknowledgeAlert, now_s: int, _rng: Random) -> list[ev.Event]:
    return [ev.AlertAcknowledged(Acknowledgement(c.alert_id, now_s, c.by, now_s % 900))]


def _tick(state: State, _c: co.Tick, now_s: int, _rng: Random) -> list[ev.Event]:
    events: list[ev.Event] = []
    staffed = {s.vehicle_id for s in state.shifts.values() if s.status is not ShiftStatus.ENDED}
    for vehicle_id in VEHICLES:
        if vehicle_id not in staffed:
            number = sum(s.vehicle_id == vehicle_id for s in state.shifts.values())
            anchor = Anchor(now_s, 8.04, 51.75, 3, 0, "a")
            shift_id = f"sh-{vehicle_id}-{now_s}-{number}"
            shift = Shift(
                shift_id, vehicle_id, now_s, now_s + 3600, "a", ShiftStatus.PLANNED, anchor
            )
            events.append(ev.ShiftPlanned(shift))
    for request in state.requests.values():
        expiries = [o.expires_at_s for o in request.offers]
        if request.status is RequestStatus.OFFERED and max(expiries) < now_s:
            events.append(ev.RequestLapsed(request.id, now_s))
    return events + replanned(state, now_s, _rng, insert)


_HANDLERS: dict[type, Any] = {
    co.RequestRide: _request,
    co.AcceptOffer: _accept,
    co.CancelBooking: _cancel,
    co.ReportPosition: _position,
    co.ReportArrived: _arrived,
    co.ReportBoarded: _boarded,
    co.ReportAlighted: _alighted,
    co.ReportNoShow: _no_show,
    co.StartShift: _start,
    co.EndShift: _end,
    co.AcknowledgeAlert: _acknowledge,
    co.Tick: _tick,
    **MISHAPS,
}


def ride(channel: str = "web", seats: int = 1, lat: float = 51.75) -> co.RequestRide:
    """A request that gets offers, unless the arguments say otherwise."""
    return co.RequestRide(Spot(8.04, lat), Spot(8.02, 51.8, "b"), Party(seats), channel=channel)


def live_on(state: State, now_s: int, rng: Random) -> list[ev.Event]:
    """Something around the life of bookings: a change, a pin, standing orders, waiting."""
    choices = [
        *_changes(state, now_s, rng),
        *_pins(state, now_s),
        *_series(state, now_s, rng),
        *_waiting(state, now_s),
    ]
    return rng.choice(choices) if choices else []


def _changes(state: State, now_s: int, rng: Random) -> list[list[ev.Event]]:
    """Bookings under the terms of somebody else's open offer, on another shift or the same."""
    found: list[list[ev.Event]] = []
    offered = [r for r in state.requests.values() if r.status is RequestStatus.OFFERED]
    open_shifts = [s for s in state.shifts.values() if s.status is not ShiftStatus.ENDED]
    for booking in state.bookings.values():
        if booking.status is not BookingStatus.CONFIRMED or not offered:
            continue
        offer = rng.choice(rng.choice(offered).offers)
        new = Terms(offer.request_id, offer.id, offer.promise, Party(1, 1), 1, 2, 3, 4)
        to = rng.choice(open_shifts)
        leaves = _without(state, booking, now_s)[0]
        assert isinstance(leaves, ev.PlanChanged)
        shift = to
        if to.id == booking.shift_id:
            shift = replace(to, version=leaves.version, visits=leaves.visits)
        terms = (booking.terms, new, booking.shift_id, to.id)
        changed = be.BookingChanged(booking.id, now_s, "rider", *terms)
        carried = replace(booking, promise=new.promise)
        found.append([leaves, changed, insert(shift, carried, now_s, rng)])
    return found


def _pins(state: State, now_s: int) -> list[list[ev.Event]]:
    found: list[list[ev.Event]] = []
    for b in state.bookings.values():
        if b.status is BookingStatus.CONFIRMED:
            pin = be.BookingPinned(b.id, b.shift_id, now_s)
            found.append([be.BookingUnpinned(b.id, now_s) if b.pinned else pin])
    return found


def _series(state: State, now_s: int, rng: Random) -> list[list[ev.Event]]:
    wish = SeriesWish(Spot(8.0, 51.7), Spot(8.1, 51.8, "b"), Party(1), depart_min=rng.randrange(99))
    calendar = SeriesCalendar((1, 5), date(2027, 1, 4), except_days=(date(2027, 1, 8),))
    new = Series(new_id("se", rng), "rd_1", wish, calendar, "phone", SeriesStatus.ACTIVE, now_s)
    found: list[list[ev.Event]] = [[be.SeriesCreated(new)]]
    booked = {d.booking_id for d in state.series_days.values()}
    for series in state.series.values():
        # a day of long ago may have been forgotten, so each is spoken of once
        ago_s = rng.choice([0, 400_000])
        recent = date(2027, 1, rng.randint(1, 28))
        day = SeriesDay(
            series.id,
            date.fromordinal(700_000 + now_s % 30_000) if ago_s else recent,
            now_s - ago_s,
            DayStatus.UNPLANNED,
            now_s,
            code="no_capacity",
            tries=1,
        )
        known = state.series_days.get(day.key)
        day = replace(known or day, at_s=now_s)
        if known is None or known.status is DayStatus.UNPLANNED:
            found.append([be.SeriesDayUnplanned(day)])
            new = [b.id for b in state.bookings.values() if b.booked_at_s > now_s - 60]
            free = [b for b in new if b not in booked]
            if free and day.wish_s > now_s - 100_000:
                made = replace(day, status=DayStatus.BOOKED, booking_id=rng.choice(free))
                found.append([be.SeriesDayBooked(made)])
        if known is None or known.status is not DayStatus.SKIPPED:
            found.append([be.SeriesDaySkipped(replace(day, status=DayStatus.SKIPPED))])
        if series.status is SeriesStatus.ACTIVE and len(state.series) > 3:
            found.append([be.SeriesEnded(series.id, now_s, "rider")])
    return found


def _waiting(state: State, now_s: int) -> list[list[ev.Event]]:
    found: list[list[ev.Event]] = [
        [be.WaitingJoined(Waiting(request.id, "rd_2", now_s, now_s + 1800))]
        for request in state.requests.values()
        if request.refusal is not None and request.id not in state.waiting
    ]
    booking_id = next(iter(state.bookings), None)
    for entry in state.waiting.values():
        if entry.status is WaitingStatus.WAITING:
            found.append([be.WaitingLeft(entry.request_id, now_s)])
            found.append([be.WaitingLapsed(entry.request_id, now_s)])
            if booking_id is not None:
                found.append([be.WaitingServed(entry.request_id, booking_id, now_s)])
    return found


def rest(state: State, now_s: int, rng: Random) -> list[ev.Event]:
    """Drivers' breaks: laid out once per shift, later over if the vehicle stands at one."""
    shifts = [s for s in state.shifts.values() if s.status is not ShiftStatus.ENDED]
    if not shifts:
        return []
    shift = rng.choice(shifts)
    current = shift.current_visit
    if current is not None and current.break_id:
        return [ev.VisitCompleted(shift.id, current.id, now_s)]
    if shift.breaks or current is not None:
        return []
    breaks = (PlannedBreak("break-1", now_s, now_s + 600, 60),)
    at = rng.randint(0, len(shift.visits))
    visit = Visit(new_id("vs", rng), "a", (), now_s, now_s, now_s, break_id="break-1")
    visits = [*shift.visits[:at], visit, *shift.visits[at:]]
    return [ev.BreaksPlanned(shift.id, breaks), plan(shift, visits, now_s)]


def obstruct(state: State, now_s: int, rng: Random) -> list[ev.Event]:
    """Closures: made, changed, begun, ended, and what they do to a booking that waits."""
    open_ones = [c for c in state.closures.values() if c.status is not ClosureStatus.ENDED]
    chance = rng.randrange(6)
    if chance == 0 or not open_ones:
        until_s = rng.choice([None, now_s + 60])
        road = Closure(
            new_id("cl", rng), now_s, until_s, "works", lines=(((8.0, 51.75), (8.1, 51.7)),)
        )
        stop = Closure(new_id("cl", rng), now_s, until_s, "", stop_id="a", source="list")
        return [ev.ClosureRecorded(rng.choice([road, stop]), now_s)]
    closure = rng.choice(open_ones)
    if chance == 1:
        later = replace(closure, until_s=now_s + 600, direction=Direction.FORWARD)
        return [ev.ClosureRecorded(later, now_s)]
    if chance == 2 and closure.status is ClosureStatus.PLANNED:
        return [ev.ClosureBegan(closure.id, now_s)]
    if chance == 3:
        return [ev.ClosureEnded(closure.id, now_s, rng.choice(["clock", "control", "import"]))]
    waiting = [b for b in state.bookings.values() if b.status is BookingStatus.CONFIRMED]
    if chance == 4 and waiting:
        booking = rng.choice(waiting)
        shift, promise = state.shifts[booking.shift_id], booking.promise
        moved = ev.BookingStopsMoved(booking.id, promise.pickup_stop_id, "e", 700, now_s)
        told = AffectedBooking(booking.id, dropoff_moved_to="e", delay_s=60)
        return [moved, plan(shift, list(shift.visits), now_s), ev.ClosuresAffected((told,), now_s)]
    return []


def random_command(state: State, now_s: int, rng: Random) -> co.Command:
    """Something somebody might ask just now; it may well be refused."""
    offers = [o.id for o in state.offers.values()]
    bookings = [b.id for b in state.bookings.values() if b.status.is_open]
    shifts = list(state.shifts.values())
    choices: list[co.Command] = [co.Tick(), ride(lat=rng.choice([51.7, 51.7, 53.0]))]
    if offers:
        choices += [co.AcceptOffer(rng.choice(offers[-4:]), f"rider-{rng.randrange(9)}")] * 3
    if bookings and rng.random() < 0.25:
        reason = rng.choice([None, "plans_changed"])
        choices.append(co.CancelBooking(rng.choice(bookings), "rider", reason))
    for shift in shifts:
        if shift.status is ShiftStatus.PLANNED:
            choices.append(co.StartShift(shift.vehicle_id, shift.id))
        if shift.status is ShiftStatus.ACTIVE:
            choices += _driving(shift, now_s)
    return rng.choice(choices + mishaps(state, rng))


def _driving(shift: Shift, now_s: int) -> list[co.Command]:
    visit = shift.current_visit
    if visit:
        board = [co.ReportBoarded(b) for b in visit.booking_ids(ActionKind.PICKUP)]
        board += [co.ReportBoarded(b.booking_id, Party(2)) for b in board[:1]]
        alight = [co.ReportAlighted(b) for b in visit.booking_ids(ActionKind.DROPOFF)]
        missed = [co.ReportNoShow(b) for b in visit.booking_ids(ActionKind.PICKUP)]
        return [*board, *board, *alight, *alight, *missed]
    if shift.visits:
        arrived = co.ReportArrived(shift.vehicle_id, shift.visits[0].id)
        return [arrived, arrived, co.ReportPosition(shift.vehicle_id, 8.0, 51.7, now_s)]
    return [co.EndShift(shift.vehicle_id, shift.id)]
