"""What a planner gets of a sweep: one HTML page that needs nothing else, and tables of all runs."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader

from simulations.sweeps.chart import pareto_chart
from simulations.sweeps.design import Goal, Sweep, shown
from simulations.sweeps.pareto import PointResult, front, meets, smallest, summarised
from simulations.sweeps.runs import Figures, flat
from simulations.sweeps.versions import code_digest
from simulations.sweeps.words import (
    NONE,
    Lang,
    estimate_text,
    figure_definition,
    figure_label,
    figure_name,
    parameter_label,
    scaled,
    text,
    tick_text,
    value_text,
    with_unit,
)

_FURTHER = ("cost_per_passenger_eur", "wait_mean_s", "wait_p95_s")
"""Figures that the table shows besides the axes and the goal."""
_DIGEST_SHOWN = 12


class Failed(NamedTuple):
    """A run that came to no result: the number of its point, its seed and why."""

    point: int
    seed: int
    reason: str


class Findings(NamedTuple):
    """What is known of a sweep so far.

    Attributes:
        sweep: what was to be done.
        finished: for each point the figures of its finished runs by seed.
        failed: runs without result.
    """

    sweep: Sweep
    finished: Sequence[Mapping[int, Figures]]
    failed: Sequence[Failed]

    @property
    def total(self) -> int:
        """Runs altogether."""
        return len(self.sweep.points) * len(self.sweep.seeds)

    @property
    def done(self) -> int:
        """Runs finished."""
        return sum(map(len, self.finished))

    def results(self) -> list[PointResult]:
        """The points summed up."""
        return summarised(self.sweep, self.finished)

    def best(self, results: Sequence[PointResult]) -> set[int]:
        """The numbers of the points on the Pareto front."""
        axes = self.sweep.axes
        higher = axes.better == "higher"
        return front(results, axes.service, axes.cost, higher_is_better=higher)


def write_outputs(findings: Findings, folder: Path, lang: Lang) -> list[Path]:
    """Write report and tables.

    Returns:
        The files: `report.html`, `results.csv`, `results.parquet`.
    """
    rows = table_of_runs(findings)
    page, sheet, columns = (
        folder / "report.html",
        folder / "results.csv",
        folder / "results.parquet",
    )
    _write(page, html(findings, lang).encode())
    _write(sheet, as_csv(rows).encode())
    _write(columns, as_parquet(rows))
    return [page, sheet, columns]


def table_of_runs(findings: Findings) -> list[dict[str, Any]]:
    """One row for each finished run: point, seed, parameters by key, figures by name."""
    sweep = findings.sweep
    rows: list[dict[str, Any]] = []
    for number, runs in enumerate(findings.finished, start=1):
        values = flat({key: shown(value) for key, value in sweep.points[number - 1].items()})
        rows += [
            {**flat(runs[seed]), "point": number, "seed": seed, **values}
            for seed in sweep.seeds
            if seed in runs
        ]
    first = ["point", "seed", *sweep.parameters]
    names = dict.fromkeys([*first, *(name for row in rows for name in row)])
    return [{name: row.get(name) for name in names} for row in rows]


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table as CSV (RFC 4180); what a run does not have is empty."""
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return out.getvalue()


