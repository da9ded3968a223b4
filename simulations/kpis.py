"""Key figures of a day, and of its parts, from its records and the legs driven.

Definitions after Liebchen et al. 2020 (DOI 10.15771/1318), in words in `definitions.py`. Shares and
means of nothing are None.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dispatch.domain.rules import Rules, Weights
from simulations.records import Ledger, Outcome, Record
from simulations.scenario import Costs
from simulations.world import Leg

_KM = 1000.0
_HOUR_S = 3600.0
_PERMILLE = 1000
_WORST_SHARE = 0.9
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """A leg, or a part of one that falls into an interval.

    `persons` are the passengers on board, `bookings` their bookings.
    """

    length_m: float
    duration_s: float
    persons: int
    bookings: int
    to_depot: bool
    to_wait: bool


def pieces(
    legs: Iterable[Leg],
    persons: Mapping[str, int],
    span_s: tuple[float, float] | None = None,
    standstills: Sequence[tuple[str, int, int]] = (),
) -> list[Piece]:
    """The driving of an interval; a leg that crosses its border counts in proportion.

    Args:
        legs: of the day.
        persons: by booking id.
        span_s: from, to; None = all.
        standstills: (shift id, from, to) in which a vehicle on its way did not drive.
    """
    found = []
    stood: dict[str, list[tuple[int, int]]] = {}
    for shift_id, *span in standstills:
        stood.setdefault(shift_id, []).append((span[0], span[1]))
    for leg in legs:
        share = 1.0
        if span_s is not None:
            inside_s = min(leg.to_s, span_s[1]) - max(leg.from_s, span_s[0])
            if inside_s <= 0:
                continue
            share = inside_s / (leg.to_s - leg.from_s)
        found.append(
            Piece(
                leg.length_m * share,
                (leg.to_s - leg.from_s - _stood_s(leg, stood.get(leg.shift_id, ()))) * share,
                sum(persons[i] for i in leg.booking_ids),
                len(leg.booking_ids),
                leg.to_depot,
                leg.to_wait,
            )
        )
    return found


def _stood_s(leg: Leg, stood: Iterable[tuple[int, int]]) -> int:
    return sum(max(0, min(leg.to_s, b) - max(leg.from_s, a)) for a, b in stood)


def rider_figures(found: Sequence[Record]) -> Figures:
    """Demand, times and promises of some of the requests."""
    return {**_demand(found), **_times(found), **_promises(found), **_ridden(found)}


def _demand(found: Sequence[Record]) -> Figures:
    kinds = Counter(r.outcome for r in found)
    accepted = [r for r in found if r.accepted]
    persons, let_in = sum(r.persons for r in found), sum(r.persons for r in accepted)
    cancelled = [r for r in found if r.outcome is Outcome.CANCELLED]
    refused = Counter(r.reason for r in found if r.outcome is Outcome.REFUSED)
    late = sum((r.cancelled_ahead_s or 0) < _HOUR_S for r in cancelled)
    return {
        "requests": len(found),
        "accepted": len(accepted),
        "served": kinds[Outcome.SERVED],
        "acceptance": _share(len(accepted), len(found)),
        "passengers_requested": persons,
        "passengers_accepted": let_in,
        "passengers_served": sum(r.persons for r in found if r.served),
        "passenger_acceptance": _share(let_in, persons),
        "offered_not_taken": kinds[Outcome.NOT_TAKEN],
        "refused": kinds[Outcome.REFUSED],
        "refused_by_reason": {str(code): refused[code] for code in sorted(map(str, refused))},
        "no_shows": kinds[Outcome.NO_SHOW],
        "no_show_share": _share(kinds[Outcome.NO_SHOW], len(accepted)),
        "cancellations": len(cancelled),
        "cancellation_share": _share(len(cancelled), len(accepted)),
        "cancelled_within_1_h": late,
        "abandoned": kinds[Outcome.ABANDONED],
        "displaced": sum(r.displaced for r in found),
        "rescued": sum(r.rescued for r in found),
        "unfinished": kinds[Outcome.UNFINISHED],
        **_spread("response", "s", [r.answered_s - r.asked_s for r in found]),
    }


def _times(found: Sequence[Record]) -> Figures:
    rides = [r for r in found if r.served]
    ratios = [r.in_vehicle_s / r.direct_s for r in rides if r.direct_s]
    return {
        **_spread("wait", "s", [r.wait_s for r in rides]),
        **_spread("in_vehicle", "s", [r.in_vehicle_s for r in rides]),
        **_spread("walk", "m", [r.walk_m or 0 for r in rides]),
        "ride_time_ratio_mean": _mean(ratios),
    }


def _promises(found: Sequence[Record]) -> Figures:
    """Of everybody who was set down: whether the vehicle was there, and arrived, as promised."""
    rides = [r for r in found if r.served]
    pickup = [max(0, (r.halted_s or 0) - (r.pickup_to_s or 0)) for r in rides]
    arrival = [max(0, (r.arrived_s or 0) - (r.arrival_latest_s or 0)) for r in rides]
    moved = [abs(_begun_s(r) - (r.planned_pickup_s or 0)) for r in rides]
    return {
        "pickup_kept": _share(sum(late == 0 for late in pickup), len(rides)),
        "arrival_kept": _share(sum(late == 0 for late in arrival), len(rides)),
        "pickup_late_mean_s": _mean(pickup),
        "pickup_late_p95_s": _quantile(pickup, 0.95),
        "pickup_late_max_s": max(pickup, default=None),
        "arrival_late_mean_s": _mean(arrival),
        "arrival_late_p95_s": _quantile(arrival, 0.95),
        "arrival_late_max_s": max(arrival, default=None),
        **_spread("pickup_deviation", "s", moved),
    }


def _begun_s(ride: Record) -> int:
    """When the vehicle was ready for a rider: halted, and the promised window open."""
    return max(ride.halted_s or 0, ride.pickup_from_s or 0)


def _ridden(found: Sequence[Record]) -> Figures:
    rides = [r for r in found if r.served]
    passenger_m = sum(r.persons * r.ridden_m for r in rides)
    direct_m = sum(r.persons * (r.direct_m or 0.0) for r in rides)
    pooled_m = sum(r.persons * r.pooled_m for r in rides)
    return {
        "passenger_km": passenger_m / _KM,
        "direct_passenger_km": direct_m / _KM,
        "detour_factor": _share(passenger_m, direct_m),
        "pooling_rate": _share(sum(r.pooled for r in rides), len(rides)),
        "pooled_passenger_km_share": _share(pooled_m, passenger_m),
        "revenue_eur": sum(r.fare_eur for r in rides),
    }


def fleet_figures(driven: Sequence[Piece], direct_passenger_km: float) -> Figures:
    """Kilometres of the vehicles and what they carried."""
    total_m = sum(p.length_m for p in driven)
    empty_m = sum(p.length_m for p in driven if not p.bookings)
    passenger_m = sum(p.length_m * p.persons for p in driven)
    return {
        "vehicle_km": total_m / _KM,
        "empty_share": _share(empty_m, total_m),
        "depot_km": sum(p.length_m for p in driven if p.to_depot) / _KM,
        "repositioning_km": sum(p.length_m for p in driven if p.to_wait) / _KM,
        "occupancy": _share(passenger_m, total_m),
        "occupancy_occupied": _share(passenger_m, total_m - empty_m),
        "system_efficiency": _share(direct_passenger_km * _KM, total_m),
    }


def staff_figures(
    found: Sequence[Record],
    driven: Sequence[Piece],
    book: Ledger,
    rules: Rules,
    span_s: tuple[int, int],
    done_s: int | None = None,
) -> Figures:
    """How the staffed time of the shifts that begin in an interval was used.

    Of a day that was interrupted at `done_s`, only what had been staffed by then.
    """
    staffed = [s for s in book.shifts.values() if span_s[0] <= s.start_s < span_s[1]]
    break_s = sum(b.duration_s for s in staffed for b in s.breaks)
    until_s = {s.id: s.end_s if done_s is None else min(s.end_s, done_s) for s in staffed}
    staffed_s = max(0, sum(max(0, until_s[s.id] - s.start_s) for s in staffed) - break_s)
    over_s = sum(max(0, book.ended_s.get(s.id, 0) - s.end_s) for s in staffed)
    rides = [r for r in found if r.served]
    boarding_s = sum(
        2 * (r.seats * rules.boarding_person_s + r.wheelchairs * rules.boarding_wheelchair_s)
        for r in rides
    )
    serving_s = len(book.visits_served) * rules.boarding_stop_s + boarding_s
    passengers = sum(r.persons for r in rides)
    return {
        "vehicles": len({s.vehicle_id for s in staffed}),
        "staffed_hours": staffed_s / _HOUR_S,
        "break_hours": break_s / _HOUR_S,
        "overtime_hours": over_s / _HOUR_S,
        "utilisation": _share(sum(p.duration_s for p in driven) + serving_s, staffed_s),
        "passengers_per_staffed_hour": _share(passengers * _HOUR_S, staffed_s),
        "trips_per_staffed_hour": _share(len(rides) * _HOUR_S, staffed_s),
    }


def objective_s(found: Sequence[Record], driven: Sequence[Piece], weights: Weights) -> float:
    """What the plans minimise, as it turned out: in seconds of driving."""
    rides = [r for r in found if r.served]
    drive = weights.drive * sum(p.duration_s for p in driven)
    people = sum(
        r.persons
        * (weights.wait * r.wait_s + weights.ride * r.in_vehicle_s + weights.walk * r.walk_s)
        for r in rides
    )
    without = sum(not r.served and r.outcome is not Outcome.UNFINISHED for r in found)
    return (drive + people) / _PERMILLE + weights.unserved_s * without


def money_figures(figures: Mapping[str, Any], costs: Costs) -> Figures:
    """Cost of the day and CO2; drivers are paid for breaks and overtime too."""
    hours = sum(figures[name] for name in ("staffed_hours", "break_hours", "overtime_hours"))
    cost = (
        costs.driver_hour_eur * hours
        + costs.vehicle_km_eur * figures["vehicle_km"]
        + costs.vehicle_day_eur * figures["vehicles"]
        + costs.overhead_day_eur
    )
    passengers, revenue = figures["passengers_served"], figures["revenue_eur"]
    co2_kg = figures["vehicle_km"] * costs.vehicle_g_co2_per_km / _KM
    instead_km = figures["direct_passenger_km"] * costs.reference_share
    reference_kg = instead_km * costs.reference_g_co2_per_km / _KM
    return {
        "cost_eur": cost,
        "subsidy_eur": cost - revenue,
        "cost_per_passenger_eur": _share(cost - revenue, passengers),
        "cost_per_direct_passenger_km_eur": _share(cost - revenue, figures["direct_passenger_km"]),
        "co2_kg": co2_kg,
        "co2_g_per_passenger_km": _share(co2_kg * _KM, figures["passenger_km"]),
        "co2_reference_kg": reference_kg,
        "co2_saved_kg": reference_kg - co2_kg,
    }


def fairness_figures(by_zone: Mapping[str, Figures], found: Sequence[Record]) -> Figures:
    """How far the settlements lie apart, and how the worst-off tenth of the riders fares."""
    shares = [f["acceptance"] for f in by_zone.values() if f["acceptance"] is not None]
    waits = sorted(r.wait_s for r in found if r.served)
    worst = waits[int(len(waits) * _WORST_SHARE) :]
    return {
        "acceptance_worst_zone": min(shares, default=None),
        "acceptance_best_zone": max(shares, default=None),
        "wait_worst_tenth_mean_s": _mean(worst),
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
