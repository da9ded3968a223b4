"""Key figures of a driven day, in the words and definitions of the peers' published ones."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from simulations.peer_day.check import Edge, Edges
    from simulations.peer_day.files import Demand
    from simulations.peer_day.outcome import DrivenDay

_P90: Final = 90
_P95: Final = 95
_SHARED: Final = 2


class Figures(NamedTuple):
    """What a day was like.

    Attributes:
        served: requests driven.
        served_share: of all requests.
        vehicle_km: driven by all vehicles.
        empty_share: of the vehicle-km, those with nobody on board.
        occupancy: passenger-km per vehicle-km.
        direct_share: km of the served requests' fastest ways per vehicle-km.
        shared_share: of the served requests, those that were ever driven together with another.
        wait_mean_s: from the request to the start of boarding.
        wait_p90_s: the same, exceeded by one in ten.
        wait_p95_s: by one in twenty.
        ride_mean_s: from the end of boarding to the start of alighting.
        detour_mean: of the rides, as a multiple of the direct time.
    """

    served: int
    served_share: float
    vehicle_km: float
    empty_share: float
    occupancy: float
    direct_share: float
    shared_share: float
    wait_mean_s: float
    wait_p90_s: float
    wait_p95_s: float
    ride_mean_s: float
    detour_mean: float


class _Driven(NamedTuple):
    vehicle_m: float
    empty_m: float
    passenger_m: float
    shared: set[int]


def figures(day: DrivenDay, demand: Demand, edges: Edges, direct: list[Edge]) -> Figures:
    """The key figures of a day that has passed the check."""
    driven = [_drive(day, vehicle, edges) for vehicle in range(len(day.tracks))]
    vehicle_m = sum(d.vehicle_m for d in driven)
    waits, rides, detours, direct_m = [], [], [], 0.0
    for request, (pickup, dropoff) in enumerate(zip(day.pickups, day.dropoffs, strict=True)):
        if pickup is not None and dropoff is not None:
            waits.append(pickup.start_s - int(demand.time_s[request]))
            rides.append(dropoff.start_s - pickup.end_s)
            detours.append(rides[-1] / direct[request].time_s)
            direct_m += direct[request].length_m
    per_m = 1.0 / vehicle_m if vehicle_m else 0.0
    served = len(waits)
    return Figures(
        served=served,
        served_share=served / len(demand),
        vehicle_km=vehicle_m / 1000.0,
        empty_share=sum(d.empty_m for d in driven) * per_m,
        occupancy=sum(d.passenger_m for d in driven) * per_m,
        direct_share=direct_m * per_m,
        shared_share=sum(len(d.shared) for d in driven) / max(1, served),
        wait_mean_s=float(np.mean(waits)) if waits else 0.0,
        wait_p90_s=float(np.percentile(waits, _P90)) if waits else 0.0,
        wait_p95_s=float(np.percentile(waits, _P95)) if waits else 0.0,
        ride_mean_s=float(np.mean(rides)) if rides else 0.0,
        detour_mean=float(np.mean(detours)) if detours else 0.0,
    )


def _drive(day: DrivenDay, vehicle: int, edges: Edges) -> _Driven:
    """Lengths driven by one vehicle, and who shared it with others."""
    boards = [(h.start_s, 1, r) for r, h in enumerate(day.pickups) if h and h.vehicle == vehicle]
    leaves = [(h.start_s, -1, r) for r, h in enumerate(day.dropoffs) if h and h.vehicle == vehicle]
    changes, at = sorted(boards + leaves), 0
    on_board: set[int] = set()
    shared: set[int] = set()
    vehicle_m = empty_m = passenger_m = 0.0
    track = day.tracks[vehicle]
    for before, after in pairwise(track):
        while at < len(changes) and changes[at][0] < after.time_s:
            _, change, request = changes[at]
            (on_board.add if change > 0 else on_board.discard)(request)
            at += 1
        length_m = edges[before.node, after.node].length_m
        vehicle_m += length_m
        empty_m += 0.0 if on_board else length_m
        passenger_m += length_m * len(on_board)
        if len(on_board) >= _SHARED:
            shared |= on_board
    return _Driven(vehicle_m, empty_m, passenger_m, shared)
