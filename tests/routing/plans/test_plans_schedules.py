"""Schedules of a route: the earliest one, the projected one, relaxed limits; and bad problems."""

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing.plans import kernel
from routing.plans.claims import verify
from routing.plans.errors import InvalidProblemError, PlansError
from routing.plans.problem import Problem, build_problem, replace_vehicle
from routing.plans.records import UNREACHABLE_S, Action, Booking, Vehicle, Weights
from routing.plans.schedules import evaluate, project, relaxed, relaxed_all

QUIET = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS = st.integers(0, 2**32 - 1)


def drawn(plans: SimpleNamespace, seed: int, *, delayed: bool = False) -> Problem:
    """A random problem; delayed: reality came later than the limits were made for."""
    rng = random.Random(seed)
    problem: Problem = plans.draw_case(rng).problem
    if delayed:
        for v, vehicle in enumerate(problem.vehicles):
            late = vehicle.start_time_s + rng.choice([0, 10, 100, 500])
            problem = replace_vehicle(problem, v, replace(vehicle, start_time_s=late))
    return problem


@given(SEEDS)
@QUIET
def test_schedules_equal_the_naive_ones(plans: SimpleNamespace, seed: int) -> None:
    problem = drawn(plans, seed, delayed=seed % 2 == 0)
    rules = plans.Rules(problem)
    for v, vehicle in enumerate(problem.vehicles):
        expected = rules.solve(vehicle, vehicle.route, problem.bookings)
        got = evaluate(problem, v)
        assert got.feasible == (expected is not None) == (got.reason == "")
        seen = project(problem, v)
        naive = rules.solve(vehicle, vehicle.route, problem.bookings, limited=False)
        for solution, schedule in ((expected, got), (naive, seen)):
            if solution is not None:
                assert solution.starts == schedule.start_s.tolist()
                assert solution.ends == schedule.end_s.tolist()
                assert solution.depot == schedule.depot_arrival_s
                assert (solution.driving, solution.cost) == (schedule.drive_s, schedule.cost)


def feasible_starts(problem: Problem, plans: SimpleNamespace) -> Iterator[list[int]]:
    """All feasible schedules of vehicle 0 that leave at once, by trying every pick-up second."""
    rules, vehicle, bookings = plans.Rules(problem), problem.vehicles[0], problem.bookings
    windows = [
        range(bookings[b].pickup_earliest_s, bookings[b].pickup_latest_s + 1)
        for kind, b in vehicle.route
        if kind == "pickup"
    ]
    at = [k for k, (kind, _) in enumerate(vehicle.route) if kind == "pickup"]
    for chosen in product(*windows):
        low = [vehicle.start_time_s] * len(vehicle.route)
        for k, second in zip(at, chosen, strict=True):
            low[k] = second
        seen = rules._run(vehicle, vehicle.route, bookings, low)
        late = rules._too_late(vehicle, vehicle.route, bookings, seen)
        if not late and rules._pushed(vehicle.route, bookings, seen) == seen.starts:
            yield seen.starts


@given(SEEDS)
@settings(QUIET, max_examples=60)
def test_the_schedule_is_the_earliest_of_all_feasible_ones(
    plans: SimpleNamespace, seed: int
) -> None:
    # Not by propagation at all: every second of narrow windows is tried.
    problem = drawn(plans, seed)
    names = dict.fromkeys(a.booking for a in problem.vehicles[0].route)
    own = [problem.bookings[b] for b in names]
    narrow = [replace(b, pickup_latest_s=b.pickup_earliest_s + 12) for b in own]
    problem = replace_vehicle(problem, 0, problem.vehicles[0], narrow)
    if sum(b.boarded_at_s is None for b in narrow) > 2 or evaluate(problem, 0).reason == "capacity":
        return
    every = list(feasible_starts(problem, plans))
    got = evaluate(problem, 0)
    assert got.feasible == bool(every)
    if every:
        assert got.start_s.tolist() == [min(column) for column in zip(*every, strict=True)]


