"""Schedules of single routes: as they should be, as they will be, and limits reality has broken."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from routing.plans import kernel, scratch
from routing.plans.checks import require
from routing.plans.problem import Problem, alone, replace_vehicle, replace_vehicles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routing.plans.records import Booking, Break, Vehicle

Reason = Literal[
    "",
    "capacity",
    "unreachable",
    "pickup_latest",
    "arrival_latest",
    "max_ride",
    "shift_end",
    "break_latest",
    "max_route",
]
_REASONS: dict[int, Reason] = {
    kernel.OK: "",
    kernel.CAPACITY: "capacity",
    kernel.UNREACHABLE: "unreachable",
    kernel.PICKUP_LATE: "pickup_latest",
    kernel.ARRIVAL_LATE: "arrival_latest",
    kernel.RIDE_TOO_LONG: "max_ride",
    kernel.SHIFT_END: "shift_end",
    kernel.BREAK_LATE: "break_latest",
    kernel.ROUTE_TOO_LONG: "max_route",
}


@dataclass(frozen=True, eq=False)
class RouteSchedule:
    """When a vehicle does what; index k is its k-th action.

    Attributes:
        arrival_s: int64[n], arrival at the action's stop.
        start_s: int64[n], start of service.
        end_s: int64[n], end of service, when the vehicle is free to leave.
        depot_arrival_s: back at the depot.
        drive_s: driving seconds, the way back included.
        cost: of the objective, millicost (permille-seconds).
        feasible: all limits hold.
        reason: the first limit found broken, "" if none.
        position: the action at which it broke (n = the return to the depot), -1 if none.
    """

    arrival_s: npt.NDArray[np.int64]
    start_s: npt.NDArray[np.int64]
    end_s: npt.NDArray[np.int64]
    depot_arrival_s: int
    drive_s: int
    cost: int
    feasible: bool
    reason: Reason
    position: int


def evaluate(problem: Problem, vehicle: int) -> RouteSchedule:
    """The earliest feasible schedule of a vehicle's route: the least fixed point.

    If there is none, the times are those of `project`, with `feasible` False and the reason.

    Args:
        problem: stays as it is.
        vehicle: index of the vehicle.
    """
    schedule = _schedule(problem, vehicle, bounded=True)
    if schedule.feasible or schedule.reason == "capacity":
        return schedule
    seen, reason, position = project(problem, vehicle), schedule.reason, schedule.position
    if reason == "arrival_latest":
        # The kernel knows one upper bound; of a rider on board it may be the ride cap's.
        booking = problem.bookings[problem.vehicles[vehicle].route[position].booking]
        if seen.start_s[position] <= booking.arrival_latest_s:
            reason = "max_ride"
    return replace(seen, feasible=False, reason=reason, position=position)


def project(problem: Problem, vehicle: int) -> RouteSchedule:
    """What will happen if nobody acts: the earliest schedule without upper bounds and ride caps.

    `feasible` is False only where a stop cannot be reached at all; the times from there on are 0.
    """
    return _schedule(problem, vehicle, bounded=False)


def relaxed(problem: Problem, vehicle: int) -> Problem:
    """The problem with this vehicle's broken limits raised to what can still be kept.

    Upper bounds (pick-up, arrival, break, shift end) that the projection breaks are raised to it:
    no schedule of this route can do better. Ride caps it breaks are raised to the projected ride
    only where waiting longer before the pick-up cannot save them, in route order. Everything else,
    and a route that is feasible, stays untouched. Overload and unreachable stops cannot be relaxed.

    Args:
        problem: stays as it is.
        vehicle: index of the vehicle.
    """
    return _relaxed(problem, [vehicle])


def relaxed_all(problem: Problem) -> Problem:
    """`relaxed` for every vehicle: afterwards each route is feasible, if it can be at all."""
    return _relaxed(problem, np.flatnonzero(problem.routes.cost == kernel.FOREVER).tolist())


def _relaxed(problem: Problem, vehicles: Sequence[int]) -> Problem:
    """The problem with the broken limits of these vehicles raised, each looked at by itself."""
    raised: dict[int, Vehicle] = {}
    changed: list[Booking] = []
    for vehicle in vehicles:
        found = _relaxed_alone(alone(problem, vehicle))
        if found is not None:
            raised[vehicle] = found[0]
            changed += found[1]
    return replace_vehicles(problem, raised, changed) if raised else problem


def _relaxed_alone(problem: Problem) -> tuple[Vehicle, list[Booking]] | None:
    """The only vehicle and its bookings with the broken limits raised; None if nothing helps."""
    if _schedule(problem, 0, bounded=True).reason in {"", "capacity", "unreachable"}:
        return None
    seen = _schedule(problem, 0, bounded=False)
    if not seen.feasible:
        return None
    (record,) = problem.vehicles
    limits, breaks, caps = _raised(problem, seen)
    longest = record.max_route_s
    raised = replace(
        record,
        end_time_s=max(record.end_time_s, seen.depot_arrival_s),
        breaks=breaks,
        max_route_s=longest and max(longest, seen.depot_arrival_s - record.start_time_s),
    )
    for booking in caps:
        kept = replace(limits[booking], max_ride_s=problem.bookings[booking].max_ride_s)
        trial = replace_vehicle(problem, 0, raised, {**limits, booking: kept}.values())
        if evaluate(trial, 0).feasible:
            limits[booking] = kept
    return raised, [b for b in limits.values() if b != problem.bookings[b.id]]


def _raised(
    problem: Problem, seen: RouteSchedule
) -> tuple[dict[str, Booking], tuple[Break, ...], list[str]]:
    """Limits of the route raised to its projection, and whose ride caps were among them."""
    (record,) = problem.vehicles
    breaks = {pause.id: pause for pause in record.breaks}
    limits: dict[str, Booking] = {}
    caps: list[str] = []
    ends: dict[str, int] = {}
    for k, (kind, name) in enumerate(record.route):
        start = int(seen.start_s[k])
        if kind == "break":
            latest_s = max(breaks[name].latest_s, start)
            breaks[name] = replace(breaks[name], latest_s=latest_s)
            continue
        b = limits.get(name, problem.bookings[name])
        if kind == "pickup":
            ends[name] = int(seen.end_s[k])
            limits[name] = replace(b, pickup_latest_s=max(b.pickup_latest_s, start))
            continue
        boarded = b.boarded_at_s if b.boarded_at_s is not None else ends[name]
        ride = start - boarded
        if ride > b.max_ride_s and b.boarded_at_s is None:
            caps.append(name)
        limits[name] = replace(
            b,
            arrival_latest_s=max(b.arrival_latest_s, start),
            max_ride_s=max(b.max_ride_s, ride),
        )
    return limits, tuple(breaks.values()), caps


def plan_cost(problem: Problem) -> int:
    """The objective of all routes together, in millicost; each has to be feasible.

    Raises:
        InvalidProblemError: a route breaks a limit.
    """
    costs = problem.routes.cost
    require(not bool((costs == kernel.FOREVER).any()), "a route breaks a limit")
    return int(costs.sum())


def _schedule(problem: Problem, vehicle: int, *, bounded: bool) -> RouteSchedule:
    routes = problem.routes
    count = int(routes.length[vehicle])
    work = scratch.make_work(routes.nodes.shape[1], len(problem.nodes))
    reason, position, driving, cost = kernel.schedule(
        problem.arrays, routes, vehicle, work, kernel.LIMITED if bounded else kernel.PROJECTED
    )
    complete = reason in {kernel.OK, kernel.CAPACITY}
    times = work.times if complete or not bounded else np.zeros_like(work.times)
    if not complete:
        times[:, max(position, 0) + 1 :] = 0  # never got there
    arrival, start, end = times[:, 1 : count + 1]
    return RouteSchedule(
        arrival_s=arrival,
        start_s=start,
        end_s=end,
        depot_arrival_s=int(times[kernel.ARRIVAL, count + 1]),
        drive_s=int(driving),
        cost=int(cost),
        feasible=reason == kernel.OK,
        reason=_REASONS[int(reason)],
        position=int(position),
    )
