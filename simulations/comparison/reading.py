"""Runs to compare: from the folders that `rufbus simulate --out` wrote, or just simulated."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from simulations.comparison.estimates import Comparison
from simulations.comparison.runs import ComparisonError, Run, run_of

if TYPE_CHECKING:
    from simulations.runner import Result

_FILE = "kpis.json"


def compare_folders(folders: Sequence[Path]) -> Comparison:
    """Put the runs in some folders side by side.

    Args:
        folders: each as `rufbus simulate --out` left it; the first one's scenario is what the
            others are compared with.

    Raises:
        ComparisonError: a folder without key figures, or runs that contradict each other.
    """
    return Comparison.of([_read(folder) for folder in folders])


def compare(results: Sequence["Result"]) -> pd.DataFrame:
    """Put runs side by side, for notebooks.

    Args:
        results: runs; those of the same scenario with other seeds are one variant. The first one's
            scenario is what the others are compared with.

    Returns:
        One row for each variant and figure, columns as in `Comparison.rows`.

    Raises:
        ComparisonError: there are none, or they contradict each other.
    """
    runs = [
        run_of(
            f"run {number}", result.scenario.model_dump(mode="json"), result.roads, result.figures
        )
        for number, result in enumerate(results, 1)
    ]
    return pd.DataFrame(Comparison.of(runs).rows())


def _read(folder: Path) -> Run:
    file = folder / _FILE
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ComparisonError(
            f"{folder}: there is no {_FILE}; it takes a folder written by rufbus simulate --out"
        ) from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ComparisonError(f"{file}: cannot be read: {error}") from error
    found: dict[str, Any] = raw if isinstance(raw, dict) else {}
    scenario, figures = found.get("scenario"), found.get("figures")
    usable = isinstance(figures, Mapping) and isinstance(figures.get("seed"), int)
    if not isinstance(scenario, Mapping) or not isinstance(figures, Mapping) or not usable:
        raise ComparisonError(f"{file}: has no key figures with their scenario and seed")
    return run_of(str(folder), scenario, str(found.get("roads", "")), figures)
