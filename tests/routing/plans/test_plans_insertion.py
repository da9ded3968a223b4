"""Best insertion: equal to trying everything, deterministic, and right on hand-made examples."""

import pickle
import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing.plans.claims import claim_of, world_of
from routing.plans.errors import InvalidProblemError
from routing.plans.insertion import Insertion, Insertions, best_insertions, route_with
from routing.plans.problem import Problem, build_problem
from routing.plans.records import (
    UNREACHABLE_S,
    Action,
    Booking,
    Break,
    Request,
    StopPair,
    Vehicle,
    Weights,
)
from routing.plans.schedules import evaluate
from routing.plans.verifier import verify_route

QUIET = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS = st.integers(0, 2**32 - 1)


def as_rows(insertions: Insertions) -> list[tuple[int, ...]]:
    return [
        (
            x.cost,
            x.vehicle,
            x.pair,
            x.pickup_position,
            x.dropoff_position,
            x.pickup_start_s,
            x.pickup_end_s,
            x.dropoff_start_s,
        )
        for x in insertions
    ]


@given(st.randoms(use_true_random=False))
@QUIET
def test_equals_brute_force(plans: SimpleNamespace, rng: random.Random) -> None:
    problem, request = plans.draw_case(rng)
    expected = plans.Rules(problem).best_insertions(request)
    assert as_rows(best_insertions(problem, request)) == expected


@given(SEEDS)
@QUIET
def test_equals_brute_force_on_evenly_drawn_cases(plans: SimpleNamespace, seed: int) -> None:
    problem, request = plans.draw_case(random.Random(seed))
    expected = plans.Rules(problem).best_insertions(request)
    assert as_rows(best_insertions(problem, request)) == expected


@given(SEEDS)
@settings(QUIET, max_examples=150)
def test_every_insertion_passes_the_verifier(plans: SimpleNamespace, seed: int) -> None:
    problem, request = plans.draw_case(random.Random(seed))
    for insertion in best_insertions(problem, request):
        v = insertion.vehicle
        actions, schedule, after = route_with(problem, v, request, insertion)
        # The vehicle with its route of before, so that the lock is checked against that.
        before = problem.vehicles[v]
        claim = claim_of(after, v, schedule)
        assert claim.actions == actions
        assert verify_route(world_of(problem), before, after.bookings, claim) == []
        k = actions.index(Action("pickup", request.id))
        assert schedule.start_s[k] == insertion.pickup_start_s


@given(SEEDS)
@settings(QUIET, max_examples=50)
def test_is_deterministic_and_survives_pickling(plans: SimpleNamespace, seed: int) -> None:
    problem, request = plans.draw_case(random.Random(seed))
    first = as_rows(best_insertions(problem, request))
    assert as_rows(best_insertions(problem, request)) == first
    assert as_rows(best_insertions(pickle.loads(pickle.dumps(problem)), request)) == first  # noqa: S301 - our own bytes


# A line of stops 0 - 1 - 2 - 3, 100 s apart, the depot at 0, free flow, weights of one.
LINE = [[abs(i - j) * 100 for j in range(4)] for i in range(4)]
FREE_FLOW = SimpleNamespace(base_s=0, speed_permille=np.array([1000]))
BUS = Vehicle("bus", 0, 0, 0, 10_000, ((4, 0),))
ANNA = Booking("anna", 1, 3, 0, 500, 1000, 400, 0)
RIDE_ANNA = (Action("pickup", "anna"), Action("dropoff", "anna"))
BEN = Request("ben", (StopPair(1, 2, 0, 500, 1000, 400),), 0)


def line(
    *vehicles: Vehicle,
    bookings: tuple[Booking, ...] = (),
    matrix: npt.ArrayLike = LINE,
    setup_s: int = 0,
    drive: int = 1000,
) -> Problem:
    return build_problem(
        matrix_s=matrix,
        profile=FREE_FLOW,
        vehicles=vehicles,
        bookings=bookings,
        weights=Weights(drive, 1000, 1000, 1000),
        setup_s=setup_s,
    )


def test_empty_bus_drives_out_and_back() -> None:
    (found,) = best_insertions(line(BUS), BEN)
    # 100 there + 100 + 200 back driving, 100 waiting, 100 riding.
    assert found == Insertion(0, 0, 0, 0, 600_000, 100, 100, 200)


def test_shared_ride_costs_the_riders_time_only() -> None:
    problem = line(replace(BUS, route=RIDE_ANNA), bookings=(ANNA,))
    (found,) = best_insertions(problem, BEN)
    assert (found.pickup_position, found.dropoff_position) == (0, 1)
    assert found.cost == 200_000


def test_ties_go_to_the_first_vehicle_pair_and_position() -> None:
    pair = BEN.pairs[0]
    problem = line(BUS, replace(BUS, id="other"))
    found = best_insertions(problem, replace(BEN, pairs=(pair, pair)))
    assert found.vehicle.tolist() == [0, 0, 1, 1]
    assert found.pair.tolist() == [0, 1, 0, 1]


