"""Requests, vehicles and plans: feasibility, insertion and an independent verifier."""

from routing.plans.errors import InvalidProblemError, PlansError
from routing.plans.improvement import Improvement, improve
from routing.plans.insertion import (
    Insertion,
    Insertions,
    NewRoute,
    best_insertions,
    route_with,
)
from routing.plans.problem import (
    Problem,
    alone,
    build_problem,
    replace_vehicle,
    with_routes,
)
from routing.plans.records import (
    UNDER_WAY,
    UNREACHABLE_S,
    Action,
    Booking,
    Break,
    Request,
    StopPair,
    Vehicle,
    Weights,
)
from routing.plans.schedules import (
    RouteSchedule,
    evaluate,
    plan_cost,
    project,
    relaxed,
    relaxed_all,
)
from routing.plans.seen import Seen
from routing.plans.warming import warm_up

__all__ = [
    "UNDER_WAY",
    "UNREACHABLE_S",
    "Action",
    "Booking",
    "Break",
    "Improvement",
    "Insertion",
    "Insertions",
    "InvalidProblemError",
    "NewRoute",
    "PlansError",
    "Problem",
    "Request",
    "RouteSchedule",
    "Seen",
    "StopPair",
    "Vehicle",
    "Weights",
    "alone",
    "best_insertions",
    "build_problem",
    "evaluate",
    "improve",
    "plan_cost",
    "project",
    "relaxed",
    "relaxed_all",
    "replace_vehicle",
    "route_with",
    "warm_up",
    "with_routes",
]
