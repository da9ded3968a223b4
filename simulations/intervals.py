"""Means over days with what they leave open: 95 % confidence intervals by Student's t."""

from collections.abc import Sequence
from statistics import fmean, variance

from scipy.stats import t as student

CONFIDENCE = 0.95


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and 95 % confidence interval by Student's t; without a second value it has no width.

    Args:
        values: of independent days, at least one.
    """
    mean = fmean(values)
    if len(values) == 1:
        return mean, mean, mean
    half = _quantile(len(values) - 1) * (variance(values) / len(values)) ** 0.5
    return mean, mean - half, mean + half


def welch_interval(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float]:
    """Difference of means, `second` less `first`, of days that do not belong together.

    Without a second value on both sides the interval has no width. Degrees of freedom after
    Welch 1947 (DOI 10.1093/biomet/34.1-2.28).

    Args:
        first: values of independent days, at least one.
        second: likewise, with a spread of their own.
    """
    mean = fmean(second) - fmean(first)
    if min(len(first), len(second)) == 1:
        return mean, mean, mean
    parts = [variance(values) / len(values) for values in (first, second)]
    total = sum(parts)
    if total == 0:
        return mean, mean, mean
    freedom = total**2 / sum(
        part**2 / (len(values) - 1) for part, values in zip(parts, (first, second), strict=True)
    )
    half = _quantile(freedom) * total**0.5
    return mean, mean - half, mean + half


def _quantile(freedom: float) -> float:
    return float(student.ppf((1 + CONFIDENCE) / 2, freedom))
