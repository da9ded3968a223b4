"""Simulate tomorrow's service with the engine that will run it.

From a notebook: `from simulations import load_scenario, changed, run, compare`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulations.comparison import compare
    from simulations.runner import Result, run
    from simulations.scenario import Scenario, changed, load_scenario

__all__ = ["Result", "Scenario", "changed", "compare", "load_scenario", "run"]

_HOMES = {
    "Result": "simulations.runner",
    "Scenario": "simulations.scenario",
    "changed": "simulations.scenario",
    "compare": "simulations.comparison",
    "load_scenario": "simulations.scenario",
    "run": "simulations.runner",
}


def __getattr__(name: str) -> Any:
    """Import on first use: pandas and the compiled kernels take a second to load."""
    from importlib import import_module  # noqa: PLC0415 - not needed otherwise

    if name not in _HOMES:
        raise AttributeError(f"module 'simulations' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
