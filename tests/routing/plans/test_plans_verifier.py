"""The verifier accepts what holds and names the rule that a changed plan breaks."""

import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing.plans.claims import claim_of, world_of
from routing.plans.records import UNREACHABLE_S, Action, Booking, Vehicle, Weights
from routing.plans.schedules import evaluate
from routing.plans.verifier import (
    ClaimedRoute,
    World,
    arrival_after,
    verify_plan,
    verify_route,
)
from routing.roads.traffic import drive

QUIET = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

# A line of stops 0 - 1 - 2 - 3, 100 s apart; free flow until 3600 s, then half as fast.
WORLD = World(
    matrix_s=[[abs(i - j) * 100 for j in range(4)] for i in range(4)],
    base_s=0,
    speed_permille=[1000, 500],
    setup_s=30,
    weights=Weights(1000, 1000, 1000, 1000),
)
ANNA = Booking("anna", 1, 3, 50, 500, 1000, 400, 0, board_s=10, walk_s=60)
BEN = Booking("ben", 1, 2, 50, 500, 1000, 400, 0, seats=2)
BOTH = {"anna": ANNA, "ben": BEN}
ROUTE = (
    Action("pickup", "anna"),
    Action("pickup", "ben"),
    Action("dropoff", "ben"),
    Action("dropoff", "anna"),
)
BUS = Vehicle("bus", 0, 0, 0, 5000, ((4, 0), (2, 1)), ROUTE, locked=1)
CLAIM = ClaimedRoute("bus", ROUTE, (100, 140, 240, 370), (140, 140, 270, 410), 710)


def rules(claim: ClaimedRoute, vehicle: Vehicle = BUS, **bookings: Booking) -> set[str]:
    return {v.rule for v in verify_route(WORLD, vehicle, {**BOTH, **bookings}, claim)}


def moved(k: int, *, start: int = 0, end: int = 0) -> ClaimedRoute:
    starts, ends = list(CLAIM.start_s), list(CLAIM.end_s)
    starts[k] += start
    ends[k] += end
    return replace(CLAIM, start_s=tuple(starts), end_s=tuple(ends))


def shifted(seconds: int) -> ClaimedRoute:
    return replace(
        CLAIM,
        start_s=tuple(s + seconds for s in CLAIM.start_s),
        end_s=tuple(s + seconds for s in CLAIM.end_s),
        depot_arrival_s=CLAIM.depot_arrival_s + seconds,
    )


def reordered(*order: int) -> ClaimedRoute:
    return replace(CLAIM, actions=tuple(ROUTE[k] for k in order))


def test_the_plan_holds_with_its_cost() -> None:
    # 600 driving; Anna waits 100, walks 60, rides 230; Ben waits 140, rides 100
    assert rules(replace(CLAIM, cost=1_230_000)) == set()


def test_waiting_longer_than_necessary_is_allowed() -> None:
    assert rules(shifted(60)) == set()


@pytest.mark.parametrize(
    ("claim", "broken"),
    [
        (moved(3, start=-1, end=-1), {"driving"}),
        (shifted(-1), {"driving"}),
        (replace(CLAIM, depot_arrival_s=709), {"driving"}),
        (moved(3, end=-1), {"dwell"}),
        (moved(2, start=1), {"dwell"}),
        (shifted(401), {"pickup_window"}),
        (replace(CLAIM, depot_arrival_s=5001), {"shift_end"}),
        (replace(CLAIM, cost=1_230_001), {"cost"}),
        (replace(CLAIM, end_s=CLAIM.end_s[:3]), {"shape"}),
    ],
)
def test_changed_times_are_named(claim: ClaimedRoute, broken: set[str]) -> None:
    assert rules(claim) == broken


@pytest.mark.parametrize(
    ("claim", "broken"),
    [
        (reordered(0, 2, 1, 3), "precedence"),
        (reordered(1, 0, 2, 3), "lock"),
        (reordered(0, 1, 1, 3), "exactly_once"),
        (replace(CLAIM, actions=(*ROUTE[:3], Action("dropoff", "cleo"))), "unknown_booking"),
    ],
)
def test_changed_orders_are_named(claim: ClaimedRoute, broken: str) -> None:
    assert broken in rules(claim)


@pytest.mark.parametrize("dropped", range(4))
def test_a_dropped_action_is_named(dropped: int) -> None:
    keep = [k for k in range(4) if k != dropped]
    claim = ClaimedRoute(
        "bus",
        tuple(ROUTE[k] for k in keep),
        tuple(CLAIM.start_s[k] for k in keep),
        tuple(CLAIM.end_s[k] for k in keep),
        710,
    )
    assert "exactly_once" in rules(claim)


@pytest.mark.parametrize(
    ("booking", "broken"),
    [
        (replace(ANNA, seats=3), "capacity"),
        (replace(ANNA, seats=1, wheelchairs=1), "capacity"),
        (replace(ANNA, pickup_earliest_s=101), "pickup_window"),
        (replace(ANNA, pickup_latest_s=99), "pickup_window"),
        (replace(ANNA, arrival_latest_s=369), "arrival_latest"),
        (replace(ANNA, max_ride_s=229), "max_ride"),
        (replace(ANNA, board_s=11), "dwell"),
    ],
)
def test_changed_bookings_are_named(booking: Booking, broken: str) -> None:
    assert rules(CLAIM, anna=booking) == {broken}


