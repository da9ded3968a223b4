"""What API v1 says: the JSON shapes of requests, bookings, plans and the fleet.

Pure and language-neutral, so that the dispatcher can store the very body that it answers with.
Times are RFC 3339 with the town's offset, windows `[from, to]`; no contact data is ever in here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from dispatch.closure_views import closures_answer
from dispatch.domain import booking_events as be
from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.mishaps import after_events
from dispatch.domain.model import (
    Action,
    ActionKind,
    Alternative,
    Booking,
    BookingStatus,
    Connection,
    Offer,
    Party,
    Promise,
    RideRequest,
    Shift,
    ShiftStatus,
    Spot,
    Vehicle,
    Visit,
)
from dispatch.domain.state import State
from dispatch.mishap_views import mishap_fields
from dispatch.place_views import STALE_S, place_view, position_view, vehicle_state
from dispatch.town import Json, Located, StopLike, Town

APPROACH_S = 900
"""How long before the planned pick-up a rider may see where the vehicle is."""


def stop_view(stop: StopLike, *, closed: bool = False) -> Json:
    """A stop in the list of stops."""
    return {
        "closed": closed,
        "id": stop.id,
        "name": stop.name,
        "lon": stop.lon,
        "lat": stop.lat,
        "zone": stop.zone,
        "kind": stop.kind,
    }


def party_view(party: Party) -> Json:
    """`{seats, wheelchairs}`."""
    return {"seats": party.seats, "wheelchairs": party.wheelchairs}


# -- requests


def request_view(request: RideRequest, town: Town) -> Json:
    """A ride request with its offers, or with the reason why there are none."""
    refusal = request.refusal
    return {
        "id": request.id,
        "status": str(request.status),
        "received_at": town.time(request.received_at_s),
        "origin": _spot(request.origin),
        "destination": _spot(request.destination),
        "depart_at": town.optional_time(request.depart_at_s),
        "arrive_by": town.optional_time(request.arrive_by_s),
        "party": party_view(request.party),
        "offers": [_offer(offer, town) for offer in request.offers],
        "refusal": None
        if refusal is None
        else {
            "code": str(refusal.code),
            "alternatives": [_alternative(a, town) for a in refusal.alternatives],
        },
        "replaces": request.replaces,
        "group_id": request.group_id,
        "connection": _connection(request.connection, town),
    }


def _connection(link: Connection | None, town: Town) -> Json | None:
    if link is None:
        return None
    return {
        "stop": town.stop(link.stop_id),
        "at": town.time(link.at_s),
        "direction": str(link.direction),
        "transfer_s": link.transfer_s,
    }


def _spot(spot: Spot) -> Json:
    return {"lon": spot.lon, "lat": spot.lat, "stop_id": spot.stop_id}


def _offer(offer: Offer, town: Town) -> Json:
    promise = offer.promise
    return {
        "id": offer.id,
        "kind": str(offer.kind),
        "pickup": {**town.stop(promise.pickup_stop_id), "walk_m": offer.pickup_walk_m},
        "dropoff": {**town.stop(promise.dropoff_stop_id), "walk_m": offer.dropoff_walk_m},
        "pickup_window": town.window(promise.pickup_from_s, promise.pickup_to_s),
        "arrival_latest": town.time(promise.arrival_latest_s),
        "max_ride_s": promise.max_ride_s,
        "estimated": {
            "pickup": town.time(offer.planned_pickup_s),
            "arrival": town.time(offer.planned_arrival_s),
        },
        "price_cents": offer.price_cents,
        "expires_at": town.time(offer.expires_at_s),
    }


def _alternative(alternative: Alternative, town: Town) -> Json:
    return {
        "depart_at": town.time(alternative.depart_at_s),
        "pickup_window": town.window(alternative.pickup_from_s, alternative.pickup_to_s),
        "arrival_latest": town.time(alternative.arrival_latest_s),
    }


# -- bookings


def booking_view(booking: Booking, shift: Shift | None, town: Town) -> Json:
    """A booking as its rider sees it; `shift` is the one that carries it, with its open plan."""
    if booking.status is BookingStatus.DISPLACED:
        shift = None  # the one it was on cannot carry it
    pickup_s, arrival_s = estimates(booking, shift)
    return {
        "id": booking.id,
        "status": str(booking.status),
        "code": booking.code,
        "promise": _promise(booking.promise, town),
        "party": party_view(booking.party),
        "price_cents": booking.price_cents,
        "estimated": {
            "pickup": town.optional_time(pickup_s),
            "arrival": town.optional_time(arrival_s),
        },
        "vehicle": None if shift is None else town.vehicle(shift.vehicle_id),
        **mishap_fields(booking, town),
        "booked_at": town.time(booking.booked_at_s),
        "boarded_at": town.optional_time(booking.boarded_at_s),
        "alighted_at": town.optional_time(booking.alighted_at_s),
        "ended_at": town.optional_time(booking.ended_at_s),
        "cancelled_by": booking.cancelled_by,
        "cancel_reason": booking.cancel_reason,
        "cancelled_late": booking.cancelled_late,
        "changed_at": town.optional_time(booking.changed_at_s),
        "pinned": booking.pinned,
        "group_id": booking.group_id,
        "series_id": booking.series_id,
    }


def _promise(promise: Promise, town: Town) -> Json:
    return {
        "pickup": town.stop(promise.pickup_stop_id),
        "dropoff": town.stop(promise.dropoff_stop_id),
        "pickup_window": town.window(promise.pickup_from_s, promise.pickup_to_s),
        "arrival_latest": town.time(promise.arrival_latest_s),
        "max_ride_s": promise.max_ride_s,
    }


def estimates(booking: Booking, shift: Shift | None) -> tuple[int | None, int | None]:
    """When boarding and alighting begin: as reported, else as planned, else None."""
    pickup_s, arrival_s = booking.boarded_at_s, booking.alighted_at_s
    if booking.status.is_open and shift is not None:
        for _, _, action in _actions_of(booking, shift):
            if action.kind is ActionKind.DROPOFF:
                arrival_s = action.start_s
            elif booking.status is BookingStatus.CONFIRMED:
                pickup_s = action.start_s
    return pickup_s, arrival_s


def _actions_of(booking: Booking, shift: Shift) -> list[tuple[int, Visit, Action]]:
    return [
        (index, visit, action)
        for index, visit in enumerate(shift.visits)
        for action in visit.actions
        if action.booking_id == booking.id
    ]


def live_view(
    booking: Booking, shift: Shift | None, position: Located | None, now_s: int, town: Town
) -> Json:
    """Where the ride stands now.

    The vehicle's position is shown only while it concerns this rider: from `APPROACH_S` before the
    planned pick-up until the drop-off.
    """
    phase, stops_before = _phase(booking, shift, now_s)
    shown = phase in {"approaching", "at_stop", "riding"} and position is not None
    return {
        "at": town.time(now_s),
        "phase": phase,
        "stops_before": stops_before,
        "vehicle_position": position_view(position, town) if shown and position else None,
    }


def _phase(booking: Booking, shift: Shift | None, now_s: int) -> tuple[str, int | None]:
    if not booking.status.is_open:
        return "done", None
    displaced = booking.status is BookingStatus.DISPLACED
    if displaced or shift is None:
        return "displaced" if displaced else "scheduled", None
    ahead = _actions_of(booking, shift)
    index, visit, action = ahead[0] if ahead else (None, None, None)
    halts = None if index is None else sum(v.break_id is None for v in shift.visits[:index])
    if booking.status is BookingStatus.BOARDED:
        return "riding", halts
    if index == 0 and visit is not None and visit.arrived_at_s is not None:
        return "at_stop", 0
    soon = index == 0 or (action is not None and action.start_s - now_s <= APPROACH_S)
    if shift.status is ShiftStatus.ACTIVE and soon:
        return "approaching", halts
    return "scheduled", None


# -- fleet and plan


def fleet_view(
    shifts: Iterable[Shift],
    bookings: Iterable[Booking],
    positions: Mapping[str, Located],
    now_s: int,
    town: Town,
    stale_s: int = STALE_S,
) -> Json:
    """Every vehicle with its shift, place, load and next visit.

    Args:
        shifts: the shifts that are planned or active around `now_s`.
        bookings: the open bookings.
        positions: last reported place by vehicle id.
        now_s: epoch seconds.
        town: names and the clock's zone.
        stale_s: how old a report may be.
    """
    since_s = now_s - stale_s
    on_duty = {s.vehicle_id: s for s in shifts if s.status is ShiftStatus.ACTIVE}
    known = {b.id: b for b in bookings}
    return {
        "at": town.time(now_s),
        "vehicles": [
            _vehicle(
                vehicle, on_duty.get(vehicle.id), positions.get(vehicle.id), known, town, since_s
            )
            for vehicle in town.vehicles.values()
        ],
    }


def _vehicle(
    vehicle: Vehicle,
    shift: Shift | None,
    reported: Located | None,
    bookings: Mapping[str, Booking],
    town: Town,
    since_s: int,
) -> Json:
    load = [b for b in bookings.values() if shift and b.shift_id == shift.id]
    load = [b for b in load if b.status is BookingStatus.BOARDED]
    return {
        "id": vehicle.id,
        "name": vehicle.name,
        "spare": vehicle.spare,
        "configurations": [
            {"seats": c.seats, "wheelchairs": c.wheelchairs} for c in vehicle.configurations
        ],
        "state": vehicle_state(shift),
        "shift": None if shift is None else shift_head(shift, town),
        "position": place_view(vehicle, shift, reported, town, since_s),
        "load": {
            "seats": sum(b.party.seats for b in load),
            "wheelchairs": sum(b.party.wheelchairs for b in load),
            "bookings": len(load),
        },
        "next_visit": visit_view(shift.visits[0], bookings, town)
        if shift and shift.visits
        else None,
        "late_s": 0 if shift is None else _lateness(shift.visits, bookings),
    }


def shift_head(shift: Shift, town: Town) -> Json:
    """A shift without its plan."""
    return {
        "id": shift.id,
        "status": str(shift.status),
        "start": town.time(shift.start_s),
        "end": town.time(shift.end_s),
    }


def plan_view(shifts: Iterable[Shift], bookings: Iterable[Booking], now_s: int, town: Town) -> Json:
    """All shifts that are not over, with their visits, and the open bookings."""
    known = {b.id: b for b in bookings}
    on = {s.id: s for s in shifts if s.status is not ShiftStatus.ENDED}
    ordered = sorted(on.values(), key=lambda s: (s.start_s, s.vehicle_id, s.id))
    open_bookings = sorted(known.values(), key=lambda b: (b.promise.pickup_from_s, b.id))
    return {
        "at": town.time(now_s),
        "shifts": [shift_view(shift, known, town) for shift in ordered],
        "bookings": [
            booking_view(b, on.get(b.shift_id), town) for b in open_bookings if b.status.is_open
        ],
    }


def shift_view(shift: Shift, bookings: Mapping[str, Booking], town: Town) -> Json:
    """One shift with its plan: the driver's manifest."""
    return {
        **shift_head(shift, town),
        "vehicle": town.vehicle(shift.vehicle_id),
        "depot": town.stop(shift.depot_stop_id),
        "position": position_view(shift.anchor, town),
        "version": shift.version,
        "late_s": _lateness(shift.visits, bookings),
        "visits": [visit_view(visit, bookings, town) for visit in shift.visits],
    }