def as_parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A table as Parquet; a column of mixed kinds is text."""
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    import pyarrow.parquet as pq  # noqa: PLC0415

    columns = {}
    for name in rows[0] if rows else ():
        values = [row[name] for row in rows]
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            columns[name] = pa.array([None if v is None else str(v) for v in values])
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def html(findings: Findings, lang: Lang) -> str:
    """The report as one page without any reference to elsewhere."""
    sweep = findings.sweep
    results = findings.results()
    best = findings.best(results)
    service, cost = (figure_label(name, lang) for name in (sweep.axes.service, sweep.axes.cost))
    tables = [_by_others(sweep, results, lang), _all_points(sweep, results, best, lang)]
    folder = FileSystemLoader(Path(__file__).parent)
    page = Environment(loader=folder, autoescape=True, trim_blocks=True).get_template("report.html")
    return page.render(
        lang=lang,
        t=lambda key: text(key, lang),
        name=sweep.name,
        scope=text(
            "scope",
            lang,
            points=len(sweep.points),
            seeds=len(sweep.seeds),
            done=findings.done,
            total=findings.total,
        ),
        partial=findings.done < findings.total,
        goal=_goal(sweep, results, lang),
        chart=pareto_chart(sweep, results, best, lang) if findings.done else "",
        chart_alt=text("chart_alt", lang, service=service, cost=cost),
        tables=[table for table in tables if table is not None],
        definitions=[
            (figure_label(name, lang), figure_definition(name, lang))
            for name in _shown_figures(sweep, results)
        ],
        failures=[text("failed_run", lang, **one._asdict()) for one in findings.failed],
        source=text(
            "source", lang, scenario=sweep.scenario.name, code=code_digest()[:_DIGEST_SHOWN]
        ),
    )


def goal_text(goal: Goal, lang: Lang) -> str:
    """The stated level of service in words."""
    limit = goal.at_least if goal.at_least is not None else goal.at_most
    return text(
        "goal",
        lang,
        figure=figure_name(goal.figure, lang),
        sign="≥" if goal.at_least is not None else "≤",
        limit=with_unit(goal.figure, tick_text(scaled(goal.figure, limit or 0.0), lang)),
    )


def answers(sweep: Sweep, results: Sequence[PointResult], lang: Lang) -> list[tuple[str, str]]:
    """What meets the goal on average and what does so confidently; none without a goal."""
    if sweep.goal is None:
        return []
    found = smallest(results, sweep.goal, sweep.axes.cost)._asdict()
    return [(text(kind, lang), _described(sweep, point, lang)) for kind, point in found.items()]


def _described(sweep: Sweep, point: PointResult | None, lang: Lang) -> str:
    if point is None or sweep.goal is None:
        return text("nowhere", lang)
    keys = sorted(sweep.parameters, key=lambda key: key != getattr(sweep.goal, "smallest", None))
    values = [f"{parameter_label(k, lang)}: {value_text(point.values[k], lang)}" for k in keys]
    figures = [
        f"{figure_name(name, lang)} "
        + with_unit(name, estimate_text(name, point.figures.get(name), lang))
        for name in dict.fromkeys([sweep.goal.figure, sweep.axes.cost])
    ]
    return f"{'; '.join(values)} ({text('variant', lang)} {point.number}; {'; '.join(figures)})"


def _goal(sweep: Sweep, results: Sequence[PointResult], lang: Lang) -> dict[str, Any] | None:
    if sweep.goal is None:
        return None
    return {"title": goal_text(sweep.goal, lang), "answers": answers(sweep, results, lang)}


def _all_points(
    sweep: Sweep, results: Sequence[PointResult], best: set[int], lang: Lang
) -> dict[str, Any]:
    figures = _shown_figures(sweep, results)
    heads = [
        text("number", lang),
        *(parameter_label(key, lang) for key in sweep.parameters),
        text("runs", lang),
        text("best", lang),
        *([text("goal_line", lang).capitalize()] if sweep.goal else []),
        *(figure_label(name, lang) for name in figures),
    ]
    rows = []
    for r in results:
        cells = [
            str(r.number),
            *(value_text(r.values[key], lang) for key in sweep.parameters),
            str(r.runs),
            text("yes", lang) if r.number in best else "",
        ]
        if sweep.goal:
            met = meets(r, sweep.goal, confidently=False)
            cells.append(text("yes", lang) if met else "")
        cells += [estimate_text(name, r.figures.get(name), lang) for name in figures]
        rows.append({"best": r.number in best, "cells": cells})
    return {"title": text("table", lang), "heads": heads, "rows": rows}


def _shown_figures(sweep: Sweep, results: Sequence[PointResult]) -> list[str]:
    goal = [sweep.goal.figure] if sweep.goal else []
    known = {name for result in results for name in result.figures}
    further = [name for name in _FURTHER if name in known]
    return list(dict.fromkeys([sweep.axes.service, sweep.axes.cost, *goal, *further]))


def _by_others(sweep: Sweep, results: Sequence[PointResult], lang: Lang) -> dict[str, Any] | None:
    """For each setting of the other parameters the smallest value that meets the goal."""
    goal = sweep.goal
    if goal is None or goal.smallest not in sweep.parameters:
        return None
    others = [key for key in sweep.parameters if key != goal.smallest]
    groups: dict[str, list[PointResult]] = {}
    for result in results:
        groups.setdefault(repr([result.values[key] for key in others]), []).append(result)
    if not others or len(groups) == len(results):
        return None
    rows = []
    for members in groups.values():
        cells = [value_text(members[0].values[key], lang) for key in others]
        for point in smallest(members, goal, sweep.axes.cost):
            value = NONE if point is None else value_text(point.values[goal.smallest], lang)
            cells.append(value)
        rows.append({"best": False, "cells": cells})
    smallest_label = parameter_label(goal.smallest, lang)
    heads = [
        *(parameter_label(key, lang) for key in others),
        *(f"{smallest_label}: {text(kind, lang)}" for kind in ("on_average", "confidently")),
    ]
    return {"title": text("by_others", lang), "heads": heads, "rows": rows}


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, also when interrupted."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