def test_wheelchair_fits_the_other_configuration() -> None:
    anna = replace(ANNA, seats=0, wheelchairs=1)
    assert rules(CLAIM, anna=anna) == set()


def test_open_doors_spare_the_set_up() -> None:
    assert rules(CLAIM, replace(BUS, start_dwelling=True)) == set()
    dwelling = replace(BUS, start_stop=1, start_dwelling=True)
    assert rules(CLAIM, dwelling) == {"dwell"}


def test_vehicle_under_way_counts_from_where_it_is() -> None:
    moving = replace(BUS, start_stop=-1, start_leg_s=np.array([0, 101, 0, 0], dtype=np.int32))
    assert rules(CLAIM, moving) == {"driving"}


def test_no_way_is_named() -> None:
    moving = replace(BUS, start_stop=-1, start_leg_s=np.full(4, UNREACHABLE_S, dtype=np.int32))
    assert rules(CLAIM, moving) == {"driving"}


ABOARD = replace(ANNA, boarded_at_s=0)
RIDING = replace(BUS, route=(Action("dropoff", "anna"),), locked=0)
HOME = ClaimedRoute("bus", RIDING.route, (300,), (340,), 640)


def test_rider_on_board_holds_seat_and_ride_cap() -> None:
    assert rules(HOME, RIDING, anna=ABOARD) == set()
    assert rules(HOME, RIDING, anna=replace(ABOARD, boarded_at_s=-101)) == {"max_ride"}
    assert rules(HOME, RIDING, anna=replace(ABOARD, seats=5)) == {"capacity"}
    empty = ClaimedRoute("bus", (), (), (), 0)
    assert rules(empty, RIDING, anna=ABOARD) == {"exactly_once"}
    twice = replace(HOME, actions=(Action("pickup", "anna"),))
    assert "exactly_once" in rules(twice, RIDING, anna=ABOARD)


def plan_rules(
    vehicles: list[Vehicle], bookings: dict[str, Booking], *claims: ClaimedRoute
) -> set[str]:
    return {v.rule for v in verify_plan(WORLD, vehicles, bookings, claims)}


def test_whole_plan() -> None:
    other = replace(BUS, id="other", route=(), locked=0)
    fleet = [BUS, other]
    idle = ClaimedRoute("other", (), (), (), 0)
    assert plan_rules(fleet, BOTH, CLAIM, idle) == set()
    assert plan_rules(fleet, BOTH, CLAIM) == set()
    assert plan_rules(fleet, {**BOTH, "cleo": replace(ANNA, id="cleo")}, CLAIM) == {"exactly_once"}
    assert plan_rules(fleet, BOTH, CLAIM, replace(CLAIM, vehicle="other")) == {"one_vehicle"}
    assert plan_rules(fleet, BOTH, CLAIM, CLAIM) == {"exactly_once"}
    assert plan_rules(fleet, BOTH, CLAIM, replace(idle, vehicle="ghost")) == {"unknown_vehicle"}
    changed = replace(HOME, vehicle="other")
    assert plan_rules([RIDING, other], {"anna": ABOARD}, changed) == {"boarded_vehicle"}


@given(
    st.integers(-8000, 20_000),
    st.integers(0, 9000),
    st.lists(st.integers(1, 2000), min_size=1, max_size=5),
)
def test_drives_as_the_roads_do(depart_s: int, leg_s: int, speeds: list[int]) -> None:
    world = replace(WORLD, speed_permille=speeds)
    speed = np.array(speeds, dtype=np.int32)
    assert arrival_after(world, depart_s, leg_s) == drive(depart_s, leg_s, 0, speed)


@given(st.integers(0, 2**32 - 1), st.integers(-50, 50).filter(bool))
@QUIET
def test_random_mutations_are_named(plans: SimpleNamespace, seed: int, by_s: int) -> None:
    rng = random.Random(seed)
    problem = plans.draw_case(rng).problem
    v = max(range(2), key=lambda v: len(problem.vehicles[v].route))
    schedule, vehicle = evaluate(problem, v), problem.vehicles[v]
    if not schedule.feasible or not vehicle.route:
        return
    claim, world = claim_of(problem, v, schedule), world_of(problem)

    def broken(changed: ClaimedRoute, vehicle: Vehicle = vehicle) -> set[str]:
        return {x.rule for x in verify_route(world, vehicle, problem.bookings, changed)}

    assert broken(claim) == set()
    assert broken(replace(claim, cost=schedule.cost + by_s)) == {"cost"}
    k = rng.randrange(len(vehicle.route))
    starts, ends = list(claim.start_s), list(claim.end_s)
    starts[k] += by_s
    assert "dwell" in broken(replace(claim, start_s=tuple(starts)))
    starts[k] = int(schedule.arrival_s[k]) - abs(by_s)
    ends[k] += starts[k] - claim.start_s[k]
    assert "driving" in broken(replace(claim, start_s=tuple(starts), end_s=tuple(ends)))
    short = replace(
        claim,
        actions=claim.actions[:k] + claim.actions[k + 1 :],
        start_s=claim.start_s[:k] + claim.start_s[k + 1 :],
        end_s=claim.end_s[:k] + claim.end_s[k + 1 :],
    )
    assert "exactly_once" in broken(short)
    backwards = replace(claim, actions=claim.actions[::-1])
    if any(a.kind == "pickup" for a in vehicle.route):
        assert "precedence" in broken(backwards)
    early = replace(vehicle, end_time_s=schedule.depot_arrival_s - abs(by_s))
    assert broken(claim, early) == {"shift_end"}
