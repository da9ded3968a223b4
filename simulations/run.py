"""Runs a scenario from its file to key figures."""

import hashlib
from dataclasses import dataclass, replace
from random import Random
from time import perf_counter
from typing import Any

from pydantic import RootModel

from dispatch.domain.events import Event, is_durable
from dispatch.domain.rules import DAY_S, ServiceConfig
from dispatch.engine import Engine, Network
from simulations.demand import Demand
from simulations.kpis import key_figures
from simulations.scenario import Scenario
from simulations.world import Day, World

_EventLog = RootModel[list[tuple[int, str, Event]]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A simulated day and its key figures."""

    day: Day
    figures: dict[str, Any]


def run_scenario(
    scenario: Scenario, config: ServiceConfig, network: Network, seed: int | None = None
) -> Outcome:
    """Simulate the scenario's day.

    Args:
        scenario: what to simulate.
        config: the town's service.
        network: the town's roads and stops.
        seed: instead of the scenario's own.

    Returns:
        The day; all but `wall_s` is the same for the same seed, byte for byte.
    """
    seed = scenario.seed if seed is None else seed
    config = _with_fleet(config, scenario.vehicles)
    rng = Random(seed)  # noqa: S311 - reproducible demand, not secrets
    midnight_s = config.hours.instant(scenario.date, 0)
    trips = Demand(scenario.demand, scenario.places, network).day(midnight_s, rng)
    world = World(Engine(config, network), trips, seed)
    begun = perf_counter()
    day = world.run(midnight_s - DAY_S, midnight_s + 2 * DAY_S)
    wall_s = perf_counter() - begun
    index = network.stop_index
    shortest = network.travel.shortest_m
    figures = key_figures(
        day,
        config.rules,
        lambda a, b: float(shortest[index[a], index[b]]),
        (midnight_s, midnight_s + DAY_S),
    )
    figures |= {"seed": seed, "events_sha256": _digest(day), "wall_s": round(wall_s, 3)}
    return Outcome(day, figures)


def event_log(day: Day) -> bytes:
    """The day's durable events as JSON, one list of [instant, type, event]."""
    entries = [(at, type(e).__name__, e) for at, e in day.events if is_durable(e)]
    return _EventLog(entries).model_dump_json().encode()


def _digest(day: Day) -> str:
    return hashlib.sha256(event_log(day)).hexdigest()


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