def visit_view(visit: Visit, bookings: Mapping[str, Booking], town: Town) -> Json:
    """One vehicle at one stop: who boards, who alights, when, and how late against the promise.

    A driver's break is a visit of the kind `break`: from `arrive` to `depart`, where the vehicle
    stands; `arrived_at` says since when it runs. At a `waiting` place nobody is due.
    """
    return {
        "id": visit.id,
        "kind": _kind_of(visit),
        "stop": town.stop(visit.stop_id),
        "leave": town.time(visit.leave_s),
        "arrive": town.time(visit.arrive_s),
        "depart": town.time(visit.depart_s),
        "arrived_at": town.optional_time(visit.arrived_at_s),
        "boarding": _riders(visit, ActionKind.PICKUP, bookings, town),
        "alighting": _riders(visit, ActionKind.DROPOFF, bookings, town),
        "late_s": _lateness([visit], bookings),
    }


def _kind_of(visit: Visit) -> str:
    if visit.break_id is not None:
        return "break"
    return "stop" if visit.actions or visit.arrived_at_s is not None else "waiting"


def _riders(
    visit: Visit, kind: ActionKind, bookings: Mapping[str, Booking], town: Town
) -> list[Json]:
    riders = []
    for action in visit.actions:
        if action.kind is not kind:
            continue
        booking = bookings.get(action.booking_id)
        rider: Json = {
            "booking_id": action.booking_id,
            "done": town.time(action.end_s),
            "code": None,
            "party": None,
        }
        if booking is not None:
            rider |= {"code": booking.code, "party": party_view(booking.party)}
        riders.append(rider)
    return riders


