"""What API v1 says of closures, and the answers to commands about them; no personal data."""

from collections.abc import Sequence
from dataclasses import replace

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.closures import AffectedBooking, Closure, ClosureStatus, stops_closed
from dispatch.domain.state import State
from dispatch.town import Json, Town


def closure_view(closure: Closure, town: Town) -> Json:
    """A closure; `geometry` is GeoJSON, as it was drawn, and null for a stop."""
    return {
        "id": closure.id,
        "kind": "road" if closure.stop_id is None else "stop",
        "stop": None if closure.stop_id is None else town.stop(closure.stop_id),
        "geometry": _geometry(closure),
        "direction": str(closure.direction),
        "from": town.time(closure.from_s),
        "until": town.optional_time(closure.until_s),
        "reason": closure.reason,
        "source": closure.source or None,
        "external_id": closure.external_id,
        "status": str(closure.status),
        "ended_at": town.optional_time(closure.ended_at_s),
    }


def _geometry(closure: Closure) -> Json | None:
    if closure.stop_id is not None:
        return None
    lines = [line if len(line) > 1 else (*line, *line) for line in closure.lines]
    return {"type": "MultiLineString", "coordinates": [[list(p) for p in line] for line in lines]}


def closures_view(closures: Sequence[Closure], now_s: int, town: Town) -> Json:
    """Closures in order of their beginning."""
    ordered = sorted(closures, key=lambda c: (c.from_s, c.id))
    return {"at": town.time(now_s), "closures": [closure_view(c, town) for c in ordered]}


def closed_stop_ids(closures: Sequence[Closure], now_s: int) -> frozenset[str]:
    """The stops that are closed now."""
    return stops_closed({c.id: c for c in closures}, now_s, now_s)


def closures_answer(
    command: cmd.Command,
    events: Sequence[ev.Event],
    state: State,
    town: Town,
) -> Json | None:
    """The answer to a command: what is closed, and which bookings that affects.

    None for commands that close and reopen nothing.
    """
    affected = [
        _affected(entry, state, town)
        for event in events
        if isinstance(event, ev.ClosuresAffected)
        for entry in event.affected
    ]
    recorded = [e.closure for e in events if isinstance(e, ev.ClosureRecorded)]
    ended = {e.closure_id: e for e in events if isinstance(e, ev.ClosureEnded)}
    match command:
        case cmd.Close():
            return {"closure": closure_view(recorded[0], town), "affected": affected}
        case cmd.Reopen(closure_id):
            closure = state.closures[closure_id]
            if closure_id in ended:
                at_s = ended[closure_id].at_s
                closure = replace(closure, status=ClosureStatus.ENDED, ended_at_s=at_s)
            return {"closure": closure_view(closure, town), "affected": affected}
        case cmd.ImportClosures():
            return {
                "recorded": [closure_view(closure, town) for closure in recorded],
                "ended": sorted(ended),
                "affected": affected,
            }
        case _:
            return None


def _affected(entry: AffectedBooking, state: State, town: Town) -> Json:
    booking = state.bookings.get(entry.booking_id)
    return {
        "booking_id": entry.booking_id,
        "code": None if booking is None else booking.code,
        "pickup_moved_to": _stop(entry.pickup_moved_to, town),
        "dropoff_moved_to": _stop(entry.dropoff_moved_to, town),
        "pickup_closed": entry.pickup_closed,
        "dropoff_closed": entry.dropoff_closed,
        "delay_s": entry.delay_s,
        "late_s": entry.late_s,
    }


def _stop(stop_id: str | None, town: Town) -> Json | None:
    return None if stop_id is None else town.stop(stop_id)
