"""The runs of a sweep: which there are, and how one is done.

`drive` is the only place that knows how a scenario is simulated. It needs nothing but a `Job`, so
it can be called in any process on any machine that has the same code, town and roads.
"""

import hashlib
import json
import math
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel

from simulations.sweeps.design import Sweep
from simulations.sweeps.errors import InputsDifferError, SweepError
from simulations.sweeps.versions import digest_of_file, inputs_digest, prepare_process

if TYPE_CHECKING:
    from simulations.scenario import Scenario

Figures = dict[str, Any]
"""Key figures by name, plain JSON values."""
_KEY_DIGITS = 24
_REHEARSED_REQUESTS = 4
_WORDS = {"name", "description", "seed"}
"""Of a scenario; they have no effect on a run whose seed is given."""


class Job(NamedTuple):
    """One run: a scenario with a seed.

    Attributes:
        key: names it; the same for the same scenario, seed and inputs, else another one.
        scenario: as JSON, complete.
        folder: where relative paths in it begin.
        seed: instead of the scenario's own.
        var: where roads and caches live, unless the worker's environment says otherwise.
        inputs: digest of code, town and roads.
    """

    key: str
    scenario: dict[str, Any]
    folder: str
    seed: int
    var: str
    inputs: str


class Failure(NamedTuple):
    """A run that came to no result: the code of the error, and what it says."""

    code: str
    reason: str


Progress = Callable[[str, float], None]
Task = Callable[[Job], Figures]
"""What a worker does with a job; has to be importable there."""
Finished = Generator[tuple[Job, Figures | Failure], None, None]
"""Runs as they end, in any order, each once."""


def drive(job: Job) -> Figures:
    """Simulate one run.

    Raises:
        InputsDifferError: this process would simulate something else.
        ScenarioError, ConfigError, RoadsError: it cannot be run.
    """
    return _driven(job, lambda _stage, _share: None)


def rehearse(job: Job, progress: Progress) -> set[str]:
    """Drive a day with hardly a request, which makes the roads and kernels that all runs need.

    Args:
        job: one of the runs.
        progress: told the stage and how much of it is done (0 to 1).

    Returns:
        The names of all key figures.
    """
    few: dict[str, Any] = {**job.scenario["demand"], "requests": _REHEARSED_REQUESTS}
    if few.get("share") is not None:  # another way to say how many
        few["share"] = None
    return set(flat(_driven(job._replace(scenario={**job.scenario, "demand": few}), progress)))


def _driven(job: Job, progress: Progress) -> Figures:
    var = Path(os.environ.get("RUFBUS_VAR", job.var))
    prepare_process(var)
    from simulations.runner import run  # noqa: PLC0415 - after `prepare_process`
    from simulations.scenario import Scenario  # noqa: PLC0415

    scenario = Scenario.model_validate({**job.scenario, "folder": job.folder})
    if inputs_digest(scenario.town, var) != job.inputs:
        raise InputsDifferError(
            f"code, town or roads under {var.resolve()} are not the same as where the sweep began"
        )
    figures: Figures = plain(run(scenario, seed=job.seed, var=var, progress=progress).figures)
    if figures.get("complete") is False:  # a run answers Ctrl-C with a part of the day
        raise KeyboardInterrupt
    return figures


def jobs_of(
    sweep: Sweep, var: Path, on_point: Callable[[], None] = lambda: None
) -> list[list[Job]]:
    """All runs, by point and seed; points that mean the same scenario share their runs.

    Args:
        sweep: lays out the points.
        var: where the roads live.
        on_point: told when one has been read.

    Raises:
        ScenarioError, ConfigError: the scenario cannot be used as it is.
        SweepError: a value makes it unusable: an unknown key, a value out of range.
    """
    from dispatch.config import ConfigError  # noqa: PLC0415 - `--help` is quick
    from simulations.scenario import ScenarioError, load_scenario  # noqa: PLC0415
    from simulations.town import config_of  # noqa: PLC0415

    config_of(load_scenario(sweep.scenario))
    jobs = []
    for values in sweep.points:
        try:
            scenario = load_scenario(sweep.scenario, values)
            config_of(scenario)
        except (ScenarioError, ConfigError) as error:
            _, _, what = str(error).partition(".toml: ")
            raise SweepError(f"parameters: {what or error}") from error
        jobs.append(_jobs_of_point(scenario, sweep.seeds, var))
        on_point()
    return jobs


def _jobs_of_point(scenario: "Scenario", seeds: Sequence[int], var: Path) -> list[Job]:
    effective = scenario.model_dump(mode="json")
    inputs = inputs_digest(scenario.town, var)
    said = {key: value for key, value in effective.items() if key not in _WORDS}
    files = {path: digest_of_file(scenario.folder / path) for path in sorted(paths_in(scenario))}
    return [
        Job(
            key=_key(said, files, seed, inputs),
            scenario=effective,
            folder=str(scenario.folder),
            seed=seed,
            var=str(var.resolve()),
            inputs=inputs,
        )
        for seed in seeds
    ]


def paths_in(section: BaseModel) -> set[str]:
    """The files that a scenario names: their content is part of what a run depends on."""
    found: set[str] = set()
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            found |= paths_in(value)
        elif isinstance(value, Path) and not field.exclude:
            found.add(str(value))
    return found


def flat(figures: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Figures of figures (`refused_by_reason`) as `refused_by_reason.no_vehicle`; lists as JSON."""
    found: dict[str, Any] = {}
    for name, value in figures.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = json.dumps(value) if isinstance(value, list) else value
    return found


def plain(value: Any) -> Any:
    """A value as JSON has it: no NumPy scalars, no NaN."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _key(scenario: Mapping[str, Any], files: Mapping[str, str], seed: int, inputs: str) -> str:
    """Names a run by all that determines its result."""
    whole = json.dumps([scenario, files, seed, inputs], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:_KEY_DIGITS]