@given(SEEDS)
@settings(QUIET, max_examples=400)
def test_relaxing_raises_only_what_is_broken_and_only_as_far(
    plans: SimpleNamespace, seed: int
) -> None:
    problem = drawn(plans, seed, delayed=True)
    for v, vehicle in enumerate(problem.vehicles):
        before, seen = evaluate(problem, v), project(problem, v)
        loose = relaxed(problem, v)
        if before.feasible or before.reason == "capacity":
            assert loose is problem
            continue
        after = evaluate(loose, v)
        assert after.feasible or after.reason == "capacity"
        assert loose.vehicles[v].end_time_s == max(vehicle.end_time_s, seen.depot_arrival_s)
        assert loose.vehicles[1 - v] is problem.vehicles[1 - v]
        for k, (kind, name) in enumerate(vehicle.route):
            old, new = problem.bookings[name], loose.bookings[name]
            start = int(seen.start_s[k])
            assert (
                replace(
                    new,
                    pickup_latest_s=old.pickup_latest_s,
                    arrival_latest_s=old.arrival_latest_s,
                    max_ride_s=old.max_ride_s,
                )
                == old
            )
            if kind == "pickup":
                assert new.pickup_latest_s == max(old.pickup_latest_s, start)
                continue
            assert new.arrival_latest_s == max(old.arrival_latest_s, start)
            if new.max_ride_s != old.max_ride_s:
                since = old.boarded_at_s
                if since is None:
                    since = int(seen.end_s[vehicle.route.index(Action("pickup", name))])
                assert new.max_ride_s == start - since > old.max_ride_s
                if after.feasible:
                    tight = replace(new, max_ride_s=old.max_ride_s)
                    again = replace_vehicle(loose, v, loose.vehicles[v], [tight])
                    assert not evaluate(again, v).feasible


@given(SEEDS)
@settings(QUIET, max_examples=50)
def test_relaxing_everything_satisfies_the_verifier(plans: SimpleNamespace, seed: int) -> None:
    problem = relaxed_all(drawn(plans, seed, delayed=True))
    assert {violation.rule for violation in verify(problem)} <= {"capacity"}


@given(SEEDS)
@settings(QUIET, max_examples=50)
def test_replacing_equals_building_anew(plans: SimpleNamespace, seed: int) -> None:
    problem, other = drawn(plans, seed), drawn(plans, seed + 1)
    donor = replace(other.vehicles[0], id="b", end_stop=0, start_stop=0, start_leg_s=None)
    bookings = [
        replace(other.bookings[a.booking], id="x" + a.booking, pickup_stop=0, dropoff_stop=1)
        for a in donor.route
    ]
    route = tuple(Action(a.kind, "x" + a.booking) for a in donor.route)
    for index in (0, 1):
        vehicle = replace(donor, id=problem.vehicles[index].id, route=route)
        changed = replace_vehicle(problem, index, vehicle, bookings)
        built = build_problem(
            matrix_s=problem.matrix_s,
            profile=SimpleNamespace(base_s=problem.base_s, speed_permille=problem.speed_permille),
            vehicles=changed.vehicles,
            bookings=changed.bookings.values(),
            weights=problem.weights,
            setup_s=problem.setup_s,
        )
        numbers = [(changed.numbers[action], built.numbers[action]) for action in built.numbers]
        assert len(changed.numbers) == len(built.numbers)
        for ours, theirs in numbers:  # numbered in another order
            mine, other_row = changed.nodes[ours].copy(), built.nodes[theirs].copy()
            for row, problem_ in ((mine, changed), (other_row, built)):
                if row[kernel.PARTNER] != kernel.NO_PARTNER:
                    row[kernel.PARTNER] = problem_.nodes[row[kernel.PARTNER], kernel.STOP]
            assert np.array_equal(mine, other_row)
        same = {"nodes": None}
        for ours, theirs in zip(
            changed.arrays._replace(**same), built.arrays._replace(**same), strict=True
        ):
            assert np.array_equal(ours, theirs)


@given(
    st.integers(-8000, 30_000),
    st.integers(0, 9000),
    st.lists(st.integers(1, 2000), min_size=1, max_size=5),
)
def test_latest_departure_is_the_inverse_of_driving(
    arrive_by_s: int, leg_s: int, speeds: list[int]
) -> None:
    speed = np.array(speeds, dtype=np.int32)
    depart_s = kernel.latest_departure(arrive_by_s, leg_s, 0, speed)
    assert kernel.arrive(depart_s, leg_s, 0, speed, flat=False) <= arrive_by_s
    assert kernel.arrive(depart_s + 1, leg_s, 0, speed, flat=False) > arrive_by_s


