"""A sweep file: which scenario, which keys get which values, with which seeds, to what end.

A grid combines all values of all keys. A Latin hypercube (McKay, Beckman and Conover 1979) draws a
stated number of points such that each key's range is covered evenly, however many keys there are.
"""

import math
import tomllib
from collections.abc import Iterator, Mapping
from itertools import combinations, product
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dispatch.config_errors import explain
from simulations.sweeps.errors import SweepError

FLEET = "fleet.vehicles"
MAX_POINTS = 10_000
MAX_SEEDS = 1_000
MAX_RUNS = 100_000
_DIGITS = 6
"""Significant digits of drawn values: more would be noise in tables and file names."""

Values = Mapping[str, Any]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Range(_Section):
    """Where a Latin hypercube draws from, both ends included."""

    min: Annotated[float, Field(allow_inf_nan=False)]
    max: Annotated[float, Field(allow_inf_nan=False)]
    integer: bool = False

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if not self.min < self.max:
            raise ValueError("min has to be less than max")
        if self.integer and not (self.min.is_integer() and self.max.is_integer()):
            raise ValueError("min and max have to be whole numbers, as integer = true says")
        return self


class Goal(_Section):
    """The level of service somebody has stated.

    Attributes:
        figure: a key figure.
        at_least: what its mean has to reach; or
        at_most: what it must not exceed.
        smallest: the parameter that is to be as small as possible under it.
    """

    figure: str
    at_least: Annotated[float, Field(allow_inf_nan=False)] | None = None
    at_most: Annotated[float, Field(allow_inf_nan=False)] | None = None
    smallest: str = FLEET

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("needs either at_least or at_most")
        return self


class Axes(_Section):
    """The two figures of the Pareto chart.

    Attributes:
        service: the level of service.
        cost: what it costs; less is better.
        better: whether a higher or a lower service figure is better (`lower` for waiting times).
    """

    service: str = "acceptance"
    cost: str = "cost_eur"
    better: Literal["higher", "lower"] = "higher"


class _SweepFile(_Section):
    name: str = ""
    scenario: str
    seeds: Any = 1
    method: Literal["grid", "latin_hypercube"] = "grid"
    points: Annotated[int, Field(ge=1, le=MAX_POINTS)] | None = None
    sample_seed: Annotated[int, Field(ge=0)] = 0
    parameters: dict[str, Any] = {}
    goal: Goal | None = None
    axes: Axes = Axes()


class Sweep(NamedTuple):
    """A sweep file, read.

    Attributes:
        name: what it is called.
        scenario: the scenario's file.
        seeds: each point is run with each of them.
        parameters: the keys that vary, in the file's order.
        points: the values of each point, by key; no two are the same.
        goal: the stated level of service, if any.
        axes: of the Pareto chart.
    """

    name: str
    scenario: Path
    seeds: tuple[int, ...]
    parameters: tuple[str, ...]
    points: tuple[dict[str, Any], ...]
    goal: Goal | None
    axes: Axes


