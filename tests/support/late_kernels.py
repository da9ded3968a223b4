"""A busy day in a fresh process, after warming up: tells the kernels it still had to compile."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from grid_network import grid_network
from grid_scenario import EVERYTHING, grid_scenario
from numba.core.dispatcher import Dispatcher
from tiny_town import grid_config

from routing.plans import warm_up
from simulations.runner import prepare
from simulations.scenario import changed
from simulations.town import timed_closures
from simulations.world import World

BUSY = {
    "dispatch.batch_window_s": 60,
    "dispatch.improve_every_s": 600,
    "dispatch.improve_iterations": 20,
    "dispatch.joint_iterations": 20,
    "world.closures": [{"road": "Querweg 4", "begins": "08:00", "ends": "12:00", "known": "08:00"}],
}


def kernels() -> dict[str, int]:
    """In how many variants each kernel is there, by module and name."""
    found = {}
    for name, module in list(sys.modules.items()):
        for key, value in vars(module).items() if name.startswith("routing.") else ():
            if isinstance(value, Dispatcher):
                found[f"{name}.{key}"] = len(value.signatures)
    return found


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        network = grid_network(Path(folder))
    scenario = changed(grid_scenario(60, **EVERYTHING), BUSY)
    ready = prepare(scenario, grid_config(), network, 3)
    world = World(
        ready.engine,
        ready.trips,
        ready.seed,
        pace=scenario.dispatch,
        wanted=scenario.world,
        riders=scenario.riders,
        closures=timed_closures(scenario, ready.engine.config, network),
    )
    warm_up()
    network.warm_up()
    before = kernels()
    assert world.run(ready.midnight_s - 86_400, ready.midnight_s + 108_000).complete
    after = kernels()
    sys.stdout.writelines(f"{name}\n" for name in after if after[name] != before.get(name))
