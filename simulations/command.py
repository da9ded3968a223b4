"""`rufbus simulate`: from a scenario file to key figures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dispatch.config import load_town
from dispatch.networks import ensure_graph, load_network
from routing.plans import warm_up
from simulations.run import event_log, run_scenario
from simulations.scenario import ScenarioError, load_scenario

_DATA = Path(__file__).resolve().parent.parent / "data"


def simulate(
    path: Path, var: Path, seed: int | None, events: Path | None, say: Callable[[str], None]
) -> dict[str, Any]:
    """Run a scenario; roads are fetched or drawn only if there are none yet.

    Args:
        path: the scenario's TOML file.
        var: where the roads live.
        seed: instead of the scenario's own.
        events: where to write the event log, if anywhere.
        say: told what takes time.

    Raises:
        ScenarioError, ConfigError, RoadsError: it cannot be run.
    """
    scenario = load_scenario(path)
    folder = _DATA / scenario.town
    if not folder.is_dir():
        raise ScenarioError(f"{path}: town: there is no folder data/{scenario.town}")
    town = load_town(folder)
    graph = ensure_graph(town, var, say, online=False)
    network = load_network(town, var, graph, say)
    warm_up()
    outcome = run_scenario(scenario, town.config, network, seed)
    if events is not None:
        events.write_bytes(event_log(outcome.day))
    roads = graph.manifest
    return {
        "scenario": scenario.name,
        "roads": "schematic" if roads.schematic else roads.name,
        **outcome.figures,
    }
