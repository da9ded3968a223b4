"""Schedules of single routes: as they should be, as they will be, and limits reality has broken."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from routing.plans import kernel, scratch
from routing.plans.checks import require
from routing.plans.problem import Problem, replace_vehicle

if TYPE_CHECKING:
    from routing.plans.records import Booking, Break

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
    if _schedule(problem, vehicle, bounded=True).reason in {"", "capacity", "unreachable"}:
        return problem
    seen = _schedule(problem, vehicle, bounded=False)
    if not seen.feasible:
        return problem
    record = problem.vehicles[vehicle]
    limits, breaks, caps = _raised(problem, vehicle, seen)
    longest = record.max_route_s
    raised = replace(
        record,
        end_time_s=max(record.end_time_s, seen.depot_arrival_s),
        breaks=breaks,
        max_route_s=longest and max(longest, seen.depot_arrival_s - record.start_time_s),
    )
    for booking in caps:
        kept = replace(limits[booking], max_ride_s=problem.bookings[booking].max_ride_s)
        trial = replace_vehicle(problem, vehicle, raised, {**limits, booking: kept}.values())
        if evaluate(trial, vehicle).feasible:
            limits[booking] = kept
    changed = [b for b in limits.values() if b != problem.bookings[b.id]]
    return replace_vehicle(problem, vehicle, raised, changed)


def _raised(
    problem: Problem, vehicle: int, seen: RouteSchedule
) -> tuple[dict[str, Booking], tuple[Break, ...], list[str]]:
    """Limits of the route raised to its projection, and whose ride caps were among them."""
    record = problem.vehicles[vehicle]
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


def relaxed_all(problem: Problem) -> Problem:
    """`relaxed` for every vehicle: afterwards each route is feasible, if it can be at all."""
    for vehicle in np.flatnonzero(problem.routes.cost == kernel.FOREVER):
        problem = relaxed(problem, int(vehicle))
    return problem


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
