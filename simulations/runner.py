"""Runs a scenario: from its file to a day, its key figures and its tables."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from random import Random
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from dispatch.domain.events import Event
from dispatch.domain.rules import DAY_S, ServiceConfig
from dispatch.engine import Engine, Network
from dispatch.options import default_var
from routing.plans import warm_up
from simulations.analysis import Analysis, analyse
from simulations.checking import Checker, require_sound
from simulations.collecting import collecting_rarely
from simulations.demand import Trip, make_demand
from simulations.forecast import past_demand
from simulations.processes import Processes
from simulations.scenario import Scenario
from simulations.town import as_wanted, timed_closures, town_of
from simulations.world import Day, Watchers, World

if TYPE_CHECKING:
    import pandas as pd

_TAIL_S = DAY_S + 6 * 3600
"""After the day's midnight: rides of its late evening, and shifts that run over."""
Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class Result:
    """A simulated day, read.

    Attributes:
        scenario: what was simulated.
        seed: with which seed.
        day: what happened.
        analysis: key figures, for the whole and for parts.
        config: the service as it was.
        network: its roads.
        midnight_s: when the day began.
        complete: whether the day was simulated to its end.
        wall_s: how long that took.
        log: the event log, as `event_log` gives it.
        roads: what the roads are, in words.
        attribution: whose data they are.
    """

    scenario: Scenario
    seed: int
    day: Day
    analysis: Analysis
    config: ServiceConfig
    network: Network
    midnight_s: int
    complete: bool
    wall_s: float
    log: bytes
    roads: str = ""
    attribution: str = ""

    @cached_property
    def figures(self) -> dict[str, Any]:
        """Key figures of the whole day, flat; all but `wall_s` are the same for the same seed."""
        return {
            **self.analysis.figures,
            "seed": self.seed,
            "complete": self.complete,
            "events_sha256": hashlib.sha256(self.log).hexdigest(),
            "wall_s": round(self.wall_s, 3),
        }

    @cached_property
    def tables(self) -> "dict[str, pd.DataFrame]":
        """The day as tables: `requests`, `legs`, `visits`, `shifts`, `hours`, `zones`, `groups`."""
        from simulations.tables import tables_of  # noqa: PLC0415 - pandas is slow to import

        date = self.config.hours.local_date(self.midnight_s)
        span_s = range(self.midnight_s, self.config.hours.instant(date, 1440))
        return tables_of(self.day, self.analysis, self.network, span_s)


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a scenario's day begins with."""

    engine: Engine
    trips: list[Trip]
    midnight_s: int
    seed: int


def run(
    scenario: Scenario,
    *,
    seed: int | None = None,
    var: Path | None = None,
    check: bool = False,
    progress: Progress = lambda _stage, _share: None,
) -> Result:
    """Simulate a scenario's day in its town.

    Args:
        scenario: what to simulate.
        seed: instead of the scenario's own.
        var: where the roads live; by default RUFBUS_VAR, or `var`.
        check: whether to check all rules and promises after every decision.
        progress: told the stage and how much of it is done (0 to 1).

    Raises:
        ScenarioError, ConfigError, RoadsError: it cannot be run.
        BrokenRuleError: with `check`, the engine has broken one.
    """
    progress("roads", 0.0)
    town = town_of(scenario, var or default_var())
    warm_up()
    with collecting_rarely():
        result = run_in(
            scenario,
            town.config,
            town.network,
            seed=seed,
            check=check,
            progress=progress,
            extract=town.extract,
        )
    return replace(result, roads=town.roads, attribution=town.attribution)


def run_in(
    scenario: Scenario,
    config: ServiceConfig,
    network: Network,
    *,
    seed: int | None = None,
    check: bool = False,
    progress: Progress = lambda _stage, _share: None,
    watchers: Watchers | None = None,
    extract: Path | None = None,
) -> Result:
    """Simulate a scenario's day on given roads.

    An interrupt (Ctrl-C) ends the day early: the result is what has happened by then.

    Args:
        scenario: what to simulate.
        config: the town's service.
        network: the town's roads and stops.
        seed: instead of the scenario's own.
        check: whether to check all rules and promises after every decision.
        progress: told the stage and how much of it is done (0 to 1).
        watchers: look on; the time is told to `progress`.
        extract: the town's OSM file, for synthetic demand.
    """
    progress("demand", 0.0)
    ready = prepare(scenario, config, network, seed, extract)
    midnight_s, engine = ready.midnight_s, ready.engine
    watchers = watchers or Watchers()
    calm = not Processes(scenario.world, ready.seed).disturb and not scenario.world.closures
    if check:
        watchers = replace(watchers, on_settled=Checker(engine, calm=calm))

    def on_time(now_s: int) -> None:
        progress("simulation", min(1.0, max(0.0, (now_s - midnight_s) / DAY_S)))

    world = World(
        engine,
        ready.trips,
        ready.seed,
        pace=scenario.dispatch,
        wanted=scenario.world,
        riders=scenario.riders,
        watchers=replace(watchers, on_time=on_time),
        closures=timed_closures(scenario, engine.config, network),
    )
    # Only figures need them, so they are computed on a second core, if there is one, meanwhile.
    Thread(target=lambda: engine.network.travel.shortest_m, daemon=True).start()
    begun = perf_counter()
    with suppress(KeyboardInterrupt):
        world.run(midnight_s - DAY_S, midnight_s + _TAIL_S)
    wall_s = perf_counter() - begun
    if check:
        require_sound(world.day, engine, calm=calm)
    analysis = analyse(world.day, engine.config, engine.network, midnight_s, scenario.costs)
    return Result(
        scenario=scenario,
        seed=ready.seed,
        day=world.day,
        analysis=analysis,
        config=engine.config,
        network=engine.network,
        midnight_s=midnight_s,
        complete=world.day.complete,
        wall_s=wall_s,
        log=event_log(world.day),
    )


def prepare(
    scenario: Scenario,
    config: ServiceConfig,
    network: Network,
    seed: int | None = None,
    extract: Path | None = None,
) -> Prepared:
    """The town as the scenario wants it, and who is going to ask for what.

    Args:
        scenario: what to simulate.
        config: the town's service.
        network: the town's roads and stops.
        seed: instead of the scenario's own.
        extract: the town's OSM file, for synthetic demand.
    """
    seed = scenario.seed if seed is None else seed
    config = as_wanted(config, scenario)
    if dict(network.traffic) != dict(config.traffic):
        network = replace(network, traffic=config.traffic)
    rng = Random(seed)  # noqa: S311 - reproducible demand, not secrets
    midnight_s = config.hours.instant(scenario.date, 0)
    demand = make_demand(
        scenario.demand, scenario.places, network, scenario.folder, extract=extract
    )
    trips = demand.day(midnight_s, rng)
    engine = Engine(config, network)
    if config.repositioning.idle == "demand":
        engine.expect(past_demand(scenario, demand, config, network, seed))
    return Prepared(engine, trips, midnight_s, seed)


def event_log(day: Day) -> bytes:
    """The day's durable events as JSON, one list of [instant, type, event]."""
    return _log_writer().dump_json([(at, type(e).__name__, e) for at, e in day.events])


@cache
def _log_writer() -> TypeAdapter[list[tuple[int, str, Event]]]:
    return TypeAdapter(list[tuple[int, str, Event]])