# A line of stops 0 - 1 - 2 - 3, 100 s apart; from 3600 s on traffic is twice as slow.
LINE = [[abs(i - j) * 100 for j in range(4)] for i in range(4)]
RUSH = SimpleNamespace(base_s=0, speed_permille=np.array([1000, 500]))
ANNA = Booking("anna", 1, 3, 0, 500, 1000, 400, 0, board_s=10, walk_s=60)
RIDE_ANNA = (Action("pickup", "anna"), Action("dropoff", "anna"))
BUS = Vehicle("bus", 0, 0, 0, 5000, ((4, 0),), RIDE_ANNA)


def line(
    vehicle: Vehicle = BUS,
    *bookings: Booking,
    matrix_s: object = LINE,
    profile: SimpleNamespace = RUSH,
    weights: Weights = Weights(1000, 2000, 500, 3000),  # noqa: B008 - frozen
    setup_s: int = 30,
) -> Problem:
    return build_problem(
        matrix_s=matrix_s,
        profile=profile,
        vehicles=[vehicle],
        bookings=bookings or [ANNA],
        weights=weights,
        setup_s=setup_s,
    )


def test_times_and_cost_by_hand() -> None:
    schedule = evaluate(line(), 0)
    assert schedule.arrival_s.tolist() == schedule.start_s.tolist() == [100, 340]
    assert schedule.end_s.tolist() == [140, 380]
    assert schedule.depot_arrival_s == 680
    assert schedule.drive_s == 600
    # driving 600, waiting 100 twice as dear, riding 200 at half, walking 60 threefold
    assert schedule.cost == 1000 * (600 + 200 + 100 + 180)


def test_persons_multiply_their_time() -> None:
    assert evaluate(line(BUS, replace(ANNA, persons=3)), 0).cost == 1000 * (600 + 3 * 480)


def test_traffic_slows_a_leg_across_the_hour() -> None:
    schedule = evaluate(line(replace(BUS, start_time_s=3550), LATE_ANNA), 0)
    assert schedule.start_s.tolist()[0] == 3550 + 50 + 100


LATE_ANNA = replace(ANNA, pickup_latest_s=4000, arrival_latest_s=5000)


def test_open_doors_need_no_set_up() -> None:
    dwelling = replace(BUS, start_stop=1, start_dwelling=True)
    assert evaluate(line(dwelling), 0).end_s[0] == 10
    assert evaluate(line(replace(dwelling, start_dwelling=False)), 0).end_s[0] == 40


def test_rider_on_board_rides_since_boarding() -> None:
    aboard = replace(ANNA, boarded_at_s=-100)
    schedule = evaluate(line(replace(BUS, route=RIDE_ANNA[1:]), aboard), 0)
    assert schedule.feasible
    assert schedule.cost == 1000 * (600 + 200)


def test_waiting_for_the_ride_cap() -> None:
    # Cleo boards at 1000 in between: Anna would ride 760 s of 400, so she is fetched 360 s later.
    cleo = replace(ANNA, id="cleo", pickup_stop=2, pickup_earliest_s=1000, pickup_latest_s=1000)
    anna = replace(ANNA, arrival_latest_s=2000)
    cleo = replace(cleo, arrival_latest_s=2000)
    route = (RIDE_ANNA[0], Action("pickup", "cleo"), RIDE_ANNA[1], Action("dropoff", "cleo"))
    problem = line(replace(BUS, route=route), replace(anna, pickup_latest_s=700), cleo)
    start = evaluate(problem, 0).start_s.tolist()
    assert start == [700, 1000, 1140, 1180]
    assert project(problem, 0).start_s.tolist() == [100, 1000, 1140, 1180]


def test_waiting_for_the_end_of_the_rush() -> None:
    # Twice as slow until 3600 s: leaving at 3400 the 200 s take 200 + 100 s, earlier longer.
    profile = SimpleNamespace(base_s=0, speed_permille=np.array([500, 1000]))
    anna = replace(LATE_ANNA, max_ride_s=300)
    problem = line(replace(BUS, start_time_s=2000), anna, profile=profile)
    assert evaluate(problem, 0).end_s.tolist() == [3400, 3740]


