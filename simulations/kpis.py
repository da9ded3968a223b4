"""Key figures of a day, from its events and the legs driven.

Definitions after Liebchen et al. 2020 (DOI 10.15771/1318). Shares and means of nothing are None.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dispatch.domain import events as ev
from dispatch.domain.model import Booking, RideRequest, Shift
from dispatch.domain.rules import Rules, ServiceConfig, Weights
from simulations.world import Day, Leg

_KM = 1000.0
_HOUR_S = 3600.0
_PERMILLE = 1000


@dataclass(slots=True)
class Ledger:
    """The day's events sorted by what they are about."""

    requests: dict[str, RideRequest] = field(default_factory=dict)
    bookings: dict[str, Booking] = field(default_factory=dict)
    boarded_s: dict[str, int] = field(default_factory=dict)
    alighted_s: dict[str, int] = field(default_factory=dict)
    arrived_at_stop_s: dict[str, int] = field(default_factory=dict)
    doors_opened_for: set[str] = field(default_factory=set)
    shifts: dict[str, Shift] = field(default_factory=dict)
    visits: int = 0


def ledger(day: Day) -> Ledger:
    """Sort the events of a day."""
    book = Ledger()
    arrived: dict[str, int] = {}
    served: set[str] = set()
    for at_s, event in day.events:
        match event:
            case ev.RideOffered(request) | ev.RideRefused(request):
                book.requests[request.id] = request
            case ev.BookingMade(booking):
                book.bookings[booking.id] = booking
            case ev.RiderBoarded():
                book.boarded_s[event.booking_id] = at_s
                if event.visit_id not in served:
                    book.doors_opened_for.add(event.booking_id)
                served.add(event.visit_id)
            case ev.RiderAlighted():
                book.alighted_s[event.booking_id] = at_s
                served.add(event.visit_id)
                book.arrived_at_stop_s[event.booking_id] = arrived[event.visit_id]
            case ev.VisitArrived():
                arrived[event.visit_id] = at_s
            case ev.VisitCompleted():
                book.visits += event.visit_id in served
            case ev.ShiftPlanned(shift):
                book.shifts[shift.id] = shift
            case _:
                pass
    return book


def key_figures(
    day: Day,
    config: ServiceConfig,
    shortest_m: Callable[[str, str], float],
    span_s: tuple[int, int],
) -> dict[str, Any]:
    """The main KPIs as a flat mapping; names carry units.

    Args:
        day: what happened.
        config: for dwell times and the weights of the objective.
        shortest_m: shortest distance between two stops by id.
        span_s: shifts that begin in this interval count as staffed time, less their breaks.
    """
    book, rules = ledger(day), config.rules
    rides = [b for b in book.bookings.values() if b.id in book.alighted_s]
    waits = _waits(book, rides, rules, day.asked_s)
    return {
        **_demand(book, day.rejected),
        **_times(book, rides, waits),
        **_promises(book, rides, rules),
        **_driving(day.legs, book, rides, shortest_m),
        **_fleet(day.legs, book, rides, rules, span_s),
        "objective_s": _objective_s(day, book, rides, waits, config.weights),
    }


def _demand(book: Ledger, rejected: Sequence[tuple[str, int]]) -> dict[str, Any]:
    requests = list(book.requests.values())
    asked = len(requests) + len(rejected)
    booked = {b.request_id for b in book.bookings.values()}
    refused = Counter(str(r.refusal.code) for r in requests if r.refusal is not None)
    refused.update(code for code, _ in rejected)
    persons = sum(r.party.persons for r in requests) + sum(n for _, n in rejected)
    persons_served = sum(r.party.persons for r in requests if r.id in booked)
    return {
        "requests": asked,
        "served": len(booked),
        "acceptance": _share(len(booked), asked),
        "passengers_requested": persons,
        "passengers_served": persons_served,
        "passenger_acceptance": _share(persons_served, persons),
        "offered_not_taken": asked - len(booked) - sum(refused.values()),
        "refused_by_reason": dict(sorted(refused.items())),
    }


def _waits(
    book: Ledger, rides: Sequence[Booking], rules: Rules, asked_s: Mapping[str, int]
) -> list[int]:
    """Seconds from the wish to the start of boarding, by ride."""
    waits = []
    for ride in rides:
        request = book.requests[ride.request_id]
        wished_s = max(request.received_at_s, ride.wish_earliest_s)
        if wished_s == request.received_at_s:  # the wait for an answer counts
            wished_s = asked_s.get(request.id, wished_s)
        boarding_s = book.boarded_s[ride.id] - rules.board_s(ride.party)
        waits.append(boarding_s - wished_s)
    return waits


def _ridden_s(book: Ledger, rides: Sequence[Booking]) -> list[int]:
    return [book.arrived_at_stop_s[r.id] - book.boarded_s[r.id] for r in rides]


def _objective_s(
    day: Day, book: Ledger, rides: Sequence[Booking], waits: Sequence[int], weights: Weights
) -> float:
    """What the plans minimise, as it turned out: in seconds of driving."""
    drive = weights.drive * sum(leg.to_s - leg.from_s for leg in day.legs)
    people = sum(
        ride.party.persons
        * (weights.wait * wait + weights.ride * ridden + weights.walk * ride.walk_s)
        for ride, wait, ridden in zip(rides, waits, _ridden_s(book, rides), strict=True)
    )
    unserved = len(book.requests) + len(day.rejected) - len(rides)
    return (drive + people) / _PERMILLE + weights.unserved_s * unserved


