"""`rufbus simulate`: from a scenario file to key figures, tables and a report."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulations.progress import shown
from simulations.runner import run
from simulations.scenario import Scenario, load_scenario
from simulations.town import town_of
from simulations.writer import Writer


@dataclass(frozen=True, slots=True)
class SimulateOptions:
    """What `rufbus simulate` is asked for.

    Attributes:
        scenario: the TOML file.
        var: where the roads live.
        seed: instead of the scenario's own.
        out: folder for tables and the report, if wanted.
        events: file for the event log, if wanted.
        language: of the report.
        progress: `bar`, `json` or `none`.
        check: whether all rules are checked after every decision.
        values: put over what the scenario says, by dotted key.
    """

    scenario: Path
    var: Path
    seed: int | None = None
    out: Path | None = None
    events: Path | None = None
    language: str = "de"
    progress: str = "bar"
    check: bool = False
    values: dict[str, Any] | None = None


def simulate(options: SimulateOptions, say: Callable[[str], None]) -> tuple[dict[str, Any], bool]:
    """Run a scenario.

    Args:
        options: what is asked for.
        say: told where things were put.

    Returns:
        The key figures, and whether the day was simulated to its end.

    Raises:
        ScenarioError, ConfigError, RoadsError: it cannot be run.
    """
    scenario = load_scenario(options.scenario, options.values)
    if options.out is None:
        return _simulated(options, scenario, None)
    options.out.mkdir(parents=True, exist_ok=True)  # better now than after the run
    with Writer(options.var) as writer:
        figures = _simulated(options, scenario, writer)
    say(f"report: {options.out / 'report.html'}")
    return figures


def _simulated(
    options: SimulateOptions, scenario: Scenario, writer: Writer | None
) -> tuple[dict[str, Any], bool]:
    with shown(options.progress) as progress:
        progress("roads", 0.0)
        town_of(scenario, options.var)
        if writer is not None:
            writer.expect(scenario)
        result = run(
            scenario, seed=options.seed, var=options.var, check=options.check, progress=progress
        )
        if options.events is not None:
            options.events.write_bytes(result.log)
        if writer is not None and options.out is not None:
            progress("report", 0.0)
            writer.write(result, options.out, options.language)
        progress("report", 1.0)
    figures = {"scenario": scenario.name, "roads": result.roads, **result.figures}
    return figures, result.complete
