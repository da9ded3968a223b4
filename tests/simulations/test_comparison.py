"""Runs side by side: variants, pairs, intervals, and what is said of them."""

import json
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from scipy import stats

from simulations.comparison import Comparison, ComparisonError, compare_folders, lines, page
from simulations.comparison.runs import run_of
from simulations.intervals import interval, welch_interval
from simulations.report.words import NOTHING


def folder(root: Path, name: str, seed: int, figures: dict[str, Any], **scenario: Any) -> Path:
    found = root / name
    found.mkdir()
    raw = {"name": "Tag", "town": "grid", "fleet": {"vehicles": 5}} | scenario
    kpis = {
        "scenario": raw,
        "roads": "grid",
        "figures": {"seed": seed, "complete": True, "events_sha256": name, **figures},
    }
    found.joinpath("kpis.json").write_text(json.dumps(kpis), encoding="utf-8")
    return found


@pytest.fixture
def paired(tmp_path: Path) -> list[Path]:
    """Three days with five vehicles and the same three with four."""
    served = {1: (90, 80), 2: (95, 84), 3: (85, 76)}
    many = [
        folder(tmp_path, f"a{seed}", seed, {"served": a, "acceptance": a / 100})
        for seed, (a, _) in served.items()
    ]
    few = [
        folder(
            tmp_path, f"b{seed}", seed, {"served": b, "acceptance": b / 100}, fleet={"vehicles": 4}
        )
        for seed, (_, b) in served.items()
    ]
    return many + few


def row(comparison: Comparison, variant: int, figure: str) -> dict[str, Any]:
    label = comparison.variants[variant].label
    return next(r for r in comparison.rows() if r["variant"] == label and r["figure"] == figure)


def test_runs_that_differ_by_the_seed_are_one_variant(paired: list[Path]) -> None:
    comparison = compare_folders(paired)
    assert [variant.seeds for variant in comparison.variants] == [[1, 2, 3], [1, 2, 3]]
    assert [v.label for v in comparison.variants] == ["fleet.vehicles = 5", "fleet.vehicles = 4"]
    assert comparison.differing == {"fleet.vehicles": [5, 4]}


def test_descriptions_do_not_make_variants(tmp_path: Path) -> None:
    folders = [
        folder(tmp_path, f"r{seed}", seed, {"served": 1}, description=f"day {seed}")
        for seed in (1, 2)
    ]
    assert len(compare_folders(folders).variants) == 1


def test_the_same_seeds_are_paired(paired: list[Path]) -> None:
    found = row(compare_folders(paired), 1, "served")
    apart = [-10, -11, -9]
    low, high = stats.t.interval(0.95, 2, fmean(apart), stats.sem(apart))
    assert found["diff"] == pytest.approx(-10)
    assert (found["diff_low"], found["diff_high"]) == pytest.approx((low, high))
    assert (found["method"], found["seeds"]) == ("paired", 3)


def test_other_seeds_are_two_samples(paired: list[Path]) -> None:
    found = row(compare_folders([*paired[:3], *paired[4:]]), 1, "served")
    test = stats.ttest_ind([84, 76], [90, 95, 85], equal_var=False)
    within = test.confidence_interval(0.95)
    assert (found["diff_low"], found["diff_high"]) == pytest.approx((within.low, within.high))
    assert found["method"] == "welch"


def test_a_single_day_has_no_interval(paired: list[Path]) -> None:
    comparison = compare_folders([paired[0], paired[3]])
    found = row(comparison, 1, "served")
    assert (found["mean"], found["low"], found["high"]) == (80, None, None)
    assert (found["diff"], found["diff_low"], found["method"]) == (-10, None, "single")
    assert comparison.anecdotal
    assert "a single day is an anecdote" in page(comparison, "en").lower()
    assert any("Anekdote" in line for line in lines(comparison, "de"))