def load_sweep(path: Path) -> Sweep:
    """Read a sweep file and lay out its points.

    Raises:
        SweepError: missing or unreadable file, unknown keys, values out of range, too many runs.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        file = _SweepFile.model_validate(raw)
    except ValidationError as error:
        raise SweepError(f"{path}: {explain(error, _SweepFile)}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SweepError(f"{path}: {error}") from error
    try:
        return _laid_out(file, path)
    except SweepError as error:
        raise SweepError(f"{path}: {error}") from error


def shown(value: Any) -> Any:
    """A TOML value as JSON has it."""
    if isinstance(value, list):
        return [shown(one) for one in value]
    if isinstance(value, dict):
        return {key: shown(one) for key, one in value.items()}
    return value if isinstance(value, str | int | float | bool) else str(value)


def _laid_out(file: _SweepFile, path: Path) -> Sweep:
    seeds = _seeds(file.seeds)
    _check_keys(file.parameters)
    _check_goal(file)
    drawn = _grid(file) if file.method == "grid" else _latin_hypercube(file)
    points = tuple({repr(point): point for point in drawn}.values())
    if len(points) * len(seeds) > MAX_RUNS:
        raise SweepError(f"{len(points)} points with {len(seeds)} seeds are over {MAX_RUNS:,} runs")
    return Sweep(
        name=file.name or path.stem,
        scenario=path.resolve().parent / file.scenario,
        seeds=seeds,
        parameters=tuple(file.parameters),
        points=points,
        goal=file.goal,
        axes=file.axes,
    )


def _seeds(raw: Any) -> tuple[int, ...]:
    """As many as stated, or the listed ones."""
    if isinstance(raw, int) and not isinstance(raw, bool) and 1 <= raw <= MAX_SEEDS:
        return tuple(range(1, raw + 1))
    whole = isinstance(raw, list) and all(type(seed) is int and seed >= 0 for seed in raw)
    if not whole or not 1 <= len(raw) <= MAX_SEEDS:
        raise SweepError(
            f"seeds: has to be a number from 1 to {MAX_SEEDS}, or a list of so many whole numbers"
        )
    if len(set(raw)) < len(raw):
        raise SweepError("seeds: one is listed twice")
    return tuple(raw)


def _check_keys(parameters: Values) -> None:
    for key in parameters:
        if not all(part.strip() for part in key.split(".")):
            raise SweepError(f"parameters.{key}: is no key of a scenario")
    for one, other in combinations(sorted(parameters), 2):
        if other.startswith(f"{one}."):
            raise SweepError(f"parameters.{other}: is part of parameters.{one}, which varies, too")
    if "seed" in parameters:
        raise SweepError("parameters.seed: the seeds stand in `seeds`")


def _check_goal(file: _SweepFile) -> None:
    goal, axes = file.goal, file.axes
    if goal is None:
        return
    if "smallest" in goal.model_fields_set and goal.smallest not in file.parameters:
        known = ", ".join(file.parameters) or "none"
        raise SweepError(f"goal.smallest: {goal.smallest!r} is no parameter; these are: {known}")
    wanted = "higher" if goal.at_most is None else "lower"
    if goal.figure == axes.service and axes.better != wanted:
        limit = "at_least" if wanted == "higher" else "at_most"
        raise SweepError(f"axes.better: {axes.better!r} contradicts goal.{limit}")


def _grid(file: _SweepFile) -> Iterator[dict[str, Any]]:
    for key in ("points", "sample_seed"):
        if key in file.model_fields_set:
            raise SweepError(f'{key}: only with method = "latin_hypercube"')
    axes = {}
    for key, raw in file.parameters.items():
        if isinstance(raw, dict):
            raise SweepError(
                f'parameters.{key}: a range needs method = "latin_hypercube"; a grid needs a list'
            )
        axes[key] = _listed(key, raw)
    count = math.prod(len(values) for values in axes.values())
    if count > MAX_POINTS:
        raise SweepError(f"parameters: a grid of {count:,} points; {MAX_POINTS:,} are the limit")
    return (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))


def _latin_hypercube(file: _SweepFile) -> Iterator[dict[str, Any]]:
    from scipy.stats import qmc  # noqa: PLC0415 - slow to import, and a grid needs none

    if file.points is None:
        raise SweepError("points: a Latin hypercube needs to know how many")
    if not file.parameters:
        raise SweepError("parameters: a Latin hypercube needs at least one")
    axes = {
        key: _range(key, raw) if isinstance(raw, dict) else _listed(key, raw)
        for key, raw in file.parameters.items()
    }
    # The generator is passed under its old name, which old and new SciPy know.
    sampler = qmc.LatinHypercube(len(axes), seed=np.random.default_rng(file.sample_seed))
    for row in sampler.random(file.points):
        yield {
            key: _drawn(axis, float(u)) for (key, axis), u in zip(axes.items(), row, strict=True)
        }


def _listed(key: str, raw: Any) -> list[Any]:
    if not isinstance(raw, list) or not raw:
        raise SweepError(f"parameters.{key}: has to be a list of values")
    return raw


def _range(key: str, raw: dict[str, Any]) -> Range:
    try:
        return Range.model_validate(raw)
    except ValidationError as error:
        raise SweepError(
            f"parameters.{key}.{explain(error, Range)}".replace(".: ", ": ")
        ) from error


def _drawn(axis: Range | list[Any], share: float) -> Any:
    """The value so far along an axis.

    Args:
        axis: a range, or values of which each gets the same part of it.
        share: in [0, 1).
    """
    if isinstance(axis, list):
        return axis[int(share * len(axis))]
    if axis.integer:
        return int(axis.min) + int(share * (axis.max - axis.min + 1))
    value = float(f"{axis.min + share * (axis.max - axis.min):.{_DIGITS}g}")
    return min(max(value, axis.min), axis.max)