def _lateness(visits: Iterable[Visit], bookings: Mapping[str, Booking]) -> int:
    """By how many seconds the worst planned action misses what was promised; 0 = nothing."""
    worst = 0
    for visit in visits:
        for action in visit.actions:
            booking = bookings.get(action.booking_id)
            if booking is None:
                continue
            if action.kind is ActionKind.PICKUP:
                late_s = action.start_s - booking.promise.pickup_to_s
            else:
                late_s = action.start_s - booking.promise.arrival_latest_s
            worst = max(worst, late_s)
    return worst


# -- answers to commands


def answer(command: cmd.Command, events: Sequence[ev.Event], state: State, town: Town) -> Json:
    """The body that a command is answered with, stored beside its idempotency key.

    Args:
        command: what was asked.
        events: what `decide` made of it.
        state: the state before or after these events; both give the same body.
        town: names and the clock's zone.
    """
    match command:
        case cmd.RequestRide():
            for event in events:
                if isinstance(event, ev.RideOffered | ev.RideRefused):
                    return request_view(event.request, town)
            raise ValueError("a ride request was decided without an answer")
        case cmd.AcceptOffer():
            made = [e.booking.id for e in events if isinstance(e, ev.BookingMade)]
            made += [e.booking_id for e in events if isinstance(e, be.BookingChanged)]
            return booking_answer(made[0], events, state, town)
        case (
            cmd.CancelBooking(booking_id)
            | cmd.ReportBoarded(booking_id, _)
            | cmd.ReportAlighted(booking_id)
            | cmd.ReportNoShow(booking_id)
        ):
            return booking_answer(booking_id, events, state, town)
        case cmd.ReportArrived(vehicle_id, visit_id):
            arrived = [e.at_s for e in events if isinstance(e, ev.VisitArrived)]
            at_s = arrived[0] if arrived else None
            return {
                "vehicle_id": vehicle_id,
                "visit_id": visit_id,
                "arrived_at": town.optional_time(at_s),
            }
        case cmd.StartShift(_, shift_id) | cmd.EndShift(_, shift_id):
            started = isinstance(command, cmd.StartShift)
            status = ShiftStatus.ACTIVE if started else ShiftStatus.ENDED
            return shift_head(replace(state.shifts[shift_id], status=status), town)
        case _:
            from dispatch.life_views import life_answer  # noqa: PLC0415 - it builds on this module

            known = closures_answer(command, events, state, town)
            return life_answer(command, events, state, town) if known is None else known


def booking_answer(booking_id: str, events: Sequence[ev.Event], state: State, town: Town) -> Json:
    """A booking as it is after events, from the state before or after them."""
    booking = state.bookings.get(booking_id)
    for event in events:
        if isinstance(event, ev.BookingMade) and event.booking.id == booking_id:
            booking = event.booking
    if booking is None:
        raise ValueError(f"no booking {booking_id} to answer with")
    booking = after_events(booking, events)
    shift = state.shifts.get(booking.shift_id)
    for event in events:  # a shift may have been laid out only now
        if isinstance(event, ev.ShiftPlanned) and event.shift.id == booking.shift_id:
            shift = event.shift
        if isinstance(event, ev.PlanChanged) and shift and event.shift_id == shift.id:
            shift = replace(shift, visits=event.visits)
    return booking_view(booking, shift, town)
