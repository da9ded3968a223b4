"""A comparison as one HTML page in the look of the reports."""

import json
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from simulations.comparison.chart import difference_chart
from simulations.comparison.estimates import Comparison, Difference, Estimate
from simulations.comparison.runs import Variant
from simulations.report.headline import NAMES
from simulations.report.page import style_sheet, template
from simulations.report.sections import definitions_of
from simulations.report.words import NOTHING, Words, words

_BESIDE = 3
"""So many variants stand beside the first in one table, which then still fits a printed page."""
_CHANGE_MAX = 80


def page(comparison: Comparison, language: str) -> str:
    """The comparison as one HTML document.

    Args:
        comparison: the variants.
        language: `de` or `en`.
    """
    said = words(language)
    known = [name for name in said.figures if name in comparison.figures]
    known += [name for name in comparison.figures if name not in said.figures]
    leading = [name for name in NAMES if name in known]
    count, runs = len(comparison.variants), sum(len(v.runs) for v in comparison.variants)
    heading = said("cmp_heading", count=count) if count > 1 else said("cmp_heading_1", seeds=runs)
    chart = difference_chart(comparison, leading, said) if count > 1 else ""
    return template("comparison.html").render(
        t=said,
        css=style_sheet(),
        heading=heading,
        base=comparison.base.label,
        anecdotal=comparison.anecdotal,
        several=count > 1,
        partial=", ".join(comparison.partial),
        variants=[_described(comparison, variant, said) for variant in comparison.variants],
        changes=[
            (key, [change_text(value, said) for value in values])
            for key, values in comparison.differing.items()
        ],
        labels=[variant.label for variant in comparison.variants],
        chart=Markup(chart),  # noqa: S704 - names are escaped there
        leading=_tables(comparison, leading, said),
        tables=_tables(comparison, known, said),
        entries=definitions_of(known, said),
    )


def change_text(value: Any, said: Words) -> str:
    """The value of a setting that differs."""
    if value is None:
        return said("cmp_missing")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _CHANGE_MAX else f"{text[:_CHANGE_MAX]} …"


def shown_estimate(name: str, found: Estimate | None, said: Words) -> tuple[str, str]:
    """A mean, and its interval if there is one."""
    if found is None:
        return NOTHING, ""
    mean = said.figure(name, float(found.mean))
    if found.low is None or found.high is None:
        return mean, ""
    return mean, _range(name, found.low, found.high, said)


def shown_difference(name: str, found: Difference, said: Words) -> tuple[str, str]:
    """A difference with its sign, and its interval if there is one."""
    values = [found.mean, *(v for v in (found.low, found.high) if v is not None)]
    mean, *bounds = _signed(name, values, said)
    return mean, f"[{'; '.join(bounds)}]" if bounds else ""


def _range(name: str, low: float, high: float, said: Words) -> str:
    if said.unit(name) == "%":  # a symmetric interval may reach beyond what there can be
        low, high = max(0.0, low), min(1.0, high)
    return f"[{said.figure(name, low)}; {said.figure(name, high)}]"


def _signed(name: str, values: Sequence[float], said: Words) -> list[str]:
    """Differences in one unit; those of shares in percentage points."""
    largest = max(map(abs, values))
    found = []
    for value in values:
        match said.unit(name):
            case "%":
                shown = f"{said.number(100 * value, 1)}\N{NO-BREAK SPACE}{said('cmp_points')}"
            case "s":
                shown = said.duration(value, largest)
            case _:
                shown = said.figure(name, value)
        found.append(f"+{shown}" if value > 0 else shown)
    return found


def _described(comparison: Comparison, variant: Variant, said: Words) -> dict[str, str]:
    method = comparison.method(variant)
    return {
        "label": variant.label,
        "seeds": ", ".join(map(str, variant.seeds)),
        "method": said(f"cmp_{method}") if method else said("cmp_base"),
        "sources": ", ".join(run.source for run in variant.runs),
    }


def _tables(comparison: Comparison, names: Sequence[str], said: Words) -> list[dict[str, Any]]:
    """Figures by variant; many variants are spread over several tables, each with the first."""
    base, *others = comparison.variants
    groups = [others[i : i + _BESIDE] for i in range(0, len(others), _BESIDE)] or [[]]
    return [
        {
            "heads": [variant.label for variant in (base, *group)],
            "rows": [
                {
                    "name": name,
                    "label": said.label(name),
                    "cells": [_cell(comparison, variant, name, said) for variant in (base, *group)],
                }
                for name in names
            ],
        }
        for group in groups
    ]


def _cell(comparison: Comparison, variant: Variant, name: str, said: Words) -> dict[str, Any]:
    mean, interval = shown_estimate(name, comparison.estimate(variant, name), said)
    apart = comparison.difference(variant, name)
    shown = shown_difference(name, apart, said) if apart else ("", "")
    return {
        "mean": mean,
        "interval": interval,
        "difference": shown[0],
        "within": shown[1],
        "stands_out": apart is not None and apart.clear,
    }
