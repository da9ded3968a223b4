"""What API v1 says about the life of bookings: moves, standing orders, groups, the waiting list."""

from collections.abc import Iterable, Mapping, Sequence

from dispatch.domain import booking_commands as bc
from dispatch.domain import booking_events as be
from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.life import MovePreview, RiderEffect, Series, SeriesDay, Waiting
from dispatch.domain.model import Booking, RideRequest, Shift, Spot
from dispatch.domain.state import State
from dispatch.town import Json, Town
from dispatch.views import booking_view, party_view, request_view


def preview_view(preview: MovePreview, town: Town) -> Json:
    """What a move would bring about, with the versions that the move has to name."""
    return {
        "booking_id": preview.booking_id,
        "from_shift_id": preview.from_shift_id,
        "to_shift_id": preview.to_shift_id,
        "feasible": preview.feasible,
        "forcible": preview.forcible,
        "obstacle": None if preview.obstacle is None else str(preview.obstacle),
        "versions": [{"shift_id": v.shift_id, "version": v.version} for v in preview.vehicles],
        "vehicles": [
            {
                "shift_id": effect.shift_id,
                "vehicle": town.vehicle(effect.vehicle_id),
                "added_drive_s": effect.added_drive_s,
            }
            for effect in preview.vehicles
        ],
        "riders": [_rider(effect, town) for effect in preview.riders],
        "broken": [{"id": b.id, "limit": b.limit, "by_s": b.by_s} for b in preview.broken],
    }


def _rider(effect: RiderEffect, town: Town) -> Json:
    return {
        "booking_id": effect.booking_id,
        "pickup_before": town.optional_time(effect.pickup_before_s),
        "pickup_after": town.optional_time(effect.pickup_after_s),
        "arrival_before": town.time(effect.arrival_before_s),
        "arrival_after": town.time(effect.arrival_after_s),
    }


def series_view(series: Series, days: Iterable[SeriesDay], town: Town) -> Json:
    """A standing order and what has become of its days so far."""
    wish, calendar = series.wish, series.calendar
    return {
        "id": series.id,
        "status": str(series.status),
        "origin": _spot(wish.origin),
        "destination": _spot(wish.destination),
        "party": party_view(wish.party),
        "depart_at": clock(wish.depart_min),
        "arrive_by": clock(wish.arrive_min),
        "max_walk_m": wish.max_walk_m,
        "weekdays": list(calendar.weekdays),
        "from_day": calendar.from_day.isoformat(),
        "to_day": None if calendar.to_day is None else calendar.to_day.isoformat(),
        "except_days": [day.isoformat() for day in calendar.except_days],
        "on_holidays": calendar.on_holidays,
        "created_at": town.time(series.created_at_s),
        "ended_at": town.optional_time(series.ended_at_s),
        "ended_by": series.ended_by,
        "days": [_day(day, town) for day in sorted(days, key=lambda d: d.day)],
    }


def clock(minutes: int | None) -> str | None:
    """`HH:MM` of minutes after midnight."""
    return None if minutes is None else f"{minutes // 60:02d}:{minutes % 60:02d}"


def _spot(spot: Spot) -> Json:
    return {"lon": spot.lon, "lat": spot.lat, "stop_id": spot.stop_id}


def _day(day: SeriesDay, town: Town) -> Json:
    return {
        "day": day.day.isoformat(),
        "at": town.time(day.wish_s),
        "status": str(day.status),
        "code": day.code,
        "booking_id": day.booking_id,
        "tries": day.tries,
        "decided_at": town.time(day.at_s),
    }


def waiting_view(entry: Waiting, town: Town) -> Json:
    """A place on the waiting list; with a `booking_id` once there was room."""
    return {
        "request_id": entry.request_id,
        "status": str(entry.status),
        "joined_at": town.time(entry.joined_at_s),
        "until": town.time(entry.until_s),
        "ended_at": town.optional_time(entry.ended_at_s),
        "booking_id": entry.booking_id,
    }


def group_offer_view(requests: Sequence[RideRequest], town: Town) -> Json:
    """The offers for a large party, or the reason why there are none; to be taken together."""
    prices = [r.offers[0].price_cents for r in requests if r.offers]
    return {
        "group_id": requests[0].group_id,
        "status": str(requests[0].status),
        "price_cents": sum(prices) if prices else None,
        "requests": [request_view(request, town) for request in requests],
    }


def group_view(
    group_id: str, bookings: Iterable[Booking], shifts: Mapping[str, Shift], town: Town
) -> Json:
    """The bookings of a large party."""
    ordered = sorted(bookings, key=lambda b: (b.promise.pickup_from_s, b.id))
    return {
        "group_id": group_id,
        "price_cents": sum(b.price_cents for b in ordered),
        "bookings": [booking_view(b, shifts.get(b.shift_id), town) for b in ordered],
    }


def life_answer(command: cmd.Command, events: Sequence[ev.Event], state: State, town: Town) -> Json:
    """The body that a command of this part is answered with; `state` is the one after it."""
    match command:
        case bc.PreviewMove():
            previews = [e.preview for e in events if isinstance(e, be.MovePreviewed)]
            return preview_view(previews[0], town)
        case bc.ChangeBooking(booking_id):
            request = _answered(events)[0]
            changed = any(
                isinstance(e, be.BookingChanged) and e.booking_id == booking_id for e in events
            )
            return {
                "changed": changed,
                "booking": _booking(booking_id, state, town),
                "request": request_view(state.requests.get(request.id, request), town),
            }
        case bc.PinBooking(booking_id) | bc.UnpinBooking(booking_id) | bc.MoveBooking(booking_id):
            return _booking(booking_id, state, town)
        case bc.JoinWaitingList(request_id) | bc.LeaveWaitingList(request_id):
            return waiting_view(state.waiting[request_id], town)
        case _:
            return _answer_about_many(command, events, state, town)


def _answer_about_many(
    command: cmd.Command, events: Sequence[ev.Event], state: State, town: Town
) -> Json:
    match command:
        case bc.RequestGroup():
            return group_offer_view(_answered(events), town)
        case bc.AcceptGroup(group_id) | bc.CancelGroup(group_id):
            members = [b for b in state.bookings.values() if b.group_id == group_id]
            return group_view(group_id, members, state.shifts, town)
        case bc.CreateSeries():
            created = [e.series for e in events if isinstance(e, be.SeriesCreated)]
            series_id = created[0].id
        case bc.EndSeries(series_id) | bc.SkipSeriesDay(series_id):
            pass
        case cmd.AcknowledgeAlert(alert_id):
            seen = state.acknowledged[alert_id]
            known = {"at": town.time(seen.at_s), "by": seen.by}
            return {"alert_id": alert_id, "acknowledged": known}
        case _:
            return {}
    days = (day for day in state.series_days.values() if day.series_id == series_id)
    return series_view(state.series[series_id], days, town)


def _answered(events: Sequence[ev.Event]) -> list[RideRequest]:
    return [e.request for e in events if isinstance(e, ev.RideOffered | ev.RideRefused)]


def _booking(booking_id: str, state: State, town: Town) -> Json:
    booking = state.bookings[booking_id]
    return booking_view(booking, state.shifts.get(booking.shift_id), town)
