"""What a report's figures rest on: service, fleet, prices, chance, roads, in words."""

import json
from collections.abc import Mapping
from typing import Any

from simulations.report.day import DayView
from simulations.report.sections import Cell, Table, hours_in_words
from simulations.report.words import Words
from simulations.scenario import Scenario, WorldSection

_SHOWN_MAX = 160
"""So many characters of a setting are shown; longer ones are tables of the demand."""


def service_rows(view: DayView, words: Words) -> list[tuple[str, str]]:
    """The service: hours, fleet, rules, fares."""
    result = view.result
    config, scenario = result.config, result.scenario
    kind = config.hours.kind_of(scenario.date)
    hours = getattr(config.hours, kind)
    rules, fares = config.rules, config.fares
    fleet = words(
        "fleet_text",
        vehicles=len(view.vehicles),
        shifts=sum(len(v.shifts) for v in view.vehicles),
        hours=words.number(result.figures["staffed_hours"], 1),
        wheelchair=sum(
            any(c.wheelchairs for c in v.configurations)
            for v in config.vehicles
            if v.id in {vehicle.vehicle_id for vehicle in view.vehicles}
        ),
    )
    promise = words(
        "promise_text",
        wait=words.minutes(rules.immediate_wait_max_s),
        window=words.minutes(rules.prebooked_window_s),
        factor=words.number(rules.ride_factor, 1),
        extra=words.minutes(rules.ride_extra_s),
        walk=rules.max_walk_m,
    )
    adult, more, chair = (
        words.money(cents / 100, 2)
        for cents in (fares.adult_cents, fares.further_passenger_cents, fares.wheelchair_cents)
    )
    return [
        (words("day"), words.day(scenario.date)),
        (words("service_hours"), hours_in_words([hours], words)[0]),
        (words("fleet"), fleet),
        (words("promise"), promise),
        (words("fares"), words("fares_text", adult=adult, more=more, chair=chair)),
        (words("dispatch"), _dispatch(scenario, config.repositioning.idle, words)),
    ]


def _dispatch(scenario: Scenario, idle: str, words: Words) -> str:
    wanted = scenario.dispatch
    parts = [
        words("improves", every=words.duration(wanted.improve_every_s))
        if wanted.improve_every_s
        else words("improves_not"),
        words("batches", window=wanted.batch_window_s)
        if wanted.batch_window_s
        else words("batches_not"),
        words.known(f"idle_{idle}") or idle,
    ]
    return " ".join(parts)


def chance_rows(scenario: Scenario, words: Words) -> list[tuple[str, str]]:
    """What was left to chance, and what was not."""
    world, riders = scenario.world, scenario.riders
    off = words("off")

    def share(value: float) -> str:
        return words.percent(value) if value else off

    def spread(value: float) -> str:
        return words("sigma", value=words.number(value, 2)) if value else off

    late = off
    if world.late_share:
        mean = words.duration(world.late_mean_s)
        late = words("late_text", share=words.percent(world.late_share), mean=mean)
    broken = off
    if world.breakdowns_per_vehicle_day:
        low, high = map(words.duration, world.breakdown_s)
        number = words.number(world.breakdowns_per_vehicle_day, 2)
        broken = words("breakdown_text", number=number, low=low, high=high)
    slower = words.number(world.slower, 2) if world.slower != 1 else off
    return [
        (words("chance_traffic"), spread(world.traffic_sigma)),
        (words("chance_traffic_hour"), spread(world.traffic_hour_sigma)),
        (words("chance_boarding"), spread(world.boarding_sigma)),
        (words("chance_no_show"), share(world.no_show_share)),
        (words("chance_late"), late),
        (words("chance_cancel"), share(world.cancel_share)),
        (words("chance_breakdown"), broken),
        (words("chance_slower"), slower),
        (words("chance_closed"), ", ".join(_closed(world)) or words("none")),
        (words("chance_choice"), words(f"choice_{riders.choice}")),
        (words("chance_again"), share(riders.alternatives_share)),
    ]


def _closed(world: WorldSection) -> list[str]:
    """What is closed, for the whole day or a part of it."""
    timed = (
        f"{c.road or c.stop or c.line[0]} {c.begins}-{c.ends or '24:00'}" for c in world.closures
    )
    return [*world.closed_roads, *timed]


def setting_table(scenario: Scenario, words: Words) -> Table:
    """Everything that the scenario says, by dotted key."""
    flat = flattened(scenario.model_dump(mode="json", exclude_unset=True))
    rows = [[Cell(key), Cell(_short(value))] for key, value in flat.items()]
    return Table([Cell(words("setting")), Cell(words("value"))], rows, numeric=False)


def flattened(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested tables as dotted keys; lists stay as they are."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            found |= flattened(value, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = value
    return found


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]} …"
