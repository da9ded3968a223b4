"""Runs side by side: means over seeds, differences from the first variant, how sure they are."""

from simulations.comparison.estimates import Comparison, Difference, Estimate
from simulations.comparison.page import page
from simulations.comparison.reading import compare, compare_folders
from simulations.comparison.runs import ComparisonError, Run, Variant
from simulations.comparison.terminal import lines

__all__ = [
    "Comparison",
    "ComparisonError",
    "Difference",
    "Estimate",
    "Run",
    "Variant",
    "compare",
    "compare_folders",
    "lines",
    "page",
]
