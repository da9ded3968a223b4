"""A day as tables, for files, notebooks and reports.

Times are in the town's time zone, lengths in metres, durations in seconds, money in euros.
"""

from dataclasses import fields
from typing import Any

import pandas as pd

from dispatch.domain import events as ev
from dispatch.engine.network import Network
from simulations.analysis import Analysis
from simulations.records import Ledger, Record
from simulations.world import Day

_LEGS = (
    *("shift_id", "vehicle_id", "from_s", "to_s", "length_m"),
    *("persons", "bookings", "to_depot", "to_wait", "way"),
)
_SHIFTS = (
    *("shift_id", "vehicle_id", "start_s", "end_s", "started_s", "ended_s"),
    *("breaks_s", "standstills_s"),
)
_SPOTS = ("origin", "destination")
_NOT_TIMES = frozenset({"walk_s", "direct_s", "cancelled_ahead_s"})


def tables_of(
    day: Day, analysis: Analysis, network: Network, span_s: range
) -> dict[str, pd.DataFrame]:
    """All tables of a day, by name; `span_s` are its seconds.

    - `requests`: one row each, columns as in `records.Record`, with `origin_lon` and so on.
    - `legs`: what was driven, with who was on board; `way` is [[lon, lat], ...].
    - `visits`: halts, with how many got on and off.
    - `shifts`: staffed vehicles, with their breaks and standstills.
    - `hours`, `zones`, `groups`: key figures of parts of the day.
    """
    timezone = network.hours.timezone.key
    return {
        "requests": _requests(analysis, timezone),
        "legs": _legs(day, analysis, timezone),
        "visits": _visits(day, analysis, network, timezone),
        "shifts": _shifts(day, analysis.book, timezone, span_s),
        "hours": _parts("hour", analysis.by_hour),
        "zones": _parts("zone", analysis.by_zone),
        "groups": _parts("group", analysis.by_group),
    }


def _requests(analysis: Analysis, timezone: str) -> pd.DataFrame:
    names = [f.name for f in fields(Record) if f.name not in _SPOTS]
    rows = []
    for record in analysis.records:
        row: dict[str, Any] = {name: getattr(record, name) for name in names}
        for end in _SPOTS:
            spot = getattr(record, end)
            row |= {f"{end}_lon": spot.lon, f"{end}_lat": spot.lat}
        row |= {
            "outcome": str(record.outcome),
            "persons": record.persons,
            "wait_s": record.wait_s if record.served else None,
            "in_vehicle_s": record.in_vehicle_s if record.served else None,
        }
        rows.append(row)
    columns = [*names, "origin_lon", "origin_lat", "destination_lon", "destination_lat"]
    frame = pd.DataFrame(rows, columns=[*columns, "persons", "wait_s", "in_vehicle_s"])
    times = [n for n in names if n.endswith("_s") and n not in _NOT_TIMES]
    for name in ("wait_s", "in_vehicle_s", "walk_m", *_NOT_TIMES):
        frame[name] = frame[name].astype("Int64")
    return _timed(frame, times, timezone)


def _legs(day: Day, analysis: Analysis, timezone: str) -> pd.DataFrame:
    vehicles = {s.id: s.vehicle_id for s in analysis.book.shifts.values()}
    persons = {r.booking_id: r.persons for r in analysis.records if r.booking_id is not None}
    frame = pd.DataFrame(
        [
            {
                "shift_id": leg.shift_id,
                "vehicle_id": vehicles[leg.shift_id],
                "from_s": leg.from_s,
                "to_s": leg.to_s,
                "length_m": leg.length_m,
                "persons": sum(persons[i] for i in leg.booking_ids),
                "bookings": " ".join(leg.booking_ids),
                "to_depot": leg.to_depot,
                "to_wait": leg.to_wait,
                "way": [list(point) for point in leg.lonlat],
            }
            for leg in sorted(day.legs, key=lambda leg: (leg.from_s, leg.shift_id))
        ],
        columns=list(_LEGS),
    )
    return _timed(frame, ["from_s", "to_s"], timezone)


