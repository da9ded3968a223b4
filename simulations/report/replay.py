"""What the replay shows, as JSON for `replay.js`: ways in metres of the map, times after midnight.

`vehicles`: name; `shifts`, `breaks`, `stands` as [from, to]; `legs` as [from, to, passengers, way],
a way being x, y and then steps; `stays` as [from, to, passengers]. `riders`: [x, y, from, to] while
they wait. `refused`: [x, y, at]. All seconds, all integers.
"""

import json
from typing import Any

import numpy as np
import shapely

from simulations.records import Outcome, Record
from simulations.report.day import DayView, Span
from simulations.report.maps import Maps

_TOLERANCE_M = 5.0


def replay_json(view: DayView, maps: Maps) -> str:
    """The day for the replay; safe inside a `<script>` element."""
    frame = maps.frame
    data: dict[str, Any] = {
        "width": frame.width_m,
        "height": frame.height_m,
        "from": view.from_s - view.result.midnight_s,
        "to": view.to_s - view.result.midnight_s,
        "places": [[name, round(x), round(y)] for name, (x, y) in maps.places()],
        "vehicles": _vehicles(view, maps),
        **_riders(view, maps),
    }
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _vehicles(view: DayView, maps: Maps) -> list[dict[str, Any]]:
    zero_s = view.result.midnight_s
    ways = iter(_ways(view, maps))

    def after(spans: list[Span] | Any) -> list[list[int]]:
        return [[a - zero_s, b - zero_s] for a, b in spans]

    return [
        {
            "name": vehicle.name,
            "shifts": after(vehicle.shifts),
            "breaks": after(vehicle.breaks),
            "stands": after(vehicle.standstills),
            "stays": [[a - zero_s, b - zero_s, n] for a, b, n in vehicle.stays],
            "legs": [
                [d.leg.from_s - zero_s, d.leg.to_s - zero_s, d.persons, next(ways)]
                for d in vehicle.legs
            ],
        }
        for vehicle in view.vehicles
    ]


def _ways(view: DayView, maps: Maps) -> list[list[int]]:
    """The ways of all legs, simplified: the first point, then steps."""
    lines = [np.array(d.leg.lonlat or ((0, 0),)) for v in view.vehicles for d in v.legs]
    if not lines:
        return []
    sizes = [max(2, len(line)) for line in lines]
    lonlat = np.concatenate([line if len(line) > 1 else np.repeat(line, 2, 0) for line in lines])
    shapes = shapely.linestrings(
        maps.frame.metres(lonlat), indices=np.repeat(np.arange(len(lines)), sizes)
    )
    simple = shapely.simplify(shapes, _TOLERANCE_M)
    points, owner = shapely.get_coordinates(simple, return_index=True)
    whole = np.rint(points).astype(int)
    starts = np.searchsorted(owner, np.arange(len(lines)))
    steps = np.diff(whole, axis=0, prepend=0)
    steps[starts] = whole[starts]
    return [part.ravel().tolist() for part in np.split(steps, starts[1:])]


def _riders(view: DayView, maps: Maps) -> dict[str, Any]:
    waiting, refused = [], []
    zero_s = view.result.midnight_s
    for record in view.records:
        x, y = maps.frame.metres(np.array((record.origin.lon, record.origin.lat))).astype(int)
        from_s = max(record.asked_s, record.wished_s)
        if record.outcome in {Outcome.REFUSED, Outcome.NOT_TAKEN}:
            refused.append(
                [int(x), int(y), from_s - zero_s, int(record.outcome is Outcome.REFUSED)]
            )
            continue
        until_s = _waits_until(record, view.to_s)
        if until_s > from_s:
            waiting.append([int(x), int(y), from_s - zero_s, until_s - zero_s])
    return {"riders": waiting, "refused": refused}


def _waits_until(record: Record, end_s: int) -> int:
    """Until when a rider with a booking waits."""
    if record.boarded_s is not None:
        return record.boarded_s
    if record.outcome is Outcome.CANCELLED:
        return (record.pickup_from_s or 0) - (record.cancelled_ahead_s or 0)
    if record.outcome is Outcome.NO_SHOW:
        return record.pickup_to_s or end_s
    return end_s