@pytest.mark.parametrize(
    ("vehicle", "booking", "reason", "position"),
    [
        (BUS, replace(ANNA, pickup_latest_s=99), "pickup_latest", 0),
        (BUS, replace(ANNA, arrival_latest_s=339), "arrival_latest", 1),
        (BUS, replace(ANNA, max_ride_s=199), "max_ride", 1),
        (replace(BUS, end_time_s=679), ANNA, "shift_end", 2),
        (BUS, replace(ANNA, seats=5), "capacity", 0),
        (replace(BUS, route=RIDE_ANNA[1:]), replace(ANNA, boarded_at_s=-101), "max_ride", 0),
    ],
)
def test_reason_of_infeasibility(
    vehicle: Vehicle, booking: Booking, reason: str, position: int
) -> None:
    schedule = evaluate(line(vehicle, booking), 0)
    assert (schedule.feasible, schedule.reason, schedule.position) == (False, reason, position)
    assert schedule.start_s.tolist() == project(line(vehicle, booking), 0).start_s.tolist()


def test_no_way_is_a_reason_and_cannot_be_relaxed() -> None:
    matrix = np.array(LINE)
    matrix[1, 3] = UNREACHABLE_S
    problem = line(BUS, matrix_s=matrix)
    assert evaluate(problem, 0).reason == "unreachable"
    assert not project(problem, 0).feasible
    assert relaxed(problem, 0) is problem


def test_late_bus_is_relaxed_to_what_is_left() -> None:
    problem = line(replace(BUS, start_time_s=450))
    loose = relaxed(problem, 0)
    assert loose.bookings["anna"] == replace(ANNA, pickup_latest_s=550)
    assert evaluate(loose, 0).feasible


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"matrix_s": [[0, 1]]}, "not square"),
        ({"matrix_s": -np.array(LINE)}, "negative"),
        ({"matrix_s": np.array(LINE) + 1}, "diagonal"),
        ({"profile": SimpleNamespace(base_s=0, speed_permille=np.array([]))}, "no hours"),
        ({"profile": SimpleNamespace(base_s=0, speed_permille=np.array([0]))}, "stands still"),
        ({"setup_s": -1}, "setup_s"),
        ({"weights": Weights(1, 1, -1, 1)}, "negative weight"),
    ],
)
def test_bad_worlds_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidProblemError, match=message):
        line(**change)


@pytest.mark.parametrize(
    ("vehicle", "message"),
    [
        (replace(BUS, end_stop=4), "no such depot"),
        (replace(BUS, start_stop=4), "no such start"),
        (replace(BUS, start_stop=-1), "under way without"),
        (replace(BUS, start_leg_s=np.zeros(3, dtype=np.int32)), "shape"),
        (replace(BUS, start_leg_s=np.full(4, -1)), "negative"),
        (replace(BUS, configurations=()), "no capacity"),
        (replace(BUS, configurations=((-1, 0),)), "negative capacity"),
        (replace(BUS, locked=3), "locks more"),
        (replace(BUS, route=(Action("pickup", "ben"),)), "no such booking"),
        (replace(BUS, route=(Action("hop", "anna"),)), "no such kind"),  # type: ignore[arg-type]
        (replace(BUS, route=RIDE_ANNA[::-1]), "not picked up before"),
        (replace(BUS, route=RIDE_ANNA[:1]), "stays aboard"),
        (replace(BUS, route=RIDE_ANNA + RIDE_ANNA), "twice"),
    ],
)
def test_bad_vehicles_are_refused(vehicle: Vehicle, message: str) -> None:
    with pytest.raises(InvalidProblemError, match=message):
        line(vehicle)


@pytest.mark.parametrize(
    ("booking", "message"),
    [
        (replace(ANNA, pickup_stop=-1), "no such stop"),
        (replace(ANNA, pickup_earliest_s=501), "window is empty"),
        (replace(ANNA, max_ride_s=-1), "negative duration"),
        (replace(ANNA, persons=-1), "negative party"),
        (replace(ANNA, seats=0), "takes no place"),
        (replace(ANNA, boarded_at_s=0), "on board already"),
    ],
)
def test_bad_bookings_are_refused(booking: Booking, message: str) -> None:
    with pytest.raises(InvalidProblemError, match=message):
        line(BUS, booking)


def test_bookings_and_vehicles_are_unique() -> None:
    with pytest.raises(InvalidProblemError, match="given twice"):
        line(BUS, ANNA, ANNA)
    for second, message in ((BUS, "same id"), (replace(BUS, id="b2"), "two routes")):
        with pytest.raises(PlansError, match=message):
            build_problem(
                matrix_s=LINE,
                profile=RUSH,
                vehicles=[BUS, second],
                bookings=[ANNA],
                weights=Weights(1, 1, 1, 1),
                setup_s=0,
            )
