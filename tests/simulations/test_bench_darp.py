"""Dial-a-ride instances: what is read, what becomes of it in ticks, and the check of solutions."""

import json
import math
import random
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from darp_cases import instance_text, optimum, orders, random_instance
from scipy.optimize import linprog

from dispatch.cli import main
from routing.plans import evaluate, replace_vehicle
from routing.plans.records import Action
from simulations.benchmarks import darp_bench, table
from simulations.benchmarks.cli import spelled_out
from simulations.benchmarks.darp import (
    Instance,
    Node,
    as_problem,
    cost_of,
    read_best_known,
    read_folder,
    read_instance,
    violations,
)
from simulations.benchmarks.errors import BenchmarkError

LINE = """1 4 100 2 30
0 0 0 0 0 0 200
1 3 4 3 1 10 20
2 6 8 3 1 0 200
3 9 12 3 -1 0 200
4 12 16 3 -1 45 60
"""


@pytest.fixture
def line(tmp_path: Path) -> Instance:
    """All on one straight line, 5 apart; node 1 before 20, node 4 not before 45."""
    return written(tmp_path, LINE)


def written(folder: Path, text: str) -> Instance:
    path = folder / "line.txt"
    path.write_text(text)
    return read_instance(path)


def changed(instance: Instance, node: int, **values: int) -> Instance:
    nodes = list(instance.nodes)
    nodes[node] = nodes[node]._replace(**{k: Decimal(v) for k, v in values.items()})
    return replace(instance, nodes=tuple(nodes))


def test_a_file_is_read(line: Instance) -> None:
    assert (line.vehicles, line.requests, line.capacity) == (1, 2, 2)
    assert (line.max_route, line.max_ride) == (100, 30)
    one = Node(Decimal(3), Decimal(4), Decimal(3), 1, Decimal(10), Decimal(20))
    assert line.nodes[1] == one
    assert line.distance(1, 3) == 10


def test_a_depot_repeated_at_the_end_is_skipped(line: Instance, tmp_path: Path) -> None:
    assert written(tmp_path, LINE + "5 0 0 0 0 0 200\n") == line


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("", "not in Cordeau's format"),
        (LINE.replace("1 4 100 2 30", "1 4 100 2"), "not in Cordeau's format"),
        (LINE.replace("1 4 100", "1 6 100"), "the first line says 6 nodes, 4 follow"),
        (LINE.replace("3 9 12 3 -1", "3 9 12 3 -2"), "load"),
        (LINE.replace("3 9 12", "3 nine 12"), "not in Cordeau's format"),
        (LINE.replace("3 9 12", "3 nan 12"), "node 3 is not finite"),
    ],
)
def test_what_is_no_instance_is_refused(tmp_path: Path, wrong: str, said: str) -> None:
    with pytest.raises(BenchmarkError, match=said):
        written(tmp_path, wrong)


def test_instances_come_in_natural_order_or_as_named(tmp_path: Path) -> None:
    for name in ("a10-2", "a2-16", "a2-2"):
        (tmp_path / f"{name}.txt").write_text(LINE)
    assert [i.name for i in read_folder(tmp_path)] == ["a2-2", "a2-16", "a10-2"]
    assert [i.name for i in read_folder(tmp_path, ["a2-16"])] == ["a2-16"]
    with pytest.raises(BenchmarkError, match="no a9"):
        read_folder(tmp_path, ["a9"])
    with pytest.raises(BenchmarkError, match="no instances"):
        read_folder(tmp_path / "elsewhere")


def test_best_known_costs_are_optional(tmp_path: Path) -> None:
    assert read_best_known(tmp_path) == {}
    (tmp_path / "best_known.csv").write_text("instance,best_known_cost\na2-16,294.25\n")
    assert read_best_known(tmp_path) == {"a2-16": 294.25}
    (tmp_path / "best_known.csv").write_text("instance,best_known_cost\na2-16,much\n")
    with pytest.raises(BenchmarkError, match="much"):
        read_best_known(tmp_path)


@pytest.mark.parametrize("seed", range(5))
def test_ticks_round_up_and_keep_the_triangle_inequality(tmp_path: Path, seed: int) -> None:
    instance = random_instance(tmp_path, seed, 2, 12)
    legs = as_problem(instance)[0].matrix_s.astype(np.int64)
    size = len(legs)
    exact = np.array([[instance.distance(a, b) for b in range(size)] for a in range(size)])
    assert (legs >= exact * 100_000 - 1e-6).all()
    assert (legs < exact * 100_000 + 1).all()
    for k in range(size):
        assert (legs <= legs[:, k, None] + legs[None, k]).all()


def test_legs_on_a_line_add_up_exactly(line: Instance) -> None:
    legs = as_problem(line)[0].matrix_s
    assert legs[0].tolist() == [0, 500_000, 1_000_000, 1_500_000, 2_000_000]


