"""What a sweep says: means and intervals, the Pareto front, the smallest fleet, the report."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from simulations.sweeps.design import Goal, Sweep, load_sweep
from simulations.sweeps.pareto import (
    Estimate,
    PointResult,
    estimate,
    front,
    meets,
    smallest,
    summarised,
)
from simulations.sweeps.report import (
    Failed,
    Findings,
    as_csv,
    as_parquet,
    html,
    table_of_runs,
    write_outputs,
)

AT_LEAST = Goal(figure="acceptance", at_least=0.9)


def point(number: int, acceptance: float, cost: float, half: float = 0.01, **more: Any) -> Any:
    figures = {"acceptance": Estimate(acceptance, half, 5), "cost_eur": Estimate(cost, 1.0, 5)}
    return PointResult(number, {"fleet.vehicles": number, **more}, 5, figures)


def numbers_on_front(*places: tuple[float, float], higher: bool = True) -> set[int]:
    points = [point(n, service, cost) for n, (service, cost) in enumerate(places, start=1)]
    return front(points, "acceptance", "cost_eur", higher_is_better=higher)


def test_the_interval_is_students() -> None:
    mean, half, runs = estimate([1.0, 2.0, 3.0])
    assert (mean, runs) == (2.0, 3)
    assert half == pytest.approx(4.302653 / 3**0.5, abs=1e-6)  # t(0.975, 2) * s / sqrt(n)
    assert estimate([5.0]) == Estimate(5.0, None, 1)


def test_the_front_has_what_nothing_else_beats() -> None:
    assert numbers_on_front((0.8, 100), (0.9, 200), (0.7, 150), (0.9, 250)) == {1, 2}
    assert numbers_on_front((0.8, 100), (0.8, 100), (0.8, 101)) == {1, 2}
    assert numbers_on_front((0.9, 100), (0.8, 100)) == {1}
    assert numbers_on_front() == set()


def test_the_front_of_a_figure_that_should_be_low() -> None:
    assert numbers_on_front((300, 100), (200, 200), (350, 50), (400, 300), higher=False) == {
        1,
        2,
        3,
    }


def test_points_without_a_figure_are_not_on_the_front() -> None:
    lost = PointResult(1, {}, 0, {})
    assert front([lost, point(2, 0.9, 1)], "acceptance", "cost_eur", higher_is_better=True) == {2}


def test_the_smallest_fleet_on_average_and_confidently() -> None:
    points = [point(3, 0.89, 1), point(4, 0.905, 2), point(5, 0.93, 3), point(6, 0.95, 4)]
    found = smallest(points, AT_LEAST, "cost_eur")
    assert (found.on_average, found.confidently) == (points[1], points[2])
    nothing = smallest(points, Goal(figure="acceptance", at_least=0.99), "cost_eur")
    assert nothing == (None, None)


def test_among_equal_fleets_the_cheapest() -> None:
    dear, cheap = point(4, 0.95, 200, wait=900), point(4, 0.93, 100, wait=1800)
    assert smallest([dear, cheap], AT_LEAST, "cost_eur").on_average == cheap


def test_one_run_is_never_confident() -> None:
    alone = PointResult(1, {}, 1, {"acceptance": Estimate(1.0, None, 1)})
    assert meets(alone, AT_LEAST, confidently=False)
    assert not meets(alone, AT_LEAST, confidently=True)


def test_a_goal_may_be_a_limit_from_above() -> None:
    goal = Goal(figure="acceptance", at_most=0.9)
    assert meets(point(1, 0.9, 1), goal, confidently=False)
    assert not meets(point(1, 0.895, 1), goal, confidently=True)
    assert meets(point(1, 0.885, 1), goal, confidently=True)


def figures(vehicles: int, wait_s: int, seed: int) -> dict[str, Any]:
    return {
        "acceptance": 0.15 * vehicles + 0.0002 * wait_s - 0.002 * seed,
        "cost_eur": 350.0 * vehicles + seed,
        "wait_mean_s": None if seed == 1 else wait_s / 3,
        "refused_by_reason": {"no_vehicle": seed},
        "events_sha256": "abc",
    }


@pytest.fixture
def sweep(sweep_file: Path) -> Sweep:
    return load_sweep(sweep_file)


@pytest.fixture
def findings(sweep: Sweep) -> Findings:
    """All finished but the last seed of the last point, which failed."""
    finished = [{seed: figures(*p.values(), seed) for seed in sweep.seeds} for p in sweep.points]
    del finished[-1][3]
    return Findings(sweep, finished, [Failed(4, 3, "[process_died] <3 times>")])


def test_points_are_summed_up_over_their_seeds(findings: Findings) -> None:
    first, *_, last = summarised(findings.sweep, findings.finished)
    assert first.values == {"fleet.vehicles": 3, "rules.immediate_wait_max_s": 900}
    assert first.figures["acceptance"].mean == pytest.approx(0.626)
    assert first.figures["wait_mean_s"].runs == 2
    assert first.figures["refused_by_reason.no_vehicle"].mean == 2
    assert "events_sha256" not in first.figures
    assert (first.runs, last.runs) == (3, 2)


def test_the_tables_have_a_row_for_each_finished_run(findings: Findings) -> None:
    rows = table_of_runs(findings)
    read = list(csv.DictReader(io.StringIO(as_csv(rows))))
    assert len(read) == len(rows) == 11
    assert list(read[0])[:4] == ["point", "seed", "fleet.vehicles", "rules.immediate_wait_max_s"]
    assert (read[0]["wait_mean_s"], read[1]["wait_mean_s"]) == ("", "300.0")
    table = pq.read_table(io.BytesIO(as_parquet(rows)))
    assert table.column_names == list(read[0])
    assert table.to_pylist() == rows


def test_columns_of_mixed_kinds_are_text() -> None:
    table = pq.read_table(io.BytesIO(as_parquet([{"a": 1, "b": "x"}, {"a": 1.5, "b": 2}])))
    assert table.to_pydict() == {"a": [1.0, 1.5], "b": ["x", "2"]}


def test_the_report_is_the_same_each_time_and_needs_nothing_else(findings: Findings) -> None:
    page = html(findings, "de")
    assert html(findings, "de") == page
    links = re.findall(r'(?:src|href|url)\s*[=(]\s*"?([^")\s>]+)', page)
    assert all(link.startswith("#") for link in links)
    assert "<script" not in page
    assert page.count("<svg") == 1


def test_the_report_says_what_was_asked(findings: Findings) -> None:
    page = html(findings, "de")
    assert "; 11 von 12 Läufen fertig" in page
    assert "Annahmequote ≥ 70 %" in page
    assert "Fahrzeuge: 3; Längste zugesagte Wartezeit, s: 1800 (" in page
    assert "[process_died] &lt;3 times&gt;" in page
    assert "80,6 ± 0,5 %" in page
    english = html(findings, "en")
    assert "80.6 ± 0.5 %" in english
    assert "Partial result" in english


def test_a_report_without_any_result_can_be_written(sweep: Sweep, tmp_path: Path) -> None:
    empty = Findings(sweep, [{} for _ in sweep.points], [])
    files = write_outputs(empty, tmp_path, "en")
    assert "No run has finished yet" in files[0].read_text(encoding="utf-8")
    assert pq.read_table(files[2]).num_rows == 0


@pytest.mark.parametrize("count", [1, 5, 12])
def test_charts_of_any_number_of_values_can_be_drawn(sweep: Sweep, count: int) -> None:
    points = tuple({"a": n, "b": f"{n * 7 % count}", "c": n} for n in range(count))
    sweep = sweep._replace(parameters=("a", "b", "c"), points=points, goal=None)
    findings = Findings(sweep, [{1: figures(n, 900, 1)} for n in range(count)], [])
    assert "<svg" in html(findings, "en")
