"""What runs say about their variants: means with intervals, and differences from the first one."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from simulations.comparison.runs import Run, Variant, differing, variants_of
from simulations.intervals import interval, welch_interval

Method = Literal["paired", "welch", "single"]
NOT_COMPARED = frozenset({"seed", "wall_s"})
"""Numbers that say nothing about the service."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % confidence interval; without one, `low` and `high` are None.

    Attributes:
        mean: over the days.
        low, high: of the interval.
        seeds: how many days.
    """

    mean: float
    low: float | None
    high: float | None
    seeds: int


@dataclass(frozen=True, slots=True)
class Difference(Estimate):
    """How far a variant's mean lies from the first one's, and how that was found."""

    method: Method

    @property
    def clear(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(frozen=True, eq=False)
class Comparison:
    """Variants side by side.

    Attributes:
        variants: the first one is what the others are compared with.
    """

    variants: Sequence[Variant]

    @classmethod
    def of(cls, runs: Sequence[Run]) -> "Comparison":
        """Sort runs into variants.

        Raises:
            ComparisonError: there are none, or they contradict each other.
        """
        return cls(variants_of(runs))

    @property
    def base(self) -> Variant:
        """What the others are compared with."""
        return self.variants[0]

    @cached_property
    def figures(self) -> list[str]:
        """Names of all figures that some run has as a number, in the order of the runs."""
        found: dict[str, None] = {}
        for variant in self.variants:
            for run in variant.runs:
                numbers = (
                    name
                    for name, value in run.figures.items()
                    if isinstance(value, int | float) and not isinstance(value, bool)
                )
                found |= dict.fromkeys(numbers)
        return [name for name in found if name not in NOT_COMPARED]

    @cached_property
    def differing(self) -> dict[str, list[Any]]:
        """Settings that are not the same in all variants."""
        return differing(self.variants)

    @property
    def anecdotal(self) -> bool:
        """Whether some variant has one day only."""
        return any(len(variant.runs) == 1 for variant in self.variants)

    @property
    def partial(self) -> list[str]:
        """Where the runs come from that were not simulated to their end."""
        runs = (run for variant in self.variants for run in variant.runs)
        return [run.source for run in runs if run.figures.get("complete") is False]

    def estimate(self, variant: Variant, figure: str) -> Estimate | None:
        """A variant's mean of a figure; None if no run has it."""
        values = list(variant.values(figure).values())
        if not values:
            return None
        mean, low, high = interval(values)
        alone = len(values) == 1
        return Estimate(mean, None if alone else low, None if alone else high, len(values))

    def difference(self, variant: Variant, figure: str) -> Difference | None:
        """How far a variant lies from the first; None if it is the first, or there is no value.

        Paired by seed when both have the same seeds, which takes out what days have in common;
        else as two samples (Welch).
        """
        if variant is self.base:
            return None
        first, second = self.base.values(figure), variant.values(figure)
        if not first or not second:
            return None
        if first.keys() == second.keys():
            apart = [second[seed] - first[seed] for seed in first]
            mean, low, high = interval(apart)
            method: Method = "single" if len(apart) == 1 else "paired"
            days = len(apart)
        else:
            ones, others = list(first.values()), list(second.values())
            mean, low, high = welch_interval(ones, others)
            days = min(len(ones), len(others))
            method = "single" if days == 1 else "welch"
        if method == "single":
            return Difference(mean, None, None, days, method)
        return Difference(mean, low, high, days, method)

    def method(self, variant: Variant) -> Method | None:
        """How a variant's differences are found, where all of its runs have the figure."""
        if variant is self.base:
            return None
        if min(len(variant.runs), len(self.base.runs)) == 1:
            return "single"
        return "paired" if variant.seeds == self.base.seeds else "welch"

    def rows(self) -> list[dict[str, Any]]:
        """All of it, flat.

        Returns:
            For each variant and figure: `variant`, `figure`, `mean`, `low`, `high`, `diff`,
            `diff_low`, `diff_high`, `method`, `seeds`; None where there is no value or interval.
        """
        return [self._row(variant, figure) for variant in self.variants for figure in self.figures]

    def _row(self, variant: Variant, figure: str) -> dict[str, Any]:
        found, apart = self.estimate(variant, figure), self.difference(variant, figure)
        return {
            "variant": variant.label,
            "figure": figure,
            "mean": found.mean if found else None,
            "low": found.low if found else None,
            "high": found.high if found else None,
            "diff": apart.mean if apart else None,
            "diff_low": apart.low if apart else None,
            "diff_high": apart.high if apart else None,
            "method": apart.method if apart else None,
            "seeds": found.seeds if found else 0,
        }