def _times(book: Ledger, rides: Sequence[Booking], waits: Sequence[int]) -> dict[str, Any]:
    in_vehicle = _ridden_s(book, rides)
    offers = {o.id: o for r in book.requests.values() for o in r.offers}
    walks = [offers[r.offer_id].pickup_walk_m + offers[r.offer_id].dropoff_walk_m for r in rides]
    ratios = [ridden / ride.direct_s for ridden, ride in zip(in_vehicle, rides, strict=True)]
    return {
        **_spread("wait", "s", waits),
        **_spread("in_vehicle", "s", in_vehicle),
        **_spread("walk", "m", walks),
        "ride_time_ratio_mean": _mean(ratios),
    }


def _promises(book: Ledger, rides: Sequence[Booking], rules: Rules) -> dict[str, Any]:
    late_pickups, late_arrivals = [], []
    for ride in rides:
        begun_s = book.boarded_s[ride.id] - rules.board_s(ride.party)
        if ride.id in book.doors_opened_for:
            begun_s -= rules.boarding_stop_s  # the promise is about the halt
        late_pickups.append(max(0, begun_s - ride.promise.pickup_to_s))
        arrived_s = book.arrived_at_stop_s[ride.id]
        late_arrivals.append(max(0, arrived_s - ride.promise.arrival_latest_s))
    return {
        "pickup_kept": _share(sum(late == 0 for late in late_pickups), len(rides)),
        "arrival_kept": _share(sum(late == 0 for late in late_arrivals), len(rides)),
        "pickup_late_max_s": max(late_pickups, default=None),
    }


def _driving(
    legs: Sequence[Leg],
    book: Ledger,
    rides: Sequence[Booking],
    shortest_m: Callable[[str, str], float],
) -> dict[str, Any]:
    total_m = sum(leg.length_m for leg in legs)
    empty_m = sum(leg.length_m for leg in legs if not leg.booking_ids)
    persons = {b.id: b.party.persons for b in book.bookings.values()}
    passenger_m = sum(leg.length_m * sum(persons[i] for i in leg.booking_ids) for leg in legs)
    direct_m = sum(
        r.party.persons * shortest_m(r.promise.pickup_stop_id, r.promise.dropoff_stop_id)
        for r in rides
    )
    shared = [leg for leg in legs if len(leg.booking_ids) > 1 and leg.length_m > 0]
    pooled = {i for leg in shared for i in leg.booking_ids}
    pooled_m = sum(leg.length_m * sum(persons[i] for i in leg.booking_ids) for leg in shared)
    return {
        "vehicle_km": total_m / _KM,
        "empty_share": _share(empty_m, total_m),
        "depot_km": sum(leg.length_m for leg in legs if leg.to_depot) / _KM,
        "repositioning_km": sum(leg.length_m for leg in legs if leg.to_wait) / _KM,
        "passenger_km": passenger_m / _KM,
        "direct_passenger_km": direct_m / _KM,
        "detour_factor": _share(passenger_m, direct_m),
        "occupancy": _share(passenger_m, total_m),
        "occupancy_occupied": _share(passenger_m, total_m - empty_m),
        "system_efficiency": _share(direct_m, total_m),
        "pooling_rate": _share(sum(r.id in pooled for r in rides), len(rides)),
        "pooled_passenger_km_share": _share(pooled_m, passenger_m),
    }


def _fleet(
    legs: Sequence[Leg],
    book: Ledger,
    rides: Sequence[Booking],
    rules: Rules,
    span_s: tuple[int, int],
) -> dict[str, Any]:
    staffed = [s for s in book.shifts.values() if span_s[0] <= s.start_s < span_s[1]]
    break_s = sum(b.duration_s for s in staffed for b in s.breaks)
    staffed_s = sum(s.end_s - s.start_s for s in staffed) - break_s
    driving_s = sum(leg.to_s - leg.from_s for leg in legs)
    serving_s = book.visits * rules.boarding_stop_s + sum(
        2 * rules.board_s(ride.party) for ride in rides
    )
    passengers = sum(ride.party.persons for ride in rides)
    return {
        "staffed_hours": staffed_s / _HOUR_S,
        "break_hours": break_s / _HOUR_S,
        "utilisation": _share(driving_s + serving_s, staffed_s),
        "passengers_per_staffed_hour": _share(passengers * _HOUR_S, staffed_s),
        "trips_per_staffed_hour": _share(len(rides) * _HOUR_S, staffed_s),
    }


def _spread(name: str, unit: str, values: Sequence[float]) -> dict[str, float | None]:
    return {
        f"{name}_mean_{unit}": _mean(values),
        f"{name}_p50_{unit}": _quantile(values, 0.5),
        f"{name}_p95_{unit}": _quantile(values, 0.95),
    }


def _mean(values: Iterable[float]) -> float | None:
    array = np.fromiter(values, dtype=float)
    return float(array.mean()) if array.size else None


def _quantile(values: Sequence[float], share: float) -> float | None:
    return float(np.quantile(np.array(values, dtype=float), share)) if values else None


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
