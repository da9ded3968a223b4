"""A process that has everything imported and forks what is to be killed: a start takes 20 ms.

Run it as a script with a folder for the roads; it takes one JSON document a line and answers each
with one. It has one thread, so its children are whole.
"""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, NoReturn

from desk import Desk
from grid_network import grid_network
from riders import Journal, ride_all
from tiny_town import grid_config

from dispatch import failpoints
from dispatch.clock import ServiceClock
from dispatch.domain.commands import Command
from dispatch.domain.events import Event
from dispatch.domain.rules import Rules
from dispatch.domain.state import State
from dispatch.engine import Engine
from dispatch.live.gateway import Gateway
from dispatch.messaging.announce import Announcer
from dispatch.town import Town
from dispatch.views import answer
from dispatch.worker.dispatcher import Dispatcher, Limits, run_until_signalled
from dispatch.worker.optimiser import Optimiser, Pace, run_until_killed
from routing import plans

CONFIG = grid_config(vehicles=3, rules=Rules(replan_gain_min_s=0))
QUICK = Limits(standby_s=0.03, wait_s=0.05, tick_s=0.2)
HASTY = Pace(round_s=0.05, rest_s=0.02, look_again_s=0.1, tries=1000, answer_s=1.0)


class Warm:
    """What all children inherit: roads, kernels, and the places of one service."""

    def __init__(self, folder: Path) -> None:
        self.network = grid_network(folder, CONFIG)
        desk = Desk(self.network, CONFIG)
        desk.book(1, 40)  # compiles, or loads what was compiled
        plans.warm_up()

    def dispatcher(self, order: dict[str, Any]) -> None:
        engine = Engine(CONFIG, self.network)
        names = Town.of(CONFIG, self.network.stops)

        def body(command: Command, events: Sequence[Event], state: State) -> dict[str, object]:
            return answer(command, events, state, names)

        dispatcher = Dispatcher(
            order["dsn"],
            order["redis_url"],
            order["area"],
            decide=engine.decide,
            answer=body,
            clock=ServiceClock(*order["clock"]),
            roads_sha256=self.network.graph.digest,
            adopt=engine.adopt,
            decide_batch=engine.decide_batch,
            announcer=Announcer(order["area"]),
            limits=Limits(**order["limits"]) if "limits" in order else QUICK,
        )
        run_until_signalled(dispatcher)

    def optimiser(self, order: dict[str, Any]) -> None:
        optimiser = Optimiser(
            order["dsn"],
            order["redis_url"],
            replace(CONFIG, area_id=order["area"]),
            self.network,
            clock=ServiceClock(*order["clock"]),
            pace=HASTY,
            improve=shuffled,
        )
        run_until_killed(optimiser, HASTY)

    def riders(self, order: dict[str, Any]) -> None:
        async def whole() -> None:
            async with Gateway(order["dsn"], order["redis_url"], order["area"]) as gateway:
                stops = [stop.id for stop in self.network.stops if stop.bookable]
                journal = Journal(Path(order["journal"]))
                async with asyncio.timeout(order["patience_s"]):
                    await ride_all(gateway, journal, stops, order["seed"])

        asyncio.run(whole())


def shuffled(
    problem: plans.Problem, *, seconds: float | None = None, seed: int = 0
) -> plans.Improvement:
    """Something to propose each time: better if there is such a thing, else only said to be."""
    found = plans.improve(problem, seconds=seconds, seed=seed)
    if found.cost < found.cost_before:
        return found
    v = Random(seed).randrange(len(problem.vehicles))
    vehicle = problem.vehicles[v]
    turned = plans.replace_vehicle(problem, v, _turned(vehicle))
    return plans.Improvement(turned, {}, 0, 10_000_000, 1)


def _turned(vehicle: plans.Vehicle) -> plans.Vehicle:
    head, rest = vehicle.route[: vehicle.locked], vehicle.route[vehicle.locked :]
    pairs = sorted(rest, key=lambda a: (a.booking, a.kind != "pickup"))
    return replace(vehicle, route=(*head, *pairs))


def child(role: Callable[[dict[str, Any]], None], order: dict[str, Any]) -> NoReturn:
    """Become what is asked for; never returns to the loop."""
    code = 1
    try:
        out = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        failpoints.arm(order.get("points"))
        role(order)
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is belongs into the log
        import traceback  # noqa: PLC0415

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def wait(pid: int) -> int | None:
    """How a child has ended, negative for a signal; None while it lives."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def serve(orders: Iterable[str], warm: Warm) -> None:
    roles = {"dispatcher": warm.dispatcher, "riders": warm.riders, "optimiser": warm.optimiser}
    for line in orders:
        order = json.loads(line)
        if "wait" in order:
            reply = {"status": wait(order["wait"])}
        else:
            pid = os.fork()
            if pid == 0:
                child(roles[order["role"]], order)
            reply = {"pid": pid}
        print(json.dumps(reply), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    ready = Warm(Path(sys.argv[1]))
    greeting = {
        "threads": threading.active_count(),
        "stops": [[s.id, s.name, s.lon, s.lat] for s in ready.network.stops if s.bookable],
    }
    print(json.dumps(greeting), flush=True)  # noqa: T201 - ready
    serve(iter(sys.stdin.readline, ""), ready)