def _visits(day: Day, analysis: Analysis, network: Network, timezone: str) -> pd.DataFrame:
    persons = {r.booking_id: r.persons for r in analysis.records if r.booking_id is not None}
    boarded: dict[str, int] = {}
    alighted: dict[str, int] = {}
    rows: dict[str, dict[str, Any]] = {}
    for at_s, event in day.events:
        match event:
            case ev.VisitArrived(shift_id, visit_id, anchor=anchor):
                stop = network.stop(anchor.stop_id or "")
                rows[visit_id] = {
                    "visit_id": visit_id,
                    "shift_id": shift_id,
                    "vehicle_id": analysis.book.shifts[shift_id].vehicle_id,
                    "stop_id": anchor.stop_id,
                    "stop_name": stop.name if stop is not None else None,
                    "lon": anchor.lon,
                    "lat": anchor.lat,
                    "arrived_s": at_s,
                    "left_s": at_s,
                }
            case ev.RiderBoarded():
                boarded[event.visit_id] = boarded.get(event.visit_id, 0) + persons[event.booking_id]
            case ev.RiderAlighted():
                alighted[event.visit_id] = (
                    alighted.get(event.visit_id, 0) + persons[event.booking_id]
                )
            case ev.VisitCompleted() if event.visit_id in rows:
                rows[event.visit_id]["left_s"] = event.at_s
            case _:
                pass
    for visit_id, row in rows.items():
        row["boarded"] = boarded.get(visit_id, 0)
        row["alighted"] = alighted.get(visit_id, 0)
    columns = "visit_id shift_id vehicle_id stop_id stop_name lon lat arrived_s left_s"
    frame = pd.DataFrame(list(rows.values()), columns=[*columns.split(), "boarded", "alighted"])
    return _timed(frame, ["arrived_s", "left_s"], timezone)


def _shifts(day: Day, book: Ledger, timezone: str, span_s: range) -> pd.DataFrame:
    """Shifts that begin on the day or have carried somebody."""
    started = {e.shift_id: e.at_s for _, e in day.events if isinstance(e, ev.ShiftStarted)}
    ended = {e.shift_id: e.at_s for _, e in day.events if isinstance(e, ev.ShiftEnded)}
    date = {shift_id for shift_id in started if book.shifts[shift_id].start_s in span_s}
    driven = date | (started.keys() & {*book.carried_by.values()})
    frame = pd.DataFrame(
        [
            {
                "shift_id": shift.id,
                "vehicle_id": shift.vehicle_id,
                "start_s": shift.start_s,
                "end_s": shift.end_s,
                "started_s": started.get(shift.id),
                "ended_s": ended.get(shift.id),
                "breaks_s": book.rests.get(shift.id, []),
                "standstills_s": [[a, b] for i, a, b in day.standstills if i == shift.id],
            }
            for shift in book.shifts.values()
            if shift.id in driven
        ],
        columns=list(_SHIFTS),
    )
    return _timed(frame, ["start_s", "end_s", "started_s", "ended_s"], timezone)


def _parts(name: str, figures: dict[str, dict[str, Any]]) -> pd.DataFrame:
    rows = [
        {name: key, **{k: v for k, v in part.items() if not isinstance(v, dict)}}
        for key, part in figures.items()
    ]
    return pd.DataFrame(rows)


def _timed(frame: pd.DataFrame, columns: list[str], timezone: str) -> pd.DataFrame:
    """The frame with epoch seconds as times of the town; `asked_s` becomes `asked_at`."""
    for column in columns:
        at = pd.to_datetime(frame[column].astype("Float64"), unit="s", utc=True)
        frame[column] = at.dt.tz_convert(timezone)
    return frame.rename(columns={c: c.removesuffix("_s") + "_at" for c in columns})