def test_nothing_before_a_locked_visit() -> None:
    problem = line(replace(BUS, route=RIDE_ANNA, locked=1), bookings=(ANNA,))
    (found,) = best_insertions(problem, BEN)
    assert (found.pickup_position, found.dropoff_position) == (1, 1)


def test_positions_are_those_of_the_present_route() -> None:
    problem = line(replace(BUS, route=RIDE_ANNA), bookings=(ANNA,))
    (found,) = best_insertions(problem, BEN)
    actions = route_with(problem, 0, BEN, found).actions
    assert [a.booking for a in actions] == ["ben", "anna", "ben", "anna"]


def test_a_set_up_is_paid_once_per_stay() -> None:
    problem = line(replace(BUS, route=RIDE_ANNA), bookings=(ANNA,), setup_s=40)
    schedule = route_with(problem, 0, BEN, best_insertions(problem, BEN)[0]).schedule
    assert schedule.end_s.tolist() == [140, 140, 280, 420]


def test_set_up_while_waiting_can_save_a_tight_route() -> None:
    # Anna boards at 300 at stop 1 and must be at stop 3 at 500: no time for a set-up at 300.
    # Alone that is infeasible; so the bus takes nobody before its limits are relaxed.
    anna = replace(ANNA, pickup_earliest_s=300, arrival_latest_s=520)
    problem = line(replace(BUS, route=RIDE_ANNA), bookings=(anna,), setup_s=30)
    assert len(best_insertions(problem, BEN)) == 0
    # With 10 s more it works alone, and Ben boarding there before takes over the set-up.
    anna = replace(anna, arrival_latest_s=530)
    problem = line(replace(BUS, route=RIDE_ANNA), bookings=(anna,), setup_s=30)
    schedule = route_with(problem, 0, BEN, best_insertions(problem, BEN)[0]).schedule
    assert schedule.start_s.tolist()[:2] == [100, 300]


def test_a_set_up_is_spared_across_a_break() -> None:
    # Ben gets off where the driver then rests and Anna boards: her set-up has been done before the
    # break, which makes up for the half minute by which that begins later.
    pause = Break("pause", 0, 500, 100)
    resting = replace(
        BUS, start_dwelling=True, breaks=(pause,), route=(Action("break", "pause"), *RIDE_ANNA)
    )
    problem = line(resting, bookings=(replace(ANNA, arrival_latest_s=430),), setup_s=30)
    asked = replace(BEN, pairs=(StopPair(0, 1, 0, 50, 1000, 400),))
    (found,) = best_insertions(problem, asked)
    assert (found.pickup_position, found.dropoff_position) == (0, 0)
    schedule = route_with(problem, 0, asked, found).schedule
    assert schedule.end_s.tolist() == [0, 130, 230, 230, 430 + 30]


def test_a_pushed_pick_up_may_begin_sooner_when_its_set_up_is_no_longer_shared() -> None:
    # The bus rests with open doors at stop 1; Anna boards there at 900, since she may not arrive
    # before 1000 nor ride longer than 100 s. With Ben before the break it has to come back and set
    # up: Anna begins to board at 870 and is on board at 900 as before.
    pause = Break("pause", 0, 900, 100)
    resting = replace(
        BUS,
        start_stop=1,
        start_dwelling=True,
        breaks=(pause,),
        route=(Action("break", "pause"), *RIDE_ANNA),
    )
    anna = Booking("anna", 1, 2, 0, 2000, 3000, 100, 0, dropoff_earliest_s=1000)
    problem = line(resting, bookings=(anna,), setup_s=30)
    asked = replace(BEN, pairs=(StopPair(2, 3, 0, 200, 1000, 400),))
    before = evaluate(problem, 0)
    assert before.start_s.tolist() == [0, 900, 1000]
    (found,) = best_insertions(problem, asked)
    schedule = route_with(problem, 0, asked, found).schedule
    assert schedule.start_s.tolist() == [100, 230, 260, 870, 1000]
    assert found.cost == schedule.cost - before.cost


def test_a_push_into_faster_hours_can_make_an_insertion_cheaper() -> None:
    # The whole route may take 398 s. Ben's longer way keeps the driver at home until the roads are
    # clear: what the inserted legs cost in the slow hour before midnight is no lower bound.
    riders = (
        Booking("x", 0, 3, 37, 437, 114, 67, 0, board_s=20),
        Booking("y", 0, 3, 207, 607, 373, 76, 0, board_s=20, dropoff_earliest_s=313),
    )
    route = tuple(Action(kind, name) for name in "xy" for kind in ("pickup", "dropoff"))
    bus = Vehicle("v", -60, 2, 3, 373, ((4, 0),), route, max_route_s=398)
    problem = build_problem(
        matrix_s=[[0, 20, 40, 70], [10, 0, 20, 60], [30, 20, 0, 40], [10, 0, 20, 0]],
        profile=SimpleNamespace(
            base_s=-3600, speed_permille=np.array([250, 1500, 800, 250, 250, 1000])
        ),
        vehicles=[bus],
        bookings=riders,
        weights=Weights(1000, 0, 0, 0),
        setup_s=10,
    )
    asked = Request("q", (StopPair(1, 2, 198, 498, 462, 314),), 0, board_s=5)
    (found,) = best_insertions(problem, asked)
    assert (found.cost, found.pickup_position, found.dropoff_position) == (2000, 2, 3)


