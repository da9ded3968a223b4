"""What the runs say: means over seeds, the best trade-offs, the smallest fleet that is enough.

All points are run with the same seeds, so they differ by their values and not by their days.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from simulations.intervals import interval
from simulations.sweeps.design import Goal, Sweep
from simulations.sweeps.runs import Figures, flat


class Estimate(NamedTuple):
    """A figure's mean over seeds and its 95 % confidence interval (Student's t).

    Attributes:
        mean: over the seeds whose run has the figure.
        half: half the interval's width; None for a single value, which says nothing of others.
        runs: how many there were.
    """

    mean: float
    half: float | None
    runs: int


class PointResult(NamedTuple):
    """What came of one point.

    Attributes:
        number: of the point, from 1.
        values: of the point, by parameter.
        runs: how many are finished.
        figures: estimates by name; what no run has is missing.
    """

    number: int
    values: Mapping[str, Any]
    runs: int
    figures: Mapping[str, Estimate]


class Smallest(NamedTuple):
    """The answer to the stated goal.

    Attributes:
        on_average: the point with the smallest value whose mean meets the goal; among equals the
            cheapest.
        confidently: the same, with the whole confidence interval beyond the goal.
    """

    on_average: PointResult | None
    confidently: PointResult | None


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and 95 % confidence interval."""
    mean, _, high = interval(values)
    return Estimate(mean, high - mean if len(values) > 1 else None, len(values))


def summarised(sweep: Sweep, finished: Sequence[Mapping[int, Figures]]) -> list[PointResult]:
    """Sum up each point's finished runs.

    Args:
        sweep: names the points.
        finished: for each point its runs' figures by seed.
    """
    results = []
    for number, (values, runs) in enumerate(zip(sweep.points, finished, strict=True), start=1):
        rows = [flat(figures) for figures in runs.values()]
        names = dict.fromkeys(name for row in rows for name in row)
        columns = {name: [r[name] for r in rows if is_number(r.get(name))] for name in names}
        figures = {name: estimate(column) for name, column in columns.items() if column}
        results.append(PointResult(number, values, len(rows), figures))
    return results


def front(
    results: Sequence[PointResult], service: str, cost: str, *, higher_is_better: bool
) -> set[int]:
    """The numbers of the points that no other one beats in both mean service and mean cost.

    Points that are equal in both stand side by side.
    """
    sign = 1.0 if higher_is_better else -1.0
    placed = [
        (r.figures[cost].mean, -sign * r.figures[service].mean, r.number)
        for r in results
        if service in r.figures and cost in r.figures
    ]
    best: tuple[float, float] | None = None
    found = set()
    for cost_mean, shortfall, number in sorted(placed):
        if best is None or shortfall < best[1] or (cost_mean, shortfall) == best:
            best = (cost_mean, shortfall)
            found.add(number)
    return found


def meets(result: PointResult, goal: Goal, *, confidently: bool) -> bool:
    """Whether a point's mean, or all of its confidence interval, is as good as the goal."""
    figure = result.figures.get(goal.figure)
    if figure is None or (confidently and figure.half is None):
        return False
    half = (figure.half or 0.0) if confidently else 0.0
    if goal.at_least is not None:
        return figure.mean - half >= goal.at_least
    return goal.at_most is not None and figure.mean + half <= goal.at_most


def smallest(results: Sequence[PointResult], goal: Goal, cost: str) -> Smallest:
    """The smallest fleet (or whatever else is to be small) that meets the goal."""

    def order(result: PointResult) -> tuple[float, float, int]:
        spent = result.figures.get(cost)
        size: Any = result.values.get(goal.smallest)
        return (
            float(size) if is_number(size) else float("inf"),
            spent.mean if spent else float("inf"),
            result.number,
        )

    def first(*, confidently: bool) -> PointResult | None:
        fit = [r for r in results if meets(r, goal, confidently=confidently)]
        return min(fit, key=order, default=None)

    return Smallest(first(confidently=False), first(confidently=True))


def is_number(value: Any) -> bool:
    """Whether a mean of such values means something."""
    return isinstance(value, int | float) and not isinstance(value, bool)
