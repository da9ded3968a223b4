"""From the kernels' side to the verifier's: a problem and its schedules as plain records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.plans.schedules import RouteSchedule, evaluate
from routing.plans.verifier import ClaimedRoute, Violation, World, verify_plan

if TYPE_CHECKING:
    from routing.plans.problem import Problem


def world_of(problem: Problem) -> World:
    """Travel times, traffic, set-up time and weights of a problem as plain lists."""
    return World(
        matrix_s=problem.matrix_s.tolist(),
        base_s=problem.base_s,
        speed_permille=problem.speed_permille.tolist(),
        setup_s=problem.setup_s,
        weights=problem.weights,
    )


def claim_of(problem: Problem, vehicle: int, schedule: RouteSchedule) -> ClaimedRoute:
    """The vehicle's present route with this schedule, as a claim to verify."""
    record = problem.vehicles[vehicle]
    return ClaimedRoute(
        vehicle=record.id,
        actions=record.route,
        start_s=tuple(schedule.start_s.tolist()),
        end_s=tuple(schedule.end_s.tolist()),
        depot_arrival_s=schedule.depot_arrival_s,
        cost=schedule.cost,
    )


def verify(problem: Problem) -> list[Violation]:
    """Let the verifier check all routes as `evaluate` schedules them; empty if everything holds."""
    claims = [claim_of(problem, v, evaluate(problem, v)) for v in range(len(problem.vehicles))]
    return verify_plan(world_of(problem), problem.vehicles, problem.bookings, claims)