def test_a_break_elsewhere_can_let_a_capped_route_begin_sooner() -> None:
    # With Ben before the break it is taken nearer to the depot: home sooner, away sooner.
    riders = (
        Booking("l", 0, 0, -7, 400, 175, 90, 0, board_s=20, dropoff_earliest_s=115),
        Booking("m", 0, 1, 5, 225, 322, 267, 0, dropoff_earliest_s=302),
        Booking("n", 2, 0, 160, 265, 407, 157, 0),
    )
    steps = ("+l", "+m", "-l", "+n", "-m", "-n")
    route = tuple(Action("pickup" if s[0] == "+" else "dropoff", s[1]) for s in steps)
    bus = Vehicle(
        *("v", 0, 1, 2, 520, ((4, 0),), (*route, Action("break", "k"))),
        max_route_s=319,
        breaks=(Break("k", 381, 411, 9),),
    )
    problem = build_problem(
        matrix_s=[[0, 40, 30], [0, 0, 30], [20, 60, 0]],
        profile=FREE_FLOW,
        vehicles=[bus],
        bookings=riders,
        weights=Weights(2500, 300, 300, 0),
        setup_s=5,
    )
    pair = StopPair(0, 2, 341, 371, 601, 130, dropoff_earliest_s=389)
    asked = Request("q", (pair,), 0, board_s=5)
    (found,) = best_insertions(problem, asked)
    assert (found.cost, found.pickup_position, found.dropoff_position) == (111_900, 6, 6)


def test_wheelchair_needs_a_configuration() -> None:
    request = replace(BEN, seats=0, wheelchairs=1)
    assert len(best_insertions(line(BUS), request)) == 0
    rebuilt = replace(BUS, configurations=((4, 0), (2, 1)))
    assert len(best_insertions(line(rebuilt), request)) == 1


def test_configurations_do_not_mix() -> None:
    # 3 seats of Anna's party and one wheelchair fit neither arrangement.
    rebuilt = replace(BUS, configurations=((4, 0), (2, 1)), route=RIDE_ANNA)
    problem = line(rebuilt, bookings=(replace(ANNA, seats=3),))
    request = replace(BEN, seats=0, wheelchairs=1)
    (found,) = best_insertions(problem, request)
    assert (found.pickup_position, found.dropoff_position) == (0, 0)


def test_pick_up_is_pushed_to_keep_a_ride_short() -> None:
    # Ben may ride 250 s, but Anna boards on his way, at stop 2 at 600: he is fetched at 450.
    anna = replace(ANNA, pickup_stop=2, pickup_earliest_s=600, pickup_latest_s=600)
    problem = line(replace(BUS, route=RIDE_ANNA), bookings=(anna,), drive=5000)
    pair = StopPair(1, 3, 0, 500, 1000, 250)
    (found,) = best_insertions(problem, replace(BEN, pairs=(pair,)))
    assert (found.pickup_start_s, found.dropoff_start_s) == (450, 700)


def test_no_insertion_ends_after_the_shift() -> None:
    assert len(best_insertions(line(replace(BUS, end_time_s=399)), BEN)) == 0
    assert len(best_insertions(line(replace(BUS, end_time_s=400)), BEN)) == 1


def test_vehicle_under_way_counts_from_where_it_is() -> None:
    moving = replace(BUS, start_stop=-1, start_leg_s=np.array([150, 50, 150, 250]))
    (found,) = best_insertions(line(moving), BEN)
    assert found.pickup_start_s == 50


def test_unreachable_stop_gets_no_insertion() -> None:
    matrix = np.array(LINE)
    matrix[:, 2] = np.where(np.arange(4) == 2, 0, UNREACHABLE_S)
    assert len(best_insertions(line(BUS, matrix=matrix), BEN)) == 0


def test_no_vehicle_no_insertion() -> None:
    assert len(best_insertions(line(), BEN)) == 0


@pytest.mark.parametrize(
    "request_",
    [
        replace(BEN, pairs=()),
        replace(BEN, pairs=(replace(BEN.pairs[0], pickup_stop=4),)),
        replace(BEN, pairs=(replace(BEN.pairs[0], pickup_earliest_s=501),)),
        replace(BEN, seats=0),
        replace(BEN, board_s=-1),
    ],
)
def test_bad_requests_are_refused(request_: Request) -> None:
    with pytest.raises(InvalidProblemError):
        best_insertions(line(BUS), request_)


def test_a_booking_is_inserted_once() -> None:
    problem = line(BUS, replace(BUS, id="other"))
    found = best_insertions(problem, BEN)[0]
    after = route_with(problem, 0, BEN, found).problem
    with pytest.raises(InvalidProblemError, match="two routes"):
        route_with(after, 1, BEN, found)
