"""Runs to compare, sorted into variants: those that differ by nothing but the seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulations.report.assumptions import flattened

_NOT_COMPARED = ("seed", "description")
_ROADS = "roads"
_KEYS_MAX, _TEXT_MAX = 2, 40


class ComparisonError(Exception):
    """These runs cannot be compared; the message says which and why."""

    code = "comparison_invalid"


@dataclass(frozen=True, eq=False, slots=True)
class Run:
    """One simulated day.

    Attributes:
        source: where it comes from, in words.
        scenario: all that it says, by dotted key, and `roads`; without seed and description.
        name: of the scenario.
        figures: key figures by name.
    """

    source: str
    scenario: Mapping[str, Any]
    name: str
    figures: Mapping[str, Any]

    @property
    def seed(self) -> int:
        """With which it was driven."""
        return int(self.figures["seed"])


@dataclass(frozen=True, eq=False, slots=True)
class Variant:
    """Runs of the same scenario; `label` tells it from the others."""

    label: str
    runs: Sequence[Run]

    @property
    def seeds(self) -> list[int]:
        """One for each run, in order."""
        return [run.seed for run in self.runs]

    def values(self, figure: str) -> dict[int, float]:
        """A figure by seed, of the runs that have it."""
        found = {run.seed: run.figures.get(figure) for run in self.runs}
        return {
            seed: float(value)
            for seed, value in found.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }


def run_of(source: str, scenario: Mapping[str, Any], roads: str, figures: Mapping[str, Any]) -> Run:
    """A run from what is kept of it.

    Args:
        source: where it comes from, in words.
        scenario: as JSON.
        roads: what it was driven on.
        figures: key figures by name.
    """
    flat = {**flattened(scenario), _ROADS: roads}
    compared = {key: value for key, value in flat.items() if key not in _NOT_COMPARED}
    return Run(source, compared, str(scenario.get("name", source)), figures)


def variants_of(runs: Sequence[Run]) -> list[Variant]:
    """Sort runs into variants, in the order in which they were given.

    A run that is given twice counts once.

    Raises:
        ComparisonError: no run, or two different ones of the same scenario and seed.
    """
    if not runs:
        raise ComparisonError("there is no run to compare")
    groups: list[list[Run]] = []
    for run in runs:
        group = next((g for g in groups if g[0].scenario == run.scenario), None)
        if group is None:
            groups.append([run])
            continue
        twin = next((other for other in group if other.seed == run.seed), None)
        if twin is None:
            group.append(run)
        elif twin.figures.get("events_sha256") != run.figures.get("events_sha256"):
            raise ComparisonError(
                f"{twin.source} and {run.source}: the same scenario and seed, but not the same day;"
                " program or roads have changed between them, so run them again"
            )
    ordered = [sorted(group, key=lambda run: run.seed) for group in groups]
    labels = _labels([group[0] for group in ordered])
    return [Variant(label, group) for label, group in zip(labels, ordered, strict=True)]


def differing(variants: Sequence[Variant]) -> dict[str, list[Any]]:
    """Settings that are not the same in all variants: the value of each, None where it has none."""
    scenarios = [variant.runs[0].scenario for variant in variants]
    keys = dict.fromkeys(key for scenario in scenarios for key in scenario)
    found = {key: [scenario.get(key) for scenario in scenarios] for key in keys}
    return {key: values for key, values in found.items() if any(v != values[0] for v in values)}


def _labels(firsts: Sequence[Run]) -> list[str]:
    """Names that tell variants apart: of the scenario, or what differs, else the source."""
    one_name = len({run.name for run in firsts}) == 1
    return [_label(run, firsts, named=not one_name) for run in firsts]


def _label(run: Run, firsts: Sequence[Run], *, named: bool) -> str:
    alike = [other for other in firsts if other.name == run.name]
    if len(alike) == 1:
        return run.name
    keys = [
        key
        for key in dict.fromkeys(key for other in alike for key in other.scenario)
        if any(other.scenario.get(key) != run.scenario.get(key) for other in alike)
    ]
    texts = [f"{key} = {run.scenario.get(key)}" for key in keys]
    brief = len(texts) <= _KEYS_MAX and all(len(text) <= _TEXT_MAX for text in texts)
    short = ", ".join(texts) if brief else run.source
    return f"{run.name} ({short})" if named else short