def test_windows_are_narrowed_to_what_a_ride_leaves(line: Instance) -> None:
    _, (first, second) = as_problem(line)
    one, two = first.pairs[0], second.pairs[0]
    assert (one.pickup_earliest_s, one.pickup_latest_s) == (1_000_000, 2_000_000)
    # alighting at the earliest after boarding at 10, three for service and ten for the way
    assert one.dropoff_earliest_s == 2_300_000
    assert one.arrival_latest_s == 2_000_000 + 300_000 + 3_000_000
    # who is not to alight before 45 and rides 30 at most does not board before 12
    assert two.pickup_earliest_s == 1_200_000
    assert two.pickup_latest_s == 6_000_000 - 300_000 - 1_000_000
    assert (two.dropoff_earliest_s, two.arrival_latest_s) == (4_500_000, 6_000_000)


def test_large_numbers_get_fewer_ticks(line: Instance) -> None:
    long = replace(line, max_route=Decimal(50_000))
    assert as_problem(long)[0].matrix_s[0, 1] == 50_000
    with pytest.raises(BenchmarkError, match="numbers beyond"):
        as_problem(replace(line, max_route=Decimal(2**31)))


def test_a_request_that_cannot_be_served_is_named(line: Instance) -> None:
    with pytest.raises(BenchmarkError, match="request 1 cannot be served"):
        as_problem(changed(line, 3, earliest=0, latest=20))
    with pytest.raises(BenchmarkError, match="different pace"):
        as_problem(changed(line, 3, service=4))


def test_a_right_solution_passes_and_costs_its_length(line: Instance) -> None:
    assert violations(line, [[1, 2, 3, 4]]) == []
    assert cost_of(line, [[1, 2, 3, 4]]) == 40
    assert cost_of(line, [[], [1, 3, 2, 4]]) == 50


@pytest.mark.parametrize(
    ("instance", "routes", "said"),
    [
        ({}, [[1, 2, 3, 4], []], "2 routes for 1 vehicles"),
        ({}, [[1, 3]], "not every node is visited exactly once"),
        ({}, [[1, 2, 3, 3, 4]], "not every node is visited exactly once"),
        ({}, [[1, 4, 3, 2]], "request 2 alights before it boards"),
        ({"vehicles": 2}, [[1, 2, 4], [3]], "node 1 without node 3"),
        ({"capacity": 1}, [[1, 2, 3, 4]], "2 on board after node 2"),
        ({"max_ride": Decimal(10)}, [[1, 2, 3, 4]], "no times keep all limits"),
        # boards by 20, so leaves by 15; alights at 45 and is back at 68
        ({"max_route": Decimal("52.9")}, [[1, 2, 3, 4]], "no times keep all limits"),
    ],
)
def test_each_breach_is_found(
    line: Instance, instance: dict[str, int], routes: list[list[int]], said: str
) -> None:
    assert any(said in text for text in violations(replace(line, **instance), routes))  # type: ignore[arg-type]


def test_the_departure_is_as_late_as_need_be(line: Instance) -> None:
    # boards at 20, so leaves at 15; alights at 45 and needs three and then twenty: back at 68
    assert violations(replace(line, max_route=Decimal(53)), [[1, 2, 3, 4]]) == []
    assert violations(replace(line, max_route=Decimal("52.99")), [[1, 2, 3, 4]]) != []


def lp_feasible(instance: Instance, route: list[int]) -> bool:
    """The limits once more as a linear programme in the times of all visits."""
    n, stops = instance.requests, [0, *route, 0]
    place = {node: k + 1 for k, node in enumerate(route)}
    rows, bounds = [], []

    def at_least(later: int, earlier: int, gap: float) -> None:
        row = [0.0] * len(stops)
        row[earlier] += 1
        row[later] -= 1
        rows.append(row)
        bounds.append(-gap)

    for k, (a, b) in enumerate(pairwise(stops)):
        at_least(k + 1, k, float(instance.nodes[a].service) * (k > 0) + instance.distance(a, b))
    for i in range(1, n + 1):
        if i in place:
            service = float(instance.nodes[i].service)
            at_least(place[i], place[i + n], -service - float(instance.max_ride))
    at_least(0, len(stops) - 1, -float(instance.max_route))
    windows = [(float(instance.nodes[s].earliest), float(instance.nodes[s].latest)) for s in stops]
    found = linprog([0] * len(stops), A_ub=rows, b_ub=bounds, bounds=windows, method="highs")
    return bool(found.status == 0)


def test_the_check_agrees_with_a_linear_programme(tmp_path: Path) -> None:
    verdicts = []
    for seed in range(40):
        instance = random_instance(tmp_path, seed, 1, 3, width=100)
        instance = replace(instance, capacity=3)
        rng = random.Random(seed)
        for route in rng.sample(list(orders([1, 2, 3], 3)), 8):
            right = violations(instance, [route]) == []
            assert right == lp_feasible(instance, route)
            verdicts.append(right)
    assert 20 < sum(verdicts) < len(verdicts) - 20