def test_what_no_run_has_is_missing_and_not_zero(tmp_path: Path) -> None:
    folders = [
        folder(tmp_path, "a", 1, {"wait_mean_s": None, "served": 0}),
        folder(tmp_path, "b", 1, {"wait_mean_s": 60.0, "served": 1}, fleet={"vehicles": 9}),
    ]
    comparison = compare_folders(folders)
    assert row(comparison, 0, "wait_mean_s")["mean"] is None
    assert row(comparison, 1, "wait_mean_s")["diff"] is None
    assert NOTHING in page(comparison, "de")


def test_a_run_given_twice_counts_once(paired: list[Path]) -> None:
    comparison = compare_folders([paired[0], paired[0], paired[1]])
    assert comparison.variants[0].seeds == [1, 2]


def test_the_same_seed_with_another_day_is_an_error(tmp_path: Path) -> None:
    folders = [folder(tmp_path, name, 1, {"served": 1}) for name in ("old", "new")]
    with pytest.raises(ComparisonError, match=r"old .*new: the same scenario and seed"):
        compare_folders(folders)


def test_a_folder_without_figures_is_named(tmp_path: Path) -> None:
    with pytest.raises(ComparisonError, match=r"nothing: there is no kpis\.json") as error:
        compare_folders([tmp_path / "nothing"])
    assert error.value.code == "comparison_invalid"
    tmp_path.joinpath("kpis.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(ComparisonError, match="no key figures"):
        compare_folders([tmp_path])
    tmp_path.joinpath("kpis.json").write_text("{", encoding="utf-8")
    with pytest.raises(ComparisonError, match="cannot be read"):
        compare_folders([tmp_path])
    with pytest.raises(ComparisonError, match="no run"):
        compare_folders([])


def test_parts_of_days_are_marked(tmp_path: Path) -> None:
    comparison = compare_folders([folder(tmp_path, "a", 1, {"served": 3, "complete": False})])
    assert "Teilergebnis" in page(comparison, "de")
    assert any("Partial result" in line for line in lines(comparison, "en"))


def test_names_tell_variants_apart_and_are_escaped() -> None:
    figures = {"seed": 1, "served": 1}
    runs = [run_of(n, {"name": n, "x": n}, "grid", figures) for n in ("<i>one</i>", "two")]
    comparison = Comparison.of(runs)
    assert [v.label for v in comparison.variants] == ["<i>one</i>", "two"]
    html = page(comparison, "en")
    assert "<i>one" not in html
    assert "&lt;i&gt;one" in html


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_page_marks_only_what_stands_out(paired: list[Path], language: str) -> None:
    html = page(compare_folders(paired), language)
    assert html.count('class="diff clear"') == html.count('class="diff')
    unclear = page(compare_folders([*paired[:3], *paired[:3]]), language)
    assert 'class="diff' not in unclear


def test_many_variants_stand_in_tables_of_four(tmp_path: Path) -> None:
    folders = [
        folder(tmp_path, f"v{n}", 1, {"acceptance": 0.5}, fleet={"vehicles": n}) for n in range(8)
    ]
    html = page(compare_folders(folders), "en")
    heads = [part.split("</thead>")[0] for part in html.split('<table class="compared">')[1:]]
    assert [head.count("<th ") for head in heads] == [5, 5, 3, 5, 5, 3]


def test_intervals_are_those_of_scipy() -> None:
    values, others = [1.0, 2.0, 4.0, 8.0], [3.0, 3.5, 1.0]
    mean, low, high = interval(values)
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 3, mean, stats.sem(values)))
    test = stats.ttest_ind(others, values, equal_var=False).confidence_interval(0.95)
    assert welch_interval(values, others)[1:] == pytest.approx((test.low, test.high))
    assert welch_interval([1.0], [3.0, 5.0]) == (3.0, 3.0, 3.0)
    assert welch_interval([2.0, 2.0], [3.0, 3.0]) == (1.0, 1.0, 1.0)
