"""Runs a scenario from its file to key figures."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from time import perf_counter
from typing import Any

from pydantic import RootModel

from dispatch.domain.events import Event, is_durable
from dispatch.domain.rules import DAY_S, ServiceConfig
from dispatch.domain.state import State
from dispatch.engine import Engine, Network
from simulations.demand import Demand, Trip
from simulations.forecast import past_demand
from simulations.kpis import key_figures
from simulations.scenario import Scenario
from simulations.world import Day, Pace, World

_EventLog = RootModel[list[tuple[int, str, Event]]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A simulated day and its key figures."""

    day: Day
    figures: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a scenario's day begins with."""

    engine: Engine
    trips: list[Trip]
    midnight_s: int
    pace: Pace
    seed: int


def prepare(
    scenario: Scenario, config: ServiceConfig, network: Network, seed: int | None = None
) -> Prepared:
    """The town as the scenario wants it, and who is going to ask for what.

    Args:
        scenario: what to simulate.
        config: the town's service.
        network: the town's roads and stops.
        seed: instead of the scenario's own.
    """
    seed = scenario.seed if seed is None else seed
    config = _as_wanted(_with_fleet(config, scenario.vehicles), scenario)
    rng = Random(seed)  # noqa: S311 - reproducible demand, not secrets
    midnight_s = config.hours.instant(scenario.date, 0)
    demand = Demand(scenario.demand, scenario.places, network)
    trips = demand.day(midnight_s, rng)
    engine = Engine(config, network)
    if config.repositioning.idle == "demand":
        engine.expect(past_demand(scenario, demand, config, network, seed))
    pace = Pace(scenario.improve_every_s, scenario.improve_iterations, scenario.batch_window_s)
    return Prepared(engine, trips, midnight_s, pace, seed)


def run_scenario(
    scenario: Scenario,
    config: ServiceConfig,
    network: Network,
    seed: int | None = None,
    on_settled: Callable[[State, int], None] | None = None,
) -> Outcome:
    """Simulate the scenario's day.

    Args:
        scenario: what to simulate.
        config: the town's service.
        network: the town's roads and stops.
        seed: instead of the scenario's own.
        on_settled: sees the state and the instant after every decision.

    Returns:
        The day; all but `wall_s` is the same for the same seed, byte for byte.
    """
    ready = prepare(scenario, config, network, seed)
    midnight_s, engine = ready.midnight_s, ready.engine
    world = World(engine, ready.trips, ready.seed, pace=ready.pace, on_settled=on_settled)
    begun = perf_counter()
    day = world.run(midnight_s - DAY_S, midnight_s + 2 * DAY_S)
    wall_s = perf_counter() - begun
    index = network.stop_index
    shortest = network.travel.shortest_m
    figures = key_figures(
        day,
        engine.config,
        lambda a, b: float(shortest[index[a], index[b]]),
        (midnight_s, midnight_s + DAY_S),
    )
    figures |= {"seed": ready.seed, "events_sha256": _digest(day), "wall_s": round(wall_s, 3)}
    return Outcome(day, figures)


def event_log(day: Day) -> bytes:
    """The day's durable events as JSON, one list of [instant, type, event]."""
    entries = [(at, type(e).__name__, e) for at, e in day.events if is_durable(e)]
    return _EventLog(entries).model_dump_json().encode()


def _digest(day: Day) -> str:
    return hashlib.sha256(event_log(day)).hexdigest()


def _as_wanted(config: ServiceConfig, scenario: Scenario) -> ServiceConfig:
    """The town with the switches of the scenario."""
    rules = replace(config.rules, joint_iterations=scenario.joint_iterations)
    idle = scenario.repositioning or config.repositioning.idle
    repositioning = replace(config.repositioning, idle=idle)
    return replace(config, rules=rules, repositioning=repositioning)


def _with_fleet(config: ServiceConfig, vehicles: int | None) -> ServiceConfig:
    """The first so many vehicles that have shifts."""
    if vehicles is None:
        return config
    staffed = dict.fromkeys(shift.vehicle_id for shift in config.shifts)
    chosen = set(list(staffed)[:vehicles])
    return replace(
        config,
        vehicles=tuple(v for v in config.vehicles if v.id in chosen),
        shifts=tuple(s for s in config.shifts if s.vehicle_id in chosen),
    )
