"""A day planned at once by somebody who knew all requests beforehand.

The same vehicles, shifts, breaks, roads and rules; every request may be served within the widest
window it could have been offered, or be left out. That problem is looser than the one the service
faces: nobody has to be answered before the next one asks, and no promise narrows a window. Its
optimum is a bound; what the search finds is a good solution of it, so a sign of how far away the
bound is and not a proof.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from dispatch.domain import commands as cmd
from dispatch.domain.errors import DomainError
from dispatch.domain.rules import DAY_S
from dispatch.domain.state import State, apply
from dispatch.engine import Engine, Network
from dispatch.engine.draft import Draft
from dispatch.engine.problem import planning
from dispatch.engine.rides import Rides
from routing import plans
from routing.plans.claims import verify
from simulations.demand import Trip

_KM = 1000.0
_PERMILLE = 1000


@dataclass(frozen=True, slots=True)
class Hindsight:
    """What came out; shares, metres and seconds as in the key figures of a simulated day."""

    requests: int
    served: int
    vehicle_km: float
    empty_share: float
    wait_mean_s: float
    wait_p95_s: float
    pooling_rate: float
    objective_s: float
    verified: bool


def in_hindsight(
    engine: Engine, trips: Sequence[Trip], midnight_s: int, *, iterations: int, seed: int
) -> Hindsight:
    """Plan the day that begins at `midnight_s` with all its trips known.

    Args:
        engine: its town.
        trips: the day's requests.
        midnight_s: the beginning of the day.
        iterations: how long to search.
        seed: of the search.
    """
    state = State()
    for event in engine.decide(state, cmd.Tick(), midnight_s, Random(seed)):  # noqa: S311 - ids
        apply(state, event)
    shifts = [s for s in state.shifts.values() if midnight_s <= s.start_s < midnight_s + DAY_S]
    start = planning(engine.config, engine.network, state, shifts, midnight_s).problem
    wanted = list(_requests(engine, trips, seed))
    found = plans.improve(start, wanted, iterations=iterations, seed=seed)
    refused_s = engine.config.weights.unserved_s * (len(trips) - len(wanted))
    drive = engine.config.weights.drive
    return replace(
        _figures(engine.network, found.problem, wanted),
        requests=len(trips),
        objective_s=found.cost / _PERMILLE + refused_s * drive / _PERMILLE,
        verified=not verify(found.problem),
    )


def _requests(engine: Engine, trips: Sequence[Trip], seed: int) -> Iterator[plans.Request]:
    """What can be asked of the plans, each in the widest window that it could be offered."""
    rides = Rides(engine.config, engine.network)
    rng = Random(seed)  # noqa: S311 - ids
    for number, trip in enumerate(trips):
        try:
            asked = rides.look(Draft(State(), trip.asked_at_s, rng), trip.ask)
        except DomainError:
            continue
        if asked.wanted is not None:
            yield replace(asked.wanted, id=f"{number:06d}")


def _figures(
    network: Network, problem: plans.Problem, wanted: Sequence[plans.Request]
) -> Hindsight:
    wishes = {request.id: request.wish_earliest_s for request in wanted}
    waits: list[int] = []
    pooled: set[str] = set()
    total_m = empty_m = 0.0
    for v, vehicle in enumerate(problem.vehicles):
        schedule = plans.evaluate(problem, v)
        place, on_board = vehicle.start_stop, set[str]()
        for action, start_s in zip(vehicle.route, schedule.start_s.tolist(), strict=True):
            if action.kind == "break":
                continue
            booking = problem.bookings[action.booking]
            boards = action.kind == "pickup"
            stop = booking.pickup_stop if boards else booking.dropoff_stop
            leg_m = network.travel.path_length_m(place, stop) if stop != place else 0.0
            total_m += leg_m
            empty_m += 0.0 if on_board else leg_m
            pooled |= on_board if len(on_board) > 1 and leg_m > 0 else set()
            place = stop
            if boards:
                waits.append(start_s - wishes[booking.id])
                on_board.add(booking.id)
            else:
                on_board.discard(booking.id)
        back_m = network.travel.path_length_m(place, vehicle.end_stop)
        total_m, empty_m = total_m + back_m, empty_m + back_m
    return Hindsight(
        requests=len(wanted),
        served=len(waits),
        vehicle_km=total_m / _KM,
        empty_share=empty_m / total_m if total_m else 0.0,
        wait_mean_s=float(np.mean(waits)) if waits else 0.0,
        wait_p95_s=float(np.quantile(waits, 0.95)) if waits else 0.0,
        pooling_rate=len(pooled) / len(waits) if waits else 0.0,
        objective_s=0.0,
        verified=False,
    )