def test_what_is_feasible_in_ticks_is_feasible_as_given(tmp_path: Path) -> None:
    verdicts = []
    for seed in range(40):
        instance = random_instance(tmp_path, seed, 1, 3, width=100)
        problem, requests = as_problem(instance)
        rng = random.Random(seed)
        for route in rng.sample(list(orders([1, 2, 3], 3)), 8):
            actions = tuple(
                Action("pickup", str(i)) if i <= 3 else Action("dropoff", str(i - 3)) for i in route
            )
            vehicle = replace(problem.vehicles[0], route=actions)
            tried = replace_vehicle(problem, 0, vehicle, [r.booking(0) for r in requests])
            found = evaluate(tried, 0)
            right = violations(instance, [route]) == []
            assert found.feasible == right
            verdicts.append(right)
            if right:
                length = cost_of(instance, [route])
                assert math.isclose(found.cost / 1000 / 100_000, length, rel_tol=1e-5)
    assert 20 < sum(verdicts) < len(verdicts) - 20


@pytest.mark.parametrize("solver", ["ours", "ortools"])
def test_solvers_find_the_optimum_of_small_instances(tmp_path: Path, solver: str) -> None:
    checked = 0
    first = as_problem(random_instance(tmp_path, 0, 2, 4))
    darp_bench.solver(solver)(*first, 0.01, 0)  # type: ignore[arg-type] # compiles
    for seed in range(6):
        instance = random_instance(tmp_path, seed, 2, 4)
        best = optimum(instance)
        if best is None:
            continue
        problem, requests = as_problem(instance)
        found = darp_bench.solver(solver)(problem, requests, 0.3, 1)  # type: ignore[arg-type]
        row = darp_bench.judged(instance, found.problem, {instance.name: best})
        assert row["verified"] is True
        assert row["cost"] == pytest.approx(best, rel=1e-9)
        checked += 1
    assert checked >= 3


def test_an_incomplete_solution_is_not_verified(line: Instance) -> None:
    problem, _ = as_problem(line)
    row = darp_bench.judged(line, problem, {"line": 40})
    assert row["cost"] is None
    assert row["gap_percent"] is None
    assert row["unserved"] == 2
    assert row["verified"] is False


def test_several_seconds_may_follow_one_option() -> None:
    words = ["d", "--seconds", "1", "10", "60", "--seeds", "3", "--json"]
    once = ["--seconds", "1", "--seconds", "10", "--seconds", "60"]
    assert spelled_out(words, {"--seconds"}) == ["d", *once, "--seeds", "3", "--json"]
    assert spelled_out(["--seconds", "1", "d"], {"--seconds"}) == ["--seconds", "1", "d"]
    assert spelled_out(["--seconds"], {"--seconds"}) == ["--seconds"]


def test_the_command_prints_flat_objects(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text(instance_text(random.Random(2), 2, 3))
    (tmp_path / "best_known.csv").write_text("instance,best_known_cost\nr,50\n")
    arguments = ["bench", "darp", str(tmp_path), "--seconds", "0.1", "0.2", "--seeds", "2"]
    result = CliRunner().invoke(main, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert [(row["seconds"], row["seed"]) for row in rows] == [
        (0.1, 0),
        (0.1, 1),
        (0.2, 0),
        (0.2, 1),
    ]
    keys = {
        "instance",
        "solver",
        "seconds",
        "seed",
        "cost",
        "best_known",
        "gap_percent",
        "verified",
    }
    assert all(keys <= row.keys() for row in rows)
    assert all(row["verified"] is True and row["best_known"] == 50 for row in rows)
    assert {row["solver"] for row in rows} == {"ours"}
    shown = CliRunner().invoke(main, arguments)
    assert shown.stdout.splitlines()[0].split()[:3] == ["instance", "solver", "seconds"]
    assert shown.stdout.splitlines()[-1].startswith("0.2 s: 2 runs, 2 ok, mean gap")


def test_a_folder_without_instances_is_said_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["bench", "darp", str(tmp_path)])
    assert result.exit_code == 1
    assert "error: [benchmark_input]" in result.stderr


def test_a_summary_counts_what_is_at_best_known() -> None:
    gaps = [("a", 0.0), ("a", 0.02), ("b", 0.008), ("b", 0.0)]
    rows: list[table.Row] = [
        {"instance": name, "seconds": 1.0, "gap_percent": gap, "verified": True}
        for name, gap in gaps
    ]
    (text,) = darp_bench.summary(rows)
    assert "mean gap 0.0070 %, worst 0.0200 %" in text
    assert "at best known: 2 of 2 (mean over seeds: 1), 3 of 4 runs" in text


def test_help_loads_no_solver() -> None:
    code = "import sys, dispatch.cli; print([m for m in sys.modules if m in sys.argv])"
    heavy = ["ortools", "numba", "numpy", "scipy", "routing.plans"]
    run = subprocess.run(
        [sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
