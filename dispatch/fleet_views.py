"""What API v1 says of outages, displaced riders, swaps and breaks, beside `dispatch.views`."""

from collections.abc import Iterable, Mapping, Sequence

from dispatch import views
from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.model import Booking, BookingStatus, OutOfService, Shift, Visit
from dispatch.domain.state import State, arrived
from dispatch.town import Json, Town

_CONCERNED = (
    ev.BookingDisplaced,
    ev.BookingReplanned,
    ev.RiderSetDown,
    ev.RiderAlighted,
    ev.DropoffReplaced,
    ev.BookingMoved,
)


def outage_view(out: OutOfService, town: Town) -> Json:
    """A vehicle that is out of service: since when, why, and where it stands."""
    return {
        "vehicle": town.vehicle(out.vehicle_id),
        "since": town.time(out.since_s),
        "reason": out.reason,
        "lon": out.lon,
        "lat": out.lat,
    }


def with_outages(
    body: Json, out: Mapping[str, OutOfService], bookings: Iterable[Booking], town: Town
) -> Json:
    """A view of the plan or the fleet with who is out of service and who has no vehicle.

    Args:
        body: of `views.fleet_view` or `views.plan_view`.
        out: by vehicle id.
        bookings: the open ones.
        town: names and the clock's zone.
    """
    vehicles = body.get("vehicles")
    extra: Json = {"out_of_service": [outage_view(o, town) for o in out.values()]}
    displaced = sorted(b.id for b in bookings if b.status is BookingStatus.DISPLACED)
    if vehicles is None:
        return {**body, **extra}
    shown = [v | {"state": "out_of_service"} if v["id"] in out else v for v in vehicles]
    return {**body, **extra, "vehicles": shown, "displaced": displaced}


def answer(command: cmd.Command, events: Sequence[ev.Event], state: State, town: Town) -> Json:
    """The body that any command is answered with; see `views.answer`."""
    match command:
        case cmd.TakeOutOfService(vehicle_id) | cmd.ReturnToService(vehicle_id):
            return _change(vehicle_id, (), events, state, town)
        case cmd.SwapVehicle(_, spare_id):
            laid_out = [e.shift for e in events if isinstance(e, ev.ShiftPlanned)]
            return _change(spare_id, laid_out, events, state, town)
        case cmd.TakeBreak(vehicle_id) | cmd.PostponeBreak(vehicle_id):
            return _break(vehicle_id, events, state, town)
        case cmd.ReportNotServed():
            return {"bookings": _concerned(events, state, town)}
        case cmd.WalkOn():
            made = next(e.booking.id for e in events if isinstance(e, ev.BookingMade))
            return views.booking_answer(made, events, state, town)
        case _:
            return views.answer(command, events, state, town)


def _change(
    vehicle_id: str,
    shifts: Iterable[Shift],
    events: Sequence[ev.Event],
    state: State,
    town: Town,
) -> Json:
    """What has become of a vehicle and of everybody concerned."""
    out = state.out.get(vehicle_id)
    for event in events:
        if isinstance(event, ev.VehicleTakenOut) and event.out.vehicle_id == vehicle_id:
            out = event.out
        elif isinstance(event, ev.VehicleReturned) and event.vehicle_id == vehicle_id:
            out = None
    return {
        "vehicle": town.vehicle(vehicle_id),
        "out_of_service": None if out is None else outage_view(out, town),
        "shifts": [views.shift_head(shift, town) for shift in shifts],
        "bookings": _concerned(events, state, town),
    }


def _concerned(events: Sequence[ev.Event], state: State, town: Town) -> list[Json]:
    ids = dict.fromkeys(e.booking_id for e in events if isinstance(e, _CONCERNED))
    return [views.booking_answer(i, events, state, town) for i in ids if i in state.bookings]


def _break(vehicle_id: str, events: Sequence[ev.Event], state: State, town: Town) -> Json:
    """The next break of a vehicle's driver, or the one that has begun."""
    visit = None
    for shift in state.shifts.values():
        if shift.vehicle_id == vehicle_id and shift.status == "active":
            visits = _visits_after(shift, events)
            visit = next((v for v in visits if v.break_id is not None), None)
    return {
        "vehicle": town.vehicle(vehicle_id),
        "break": None if visit is None else views.visit_view(visit, {}, town),
    }


def _visits_after(shift: Shift, events: Sequence[ev.Event]) -> tuple[Visit, ...]:
    visits = shift.visits
    for event in events:
        match event:
            case ev.PlanChanged(shift.id, visits=planned):
                visits = planned
            case ev.VisitArrived(shift.id, visit_id, at_s) if visits and visits[0].id == visit_id:
                visits = (arrived(visits[0], at_s), *visits[1:])
            case _:
                pass
    return visits
